package main

import (
	"os"
	"path/filepath"
	"testing"

	"khaibao/internal/store/mongo"
	"khaibao/internal/store/sqlite"
)

// A source that is not there or holds nothing is a mistake: it is refused, and neither side is made.
func TestMigrateNeedsASource(t *testing.T) {
	t.Parallel()
	slow(t)
	dir := t.TempDir()
	refused(t, nil, []string{"migrate", "--from", "sqlite:" + dir + "/nope", "--to", "sqlite:" + dir + "/new"}, "--from", "there is no store in")
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Errorf("the refusal left %v (%v)", made, err)
	}

	bare, err := sqlite.Open(t.Context(), filepath.Join(dir, "bare"))
	if err != nil {
		t.Fatal(err)
	}
	if err := bare.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(t, nil, []string{"migrate", "--from", "sqlite:" + dir + "/bare", "--to", "sqlite:" + dir + "/new"}, "--from", "holds nothing")
	if _, err := os.Stat(dir + "/new"); !os.IsNotExist(err) {
		t.Errorf("the refusal made the target: %v", err)
	}

	address := mongoDatabase(t)
	refused(t, nil, []string{"migrate", "--from", address, "--to", "sqlite:" + dir + "/new"}, "--from", "holds nothing")
	engine, err := mongo.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close(t.Context())
	if made, err := engine.Collections(t.Context()); err != nil || len(made) > 0 {
		t.Errorf("the refusal made the collections %v (%v)", made, err)
	}
}
