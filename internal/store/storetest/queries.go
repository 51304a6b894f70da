package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"khaibao/internal/store"
)

func (s suite) operators(t *testing.T) {
	e := s.start(t)
	insert(t, e,
		thing{ID: "a", Kind: "x", Name: "an", Level: 1, Flag: true, At: 100, Score: 36.6, Tags: []string{"p", "q"}, Marks: []string{"p", "q"}, Todo: &part{At: 5, Text: "t"}},
		thing{ID: "b", Kind: "x", Name: "bình", Level: 2, At: 200, Tags: []string{"q"}, Marks: []string{"q"}},
		thing{ID: "c", Kind: "y", Level: 1 << 40, Flag: true, At: 300, Tags: []string{"r", "q", "p"}, Marks: []string{"r", "q", "p"}},
		thing{ID: "d", Kind: "y", Name: "$gt", Level: -1},
	)
	type conds = []store.Cond
	for name, c := range map[string]struct {
		where conds
		want  []string
	}{
		"everything":              {nil, []string{"a", "b", "c", "d"}},
		"= string":                {conds{where("kind", store.Eq, "y")}, []string{"c", "d"}},
		"= unicode":               {conds{where("name", store.Eq, "bình")}, []string{"b"}},
		"= an operator's name":    {conds{where("name", store.Eq, "$gt")}, []string{"d"}},
		"= quotes":                {conds{where("name", store.Eq, `' OR "1"="1`)}, nil},
		"= int":                   {conds{where("level", store.Eq, int64(1<<40))}, []string{"c"}},
		"= true":                  {conds{where("flag", store.Eq, true)}, []string{"a", "c"}},
		"= false":                 {conds{where("flag", store.Eq, false)}, []string{"b", "d"}},
		"= time":                  {conds{where("at", store.Eq, store.Time(200))}, []string{"b"}},
		"= _id":                   {conds{where("_id", store.Eq, "c")}, []string{"c"}},
		"= nested":                {conds{where("todo.text", store.Eq, "t")}, []string{"a"}},
		"= a field that is not":   {conds{where("nowhere", store.Eq, "t")}, nil},
		"!=":                      {conds{where("level", store.Ne, int64(1))}, []string{"b", "c", "d"}},
		"!= where absent":         {conds{where("name", store.Ne, "an")}, []string{"b", "c", "d"}},
		"<":                       {conds{where("level", store.Lt, int64(1))}, []string{"d"}},
		"< where absent":          {conds{where("at", store.Lt, store.Time(200))}, []string{"a"}},
		"<=":                      {conds{where("level", store.Le, int64(1))}, []string{"a", "d"}},
		">":                       {conds{where("at", store.Gt, store.Time(100))}, []string{"b", "c"}},
		">=":                      {conds{where("at", store.Ge, store.Time(100))}, []string{"a", "b", "c"}},
		"a range":                 {conds{where("at", store.Gt, store.Time(100)), where("at", store.Lt, store.Time(300))}, []string{"b"}},
		"a range of _id":          {conds{where("_id", store.Gt, "a"), where("_id", store.Lt, "c")}, []string{"b"}},
		"twice the same operator": {conds{where("kind", store.Eq, "x"), where("kind", store.Eq, "y")}, nil},
		"two narrowing":           {conds{where("level", store.Ge, int64(0)), where("level", store.Ge, int64(2))}, []string{"b", "c"}},
		"in strings":              {conds{where("kind", store.In, []string{"y", "z"})}, []string{"c", "d"}},
		"in ints":                 {conds{where("level", store.In, []int64{2, 1 << 40})}, []string{"b", "c"}},
		"in _id":                  {conds{where("_id", store.In, []string{"d", "a"})}, []string{"a", "d"}},
		"in an empty list":        {conds{where("kind", store.In, []string{})}, nil},
		"in no list":              {conds{where("kind", store.In, []string(nil))}, nil},
		"has, indexed":            {conds{where("tags", store.Has, "p")}, []string{"a", "c"}},
		"has":                     {conds{where("marks", store.Has, "p")}, []string{"a", "c"}},
		"has none":                {conds{where("marks", store.Has, "z")}, nil},
		"all, indexed":            {conds{where("tags", store.All, []string{"p", "q"})}, []string{"a", "c"}},
		"all":                     {conds{where("marks", store.All, []string{"p", "q"})}, []string{"a", "c"}},
		"all, twice one, indexed": {conds{where("tags", store.All, []string{"q", "q"})}, []string{"a", "b", "c"}},
		"all, twice one":          {conds{where("marks", store.All, []string{"q", "q"})}, []string{"a", "b", "c"}},
		"all of none, indexed":    {conds{where("tags", store.All, []string{})}, nil},
		"all of none":             {conds{where("marks", store.All, []string(nil))}, nil},
		"any, indexed":            {conds{where("tags", store.Any, []string{"p", "r"})}, []string{"a", "c"}},
		"any":                     {conds{where("marks", store.Any, []string{"p", "r"})}, []string{"a", "c"}},
		"any of none, indexed":    {conds{where("tags", store.Any, []string(nil))}, nil},
		"any of none":             {conds{where("marks", store.Any, []string{})}, nil},
		"exists":                  {conds{where("at", store.Exists, true)}, []string{"a", "b", "c"}},
		"exists not":              {conds{where("at", store.Exists, false)}, []string{"d"}},
		"exists nested":           {conds{where("todo.at", store.Exists, true)}, []string{"a"}},
		"exists array":            {conds{where("tags", store.Exists, false)}, []string{"d"}},
		"together":                {conds{where("kind", store.Eq, "x"), where("flag", store.Eq, true), where("tags", store.Has, "q"), where("level", store.In, []int64{1, 2})}, []string{"a"}},
	} {
		got := matching(t, e, c.where...)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		n, err := e.Count(t.Context(), things, c.where)
		if err != nil || int(n) != len(c.want) {
			t.Errorf("%s: counted %d, want %d (%v)", name, n, len(c.want), err)
		}
		// In any order and just so many: enough to tell whether there are more.
		some := 0
		q := store.Query{Where: c.where, Limit: 2, Fields: []string{"_id"}}
		if err := e.Find(t.Context(), things, q, func(store.Raw) error { some++; return nil }); err != nil || some != min(2, len(c.want)) {
			t.Errorf("%s: found %d of %d up to two (%v)", name, some, len(c.want), err)
		}
	}
}

func (s suite) operatorMistakes(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "a"})
	never := func(store.Raw) error { return errors.New("matched") }
	for name, query := range map[string]store.Query{
		"an unknown operator":    {Where: []store.Cond{{Field: "kind", Op: "~", Value: "x"}}},
		"a cursor of other size": {Sort: []store.Order{{Field: "kind"}, {Field: "_id"}}, After: []any{"x"}},
	} {
		if err := e.Find(t.Context(), things, query, never); err == nil || err.Error() == "matched" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.Count(t.Context(), things, []store.Cond{{Field: "kind", Op: "~", Value: "x"}}); err == nil {
		t.Error("counted by an unknown operator")
	}
}

func (s suite) sparseIndex(t *testing.T) {
	e := s.start(t)
	for i := range 40 {
		doc := thing{ID: id(i), Rev: "1"}
		if i%4 == 0 {
			doc.Todo = &part{At: store.Time(1000 - i)}
		}
		insert(t, e, doc)
	}
	pending := store.Query{
		Where: []store.Cond{{Field: "todo.at", Op: store.Exists, Value: true}},
		Sort:  []store.Order{{Field: "todo.at"}, {Field: "_id"}}, Limit: 3, Index: "todo",
	}
	if diff := gocmp.Diff([]string{id(36), id(32), id(28)}, ids(found(t, e, pending))); diff != "" {
		t.Error(diff)
	}
	if err := e.Replace(t.Context(), things, thing{ID: id(36), Rev: "2"}, "1"); err != nil {
		t.Fatal(err)
	}
	if err := e.Replace(t.Context(), things, thing{ID: id(1), Rev: "2", Todo: &part{At: 1}}, "1"); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{id(1), id(32), id(28)}, ids(found(t, e, pending))); diff != "" {
		t.Errorf("after changes: %s", diff)
	}
}

func (s suite) multiIndex(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "a", Rev: "1", Tags: []string{"x", "y", "x"}}, thing{ID: "b", Rev: "1", Tags: []string{"y"}})
	expect := func(when string, tag string, want ...string) {
		t.Helper()
		if got := matching(t, e, store.Cond{Field: "tags", Op: store.Has, Value: tag}); !slices.Equal(got, want) {
			t.Errorf("%s: %s finds %v, want %v", when, tag, got, want)
		}
	}
	expect("at first", "x", "a")
	expect("at first", "y", "a", "b")
	if err := e.Replace(t.Context(), things, thing{ID: "a", Rev: "2", Tags: []string{"z"}}, "1"); err != nil {
		t.Fatal(err)
	}
	if err := e.Replace(t.Context(), things, thing{ID: "b", Rev: "2", Tags: []string{"x"}}, "stale"); !errors.Is(err, store.ErrChanged) {
		t.Fatal(err)
	}
	expect("replaced", "x")
	expect("replaced", "y", "b")
	expect("replaced", "z", "a")
	if err := e.Unset(t.Context(), things, "tags", []store.Ref{{ID: "a", Rev: "2"}, {ID: "b", Rev: "stale"}}); err != nil {
		t.Fatal(err)
	}
	expect("unset", "z")
	expect("unset, stale", "y", "b")
	if err := e.InsertAll(t.Context(), things, []store.Document{thing{ID: "b", Tags: []string{"x"}}, thing{ID: "c", Tags: []string{"x"}}}); err != nil {
		t.Fatal(err)
	}
	expect("inserted", "x", "c")
}

// behindOneMember goes through the documents that have one member of an array, in the order of _id and by pages.
func (s suite) behindOneMember(t *testing.T) {
	e := s.start(t)
	var want, flagged []string
	for i := range 50 {
		doc := thing{ID: id(i), Rev: "1", Tags: []string{"VN", fmt.Sprint("p", i%3)}, Flag: i%2 == 0, Level: int64(i)}
		insert(t, e, doc)
		if i%3 == 1 {
			want = append(want, doc.ID)
			if doc.Flag {
				flagged = append(flagged, doc.ID)
			}
		}
	}
	all := []store.Cond{where("tags", store.Has, "p1")}
	some := append(all, where("flag", store.Eq, true))
	for name, c := range map[string]struct {
		where  []store.Cond
		fields []string
		want   []string
	}{
		"documents":            {all, nil, want},
		"ids":                  {all, []string{"_id"}, want},
		"some documents":       {some, nil, flagged},
		"some ids":             {some, []string{"_id"}, flagged},
		"a field":              {all, []string{"level"}, want},
		"two members, indexed": {append(all, where("tags", store.Has, "VN")), nil, want},
		"and one of _id":       {append(all, where("_id", store.Gt, id(40))), []string{"_id"}, want[14:]},
	} {
		var got []string
		query := store.Query{Where: c.where, Sort: []store.Order{{Field: "_id"}}, Limit: 4, Fields: c.fields, Index: "tags"}
		for page := found(t, e, query); len(page) > 0; page = found(t, e, query) {
			got = append(got, ids(page)...)
			query.After = []any{page[len(page)-1].ID}
		}
		if diff := gocmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if n, err := e.Count(t.Context(), things, c.where); err != nil || int(n) != len(c.want) {
			t.Errorf("%s: counted %d, want %d (%v)", name, n, len(c.want), err)
		}
	}
}

// fields reads parts of documents; what is absent stays so.
func (s suite) fields(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "a", Rev: "1", Name: `"ă"`, Level: 1 << 60, At: 5, Todo: &part{At: 1}}, thing{ID: "b", Rev: "2"})
	for name, c := range map[string]struct {
		fields []string
		want   []thing
	}{
		"none":    {[]string{"_id"}, []thing{{ID: "a"}, {ID: "b"}}},
		"several": {[]string{"name", "level", "at"}, []thing{{ID: "a", Name: `"ă"`, Level: 1 << 60, At: 5}, {ID: "b"}}},
	} {
		got := found(t, e, store.Query{Sort: []store.Order{{Field: "_id"}}, Fields: c.fields})
		if diff := gocmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func (s suite) pages(t *testing.T) {
	e := s.start(t)
	var docs []thing
	for i := range 60 { // with many ties
		docs = append(docs, thing{ID: id(i), Kind: fmt.Sprint("k", i%2), Level: int64(i % 3), At: store.Time(100 + i%5), Flag: i%7 == 0})
	}
	insert(t, e, docs...)
	byID := func(a, b thing) int { return cmp.Compare(a.ID, b.ID) }
	byAt := func(a, b thing) int { return cmp.Compare(a.At, b.At) }
	for name, c := range map[string]struct {
		sort []store.Order
		less func(a, b thing) int
		key  func(thing) []any
	}{
		"_id up":   {[]store.Order{{Field: "_id"}}, byID, func(d thing) []any { return []any{d.ID} }},
		"_id down": {[]store.Order{{Field: "_id", Desc: true}}, func(a, b thing) int { return byID(b, a) }, func(d thing) []any { return []any{d.ID} }},
		"newest": {
			[]store.Order{{Field: "at", Desc: true}, {Field: "_id", Desc: true}},
			func(a, b thing) int { return cmp.Or(byAt(b, a), byID(b, a)) },
			func(d thing) []any { return []any{d.At, d.ID} },
		},
		"mixed": {
			[]store.Order{{Field: "level"}, {Field: "at", Desc: true}, {Field: "_id"}},
			func(a, b thing) int { return cmp.Or(cmp.Compare(a.Level, b.Level), byAt(b, a), byID(a, b)) },
			func(d thing) []any { return []any{d.Level, d.At, d.ID} },
		},
	} {
		for _, where := range [][]store.Cond{nil, {{Field: "kind", Op: store.Eq, Value: "k1"}}, {{Field: "at", Op: store.Ge, Value: store.Time(101)}, {Field: "at", Op: store.Le, Value: store.Time(103)}}} {
			want := slices.SortedFunc(slices.Values(docs), c.less)
			want = slices.DeleteFunc(want, func(d thing) bool {
				return len(where) == 1 && d.Kind != "k1" || len(where) == 2 && (d.At < 101 || d.At > 103)
			})
			var got []thing
			query := store.Query{Where: where, Sort: c.sort, Limit: 7}
			for page := found(t, e, query); len(page) > 0; page = found(t, e, query) {
				got = append(got, page...)
				query.After = c.key(page[len(page)-1])
				if len(got) > len(docs) {
					t.Fatalf("%s: the pages do not end", name)
				}
			}
			if diff := gocmp.Diff(ids(want), ids(got)); diff != "" {
				t.Errorf("%s where %v: %s", name, where, diff)
			}
		}
	}
}

// pagesHeldByWhere sorts by a field that the conditions hold to one value.
func (s suite) pagesHeldByWhere(t *testing.T) {
	e := s.start(t)
	for i := range 10 {
		insert(t, e, thing{ID: id(i), Kind: fmt.Sprint("k", i%2), At: store.Time(1 + i/4)})
	}
	query := store.Query{
		Where: []store.Cond{{Field: "kind", Op: store.Eq, Value: "k0"}},
		Sort:  []store.Order{{Field: "kind"}, {Field: "at", Desc: true}, {Field: "_id"}}, Limit: 2,
		After: []any{"k0", store.Time(2), id(4)},
	}
	if diff := gocmp.Diff([]string{id(6), id(0)}, ids(found(t, e, query))); diff != "" {
		t.Error(diff)
	}
	one := store.Query{Where: []store.Cond{{Field: "_id", Op: store.Eq, Value: id(4)}}, Sort: []store.Order{{Field: "_id"}}, After: []any{id(4)}}
	if got := found(t, e, one); len(got) != 0 {
		t.Errorf("after itself: %v", ids(got))
	}
}

func (s suite) findStops(t *testing.T) {
	e := s.start(t)
	insert(t, e, thing{ID: "a"}, thing{ID: "b"}, thing{ID: "c"})
	enough := errors.New("enough")
	n := 0
	stop := func(store.Raw) error { n++; return enough }
	if err := e.Find(t.Context(), things, store.Query{Sort: []store.Order{{Field: "_id"}}}, stop); !errors.Is(err, enough) || n != 1 {
		t.Errorf("find: %v after %d", err, n)
	}
	n = 0
	if err := e.GetAll(t.Context(), things, []string{"a", "b"}, stop); !errors.Is(err, enough) || n != 1 {
		t.Errorf("get all: %v after %d", err, n)
	}
	if got := matching(t, e); len(got) != 3 {
		t.Errorf("afterwards: %v", got)
	}
}
