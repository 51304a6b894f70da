package dialogue_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"khaibao/internal/dialogue"
	"khaibao/internal/gsm"
	"khaibao/internal/intake"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

var hostileInputs = flag.Int("hostile", 100_000, "how many hostile messages are sent; a fiftieth with -short")

// nasty are inputs that have broken others.
var nasty = []string{
	"", " ", "*", "**", "#", "*123#", "0", "00", "000", "0000", "8", "88", "9", "-1", "-99999999999999999999", "1e308", "NaN", "inf", "0x10", "1_000",
	"1?", "?1", "??", "?13", "1 ?3", "13", "1*2*3", "1;2", "１３", "١٣", "۱۳", "१३", "一", "Ⅲ", "½", "²", "😷", "👩‍👩‍👧‍👦", "\u202e13", "\u200b1", "\x00", "a\x00b", "\r\n", "\t1\t",
	"\xff\xfe", "\xed\xa0\x80", "' OR 1=1 --", "<script>alert(1)</script>", "{{.}}", "{answers}", "%s%s%n", "${jndi:ldap://x}", "../../etc/passwd",
	"co", "khong", "OK", "HUY", "STOP", "START", "XOA", "XOA 0000", "KB", "KB COVID", "KB COVID 13 0 1 0", "COVID 9 9 9 9", "SXH 1 0 0 0", "CN 1 2 3 4 5 6 7 8 9", "KQ", "EN", "VI", "DAU", "TROGIUP",
	"1958", "2580", "1111", "38.5", "38,5", "385", "2111", "31/02/2026", "29022025", "99999999", "bac son", "BẮC SƠN", "zzzzzz", "a", "Nguyễn Văn A",
	strings.Repeat("9", 300), strings.Repeat("1*", 400), strings.Repeat("ạ", 900), strings.Repeat("?", 500), strings.Repeat(" 1", 500), strings.Repeat("co sot va ", 100),
}

// callbacks is of how many hostile messages one goes through the gateways' address, as HTTP.
const callbacks = 8

// TestHostileInput sends what no citizen would, by many numbers through both channels, an eighth of it as a gateway's callbacks
// through the real handlers; in between relatives go and households are erased by an app. Every message gets an answer that fits, nothing is
// kept that was not read and confirmed, and no dialogue gets stuck.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	n := *hostileInputs
	if testing.Short() {
		n /= 50
	}
	const crews = 8
	for crew := range crews {
		t.Run(fmt.Sprint(crew), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Memory(t))
			guard := guarded(r)
			gateways := r.gateways()
			dice := rand.New(rand.NewPCG(uint64(crew), 99))
			phones := make([]*attacker, 20)
			for i := range phones {
				phones[i] = &attacker{phone: r.phone(i), dice: dice, gateways: gateways}
			}
			for range n / crews {
				a := phones[dice.IntN(len(phones))]
				guard.attacker = a
				a.attack()
				if dice.IntN(50) == 0 {
					a.elsewhere()
				}
				r.wait(time.Duration(dice.IntN(20)) * time.Second)
			}
			if least := n / crews / 1500; guard.declared < least || guard.added < least {
				t.Errorf("only %d declarations and %d people: it never got anywhere", guard.declared, guard.added)
			}
			for _, a := range phones {
				a.notStuck()
			}
		})
	}
}

// attacker is a handset that types anything.
type attacker struct {
	*phone
	dice     *rand.Rand
	gateways http.Handler
	last     map[models.Channel]string // the newest screen
}

// guard stands before what keeps things and wants each of them confirmed: the dialogue, as its number saw it last, must stand
// at a screen that asks for just that, read to its end.
type guard struct {
	dialogue.Intake
	*rig
	attacker        *attacker // whose message is being answered
	declared, added int
}

// guarded puts a guard before a rig's intake.
func guarded(r *rig) *guard {
	g := &guard{Intake: r.intake, rig: r}
	config := r.dialogue.Config
	config.Intake = g
	r.dialogue = dialogue.New(config)
	return g
}

func (g *guard) Submit(ctx context.Context, citizen models.Citizen, in intake.Submission) (*models.Declaration, bool, error) {
	g.confirmed(ctx, citizen.Channel, "review")
	g.declared++
	return g.Intake.Submit(ctx, citizen, in)
}

func (g *guard) AddPerson(ctx context.Context, citizen models.Citizen, in intake.PersonInput) (models.Person, []models.FieldError, bool, error) {
	g.confirmed(ctx, citizen.Channel, "review", "register")
	g.added++
	return g.Intake.AddPerson(ctx, citizen, in)
}

func (g *guard) RemovePerson(ctx context.Context, citizen models.Citizen, id string) (bool, error) {
	g.confirmed(ctx, citizen.Channel, "person", "unlock")
	return g.Intake.RemovePerson(ctx, citizen, id)
}

func (g *guard) confirmed(ctx context.Context, channel models.Channel, at ...string) {
	kept, err := g.store.Dialogue(ctx, channel, g.attacker.number)
	must(g, err)
	if screen := g.attacker.last[channel]; !slices.Contains(at, "unlock") && !confirms(screen) {
		g.Errorf("something was kept at the screen %q", screen)
	}
	if s := dialogue.Where(kept.State); !slices.Contains(at, s.Step) || (!s.Whole && !strings.Contains(s.Keys, "1")) {
		g.Errorf("something was kept at %s, of which was read %q and all %t", s.Step, s.Keys, s.Whole)
	}
}

// elsewhere changes the household from the other side.
func (a *attacker) elsewhere() {
	a.Helper()
	account := a.account()
	if account == nil || account.Erased() {
		return
	}
	citizen := models.Citizen{Account: account.ID, Channel: models.ChannelApp}
	if a.dice.IntN(4) == 0 {
		_, err := a.privacy.Erase(a.Context(), citizen)
		must(a, err)
		if a.dice.IntN(2) == 0 { // otherwise it waits to be forgotten
			must(a, a.privacy.Forget(a.Context(), account.ID))
		}
		return
	}
	for _, p := range account.People {
		if p.RemovedAt.IsZero() && a.dice.IntN(2) == 0 {
			_, err := a.intake.RemovePerson(a.Context(), citizen, p.ID)
			must(a, err)
		}
	}
}

// sensible is what belongs on a screen, by a word on it: without such answers an attacker gets nowhere.
var sensible = []struct{ read, typed string }{
	{"sinh nam", "1958"}, {"year", "1958"}, {"xa/phuong nao", "bac son lang son"}, {"commune", "bac son lang son"}, {"PIN", "2580"}, {"115 hoac", "1"}, {"CO:", "13"}, {"qua da:", "0"},
	{"dang mac", "0"}, {"Gui", "1"}, {"OK", "OK"}, {"XOA ", "XOA"}, {"Nhan KB", "KB COVID"}, {"Text KB", "KB COVID"}, {"Da ", "KB NHA"},
}

func (a *attacker) answer(screen string) string {
	screen = gsm.Unaccented(screen)
	for _, s := range sensible {
		if strings.Contains(screen, s.read) && a.dice.IntN(4) > 0 {
			return s.typed
		}
	}
	return []string{"1", "2", "3", "4", "5", "0", "8"}[a.dice.IntN(7)]
}

func (a *attacker) typedAt(screen string) string {
	switch a.dice.IntN(10) {
	case 0:
		return nasty[a.dice.IntN(len(nasty))]
	case 1:
		return nasty[a.dice.IntN(len(nasty))] + nasty[a.dice.IntN(len(nasty))]
	case 2:
		letters := make([]rune, a.dice.IntN(12))
		for i := range letters {
			letters[i] = rune(a.dice.IntN(0x2000))
		}
		return string(letters)
	}
	return a.answer(screen)
}

func (a *attacker) attack() {
	a.Helper()
	in := a.message()
	a.ucs2 = in.UCS2
	hand := a.hand
	if a.dice.IntN(callbacks) == 0 {
		hand = func(in models.Inbound) models.Reply { return a.callback(a.gateways, in) }
	}
	reply := hand(in)
	if in.Channel == models.ChannelUSSD {
		a.fitsScreen(reply.Text)
	} else {
		a.fitsSMS(reply.Text)
	}
	if a.last == nil {
		a.last = map[models.Channel]string{}
	}
	if !strings.HasPrefix(gsm.Unaccented(reply.Text), over[:9]) && !strings.HasPrefix(reply.Text, "A newer call") { // of a call that nobody looks at
		a.last[in.Channel] = reply.Text
	}
	if in.Session == a.session {
		a.ended = reply.End
	}
	if a.dice.IntN(10) == 0 && (in.Channel == models.ChannelSMS || in.Accumulated) { // repeated by the gateway
		if again := hand(in); again != reply {
			a.Errorf("the same message again: %q, then %q", reply.Text, again.Text)
		}
	}
}

// message is the next one: of a session that goes on as a session does, or of any.
func (a *attacker) message() models.Inbound {
	in := models.Inbound{Channel: models.ChannelSMS, Phone: a.number, ID: fmt.Sprint("m", a.seq.Add(1))}
	if a.dice.IntN(2) == 0 {
		in.Channel, in.UCS2, in.Accumulated = models.ChannelUSSD, a.dice.IntN(9) == 0, a.dice.IntN(2) == 0
	}
	typed := strings.ToValidUTF8(a.typedAt(a.last[in.Channel]), "\uFFFD")
	in.Text = typed
	switch {
	case in.Channel == models.ChannelSMS:
	case a.dice.IntN(20) == 0:
		in.Session = []string{"s1", "s2", "other people's session", fmt.Sprint("s", a.dice.IntN(1000))}[a.dice.IntN(4)]
	default:
		if a.session == "" || a.ended || a.dice.IntN(40) == 0 {
			a.session, a.typed, typed = fmt.Sprint("session-", a.seq.Add(1)), nil, ""
		} else {
			a.typed = append(a.typed, typed)
		}
		if in.Text = typed; in.Accumulated {
			in.Text = strings.Join(a.typed, "*")
		}
		in.Session = a.session
	}
	return in
}

// confirms tells whether a screen asks for a confirmation, in either language.
func confirms(screen string) bool {
	for _, word := range []string{"1 Gui", "1 Gửi", "1 Send", "1 Luu", "1 Lưu", "1 Save", "OK"} {
		if strings.Contains(screen, word) {
			return true
		}
	}
	return false
}

// notStuck wants a way out from wherever the dialogue stands.
func (a *attacker) notStuck() {
	a.Helper()
	a.ucs2 = false
	a.dial()
	if home := a.press("000"); !strings.Contains(home, "KHAI BAO Y TE") && !strings.Contains(home, "HEALTH DECLARATION") {
		a.Errorf("000 leads to %q", home)
	}
	if cancelled := a.sms("KHONG DAU", "VI", "HUY"); !strings.HasPrefix(cancelled, "Da huy") {
		a.Errorf("HUY leads to %q", cancelled)
	}
}

// Somebody else's session id opens nothing of theirs.
func TestAnotherNumbersSession(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	victim, other := r.phone(1), r.phone(2)
	victim.dial()
	victim.press("1", "1", "1958")
	other.session, other.typed = victim.session, victim.typed
	if other.press("2"); other.account() != nil {
		t.Error("a household was made without a confirmation")
	}
	if screen := victim.press("2"); !strings.HasPrefix(screen, "Ban o xa/phuong nao?") {
		t.Errorf("the victim sees %q", screen)
	}
}

// FuzzAnswer types anything, several inputs in a row with line ends between, by both channels.
func FuzzAnswer(f *testing.F) {
	for _, seed := range nasty {
		f.Add(seed, true)
		f.Add("1\n1\n"+seed, false)
	}
	f.Add("1\n1\n1958\n2\nbac son\n1\n0\n1\n13\n0\n1 ?3\n0\n1", true)
	f.Add("KB COVID 13 0 1 0\n1\n1990\n1\nbac son\n1\nOK", false)
	f.Fuzz(func(t *testing.T, script string, ussd bool) {
		p := newRig(t, storetest.Memory(t)).phone(1)
		if ussd {
			p.dial()
		}
		for i, typed := range strings.Split(script, "\n") {
			typed = strings.ToValidUTF8(typed, "\uFFFD")
			if i > 40 {
				break
			}
			if !ussd {
				p.fitsSMS(p.sms(typed))
				continue
			}
			if p.ended {
				p.dial()
				p.ended = false
			}
			p.fitsScreen(p.press(typed))
		}
	})
}
