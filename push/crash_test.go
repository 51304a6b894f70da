package push_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
	"khaibao/push"
)

// brokenStore fails where a test says so.
type brokenStore struct {
	*store.Store
	due       func() error
	save      func(m *models.Message) error
	noRelease bool
}

func (b *brokenStore) DueMessages(ctx context.Context, lane models.Lane, route models.Route, now time.Time, limit int) ([]models.Message, error) {
	if b.due != nil {
		if err := b.due(); err != nil {
			return nil, err
		}
	}
	return b.Store.DueMessages(ctx, lane, route, now, limit)
}

func (b *brokenStore) SaveMessage(ctx context.Context, m *models.Message) error {
	if b.save != nil {
		if err := b.save(m); err != nil {
			return err
		}
	}
	return b.Store.SaveMessage(ctx, m)
}

func (b *brokenStore) Release(ctx context.Context, work, owner string) error {
	if b.noRelease {
		return nil
	}
	return b.Store.Release(ctx, work, owner)
}

// deadable sends nothing once its process is dead.
type deadable struct {
	push.Sender
	dead *atomic.Bool
}

func (d deadable) Send(ctx context.Context, e models.Envelope) error {
	if d.dead.Load() {
		return &models.SendError{Reason: "dead", Retry: true}
	}
	return d.Sender.Send(ctx, e)
}

// A worker that dies between a send and writing it down repeats that send at most, with the same id and collapse key.
func TestCrashBetweenSendAndSave(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an", models.Vietnamese, models.English)
	for i := range 6 {
		r.enqueue(t, r.advice(account, fmt.Sprintf("d%d", i)))
	}
	var saves atomic.Int64
	var dead atomic.Bool
	killed := make(chan struct{})
	broken := &brokenStore{Store: r.store, save: func(*models.Message) error {
		if saves.Add(1) == 6 { // two saves a message: the second device of the third message is in flight
			dead.Store(true)
			close(killed)
		}
		if dead.Load() {
			return models.Fail(models.Internal, "internal")
		}
		return nil
	}, due: func() error {
		if dead.Load() {
			return models.Fail(models.Internal, "internal")
		}
		return nil
	}}
	c := r.config("killed")
	c.Store, c.Slots = broken, 1
	c.Push = deadable{c.Push, &dead}
	_, stop := r.start(t, c)
	<-killed
	stop()

	r.start(t, r.config("next"))
	times := map[string]int{}
	for len(times) < 12 {
		pushes, err := r.fcm.Await(storetest.Within(t), 13)
		fatal(t, err)
		times = map[string]int{}
		for _, p := range pushes {
			times[p.Data["message_id"]+" to "+p.Token]++
		}
	}
	for range 6 {
		r.settled(t)
	}
	repeated := 0
	for what, n := range times {
		if n > 2 {
			t.Errorf("%s went out %d times", what, n)
		}
		repeated += n - 1
	}
	if repeated != 1 {
		t.Errorf("%d sends were repeated, want only the one in flight: %v", repeated, times)
	}
	if n := r.fcm.Tries(); n != 13 {
		t.Errorf("got %d requests, want 13", n)
	}
}

// Two workers share one outbox: everything goes out once, and the second goes on when the first stops.
func TestTwoWorkersOneLease(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an", models.Vietnamese)
	c := r.config("first")
	c.LeaseLength = 10 * time.Second // a send may take a third of it
	_, stop := r.start(t, c)
	c.Owner = "second"
	r.start(t, c)
	const half = 40
	for i := range half {
		r.enqueue(t, r.advice(account, fmt.Sprintf("a%02d", i)))
	}
	for range half {
		r.settled(t)
	}
	stop()
	for i := range half {
		r.enqueue(t, r.advice(account, fmt.Sprintf("b%02d", i)))
	}
	for range half {
		r.settled(t)
	}
	if got := r.fcm.Tries(); got != 2*half {
		t.Errorf("got %d requests, want %d", got, 2*half)
	}
}

// A worker that vanished without a word holds nobody up for longer than its lease.
func TestLeaseOfADeadWorkerEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an", models.Vietnamese)
	c := r.config("dead")
	c.Store, c.LeaseLength = &brokenStore{Store: r.store, noRelease: true}, 9*time.Second
	_, stop := r.start(t, c)
	r.enqueue(t, r.advice(account, "d1"))
	r.settled(t)
	stop()
	c = r.config("next")
	c.LeaseLength = 9 * time.Second
	r.start(t, c)
	r.enqueue(t, r.advice(account, "d2"))
	r.settled(t)
	if m := r.message(t, account, "d2"); m.State != models.MessageSent {
		t.Errorf("got %s, want sent", m.State)
	}
}

// A store that is away is left alone, and what was sent meanwhile is written down rather than sent again.
func TestDeadStore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an", models.Vietnamese)
	var mu sync.Mutex
	reads, saves, away := 0, 0, true
	back := make(chan struct{})
	down := models.Down("reading", context.DeadlineExceeded)
	c := r.config("one")
	c.Store = &brokenStore{Store: r.store,
		due: func() error {
			mu.Lock()
			defer mu.Unlock()
			if reads++; reads == 70 {
				away = false
				close(back)
			}
			if away {
				return down
			}
			return nil
		},
		save: func(*models.Message) error {
			mu.Lock()
			defer mu.Unlock()
			if saves++; saves <= 3 {
				return down
			}
			return nil
		}}
	started := time.Now()
	r.start(t, c)
	r.enqueue(t, r.advice(account, "d1"))
	<-back
	// Ten reads of each queue at 2, 4, 8, 16, 32, 64, 64 ... ms: a busy loop would have made them in a moment.
	if took := time.Since(started); took < 200*time.Millisecond {
		t.Errorf("70 reads in %s: the worker does not leave a dead store alone", took)
	}
	if o := r.settled(t); o.State != models.MessageSent {
		t.Errorf("got %+v, want sent", o)
	}
	if got := r.fcm.Tries(); got != 1 {
		t.Errorf("got %d pushes, want 1", got)
	}
}
