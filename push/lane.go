package push

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"khaibao/models"
)

// lane is one degree of urgency with slots of its own, so that no other lane can hold it up.
type lane struct {
	worker *Worker
	id     models.Lane
	wake   chan struct{}
	slots  chan struct{}
	hands  sync.WaitGroup

	mu      sync.Mutex
	busy    map[string]bool // messages under way
	trouble error           // what a hand met in the store since the last round
}

func newLane(w *Worker, id models.Lane) *lane {
	return &lane{
		worker: w, id: id, wake: make(chan struct{}, 1),
		slots: make(chan struct{}, w.Slots), busy: map[string]bool{},
	}
}

// Wake makes the worker look at once: call it after a message was kept.
func (w *Worker) Wake() {
	for _, l := range w.lanes {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// grace is how long a hand may go on trying to write down what it sent once the worker is to stop.
const grace = 5 * time.Second

// Run works until ctx ends. It then takes no new message, finishes the sends under way, gives its lease back and returns.
func (w *Worker) Run(ctx context.Context) error {
	hands, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	leased, release := context.WithCancel(hands)
	var keeper, lanes sync.WaitGroup
	keeper.Go(func() { w.lease.keep(leased) })
	for _, l := range w.lanes {
		lanes.Go(func() { l.serve(ctx, hands) })
	}
	<-ctx.Done()
	timer := time.AfterFunc(grace+w.lease.margin(), stop)
	defer timer.Stop()
	lanes.Wait()
	release()
	keeper.Wait()
	return nil
}

// serve hands out what is due until ctx ends and then waits for the hands.
func (l *lane) serve(ctx, hands context.Context) {
	defer l.hands.Wait()
	failures := 0
	for ctx.Err() == nil {
		n, err := l.round(ctx, hands)
		switch {
		case err != nil && ctx.Err() == nil:
			l.worker.Log.Warn("messages delayed", "lane", int(l.id), "error", err)
			pause(ctx, l.worker.backoff(failures))
			failures++
		case n == 0:
			failures = 0
			l.idle(ctx)
		default:
			failures = 0
		}
	}
}

// round hands out the messages that are due and not under way. An error is the store's.
func (l *lane) round(ctx, hands context.Context) (handed int, err error) {
	if err := l.takeTrouble(); err != nil {
		return 0, err
	}
	term, held := l.worker.lease.current()
	if !held {
		return 0, nil
	}
	busy := l.underWay() // before the read: one that ends in between is then read as it was saved, or skipped
	due, err := l.worker.Store.DueMessages(ctx, l.id, l.worker.clock(l.id), l.worker.Slots+len(busy))
	if err != nil {
		return 0, err
	}
	for i := range due {
		key := due[i].Account + "|" + due[i].ID
		if busy[key] {
			continue
		}
		select {
		case <-ctx.Done():
			return handed, nil
		case l.slots <- struct{}{}:
		}
		handed++
		l.hand(hands, key, &due[i], term)
	}
	return handed, nil
}

// hand delivers one message beside the others. The caller took a slot for it.
func (l *lane) hand(ctx context.Context, key string, m *models.Message, term int) {
	l.mu.Lock()
	l.busy[key] = true
	l.mu.Unlock()
	l.hands.Go(func() {
		err := l.worker.deliver(ctx, m, term)
		l.mu.Lock()
		delete(l.busy, key)
		if err != nil && !models.Changed.Is(err) && !models.NotFound.Is(err) && !errors.Is(err, errNotHeld) {
			l.trouble = err
		}
		l.mu.Unlock()
		<-l.slots
	})
}

func (l *lane) underWay() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.busy)
}

func (l *lane) takeTrouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.trouble
	l.trouble = nil
	return err
}

// idle waits for a wake or a while.
func (l *lane) idle(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-l.wake:
	case <-time.After(l.worker.Idle):
	}
}

// backoff is how long to leave a failing store alone: longer each time, up to 32 times Idle.
func (w *Worker) backoff(failures int) time.Duration { return w.Idle << min(failures, 5) }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
