package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"khaibao/internal/store"
	"khaibao/internal/store/sqlite"
	"khaibao/internal/store/storetest"
)

func open(t testing.TB, dir string) *sqlite.Engine {
	t.Helper()
	e, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e
}

func TestEngine(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	storetest.Run(t, func(t *testing.T) store.Engine {
		return open(t, filepath.Join(base, strings.ReplaceAll(t.Name(), "/", "-")))
	})
}

// In memory the engine keeps what it promises, as long as somebody has the store open.
func TestEngineInMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Engine {
		var both [2]*sqlite.Engine // one stays open while the test closes and opens the other
		for i := range both {
			var err error
			if both[i], err = sqlite.OpenMemory(t.Context(), t.Name()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { both[i].Close(context.Background()) })
		}
		return both[0]
	})
}

func BenchmarkEngine(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Engine { return open(b, b.TempDir()) })
}

// TestGivenUpIsNotKept is stricter than the suite: here an error of a caller that gave up means that nothing was written.
func TestGivenUpIsNotKept(t *testing.T) {
	t.Parallel()
	e := notebook(t)
	var gaveUp sync.Map
	var all sync.WaitGroup
	for caller := range 64 {
		all.Go(func() {
			for i := range 8 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(caller*20)*time.Microsecond)
				id := fmt.Sprintf("%d-%d", caller, i)
				if err := e.Insert(ctx, notes, note{ID: id}); err != nil {
					gaveUp.Store(id, true)
				}
				cancel()
			}
		})
	}
	all.Wait()
	gaveUp.Range(func(id, _ any) bool {
		var n note
		if err := e.Get(t.Context(), notes, id.(string), &n); !errors.Is(err, store.ErrMissing) {
			t.Errorf("%s was given up: %v", id, err)
		}
		return true
	})
}

func TestPurge(t *testing.T) {
	t.Parallel()
	e := notebook(t)
	now := time.Now()
	var docs []store.Document
	for i := range 1000 {
		docs = append(docs, note{ID: fmt.Sprint("old", i), At: store.At(now.Add(-time.Duration(i) * time.Second)), Tags: []string{"x"}})
	}
	docs = append(docs, note{ID: "new", At: store.At(now.Add(time.Second)), Tags: []string{"x"}}, note{ID: "none", Tags: []string{"x"}})
	if err := e.InsertAll(t.Context(), notes, docs); err != nil {
		t.Fatal(err)
	}
	if err := e.Purge(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	for _, where := range [][]store.Cond{nil, {{Field: "tags", Op: store.Has, Value: "x"}}} {
		if n, err := e.Count(t.Context(), notes, where); err != nil || n != 1 {
			t.Errorf("%v: %d are left, %v", where, n, err)
		}
	}
}

func TestUndeclaredCollection(t *testing.T) {
	t.Parallel()
	e := notebook(t)
	var n note
	if err := e.Insert(t.Context(), "nowhere", n); err == nil || !strings.Contains(err.Error(), `"nowhere"`) {
		t.Errorf("insert: %v", err)
	}
	if err := e.Get(t.Context(), "nowhere", "a", &n); err == nil || errors.Is(err, store.ErrMissing) {
		t.Errorf("get: %v", err)
	}
}

// TestBadItemFailsAlone puts a document that cannot be written (a field that JSON has no word for) among others.
func TestBadItemFailsAlone(t *testing.T) {
	t.Parallel()
	e := notebook(t)
	bad := []store.Document{note{ID: "a"}, notANumber{"b"}, note{ID: "c"}}
	if err := e.InsertAll(t.Context(), notes, bad); err == nil {
		t.Error("a document without words was kept")
	}
	if n, err := e.Count(t.Context(), notes, nil); err != nil || n != 0 {
		t.Errorf("%d of its neighbours were kept, %v", n, err)
	}
}

type notANumber struct{ ID string }

func (d notANumber) Key() string                  { return d.ID }
func (d notANumber) Revision() string             { return "" }
func (d notANumber) MarshalJSON() ([]byte, error) { return nil, errors.New("no words") }

func notebook(t *testing.T) *sqlite.Engine {
	t.Helper()
	e := open(t, t.TempDir())
	if err := e.Ensure(t.Context(), noteCollections()); err != nil {
		t.Fatal(err)
	}
	return e
}
