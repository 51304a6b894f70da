package dialogue_test

import (
	"strings"
	"testing"
	"time"

	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// STOP of a number without a household holds for the household that it gets, whichever way, however late.
func TestStopBeforeTheHousehold(t *testing.T) {
	t.Parallel()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, open(t))
			byUSSD, byApp, again, menu := r.phone(1), r.phone(2), r.phone(3), r.phone(4)
			for _, p := range []*phone{byUSSD, byApp, again} {
				if got := p.sms("STOP"); !strings.HasPrefix(got, "Da ngung SMS") || p.account() != nil {
					t.Fatalf("STOP: %q", got)
				}
			}
			menu.dial()
			menu.press("5", "2")
			again.sms("START", "STOP", "START")
			r.wait(100 * time.Hour)
			byUSSD.dial()
			if got := byUSSD.press("5"); !strings.Contains(got, "2 Nhan lai SMS") {
				t.Errorf("the menu offers %q", got)
			}
			for _, p := range []*phone{byUSSD, again, menu} {
				p.family()
			}
			_, err := r.store.ClaimPhone(t.Context(), byApp.number)
			must(t, err)
			for _, c := range []struct {
				*phone
				stopped bool
			}{{byUSSD, true}, {byApp, true}, {menu, true}, {again, false}} {
				if got := !c.account().SMSOptOut.IsZero(); got != c.stopped {
					t.Errorf("%s: stopped %t", c.number, got)
				}
			}
		})
	}
}

// A form that is begun after STOP, still without a household, is not brought to mind.
func TestNoNudgeOfAStoppedNumber(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	r.phone(1).sms("STOP", "KB COVID", "1")
	r.wait(25 * time.Hour)
	must(t, r.dialogue.Nudge(t.Context()))
	if got := r.due(); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

// An erased household that has not been forgotten yet is none: STOP is noted for the next one.
func TestStopAfterErasure(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	p := r.phone(1)
	p.family()
	citizen := p.citizen()
	_, err := p.privacy.Erase(t.Context(), citizen)
	must(t, err)
	p.sms("STOP")
	must(t, p.privacy.Forget(t.Context(), citizen.Account))
	p.family()
	if p.account().SMSOptOut.IsZero() {
		t.Error("it was forgotten")
	}
	if again, err := r.store.PhoneOptedOut(t.Context(), p.number); err != nil || !again.IsZero() {
		t.Errorf("a number with a household: %v, %v", again, err)
	}
	if err := r.store.OptOutPhone(t.Context(), p.number, p.now()); !models.Changed.Is(err) {
		t.Errorf("noted beside a household: %v", err)
	}
}
