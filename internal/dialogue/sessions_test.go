package dialogue_test

import (
	"strings"
	"testing"

	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// over is what a session gets that was left for a newer one.
const over = "Phien nay da duoc thay bang phien moi hon. Hay bam goi lai."

// late sends an accumulated request of a session, whichever is open.
func (p *phone) late(session string, inputs ...string) models.Reply {
	p.Helper()
	text := strings.Join(inputs, "*")
	return p.hand(models.Inbound{Channel: models.ChannelUSSD, Phone: p.number, Session: session, ID: session + "|" + text, Text: text, Accumulated: true})
}

// A request of a call that was replaced comes late, with all its inputs: it ends, and the form stands where it stood.
func TestLateRequestOfAReplacedSession(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.dial()
	sex := p.press("1", "1", "1958")
	old := p.session
	if got := p.dial(); !strings.HasPrefix(got, "Ban dang khai do.") {
		t.Fatalf("the new call begins with %q", got)
	}
	for _, inputs := range [][]string{{"1", "1", "1958", "2"}, {"1", "1", "1958", "2", "bac son lang son", "1", "1980", "1", "1"}, {"1"}} {
		if got := p.late(old, inputs...); !got.End || got.Text != over {
			t.Errorf("%v of the old call: %+v", inputs, got)
		}
	}
	if got := p.press("1"); got != sex {
		t.Errorf("the form stands at %q, want %q", got, sex)
	}
	p.press("2", "bac son lang son", "1", "2580")
	if got := p.late(old, "1", "1", "1958", "1"); !got.End || got.Text != over {
		t.Errorf("the old call at a later screen: %+v", got)
	}
	p.press("1", "0", "0", "0", "0", "1")
	if got := p.late(old, "1", "1"); !got.End || got.Text != over || len(p.declared()) != 1 {
		t.Errorf("the old call when nothing is open: %+v, %d declarations", got, len(p.declared()))
	}
}

// Two sessions of one number, each sending the latest input only, cannot answer each other's screens.
func TestInterleavedSessions(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	send := func(session, id, text string) models.Reply {
		return p.hand(models.Inbound{Channel: models.ChannelUSSD, Phone: p.number, Session: session, ID: session + "|" + id, Text: text})
	}
	send("a", "1", "")
	send("b", "1", "")
	for i, typed := range []string{"1", "1", "1958", "9"} {
		id := string(rune('2' + i))
		if got := send("a", id, typed); !got.End || got.Text != over {
			t.Errorf("%q in the old session: %+v", typed, got)
		}
	}
	send("b", "2", "1")
	if got := send("b", "3", "1"); !strings.HasPrefix(got.Text, "Ban sinh nam nao?") {
		t.Errorf("the new session shows %q", got.Text)
	}
}

// What is dialled at once while a form is open answers nothing: the call begins with the choice to go on.
func TestDialledAtOnceWithAFormOpen(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.dial()
	sex := p.press("1", "1", "1958")
	at := []string{"1", "2", "1"}
	if got := p.late("at-once", at...); got.End || !strings.HasPrefix(got.Text, "Ban dang khai do.") {
		t.Fatalf("it begins with %+v", got)
	}
	if got := p.late("at-once", append(at, "1")...); got.Text != sex {
		t.Errorf("the form stands at %q, want %q", got.Text, sex)
	}
}

// A request of the open session that comes late, after more than its gateway's replies are remembered, answers no later screen.
func TestLateRequestOfTheOpenSession(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.dial()
	pin := p.press("1", "1", "1958", "2", "zzz", "zzzz", "bac son lang son", "1")
	if got := p.late(p.session, "1", "1"); got.Text != pin {
		t.Errorf("a late request shows %q, want %q", got.Text, pin)
	}
	if got := p.press("2580"); got == pin || !strings.Contains(got, "1 ") {
		t.Errorf("the session goes on with %q", got)
	}
}

// Dialled again under the name of a session that has ended, or was cut, a call begins anew, and its requests may be named as
// those before it.
func TestSessionNamedAsOneBefore(t *testing.T) {
	t.Parallel()
	for name, dialled := range map[string]bool{"an empty text": false, "a dial": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newRig(t, storetest.Memory(t)).phone(1)
			send := func(id, text string) models.Reply {
				return p.hand(models.Inbound{Channel: models.ChannelUSSD, Phone: p.number, Session: "s", ID: "s|" + id, Text: text, Dialled: dialled && text == ""})
			}
			home := send("1", "")
			ended := send("2", "3")
			if again := send("2", "3"); !ended.End || again != ended {
				t.Fatalf("%+v, and repeated %+v", ended, again)
			}
			if got := send("1", ""); got != home {
				t.Errorf("dialled again: %+v", got)
			}
			if got := send("2", "1"); !strings.HasPrefix(got.Text, "Khai cho ai?") {
				t.Errorf("its second request: %+v", got)
			}
			send("3", "1")
			send("4", "1958")
			if got := send("1", ""); dialled && !strings.HasPrefix(got.Text, "Ban dang khai do.") {
				t.Errorf("dialled again after a cut: %+v", got)
			}
		})
	}
}

// A gateway that gives a new call the name of the last one repeats a request of that late: it gets the screen that is open,
// answers nothing, and the new call goes on, also where its inputs come to be the same.
func TestLateRequestUnderTheSameName(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.family()
	p.session, p.typed, p.ended = "J", nil, false
	p.ask()
	p.press("1", "1", "1", "12", "0", "0", "0", "1")
	if !p.ended || len(p.declared()) != 2 {
		t.Fatalf("the first call declared %d", len(p.declared())-1)
	}
	old := p.typed
	p.typed, p.ended = nil, false
	menu := p.ask()
	stray := func(open string) {
		t.Helper()
		for _, inputs := range [][]string{old, old[:6]} {
			if got := p.late("J", inputs...); got.Text != open {
				t.Errorf("%v at %q gets %q", inputs, open, got.Text)
			}
		}
	}
	stray(menu)
	stray(p.press("1"))
	stray(p.press("1", "1"))
	p.press("12", "0", "0", "0")
	if got := p.press("1"); !p.ended || len(p.declared()) != 3 || !strings.Contains(got, "Ma ") {
		t.Errorf("the second call ends with %q and %d declarations", got, len(p.declared())-1)
	}
}
