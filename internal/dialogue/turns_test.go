package dialogue_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"khaibao/internal/dialogue"
	"khaibao/internal/gsm"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// bounded gives a rig with small budgets.
func bounded(t *testing.T, change ...func(*dialogue.Config)) *rig {
	r := newRig(t, storetest.Memory(t))
	config := r.dialogue.Config
	config.Turns = dialogue.TurnBudgets{SMSHour: 3, SMSDay: 5, USSDHour: 3}
	for _, c := range change {
		c(&config)
	}
	r.dialogue = dialogue.New(config)
	return r
}

func (p *phone) message(id, text string) models.Reply {
	p.Helper()
	return p.hand(models.Inbound{Channel: models.ChannelSMS, Phone: p.number, ID: id, Text: text})
}

// A number that writes too much is told once, in one part, and then not answered, until the hour and the day are over. A
// repeated message gets the same answer and takes no turn, and STOP is always heard.
func TestTurnsAreBounded(t *testing.T) {
	t.Parallel()
	r := bounded(t)
	p := r.phone(1)
	help := p.message("1", "HELP")
	for range 5 {
		if again := p.message("1", "HELP"); again != help {
			t.Fatalf("repeated: %+v", again)
		}
	}
	p.message("2", "KB COVID")
	if got := p.message("3", "1"); got.OverBudget || !strings.HasPrefix(got.Text, "Ban sinh nam nao?") {
		t.Fatalf("the third: %+v", got)
	}
	told := p.message("4", "1958")
	if size := gsm.Measure(told.Text); !told.OverBudget || !strings.HasPrefix(told.Text, "Ban da gui qua nhieu") || size.Parts != 1 || size.UCS2 {
		t.Errorf("told %q: %+v", told.Text, size)
	}
	if again := p.message("4", "1958"); again.Text != told.Text {
		t.Errorf("told again: %+v", again)
	}
	if again := p.message("3", "1"); !strings.HasPrefix(again.Text, "Ban sinh nam nao?") {
		t.Errorf("one from before, repeated: %+v", again)
	}
	for _, id := range []string{"5", "5", "6"} {
		if got := p.message(id, "1958"); got.Text != "" || !got.OverBudget {
			t.Errorf("and then: %+v", got)
		}
	}
	if got := p.message("7", "STOP"); !strings.HasPrefix(got.Text, "Da ngung SMS") {
		t.Errorf("STOP: %+v", got)
	}
	if got := p.message("8", "stop"); got.Text != "" {
		t.Errorf("another STOP: %+v", got)
	}
	if since, err := r.store.PhoneOptedOut(t.Context(), p.number); err != nil || since.IsZero() {
		t.Errorf("STOP was not heard: %v", err)
	}
	r.wait(time.Hour)
	p.message("9", "HELP")
	p.message("10", "HELP")
	if got := p.message("11", "HELP"); !got.OverBudget || got.Text == "" {
		t.Errorf("the day's budget: %+v", got)
	}
	r.wait(24 * time.Hour)
	if got := p.message("12", "HELP"); got.OverBudget {
		t.Errorf("the next day: %+v", got)
	}
	if got := r.phone(2).message("1", "HELP"); got.OverBudget {
		t.Errorf("another number: %+v", got)
	}
	q := r.phone(3)
	q.dial()
	q.press("1", "1")
	if got := q.press("1958"); !q.ended || !strings.HasPrefix(got, "Ban da gui qua nhieu") {
		t.Errorf("by USSD: %q", got)
	}
}

// A turn that failed is none, however often a gateway tries again.
func TestFailedTurnsAreNotSpent(t *testing.T) {
	t.Parallel()
	var broken *forgetful
	r := bounded(t, func(c *dialogue.Config) {
		broken = &forgetful{Store: c.Store.(*store.Store), lose: true}
		c.Store = broken
	})
	p := r.phone(1)
	for range 20 {
		if _, err := r.dialogue.Answer(t.Context(), models.Inbound{Channel: models.ChannelSMS, Phone: p.number, ID: "1", Text: "HELP"}); !models.Unavailable.Is(err) {
			t.Fatal(errors.Join(errors.New("it did not fail"), err))
		}
	}
	broken.lose = false
	for _, id := range []string{"1", "2", "3"} {
		if got := p.message(id, "HELP"); got.OverBudget {
			t.Errorf("turn %s: %+v", id, got)
		}
	}
}
