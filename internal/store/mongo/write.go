package mongo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"khaibao/internal/store"
)

// maxDocument is what the server takes as one document: a larger one is refused alone, before it joins others.
const maxDocument = 16 << 20

func encode(collection string, doc store.Document) (bson.Raw, error) {
	raw, err := bson.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("mongo: encoding a document of %s: %w", collection, err)
	}
	if len(raw) > maxDocument {
		return nil, fmt.Errorf("mongo: a document of %s is larger than %d bytes", collection, maxDocument)
	}
	return raw, nil
}

// insertMany gives the outcome of each document: nil, store.ErrExists, or why it is not known to be kept.
func (e *Engine) insertMany(ctx context.Context, collection string, docs []bson.Raw) []error {
	outcome := make([]error, len(docs))
	left := make([]int, len(docs)) // positions in docs
	for i := range left {
		left[i] = i
	}
	// In the order of _id, since two batches that meet on the same ids would otherwise block each other.
	key := func(position int) string {
		id, _ := docs[position].Lookup("_id").StringValueOK()
		return id
	}
	slices.SortFunc(left, func(a, b int) int { return cmp.Compare(key(a), key(b)) })
	for try := 1; try <= patience; try++ {
		left = e.insertOnce(ctx, collection, docs, left, outcome)
		if len(left) == 0 || pause(ctx, try) != nil {
			break
		}
	}
	return outcome
}

// insertOnce inserts the documents at the positions, notes the outcome of each, and gives the positions of those that
// gave way to another writer.
func (e *Engine) insertOnce(ctx context.Context, collection string, docs []bson.Raw, at []int, outcome []error) (again []int) {
	batch := make([]bson.Raw, len(at))
	for i, position := range at {
		batch[i] = docs[position]
		outcome[position] = nil
	}
	_, err := e.db.Collection(collection).InsertMany(ctx, batch, options.InsertMany().SetOrdered(false))
	var bulk mongo.BulkWriteException
	if err != nil && (!errors.As(err, &bulk) || bulk.WriteConcernError != nil || len(bulk.WriteErrors) == 0) {
		for _, position := range at {
			outcome[position] = failed("inserting into", collection, err)
		}
		return nil
	}
	for _, w := range bulk.WriteErrors {
		position := at[w.Index]
		switch {
		case w.Code == duplicateKey:
			outcome[position] = store.ErrExists
		default:
			outcome[position] = fmt.Errorf("mongo: inserting into %s: the server refused with code %d", collection, w.Code)
		}
		if gaveWay(w.Code) {
			again = append(again, position)
		}
	}
	return again
}

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
	for _, err := range e.insertMany(ctx, collection, all) {
		if err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return nil
}

// Replace swaps a document whose rev is still was. When the answer to a first try was lost on the way, the driver's
// second one matches nothing although the first worked: the document then carries the new rev already.
func (e *Engine) Replace(ctx context.Context, collection string, doc store.Document, was string) error {
	raw, err := encode(collection, doc)
	if err != nil {
		return err
	}
	var result *mongo.UpdateResult
	err = patiently(ctx, func() error {
		var err error
		result, err = e.db.Collection(collection).ReplaceOne(ctx, bson.D{{Key: "_id", Value: doc.Key()}, {Key: "rev", Value: was}}, raw)
		return err
	})
	if err != nil {
		return failed("replacing in", collection, err)
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

// ReplaceAll swaps the documents whose rev is still the same. The server says only how many it swapped: when that is not
// all of them, those are looked for that do not carry their new rev.
func (e *Engine) ReplaceAll(ctx context.Context, collection string, docs []store.Document, was []string) ([]int, error) {
	if len(docs) == 0 {
		return nil, nil
	}
	swaps := make([]mongo.WriteModel, len(docs))
	for i, doc := range docs {
		raw, err := encode(collection, doc)
		if err != nil {
			return nil, err
		}
		swaps[i] = mongo.NewReplaceOneModel().SetFilter(bson.D{{Key: "_id", Value: doc.Key()}, {Key: "rev", Value: was[i]}}).SetReplacement(raw)
	}
	var result *mongo.BulkWriteResult
	err := patiently(ctx, func() error { // what an earlier try swapped matches no more
		var err error
		result, err = e.db.Collection(collection).BulkWrite(ctx, swaps, options.BulkWrite().SetOrdered(false))
		return err
	})
	if err != nil {
		return nil, failed("replacing in", collection, err)
	}
	if result.MatchedCount == int64(len(docs)) {
		return nil, nil
	}
	return e.notReplaced(ctx, collection, docs)
}

// notReplaced gives the positions of the documents that do not carry their new rev.
func (e *Engine) notReplaced(ctx context.Context, collection string, docs []store.Document) (changed []int, err error) {
	ids := make([]string, len(docs))
	for i, doc := range docs {
		ids[i] = doc.Key()
	}
	revs := map[string]string{}
	err = e.GetAll(ctx, collection, ids, func(found store.Raw) error {
		var now struct {
			ID  string `bson:"_id"`
			Rev string `bson:"rev"`
		}
		err := found.Decode(&now)
		revs[now.ID] = now.Rev
		return err
	})
	for i, doc := range docs {
		if rev, there := revs[doc.Key()]; !there || rev != doc.Revision() {
			changed = append(changed, i)
		}
	}
	return changed, err
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
	err := patiently(ctx, func() error {
		_, err := e.db.Collection(collection).BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		return err
	})
	if err != nil {
		return failed("settling in", collection, err)
	}
	return nil
}

// Delete removes documents.
func (e *Engine) Delete(ctx context.Context, collection string, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	err := patiently(ctx, func() error {
		_, err := e.db.Collection(collection).DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}})
		return err
	})
	if err != nil {
		return failed("deleting from", collection, err)
	}
	return nil
}
