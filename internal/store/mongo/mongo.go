// Package mongo keeps documents in MongoDB, or in anything that speaks its wire protocol as DocumentDB does. It uses no
// multi-document transaction and no unique secondary index, so that collections can be sharded by _id.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"khaibao/internal/store"
)

// defaultDatabase is used when the URI names none.
const defaultDatabase = "khaibao"

// How long one operation may take at most, and how long to look for a server.
const (
	operationTimeout = 20 * time.Second
	selectionTimeout = 5 * time.Second
)

// Engine is a store.Engine on MongoDB.
type Engine struct {
	client *mongo.Client
	db     *mongo.Database

	mu      sync.Mutex
	inserts map[string]*group[insertion]
	reads   map[string]*group[lookup]
	closed  chan struct{}
	working sync.WaitGroup
}

// Open connects and waits until the server answers. The database is the path of the URI, "khaibao" without one. Writes
// are acknowledged by a majority and journalled.
func Open(ctx context.Context, uri string) (*Engine, error) {
	parsed, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return nil, errors.New("mongo: the address cannot be read; it looks like mongodb://host:27017/database")
	}
	journal := true
	majority := writeconcern.Majority()
	majority.Journal = &journal
	client, err := mongo.Connect(options.Client().ApplyURI(uri).
		SetAppName("khaibao").
		SetWriteConcern(majority).
		SetReadPreference(readpref.Primary()).
		SetServerSelectionTimeout(selectionTimeout).
		SetTimeout(operationTimeout))
	if err != nil {
		return nil, fmt.Errorf("mongo: %w", err)
	}
	name := parsed.Database
	if name == "" {
		name = defaultDatabase
	}
	e := &Engine{
		client: client, db: client.Database(name),
		inserts: map[string]*group[insertion]{}, reads: map[string]*group[lookup]{}, closed: make(chan struct{}),
	}
	if err := e.Ping(ctx); err != nil {
		return nil, errors.Join(err, client.Disconnect(context.WithoutCancel(ctx)))
	}
	return e, nil
}

// Ping asks the server.
func (e *Engine) Ping(ctx context.Context) error {
	if err := e.client.Ping(ctx, readpref.Primary()); err != nil {
		return fmt.Errorf("mongo: no answer: %w", err)
	}
	return nil
}

// Close waits for grouped work under way and disconnects.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	select {
	case <-e.closed:
		e.mu.Unlock()
		return nil
	default:
	}
	close(e.closed)
	e.mu.Unlock()
	e.working.Wait()
	return e.client.Disconnect(ctx)
}

// Drop removes the whole database: for the demo and tests, which made it.
func (e *Engine) Drop(ctx context.Context) error { return e.db.Drop(ctx) }

// Collections lists the collections of the database.
func (e *Engine) Collections(ctx context.Context) ([]string, error) {
	return e.db.ListCollectionNames(ctx, bson.D{})
}

// Ensure makes collections and indexes; two processes may do so at the same time.
func (e *Engine) Ensure(ctx context.Context, collections []store.Collection) error {
	for _, c := range collections {
		if err := e.db.CreateCollection(ctx, c.Name); err != nil && !alreadyThere(err) {
			return fmt.Errorf("mongo: making collection %s: %w", c.Name, err)
		}
		var indexes []mongo.IndexModel
		for _, index := range c.Indexes {
			indexes = append(indexes, indexModel(index))
		}
		if c.TTL != "" {
			indexes = append(indexes, mongo.IndexModel{
				Keys: bson.D{{Key: c.TTL, Value: 1}}, Options: options.Index().SetName("ttl").SetExpireAfterSeconds(0),
			})
		}
		for _, index := range indexes {
			if _, err := e.db.Collection(c.Name).Indexes().CreateOne(ctx, index); err != nil && !alreadyThere(err) {
				return fmt.Errorf("mongo: indexing collection %s: %w", c.Name, err)
			}
		}
	}
	return nil
}

func indexModel(index store.Index) mongo.IndexModel {
	opts := options.Index().SetName(index.Name)
	if index.Sparse {
		opts.SetPartialFilterExpression(bson.D{{Key: index.Fields[0].Field, Value: bson.D{{Key: "$exists", Value: true}}}})
	}
	return mongo.IndexModel{Keys: order(index.Fields), Options: opts}
}

func order(fields []store.Order) bson.D {
	keys := make(bson.D, 0, len(fields))
	for _, f := range fields {
		direction := 1
		if f.Desc {
			direction = -1
		}
		keys = append(keys, bson.E{Key: f.Field, Value: direction})
	}
	return keys
}

// The server's codes of "exists already, as asked for".
const namespaceExists, indexAlreadyExists = 48, 68

func alreadyThere(err error) bool {
	var command mongo.CommandError
	return errors.As(err, &command) && (command.Code == namespaceExists || command.Code == indexAlreadyExists)
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

// Purge does nothing: the server's TTL indexes do it.
func (e *Engine) Purge(context.Context, time.Time) error { return nil }

// raw is a document as the server sent it.
type raw bson.Raw

// Decode reads it into a struct with bson tags.
func (r raw) Decode(into any) error { return bson.Unmarshal(r, into) }

// Find reads the documents that match, in order.
func (e *Engine) Find(ctx context.Context, collection string, query store.Query, each func(store.Raw) error) error {
	filter := filterOf(query.Where)
	if len(query.After) > 0 {
		if len(query.After) != len(query.Sort) {
			return fmt.Errorf("mongo: a cursor of %d values for %d fields", len(query.After), len(query.Sort))
		}
		filter = append(filter, bson.E{Key: "$and", Value: bson.A{after(query)}})
	}
	opts := options.Find().SetSort(order(query.Sort))
	if query.Limit > 0 {
		opts.SetLimit(int64(query.Limit)).SetBatchSize(int32(min(query.Limit, 1000)))
	}
	cursor, err := e.db.Collection(collection).Find(ctx, filter, opts)
	if err != nil {
		return fmt.Errorf("mongo: reading %s: %w", collection, err)
	}
	return drain(ctx, cursor, collection, each)
}

func drain(ctx context.Context, cursor *mongo.Cursor, collection string, each func(store.Raw) error) error {
	defer cursor.Close(context.WithoutCancel(ctx))
	for cursor.Next(ctx) {
		if err := each(raw(cursor.Current)); err != nil {
			return err
		}
	}
	if err := cursor.Err(); err != nil {
		return fmt.Errorf("mongo: reading %s: %w", collection, err)
	}
	return nil
}

// after is what follows a page: greater in the first field that differs.
func after(query store.Query) bson.D {
	var branches bson.A
	for i, field := range query.Sort {
		branch := bson.D{}
		for j := range i {
			branch = append(branch, bson.E{Key: query.Sort[j].Field, Value: query.After[j]})
		}
		operator := "$gt"
		if field.Desc {
			operator = "$lt"
		}
		branches = append(branches, append(branch, bson.E{Key: field.Field, Value: bson.D{{Key: operator, Value: query.After[i]}}}))
	}
	if len(branches) == 1 {
		return branches[0].(bson.D)
	}
	return bson.D{{Key: "$or", Value: branches}}
}

var operators = map[store.Op]string{
	store.Eq: "$eq", store.Ne: "$ne", store.Lt: "$lt", store.Le: "$lte", store.Gt: "$gt", store.Ge: "$gte",
	store.In: "$in", store.Any: "$in", store.All: "$all", store.Has: "$eq", store.Exists: "$exists",
}

// filterOf puts the conditions of one field together: several ranges of a field are one document.
func filterOf(conds []store.Cond) bson.D {
	filter := bson.D{}
	at := map[string]int{}
	var clashes bson.A
	for _, c := range conds {
		condition := bson.E{Key: operators[c.Op], Value: c.Value}
		i, seen := at[c.Field]
		if !seen {
			at[c.Field] = len(filter)
			filter = append(filter, bson.E{Key: c.Field, Value: bson.D{condition}})
			continue
		}
		own := filter[i].Value.(bson.D)
		if hasKey(own, condition.Key) {
			clashes = append(clashes, bson.D{{Key: c.Field, Value: bson.D{condition}}})
			continue
		}
		filter[i].Value = append(own, condition)
	}
	if len(clashes) > 0 {
		filter = bson.D{{Key: "$and", Value: append(bson.A{filter}, clashes...)}}
	}
	return filter
}

func hasKey(d bson.D, key string) bool {
	for _, e := range d {
		if e.Key == key {
			return true
		}
	}
	return false
}

// Count counts the documents that match.
func (e *Engine) Count(ctx context.Context, collection string, where []store.Cond) (int64, error) {
	n, err := e.db.Collection(collection).CountDocuments(ctx, filterOf(where))
	if err != nil {
		return 0, fmt.Errorf("mongo: counting %s: %w", collection, err)
	}
	return n, nil
}

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
