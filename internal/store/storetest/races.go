package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/store"
)

const callers = 64

// owingFew finds what owes something.
var owingFew = store.Query{Where: []store.Cond{where("todo.at", store.Exists, true)}, Sort: []store.Order{{Field: "todo.at"}, {Field: "_id"}}, Limit: 100, Index: "todo"}

// together runs do for every caller at the same time.
func together(do func(caller int)) {
	var all sync.WaitGroup
	ready := make(chan struct{})
	for i := range callers {
		all.Go(func() {
			<-ready
			do(i)
		})
	}
	close(ready)
	all.Wait()
}

// manyCallers insert, read, look up and replace at once, some of them what another has: each gets its own answer, and finds
// what it was told is kept.
func (s suite) manyCallers(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "taken", Rev: "1"})
	together(func(caller int) {
		for i := range 8 {
			who := fmt.Sprintf("%02d", caller)
			own := thing{ID: fmt.Sprintf("%s|%02d", who, i), Rev: "1", Name: who, Level: int64(caller*100 + i), Tags: []string{fmt.Sprint(caller)}, Todo: &part{At: 1}}
			if err := e.Insert(t.Context(), things, own); err != nil {
				t.Errorf("insert: %v", err)
			}
			if err := e.Insert(t.Context(), things, thing{ID: "taken"}); !errors.Is(err, store.ErrExists) {
				t.Errorf("a taken _id: %v", err)
			}
			var got thing
			if err := e.Get(t.Context(), things, own.ID, &got); err != nil || got.Level != own.Level {
				t.Errorf("got level %d of %d, %v", got.Level, own.Level, err)
			}
			if err := e.Get(t.Context(), things, own.ID+"x", &got); !errors.Is(err, store.ErrMissing) {
				t.Errorf("an absent one: %v", err)
			}
			kept, owing := 0, 0
			count := func(n *int) func(store.Raw) error {
				return func(raw store.Raw) error {
					var doc thing
					err := raw.Decode(&doc)
					if doc.Name != who {
						t.Errorf("caller %d is given what is %q's", caller, doc.Name)
					}
					*n++
					return err
				}
			}
			if err := e.FindBy(t.Context(), things, "name", who, count(&kept)); err != nil || kept != i+1 {
				t.Errorf("caller %d finds %d of %d, %v", caller, kept, i+1, err)
			}
			if err := e.FindBelow(t.Context(), things, who+"|", owingFew, count(&owing)); err != nil || owing != 1 {
				t.Errorf("%d of caller %d owe, %v", owing, caller, err)
			}
			own.Rev, own.Todo = "2", nil
			if err := e.Replace(t.Context(), things, own, "1"); err != nil {
				t.Errorf("replace: %v", err)
			}
		}
	})
	for caller := range callers {
		if got := matching(t, e, store.Cond{Field: "tags", Op: store.Has, Value: fmt.Sprint(caller)}, store.Cond{Field: "rev", Op: store.Eq, Value: "2"}); len(got) != 8 {
			t.Errorf("caller %d has %v", caller, got)
		}
	}
}

func (s suite) oneWinsAnID(t *testing.T) {
	e := s.start(t)
	for round := range 5 {
		var won atomic.Int64
		together(func(caller int) {
			err := e.Insert(t.Context(), things, thing{ID: id(round), Level: int64(caller)})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrExists):
				t.Errorf("caller %d: %v", caller, err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d callers made the same document", won.Load())
		}
	}
}

func (s suite) oneWinsARev(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "a", Rev: "0"})
	for round := range 5 {
		var won atomic.Int64
		var winner atomic.Value
		was := get(t, e, "a").Rev
		together(func(caller int) {
			next := fmt.Sprintf("%d-%d", round, caller)
			err := e.Replace(t.Context(), things, thing{ID: "a", Rev: next}, was)
			switch {
			case err == nil:
				won.Add(1)
				winner.Store(next)
			case !errors.Is(err, store.ErrChanged):
				t.Errorf("caller %d: %v", caller, err)
			}
		})
		if now := get(t, e, "a").Rev; won.Load() != 1 || now != winner.Load() {
			t.Errorf("%d callers replaced the same rev; it is %s, the winner says %v", won.Load(), now, winner.Load())
		}
	}
}

// oneWinsEachRev has every caller swap the same documents at once: each document has one winner, who knows it.
func (s suite) oneWinsEachRev(t *testing.T) {
	e := s.start(t)
	const docs = 20
	was := make([]string, docs)
	for i := range docs {
		insert(t, e, thing{ID: id(i), Rev: "0"})
		was[i] = "0"
	}
	var won [docs]atomic.Int64
	together(func(caller int) {
		next := make([]store.Document, docs)
		for i := range next {
			next[i] = thing{ID: id(i), Rev: fmt.Sprint(caller + 1)}
		}
		changed, err := e.ReplaceAll(t.Context(), things, next, was)
		if err != nil {
			t.Errorf("caller %d: %v", caller, err)
			return
		}
		for i := range docs {
			if !slices.Contains(changed, i) && !won[i].CompareAndSwap(0, int64(caller+1)) {
				t.Errorf("%s has two winners", id(i))
			}
		}
	})
	for i := range docs {
		if rev := get(t, e, id(i)).Rev; rev != fmt.Sprint(won[i].Load()) {
			t.Errorf("%s is of caller %s, and %d says it won", id(i), rev, won[i].Load())
		}
	}
}

// eachHearsOfItsOwn has callers swap a document each at the same moment. For some of them somebody was faster or the
// document is gone, and those whose swap holds go on at once: no answer is taken for another's.
func (s suite) eachHearsOfItsOwn(t *testing.T) {
	e := s.start(t)
	const rounds = 6
	for caller := range callers {
		insert(t, e, thing{ID: id(caller), Rev: "0"})
	}
	together(func(caller int) {
		ctx := t.Context()
		for round := range rounds {
			was, next := fmt.Sprint(round), thing{ID: id(caller), Rev: fmt.Sprint(round + 1)}
			absent := thing{ID: "absent" + id(caller), Rev: "1"}
			if err := e.Replace(ctx, things, absent, "0"); !errors.Is(err, store.ErrChanged) {
				t.Errorf("what is not there: %v", err)
			}
			if caller%4 == 0 { // somebody is faster
				other := thing{ID: id(caller), Rev: fmt.Sprint("other", round)}
				if err := e.Replace(ctx, things, other, was); err != nil {
					t.Errorf("the faster one: %v", err)
				}
				if err := e.Replace(ctx, things, next, was); !errors.Is(err, store.ErrChanged) {
					t.Errorf("the slower one: %v", err)
				}
				was = other.Rev
			}
			if err := e.Replace(ctx, things, next, was); err != nil {
				t.Errorf("caller %d in round %d: %v", caller, round, err)
			}
		}
	})
	for caller := range callers {
		if rev := get(t, e, id(caller)).Rev; rev != fmt.Sprint(rounds) {
			t.Errorf("the document of caller %d has rev %s", caller, rev)
		}
	}
}

func (s suite) add(t *testing.T) {
	e := s.start(t)
	first := store.Increment{
		ID: "x", Guard: "daily", Seq: 1, N: map[string]int64{"app_high": 2, "sms_low": 1},
		Init: map[string]any{"area": "20", "since": store.Time(1763625600123), "size": int64(1 << 60)},
	}
	later := store.Increment{ID: "x", Guard: "daily", Seq: 3, N: map[string]int64{"app_high": 1 << 50}, Init: map[string]any{"area": "99"}}
	other := store.Increment{ID: "x", Guard: "declaration", Seq: 1, N: map[string]int64{"app_high": 5}}
	plain := store.Increment{ID: "y", Guard: "daily", Seq: 1, N: map[string]int64{"app_high": 1}}
	below := store.Increment{ID: "x", Guard: "daily", Seq: 2, N: map[string]int64{"app_high": 1000}}
	for _, batch := range [][]store.Increment{{first, plain}, {first, plain}, {later, other}, {below, plain, first}, {later, other}, nil} {
		if err := e.Add(t.Context(), counters, batch); err != nil {
			t.Fatal(err)
		}
	}
	want := []counter{
		{
			ID: "x", Area: "20", Since: 1763625600123, Size: 1 << 60,
			N: map[string]int64{"app_high": 2 + 1<<50 + 5, "sms_low": 1}, Seen: map[string]int64{"daily": 3, "declaration": 1},
		},
		{ID: "y", N: map[string]int64{"app_high": 1}, Seen: map[string]int64{"daily": 1}},
	}
	for _, want := range want {
		var got counter
		if err := e.Get(t.Context(), counters, want.ID, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// addRaces has every caller count in the same fresh documents: half of them each under a guard of its own, where every
// number counts exactly once, the others two to a guard, where of two that race one may find its number passed.
func (s suite) addRaces(t *testing.T) {
	e := s.start(t)
	const batches, docs = 5, 3
	guardOf := func(caller int) string {
		if caller%2 == 0 {
			return fmt.Sprint("own", caller)
		}
		return fmt.Sprint("shared", caller/4)
	}
	together(func(caller int) {
		for seq := range batches {
			var batch []store.Increment
			for doc := range docs {
				batch = append(batch, store.Increment{
					ID: id(doc), Guard: guardOf(caller), Seq: int64(seq + 1),
					N: map[string]int64{"n": 1, guardOf(caller): 1}, Init: map[string]any{"area": "20"},
				})
			}
			for range 2 { // the second time counts nothing
				if err := e.Add(t.Context(), counters, batch); err != nil {
					t.Errorf("caller %d: %v", caller, err)
				}
			}
		}
	})
	for doc := range docs {
		var got counter
		if err := e.Get(t.Context(), counters, id(doc), &got); err != nil {
			t.Fatal(err)
		}
		var sum int64
		for guard, seen := range got.Seen {
			n := got.N[guard]
			if sum += n; seen != batches || n < 1 || n > batches || (strings.HasPrefix(guard, "own") && n != batches) {
				t.Errorf("%s, guard %s: counted %d of %d, seen %d", got.ID, guard, n, batches, seen)
			}
		}
		if len(got.Seen) != callers/2+callers/4 || got.N["n"] != sum || got.Area != "20" {
			t.Errorf("%s: %d in all, %d under %d guards, area %q", got.ID, got.N["n"], sum, len(got.Seen), got.Area)
		}
	}
}

func (s suite) take(t *testing.T) {
	e := s.start(t)
	hour := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	for _, c := range []struct {
		id      string
		expires time.Time
		want    int64
	}{
		{"a", hour, 1},
		{"a", hour.Add(time.Hour), 2},
		{"b", hour, 1},
		{"a", hour, 3},
		{"past", time.Now().Add(-time.Minute), 1}, // gone at once
		{"past", hour, 1},
		{"past", hour, 2},
	} {
		if n, err := e.Take(t.Context(), briefs, c.id, c.expires); err != nil || n != c.want {
			t.Errorf("%s: %d, %v; want %d", c.id, n, err, c.want)
		}
	}
	var got counter
	var doc struct {
		N         int64      `bson:"n" json:"n"`
		ExpiresAt store.Time `bson:"expires_at" json:"expires_at"`
	}
	if err := e.Get(t.Context(), briefs, "a", &doc); err != nil || doc.N != 3 || doc.ExpiresAt != store.At(hour) {
		t.Errorf("it expires when the first one said: %+v, %v, want %d", doc, err, store.At(hour))
	}
	if err := e.Get(t.Context(), counters, "a", &got); !errors.Is(err, store.ErrMissing) {
		t.Errorf("in another collection: %v", err)
	}
}

func (s suite) takeRaces(t *testing.T) {
	e := s.start(t)
	hour := time.Now().Add(time.Hour)
	if _, err := e.Take(t.Context(), briefs, "expired", time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, budget := range []string{"fresh", "expired"} {
		var seen sync.Map
		together(func(caller int) {
			n, err := e.Take(t.Context(), briefs, budget, hour)
			if other, twice := seen.LoadOrStore(n, caller); err != nil || twice || n < 1 || n > callers {
				t.Errorf("%s: caller %d got %d as did %v (%v)", budget, caller, n, other, err)
			}
		})
	}
}

// givingUp ends contexts while writes wait and are under way: what was acknowledged is there.
func (s suite) givingUp(t *testing.T) {
	e := s.start(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Insert(gone, things, thing{ID: "never"}); !errors.Is(err, context.Canceled) {
		t.Errorf("insert of one who has gone: %v", err)
	}
	var doc thing
	if err := e.Get(gone, things, "never", &doc); !errors.Is(err, context.Canceled) {
		t.Errorf("get of one who has gone: %v", err)
	}
	if err := e.FindBy(gone, things, "name", "never", func(store.Raw) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("look-up of one who has gone: %v", err)
	}
	if err := e.Replace(gone, things, thing{ID: "never", Rev: "2"}, "1"); !errors.Is(err, context.Canceled) {
		t.Errorf("swap of one who has gone: %v", err)
	}
	if err := e.Get(t.Context(), things, "never", &doc); !errors.Is(err, store.ErrMissing) {
		t.Errorf("the document of one who had gone: %v", err)
	}
	var kept sync.Map
	together(func(caller int) {
		for i := range 8 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(caller*20)*time.Microsecond)
			key := fmt.Sprintf("%02d-%02d", caller, i)
			err := e.Insert(ctx, things, thing{ID: key})
			if err == nil {
				kept.Store(key, true)
			} else if ctx.Err() == nil {
				t.Errorf("%s: %v without having given up", key, err)
			}
			cancel()
		}
	})
	kept.Range(func(key, _ any) bool {
		if err := e.Get(t.Context(), things, key.(string), &doc); err != nil {
			t.Errorf("%s was acknowledged: %v", key, err)
		}
		return true
	})
}
