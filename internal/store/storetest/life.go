package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"khaibao/internal/store"
)

func (s suite) ensure(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "a", Tags: []string{"x"}})
	for range 2 {
		if err := e.Ensure(t.Context(), Collections()); err != nil {
			t.Fatal(err)
		}
	}
	if got := matching(t, e, store.Cond{Field: "tags", Op: store.Has, Value: "x"}); !slices.Equal(got, []string{"a"}) {
		t.Errorf("found %v", got)
	}
	if err := e.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// ensureRaces is what two processes do that start at the same time.
func (s suite) ensureRaces(t *testing.T) {
	e := s.open(t)
	errs := make(chan error)
	for range 4 {
		go func() { errs <- e.Ensure(t.Context(), Collections()) }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	insert(t, e, thing{ID: "a"})
}

// newIndexOnOld adds indexes to a collection that has documents.
func (s suite) newIndexOnOld(t *testing.T) {
	e := s.open(t)
	bare := []store.Collection{{Name: things}, {Name: briefs}, {Name: counters}}
	if err := e.Ensure(t.Context(), bare); err != nil {
		t.Fatal(err)
	}
	insert(t, e, thing{ID: "a", Tags: []string{"x"}, Todo: &part{At: 1}}, thing{ID: "b"})
	if err := e.Ensure(t.Context(), Collections()); err != nil {
		t.Fatal(err)
	}
	insert(t, e, thing{ID: "c", Tags: []string{"x"}, Todo: &part{At: 2}})
	for _, cond := range []store.Cond{{Field: "tags", Op: store.Has, Value: "x"}, {Field: "todo.at", Op: store.Exists, Value: true}} {
		if got := matching(t, e, cond); !slices.Equal(got, []string{"a", "c"}) {
			t.Errorf("%s finds %v", cond.Field, got)
		}
	}
}

func (s suite) reopening(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "a", Rev: "1", Tags: []string{"x"}})
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := s.start(t)
	if doc := get(t, again, "a"); doc.Rev != "1" {
		t.Errorf("%+v", doc)
	}
	if err := again.Insert(t.Context(), things, thing{ID: "a"}); !errors.Is(err, store.ErrExists) {
		t.Errorf("a taken _id: %v", err)
	}
	if got := matching(t, again, store.Cond{Field: "tags", Op: store.Has, Value: "x"}); !slices.Equal(got, []string{"a"}) {
		t.Errorf("found %v", got)
	}
}

// closed asks a closed engine for everything: it never answers that something is absent, changed or done.
func (s suite) closed(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "a", Rev: "1"})
	for range 2 {
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, doc := t.Context(), thing{ID: "a", Rev: "2"}
	each := func(store.Raw) error { return nil }
	_, count := e.Count(ctx, things, nil)
	_, replaceAll := e.ReplaceAll(ctx, things, []store.Document{doc}, []string{"1"})
	_, take := e.Take(ctx, briefs, "a", time.Now().Add(time.Hour))
	for name, err := range map[string]error{
		"insert":      e.Insert(ctx, things, thing{ID: "b"}),
		"insert all":  e.InsertAll(ctx, things, []store.Document{thing{ID: "b"}}),
		"get":         e.Get(ctx, things, "a", &doc),
		"get all":     e.GetAll(ctx, things, []string{"a"}, each),
		"find by":     e.FindBy(ctx, things, "name", "a", each),
		"find below":  e.FindBelow(ctx, things, "a|", owingFew, each),
		"replace":     e.Replace(ctx, things, doc, "1"),
		"replace all": replaceAll,
		"unset":       e.Unset(ctx, things, "todo", []store.Ref{{ID: "a"}}),
		"delete":      e.Delete(ctx, things, "a"),
		"find":        e.Find(ctx, things, store.Query{Sort: []store.Order{{Field: "_id"}}}, each),
		"count":       count,
		"add":         e.Add(ctx, counters, []store.Increment{{ID: "a", Guard: "g", Seq: 1, N: map[string]int64{"n": 1}}}),
		"take":        take,
		"ensure":      e.Ensure(ctx, Collections()),
		"ping":        e.Ping(ctx),
	} {
		if err == nil || errors.Is(err, store.ErrMissing) || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rev := get(t, s.start(t), "a").Rev; rev != "1" {
		t.Errorf("afterwards rev is %s", rev)
	}
}

func (s suite) purgeKeepsTheFresh(t *testing.T) {
	e := s.start(t)
	now := time.Now()
	if err := e.Insert(t.Context(), briefs, counter{ID: "fresh", ExpiresAt: store.At(now.Add(time.Hour))}); err != nil {
		t.Fatal(err)
	}
	if err := e.Insert(t.Context(), briefs, counter{ID: "for ever"}); err != nil {
		t.Fatal(err)
	}
	insert(t, e, thing{ID: "a", At: store.At(now.Add(-time.Hour))})
	if err := e.Purge(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	var doc counter
	for _, id := range []string{"fresh", "for ever"} {
		if err := e.Get(t.Context(), briefs, id, &doc); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	get(t, e, "a")
}
