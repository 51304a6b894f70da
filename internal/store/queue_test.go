package store_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/store"
)

func TestQueue(t *testing.T) {
	t.Parallel()
	q := store.NewQueue[int]()
	for i := range 5 {
		if err := q.Put(i); err != nil {
			t.Fatal(err)
		}
	}
	if !q.Withdraw(1) || q.Withdraw(1) || q.Withdraw(9) {
		t.Error("only what waits can be withdrawn, once")
	}
	if got := q.Take(3); !slices.Equal(got, []int{0, 2, 3}) {
		t.Errorf("took %v", got)
	}
	if q.Withdraw(0) {
		t.Error("what was taken was withdrawn")
	}
	q.Close()
	if err := q.Put(6); !errors.Is(err, store.ErrClosed) {
		t.Errorf("put after close: %v", err)
	}
	if got := q.Take(3); !slices.Equal(got, []int{4}) {
		t.Errorf("what waited at close: %v", got)
	}
	if got := q.Take(3); len(got) != 0 {
		t.Errorf("at the end: %v", got)
	}
}

// TestQueueWithdrawn has callers who take everything back: a worker that was woken by them still takes what comes after.
func TestQueueWithdrawn(t *testing.T) {
	t.Parallel()
	q := store.NewQueue[int]()
	taken := make(chan []int)
	go func() {
		for batch := q.Take(7); len(batch) > 0; batch = q.Take(7) {
			taken <- batch
		}
		close(taken)
	}()
	var want, got []int
	var callers sync.WaitGroup
	callers.Go(func() {
		for batch := range taken {
			got = append(got, batch...)
		}
	})
	for i := range 1000 {
		if err := q.Put(i); err != nil {
			t.Fatal(err)
		}
		if !q.Withdraw(i) {
			want = append(want, i)
		}
	}
	if err := q.Put(1000); err != nil {
		t.Fatal(err)
	}
	q.Close()
	callers.Wait()
	if diff := cmp.Diff(append(want, 1000), got); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
}

// TestQueueServesAll has many callers and some workers: everything is taken once, and every worker ends.
func TestQueueServesAll(t *testing.T) {
	t.Parallel()
	q := store.NewQueue[int]()
	var callers, workers sync.WaitGroup
	var mu sync.Mutex
	var got []int
	for range 3 {
		workers.Go(func() {
			for batch := q.Take(7); len(batch) > 0; batch = q.Take(7) {
				mu.Lock()
				got = append(got, batch...)
				mu.Unlock()
			}
		})
	}
	var want []int
	for i := range 1000 {
		want = append(want, i)
		callers.Go(func() {
			if err := q.Put(i); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	q.Close()
	workers.Wait()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestKeyset(t *testing.T) {
	t.Parallel()
	held := []store.Cond{{Field: "area", Op: store.Eq, Value: "20"}, {Field: "at", Op: store.Ge, Value: store.Time(1)}, {Field: "_id", Op: store.Eq, Value: "x"}}
	sort := []store.Order{{Field: "area"}, {Field: "at", Desc: true}, {Field: "_id"}}
	for name, c := range map[string]struct {
		query  store.Query
		fields []store.Order
		after  []any
	}{
		"nothing held": {store.Query{Sort: sort, After: []any{"a", store.Time(2), "b"}}, sort, []any{"a", store.Time(2), "b"}},
		"held":         {store.Query{Where: held, Sort: sort, After: []any{"a", store.Time(2), "b"}}, sort[1:], []any{store.Time(2), "b"}},
		"first page":   {store.Query{Where: held, Sort: sort}, sort[1:], nil},
		"no order":     {store.Query{Where: held}, nil, nil},
	} {
		fields, after, err := c.query.Keyset()
		if err != nil || !slices.Equal(fields, c.fields) || !cmp.Equal(after, c.after) {
			t.Errorf("%s: %v after %v, %v; want %v after %v", name, fields, after, err, c.fields, c.after)
		}
	}
	if _, _, err := (&store.Query{Sort: sort, After: []any{"a"}}).Keyset(); err == nil {
		t.Error("a cursor of another size was taken")
	}
}
