package mongo_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"strings"
	"testing"
	"time"

	"khaibao/internal/store"
	"khaibao/internal/store/mongo"
	"khaibao/internal/store/storetest"
)

// address gives the server to test on. Without one the tests fail, so that nobody takes a run that left them out for a
// green one; only -short, the quick loop, skips them.
func address(t testing.TB) string {
	t.Helper()
	uri := os.Getenv("KHAIBAO_TEST_MONGO")
	switch {
	case uri != "":
		return strings.TrimSuffix(uri, "/") + "/"
	case testing.Short():
		t.Skip("KHAIBAO_TEST_MONGO is not set")
	default:
		t.Fatal("KHAIBAO_TEST_MONGO is not set: give the address of a MongoDB or DocumentDB (scripts/docdb-up starts one), or run with -short")
	}
	return ""
}

// database is a name of the test's own, the same throughout the test.
func database(t testing.TB) string {
	name := fnv.New64a()
	fmt.Fprint(name, t.Name())
	return fmt.Sprintf("kb_test_%d_%x", os.Getpid(), name.Sum64())
}

func open(t testing.TB) *mongo.Engine {
	t.Helper()
	uri := address(t) + database(t)
	e, err := mongo.Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
		drop(t, ctx, uri)
	})
	return e
}

// drop removes the test's database, over a connection of its own since the test may have closed the engine.
func drop(t testing.TB, ctx context.Context, uri string) {
	t.Helper()
	e, err := mongo.Open(ctx, uri)
	if err != nil {
		t.Error(err)
		return
	}
	if err := e.Drop(ctx); err != nil {
		t.Error(err)
	}
	if err := e.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestEngine(t *testing.T) {
	t.Parallel()
	address(t)
	storetest.Run(t, func(t *testing.T) store.Engine { return open(t) })
}
