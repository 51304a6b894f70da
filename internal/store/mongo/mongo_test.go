package mongo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"khaibao/internal/store"
	"khaibao/internal/store/mongo"
	"khaibao/internal/store/storetest"
)

// address gives the server to test on. Without one the tests fail, so that nobody takes a run that left them out for a
// green one; only -short, the quick loop, skips them.
func address(t testing.TB) string {
	t.Helper()
	uri := os.Getenv("KHAIBAO_TEST_MONGO")
	switch {
	case uri != "":
		return strings.TrimSuffix(uri, "/") + "/"
	case testing.Short():
		t.Skip("KHAIBAO_TEST_MONGO is not set")
	default:
		t.Fatal("KHAIBAO_TEST_MONGO is not set: give the address of a MongoDB or DocumentDB (scripts/docdb-up starts one), or run with -short")
	}
	return ""
}

// database is a name of the test's own, the same throughout the test.
func database(t testing.TB) string {
	name := fnv.New64a()
	fmt.Fprint(name, t.Name())
	return fmt.Sprintf("kb_test_%d_%x", os.Getpid(), name.Sum64())
}

func open(t testing.TB) *mongo.Engine {
	t.Helper()
	uri := address(t) + database(t)
	e, err := mongo.Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), storetest.Patience(t))
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
		drop(t, ctx, uri)
	})
	return e
}

// drop removes the test's database, over a connection of its own since the test may have closed the engine.
func drop(t testing.TB, ctx context.Context, uri string) {
	t.Helper()
	e, err := mongo.Open(ctx, uri)
	if err != nil {
		t.Error(err)
		return
	}
	if err := e.Drop(ctx); err != nil {
		t.Error(err)
	}
	if err := e.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestEngine(t *testing.T) {
	t.Parallel()
	address(t)
	storetest.Run(t, func(t *testing.T) store.Engine { return open(t) })
}

type paper struct {
	ID   string     `bson:"_id"`
	Rev  string     `bson:"rev"`
	Kind string     `bson:"kind,omitempty"`
	Text string     `bson:"text,omitempty"`
	N    any        `bson:"n,omitempty"`
	At   store.Time `bson:"at,omitempty"`
	Todo *todo      `bson:"todo,omitempty"`
}

type todo struct {
	At store.Time `bson:"at"`
}

func (p paper) Key() string      { return p.ID }
func (p paper) Revision() string { return p.Rev }

const papers = "papers"

func archive(t *testing.T) *mongo.Engine {
	t.Helper()
	e := open(t)
	err := e.Ensure(t.Context(), []store.Collection{{Name: papers, TTL: "expires_at", Indexes: []store.Index{
		{Name: "newest", Fields: []store.Order{{Field: "kind"}, {Field: "at", Desc: true}, {Field: "_id", Desc: true}}},
		{Name: "todo", Fields: []store.Order{{Field: "todo.at"}, {Field: "_id"}}, Sparse: true},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestReplaceTwice is what a driver does whose first answer was lost: the second try succeeds too.
func TestReplaceTwice(t *testing.T) {
	t.Parallel()
	e := archive(t)
	if err := e.Insert(t.Context(), papers, paper{ID: "a", Rev: "1"}); err != nil {
		t.Fatal(err)
	}
	for try := range 2 {
		if err := e.Replace(t.Context(), papers, paper{ID: "a", Rev: "2"}, "1"); err != nil {
			t.Errorf("try %d: %v", try, err)
		}
	}
	if err := e.Replace(t.Context(), papers, paper{ID: "a", Rev: "3"}, "1"); !errors.Is(err, store.ErrChanged) {
		t.Errorf("another one: %v", err)
	}
}

// TestTwoProcessesCount has two engines count in the same documents, as two processes would: what a caller is told of its
// swap is true, so that the counts are those of the swaps that held. Only where it is not known, it may be either.
func TestTwoProcessesCount(t *testing.T) {
	t.Parallel()
	engines := []*mongo.Engine{archive(t), open(t)}
	const docs, callers, rounds = 8, 16, 20
	for i := range docs {
		if err := engines[0].Insert(t.Context(), papers, paper{ID: fmt.Sprint(i), Rev: "0", N: int64(0)}); err != nil {
			t.Fatal(err)
		}
	}
	var held, unknown [docs]atomic.Int64
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			e := engines[caller%len(engines)]
			for round := range rounds {
				i := (caller + round) % docs
				var was struct {
					Rev string `bson:"rev"`
					N   int64  `bson:"n"`
				}
				if err := e.Get(t.Context(), papers, fmt.Sprint(i), &was); err != nil {
					t.Error(err)
				}
				next := paper{ID: fmt.Sprint(i), Rev: fmt.Sprintf("%d-%d", caller, round), N: was.N + 1}
				switch err := e.Replace(t.Context(), papers, next, was.Rev); {
				case err == nil:
					held[i].Add(1)
				case errors.Is(err, mongo.ErrOvertaken):
					unknown[i].Add(1)
				case !errors.Is(err, store.ErrChanged):
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for i := range docs {
		var now struct {
			N int64 `bson:"n"`
		}
		if err := engines[0].Get(t.Context(), papers, fmt.Sprint(i), &now); err != nil {
			t.Fatal(err)
		}
		if least, most := held[i].Load(), held[i].Load()+unknown[i].Load(); now.N < least || now.N > most || least == 0 {
			t.Errorf("%d swaps of document %d held and of %d it is not known; it counts %d", least, i, most-least, now.N)
		}
	}
}

// TestBadItemFailsAlone inserts a document that is too large at the same time as others that are not.
func TestBadItemFailsAlone(t *testing.T) {
	t.Parallel()
	e := archive(t)
	large := strings.Repeat("x", 17<<20)
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			doc := paper{ID: fmt.Sprint(i)}
			if i == 7 {
				doc.Text = large
			}
			err := e.Insert(t.Context(), papers, doc)
			if (err != nil) != (i == 7) {
				t.Errorf("document %d: %v", i, err)
			}
			if i == 7 && (errors.Is(err, store.ErrExists) || len(err.Error()) > 200) {
				t.Errorf("it is refused as %.300v", err)
			}
		})
	}
	all.Wait()
}

// TestErrorsQuoteNothing has the server refuse a write: what it says of the document stays out of the error.
func TestErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	e := archive(t)
	if err := e.Insert(t.Context(), papers, paper{ID: "secret-id", N: map[string]string{"x": "secret-text"}}); err != nil {
		t.Fatal(err)
	}
	// No number can be added to a text: the server says so and may quote it.
	err := e.Add(t.Context(), papers, []store.Increment{{ID: "secret-id", Guard: "g", Seq: 1, N: map[string]int64{"x": 1}}})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error is %v", err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, uri := range map[string]string{
		"no address":  "mongodb://",
		"not a port":  "mongodb://user:hunter2@127.0.0.1:nowhere/x",
		"nobody here": "mongodb://user:hunter2@127.0.0.1:1/x?serverSelectionTimeoutMS=200",
	} {
		e, err := mongo.Open(t.Context(), uri)
		if err == nil {
			e.Close(t.Context())
			t.Fatalf("%s: opened", name)
		}
		if strings.Contains(err.Error(), "hunter2") || !strings.HasPrefix(err.Error(), "mongo: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPlans asks the server which index it takes, among enough documents to matter.
func TestPlans(t *testing.T) {
	t.Parallel()
	e := archive(t)
	for start := range 10 {
		var docs []store.Document
		for i := range 1000 {
			doc := paper{ID: fmt.Sprintf("%02d%04d", start, i), Kind: fmt.Sprint(i % 20), At: store.Time(1763625600000 + i), Text: strings.Repeat("x", 300)}
			if i%100 == 0 {
				doc.Todo = &todo{doc.At}
			}
			docs = append(docs, doc)
		}
		if err := e.InsertAll(t.Context(), papers, docs); err != nil {
			t.Fatal(err)
		}
	}
	newest := bson.D{{Key: "at", Value: -1}, {Key: "_id", Value: -1}}
	kind := bson.D{{Key: "kind", Value: "7"}}
	nextPage, err := mongo.After(slices.Clone(kind), &store.Query{
		Sort: []store.Order{{Field: "at", Desc: true}, {Field: "_id", Desc: true}}, After: []any{store.Time(1763625600500), "050500"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		index        string
		filter, sort bson.D
	}{
		"a list":        {"newest", kind, newest},
		"its next page": {"newest", nextPage, newest},
		"what is due":   {"todo", bson.D{{Key: "todo.at", Value: bson.D{{Key: "$exists", Value: true}}}}, bson.D{{Key: "todo.at", Value: 1}, {Key: "_id", Value: 1}}},
	} {
		index := c.index
		plan := explain(t, bson.D{{Key: "find", Value: papers}, {Key: "filter", Value: c.filter}, {Key: "sort", Value: c.sort}, {Key: "limit", Value: 50}, {Key: "hint", Value: index}})
		if strings.Contains(plan, `"Node Type":"Sort"`) || strings.Contains(plan, `"stage":"SORT"`) {
			t.Errorf("%s is sorted: %s", name, plan)
		}
		// DocumentDB names the index of a scan "Index Name", MongoDB "indexName".
		chosen := strings.Contains(plan, `"Index Name":"`+index+`"`) || !strings.Contains(plan, `"Index Name"`) && strings.Contains(plan, `"indexName":"`+index+`"`)
		if !chosen {
			t.Errorf("%s is not used: %s", index, plan)
		}
	}
}

func explain(t *testing.T, command bson.D) string {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(address(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect(context.Background())
	var plan bson.M
	if err := client.Database(database(t)).RunCommand(t.Context(), bson.D{{Key: "explain", Value: command}, {Key: "verbosity", Value: "queryPlanner"}}).Decode(&plan); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
