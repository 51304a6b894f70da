package sqlite_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"khaibao/internal/store"
	"khaibao/internal/store/sqlite"
	"khaibao/internal/store/storetest"
)

func open(t testing.TB, dir string) *sqlite.Engine {
	t.Helper()
	e, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e
}

func TestEngine(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	storetest.Run(t, func(t *testing.T) store.Engine {
		return open(t, filepath.Join(base, strings.ReplaceAll(t.Name(), "/", "-")))
	})
}

func BenchmarkEngine(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Engine { return open(b, b.TempDir()) })
}
