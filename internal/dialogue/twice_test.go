package dialogue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"khaibao/internal/dialogue"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// late acts before a dialogue is written: what the turn did is done by then.
type late struct {
	*store.Store
	act func() error
}

func (l *late) SaveDialogue(ctx context.Context, channel models.Channel, phone string, d *models.Dialogue) error {
	if act := l.act; act != nil {
		l.act = nil
		if err := act(); err != nil {
			return err
		}
	}
	return l.Store.SaveDialogue(ctx, channel, phone, d)
}

// Whatever a message did, it did it once and is answered as if it had come once: when it is repeated side by side, and when a
// crash lost where the dialogue stood.
func TestEveryActionOnce(t *testing.T) {
	t.Parallel()
	bySMS := func(p *phone, text string) models.Inbound {
		return models.Inbound{Channel: models.ChannelSMS, Phone: p.number, ID: "the-message", Text: text}
	}
	byUSSD := func(p *phone, typed string) models.Inbound {
		return models.Inbound{
			Channel: models.ChannelUSSD, Phone: p.number, Session: p.session, ID: "the-message", Text: strings.Join(append(p.typed, typed), "*"), Accumulated: true,
		}
	}
	sick := func(p *phone) { // a case keeps the identity
		p.family()
		p.sms("KB COVID 13 0 1 0", "OK")
	}
	for name, prepare := range map[string]func(p *phone) models.Inbound{
		"registering oneself": func(p *phone) models.Inbound {
			p.dial()
			p.press("4", "1", "1958", "2", "bac son lang son", "1")
			return byUSSD(p, "1")
		},
		"registering a relative": func(p *phone) models.Inbound {
			p.family()
			p.dial()
			p.press("4", "3", "3", "1935", "1", "bac son lang son", "1")
			return byUSSD(p, "1")
		},
		"declaring for a new relative": func(p *phone) models.Inbound {
			p.family()
			p.sms("KB COVID NHA", "3", "3", "1936", "nam", "bac son lang son", "1", "0", "0", "0", "0")
			return bySMS(p, "OK")
		},
		"an update": func(p *phone) models.Inbound {
			sick(p)
			p.sms("CN COVID 0 37 98 80 2")
			return bySMS(p, "OK")
		},
		"removing, with the PIN": func(p *phone) models.Inbound {
			p.family()
			p.dial()
			p.press("4", "2", "3")
			return byUSSD(p, "2580")
		},
		"removing, after the PIN": func(p *phone) models.Inbound {
			p.family()
			p.sms("NHA", "2", "2", "2580", "NHA", "2")
			return bySMS(p, "3")
		},
		"a wrong PIN": func(p *phone) models.Inbound {
			p.family()
			p.dial()
			p.press("4", "2", "3", "1111", "1112", "1113", "1") // help is offered
			return byUSSD(p, "1114")
		},
		"the last wrong PIN": func(p *phone) models.Inbound {
			p.family()
			p.dial()
			p.press("4", "2", "3", "1111", "1112", "1113", "1", "1114")
			return byUSSD(p, "1115")
		},
		"erasing by USSD": func(p *phone) models.Inbound {
			p.family()
			p.dial()
			p.press("5", "3", "2580")
			return byUSSD(p, "1")
		},
		"erasing by SMS": func(p *phone) models.Inbound {
			p.family()
			asked := p.sms("XOA", "2580")
			return bySMS(p, asked[strings.LastIndex(asked, "XOA "):])
		},
		"erasing with an open case": func(p *phone) models.Inbound {
			sick(p)
			asked := p.sms("XOA", "2580")
			return bySMS(p, asked[strings.LastIndex(asked, "XOA "):])
		},
		"withdrawing": func(p *phone) models.Inbound {
			p.family()
			p.dial()
			p.press("5", "1")
			return byUSSD(p, "1")
		},
		"stopping in the menu": func(p *phone) models.Inbound {
			p.family()
			p.dial()
			p.press("5")
			return byUSSD(p, "2")
		},
		"starting in the menu": func(p *phone) models.Inbound {
			p.sms("STOP")
			p.dial()
			p.press("5")
			return byUSSD(p, "2")
		},
		"STOP":           func(p *phone) models.Inbound { return bySMS(p, "STOP") },
		"EN":             func(p *phone) models.Inbound { p.family(); return bySMS(p, "EN") },
		"another tongue": func(p *phone) models.Inbound { p.family(); p.dial(); return byUSSD(p, "9") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// state is what is left of it all, as far as it does not hold ids.
			state := func(p *phone) string {
				stopped, err := p.store.PhoneOptedOut(t.Context(), p.number)
				must(t, err)
				a := p.account()
				if a == nil {
					return fmt.Sprint("no household, stopped ", !stopped.IsZero())
				}
				living := 0
				for _, person := range a.People {
					if person.RemovedAt.IsZero() {
						living++
					}
				}
				return fmt.Sprint(living, " people, ", len(p.declared()), " declared, in ", a.Lang, ", stopped ", !a.SMSOptOut.IsZero(), ", erased ", a.Erased(), ", tries ", a.PIN.Wrong, ", locked ", !a.PIN.LockedUntil.IsZero())
			}
			rigged := func() (*phone, *late) {
				r := newRig(t, storetest.Memory(t))
				l := &late{Store: r.store}
				config := r.dialogue.Config
				config.Store = l
				r.dialogue = dialogue.New(config)
				return r.phone(1), l
			}
			once, _ := rigged()
			want := once.hand(prepare(once))
			check := func(how string, p *phone, got models.Reply) {
				t.Helper()
				if cut(got.Text) != cut(want.Text) || got.End != want.End {
					t.Errorf("%s: it says %q, want %q", how, got.Text, want.Text)
				}
				if got, want := state(p), state(once); got != want {
					t.Errorf("%s: %s, want %s", how, got, want)
				}
			}
			twice, l := rigged()
			in := prepare(twice)
			var second models.Reply
			l.act = func() (err error) {
				second, err = twice.dialogue.Answer(t.Context(), in)
				return err
			}
			first := twice.hand(in)
			check("side by side", twice, first)
			check("side by side, the other", twice, second)

			crashed, l := rigged()
			in = prepare(crashed)
			l.act = func() error { return models.Down("keeping a dialogue", errors.New("killed")) }
			if _, err := crashed.dialogue.Answer(t.Context(), in); !models.Unavailable.Is(err) {
				t.Fatalf("the crash answers %v", err)
			}
			check("after a crash", crashed, crashed.hand(in))
		})
	}
}

// cut leaves out a receipt, which holds an id.
func cut(text string) string {
	text, _, _ = strings.Cut(text, "Ma ")
	return text
}
