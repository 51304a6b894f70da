package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"khaibao/internal/store"
)

// Ensure makes collections and indexes; two processes may do so at the same time.
func (e *Engine) Ensure(ctx context.Context, collections []store.Collection) error {
	for _, c := range collections {
		if err := e.db.CreateCollection(ctx, c.Name); err != nil && !alreadyThere(err) {
			return failed("making", c.Name, err)
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
				return failed("indexing", c.Name, err)
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
