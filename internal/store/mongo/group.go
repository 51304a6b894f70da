package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"khaibao/internal/store"
)

// What arrives together shares one round trip: two workers for each collection and kind take what is waiting, up to
// groupSize, without lingering, so that a lone request waits for nobody.
const (
	groupSize    = 256
	groupWorkers = 2
)

// group hands requests to its workers.
type group[T any] struct{ queue chan T }

// insertion is one Insert that waits.
type insertion struct {
	doc  store.Document
	done chan error
}

// lookup is one Get that waits.
type lookup struct {
	id   string
	done chan found
}

type found struct {
	doc bson.Raw
	err error
}

var errClosed = errors.New("mongo: the engine is closed")

// groupOf gives the group of a collection, starting its workers at first use.
func groupOf[T any](e *Engine, groups map[string]*group[T], collection string, serve func(context.Context, string, []T)) *group[T] {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := groups[collection]
	if g == nil {
		g = &group[T]{queue: make(chan T, groupSize)}
		groups[collection] = g
		for range groupWorkers {
			e.working.Go(func() { g.work(e, collection, serve) })
		}
	}
	return g
}

func (g *group[T]) work(e *Engine, collection string, serve func(context.Context, string, []T)) {
	for {
		var batch []T
		select {
		case first := <-g.queue:
			batch = append(batch, first)
		case <-e.closed:
			return
		}
	gather:
		for len(batch) < groupSize {
			select {
			case next := <-g.queue:
				batch = append(batch, next)
			default:
				break gather
			}
		}
		// The callers' contexts do not reach here: one that gives up must not take the others' writes along.
		ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
		serve(ctx, collection, batch)
		cancel()
	}
}

func hand[T any](ctx context.Context, e *Engine, g *group[T], request T) error {
	select {
	case <-e.closed:
		return errClosed
	default:
	}
	select {
	case g.queue <- request:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closed:
		return errClosed
	}
}

// Insert keeps a new document, together with what other callers insert at the same moment. When ctx ends first the
// document may or may not be kept.
func (e *Engine) Insert(ctx context.Context, collection string, doc store.Document) error {
	wait := insertion{doc, make(chan error, 1)}
	if err := hand(ctx, e, groupOf(e, e.inserts, collection, e.insertBatch), wait); err != nil {
		return err
	}
	select {
	case err := <-wait.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closed:
		return errClosed
	}
}

func (e *Engine) insertBatch(ctx context.Context, collection string, batch []insertion) {
	docs := make([]any, len(batch))
	for i, b := range batch {
		docs[i] = b.doc
	}
	errs, err := e.insertMany(ctx, collection, docs)
	for i, b := range batch {
		if err != nil {
			b.done <- err
		} else {
			b.done <- errs[i]
		}
	}
}

// insertMany gives the outcome of each document: nil, store.ErrExists, or why it was refused.
func (e *Engine) insertMany(ctx context.Context, collection string, docs []any) (map[int]error, error) {
	_, err := e.db.Collection(collection).InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
	if err == nil {
		return nil, nil
	}
	var bulk mongo.BulkWriteException
	if !errors.As(err, &bulk) || bulk.WriteConcernError != nil {
		return nil, fmt.Errorf("mongo: inserting into %s: %w", collection, err)
	}
	errs := map[int]error{}
	for _, w := range bulk.WriteErrors {
		if isDuplicate(w.WriteError) {
			errs[w.Index] = store.ErrExists
		} else {
			errs[w.Index] = fmt.Errorf("mongo: inserting into %s: code %d", collection, w.Code)
		}
	}
	return errs, nil
}

// InsertAll keeps those whose _id is free.
func (e *Engine) InsertAll(ctx context.Context, collection string, docs []store.Document) error {
	if len(docs) == 0 {
		return nil
	}
	all := make([]any, len(docs))
	for i, doc := range docs {
		all[i] = doc
	}
	errs, err := e.insertMany(ctx, collection, all)
	if err != nil {
		return err
	}
	for _, err := range errs {
		if !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return nil
}

// Get reads one document, together with what other callers read of the collection at the same moment.
func (e *Engine) Get(ctx context.Context, collection, id string, into any) error {
	wait := lookup{id, make(chan found, 1)}
	if err := hand(ctx, e, groupOf(e, e.reads, collection, e.readBatch), wait); err != nil {
		return err
	}
	select {
	case got := <-wait.done:
		if got.err != nil {
			return got.err
		}
		return bson.Unmarshal(got.doc, into)
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closed:
		return errClosed
	}
}

func (e *Engine) readBatch(ctx context.Context, collection string, batch []lookup) {
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
		switch doc, ok := docs[b.id]; {
		case err != nil:
			b.done <- found{err: err}
		case !ok:
			b.done <- found{err: store.ErrMissing}
		default:
			b.done <- found{doc: doc}
		}
	}
}

// GetAll reads every document of the ids that exists.
func (e *Engine) GetAll(ctx context.Context, collection string, ids []string, each func(store.Raw) error) error {
	if len(ids) == 0 {
		return nil
	}
	filter := bson.D{{Key: "_id", Value: ids[0]}}
	if len(ids) > 1 {
		filter = bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
	}
	cursor, err := e.db.Collection(collection).Find(ctx, filter)
	if err != nil {
		return fmt.Errorf("mongo: reading %s: %w", collection, err)
	}
	return drain(ctx, cursor, collection, each)
}

var _ store.Engine = (*Engine)(nil)
