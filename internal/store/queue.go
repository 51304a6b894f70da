package store

import (
	"errors"
	"runtime"
	"slices"
	"sync"
)

// ErrClosed: the engine was closed before the request was begun.
var ErrClosed = errors.New("store: the engine is closed")

// Queue holds what callers wait for, so that an engine's worker can carry out together what has arrived together.
// It does not linger: a worker that is free takes a lone request at once.
type Queue[T comparable] struct {
	mu      sync.Mutex
	arrived sync.Cond
	waiting []T
	closed  bool
}

// NewQueue makes an empty queue.
func NewQueue[T comparable]() *Queue[T] {
	q := &Queue[T]{}
	q.arrived.L = &q.mu
	return q
}

// Put adds a request: ErrClosed after Close.
func (q *Queue[T]) Put(request T) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	q.waiting = append(q.waiting, request)
	q.arrived.Signal()
	return nil
}

// Withdraw takes a request back; false when a worker has it already.
func (q *Queue[T]) Withdraw(request T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, request)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// Take waits for requests and gives those that wait, the oldest first, at most limit. It gives none once the queue is
// closed and empty: the worker's sign to end.
func (q *Queue[T]) Take(limit int) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.letOthersPut()
	for len(q.waiting) == 0 && !q.closed {
		q.arrived.Wait()
		q.letOthersPut() // or withdraw, so that none is left
	}
	n := min(limit, len(q.waiting))
	taken := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return taken
}

// letOthersPut lets callers go first who are ready to put theirs; where processors are short, groups would else be small.
// It waits for nobody who is not.
func (q *Queue[T]) letOthersPut() {
	q.mu.Unlock()
	runtime.Gosched()
	q.mu.Lock()
}

// Close refuses new requests; those that wait are still taken.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.arrived.Broadcast()
}
