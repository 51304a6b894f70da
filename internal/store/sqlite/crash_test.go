package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"khaibao/internal/store"
	"khaibao/internal/store/sqlite"
)

const (
	notes = "notes"
	// writerDir in the environment makes this test binary the process that TestKill kills.
	writerDir = "KHAIBAO_TEST_WRITER_DIR"
)

type note struct {
	ID   string     `json:"_id"`
	Rev  string     `json:"rev"`
	Tags []string   `json:"tags"`
	At   store.Time `json:"at"`
}

func (n note) Key() string      { return n.ID }
func (n note) Revision() string { return n.Rev }

func noteCollections() []store.Collection {
	return []store.Collection{{Name: notes, TTL: "at", Indexes: []store.Index{
		{Name: "rev", Fields: []store.Order{{Field: "rev"}, {Field: "at", Desc: true}, {Field: "_id"}}},
		{Name: "todo", Fields: []store.Order{{Field: "todo.at"}, {Field: "_id"}}, Sparse: true},
		{Name: "tags", Fields: []store.Order{{Field: "tags"}}, Multi: true},
	}}}
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		fmt.Fprintln(os.Stderr, writeForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForEver prints the id of every note that was acknowledged, until it is killed.
func writeForEver(dir string) error {
	ctx := context.Background()
	e, err := sqlite.Open(ctx, dir)
	if err != nil {
		return err
	}
	if err := e.Ensure(ctx, noteCollections()); err != nil {
		return err
	}
	failed := make(chan error)
	for caller := range 32 {
		go func() {
			for i := 0; ; i++ {
				n := note{ID: fmt.Sprintf("%d-%d-%d", os.Getpid(), caller, i), Rev: "1", Tags: []string{fmt.Sprint(caller)}}
				if err := e.Insert(ctx, notes, n); err != nil {
					failed <- err
					return
				}
				fmt.Println(n.ID)
			}
		}()
	}
	return <-failed
}

// TestKill kills a process in the middle of its writes, three times over the same directory: what it said it kept is there.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var kept []string
	for range 3 {
		kept = append(kept, killedWriter(t, dir)...)
		e := open(t, dir)
		if err := e.Ensure(t.Context(), noteCollections()); err != nil {
			t.Fatal(err)
		}
		lost := 0
		for _, id := range kept {
			var n note
			if err := e.Get(t.Context(), notes, id, &n); err != nil {
				lost++
			}
		}
		all, err := e.Count(t.Context(), notes, nil)
		if err != nil || lost > 0 || int(all) < len(kept) {
			t.Errorf("%d of %d acknowledged notes are lost, %d are kept (%v)", lost, len(kept), all, err)
		}
		tagged, err := e.Count(t.Context(), notes, []store.Cond{{Field: "tags", Op: store.Exists, Value: true}})
		if err != nil || tagged != all {
			t.Errorf("%d of %d have tags (%v)", tagged, all, err)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// killedWriter runs a writer, kills it after some hundred acknowledgements and gives all that it printed.
func killedWriter(t *testing.T, dir string) []string {
	t.Helper()
	writer := exec.Command(os.Args[0])
	writer.Env = append(os.Environ(), writerDir+"="+dir)
	var failure strings.Builder
	writer.Stderr = &failure
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	var kept []string
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil { // a line that the kill cut off is no acknowledgement
			break
		}
		kept = append(kept, strings.TrimSpace(line))
		if len(kept) == 500 {
			if err := writer.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = writer.Wait() // it was killed
	if len(kept) < 500 {
		t.Fatalf("the writer ended by itself after %d notes: %s", len(kept), failure.String())
	}
	return kept
}

func TestOneProcessOwnsADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, dir)
	if _, err := sqlite.Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "another khaibao process uses "+dir) {
		t.Errorf("a second one: %v", err)
	}
	if err := first.Ensure(t.Context(), noteCollections()); err != nil {
		t.Errorf("the first one suffers: %v", err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestOpenRefusesWhatIsNoStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/khaibao.db", []byte(strings.Repeat("no database", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), dir); err == nil {
		t.Error("a file that is no database was opened")
	}
	if _, err := sqlite.Open(t.Context(), dir+"/khaibao.db"); err == nil {
		t.Error("a file was opened as a directory")
	}
	if err := os.Remove(dir + "/khaibao.db"); err != nil {
		t.Fatal(err)
	}
	open(t, dir) // the failed tries hold no lock
}

// Beside the owner of a directory another process reads and writes the same documents; where there is no store it makes none.
func TestOpenBeside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, opening := range map[string]func(context.Context, string) (*sqlite.Engine, error){"beside": sqlite.OpenBeside, "existing": sqlite.OpenExisting} {
		if _, err := opening(t.Context(), dir+"/none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: no store: %v, want fs.ErrNotExist", name, err)
		}
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Fatalf("made %v (%v)", made, err)
	}
	owner := open(t, dir)
	beside, err := sqlite.OpenBeside(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	engines := []*sqlite.Engine{owner, beside}
	var writers sync.WaitGroup
	for i, e := range engines {
		if err := e.Ensure(t.Context(), noteCollections()); err != nil {
			t.Fatal(err)
		}
		writers.Go(func() {
			for n := range 100 {
				if err := e.Insert(t.Context(), notes, note{ID: fmt.Sprintf("%d-%d", i, n), Rev: "1"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	for i, e := range engines {
		if n, err := e.Count(t.Context(), notes, nil); err != nil || n != 200 {
			t.Errorf("engine %d sees %d notes (%v), want those of both", i, n, err)
		}
	}
	if err := beside.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), dir); err == nil {
		t.Error("closing the one beside took the lock from the owner")
	}
	if err := owner.Insert(t.Context(), notes, note{ID: "after", Rev: "1"}); err != nil {
		t.Error(err)
	}
}
