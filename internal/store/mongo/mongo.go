// Package mongo keeps documents in MongoDB, or in anything that speaks its wire protocol as DocumentDB does. It uses no
// multi-document transaction and no unique secondary index, so that collections can be sharded by _id.
package mongo

import (
	"context"
	"errors"
	"fmt"
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

	inserts *group[bson.Raw, struct{}]
	swaps   *group[swap, struct{}]
	lookups *group[string, []bson.Raw]
	belows  *group[below, []bson.Raw]

	mu      sync.Mutex // guards what follows, and the queues of the groups
	closed  bool
	working sync.WaitGroup
}

// Open connects and waits until the server answers. The database is the path of the URI, "khaibao" without one. Writes
// are acknowledged by a majority and journalled, and reads go to the primary, whatever the URI says.
func Open(ctx context.Context, uri string) (*Engine, error) {
	parsed, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return nil, errors.New("mongo: the address cannot be read; it looks like mongodb://host:27017/database")
	}
	journal := true
	majority := writeconcern.Majority()
	majority.Journal = &journal
	client, err := mongo.Connect(options.Client().
		SetAppName("khaibao").
		SetServerSelectionTimeout(selectionTimeout).
		SetTimeout(operationTimeout).
		ApplyURI(uri). // may change what stands above, not what follows
		SetWriteConcern(majority).
		SetReadPreference(readpref.Primary()))
	if err != nil {
		return nil, errors.New("mongo: the address cannot be used: a setting in it is wrong")
	}
	name := parsed.Database
	if name == "" {
		name = defaultDatabase
	}
	e := &Engine{client: client, db: client.Database(name)}
	e.inserts, e.swaps = newGroup(e, e.insertBatch), newGroup(e, e.replaceBatch)
	e.lookups, e.belows = newGroup(e, e.lookUpBatch), newGroup(e, e.belowBatch)
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

// Close carries out what waits and disconnects, at the end of ctx at the latest.
func (e *Engine) Close(ctx context.Context) error {
	if !e.closeQueues() {
		return nil
	}
	idle := make(chan struct{})
	go func() {
		e.working.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	return e.client.Disconnect(ctx)
}

// closeQueues is false when they were closed before.
func (e *Engine) closeQueues() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.closed = true
	e.inserts.close()
	e.swaps.close()
	e.lookups.close()
	e.belows.close()
	return true
}

// Drop removes the whole database: for the demo and tests, which made it.
func (e *Engine) Drop(ctx context.Context) error { return e.db.Drop(ctx) }

// Collections lists the collections of the database.
func (e *Engine) Collections(ctx context.Context) ([]string, error) {
	return e.db.ListCollectionNames(ctx, bson.D{})
}

// Purge does nothing: the server's TTL indexes do it.
func (e *Engine) Purge(context.Context, time.Time) error { return nil }

var _ store.Engine = (*Engine)(nil)
