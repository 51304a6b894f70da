package storetest

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/store"
)

func (s suite) insertAndGet(t *testing.T) {
	e := s.start(t)
	want := thing{ID: "a", Rev: "1", Name: "first"}
	insert(t, e, want)
	if err := e.Insert(t.Context(), things, thing{ID: "a", Rev: "2", Name: "second"}); !errors.Is(err, store.ErrExists) {
		t.Errorf("a taken _id: %v, want %v", err, store.ErrExists)
	}
	if diff := cmp.Diff(want, get(t, e, "a")); diff != "" {
		t.Error(diff)
	}
	var doc thing
	if err := e.Get(t.Context(), things, "b", &doc); !errors.Is(err, store.ErrMissing) {
		t.Errorf("no such document: %v, want %v", err, store.ErrMissing)
	}
	if err := e.Get(t.Context(), briefs, "a", &doc); !errors.Is(err, store.ErrMissing) {
		t.Errorf("of another collection: %v, want %v", err, store.ErrMissing)
	}
}

func (s suite) roundTrip(t *testing.T) {
	e := s.start(t)
	docs := []thing{
		{ID: "empty"},
		{ID: "numbers", Level: math.MaxInt64, Small: -7, Score: 38.5, Numbers: map[string]int64{"max": math.MaxInt64, "min": math.MinInt64, "odd": 1<<53 + 1}},
		{ID: "times", At: 1763625600123, Todo: &part{At: math.MaxInt32, Text: "x"}, Parts: []part{{At: 1}, {At: -1, Text: "before 1970"}}},
		{ID: "words", Name: "Nguyễn Thị Thử 😷 <&> \" \\ \n \u2028 $gt %", Tags: []string{"", "đ", "a'b"}},
		{ID: "ký tự | } $", Flag: true},
		{ID: "bytes", Sealed: []byte{0, 1, 0xff, '"', 0}},
		{ID: "long", Name: strings.Repeat("dài ", 100_000)},
	}
	insert(t, e, docs...)
	for _, want := range docs {
		if diff := cmp.Diff(want, get(t, e, want.ID)); diff != "" {
			t.Errorf("%s by Get: %s", want.ID, diff)
		}
	}
	// Documents that were decoded stay what they are while the read goes on.
	slices.SortFunc(docs, func(a, b thing) int { return strings.Compare(a.ID, b.ID) })
	if diff := cmp.Diff(docs, found(t, e, store.Query{Sort: []store.Order{{Field: "_id"}}})); diff != "" {
		t.Errorf("by Find: %s", diff)
	}
}

func (s suite) insertAll(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "a", Name: "old"})
	docs := []store.Document{thing{ID: "b"}, thing{ID: "a", Name: "new"}, thing{ID: "c", Tags: []string{"x"}}, thing{ID: "b", Name: "twice"}}
	for range 2 {
		if err := e.InsertAll(t.Context(), things, docs); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.InsertAll(t.Context(), things, nil); err != nil {
		t.Errorf("none: %v", err)
	}
	want := []thing{{ID: "a", Name: "old"}, {ID: "b"}, {ID: "c", Tags: []string{"x"}}}
	if diff := cmp.Diff(want, found(t, e, store.Query{Sort: []store.Order{{Field: "_id"}}})); diff != "" {
		t.Error(diff)
	}
}

func (s suite) getAll(t *testing.T) {
	e := s.start(t)
	var all []string
	docs := make([]store.Document, 1000)
	for i := range docs {
		docs[i] = thing{ID: id(i), Level: int64(i)}
		all = append(all, id(i))
	}
	if err := e.InsertAll(t.Context(), things, docs); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ask  []string
		want int
	}{
		"none":         {nil, 0},
		"one":          {[]string{id(5)}, 1},
		"absent":       {[]string{"x"}, 0},
		"some absent":  {[]string{"x", id(1), "y", id(999)}, 2},
		"one twice":    {[]string{id(1), id(1)}, 1},
		"the most":     {all, 1000},
		"odd letters":  {[]string{`a"b`, "c'd", "$gt"}, 0},
		"an empty one": {[]string{""}, 0},
	} {
		got := map[string]int64{}
		n := 0
		err := e.GetAll(t.Context(), things, c.ask, func(raw store.Raw) error {
			var doc thing
			err := raw.Decode(&doc)
			got[doc.ID] = doc.Level
			n++
			return err
		})
		if err != nil || n != c.want || len(got) != c.want {
			t.Errorf("%s: %d documents, %d ids, %v; want %d", name, n, len(got), err, c.want)
		}
		for key, level := range got {
			if id(int(level)) != key || !slices.Contains(c.ask, key) {
				t.Errorf("%s: %s has level %d", name, key, level)
			}
		}
	}
}

// reader is a read that calls each for what it finds, in any order.
type reader func(each func(store.Raw) error) error

// gathered gives the ids of the documents that a read finds, sorted.
func gathered(t *testing.T, read reader) []string {
	t.Helper()
	var docs []thing
	err := read(func(raw store.Raw) error {
		var doc thing
		err := raw.Decode(&doc)
		docs = append(docs, doc)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return slices.Sorted(slices.Values(ids(docs)))
}

func (s suite) findBy(t *testing.T) {
	e := s.start(t)
	owing := func(id, text string) thing { return thing{ID: id, Name: "an", Todo: &part{At: 1, Text: text}} }
	insert(t, e, owing("a", "x"), owing("b", "x"), owing("c", "y"), thing{ID: "d", Name: "bình"}, thing{ID: "e"}, thing{ID: "f", Name: "$gt"})
	for name, c := range map[string]struct {
		field, value string
		want         []string
	}{
		"many":                {"name", "an", []string{"a", "b", "c"}},
		"one":                 {"name", "bình", []string{"d"}},
		"none":                {"name", "a", nil},
		"an operator's name":  {"name", "$gt", []string{"f"}},
		"quotes":              {"name", `' OR "1"="1`, nil},
		"a few that have it":  {"todo.text", "x", []string{"a", "b"}},
		"none that has it":    {"todo.text", "z", nil},
		"by what nobody left": {"todo.text", "", nil},
	} {
		got := gathered(t, func(each func(store.Raw) error) error { return e.FindBy(t.Context(), things, c.field, c.value, each) })
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	enough := errors.New("enough")
	calls := 0
	err := e.FindBy(t.Context(), things, "name", "an", func(store.Raw) error { calls++; return enough })
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("stopped after %d with %v", calls, err)
	}
}

func (s suite) findBelow(t *testing.T) {
	e := s.start(t)
	owing := func(id string) thing { return thing{ID: id, Todo: &part{At: 1}} }
	long := "b|" + strings.Repeat("z", 40)
	insert(t, e, owing("a|1"), owing("a|2"), thing{ID: "a|3"}, owing("ab|1"), owing("a"), owing("a}"), owing("b|1"), owing(long), thing{ID: "c|1"})
	for _, limit := range []int{1, 100} { // more than few, and few
		among := owingFew
		among.Limit = limit
		want := map[string][]string{"a|": {"a|1", "a|2"}, "ab|": {"ab|1"}, "b|": {"b|1", long}, "c|": nil, "d|": nil}
		ask := func(prefix string) {
			got := gathered(t, func(each func(store.Raw) error) error { return e.FindBelow(t.Context(), things, prefix, among, each) })
			if diff := cmp.Diff(want[prefix], got); diff != "" {
				t.Errorf("below %s, few are %d: %s", prefix, limit, diff)
			}
		}
		prefixes := slices.Sorted(maps.Keys(want))
		for _, prefix := range prefixes {
			ask(prefix)
		}
		together(func(caller int) { ask(prefixes[caller%len(prefixes)]) })
	}
}

func (s suite) replace(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "a", Rev: "1", Name: "one", Tags: []string{"x"}})
	next := thing{ID: "a", Rev: "2", Name: "two"}
	if err := e.Replace(t.Context(), things, next, "1"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		doc thing
		was string
	}{
		"a stale rev":      {thing{ID: "a", Rev: "3", Name: "stale"}, "1"},
		"no rev":           {thing{ID: "a", Rev: "3", Name: "none"}, ""},
		"no such document": {thing{ID: "b", Rev: "3", Name: "absent"}, "2"},
	} {
		if err := e.Replace(t.Context(), things, c.doc, c.was); !errors.Is(err, store.ErrChanged) {
			t.Errorf("%s: %v, want %v", name, err, store.ErrChanged)
		}
	}
	if diff := cmp.Diff([]thing{next}, found(t, e, store.Query{Sort: []store.Order{{Field: "_id"}}})); diff != "" {
		t.Error(diff)
	}
}

// replaceAll swaps a thousand documents of which some were changed meanwhile, are gone, or carry the new rev already, as
// after an answer that was lost.
func (s suite) replaceAll(t *testing.T) {
	e := s.start(t)
	const n = 1000
	var before, after []store.Document
	var was []string
	var want []thing
	for i := range n {
		old, next := thing{ID: id(i), Rev: "1", Tags: []string{"old"}}, thing{ID: id(i), Rev: "2", Level: int64(i), Tags: []string{"new"}}
		switch i {
		case 3, 998:
			old.Rev = "other"
		case 500:
			old.ID = "somebody else"
		}
		before, after, was = append(before, old), append(after, next), append(was, "1")
		if i == 3 || i == 500 || i == 998 {
			want = append(want, old)
		} else {
			want = append(want, next)
		}
	}
	if err := e.InsertAll(t.Context(), things, before); err != nil {
		t.Fatal(err)
	}
	changed, err := e.ReplaceAll(t.Context(), things, after, was)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{3, 500, 998}, changed); diff != "" {
		t.Error(diff)
	}
	slices.SortFunc(want, func(a, b thing) int { return strings.Compare(a.ID, b.ID) })
	if diff := cmp.Diff(want, found(t, e, store.Query{Sort: []store.Order{{Field: "_id"}}})); diff != "" {
		t.Error(diff)
	}
	if got := matching(t, e, where("tags", store.Has, "new")); len(got) != n-3 {
		t.Errorf("the index of tags finds %d, want %d", len(got), n-3)
	}
	if changed, err = e.ReplaceAll(t.Context(), things, nil, nil); len(changed) > 0 || err != nil {
		t.Errorf("none: %v, %v", changed, err)
	}
}

func (s suite) unset(t *testing.T) {
	e := s.start(t)
	owing := func(id, rev string) thing {
		return thing{ID: id, Rev: rev, Level: math.MaxInt64, Score: 37.5, Sealed: []byte("s"), Todo: &part{At: 1}}
	}
	insert(t, e, owing("a", "1"), owing("b", "2"), owing("c", "1"), owing("d", "1"), thing{ID: "e", Rev: "1"})
	refs := []store.Ref{{ID: "a", Rev: "1"}, {ID: "b", Rev: "1"}, {ID: "c"}, {ID: "e", Rev: "1"}, {ID: "absent", Rev: "1"}, {ID: "gone"}}
	for range 2 {
		if err := e.Unset(t.Context(), things, "todo", refs); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Unset(t.Context(), things, "todo", nil); err != nil {
		t.Errorf("none: %v", err)
	}
	settled := func(id, rev string) thing {
		doc := owing(id, rev)
		doc.Todo = nil
		return doc
	}
	want := []thing{settled("a", "1"), owing("b", "2"), settled("c", "1"), owing("d", "1"), {ID: "e", Rev: "1"}}
	if diff := cmp.Diff(want, found(t, e, store.Query{Sort: []store.Order{{Field: "_id"}}})); diff != "" {
		t.Error(diff)
	}
	got := matching(t, e, store.Cond{Field: "todo.at", Op: store.Exists, Value: true})
	if diff := cmp.Diff([]string{"b", "d"}, got); diff != "" {
		t.Errorf("by the index: %s", diff)
	}
}

func (s suite) delete(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "a", Tags: []string{"x"}}, thing{ID: "b", Tags: []string{"x"}}, thing{ID: "c"})
	for range 2 {
		if err := e.Delete(t.Context(), things, "a", "c", "absent"); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Delete(t.Context(), things); err != nil {
		t.Errorf("none: %v", err)
	}
	if diff := cmp.Diff([]string{"b"}, matching(t, e)); diff != "" {
		t.Error(diff)
	}
	insert(t, e, thing{ID: "a"})
	if diff := cmp.Diff([]string{"b"}, matching(t, e, store.Cond{Field: "tags", Op: store.Has, Value: "x"})); diff != "" {
		t.Errorf("made again, it has the tags of the deleted one: %s", diff)
	}
}
