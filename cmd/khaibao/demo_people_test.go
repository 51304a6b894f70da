package main

import (
	"context"
	"maps"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The synthetic people are entered once, however often a demo starts, and the counters equal a recount.
func TestDemoPeople(t *testing.T) {
	t.Parallel()
	for name, flags := range demoStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := flags(t)
			settings.households = 100
			first := openDemo(t, settings)
			first.stop(t) // in the middle of entering them
			second := openDemo(t, settings)
			second.entered()
			second.stop(t)
			want := recountAll(t, settings)
			if len(want) < 50 {
				t.Fatalf("%d different numbers, want a fortnight of several programs", len(want))
			}

			third := openDemo(t, settings)
			third.entered()
			national := third.official("national")
			third.eventually("the counters equal a recount", func() bool { return cmp.Equal(third.allStats(national), want) })
			third.stop(t)
			if diff := cmp.Diff(want, recountAll(t, settings)); diff != "" {
				t.Errorf("a third start entered something more:\n%s", diff)
			}
		})
	}
}

// allStats gives the counters of all programs.
func (c *client) allStats(token string) map[string]int64 {
	c.Helper()
	out := map[string]int64{}
	for _, program := range shippedPrograms {
		maps.Copy(out, c.statsOf(token, program))
	}
	return out
}

var shippedPrograms = []string{"covid19", "dengue", "measles"}

// recountAll counts the documents of a stopped demo.
func recountAll(t *testing.T, c demoCommand) map[string]int64 {
	t.Helper()
	address := c.Store
	if address == "" {
		address = "sqlite:" + filepath.Join(c.Data, "store")
	}
	engine := reopen(t, address)
	out := map[string]int64{}
	for _, program := range shippedPrograms {
		maps.Copy(out, recount(t, engine, program))
	}
	if err := engine.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return out
}
