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

// InsertAll keeps those whose _id is free.
func (e *Engine) InsertAll(ctx context.Context, collection string, docs []store.Document) error {
	if len(docs) == 0 {
		return nil
	}
	all := make([]bson.Raw, len(docs))
	for i, doc := range docs {
		var err error
		if all[i], err = encode(collection, doc); err != nil {
			return err
		}
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

// Replace swaps a document whose rev is still was. When the answer to a first try was lost on the way, the driver's
// second one matches nothing although the first worked: the document then carries the new rev already.
func (e *Engine) Replace(ctx context.Context, collection string, doc store.Document, was string) error {
	result, err := e.db.Collection(collection).ReplaceOne(ctx, bson.D{{Key: "_id", Value: doc.Key()}, {Key: "rev", Value: was}}, doc)
	if err != nil {
		return fmt.Errorf("mongo: replacing in %s: %w", collection, err)
	}
	if result.MatchedCount == 1 {
		return nil
	}
	var now struct {
		Rev string `bson:"rev"`
	}
	err = e.Get(ctx, collection, doc.Key(), &now)
	switch {
	case err == nil && now.Rev == doc.Revision():
		return nil
	case err == nil || errors.Is(err, store.ErrMissing):
		return store.ErrChanged
	default:
		return err
	}
}

// Unset removes a field from the documents that are still as they were read.
func (e *Engine) Unset(ctx context.Context, collection, field string, refs []store.Ref) error {
	if len(refs) == 0 {
		return nil
	}
	unset := bson.D{{Key: "$unset", Value: bson.D{{Key: field, Value: ""}}}}
	var models []mongo.WriteModel
	var plain []string
	for _, ref := range refs {
		if ref.Rev == "" {
			plain = append(plain, ref.ID)
			continue
		}
		models = append(models, mongo.NewUpdateOneModel().SetUpdate(unset).
			SetFilter(bson.D{{Key: "_id", Value: ref.ID}, {Key: "rev", Value: ref.Rev}}))
	}
	if len(plain) > 0 {
		models = append(models, mongo.NewUpdateManyModel().SetUpdate(unset).
			SetFilter(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: plain}}}}))
	}
	if _, err := e.db.Collection(collection).BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false)); err != nil {
		return fmt.Errorf("mongo: settling in %s: %w", collection, err)
	}
	return nil
}

// Delete removes documents.
func (e *Engine) Delete(ctx context.Context, collection string, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	if _, err := e.db.Collection(collection).DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}); err != nil {
		return fmt.Errorf("mongo: deleting from %s: %w", collection, err)
	}
	return nil
}
