package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"khaibao/internal/store"
)

// countingTries bounds how often a count starts again because others made or purged the same documents meanwhile.
const countingTries = 100

// Add applies increments, each once: an update that looks at the guard does it in one round trip. What that leaves are
// documents not made yet; those are made by insert and not by upsert, of which racing ones overwrite each other on
// DocumentDB.
func (e *Engine) Add(ctx context.Context, collection string, increments []store.Increment) error {
	left := increments
	for range countingTries {
		if len(left) == 0 {
			return nil
		}
		matched, err := e.increment(ctx, collection, left)
		if err != nil || matched == len(left) {
			return err
		}
		if left, err = e.makeCounters(ctx, collection, left); err != nil {
			return err
		}
	}
	return fmt.Errorf("mongo: counting in %s: others were faster %d times", collection, countingTries)
}

// increment updates the documents that are there, unless their guard is reached, and gives how many there are.
func (e *Engine) increment(ctx context.Context, collection string, increments []store.Increment) (int, error) {
	updates := make([]mongo.WriteModel, len(increments))
	for i, inc := range increments {
		updates[i] = mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: inc.ID}}).SetUpdate(guarded(inc))
	}
	var result *mongo.BulkWriteResult
	err := patiently(ctx, func() error { // what an earlier try applied the guards skip
		var err error
		result, err = e.db.Collection(collection).BulkWrite(ctx, updates, options.BulkWrite().SetOrdered(false))
		return err
	})
	if err != nil {
		return 0, failed("counting in", collection, err)
	}
	return int(result.MatchedCount), nil
}

// guarded is the update of an increment. The guard stands in the update: asking for more than the _id in the filter would
// take the server twice as long.
func guarded(inc store.Increment) mongo.Pipeline {
	op := func(name string, args ...any) bson.D { return bson.D{{Key: name, Value: bson.A(args)}} }
	guard := "seen." + inc.Guard
	isNew := op("$gt", inc.Seq, op("$ifNull", "$"+guard, inc.Seq-1))
	set := bson.D{{Key: guard, Value: op("$max", "$"+guard, inc.Seq)}}
	for name, n := range inc.N {
		sum := op("$add", op("$ifNull", "$n."+name, int64(0)), op("$cond", isNew, n, int64(0)))
		set = append(set, bson.E{Key: "n." + name, Value: sum})
	}
	return mongo.Pipeline{{{Key: "$set", Value: set}}}
}

// makeCounters makes the documents that are not there, with their increment applied, and gives the increments that are
// still to be applied to documents that somebody else has made.
func (e *Engine) makeCounters(ctx context.Context, collection string, increments []store.Increment) ([]store.Increment, error) {
	seen, err := e.seen(ctx, collection, increments)
	if err != nil {
		return nil, err
	}
	var fresh []bson.Raw
	var making, left []store.Increment
	for _, inc := range increments {
		guards, made := seen[inc.ID]
		applied, guarded := guards[inc.Guard]
		switch {
		case !made:
			doc, err := bson.Marshal(newCounter(inc))
			if err != nil {
				return nil, fmt.Errorf("mongo: counting in %s: %w", collection, err)
			}
			fresh, making = append(fresh, doc), append(making, inc)
		case !guarded || applied < inc.Seq:
			left = append(left, inc)
		}
	}
	for i, err := range e.insertMany(ctx, collection, fresh) {
		if errors.Is(err, store.ErrExists) {
			left = append(left, making[i])
		} else if err != nil {
			return nil, err
		}
	}
	return left, nil
}

func newCounter(inc store.Increment) bson.D {
	doc := bson.D{{Key: "_id", Value: inc.ID}}
	for name, value := range inc.Init {
		doc = append(doc, bson.E{Key: name, Value: value})
	}
	return append(doc,
		bson.E{Key: "n", Value: inc.N},
		bson.E{Key: "seen", Value: bson.D{{Key: inc.Guard, Value: inc.Seq}}})
}

// seen gives the guards of the documents that are there.
func (e *Engine) seen(ctx context.Context, collection string, increments []store.Increment) (map[string]map[string]int64, error) {
	ids := make([]string, len(increments))
	for i, inc := range increments {
		ids[i] = inc.ID
	}
	seen := map[string]map[string]int64{}
	err := e.GetAll(ctx, collection, ids, func(found store.Raw) error {
		var doc struct {
			ID   string           `bson:"_id"`
			Seen map[string]int64 `bson:"seen"`
		}
		err := found.Decode(&doc)
		seen[doc.ID] = doc.Seen
		return err
	})
	return seen, err
}

// Take counts in a document that expires, in one step on the server, so that processes share a budget exactly. Like a
// counter it is made by insert: the one whose insert holds has the first number.
func (e *Engine) Take(ctx context.Context, collection, id string, expires time.Time) (int64, error) {
	first := bson.D{{Key: "_id", Value: id}, {Key: "n", Value: int64(1)}, {Key: "expires_at", Value: store.At(expires)}}
	for range countingTries {
		n, err := e.takeNext(ctx, collection, id, expires)
		if !errors.Is(err, mongo.ErrNoDocuments) {
			return n, err
		}
		_, err = e.db.Collection(collection).InsertOne(ctx, first)
		if err == nil {
			return 1, nil
		}
		if !mongo.IsDuplicateKeyError(err) {
			return 0, failed("counting in", collection, err)
		}
	}
	return 0, fmt.Errorf("mongo: counting in %s: others were faster %d times", collection, countingTries)
}

// takeNext counts in a document that is there: on from its number, or from 1 when it has expired.
func (e *Engine) takeNext(ctx context.Context, collection, id string, expires time.Time) (int64, error) {
	live := bson.D{{Key: "$gt", Value: bson.A{"$expires_at", store.At(time.Now())}}}
	either := func(ifLive, otherwise any) bson.D {
		return bson.D{{Key: "$cond", Value: bson.A{live, ifLive, otherwise}}}
	}
	update := mongo.Pipeline{{{Key: "$set", Value: bson.D{
		{Key: "n", Value: either(bson.D{{Key: "$add", Value: bson.A{"$n", int64(1)}}}, int64(1))},
		{Key: "expires_at", Value: either("$expires_at", store.At(expires))},
	}}}}
	var doc struct {
		N int64 `bson:"n"`
	}
	filter, opts := bson.D{{Key: "_id", Value: id}}, options.FindOneAndUpdate().SetReturnDocument(options.After)
	err := patiently(ctx, func() error {
		return e.db.Collection(collection).FindOneAndUpdate(ctx, filter, update, opts).Decode(&doc)
	})
	if err != nil {
		return 0, failed("counting in", collection, err)
	}
	return doc.N, nil
}
