package main

import (
	"context"
	"strings"
	"testing"

	"khaibao/internal/store"
	"khaibao/models"
)

// countedDoc is what a recount needs of a declaration or health update as it is stored.
type countedDoc struct {
	ID      string         `bson:"_id" json:"_id"`
	Program string         `bson:"program" json:"program"`
	Channel models.Channel `bson:"channel" json:"channel"`
	Level   int            `bson:"level" json:"level"`
	At      store.Time     `bson:"occurred_at" json:"occurred_at"`
}

// recount counts the stored documents of a program as statsOf shows its counters.
func recount(t *testing.T, engine store.Engine, program string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for collection, form := range map[string]models.Form{"declarations": models.FormDeclaration, "health_updates": models.FormDaily} {
		everyDocument(t, engine, collection, func(raw store.Raw) error {
			var d countedDoc
			if err := raw.Decode(&d); err != nil {
				return err
			}
			if d.Program == program {
				out[strings.Join([]string{program, models.Day(d.At.Time()), string(form), string(d.Channel), models.Level(d.Level).String()}, " ")]++
			}
			return nil
		})
	}
	return out
}

// everyDocument calls each for every document of a collection, in the order of _id.
func everyDocument(t *testing.T, engine store.Engine, collection string, each func(store.Raw) error) {
	t.Helper()
	query := store.Query{Sort: []store.Order{{Field: "_id"}}, Limit: 1000}
	for n := query.Limit; n == query.Limit; {
		n = 0
		err := engine.Find(context.Background(), collection, query, func(raw store.Raw) error {
			n++
			var key struct {
				ID string `bson:"_id" json:"_id"`
			}
			if err := raw.Decode(&key); err != nil {
				return err
			}
			query.After = []any{key.ID}
			return each(raw)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// reopen opens the engine of a stopped server's store.
func reopen(t *testing.T, address string) store.Engine {
	t.Helper()
	engine, err := openEngine(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Ensure(t.Context(), store.Collections()); err != nil {
		t.Fatal(err)
	}
	return engine
}
