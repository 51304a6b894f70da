package push

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"khaibao/models"
)

// queue holds the messages of one urgency that go one way. It has slots of its own, so that no other queue can hold it up.
type queue struct {
	worker  *Worker
	lane    models.Lane
	route   models.Route
	breaker *breaker // shared by the queues of a route
	wake    chan struct{}
	slots   chan struct{}
	hands   sync.WaitGroup
	late    atomic.Int64 // how long the first that is due has waited, by its clock

	mu      sync.Mutex
	trouble error           // what a hand met in the store since the last round
	skipped map[string]bool // households for which something is due, and which had another message under way
}

func newQueue(w *Worker, lane models.Lane, route models.Route) *queue {
	return &queue{
		worker: w, lane: lane, route: route, breaker: w.breakers[route],
		wake: make(chan struct{}, 1), slots: make(chan struct{}, w.Slots), skipped: map[string]bool{},
	}
}

// takes tells whether a message waits in this queue.
func (q *queue) takes(m models.Message) bool {
	return m.State == models.MessagePending && m.Lane == q.lane && m.Route == q.route
}

// poke makes the queue look at once.
func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// serve hands out what is due until ctx ends and then waits for the hands.
func (q *queue) serve(ctx, hands context.Context) {
	defer q.hands.Wait()
	failures := 0
	for ctx.Err() == nil {
		more, err := q.round(ctx, hands)
		switch {
		case err != nil && ctx.Err() == nil:
			q.worker.Log.Warn("messages delayed", "lane", q.lane, "route", q.route, "error", err)
			pause(ctx, q.worker.backoff(failures))
			failures++
		default:
			failures = 0
			if !more {
				q.idle(ctx)
			}
		}
	}
}

// round hands out the messages that are due and whose household has none under way, and tells whether more may be due than
// were read. An error is the store's.
func (q *queue) round(ctx, hands context.Context) (more bool, err error) {
	if err := q.takeTrouble(); err != nil {
		return false, err
	}
	term, held := q.worker.lease.current()
	if !held {
		return false, nil
	}
	batch, full, err := q.batch(ctx)
	if err != nil {
		return false, err
	}
	handed := 0
	sent, err := q.worker.sentToday(ctx, batch)
	for i := range batch {
		m := &batch[i]
		if err != nil || !q.takeSlot(ctx) {
			q.worker.release(claimed(m))
			continue
		}
		handed++
		q.hand(hands, m, sent[m.Account], term)
	}
	return full && handed > 0, err
}

// readAhead is how many messages are read for each slot: some are of households that have another one under way.
const readAhead = 4

// batch claims what may be handed out now: while the channel is left alone, only what has expired meanwhile. It is full when
// no more were to be read.
func (q *queue) batch(ctx context.Context) (batch []models.Message, full bool, err error) {
	w := q.worker
	ready := q.breaker.ready()
	look := w.claims.look()
	defer look.over()
	limit := readAhead*w.Slots + len(look.busy)
	q.skipNone()
	if err := q.overdue(ctx, look.busy, limit); err != nil {
		return nil, false, err
	}
	now := w.clock(q.lane)
	due, err := w.Store.DueMessages(ctx, q.lane, q.route, now, limit)
	if err != nil {
		return nil, false, err
	}
	q.late.Store(0)
	if len(due) > 0 {
		q.late.Store(int64(now.Sub(due[0].DueAt)))
	}
	for i := range due {
		m := &due[i]
		if !ready && now.Before(m.ExpiresAt) {
			continue
		}
		switch taken, self := look.take(m); {
		case taken:
			batch = append(batch, *m)
		case !self:
			q.skip(claimed(m))
			if !w.claims.has(claimed(m)) { // it was just released: who released it has not seen that we skipped
				q.poke()
			}
		}
	}
	return batch, len(due) == limit, nil
}

func (q *queue) skipNone() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.skipped)
}

// skip remembers a household whose turn comes when the message that it has under way is done.
func (q *queue) skip(household string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.skipped[household] = true
}

// released hears that a household has no message under way any more, and looks again where it was skipped.
func (q *queue) released(household string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.skipped[household] {
		delete(q.skipped, household)
		q.poke()
	}
}

// overdue lets SMS take over the pushes that have not gone by the time that they name.
func (q *queue) overdue(ctx context.Context, busy map[string]string, limit int) error {
	if q.route != models.RoutePush {
		return nil
	}
	late, err := q.worker.Store.OverdueForSMS(ctx, q.lane, q.worker.clock(q.lane), limit)
	for i := range late {
		if m := &late[i]; err == nil && busy[claimed(m)] == "" {
			if err = q.worker.takeOver(ctx, m, cmp.Or(m.Reason, "overdue")); models.Changed.Is(err) {
				err = nil
			}
		}
	}
	return err
}

func (q *queue) takeSlot(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case q.slots <- struct{}{}:
		return true
	}
}

// hand delivers one message beside the others. The caller claimed its household and took a slot for it.
func (q *queue) hand(ctx context.Context, m *models.Message, sent, term int) {
	q.hands.Go(func() {
		err := q.worker.deliver(ctx, m, sent, term)
		if err != nil && !models.Changed.Is(err) && !models.NotFound.Is(err) && !errors.Is(err, errNotHeld) && !errors.Is(err, errLeftAlone) {
			q.mu.Lock()
			q.trouble = err
			q.mu.Unlock()
		}
		q.worker.release(claimed(m))
		<-q.slots
	})
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
