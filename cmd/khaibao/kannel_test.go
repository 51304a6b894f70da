package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/gsm"
	"khaibao/internal/kanneltest"
	"khaibao/internal/lang"
	"khaibao/internal/store"
	"khaibao/models"
)

const shortCode = "8066"

// serveByKannel runs the product with a real Kannel between it and an operator's SMS centre.
func serveByKannel(t *testing.T) (*deployment, *server, *kanneltest.Kannel, *kanneltest.Centre) {
	t.Helper()
	slow(t)
	d := deploy(t, "sqlite:"+filepath.Join(t.TempDir(), "store"))
	centre, channels := kanneltest.NewCentre(t), kanneltest.FreeAddr(t)
	kannel := kanneltest.Start(t, channels, centre.Addr())
	s := d.serve("--sms-url", kannel.SendURL, "--sms-user", kanneltest.Username, "--sms-password", kanneltest.Password,
		"--channels-addr", channels, "--channels-secret", kanneltest.Secret)
	kannel.AwaitOperator()
	return d, s, kannel, centre
}

// recordedTurn is one exchange of a recorded conversation.
type recordedTurn struct {
	In  string   `json:"in"`
	Out []string `json:"out"`
}

func recordedConversation(t *testing.T, name string) (turns []recordedTurn) {
	t.Helper()
	text, err := os.ReadFile("../../internal/dialogue/testdata/conversations/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(text, &turns)
	}
	if err != nil {
		t.Fatal(err)
	}
	return turns
}

// receipt is the code of a declaration, which differs from one to the next.
var receipt = regexp.MustCompile(`(M[aã]) [0-9A-Z]{4}-[0-9A-Z]{3}`)

// TestKannelDialogue has the recorded conversations again through the real gateway, with and without diacritics: each
// reply arrives to the letter and in no more parts than it needs. Then codes and reports: what a handset has confirmed is
// delivered, and stands in the costs once.
func TestKannelDialogue(t *testing.T) {
	t.Parallel()
	d, s, _, centre := serveByKannel(t)
	for i, name := range []string{"sms-one-message", "sms-words-with-accents"} {
		phone, heard := phoneOf(i+1), 0
		for _, turn := range recordedConversation(t, name) {
			centre.Write(phone[1:], shortCode, turn.In)
			got := replies(t, centre, phone, heard+1)[heard]
			heard++
			want := strings.Join(turn.Out, "\n")
			if size := gsm.Measure(got.Text); got.Parts != size.Parts || got.UCS2 != size.UCS2 {
				t.Errorf("%s: %q came in %d parts, UCS-2 %t; want %+v", name, got.Text, got.Parts, got.UCS2, size)
			}
			if diff := cmp.Diff(receipt.ReplaceAllString(want, "$1"), receipt.ReplaceAllString(got.Text, "$1")); diff != "" {
				t.Fatalf("%s: after %q (-want +got):\n%s", name, turn.In, diff)
			}
			if receipt.MatchString(want) { // what comes after it may name programs that are not shipped
				break
			}
		}
	}
	centre.Receipts(true)
	s.want(http.StatusAccepted, "POST", "/v1/auth/otp", "", map[string]any{"phone": phoneOf(9)})
	delivered := regexp.MustCompile(`khaibao_messages_total\{channel="sms",kind="otp",reason="",state="delivered"\} 1\n`)
	s.eventually("the code is confirmed by the handset", func() bool {
		return delivered.Match(s.operations.want(http.StatusOK, "GET", "/metrics", "", nil).body)
	})
	if got := centre.HeardBy(phoneOf(9)); len(got) != 1 || got[0].From != "KHAIBAO" || got[0].Parts != 1 {
		t.Errorf("the code came as %+v", got)
	}
	national := s.login(d.appoint("chi.phi", "national_manager", "VN"), &authenticator{}).Access
	var costs struct{ Items []map[string]any }
	s.eventually("the code stands in the costs", func() bool {
		s.want(http.StatusOK, "GET", "/v1/stats/messages", national, nil).into(t, &costs)
		return slices.ContainsFunc(costs.Items, func(c map[string]any) bool { return c["kind"] == "otp" })
	})
	for _, c := range costs.Items {
		if c["kind"] == "otp" && (c["messages"] != 1.0 || c["parts"] != 1.0) {
			t.Errorf("the code cost %v", c)
		}
	}
	everyMetricOfTheDocument(t, s)
	for _, secret := range []string{phoneOf(1)[1:], phoneOf(9)[1:], "Khai báo", "bac son", kanneltest.Secret, "mac="} {
		if strings.Contains(s.said.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, &s.said)
		}
	}
}

// everyMetricOfTheDocument: what docs/gateways.md tells operators to look at is there to be looked at.
func everyMetricOfTheDocument(t *testing.T, s *server) {
	t.Helper()
	channels := s.await(`"channels":"([^"]+)"`)[1]
	response, err := http.Get("http://" + channels + "/channels/sms?from=0900000001&id=k&text=KB&secret=guess")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	text, err := os.ReadFile("../../docs/gateways.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := string(s.operations.want(http.StatusOK, "GET", "/metrics", "", nil).body)
	names := regexp.MustCompile(`khaibao_[a-z_]+`).FindAllString(string(text), -1)
	if len(names) < 6 {
		t.Errorf("docs/gateways.md names only %v", names)
	}
	for _, name := range names {
		if !strings.Contains(shown, "\n"+name) {
			t.Errorf("docs/gateways.md names %s, and /metrics does not show it", name)
		}
	}
}

// replies waits until a handset has heard n replies from the short code and gives them.
func replies(t *testing.T, centre *kanneltest.Centre, phone string, n int) (out []kanneltest.Heard) {
	t.Helper()
	kanneltest.Eventually(t, func() bool {
		out = slices.DeleteFunc(centre.HeardBy(phone), func(h kanneltest.Heard) bool { return h.From != shortCode })
		return len(out) >= n
	}, func() string { return fmt.Sprintf("%d replies, want %d: %+v", len(out), n, out) })
	return out
}

// TestKannelIsKilledInADialogue kills either half of Kannel while several people are in the middle of a declaration. They
// do what people do: answer what they read, ask again when nothing comes, and check the summary before they say OK. Each
// has declared exactly once in the end, and what they meant. Every reply is whole and one of the dialogue's, none comes twice, and
// a result names the declaration that is kept.
func TestKannelIsKilledInADialogue(t *testing.T) {
	t.Parallel()
	d, s, kannel, centre := serveByKannel(t)
	const people = 6
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	right := everyReply(t, texts)
	told := make([]string, people) // the receipts
	t.Run("people", func(t *testing.T) {
		for i := range people {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				heard, written := declareBySMS(t, centre, phoneOf(i))
				if len(heard) > written {
					t.Errorf("%d replies to %d messages: %+v", len(heard), written, heard)
				}
				for _, h := range heard {
					if !right.MatchString(h.Text) {
						t.Errorf("a wrong reply: %q", h.Text)
					}
					if receipt.MatchString(h.Text) {
						told[i] = h.Text[len(h.Text)-len("XXXX-XXX"):]
					}
				}
			})
		}
		t.Run("killer", func(t *testing.T) {
			t.Parallel()
			heardByAll := func(n int) {
				kanneltest.Eventually(t, func() bool { return centre.Total() >= n }, func() string { return "the people stopped writing" })
			}
			heardByAll(2 * people)
			kannel.KillSMSBox()
			kannel.StartSMSBox()
			heardByAll(6 * people)
			kannel.KillBearerbox()
			kannel.StartBearerbox()
		})
	})
	if err := s.stop(); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, &s.said)
	}
	engine := reopen(t, d.store)
	defer engine.Close(context.Background())
	accounts, receipts := map[string]int{}, map[string]bool{"": true} // who asked again had no result
	everyDocument(t, engine, "declarations", func(raw store.Raw) error {
		var doc countedDoc
		err := raw.Decode(&doc)
		account, id, _ := strings.Cut(doc.ID, "|")
		accounts[account]++
		receipts[models.Receipt(id)] = true
		if doc.Channel != models.ChannelSMS || models.Level(doc.Level) != models.LevelHigh {
			t.Errorf("somebody declared %s by %s, want high by sms", models.Level(doc.Level), doc.Channel)
		}
		return err
	})
	for i, code := range told {
		if !receipts[code] || (code != "" && slices.Contains(told[:i], code)) {
			t.Errorf("somebody was told the receipt %q, which is not theirs", code)
		}
	}
	for _, n := range accounts {
		if n != 1 {
			t.Errorf("somebody declared %d times", n)
		}
	}
	if len(accounts) != people {
		t.Errorf("%d people have declared, want %d", len(accounts), people)
	}
}

// whatPeopleAnswer is what they type after what they read, by how it begins.
var whatPeopleAnswer = []struct{ read, typed string }{
	{"Ban dang khai do.", "2"}, {"Khai cho ai?", "1"}, {"Ban sinh nam nao?", "1958"}, {"Gioi tinh?", "2"}, {"Ban o xa/phuong nao?", "bac son lang son"}, {"Chon xa/phuong", "1"},
	{"14 ngay qua CO:", "13"}, {"Ngay luc nay CO:", "0"}, {"14 ngay qua da:", "1"}, {"Benh nen dang mac:\n", "0"},
	{"Ban khai: sot, kho tho; gap F0; Benh nen dang mac: khong co.", "OK"},
	{"GOI NGAY 115", "HUY"}, {"Ban khai: ", "HUY"}, {"Da huy", "KB COVID"}, {"Nhan KB", "KB COVID"},
}

// silence is how long people wait for a reply before they write again.
const silence = 12 * time.Second

// everyReply is what the dialogue of these people may say, as a whole: a note or several, and one screen.
func everyReply(t *testing.T, texts *lang.Texts) *regexp.Regexp {
	t.Helper()
	var notes, screens []string
	say := func(key string, args ...string) string {
		with := map[string]any{}
		for _, name := range args {
			with[name] = "ANY"
		}
		return strings.ReplaceAll(regexp.QuoteMeta(gsm.Unaccented(texts.Text(models.Vietnamese, "dialogue."+key, with))), "ANY", "[^\n]*")
	}
	for _, note := range []string{"numbers", "words", "zero_alone", "no_commune", "read_on", "doubt"} {
		notes = append(notes, say("note."+note))
	}
	notes = append(notes, say("note.no_number", "number"), say("note.year", "max"), say("left"))
	for _, turn := range append(recordedConversation(t, "sms-first-use"), recordedConversation(t, "sms-emergency")...) {
		screen := strings.Join(turn.Out, "\n")
		if !strings.HasPrefix(screen, "Muc: ") && !strings.Contains(screen, "Ban khai: ") {
			screens = append(screens, regexp.QuoteMeta(screen))
		}
	}
	screens = append(screens, say("resume.title")+"\n1 "+say("resume.go_on")+"\n2 "+say("resume.anew"), say("cancelled"), say("help.sms", "keywords")+"( Mot tin: [^\n]*)?",
		"(GOI NGAY 115 [^\n]*\n)?"+say("review.title", "answers")+"\n"+say("review.sms"), "Muc: [^\n]* Ma [0-9A-Z]{4}-[0-9A-Z]{3}")
	return regexp.MustCompile("^((" + strings.Join(notes, "|") + ")\n)*(" + strings.Join(screens, "|") + ")$")
}

// declareBySMS gives what somebody heard in the end, and how often they wrote.
func declareBySMS(t *testing.T, centre *kanneltest.Centre, phone string) (got []kanneltest.Heard, written int) {
	t.Helper()
	read, typed, sure := 0, "KB COVID", false
	for written = range 100 {
		centre.Write(phone[1:], shortCode, typed)
		sure = sure || typed == "OK"
		got = nil
		for end := time.Now().Add(silence); len(got) <= read && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			got = slices.DeleteFunc(centre.HeardBy(phone), func(h kanneltest.Heard) bool { return h.From != shortCode })
		}
		if typed = "?"; len(got) <= read {
			continue
		}
		read = len(got)
		text := got[read-1].Text
		if strings.HasPrefix(text, "Muc: CAO.") || sure && strings.HasPrefix(text, "Nhan KB") { // told, or nothing is open any more
			return got, written + 1
		}
		for _, a := range whatPeopleAnswer {
			if strings.Contains(text, a.read) {
				typed = a.typed
				break
			}
		}
	}
	t.Errorf("somebody did not get through: %+v", centre.HeardBy(phone))
	return got, written + 1
}
