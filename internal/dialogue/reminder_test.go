package dialogue_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"khaibao/internal/gsm"
	"khaibao/internal/store/storetest"
	"khaibao/models"
	"khaibao/push"
)

// handset takes what is sent by SMS.
type handset chan string

func (h handset) Send(_ context.Context, e models.Envelope) error {
	h <- e.Text
	return nil
}

// followed puts the person of a declaration under follow-up.
func (p *phone) followed(program, person string) {
	p.Helper()
	must(p, p.store.UpsertFollowUp(p.Context(), p.account().ID, person, program, func(f *models.FollowUp) bool {
		f.Version, f.Level, f.StartedAt, f.EndsAt = 1, models.LevelHigh, p.now(), p.now().Add(240*time.Hour)
		return true
	}))
}

// reminded gives the SMS that the ladder's reminder arrives as.
func (p *phone) reminded(program string) string {
	p.Helper()
	now := p.now()
	must(p, p.store.Enqueue(p.Context(), models.Message{
		ID: models.TimeID(now, program), Account: p.account().ID, Kind: models.MessageReminderSMS, Lane: models.LaneNormal, Route: models.RouteSMS,
		Program: program, Slot: now, State: models.MessagePending, CreatedAt: now, DueAt: now, ExpiresAt: now.Add(4 * time.Hour),
	}))
	arrived := make(handset, 1)
	sent := make(chan push.Outcome, 10)
	worker := push.NewWorker(push.Config{
		Store: p.store, SMS: arrived, Programs: p.catalog, Text: p.texts.Text, Now: p.now, Real: p.now, NoQuiet: true,
		Owner: "the-outbox", Log: slog.New(slog.DiscardHandler), Observe: func(o push.Outcome) { sent <- o },
	})
	ctx, stop := context.WithCancel(storetest.Within(p))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	select {
	case o := <-sent:
		if o.State != models.MessageSent || o.Kind != models.MessageReminderSMS {
			p.Fatalf("the reminder: %+v", o)
		}
	case <-ctx.Done():
		p.Fatal("the reminder was not sent in time")
	}
	stop()
	must(p, <-ended)
	return <-arrived
}

// A reminder asks the first screen of the program's update, with the numbers that its reply is read by.
func TestReminderAsksWhatItsReplyAnswers(t *testing.T) {
	t.Parallel()
	for _, program := range []struct {
		id, reply string
		rest      []string // the screens behind the first
		want      models.Answers
	}{
		{"covid19", "13", []string{"0", "38.5", "97", "80", "2"},
			models.Answers{"fever": true, "cough": false, "dyspnoea": true, "sore_throat": false, "fatigue": false, "temperature": 38.5, "feeling": "same"}},
		{"dengue", "1", []string{"38.5", "2", "0", "3"}, models.Answers{"fever": true, "temperature": 38.5, "persistent_vomiting": true, "bleeding": false, "feeling": "worse"}},
		{"measles", "2 3", []string{"0", "37", "1"}, models.Answers{"fever": false, "rash": true, "ear_pain": true, "fast_breathing": false, "feeling": "better"}},
	} {
		for _, lang := range []models.Lang{models.Vietnamese, models.English} {
			t.Run(program.id+" "+string(lang), func(t *testing.T) {
				t.Parallel()
				p := newRig(t, storetest.Memory(t)).phone(1)
				p.hand(confirmation(p))
				if lang == models.English {
					p.sms("EN")
				}
				p.followed(program.id, p.account().People[0].ID)
				text := p.reminded(program.id)
				if size := gsm.Measure(text); size.UCS2 || size.Parts > 2 {
					t.Errorf("%+v: %s", size, text)
				}
				screen := p.sms("CN")
				if program.id == "dengue" { // a question that may be left out: how, the screen alone says
					screen = screen[:strings.LastIndex(screen, "\n")]
				}
				if !strings.Contains(text, "\n"+screen+"\n") {
					t.Errorf("it asks\n%s\nand CN asks\n%s", text, screen)
				}
				if !strings.Contains(text, " CN") || !strings.Contains(text, "115") {
					t.Errorf("it leaves out the other ways: %s", text)
				}
				p.sms("HUY")
				p.sms(append([]string{program.reply}, program.rest...)...)
				p.sms("OK")
				all := p.declared()
				update := all[len(all)-1]
				if update.Form != models.FormDaily || update.Program != program.id {
					t.Fatalf("kept: %s of %s", update.Form, update.Program)
				}
				for id, want := range program.want {
					if got := update.Answers[id]; got != want {
						t.Errorf("%s: %v, want %v", id, got, want)
					}
				}
			})
		}
	}
}

// Where numbers alone would answer something else, a reminder asks nothing.
func TestReminderThatNumbersWouldNotAnswer(t *testing.T) {
	t.Parallel()
	for name, busy := range map[string]func(p *phone, self string){
		"no plan runs":            func(*phone, string) {},
		"another program's plan":  func(p *phone, self string) { p.followed("dengue", self) },
		"two plans of one person": func(p *phone, self string) { p.followed("covid19", self); p.followed("dengue", self) },
		"two people": func(p *phone, self string) {
			p.followed("covid19", self)
			p.sms("KB COVID NHA", "2", "2", "2015", "nam", "bac son lang son", "1", "1", "0", "0", "0", "OK")
			p.followed("covid19", p.account().People[1].ID)
		},
		"a declaration is open": func(p *phone, self string) { p.followed("covid19", self); p.sms("KB COVID") },
		"an update was begun":   func(p *phone, self string) { p.followed("covid19", self); p.sms("CN 13") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newRig(t, storetest.Memory(t)).phone(1)
			p.hand(confirmation(p))
			busy(p, p.account().People[0].ID)
			if got, want := p.reminded("covid19"), p.texts.Text(models.Vietnamese, "message.reminder_sms", nil); got != want {
				t.Errorf("it says %s", got)
			}
		})
	}
}
