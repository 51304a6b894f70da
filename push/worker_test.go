package push_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/doubles"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// After an enqueue each device hears, in the one language of the household, that a message waits, and nothing about
// anybody's health.
func TestPushSaysOnlyThatAMessageWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an", models.Vietnamese, models.English)
	w, _ := r.start(t, r.config("one"))
	r.enqueue(t, r.advice(account, "d1"))
	w.Wake()

	pushes, err := r.fcm.Await(storetest.Within(t), 2)
	fatal(t, err)
	r.settled(t)
	got := map[string]doubles.Push{}
	for _, p := range pushes {
		for _, word := range []string{"covid", "person-of", "risk", "nguy", "high", "moderate", "fever"} {
			if strings.Contains(strings.ToLower(string(p.Raw)), word) {
				t.Errorf("the payload says %q: %s", word, p.Raw)
			}
		}
		p.Raw = nil
		got[p.Token] = p
	}
	want := map[string]doubles.Push{}
	for _, device := range []string{"an-1", "an-2"} { // the app that registered last is in English
		l := models.English
		want[tokenOf(device)] = doubles.Push{
			Token: tokenOf(device), Title: r.texts.Text(l, "message.push_title", nil), Body: r.texts.Text(l, "message.push_body", nil),
			Data: map[string]string{"message_id": "d1", "kind": "message"}, SentAt: r.clock.Now(),
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pushes (-want +got):\n%s", diff)
	}
	m := r.message(t, account, "d1")
	if m.State != models.MessageSent || len(m.Delivered) != 2 || !m.SentAt.Equal(r.clock.Now()) {
		t.Errorf("got state %s, delivered to %v at %s; want sent, to both, now", m.State, m.Delivered, m.SentAt)
	}
}

// What the sender is told about delivery follows from the message's expiry and urgency.
func TestPushExpiryAndUrgency(t *testing.T) {
	t.Parallel()
	for lane, urgent := range map[models.Lane]bool{models.LaneNormal: false, models.LaneUrgent: true} {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			m := r.advice(r.household(t, "an", models.Vietnamese), "d1")
			m.Lane = lane
			r.enqueue(t, m)
			r.start(t, r.config("one"))
			pushes, err := r.fcm.Await(storetest.Within(t), 1)
			fatal(t, err)
			var got models.Envelope
			fatal(t, json.Unmarshal(pushes[0].Raw, &got))
			if got.TTL != 24*time.Hour || got.Urgent != urgent || got.CollapseKey != "message" {
				t.Errorf("got %+v, want a day, urgent %v", got, urgent)
			}
		})
	}
}

// A failing gateway is left alone for as long as it asks, or ever longer, and then tried again.
func TestRetry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fail  []doubles.Failure
		waits []time.Duration // with the jitter at its least: half of 5 s, 10 s, 20 s ...
	}{
		{"503 says when", []doubles.Failure{{Status: 503, Code: "UNAVAILABLE", RetryAfter: 2 * time.Minute}}, []time.Duration{2 * time.Minute}},
		{"429 says when", []doubles.Failure{{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: 90 * time.Second}}, []time.Duration{90 * time.Second}},
		{"429 without a word", []doubles.Failure{{Status: 429, Code: "QUOTA_EXCEEDED"}}, []time.Duration{time.Minute}},
		{"backoff doubles", []doubles.Failure{{Status: 500}, {Status: 503}, {Status: 502}}, []time.Duration{2500 * time.Millisecond, 5 * time.Second, 10 * time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			account := r.household(t, "an", models.Vietnamese)
			r.fcm.Fail(tt.fail...)
			w, _ := r.start(t, r.config("one"))
			r.enqueue(t, r.advice(account, "d1"))
			w.Wake()
			for i, wait := range tt.waits {
				o := r.step(t)
				m := r.message(t, account, "d1")
				if o.State != models.MessagePending || o.Attempt != i+1 || m.DueAt.Sub(r.clock.Now()) != wait {
					t.Fatalf("try %d: got %+v, due in %s; want pending, due in %s", i+1, o, m.DueAt.Sub(r.clock.Now()), wait)
				}
				r.clock.advance(wait - time.Millisecond) // not yet
				if due, err := r.store.DueMessages(t.Context(), m.Lane, m.Route, r.clock.Now(), 10); err != nil || len(due) > 0 {
					t.Errorf("%d messages due too early (error %v)", len(due), err)
				}
				r.clock.advance(time.Millisecond)
				w.Wake()
			}
			if o := r.step(t); o.State != models.MessageSent {
				t.Errorf("got %+v in the end, want sent", o)
			}
			if got, want := r.fcm.Tries(), len(tt.fail)+1; got != want {
				t.Errorf("got %d requests, want %d", got, want)
			}
		})
	}
}

// What is expired is never sent, and what would come too late is given up.
func TestExpiry(t *testing.T) {
	t.Parallel()
	t.Run("expired before the first try", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		account := r.household(t, "an", models.Vietnamese)
		late, otp := r.advice(account, "d1"), r.otp("o1", phoneOf("an"))
		late.ExpiresAt = r.clock.Now()
		otp.ExpiresAt = r.clock.Now().Add(-time.Second)
		r.enqueue(t, late, otp)
		r.start(t, r.config("one"))
		for range 2 {
			if o := r.step(t); o.State != models.MessageExpired {
				t.Errorf("got %+v, want expired", o)
			}
		}
		if n := r.fcm.Tries() + r.smsc.Tries(); n != 0 {
			t.Errorf("%d requests went out", n)
		}
	})
	t.Run("the next try would come too late", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		account := r.household(t, "an", models.Vietnamese)
		r.fcm.Fail(doubles.Failure{Status: 503, RetryAfter: 24 * time.Hour})
		r.enqueue(t, r.advice(account, "d1"))
		r.start(t, r.config("one"))
		if o := r.step(t); o.State != models.MessageExpired || o.Reason != "unavailable" {
			t.Errorf("got %+v, want expired, unavailable", o)
		}
	})
}

// A dead token is dropped from the household; its other devices go on.
func TestDeadTokensAreDropped(t *testing.T) {
	t.Parallel()
	for _, failure := range []doubles.Failure{{Status: http.StatusNotFound, Code: "UNREGISTERED"}, {Status: http.StatusForbidden, Code: "SENDER_ID_MISMATCH"}} {
		t.Run(failure.Code, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			account := r.household(t, "an", models.Vietnamese, models.Vietnamese)
			r.fcm.Refuse(tokenOf("an-1"), failure)
			r.enqueue(t, r.advice(account, "d1"))
			r.start(t, r.config("one"))
			if o := r.settled(t); o.State != models.MessageSent {
				t.Errorf("got %+v, want sent", o)
			}
			if diff := cmp.Diff([]string{"an-2"}, r.deviceIDs(t, account)); diff != "" {
				t.Errorf("devices (-want +got):\n%s", diff)
			}
			if _, err := r.store.TokenHolder(t.Context(), tokenOf("an-1")); !models.NotFound.Is(err) {
				t.Errorf("the dead token is still held: %v", err)
			}
		})
	}
}

func (r *rig) deviceIDs(t *testing.T, account string) []string {
	t.Helper()
	a, err := r.store.Account(t.Context(), account)
	fatal(t, err)
	ids := []string{}
	for _, d := range a.Devices {
		ids = append(ids, d.ID)
	}
	return ids
}

// INVALID_ARGUMENT may be the payload's fault: the message fails, the token stays.
func TestRejectedPushKeepsTheToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an", models.Vietnamese)
	r.fcm.Fail(doubles.Failure{Status: 400, Code: "INVALID_ARGUMENT"})
	r.enqueue(t, r.advice(account, "d1"))
	r.start(t, r.config("one"))
	if o := r.step(t); o.State != models.MessageFailed || o.Reason != "rejected" {
		t.Errorf("got %+v, want failed, rejected", o)
	}
	if got := r.deviceIDs(t, account); len(got) != 1 {
		t.Errorf("got devices %v, want one", got)
	}
}

// A phone that changed hands hears of its newest household only.
func TestTokenOfAnotherHousehold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before, after := r.household(t, "an", models.Vietnamese), r.household(t, "binh")
	r.register(t, after, models.Device{ID: "phone", Token: tokenOf("an-1"), Platform: "ios", Lang: models.English})
	r.enqueue(t, r.advice(before, "d1"))
	w, _ := r.start(t, r.config("one"))
	if o := r.step(t); o.State != models.MessageStored {
		t.Errorf("got %+v, want stored: the household has no device any more", o)
	}
	if n := r.fcm.Tries(); n != 0 {
		t.Errorf("%d pushes went to a phone of another household", n)
	}
	if got := r.deviceIDs(t, before); len(got) != 0 {
		t.Errorf("the old household still has %v", got)
	}
	r.enqueue(t, r.advice(after, "d2"))
	w.Wake()
	if o := r.step(t); o.State != models.MessageSent {
		t.Errorf("got %+v, want sent to the new household", o)
	}
}

// Where there is nobody to send to or nothing to send with, the message says so and nothing goes out.
func TestNothingToSendWith(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		push   bool
		sms    bool
		erase  bool
		lane   models.Lane
		state  models.MessageState
		reason string
	}{
		{name: "no Firebase", state: models.MessageStored, lane: models.LaneNormal},
		{name: "no gateway", push: true, lane: models.LaneOTP, state: models.MessageFailed, reason: "no_gateway"},
		{name: "erased household", push: true, erase: true, lane: models.LaneNormal, state: models.MessageFailed, reason: "erased"},
		{name: "no device", push: true, lane: models.LaneBulk, state: models.MessageStored, reason: "no_device"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			devices := []models.Lang{models.Vietnamese}
			if tt.lane == models.LaneBulk {
				devices = nil
			}
			account := r.household(t, "an", devices...)
			if tt.erase {
				_, err := r.store.Tombstone(t.Context(), account, func(a *models.Account) ([]models.Effect, error) {
					a.ErasedAt = r.clock.Now()
					return nil, nil
				})
				fatal(t, err)
			}
			c := r.config("one")
			if !tt.push {
				c.Push = nil
			}
			if !tt.sms {
				c.SMS = nil
			}
			m := r.advice(account, "d1")
			if tt.lane == models.LaneOTP {
				m = r.otp("o1", phoneOf("an"))
			}
			m.Lane = tt.lane
			if tt.erase {
				m.Text = "an official's words"
			}
			r.enqueue(t, m)
			r.start(t, c)
			if o := r.step(t); o.State != tt.state || o.Reason != tt.reason {
				t.Errorf("got %s %q, want %s %q", o.State, o.Reason, tt.state, tt.reason)
			}
			if n := r.fcm.Tries() + r.smsc.Tries(); n != 0 {
				t.Errorf("%d requests went out", n)
			}
			if tt.erase && r.message(t, account, m.ID).Text != "" {
				t.Error("an erased household's message keeps its text")
			}
		})
	}
}

// One-time passwords go out while every push hangs.
func TestOTPDoesNotWaitBehindPushes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := r.fcm.Hold()
	defer release()
	c := r.config("one")
	c.Slots, c.LeaseLength = 4, time.Hour // a send may hang for a third of it
	for i := range 20 {                   // each household has one message under way at a time
		r.enqueue(t, r.advice(r.household(t, strings.Repeat("x", i+1), models.Vietnamese), "d"))
	}
	w, _ := r.start(t, c)
	fatal(t, r.fcm.AwaitTries(storetest.Within(t), c.Slots)) // all slots are taken
	r.enqueue(t, r.otp("o1", "+84900000001"))
	w.Wake()
	got, err := r.smsc.Await(storetest.Within(t), 1)
	fatal(t, err)
	want := []doubles.SMS{{To: "+84900000001", From: "KHAIBAO", Text: otpText, SentAt: r.clock.Now()}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("SMS (-want +got):\n%s", diff)
	}
	if o := r.step(t); o.Kind != models.MessageOTP || o.State != models.MessageSent {
		t.Errorf("got %+v, want the OTP sent", o)
	}
	release()
	for range 20 {
		r.settled(t)
	}
}

// A gateway that is down for a while only delays.
func TestDeadGatewayRecovers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.smsc.Fail(doubles.Failure{Status: 503}, doubles.Failure{Status: 500}, doubles.Failure{Status: 503})
	w, _ := r.start(t, r.config("one"))
	r.enqueue(t, r.otp("o1", "+84900000001"))
	w.Wake()
	for range 3 {
		if o := r.step(t); o.State != models.MessagePending || o.Reason != "unavailable" {
			t.Fatalf("got %+v, want pending", o)
		}
		r.clock.advance(20 * time.Second)
		w.Wake()
	}
	if o := r.step(t); o.State != models.MessageSent || o.Attempt != 4 {
		t.Errorf("got %+v, want sent at the fourth try", o)
	}
	if got := len(r.smsc.All()); got != 1 {
		t.Errorf("got %d messages, want 1", got)
	}
}

// Stopping takes no new message and finishes those under way.
func TestStopFinishesSendsUnderWay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an", models.Vietnamese)
	release := r.fcm.Hold()
	_, stop := r.start(t, r.config("one"))
	r.enqueue(t, r.advice(account, "d1"))
	fatal(t, r.fcm.AwaitTries(storetest.Within(t), 1))
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	release()
	<-stopped
	if m := r.message(t, account, "d1"); m.State != models.MessageSent {
		t.Errorf("got %s, want sent", m.State)
	}
	if free, err := r.store.Lease(t.Context(), "outbox", "another", time.Second); !free || err != nil {
		t.Errorf("the lease was not given back (error %v)", err)
	}
}
