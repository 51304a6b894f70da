package push_test

import (
	"strings"
	"testing"

	"khaibao/internal/gsm"
	"khaibao/models"
)

func (r *rig) notice(account, id string, status models.CaseStatus, text string) models.Message {
	m := r.advice(account, id)
	m.Kind, m.Declaration, m.Status, m.Text = models.MessageNotice, models.DeclarationRef{}, status, text
	return m
}

// A notice says in the app and by SMS what became of the case, or what an official writes; the push says nothing of it.
func TestNotices(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("ạ", 399) + "."
	for _, tt := range []struct {
		name         string
		status       models.CaseStatus
		text         string
		inbox, inSMS string
	}{
		{"referred", models.CaseReferred, "", "đã chuyển hồ sơ", "da chuyen ho so"},
		{"closed", models.CaseClosed, "", "đã kết thúc việc theo dõi", "da ket thuc theo doi"},
		{"an official's words", "", "Mời bạn đến trạm y tế.", "Mời bạn đến trạm y tế.", "can bo y te: Moi ban den tram y te."},
		{"as many words as there may be", "", longest, longest, "aaaa."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			account := r.household(t, "an", models.Vietnamese)
			bySMS := r.notice(account, "sms", tt.status, tt.text)
			bySMS.Route = models.RouteSMS
			r.enqueue(t, r.notice(account, "push", tt.status, tt.text), bySMS)
			r.start(t, r.config("one"))
			for range 2 {
				if o := r.settled(t); o.State != models.MessageSent {
					t.Fatalf("got %+v, want sent", o)
				}
			}
			if p := r.fcm.All(); len(p) != 1 || p[0].Body != r.texts.Text(models.Vietnamese, "message.push_body", nil) || strings.Contains(string(p[0].Raw), "trạm") {
				t.Errorf("the push says %+v", p)
			}
			got := r.smsc.All()
			if len(got) != 1 || !strings.Contains(got[0].Text, tt.inSMS) {
				t.Fatalf("got %+v, want one SMS with %q", got, tt.inSMS)
			}
			if size := gsm.Measure(got[0].Text); size.UCS2 || size.Parts > 3 || tt.text == "" && size.Parts > 1 {
				t.Errorf("%q takes %+v", got[0].Text, size)
			}
			item, err := r.inbox().Get(t.Context(), models.Citizen{Account: account, Lang: models.Vietnamese}, "push")
			if err != nil || !strings.Contains(item.Text, tt.inbox) || item.Title != r.texts.Text(models.Vietnamese, "message.notice_title", nil) {
				t.Errorf("the inbox says %+v, %v", item, err)
			}
		})
	}
}
