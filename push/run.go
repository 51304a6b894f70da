package push

import (
	"context"
	"slices"
	"sync"
	"time"

	"khaibao/models"
)

// Wake makes the worker look at once: call it after messages were kept, which go through some of its queues, or without
// any to wake them all.
func (w *Worker) Wake(kept ...models.Message) {
	for _, q := range w.queues {
		if len(kept) == 0 || slices.ContainsFunc(kept, q.takes) {
			q.poke()
		}
	}
}

// wakeRoute makes the queues of one route look at once.
func (w *Worker) wakeRoute(route models.Route) {
	for _, q := range w.queues {
		if q.route == route {
			q.poke()
		}
	}
}

// release ends a claim and wakes the queues that had to skip something of the same household meanwhile.
func (w *Worker) release(key string) {
	w.claims.release(key)
	for _, q := range w.queues {
		q.released(key)
	}
}

// Open tells whether a route is left alone because it does not work.
func (w *Worker) Open(route models.Route) bool { return w.breakers[route].open() }

// Late tells for how long the message that is due longest has waited, by lane and route; 0 when none is due. It is as
// of the last look, a second ago at most.
func (w *Worker) Late(lane models.Lane, route models.Route) time.Duration {
	for _, q := range w.queues {
		if q.lane == lane && q.route == route {
			return time.Duration(q.late.Load())
		}
	}
	return 0
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

// backoff is how long to leave a failing store alone: longer each time, up to 32 times Idle.
func (w *Worker) backoff(failures int) time.Duration { return w.Idle << min(failures, 5) }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
