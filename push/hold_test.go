package push_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/doubles"
	"khaibao/models"
)

// outcomes waits for n steps that end messages and counts them as "state reason".
func (r *rig) outcomes(t *testing.T, n int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		o := r.settled(t)
		got[string(o.State)+" "+o.Reason]++
	}
	return got
}

// Over the cap of a local day messages wait in the inbox only, whichever way they go; emergencies and codes go out, and
// another household and the next day have caps of their own.
func TestDailyCap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account, other := r.household(t, "an", models.Vietnamese), r.household(t, "binh", models.Vietnamese)
	c := r.config("one")
	c.PerDay = 3
	w, _ := r.start(t, c)
	for i := range 4 {
		r.enqueue(t, r.advice(account, fmt.Sprintf("push%d", i)), r.reminder(account, fmt.Sprintf("sms%d", i), models.MessageReminderSMS))
	}
	r.enqueue(t, r.advice(other, "d1"))
	w.Wake()
	if diff := cmp.Diff(map[string]int{"sent ": 4, "stored daily_cap": 5}, r.outcomes(t, 9)); diff != "" {
		t.Errorf("the first day (-want +got):\n%s", diff)
	}
	emergency := r.advice(account, "e1")
	emergency.Lane, emergency.Anytime = models.LaneUrgent, true
	r.enqueue(t, emergency, r.otp("o1", phoneOf("an")), r.advice(account, "late"))
	w.Wake()
	if diff := cmp.Diff(map[string]int{"sent ": 2, "stored daily_cap": 1}, r.outcomes(t, 3)); diff != "" {
		t.Errorf("what is not held back (-want +got):\n%s", diff)
	}
	if got := len(r.fcm.All()) + len(r.smsc.All()); got != 6 {
		t.Errorf("%d messages went out, want 3 and 1 and the two that nothing holds back", got)
	}
	r.clock.advance(22 * time.Hour) // 08:00 of the next day
	r.enqueue(t, r.advice(account, "next"))
	w.Wake()
	if diff := cmp.Diff(map[string]int{"sent ": 1}, r.outcomes(t, 1)); diff != "" {
		t.Errorf("the next day (-want +got):\n%s", diff)
	}
}

// In quiet hours messages wait for the morning or expire, untried; emergencies and codes go out.
func TestQuietHours(t *testing.T) {
	t.Parallel()
	night := time.Date(2026, 11, 23, 22, 0, 0, 0, models.Hanoi)
	morning := time.Date(2026, 11, 24, 7, 0, 0, 0, models.Hanoi)
	for _, tt := range []struct {
		name   string
		change func(m *models.Message)
		want   models.MessageState
		reason string
	}{
		{"an advice", func(*models.Message) {}, models.MessagePending, "quiet_hours"},
		{"of no program", func(m *models.Message) { m.Program = "" }, models.MessagePending, "quiet_hours"},
		{"by SMS", func(m *models.Message) { m.Route = models.RouteSMS }, models.MessagePending, "quiet_hours"},
		{"urgent but no emergency", func(m *models.Message) { m.Lane = models.LaneUrgent }, models.MessagePending, "quiet_hours"},
		{"useless in the morning", func(m *models.Message) { m.ExpiresAt = morning }, models.MessageExpired, "quiet_hours"},
		{"an emergency", func(m *models.Message) { m.Anytime = true }, models.MessageSent, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.clock.advance(night.Sub(r.clock.Now()))
			account := r.household(t, "an", models.Vietnamese)
			m := r.advice(account, "d1")
			m.SMSAt = night.Add(30 * time.Minute)
			tt.change(&m)
			r.enqueue(t, m)
			w, _ := r.start(t, r.config("one"))
			if o := r.step(t); o.State != tt.want || o.Reason != tt.reason {
				t.Fatalf("got %+v, want %s %q", o, tt.want, tt.reason)
			}
			if tt.want != models.MessagePending {
				return
			}
			kept := r.message(t, account, "d1")
			if kept.Attempts != 0 || !kept.DueAt.Equal(morning) {
				t.Errorf("tried %d times, due %s; want untried, due in the morning", kept.Attempts, kept.DueAt)
			}
			if m.Route == models.RoutePush && !kept.SMSAt.Equal(morning.Add(30*time.Minute)) {
				t.Errorf("SMS takes over at %s: the push had no time to go", kept.SMSAt)
			}
			if n := r.fcm.Tries() + r.smsc.Tries(); n != 0 {
				t.Errorf("%d requests went out at night", n)
			}
			r.clock.advance(morning.Sub(night))
			w.Wake()
			if o := r.step(t); o.State != models.MessageSent || o.Route != m.Route {
				t.Errorf("in the morning: got %+v, want sent", o)
			}
		})
	}
}

// A channel that does not work is left alone: nobody tries it and nothing uses up an attempt, the other channel goes on,
// what would come too late ends, and an advice falls to SMS in its time. One probe finds out when it works again.
func TestChannelLeftAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fcm.Fail(doubles.Failure{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: 10 * time.Minute})
	w, _ := r.start(t, r.config("one"))
	message := func(name string, change func(*models.Message)) string {
		account := r.household(t, name, models.Vietnamese)
		m := r.advice(account, "d")
		change(&m)
		r.enqueue(t, m)
		w.Wake()
		return account
	}
	message("one", func(*models.Message) {})
	if o := r.step(t); o.State != models.MessagePending || o.Reason != "throttled" || !w.Open(models.RoutePush) || w.Open(models.RouteSMS) {
		t.Fatalf("got %+v, open %v; want throttled and left alone", o, w.Open(models.RoutePush))
	}
	waits := message("waits", func(*models.Message) {})
	message("too-late", func(m *models.Message) { m.ExpiresAt = m.CreatedAt.Add(time.Minute) })
	message("falls", func(m *models.Message) { m.SMSAt = m.CreatedAt.Add(2 * time.Minute) })
	message("sms", func(m *models.Message) { m.Route = models.RouteSMS })
	if o := r.step(t); o.State != models.MessageSent || o.Route != models.RouteSMS {
		t.Errorf("got %+v, want the SMS sent", o)
	}
	r.clock.advance(time.Minute)
	w.Wake()
	if o := r.step(t); o.State != models.MessageExpired {
		t.Errorf("got %+v, want expired", o)
	}
	r.clock.advance(time.Minute)
	w.Wake()
	if o := r.settled(t); o.State != models.MessageSent || o.Route != models.RouteSMS || o.Attempt != 1 {
		t.Errorf("got %+v, want it sent by SMS at the first try", o)
	}
	if m := r.message(t, waits, "d"); m.State != models.MessagePending || m.Attempts != 0 {
		t.Errorf("got %s after %d attempts, want untried", m.State, m.Attempts)
	}
	if late := w.Late(models.LaneNormal, models.RoutePush); late != 2*time.Minute {
		t.Errorf("the queue is %s late, want 2 minutes", late)
	}
	if n := r.fcm.Tries(); n != 1 {
		t.Errorf("%d tries, want none but the first", n)
	}
	r.clock.advance(8 * time.Minute)
	w.Wake()
	if diff := cmp.Diff(map[string]int{"sent ": 2}, r.outcomes(t, 2)); diff != "" {
		t.Errorf("once it works again (-want +got):\n%s", diff)
	}
	if w.Open(models.RoutePush) || r.fcm.Tries() != 3 {
		t.Errorf("open %v after %d tries", w.Open(models.RoutePush), r.fcm.Tries())
	}
}

// While a channel is down for many, it is tried five times and then by a probe each time that its pause ends.
func TestManyWaitForOneProbe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 8 {
		r.fcm.Fail(doubles.Failure{Status: 503, Code: "UNAVAILABLE"})
	}
	const households = 20
	for i := range households {
		r.enqueue(t, r.advice(r.household(t, strings.Repeat("x", i+1), models.Vietnamese), "d"))
	}
	c := r.config("one")
	c.Slots = 1
	w, _ := r.start(t, c)
	for range 5 {
		if o := r.step(t); o.Reason != "unavailable" {
			t.Fatalf("got %+v, want unavailable", o)
		}
	}
	for probe := range 3 {
		if n := r.fcm.Tries(); n != 5+probe {
			t.Fatalf("%d tries before probe %d", n, probe+1)
		}
		r.clock.advance(time.Minute)
		w.Wake()
		r.step(t)
	}
	r.clock.advance(time.Minute)
	w.Wake()
	if diff := cmp.Diff(map[string]int{"sent ": households}, r.outcomes(t, households)); diff != "" {
		t.Errorf("once it works again (-want +got):\n%s", diff)
	}
}
