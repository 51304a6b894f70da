package mongo

import (
	"context"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/errgroup"

	"khaibao/internal/store"
)

// below asks for what a query finds below a prefix of _id.
type below struct {
	prefix string
	among  store.Query
}

// readsAtOnce is how many callers are served side by side, each by a read of its own.
const readsAtOnce = 16

// FindBelow reads what a query finds below a prefix. Callers who ask the same at the same moment share one read of all that
// the query finds. Ranges of _id cannot be put together instead: DocumentDB goes through the whole collection for them.
func (e *Engine) FindBelow(ctx context.Context, collection, prefix string, among store.Query, each func(store.Raw) error) error {
	docs, err := e.belows.do(ctx, place{collection, fmt.Sprint(among)}, below{prefix, among})
	return handOut(docs, err, each)
}

func (e *Engine) belowBatch(ctx context.Context, at place, batch []*request[below, []bson.Raw]) {
	all, found := batch[0].in.among, map[string][]bson.Raw{}
	if n := len(batch); n == 1 || !e.fewAmong(ctx, at.collection, all, found) {
		var each errgroup.Group
		each.SetLimit(readsAtOnce)
		for _, r := range batch {
			each.Go(func() error {
				own := store.Query{Where: append(store.Below(r.in.prefix), all.Where...)}
				r.err = e.Find(ctx, at.collection, own, func(doc store.Raw) error {
					r.out = append(r.out, owned(doc))
					return nil
				})
				return nil
			})
		}
		_ = each.Wait() // each has its own outcome
		return
	}
	for _, r := range batch {
		r.out = found[r.in.prefix]
	}
}

// fewAmong reads all that a query finds, by prefix; false when that is as many as its limit, or cannot be read.
func (e *Engine) fewAmong(ctx context.Context, collection string, all store.Query, found map[string][]bson.Raw) bool {
	n := 0
	err := e.Find(ctx, collection, all, func(doc store.Raw) error {
		n++
		id, _ := bson.Raw(doc.(raw)).Lookup("_id").StringValueOK()
		prefix := id[:strings.Index(id, "|")+1]
		found[prefix] = append(found[prefix], owned(doc))
		return nil
	})
	return err == nil && n < all.Limit
}

// owned copies a document out of the driver's buffer.
func owned(doc store.Raw) bson.Raw { return append(bson.Raw(nil), doc.(raw)...) }
