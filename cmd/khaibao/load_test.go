package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/sqlite"
)

func TestLoadMeasures(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := loadCommand{Store: "sqlite:" + t.TempDir(), Connections: []int{1, 4}, Seconds: 1, Households: 3, out: &out}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.Contains(lines[1], "requests/s") {
		t.Fatalf("it printed\n%s", &out)
	}
	for i, connections := range []string{"1", "4"} {
		columns := strings.Fields(lines[2+i])
		if len(columns) != 9 || columns[0] != connections || columns[1] == "0" || columns[4] != "0" {
			t.Errorf("round %d is %q: want some requests and no errors", i, lines[2+i])
		}
	}
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "holds 3 accounts") {
		t.Errorf("a store that was used: %v", err)
	}
}

// TestLoadCountsAll holds what a round says of itself against what the store has.
func TestLoadCountsAll(t *testing.T) {
	t.Parallel()
	engine, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	site, err := openLoadSite(t.Context(), engine, keys, 2)
	if err != nil {
		t.Fatal(err)
	}
	round, err := site.round(t.Context(), 4, 300*time.Millisecond, 0)
	if err != nil || round.Failed > 0 {
		t.Errorf("%d failed (%s), %v", round.Failed, round.Why, err)
	}
	if err := site.close(); err != nil {
		t.Error(err)
	}
	kept, err := engine.Count(t.Context(), "declarations", nil)
	if err != nil || kept != int64(round.Accepted) || kept == 0 {
		t.Errorf("%d are kept of %d accepted, %v", kept, round.Accepted, err)
	}
	owed, err := engine.Count(t.Context(), "declarations", []store.Cond{{Field: "todo.at", Op: store.Exists, Value: true}})
	if err != nil || owed != 0 {
		t.Errorf("%d are owed at the end, %v", owed, err)
	}
}

func TestLoadSettings(t *testing.T) {
	t.Parallel()
	good := loadCommand{Connections: []int{16, 64}, Seconds: 10, Households: 1000}
	if got := good.problems(); got != nil {
		t.Errorf("good settings: %v", got)
	}
	for flag, bad := range map[string]loadCommand{
		"--connections":  {Connections: []int{0}, Seconds: 1, Households: 1},
		"--seconds":      {Connections: []int{1, 1}, Seconds: 151, Households: 1},
		"--households":   {Connections: []int{1}, Seconds: 1, Households: 100_000},
		"--cases":        {Connections: []int{1}, Seconds: 1, Households: 1, Cases: -1},
		"--declarations": {Connections: []int{1}, Seconds: 1, Households: 1, Declared: 5},
		"--officials":    {Connections: []int{1}, Seconds: 1, Households: 1, Cases: 5, Officials: 5},
	} {
		if got := bad.problems(); len(got) != 1 || !strings.HasPrefix(got[0], flag) {
			t.Errorf("%s: %v", flag, got)
		}
	}
}

// Callers of a load go through whole dialogues, each in its own order, and come to a result.
func TestLoadDials(t *testing.T) {
	t.Parallel()
	engine, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	site, err := openLoadSite(t.Context(), engine, keys, 1)
	if err != nil {
		t.Fatal(err)
	}
	next := stepsOf(site.channels, site.app.gateways.Secrets[0], 2, 1)
	results := 0
	for range 2 * 2 * len(loadSteps) { // two callers, and two who follow them
		var target vegeta.Target
		if err := next(&target); err != nil {
			t.Fatal(err)
		}
		request, err := target.Request()
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request.WithContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		screen, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("a step is answered %d %s, %v", answer.StatusCode, screen, err)
		}
		if strings.HasPrefix(string(screen), "END Muc: ") {
			results++
		}
	}
	if err := site.close(); err != nil {
		t.Error(err)
	}
	kept, err := engine.Count(t.Context(), "declarations", nil)
	if err != nil || results != 4 || kept != 4 {
		t.Errorf("%d results, %d declarations, %v; want 4", results, kept, err)
	}
}

// A load of officials fills the store, looks at pages of it, and finds it filled the next time.
func TestLoadOfficials(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	dir := t.TempDir()
	c := loadCommand{Store: "sqlite:" + dir + "/store", Keys: dir + "/keys", Cases: 1000, Declared: 2000, Officials: 5, Connections: []int{1}, Seconds: 1, Households: 1, out: &out}
	for look, want := range []string{"1000 cases and at least 2000 declarations were made", "236 officials look at pages"} {
		out.Reset()
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); !strings.HasPrefix(text, want) || !strings.Contains(text, ", 0 failed") {
			t.Errorf("look %d: it printed\n%s", look, text)
		}
	}
}
