// Package storetest is the one suite that every engine passes. What it holds an engine to is what package store builds
// on; an engine's own tests add only what is particular to it (crashes, plans, locks).
package storetest

import (
	"fmt"
	"slices"
	"testing"

	"khaibao/internal/store"
)

// Run runs the suite. open opens the engine of a test, empty at first: opening it once more in the same test (by
// t.Name()) reaches the same documents. It closes and removes what it opened when the test ends.
func Run(t *testing.T, open func(t *testing.T) store.Engine) {
	s := suite{open}
	for name, test := range map[string]func(*testing.T){
		"InsertAndGet":       s.insertAndGet,
		"RoundTrip":          s.roundTrip,
		"InsertAll":          s.insertAll,
		"GetAll":             s.getAll,
		"FindBy":             s.findBy,
		"FindBelow":          s.findBelow,
		"Replace":            s.replace,
		"ReplaceAll":         s.replaceAll,
		"Unset":              s.unset,
		"Delete":             s.delete,
		"Operators":          s.operators,
		"OperatorMistakes":   s.operatorMistakes,
		"SparseIndex":        s.sparseIndex,
		"MultiIndex":         s.multiIndex,
		"BehindOneMember":    s.behindOneMember,
		"Fields":             s.fields,
		"Pages":              s.pages,
		"PagesHeldByWhere":   s.pagesHeldByWhere,
		"FindStops":          s.findStops,
		"Add":                s.add,
		"Take":               s.take,
		"ManyCallers":        s.manyCallers,
		"OneWinsAnID":        s.oneWinsAnID,
		"OneWinsARev":        s.oneWinsARev,
		"OneWinsEachRev":     s.oneWinsEachRev,
		"EachHearsOfItsOwn":  s.eachHearsOfItsOwn,
		"AddRaces":           s.addRaces,
		"TakeRaces":          s.takeRaces,
		"GivingUp":           s.givingUp,
		"Ensure":             s.ensure,
		"EnsureRaces":        s.ensureRaces,
		"NewIndexOnOld":      s.newIndexOnOld,
		"Reopening":          s.reopening,
		"Closed":             s.closed,
		"PurgeKeepsTheFresh": s.purgeKeepsTheFresh,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

type suite struct {
	open func(t *testing.T) store.Engine
}

// The names of the collections.
const (
	things   = "things"
	briefs   = "briefs"
	counters = "counters"
)

// Collections are those of the suite and of the benchmarks; the first holds the documents of Sample.
func Collections() []store.Collection {
	return []store.Collection{
		{Name: things, Indexes: []store.Index{
			{Name: "newest", Fields: []store.Order{{Field: "kind"}, {Field: "at", Desc: true}, {Field: "_id", Desc: true}}},
			{Name: "name", Fields: []store.Order{{Field: "name"}, {Field: "_id"}}},
			{Name: "todo.text", Fields: []store.Order{{Field: "todo.text"}}, Sparse: true},
			{Name: "mixed", Fields: []store.Order{{Field: "level"}, {Field: "at", Desc: true}, {Field: "_id"}}},
			{Name: "todo", Fields: []store.Order{{Field: "todo.at"}, {Field: "_id"}}, Sparse: true},
			{Name: "tags", Fields: []store.Order{{Field: "tags"}, {Field: "_id"}}, Multi: true},
		}},
		{Name: briefs, TTL: "expires_at"},
		{Name: counters},
	}
}

// start opens the engine with the suite's collections made.
func (s suite) start(t *testing.T) store.Engine {
	t.Helper()
	e := s.open(t)
	if err := e.Ensure(t.Context(), Collections()); err != nil {
		t.Fatal(err)
	}
	return e
}

type thing struct {
	ID      string           `bson:"_id" json:"_id"`
	Rev     string           `bson:"rev" json:"rev"`
	Name    string           `bson:"name,omitempty" json:"name,omitempty"`
	Kind    string           `bson:"kind" json:"kind"`
	Level   int64            `bson:"level" json:"level"`
	Small   int              `bson:"small,omitempty" json:"small,omitempty"`
	Flag    bool             `bson:"flag" json:"flag"`
	Score   float64          `bson:"score,omitempty" json:"score,omitempty"`
	At      store.Time       `bson:"at,omitempty" json:"at,omitzero"`
	Tags    []string         `bson:"tags,omitempty" json:"tags,omitempty"`
	Marks   []string         `bson:"marks,omitempty" json:"marks,omitempty"`
	Sealed  []byte           `bson:"sealed,omitempty" json:"sealed,omitempty"`
	Numbers map[string]int64 `bson:"numbers,omitempty" json:"numbers,omitempty"`
	Parts   []part           `bson:"parts,omitempty" json:"parts,omitempty"`
	Todo    *part            `bson:"todo,omitempty" json:"todo,omitempty"`
}

func (d thing) Key() string      { return d.ID }
func (d thing) Revision() string { return d.Rev }

type part struct {
	At   store.Time `bson:"at" json:"at"`
	Text string     `bson:"text,omitempty" json:"text,omitempty"`
}

// counter is the document of Add and of Take.
type counter struct {
	ID        string           `bson:"_id" json:"_id"`
	Area      string           `bson:"area,omitempty" json:"area,omitempty"`
	Since     store.Time       `bson:"since,omitempty" json:"since,omitzero"`
	Size      int64            `bson:"size,omitempty" json:"size,omitempty"`
	N         map[string]int64 `bson:"n,omitempty" json:"n,omitempty"`
	Seen      map[string]int64 `bson:"seen,omitempty" json:"seen,omitempty"`
	ExpiresAt store.Time       `bson:"expires_at,omitempty" json:"expires_at,omitzero"`
}

func (d counter) Key() string      { return d.ID }
func (d counter) Revision() string { return "" }

func id(i int) string { return fmt.Sprintf("id-%04d", i) }

func insert(t *testing.T, e store.Engine, docs ...thing) {
	t.Helper()
	for _, doc := range docs {
		if err := e.Insert(t.Context(), things, doc); err != nil {
			t.Fatalf("inserting %s: %v", doc.ID, err)
		}
	}
}

func get(t *testing.T, e store.Engine, id string) thing {
	t.Helper()
	var doc thing
	if err := e.Get(t.Context(), things, id, &doc); err != nil {
		t.Fatalf("getting %s: %v", id, err)
	}
	return doc
}

// found gives the documents of a query, in order.
func found(t *testing.T, e store.Engine, query store.Query) []thing {
	t.Helper()
	var docs []thing
	err := e.Find(t.Context(), things, query, func(raw store.Raw) error {
		var doc thing
		err := raw.Decode(&doc)
		docs = append(docs, doc)
		return err
	})
	if err != nil {
		t.Fatalf("finding %+v: %v", query, err)
	}
	return docs
}

func ids(docs []thing) []string {
	out := make([]string, len(docs))
	for i, doc := range docs {
		out[i] = doc.ID
	}
	return out
}

func where(field string, op store.Op, value any) store.Cond {
	return store.Cond{Field: field, Op: op, Value: value}
}

// matching gives the ids of the documents that match, sorted.
func matching(t *testing.T, e store.Engine, conds ...store.Cond) []string {
	t.Helper()
	out := ids(found(t, e, store.Query{Where: conds, Sort: []store.Order{{Field: "_id"}}}))
	if !slices.IsSorted(out) {
		t.Errorf("%v are not in order", out)
	}
	return out
}
