package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"khaibao/internal/store"
)

// raw is a document as the server sent it.
type raw bson.Raw

// Decode reads it into a struct with bson tags.
func (r raw) Decode(into any) error { return bson.Unmarshal(r, into) }

// oneBatch is more documents than nearly every read gives. Of what comes in one batch no cursor stays open: a server that is
// asked for a second batch keeps a connection to its database for the cursor, and DocumentDB's gateway closes it behind
// the last. Batches hold 16 MB at most, whatever they are to hold.
const oneBatch = 10_000

// GetAll reads every document of the ids that exists.
func (e *Engine) GetAll(ctx context.Context, collection string, ids []string, each func(store.Raw) error) error {
	if len(ids) == 0 {
		return nil
	}
	return e.lookUp(ctx, place{collection, "_id"}, ids, each)
}

// lookUp reads the documents that are looked up by one of the values.
func (e *Engine) lookUp(ctx context.Context, at place, values []string, each func(store.Raw) error) error {
	filter := bson.D{{Key: at.by, Value: values[0]}}
	if len(values) > 1 {
		filter = bson.D{{Key: at.by, Value: bson.D{{Key: "$in", Value: values}}}}
	}
	opts := options.Find().SetBatchSize(oneBatch)
	if at.by != "_id" {
		opts.SetHint(at.by) // DocumentDB has no statistics of a fresh collection and would read all of it
	}
	cursor, err := e.db.Collection(at.collection).Find(ctx, filter, opts)
	if err != nil {
		return failed("reading", at.collection, err)
	}
	return drain(ctx, cursor, at.collection, each)
}

// Find reads the documents that match, in order.
func (e *Engine) Find(ctx context.Context, collection string, query store.Query, each func(store.Raw) error) error {
	filter, err := filterOf(query.Where)
	if err != nil {
		return err
	}
	if filter, err = after(filter, &query); err != nil {
		return err
	}
	opts := options.Find().SetBatchSize(oneBatch)
	if len(query.Sort) > 0 {
		opts.SetSort(order(query.Sort))
	}
	if query.Index != "" {
		opts.SetHint(query.Index) // DocumentDB has no statistics of a fresh collection and would read all of it
	}
	if len(query.Fields) > 0 {
		opts.SetProjection(only(query.Fields))
	}
	if query.Limit > 0 {
		opts.SetLimit(int64(query.Limit))
	}
	cursor, err := e.db.Collection(collection).Find(ctx, filter, opts)
	if err != nil {
		return failed("reading", collection, err)
	}
	return drain(ctx, cursor, collection, each)
}

func only(fields []string) bson.D {
	projection := make(bson.D, len(fields))
	for i, field := range fields {
		projection[i] = bson.E{Key: field, Value: 1}
	}
	return projection
}

func drain(ctx context.Context, cursor *mongo.Cursor, collection string, each func(store.Raw) error) error {
	defer cursor.Close(context.WithoutCancel(ctx))
	for cursor.Next(ctx) {
		if err := each(raw(cursor.Current)); err != nil {
			return err
		}
	}
	if err := cursor.Err(); err != nil {
		return failed("reading", collection, err)
	}
	return nil
}

// Count counts the documents that match.
func (e *Engine) Count(ctx context.Context, collection string, where []store.Cond) (int64, error) {
	filter, err := filterOf(where)
	if err != nil {
		return 0, err
	}
	n, err := e.db.Collection(collection).CountDocuments(ctx, filter)
	if err != nil {
		return 0, failed("counting", collection, err)
	}
	return n, nil
}
