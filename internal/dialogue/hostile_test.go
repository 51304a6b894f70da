package dialogue_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

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

// TestHostileInput sends what no citizen would, by many numbers through both channels: every message gets an answer that fits, nothing is
// kept that was not confirmed, and no dialogue gets stuck.
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
			dice := rand.New(rand.NewPCG(uint64(crew), 99))
			phones := make([]*attacker, 20)
			for i := range phones {
				phones[i] = &attacker{phone: r.phone(i), dice: dice}
			}
			for range n / crews {
				phones[dice.IntN(len(phones))].attack()
				r.wait(time.Duration(dice.IntN(20)) * time.Second)
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
	dice *rand.Rand
	last map[models.Channel]string // the newest screen
}

func (a *attacker) typed() string {
	switch a.dice.IntN(4) {
	case 0:
		return nasty[a.dice.IntN(len(nasty))]
	case 1: // what belongs on the screen, so that one gets somewhere
		return []string{"1", "2", "1958", "bac son", "0", "13", "2580", "3"}[a.dice.IntN(8)]
	case 2:
		return nasty[a.dice.IntN(len(nasty))] + nasty[a.dice.IntN(len(nasty))]
	}
	letters := make([]rune, a.dice.IntN(12))
	for i := range letters {
		letters[i] = rune(a.dice.IntN(0x2000))
	}
	return string(letters)
}

func (a *attacker) attack() {
	a.Helper()
	in := models.Inbound{Channel: models.ChannelSMS, Phone: a.number, ID: fmt.Sprint("m", a.seq.Add(1)), Text: strings.ToValidUTF8(a.typed(), "\uFFFD")}
	if a.dice.IntN(2) == 0 {
		in.Channel, in.UCS2, in.Accumulated = models.ChannelUSSD, a.dice.IntN(9) == 0, a.dice.IntN(2) == 0
		in.Session = []string{"s1", "s2", "other people's session", fmt.Sprint("s", a.dice.IntN(1000))}[a.dice.IntN(4)]
	}
	had := a.account() != nil
	a.ucs2 = in.UCS2
	reply := a.hand(in)
	if in.Channel == models.ChannelUSSD {
		a.fitsScreen(reply.Text)
	} else {
		a.fitsSMS(reply.Text)
	}
	if !had && a.account() != nil && !confirms(a.last[in.Channel]) {
		a.Errorf("%q made a household at the screen %q", in.Text, a.last[in.Channel])
	}
	if a.last == nil {
		a.last = map[models.Channel]string{}
	}
	a.last[in.Channel] = reply.Text
	if a.dice.IntN(10) == 0 { // repeated by the gateway
		if again := a.hand(in); again != reply {
			a.Errorf("the same message again: %q, then %q", reply.Text, again.Text)
		}
	}
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
