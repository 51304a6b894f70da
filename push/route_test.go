package push_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/doubles"
	"khaibao/internal/gsm"
	"khaibao/models"
)

// optOut is what STOP does.
func (r *rig) optOut(t *testing.T, account string) {
	t.Helper()
	_, err := r.store.UpdateAccount(t.Context(), account, func(a *models.Account) ([]models.Effect, error) {
		a.SMSOptOut = r.clock.Now()
		return nil, nil
	})
	fatal(t, err)
}

// speak gives a household its language.
func (r *rig) speak(t *testing.T, account string, lang models.Lang) {
	t.Helper()
	_, err := r.store.UpdateAccount(t.Context(), account, func(a *models.Account) ([]models.Effect, error) {
		a.Lang = lang
		return nil, nil
	})
	fatal(t, err)
}

// The advice of a decision by SMS says what to do, in plain letters of the household's language, in two parts at most.
func TestAdviceBySMS(t *testing.T) {
	t.Parallel()
	for lang, want := range map[models.Lang]string{models.Vietnamese: "NGUY CO CAO", models.English: "RISK LEVEL HIGH"} {
		t.Run(string(lang), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			account := r.household(t, "an")
			r.speak(t, account, lang)
			m := r.advice(account, r.declaration(t, account, "019342a1-0000-7000-8000-000000000001").ID)
			m.Route = models.RouteSMS
			r.enqueue(t, m)
			r.start(t, r.config("one"))
			if o := r.settled(t); o.State != models.MessageSent || o.Route != models.RouteSMS {
				t.Fatalf("got %+v, want sent by SMS", o)
			}
			got := r.smsc.To(phoneOf("an"))
			if len(got) != 1 || !strings.Contains(got[0].Text, "115") || !strings.Contains(strings.ToUpper(got[0].Text), want) {
				t.Fatalf("got %+v, want one advice of the level %s", got, want)
			}
			if size := gsm.Measure(got[0].Text); size.UCS2 || size.Parts > 2 {
				t.Errorf("%q takes %+v", got[0].Text, size)
			}
		})
	}
}

// Where a push cannot go, SMS takes over if the message has that rung: at once without a device, otherwise in its time.
func TestSMSTakesOver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		devices int
		rung    bool
		noPush  bool
		fail    []doubles.Failure
		dead    bool            // the first device has gone
		second  doubles.Failure // the answer for the second device
		wait    time.Duration
		want    models.MessageState
		bySMS   int
	}{
		{name: "no device", rung: true, want: models.MessageSent, bySMS: 1},
		{name: "no device, no rung", want: models.MessageStored},
		{name: "no Firebase", devices: 1, rung: true, noPush: true, want: models.MessageSent, bySMS: 1},
		{name: "the last device is dead", devices: 1, rung: true, dead: true, want: models.MessageSent, bySMS: 1},
		{name: "refused", devices: 1, rung: true, fail: []doubles.Failure{{Status: 400, Code: "INVALID_ARGUMENT"}}, want: models.MessageSent, bySMS: 1},
		{name: "refused, no rung", devices: 1, fail: []doubles.Failure{{Status: 400, Code: "INVALID_ARGUMENT"}}, want: models.MessageFailed},
		{name: "down for long", devices: 1, rung: true, fail: []doubles.Failure{{Status: 503, RetryAfter: time.Hour}}, wait: 30 * time.Minute, want: models.MessageSent, bySMS: 1},
		{name: "down for longer than it is worth", devices: 1, rung: true, fail: []doubles.Failure{{Status: 503, RetryAfter: 48 * time.Hour}}, wait: 30 * time.Minute, want: models.MessageSent, bySMS: 1},
		{name: "one of two devices has it", devices: 2, rung: true, second: doubles.Failure{Status: 503, RetryAfter: time.Hour}, wait: 24 * time.Hour, want: models.MessageSent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			account := r.household(t, "an", []models.Lang{models.Vietnamese, models.Vietnamese}[:tt.devices]...)
			if tt.dead {
				r.fcm.Unregister(tokenOf("an-1"))
			}
			if tt.second.Status > 0 {
				r.fcm.Refuse(tokenOf("an-2"), tt.second)
			}
			r.fcm.Fail(tt.fail...)
			m := r.advice(account, "d1")
			if tt.rung {
				m.SMSAt = r.clock.Now().Add(30 * time.Minute)
			}
			r.enqueue(t, m)
			c := r.config("one")
			if tt.noPush {
				c.Push = nil
			}
			w, _ := r.start(t, c)
			if tt.wait > 0 {
				if o := r.step(t); o.State != models.MessagePending || o.Route != models.RoutePush {
					t.Fatalf("got %+v, want a push that waits", o)
				}
				r.clock.advance(tt.wait)
				w.Wake()
			}
			if o := r.settled(t); o.State != tt.want || (o.Route == models.RouteSMS) != (tt.bySMS > 0) {
				t.Errorf("got %+v, want %s", o, tt.want)
			}
			if got := len(r.smsc.All()); got != tt.bySMS {
				t.Errorf("%d SMS, want %d", got, tt.bySMS)
			}
		})
	}
}

// Who wants no SMS gets none but the codes that they ask for.
func TestSMSOptOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an")
	r.optOut(t, account)
	r.enqueue(t, r.reminder(account, "m1", models.MessageReminderSMS))
	r.start(t, r.config("one"))
	if o := r.settled(t); o.State != models.MessageFailed || o.Reason != "opted_out" {
		t.Errorf("got %+v, want failed, opted_out", o)
	}
	if m := r.message(t, account, "m1"); !m.Retryable {
		t.Error("the message would go after START: it may be tried again")
	}
	r.enqueue(t, r.otp("o1", phoneOf("an")))
	if o := r.settled(t); o.State != models.MessageSent {
		t.Errorf("got %+v, want the code sent", o)
	}
	if got := r.smsc.All(); len(got) != 1 || got[0].Text != otpText {
		t.Errorf("got %+v, want the code alone", got)
	}
}

// What the gateway reports moves an SMS on and never back; reports about pushes and unknown messages change nothing.
func TestSMSReports(t *testing.T) {
	t.Parallel()
	type report struct {
		state  models.MessageState
		reason string
	}
	for _, tt := range []struct {
		name    string
		route   models.Route
		was     models.MessageState
		reports []report
		want    models.MessageState
		reason  string
		steps   int
	}{
		{"delivered", models.RouteSMS, models.MessageSent, []report{{models.MessageDelivered, ""}}, models.MessageDelivered, "", 1},
		{"twice", models.RouteSMS, models.MessageSent, []report{{models.MessageDelivered, ""}, {models.MessageDelivered, ""}}, models.MessageDelivered, "", 1},
		{"out of order", models.RouteSMS, models.MessageSent, []report{{models.MessageDelivered, ""}, {models.MessageSent, ""}}, models.MessageDelivered, "", 1},
		{"failed", models.RouteSMS, models.MessageSent, []report{{models.MessageFailed, "undelivered"}}, models.MessageFailed, "undelivered", 1},
		{"failed after it arrived", models.RouteSMS, models.MessageSent, []report{{models.MessageDelivered, ""}, {models.MessageFailed, "undelivered"}}, models.MessageDelivered, "", 1},
		{"arrived after all", models.RouteSMS, models.MessageSent, []report{{models.MessageFailed, "undelivered"}, {models.MessageDelivered, ""}}, models.MessageDelivered, "", 2},
		{"before it is written down", models.RouteSMS, models.MessagePending, []report{{models.MessageSent, ""}}, models.MessageSent, "", 1},
		{"of a push", models.RoutePush, models.MessageSent, []report{{models.MessageDelivered, ""}}, models.MessageSent, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			account := r.household(t, "an")
			m := r.advice(account, "d1")
			m.Route, m.State = tt.route, tt.was
			r.enqueue(t, m)
			for _, report := range tt.reports {
				fatal(t, r.reports.SMS(t.Context(), account, "d1", 1, report.state, report.reason))
				fatal(t, r.reports.SMS(t.Context(), account, "unknown", 1, report.state, report.reason))
			}
			if got := r.message(t, account, "d1"); got.State != tt.want || got.Reason != tt.reason {
				t.Errorf("got %s %q, want %s %q", got.State, got.Reason, tt.want, tt.reason)
			}
			if got := len(r.steps); got != tt.steps {
				t.Errorf("%d steps were told of, want %d", got, tt.steps)
			}
		})
	}
}

// A code has no account; its report finds it all the same.
func TestReportOfAnOTP(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue(t, r.otp("o1", phoneOf("an")))
	r.start(t, r.config("one"))
	r.settled(t)
	fatal(t, r.reports.SMS(t.Context(), "", "o1", 1, models.MessageDelivered, ""))
	if m, err := r.store.Message(t.Context(), "", "o1"); err != nil || m.State != models.MessageDelivered {
		t.Errorf("got %s, %v; want delivered", m.State, err)
	}
}

// The app fetches by id what a push told of; then the message is delivered, once, and one that was not pushed yet never is.
func TestFetchedByID(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an", models.Vietnamese)
	d := r.declaration(t, account, "019342a1-0000-7000-8000-000000000001")
	r.enqueue(t, r.advice(account, d.ID))
	citizen := models.Citizen{Account: account, Lang: models.English}
	inbox := r.inbox()
	var items [2]any
	for i := range items {
		item, err := inbox.Get(t.Context(), citizen, d.ID)
		fatal(t, err)
		items[i] = item
	}
	all, _, err := inbox.List(t.Context(), citizen, models.Page{Limit: 10})
	fatal(t, err)
	if diff := cmp.Diff(items, [2]any{all[0], all[0]}); diff != "" {
		t.Errorf("by id and in the list (-id +list):\n%s", diff)
	}
	if m := r.message(t, account, d.ID); m.State != models.MessageDelivered || len(r.steps) != 1 {
		t.Errorf("got %s and %d steps, want delivered once", m.State, len(r.steps))
	}
	<-r.steps
	r.start(t, r.config("one"))
	r.enqueue(t, r.advice(account, "d2"))
	r.settled(t)
	if pushes := r.fcm.All(); len(pushes) != 1 || pushes[0].Data["message_id"] != "d2" {
		t.Errorf("got %+v, want only the push of what was not read yet", pushes)
	}
	for _, c := range []models.Citizen{{Account: r.household(t, "binh")}, {Account: account}} {
		if _, err := inbox.Get(t.Context(), c, map[bool]string{true: "nothing", false: d.ID}[c.Account == account]); !models.NotFound.Is(err) {
			t.Errorf("got %v, want not found", err)
		}
	}
}
