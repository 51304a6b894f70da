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
	"khaibao/internal/intake"
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

// between acts once the household is made, just before the person is registered, and once they are, just before their form
// is handed in.
type between struct {
	dialogue.Intake
	early, act func() error
}

func (b *between) AddPerson(ctx context.Context, citizen models.Citizen, in intake.PersonInput) (models.Person, []models.FieldError, bool, error) {
	if early := b.early; early != nil {
		b.early = nil
		if err := early(); err != nil {
			return models.Person{}, nil, false, err
		}
	}
	return b.Intake.AddPerson(ctx, citizen, in)
}

func (b *between) Submit(ctx context.Context, citizen models.Citizen, in intake.Submission) (*models.Declaration, bool, error) {
	if act := b.act; act != nil {
		b.act = nil
		if err := act(); err != nil {
			return nil, false, err
		}
	}
	return b.Intake.Submit(ctx, citizen, in)
}

// A first confirmation registers the person and declares. One that got no further than the person, or that is made side by
// side with its repetition, declares when it comes again; nobody is asked to read the review of themselves again.
func TestConfirmationThatRegisteredOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	half := &between{Intake: r.intake}
	config := r.dialogue.Config
	config.Intake = half
	r.dialogue = dialogue.New(config)

	bySMS := func(p *phone) models.Inbound { return confirmation(p) }
	byUSSD := func(p *phone) models.Inbound {
		p.dial()
		p.press("1", "1", "1", "1958", "2", "bac son lang son", "1", "2468", "1", "0", "0", "0", "0")
		return models.Inbound{Channel: models.ChannelUSSD, Phone: p.number, Session: p.session, ID: "the-confirmation", Text: strings.Join(append(p.typed, "1"), "*"), Accumulated: true}
	}
	n := 0
	for channel, confirm := range map[string]func(*phone) models.Inbound{"SMS": bySMS, "USSD": byUSSD} {
		whole := r.phone(90 + n)
		want := whole.hand(confirm(whole)).Text
		level, _, found := strings.Cut(want, "Ma ")
		if !found || len(whole.declared()) != 1 {
			t.Fatalf("%s: declared %d, and it says %q", channel, len(whole.declared()), want)
		}
		check := func(name string, p *phone, reply models.Reply) {
			t.Helper()
			if !strings.HasPrefix(reply.Text, level) || len(p.declared()) != 1 || len(p.account().People) != 1 {
				t.Errorf("%s, %s: %d declarations of %d people, and it says %q", channel, name, len(p.declared()), len(p.account().People), reply.Text)
			}
		}
		killed := func() error { return models.Down("keeping a person or a declaration", errors.New("killed")) }
		n++
		crashed := r.phone(10 + n)
		in := confirm(crashed)
		half.early = killed
		if _, err := r.dialogue.Answer(t.Context(), in); !models.Unavailable.Is(err) || crashed.account() == nil {
			t.Fatalf("the first crash answers %v", err)
		}
		half.act = killed
		if _, err := r.dialogue.Answer(t.Context(), in); !models.Unavailable.Is(err) || len(crashed.account().People) != 1 {
			t.Fatalf("the second crash answers %v", err)
		}
		check("after two crashes", crashed, crashed.hand(in))

		twice := r.phone(20 + n)
		in = confirm(twice)
		var second models.Reply
		half.act = func() (err error) {
			second, err = r.dialogue.Answer(t.Context(), in)
			return err
		}
		first := twice.hand(in)
		check("side by side", twice, first)
		if second != first {
			t.Errorf("%s: side by side it says %q and %q", channel, first.Text, second.Text)
		}
		for _, p := range []*phone{crashed, twice} {
			if err := r.pins.Check(t.Context(), p.account().ID, "2468", "m"); channel == "USSD" && err != nil {
				t.Errorf("the PIN: %v", err)
			}
		}
	}
}
