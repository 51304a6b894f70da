package cases

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// rememberedFor is how old the numbers of a large area may be, in real time and by the domain's clock, which may be moved.
	rememberedFor = 30 * time.Second
	// computeWithin is how long computing numbers may take.
	computeWithin = 10 * time.Second
)

// remembered keeps what takes long to find out, by the area or the official that it is of: many officials look at a
// nation's numbers, and each look would count them anew.
type remembered[T any] struct {
	flights singleflight.Group
	mu      sync.Mutex
	known   map[string]rememberedAt[T]
}

type rememberedAt[T any] struct {
	numbers T
	read    time.Time // real
	at      time.Time // by the domain's clock
}

func (r *remembered[T]) get(of string, now time.Time) (numbers T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.known[of]
	return known.numbers, ok && time.Since(known.read) < rememberedFor && now.Sub(known.at).Abs() < rememberedFor
}

func (r *remembered[T]) set(of string, numbers T, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]rememberedAt[T]{}
	}
	r.known[of] = rememberedAt[T]{numbers, time.Now(), now}
}

// forget lets whoever works on an area see what that changed.
func (r *remembered[T]) forget(of string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, of)
}

// compute gives numbers anew, once for all that ask for the same at a time. It goes on when this page gives up waiting: the
// next one has it, and no connection is lost on the way.
func (r *remembered[T]) compute(ctx context.Context, what string, anew func(context.Context) (T, error)) (numbers T, err error) {
	done := r.flights.DoChan(what, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), computeWithin)
		defer cancel()
		return anew(ctx)
	})
	select {
	case <-ctx.Done():
		return numbers, ctx.Err()
	case result := <-done:
		numbers, _ = result.Val.(T)
		return numbers, result.Err
	}
}
