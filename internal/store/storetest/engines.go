package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"khaibao/internal/store"
	"khaibao/internal/store/mongo"
	"khaibao/internal/store/sqlite"
)

// Engines gives every engine of the product by name, for tests of what stands on top: each call of a function opens an
// empty one that goes when the test ends. KHAIBAO_TEST_MONGO names the MongoDB server; only -short goes without.
func Engines(t *testing.T) map[string]func(t *testing.T) store.Engine {
	t.Helper()
	out := map[string]func(t *testing.T) store.Engine{"sqlite": openSQLite}
	address := os.Getenv("KHAIBAO_TEST_MONGO")
	if address == "" {
		if !testing.Short() {
			t.Fatal("KHAIBAO_TEST_MONGO is not set: scripts/test sets it; -short leaves MongoDB out")
		}
		return out
	}
	out["mongo"] = func(t *testing.T) store.Engine { return openMongo(t, address) }
	return out
}

// Memory opens an empty engine that keeps nothing on a disk, for tests that make many thousand writes and ask nothing of
// the engine: SQLite's, as it is.
func Memory(t testing.TB) store.Engine {
	t.Helper()
	e, err := sqlite.OpenMemory(t.Context(), rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e
}

func openSQLite(t *testing.T) store.Engine {
	t.Helper()
	e, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e
}

func openMongo(t *testing.T, address string) store.Engine {
	t.Helper()
	e, err := mongo.Open(t.Context(), strings.TrimSuffix(address, "/")+fmt.Sprintf("/kb_test_%d", time.Now().UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Drop(context.Background()); err != nil {
			t.Error(err)
		}
		e.Close(context.Background())
	})
	return e
}
