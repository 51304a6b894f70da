package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"khaibao/internal/store"
)

// groupSize is how many requests share one round trip at most. Each kind of request has one worker for each collection,
// so that groups are as large as what arrives in the time of a round trip.
const groupSize = 256

// insertion is one Insert that waits.
type insertion struct {
	doc  bson.Raw
	err  error
	done chan struct{}
}

// lookup is one Get that waits.
type lookup struct {
	id   string
	doc  bson.Raw
	err  error
	done chan struct{}
}

// queueOf gives the queue of a collection, starting its worker at first use.
func queueOf[T comparable](e *Engine, queues map[string]*store.Queue[T], collection string, serve func(context.Context, string, []T)) *store.Queue[T] {
	e.mu.Lock()
	defer e.mu.Unlock()
	q := queues[collection]
	if q != nil {
		return q
	}
	q = store.NewQueue[T]()
	queues[collection] = q
	if e.closed {
		q.Close()
		return q
	}
	e.working.Go(func() { work(q, collection, serve) })
	return q
}

// work serves a queue until it is closed. The callers' contexts do not reach the server: one that gives up must not take
// the others' requests along.
func work[T comparable](q *store.Queue[T], collection string, serve func(context.Context, string, []T)) {
	for batch := q.Take(groupSize); len(batch) > 0; batch = q.Take(groupSize) {
		ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
		serve(ctx, collection, batch)
		cancel()
	}
}

// await puts a request into a queue and waits until it is done. When ctx ends first, it is taken back if it still waits;
// otherwise its outcome stays unknown to the caller.
func await[T comparable](ctx context.Context, q *store.Queue[T], request T, done <-chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := q.Put(request); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		q.Withdraw(request)
		return ctx.Err()
	}
}

// Insert keeps a new document, together with what other callers insert at the same moment. When ctx ends while it is
// under way the document may or may not be kept.
func (e *Engine) Insert(ctx context.Context, collection string, doc store.Document) error {
	raw, err := encode(collection, doc)
	if err != nil {
		return err
	}
	i := &insertion{doc: raw, done: make(chan struct{})}
	if err := await(ctx, queueOf(e, e.inserts, collection, e.insertBatch), i, i.done); err != nil {
		return err
	}
	return i.err
}

func (e *Engine) insertBatch(ctx context.Context, collection string, batch []*insertion) {
	docs := make([]bson.Raw, len(batch))
	for i, b := range batch {
		docs[i] = b.doc
	}
	for i, err := range e.insertMany(ctx, collection, docs) {
		batch[i].err = err
		close(batch[i].done)
	}
}

// Get reads one document, together with what other callers read of the collection at the same moment.
func (e *Engine) Get(ctx context.Context, collection, id string, into any) error {
	l := &lookup{id: id, done: make(chan struct{})}
	if err := await(ctx, queueOf(e, e.lookups, collection, e.readBatch), l, l.done); err != nil {
		return err
	}
	if l.err != nil {
		return l.err
	}
	return bson.Unmarshal(l.doc, into)
}

func (e *Engine) readBatch(ctx context.Context, collection string, batch []*lookup) {
	ids := make([]string, len(batch))
	for i, b := range batch {
		ids[i] = b.id
	}
	docs := map[string]bson.Raw{}
	err := e.GetAll(ctx, collection, ids, func(doc store.Raw) error {
		own := append(bson.Raw(nil), doc.(raw)...) // the driver reuses its buffer
		docs[own.Lookup("_id").StringValue()] = own
		return nil
	})
	for _, b := range batch {
		if b.doc, b.err = docs[b.id], err; err == nil && b.doc == nil {
			b.err = store.ErrMissing
		}
		close(b.done)
	}
}
