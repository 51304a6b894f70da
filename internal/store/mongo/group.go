package mongo

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"khaibao/internal/store"
)

// groupSize is how many requests share one round trip at most. Each kind of request has one worker for each place, so that
// groups are as large as what arrives in the time of a round trip.
const groupSize = 256

// place is what requests have to have in common to be carried out together: a collection and, when they look documents
// up, by what.
type place struct{ collection, by string }

// request is one that waits for its turn.
type request[In, Out any] struct {
	in   In
	out  Out
	err  error
	done chan struct{}
}

// group holds the queues of one kind of request.
type group[In, Out any] struct {
	engine *Engine
	// serve carries out what waits together: it sets out or err of each.
	serve  func(ctx context.Context, at place, batch []*request[In, Out])
	queues map[place]*store.Queue[*request[In, Out]] // guarded by the engine's mu
}

func newGroup[In, Out any](e *Engine, serve func(context.Context, place, []*request[In, Out])) *group[In, Out] {
	return &group[In, Out]{engine: e, serve: serve, queues: map[place]*store.Queue[*request[In, Out]]{}}
}

// do carries a request out together with those of other callers that wait at the same moment. When ctx ends first, it is
// taken back if it still waits; otherwise its outcome stays unknown to the caller.
func (g *group[In, Out]) do(ctx context.Context, at place, in In) (out Out, err error) {
	if err := ctx.Err(); err != nil {
		return out, err
	}
	r, q := &request[In, Out]{in: in, done: make(chan struct{})}, g.queue(at)
	if err := q.Put(r); err != nil {
		return out, err
	}
	select {
	case <-r.done:
		return r.out, r.err
	case <-ctx.Done():
		q.Withdraw(r)
		return out, ctx.Err()
	}
}

// queue gives the queue of a place, starting its worker at first use.
func (g *group[In, Out]) queue(at place) *store.Queue[*request[In, Out]] {
	e := g.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	q := g.queues[at]
	if q != nil {
		return q
	}
	q = store.NewQueue[*request[In, Out]]()
	g.queues[at] = q
	if e.closed {
		q.Close()
		return q
	}
	e.working.Go(func() { g.work(q, at) })
	return q
}

// work serves a queue until it is closed. The callers' contexts do not reach the server: one that gives up must not take
// the others' requests along.
func (g *group[In, Out]) work(q *store.Queue[*request[In, Out]], at place) {
	for batch := q.Take(groupSize); len(batch) > 0; batch = q.Take(groupSize) {
		ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
		g.serve(ctx, at, batch)
		cancel()
		for _, r := range batch {
			close(r.done)
		}
	}
}

// close is called with the engine's mu held.
func (g *group[In, Out]) close() {
	for _, q := range g.queues {
		q.Close()
	}
}

// Insert keeps a new document, together with what other callers insert at the same moment. When ctx ends while it is
// under way the document may or may not be kept.
func (e *Engine) Insert(ctx context.Context, collection string, doc store.Document) error {
	raw, err := encode(collection, doc)
	if err != nil {
		return err
	}
	_, err = e.inserts.do(ctx, place{collection: collection}, raw)
	return err
}

func (e *Engine) insertBatch(ctx context.Context, at place, batch []*request[bson.Raw, struct{}]) {
	docs := make([]bson.Raw, len(batch))
	for i, r := range batch {
		docs[i] = r.in
	}
	for i, err := range e.insertMany(ctx, at.collection, docs) {
		batch[i].err = err
	}
}

// Replace swaps a document whose rev is still was, together with what other callers swap at the same moment. When ctx ends
// while it is under way the document may or may not be swapped.
func (e *Engine) Replace(ctx context.Context, collection string, doc store.Document, was string) error {
	s, err := newSwap(collection, doc, was)
	if err != nil {
		return err
	}
	_, err = e.swaps.do(ctx, place{collection: collection}, s)
	return err
}

// replaceBatch swaps what waits, one after the other where callers want to swap the same document.
func (e *Engine) replaceBatch(ctx context.Context, at place, batch []*request[swap, struct{}]) {
	for len(batch) > 0 {
		var now, later []*request[swap, struct{}]
		var swaps []swap
		taken := map[string]bool{}
		for _, r := range batch {
			if taken[r.in.id] {
				later = append(later, r)
				continue
			}
			taken[r.in.id] = true
			now, swaps = append(now, r), append(swaps, r.in)
		}
		for i, err := range e.swapMany(ctx, at.collection, swaps) {
			now[i].err = err
		}
		batch = later
	}
}

// Get reads one document, together with what other callers read of the collection at the same moment.
func (e *Engine) Get(ctx context.Context, collection, id string, into any) error {
	docs, err := e.lookups.do(ctx, place{collection, "_id"}, id)
	if err != nil {
		return err
	}
	if len(docs) == 0 {
		return store.ErrMissing
	}
	return bson.Unmarshal(docs[0], into)
}

// FindBy reads the documents whose field has a value, together with what other callers look up by it at the same moment.
func (e *Engine) FindBy(ctx context.Context, collection, field, value string, each func(store.Raw) error) error {
	docs, err := e.lookups.do(ctx, place{collection, field}, value)
	return handOut(docs, err, each)
}

func handOut(docs []bson.Raw, err error, each func(store.Raw) error) error {
	for _, doc := range docs {
		if err == nil {
			err = each(raw(doc))
		}
	}
	return err
}

func (e *Engine) lookUpBatch(ctx context.Context, at place, batch []*request[string, []bson.Raw]) {
	values := make([]string, len(batch))
	for i, r := range batch {
		values[i] = r.in
	}
	slices.Sort(values)
	found, path := map[string][]bson.Raw{}, strings.Split(at.by, ".")
	err := e.lookUp(ctx, at, slices.Compact(values), func(doc store.Raw) error {
		value, _ := bson.Raw(doc.(raw)).Lookup(path...).StringValueOK()
		found[value] = append(found[value], owned(doc))
		return nil
	})
	for _, r := range batch {
		r.out, r.err = found[r.in], err
	}
}
