package mongo_test

import (
	"context"
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
)

func BenchmarkEngine(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Engine { return open(b) })
}

// BenchmarkUngrouped does the same with one round trip for each, to compare.
func BenchmarkUngrouped(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("Insert/%d", n), func(b *testing.B) {
			things := bare(b)
			storetest.Concurrently(b, n, func(ctx context.Context, i int) error {
				_, err := things.InsertOne(ctx, storetest.Sample(i))
				return err
			})
		})
	}
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("Get/%d", n), func(b *testing.B) {
			things := bare(b)
			const kept = 10_000
			storetest.Concurrently(b, n, func(ctx context.Context, i int) error {
				return things.FindOne(ctx, bson.D{{Key: "_id", Value: storetest.Sample(i * 7919 % kept).Key()}}).Err()
			}, func() {
				docs := make([]any, kept)
				for i := range docs {
					docs[i] = storetest.Sample(i)
				}
				if _, err := things.InsertMany(b.Context(), docs); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// bare gives a collection with the suite's indexes, by the driver alone.
func bare(b *testing.B) *driver.Collection {
	b.Helper()
	if err := open(b).Ensure(b.Context(), storetest.Collections()); err != nil {
		b.Fatal(err)
	}
	client, err := driver.Connect(options.Client().ApplyURI(address(b)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := client.Disconnect(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return client.Database(database(b)).Collection(storetest.Collections()[0].Name)
}
