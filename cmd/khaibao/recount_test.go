package main

import (
	"context"
	"slices"
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

// recountCases counts the stored cases of a program by "commune day field", as counters hold them: opened on a day, and open
// now by level and factor.
func recountCases(t *testing.T, engine store.Engine, program string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	everyDocument(t, engine, "cases", func(raw store.Raw) error {
		var c struct {
			Program string            `bson:"program" json:"program"`
			Commune string            `bson:"commune" json:"commune"`
			Status  models.CaseStatus `bson:"status" json:"status"`
			Level   int               `bson:"level" json:"level"`
			Factors []string          `bson:"factors" json:"factors"`
			Opened  store.Time        `bson:"opened_at" json:"opened_at"`
		}
		if err := raw.Decode(&c); err != nil || c.Program != program {
			return err
		}
		level := models.Level(c.Level).String()
		out[c.Commune+" "+models.Day(c.Opened.Time())+" opened_"+level]++
		if c.Status != models.CaseClosed {
			out[c.Commune+" now open_"+level]++
			for _, factor := range c.Factors {
				out[c.Commune+" now factor_"+factor]++
			}
		}
		return nil
	})
	return out
}

// countedCases reads from the counters what recountCases counts.
func countedCases(t *testing.T, engine store.Engine, program string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	everyDocument(t, engine, "counters", func(raw store.Raw) error {
		var doc struct {
			Program string           `bson:"program" json:"program"`
			Area    models.Area      `bson:"area" json:"area"`
			Day     string           `bson:"day" json:"day"`
			N       map[string]int64 `bson:"n" json:"n"`
		}
		if err := raw.Decode(&doc); err != nil || doc.Program != program || !doc.Area.IsCommune() {
			return err
		}
		for field, n := range doc.N {
			kind, _, _ := strings.Cut(field, "_")
			if n != 0 && slices.Contains([]string{"opened", "open", "factor"}, kind) {
				out[string(doc.Area)+" "+doc.Day+" "+field] += n
			}
		}
		return nil
	})
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
