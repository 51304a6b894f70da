package push

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// lease is the right to empty the outbox: one process has it at a time.
type lease struct {
	store  Store
	owner  string
	length time.Duration
	log    *slog.Logger
	gained func() // called when the right was newly won

	mu    sync.Mutex
	until time.Time // by the monotonic clock of this process
	term  int       // counts how often the right was won; 0: never
}

const work = "outbox"

// keep wins the lease and renews it until ctx ends, then gives it back.
func (l *lease) keep(ctx context.Context) {
	for ctx.Err() == nil {
		l.renew(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(l.length / 5):
		}
	}
	l.lost()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := l.store.Release(ctx, work, l.owner); err != nil {
		l.log.Warn("lease not given back", "work", work, "error", err)
	}
}

func (l *lease) renew(ctx context.Context) {
	asked := time.Now()
	ctx, cancel := context.WithTimeout(ctx, l.length/5)
	defer cancel()
	held, err := l.store.Lease(ctx, work, l.owner, l.length)
	switch {
	case err != nil: // it is ours until it ends, whatever happens to the store
		l.log.Warn("lease not renewed", "work", work, "error", err)
	case held:
		l.won(asked.Add(l.length))
	default:
		l.lost()
	}
}

func (l *lease) won(until time.Time) {
	l.mu.Lock()
	fresh := !time.Now().Before(l.until)
	l.until = until
	if fresh {
		l.term++
	}
	l.mu.Unlock()
	if fresh {
		l.gained()
	}
}

func (l *lease) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Time{}
}

// current gives the term of the lease; false when it is not held long enough for a send to end within it.
func (l *lease) current() (term int, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term, time.Until(l.until) > l.margin()
}

// margin is the longest that one send may take.
func (l *lease) margin() time.Duration { return l.length / 3 }
