package broadcast_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"khaibao/internal/broadcast"
	"khaibao/internal/doubles"
	"khaibao/models"
)

func one(int) int { return 1 }

// Everybody is told once, whatever stands in the way of some, and the numbers are those of the outbox.
func TestEverybodyIsToldOnce(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		const n = 240
		r.households(n, func(i int) int { return i % 4 % 3 }) // none, one or two devices
		r.fcm.Unregister("1-0")
		r.fcm.Refuse("5-0", doubles.Failure{Status: http.StatusBadRequest, Code: "INVALID_ARGUMENT"})
		p := r.start("one")
		id := r.begin(p, draft())
		v, progress := r.until(p, id, "done", over)
		if v.Status != models.BroadcastDone || v.Recipients != n || progress.Done() != n || v.EndedAt.IsZero() {
			t.Errorf("%s with %d of %d recipients, %v", v.Status, progress.Done(), v.Recipients, progress)
		}
		// Half have no device; the one of household 1 is dead, that of 5 refuses.
		if progress[models.MessageSent] != n/2-2 || progress[models.MessageStored] != n/2+1 || progress[models.MessageFailed] != 1 {
			t.Errorf("%v", progress)
		}
		for token, times := range r.received() {
			if times != 1 {
				t.Errorf("%s was told %d times", token, times)
			}
		}
		if got := len(r.received()); got != n*3/4-2 {
			t.Errorf("%d devices were told, want %d", got, n*3/4-2)
		}
		r.recount(id, progress)
		if account, err := r.store.AccountOfPhone(t.Context(), "+84910000001"); err != nil {
			t.Error(err)
		} else if a, err := r.store.Account(t.Context(), account); err != nil || len(a.Devices) != 0 {
			t.Errorf("the dead token is still there: %v, %v", a.Devices, err)
		}
	})
}

// What was read and counted since the chunk was done moves the numbers on.
func TestNumbersMoveOn(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.households(20, func(i int) int { return i % 2 })
		p := r.start("one")
		id := r.begin(p, draft())
		r.until(p, id, "done", over)
		b, err := r.store.Broadcast(t.Context(), id)
		r.must(err)
		accounts, err := r.store.Recipients(t.Context(), b.Audience(), "", 6)
		r.must(err)
		for range 2 {
			for _, account := range accounts {
				_, _, err := r.store.AdvanceMessage(t.Context(), account, b.MessageID(), func(m *models.Message) { m.State = models.MessageDelivered })
				r.must(err)
			}
		}
		_, progress, err := p.broadcasts.Get(t.Context(), manager, id)
		r.must(err)
		if progress[models.MessageDelivered] != 6 || progress.Done() != 20 {
			t.Errorf("%v", progress)
		}
		r.recount(id, progress)
	})
}

// What cannot go now stays in the outbox, goes later, and is counted where it ends up. The broadcast is done after that.
func TestLateOnes(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.households(30, one)
		r.fcm.Fail(doubles.Failure{Status: http.StatusInternalServerError}, doubles.Failure{Status: http.StatusInternalServerError})
		p := r.start("one")
		id := r.begin(p, draft())
		_, progress := r.until(p, id, "all told but two", func(_ broadcast.View, p models.Progress) bool { return p.Done() == 30 })
		if progress[models.MessagePending] != 2 || progress[models.MessageSent] != 28 {
			t.Errorf("%v", progress)
		}
		r.recount(id, progress)
		r.forward(time.Minute)
		v, progress := r.until(p, id, "done", over)
		if v.Status != models.BroadcastDone || progress[models.MessageSent] != 30 {
			t.Errorf("%s %v", v.Status, progress)
		}
		r.recount(id, progress)
	})
}

// A process is stopped again and again, in the middle of chunks and between a chunk and its counting; nobody is left out
// or told twice, and the numbers hold.
func TestGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		const n = 600
		r.households(n, one)
		var id string
		for life := range 8 {
			var p *process
			var sends atomic.Int64
			died := make(chan struct{})
			p = r.start("sole", func(c *broadcast.Config) {
				send := c.Send
				c.Send = func(ctx context.Context, messages []models.Message) error {
					number := sends.Add(1)
					switch {
					case life%2 == 0 && number == 2: // half of the second chunk is sent, and its outcome never told
						_ = send(ctx, messages[:len(messages)/2])
					case life%2 == 1 && number == 1: // all of the first chunk is sent, and its outcome never told
						_ = send(ctx, messages)
					default:
						return send(ctx, messages)
					}
					close(died)
					<-ctx.Done()
					return ctx.Err()
				}
			})
			if id == "" {
				id = r.begin(p, draft())
			}
			over := false
			for !over {
				select {
				case <-died:
					over = true
				case <-time.After(10 * time.Millisecond):
					v, _, err := p.broadcasts.Get(t.Context(), manager, id)
					r.must(err)
					over = !v.Active
				}
			}
			p.stop()
		}
		p := r.start("sole")
		v, progress := r.until(p, id, "done", over)
		if v.Status != models.BroadcastDone || progress[models.MessageSent] != n {
			t.Errorf("%s %v", v.Status, progress)
		}
		told := r.received()
		for token, times := range told {
			if times != 1 {
				t.Errorf("%s was told %d times", token, times)
			}
		}
		if len(told) != n {
			t.Errorf("%d of %d were told", len(told), n)
		}
		r.recount(id, progress)
	})
}

// Two processes share broadcasts and never one of them.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.households(120, one)
		one, two := r.start("one"), r.start("two")
		var ids []string
		for range 3 {
			ids = append(ids, r.begin(one, draft()), r.begin(two, draft()))
		}
		for _, id := range ids {
			_, progress := r.until(two, id, "done", over)
			if progress.Done() != 120 {
				t.Errorf("%v", progress)
			}
			r.recount(id, progress)
		}
		for token, times := range r.received() {
			if times != len(ids) {
				t.Errorf("%s was told %d times", token, times)
			}
		}
	})
}

// Cancelled while it is being sent, it stops soon: what has gone is counted, nobody else is told.
func TestCancel(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		const n = 400
		r.households(n, one)
		release := r.fcm.Hold()
		p := r.start("one")
		id := r.begin(p, draft())
		r.must(r.fcm.AwaitTries(t.Context(), 1))
		_, err := p.broadcasts.Cancel(t.Context(), manager, id)
		r.must(err)
		release()
		v, progress := r.until(p, id, "over", over)
		if v.Status != models.BroadcastCancelled || v.CancelledBy != manager.Login || v.EndedAt.IsZero() {
			t.Errorf("%+v", v)
		}
		told := len(r.received())
		if told == n || progress[models.MessageSent] != int64(told) {
			t.Errorf("%d of %d were told, %v", told, n, progress)
		}
		r.recount(id, progress)
	})
}

// In quiet hours nothing is sent and nothing kept; an urgent alert goes all the same.
func TestQuietHours(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.households(10, one)
		r.forward(13 * time.Hour) // 22:00
		p := r.start("one")
		calm := r.begin(p, draft())
		urgent := r.begin(p, draft(func(d *broadcast.Draft) { d.Urgent = true }))
		_, progress := r.until(p, urgent, "the urgent one", over)
		if progress[models.MessageSent] != 10 {
			t.Errorf("the urgent one: %v", progress)
		}
		if v, progress, err := p.broadcasts.Get(t.Context(), manager, calm); err != nil || v.Status != models.BroadcastRunning || progress.Done() != 0 {
			t.Errorf("the other one: %s, %v, %v", v.Status, progress, err)
		}
		r.forward(9 * time.Hour) // 07:00
		_, progress = r.until(p, calm, "in the morning", over)
		if progress[models.MessageSent] != 10 {
			t.Errorf("in the morning: %v", progress)
		}
		r.recount(calm, progress)
	})
}

// A household that has had its messages of the day finds this one in its inbox only.
func TestDailyCap(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.households(3, one)
		p := r.start("one")
		for i := range 8 {
			id := r.begin(p, draft())
			_, progress := r.until(p, id, "done", over)
			if want := map[bool]models.MessageState{true: models.MessageSent, false: models.MessageStored}[i < 6]; progress[want] != 3 {
				t.Errorf("number %d: %v", i+1, progress)
			}
			r.recount(id, progress)
		}
	})
}

// With SMS, those without a device are told by SMS in their language and in plain letters.
func TestSMSWhereNoPushGoes(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.households(6, func(i int) int { return i % 2 })
		p := r.start("one")
		id := r.begin(p, draft(func(d *broadcast.Draft) { d.SMS = true }))
		_, progress := r.until(p, id, "done", over)
		if progress[models.MessageSent] != 6 || len(r.received()) != 3 {
			t.Errorf("%v, %d pushes", progress, len(r.received()))
		}
		r.recount(id, progress)
		for i := range 6 {
			want := (i + 1) % 2
			got := r.smsc.To(fmt.Sprintf("+8491%07d", i))
			if len(got) != want || want == 1 && got[0].Text != "Chieu nay phun hoa chat." {
				t.Errorf("household %d got %+v", i, got)
			}
		}
	})
}

// The SMS that wait are never many more than the backlog allows, and all of them go in the end.
func TestSMSBacklog(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		const n = 400
		r.households(n, func(int) int { return 0 })
		release := r.smsc.Hold()
		p := r.start("one", func(c *broadcast.Config) { c.Backlog = 60 })
		id := r.begin(p, draft(func(d *broadcast.Draft) { d.SMS = true }))
		_, crowded := r.until(p, id, "crowded", func(_ broadcast.View, p models.Progress) bool { return p.Done() >= 150 })
		if waiting := crowded[models.MessagePending]; waiting > 200 { // the backlog, and the three chunks that were under way
			t.Errorf("%d wait", waiting)
		}
		release()
		v, progress := r.until(p, id, "done", over)
		if v.Status != models.BroadcastDone || progress[models.MessageSent] != n {
			t.Errorf("%s %v", v.Status, progress)
		}
		if got := len(r.smsc.All()); got != n {
			t.Errorf("%d SMS for %d households", got, n)
		}
		r.recount(id, progress)
	})
}

// While Firebase does not work hardly anything is tried and nothing kept; afterwards it goes on by itself.
func TestRestsWhileFirebaseIsDown(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		const n, failing = 100, 5
		r.households(n, one)
		down := doubles.Failure{Status: http.StatusServiceUnavailable, RetryAfter: time.Minute}
		r.fcm.Fail(slices.Repeat([]doubles.Failure{down}, failing)...)
		p := r.start("one")
		id := r.begin(p, draft())
		r.until(p, id, "counted", func(_ broadcast.View, progress models.Progress) bool {
			r.rested(p)
			return progress.Done() == n
		})
		r.forward(time.Hour)
		v, progress := r.until(p, id, "done", func(v broadcast.View, _ models.Progress) bool {
			r.rested(p)
			return !v.Active
		})
		if v.Status != models.BroadcastDone || progress[models.MessageSent] != n {
			t.Errorf("%s %v", v.Status, progress)
		}
		if tries := r.fcm.Tries(); tries != n+failing {
			t.Errorf("%d tries for %d households, of which %d failed", tries, n, failing)
		}
		for token, times := range r.received() {
			if times != 1 {
				t.Errorf("%s was told %d times", token, times)
			}
		}
		r.recount(id, progress)
	})
}

// One whose time is over before everybody was reached says so; what it has told is counted.
func TestExpires(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.households(300, one)
		var sent atomic.Int64
		p := r.start("one", func(c *broadcast.Config) {
			send := c.Send
			c.Send = func(ctx context.Context, messages []models.Message) error {
				if sent.Add(1) == 2 {
					r.forward(time.Hour)
					return errors.New("the store is away")
				}
				return send(ctx, messages)
			}
		})
		id := r.begin(p, draft(func(d *broadcast.Draft) { d.Lasts = 10 * time.Minute }))
		v, progress := r.until(p, id, "over", over)
		if v.Status != models.BroadcastExpired || progress.Done() == 300 {
			t.Errorf("%s %v", v.Status, progress)
		}
		r.recount(id, progress)
	})
}
