package push

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"khaibao/models"
)

// queue holds the messages of one urgency that go one way. It has slots of its own, so that no other queue can hold it up.
type queue struct {
	worker *Worker
	lane   models.Lane
	route  models.Route
	wake   chan struct{}
	slots  chan struct{}
	hands  sync.WaitGroup

	mu      sync.Mutex
	busy    map[string]bool // messages under way
	trouble error           // what a hand met in the store since the last round
}

func newQueue(w *Worker, lane models.Lane, route models.Route) *queue {
	return &queue{
		worker: w, lane: lane, route: route, wake: make(chan struct{}, 1),
		slots: make(chan struct{}, w.Slots), busy: map[string]bool{},
	}
}

// Wake makes the worker look at once: call it after a message was kept.
func (w *Worker) Wake() {
	for _, q := range w.queues {
		select {
		case q.wake <- struct{}{}:
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
	var keeper, queues sync.WaitGroup
	keeper.Go(func() { w.lease.keep(leased) })
	for _, q := range w.queues {
		queues.Go(func() { q.serve(ctx, hands) })
	}
	<-ctx.Done()
	timer := time.AfterFunc(grace+w.lease.margin(), stop)
	defer timer.Stop()
	queues.Wait()
	release()
	keeper.Wait()
	return nil
}

// serve hands out what is due until ctx ends and then waits for the hands.
func (q *queue) serve(ctx, hands context.Context) {
	defer q.hands.Wait()
	failures := 0
	for ctx.Err() == nil {
		n, err := q.round(ctx, hands)
		switch {
		case err != nil && ctx.Err() == nil:
			q.worker.Log.Warn("messages delayed", "lane", int(q.lane), "route", q.route, "error", err)
			pause(ctx, q.worker.backoff(failures))
			failures++
		case n == 0:
			failures = 0
			q.idle(ctx)
		default:
			failures = 0
		}
	}
}

// round hands out the messages that are due and not under way. An error is the store's.
func (q *queue) round(ctx, hands context.Context) (handed int, err error) {
	if err := q.takeTrouble(); err != nil {
		return 0, err
	}
	term, held := q.worker.lease.current()
	if !held {
		return 0, nil
	}
	busy := q.underWay() // before the read: one that ends in between is then read as it was saved, or skipped
	if err := q.overdue(ctx, busy); err != nil {
		return 0, err
	}
	due, err := q.worker.Store.DueMessages(ctx, q.lane, q.route, q.worker.clock(q.lane), q.worker.Slots+len(busy))
	if err != nil {
		return 0, err
	}
	for i := range due {
		if busy[key(&due[i])] {
			continue
		}
		select {
		case <-ctx.Done():
			return handed, nil
		case q.slots <- struct{}{}:
		}
		handed++
		q.hand(hands, &due[i], term)
	}
	return handed, nil
}

// overdue lets SMS take over the pushes that have not gone by the time that they name.
func (q *queue) overdue(ctx context.Context, busy map[string]bool) error {
	if q.route != models.RoutePush {
		return nil
	}
	late, err := q.worker.Store.OverdueForSMS(ctx, q.lane, q.worker.clock(q.lane), q.worker.Slots+len(busy))
	for i := range late {
		if m := &late[i]; err == nil && !busy[key(m)] {
			if err = q.worker.takeOver(ctx, m, m.Reason); models.Changed.Is(err) {
				err = nil
			}
		}
	}
	return err
}

func key(m *models.Message) string { return m.Account + "|" + m.ID }

// hand delivers one message beside the others. The caller took a slot for it.
func (q *queue) hand(ctx context.Context, m *models.Message, term int) {
	q.mu.Lock()
	q.busy[key(m)] = true
	q.mu.Unlock()
	q.hands.Go(func() {
		err := q.worker.deliver(ctx, m, term)
		q.mu.Lock()
		delete(q.busy, key(m))
		if err != nil && !models.Changed.Is(err) && !models.NotFound.Is(err) && !errors.Is(err, errNotHeld) {
			q.trouble = err
		}
		q.mu.Unlock()
		<-q.slots
	})
}

func (q *queue) underWay() map[string]bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return maps.Clone(q.busy)
}

func (q *queue) takeTrouble() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	err := q.trouble
	q.trouble = nil
	return err
}

// idle waits for a wake or a while.
func (q *queue) idle(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-q.wake:
	case <-time.After(q.worker.Idle):
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
