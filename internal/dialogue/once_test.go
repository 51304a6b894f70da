package dialogue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"khaibao/internal/dialogue"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// confirmation brings a phone to the review and gives the message that confirms.
func confirmation(p *phone) models.Inbound {
	p.Helper()
	p.sms("KB COVID 13 0 1 0", "1", "1958", "nu", "bac son lang son", "1")
	return models.Inbound{Channel: models.ChannelSMS, Phone: p.number, ID: "the-confirmation", Text: "OK"}
}

// A gateway that repeats a message, at once or side by side, declares once and gets one answer.
func TestRepeatedConfirmationDeclaresOnce(t *testing.T) {
	t.Parallel()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newRig(t, open(t)).phone(1)
			in := confirmation(p)
			replies := make([]models.Reply, 12)
			var gateways sync.WaitGroup
			for i := range replies {
				gateways.Go(func() {
					var err error
					if replies[i], err = p.dialogue.Answer(t.Context(), in); err != nil {
						t.Error(err)
					}
				})
			}
			gateways.Wait()
			for _, r := range replies {
				if r != replies[0] || r.Text == "" {
					t.Errorf("%q and %q", r.Text, replies[0].Text)
				}
			}
			if again := p.hand(in); again != replies[0] {
				t.Errorf("later: %q", again.Text)
			}
			if got := p.declared(); len(got) != 1 || len(p.account().People) != 1 {
				t.Errorf("%d declarations of %d people", len(got), len(p.account().People))
			}
		})
	}
}

// forgetful loses the state of a dialogue that was to be written, as a crash does between a declaration and what follows it.
type forgetful struct {
	*store.Store
	lose bool
}

func (f *forgetful) SaveDialogue(ctx context.Context, channel models.Channel, phone string, d *models.Dialogue) error {
	if f.lose {
		return models.Down("keeping a dialogue", errors.New("killed"))
	}
	return f.Store.SaveDialogue(ctx, channel, phone, d)
}

// Killed after the declaration was kept and before the dialogue knew: the repeated confirmation finds it and says the same.
func TestCrashBetweenDeclarationAndState(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	crashing := &forgetful{Store: r.store}
	config := r.dialogue.Config
	config.Store = crashing
	r.dialogue = dialogue.New(config)
	p := r.phone(1)
	in := confirmation(p)
	crashing.lose = true
	if _, err := r.dialogue.Answer(t.Context(), in); !models.Unavailable.Is(err) {
		t.Fatalf("the crash answers %v", err)
	}
	crashing.lose = false
	r.wait(3600e9)
	if reply := p.hand(in); len(p.declared()) != 1 || len(reply.Text) == 0 {
		t.Errorf("%d declarations; %q", len(p.declared()), reply.Text)
	}
}

// A gateway that repeats a confirmation after many other messages confirms nothing that is open by then.
func TestConfirmationRepeatedMuchLater(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	in := confirmation(p)
	p.hand(in)
	for range 9 {
		p.sms("HELP")
	}
	review := p.sms("KB COVID 0 0 0 0")
	if got := p.hand(in); got != (models.Reply{}) || len(p.declared()) != 1 {
		t.Errorf("it says %+v, and there are %d declarations", got, len(p.declared()))
	}
	if got := p.sms("xyz"); !strings.HasSuffix(got, review) {
		t.Errorf("the review is not open any more: %q", got)
	}
	// An hour's turns later it is still known.
	for i := range 50 {
		p.hand(models.Inbound{Channel: models.ChannelSMS, Phone: p.number, ID: fmt.Sprint("turn-", i), Text: "HELP"})
	}
	if got := p.hand(in); got != (models.Reply{}) {
		t.Errorf("an hour later: %+v", got)
	}
}

// Numbers that answer no open question are the one update that is asked for: the reply to its reminder.
func TestReplyToAReminder(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.hand(confirmation(p))
	if got := p.sms("12 0 38.5"); !strings.HasPrefix(got, "Nhan KB") {
		t.Fatalf("nothing is asked for, and it says %q", got)
	}
	d := p.declared()[0]
	must(t, p.store.UpsertFollowUp(t.Context(), d.Account, d.PersonID, d.Program, func(f *models.FollowUp) bool {
		f.Version, f.Level, f.StartedAt, f.EndsAt = d.Version, d.Decision.Level, p.now(), p.now().Add(240*time.Hour)
		return true
	}))
	if got := p.sms("12 0 38.5 97"); !strings.HasPrefix(got, "Mach") {
		t.Fatalf("what was not said is asked: %q", got)
	}
	p.sms("80", "2", "OK")
	update := p.declared()[1]
	if update.Form != models.FormDaily || update.Answers["temperature"] != 38.5 || update.Answers["cough"] != true || update.Answers["dyspnoea"] != false {
		t.Errorf("kept: %s %v", update.Form, update.Answers)
	}
}
