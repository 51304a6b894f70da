package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"khaibao/internal/store"
)

// Add applies increments, each once. An increment that was applied before matches nothing, so that its upsert collides
// with the document that is there: that duplicate is the sign that it was applied. A duplicate may also mean that another
// writer made the document at this moment, so those are tried again until the guard decides.
func (e *Engine) Add(ctx context.Context, collection string, increments []store.Increment) error {
	left := increments
	for try := 0; len(left) > 0; try++ {
		models := make([]mongo.WriteModel, len(left))
		for i, inc := range left {
			models[i] = incrementModel(inc)
		}
		_, err := e.db.Collection(collection).BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		if err == nil {
			return nil
		}
		duplicates, other := duplicateIndexes(err)
		if other != nil {
			return fmt.Errorf("mongo: counting in %s: %w", collection, other)
		}
		again := make([]store.Increment, 0, len(duplicates))
		for _, i := range duplicates {
			again = append(again, left[i])
		}
		if left, err = e.unapplied(ctx, collection, again); err != nil {
			return err
		}
		if try > 100 {
			return fmt.Errorf("mongo: counting in %s: %d increments never settled", collection, len(left))
		}
	}
	return nil
}

func incrementModel(inc store.Increment) mongo.WriteModel {
	guard := "seen." + inc.Guard
	sums := bson.D{}
	for name, n := range inc.N {
		sums = append(sums, bson.E{Key: "n." + name, Value: n})
	}
	update := bson.D{{Key: "$inc", Value: sums}, {Key: "$set", Value: bson.D{{Key: guard, Value: inc.Seq}}}}
	if len(inc.Init) > 0 {
		init := bson.D{}
		for name, value := range inc.Init {
			init = append(init, bson.E{Key: name, Value: value})
		}
		update = append(update, bson.E{Key: "$setOnInsert", Value: init})
	}
	return mongo.NewUpdateOneModel().SetUpsert(true).SetUpdate(update).SetFilter(bson.D{
		{Key: "_id", Value: inc.ID},
		{Key: "$or", Value: bson.A{
			bson.D{{Key: guard, Value: bson.D{{Key: "$exists", Value: false}}}},
			bson.D{{Key: guard, Value: bson.D{{Key: "$lt", Value: inc.Seq}}}},
		}},
	})
}

// unapplied gives those whose guard has not reached their Seq.
func (e *Engine) unapplied(ctx context.Context, collection string, increments []store.Increment) ([]store.Increment, error) {
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
	var left []store.Increment
	for _, inc := range increments {
		if applied, ok := seen[inc.ID][inc.Guard]; !ok || applied < inc.Seq {
			left = append(left, inc)
		}
	}
	return left, err
}

// duplicateIndexes gives the positions of writes that met a taken _id; other is any other failure.
func duplicateIndexes(err error) (indexes []int, other error) {
	var bulk mongo.BulkWriteException
	if !errors.As(err, &bulk) || bulk.WriteConcernError != nil {
		return nil, err
	}
	for _, w := range bulk.WriteErrors {
		if !isDuplicate(w.WriteError) {
			return nil, err
		}
		indexes = append(indexes, w.Index)
	}
	return indexes, nil
}

// The server's codes of a taken key.
func isDuplicate(w mongo.WriteError) bool {
	return w.Code == 11000 || w.Code == 11001 || (w.Code == 16460 && strings.Contains(w.Message, "E11000"))
}

// Take counts in a document that expires, in one step on the server, so that processes share a budget exactly.
func (e *Engine) Take(ctx context.Context, collection, id string, expires time.Time) (int64, error) {
	now, until := store.At(time.Now()), store.At(expires)
	live := bson.D{{Key: "$gt", Value: bson.A{"$expires_at", now}}}
	update := mongo.Pipeline{{{Key: "$set", Value: bson.D{
		{Key: "n", Value: bson.D{{Key: "$cond", Value: bson.A{live, bson.D{{Key: "$add", Value: bson.A{"$n", int64(1)}}}, int64(1)}}}},
		{Key: "expires_at", Value: bson.D{{Key: "$cond", Value: bson.A{live, "$expires_at", until}}}},
	}}}}
	opts := options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)
	for try := 0; ; try++ {
		var doc struct {
			N int64 `bson:"n"`
		}
		err := e.db.Collection(collection).FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: id}}, update, opts).Decode(&doc)
		if err == nil {
			return doc.N, nil
		}
		if !mongo.IsDuplicateKeyError(err) || try > 20 {
			return 0, fmt.Errorf("mongo: counting in %s: %w", collection, err)
		}
	}
}
