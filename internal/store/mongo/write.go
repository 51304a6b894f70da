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
	return refused("inserting into", collection, err, at, outcome)
}

// refused notes what an error of an unordered write of many documents, those at the positions, says of each, and gives the
// positions of those that gave way to another writer. An error that names no document is the outcome of all.
func refused(doing, collection string, err error, at []int, outcome []error) (again []int) {
	var bulk mongo.BulkWriteException
	if err != nil && (!errors.As(err, &bulk) || bulk.WriteConcernError != nil || len(bulk.WriteErrors) == 0) {
		for _, position := range at {
			outcome[position] = failed(doing, collection, err)
		}
		return nil
	}
	for _, w := range bulk.WriteErrors {
		position := at[w.Index]
		switch {
		case w.Code == duplicateKey:
			outcome[position] = store.ErrExists
		default:
			outcome[position] = fmt.Errorf("mongo: %s %s: the server refused with code %d", doing, collection, w.Code)
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

// swap puts a document in the place of the one with its _id, if that has a rev still.
type swap struct {
	id, was, rev string
	doc          bson.Raw
}

func newSwap(collection string, doc store.Document, was string) (swap, error) {
	raw, err := encode(collection, doc)
	return swap{doc.Key(), was, doc.Revision(), raw}, err
}

// ReplaceAll swaps the documents whose rev is still the same.
func (e *Engine) ReplaceAll(ctx context.Context, collection string, docs []store.Document, was []string) (changed []int, err error) {
	swaps := make([]swap, len(docs))
	for i, doc := range docs {
		if swaps[i], err = newSwap(collection, doc, was[i]); err != nil {
			return nil, err
		}
	}
	for i, err := range e.swapMany(ctx, collection, swaps) {
		switch {
		case errors.Is(err, store.ErrChanged), errors.Is(err, errOvertaken):
			changed = append(changed, i)
		case err != nil:
			return nil, err
		}
	}
	return changed, nil
}

// errOvertaken: somebody else has written the document, right before us or right after us.
var errOvertaken = errors.New("mongo: another writer came at the same moment, so that it is not known whether the document was replaced")

// swapMany gives the outcome of each swap, of which no two may have the same _id: nil, store.ErrChanged, or why it is not
// known to be made.
func (e *Engine) swapMany(ctx context.Context, collection string, swaps []swap) []error {
	outcome := make([]error, len(swaps))
	left := make([]int, len(swaps)) // positions in swaps
	for i := range left {
		left[i] = i
	}
	// In the order of _id, since two batches that meet on the same ids would otherwise block each other.
	slices.SortFunc(left, func(a, b int) int { return cmp.Compare(swaps[a].id, swaps[b].id) })
	made := 0
	for try := 1; try <= patience && len(left) > 0; try++ {
		var matched int
		matched, left = e.swapOnce(ctx, collection, swaps, left, outcome)
		if made += matched; len(left) > 0 && pause(ctx, try) != nil {
			break
		}
	}
	if made < len(swaps) {
		e.judge(ctx, collection, swaps, made, outcome)
	}
	return outcome
}

// swapOnce makes the swaps at the positions, notes what kept one from being tried, and gives how many found their document
// as it was and the positions of those that gave way to another writer.
func (e *Engine) swapOnce(ctx context.Context, collection string, swaps []swap, at []int, outcome []error) (made int, again []int) {
	writes := make([]mongo.WriteModel, len(at))
	for i, position := range at {
		s := swaps[position]
		writes[i] = mongo.NewReplaceOneModel().SetFilter(bson.D{{Key: "_id", Value: s.id}, {Key: "rev", Value: s.was}}).SetReplacement(s.doc)
		outcome[position] = nil
	}
	result, err := e.db.Collection(collection).BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
	if result != nil {
		made = int(result.MatchedCount)
	}
	again = refused("replacing in", collection, err, at, outcome)
	var whole mongo.CommandError
	if errors.As(err, &whole) && gaveWay(int(whole.Code)) {
		again = at // what was swapped all the same carries its new rev
	}
	return made, again
}

// judge tells apart which swaps found their document, when made of them did: those whose document carries its new rev, and,
// of those that somebody else has written since, all or none. Otherwise errOvertaken is all that can be said of these.
func (e *Engine) judge(ctx context.Context, collection string, swaps []swap, made int, outcome []error) {
	revs := map[string]string{}
	ids := make([]string, len(swaps))
	for i, s := range swaps {
		ids[i] = s.id
	}
	err := e.GetAll(ctx, collection, ids, func(found store.Raw) error {
		var now struct {
			ID  string `bson:"_id"`
			Rev string `bson:"rev"`
		}
		err := found.Decode(&now)
		revs[now.ID] = now.Rev
		return err
	})
	var unclear []int
	for i, s := range swaps {
		switch rev, there := revs[s.id]; {
		case outcome[i] != nil:
		case err != nil:
			outcome[i] = err
		case there && rev == s.rev:
			made--
		default:
			unclear = append(unclear, i)
		}
	}
	for _, i := range unclear {
		switch {
		case made <= 0:
			outcome[i] = store.ErrChanged
		case made < len(unclear):
			outcome[i] = errOvertaken
		}
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
