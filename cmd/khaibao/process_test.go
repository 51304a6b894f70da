package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"khaibao/internal/store/mongo"
	"khaibao/internal/store/storetest"
)

// built is the product's binary, made once in a test run.
var built struct {
	sync.Once
	dir string
	err error
}

// TestMain removes the binary that tests of whole processes have built. Started as a server with a clock of the test's, it
// is that instead.
func TestMain(m *testing.M) {
	if clock := os.Getenv(testClock); clock != "" {
		os.Exit(serveByClock(clock, os.Args[1:]))
	}
	os.Unsetenv("GOGC")
	collectSeldom() // as the product does: tests of its memory ask
	status := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(status)
}

// theBinary builds the product at its first call and gives the path.
func theBinary(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "khaibao-test-"); built.err != nil {
			return
		}
		if said, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, "khaibao"), ".").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, said)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "khaibao")
}

// process is the real binary, running.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	said   output
	exited chan struct{}
	err    error // of the exit
}

// start runs the binary with arguments and, of this process's environment, only what a shell needs. It ends with the test.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return startProgram(t, theBinary(t), env, args...)
}

func startProgram(t *testing.T, program string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), exited: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.exited
}

// stop asks the process to end and waits for it.
func (p *process) stop() error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
	return p.wait()
}

// wait waits for the process to end.
func (p *process) wait() error {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.err
	case <-time.After(storetest.Patience(p.t)):
		p.t.Fatalf("the process did not end:\n%s", &p.said)
		return nil
	}
}

// await gives what the process says that matches, group by group.
func (p *process) await(pattern string) []string {
	p.t.Helper()
	expression := regexp.MustCompile(pattern)
	for end := time.Now().Add(storetest.Patience(p.t)); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if found := expression.FindStringSubmatch(p.said.String()); found != nil {
			return found
		}
		select {
		case <-p.exited:
			if found := expression.FindStringSubmatch(p.said.String()); found != nil {
				return found
			}
			p.t.Fatalf("the process ended (%v) before it said %q:\n%s", p.err, pattern, &p.said)
		default:
		}
	}
	p.t.Fatalf("the process never said %q:\n%s", pattern, &p.said)
	return nil
}

// finish runs the binary to its end and gives what it said.
func finish(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	p := start(t, env, args...)
	err := p.wait()
	return p.said.String(), err
}

// refused runs the binary, which must fail and say all of the words.
func refused(t *testing.T, env []string, args []string, words ...string) {
	t.Helper()
	said, err := finish(t, env, args...)
	if err == nil {
		t.Fatalf("%s succeeded, want a refusal:\n%s", strings.Join(args, " "), said)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("%s said nothing of %q:\n%s", strings.Join(args, " "), word, said)
		}
	}
}

// output keeps what is written; it is safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String gives everything so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// slow leaves the test out of -short.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves whole processes out")
	}
}

// testStores gives the address of an empty store on every engine, by name.
func testStores(t *testing.T) map[string]func(t *testing.T) string {
	t.Helper()
	slow(t)
	return map[string]func(*testing.T) string{
		"sqlite": func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "store") },
		"mongo":  mongoDatabase,
	}
}

// mongoDatabase gives the address of a MongoDB database of the test's own, which is dropped when it ends.
func mongoDatabase(t *testing.T) string {
	t.Helper()
	server := os.Getenv("KHAIBAO_TEST_MONGO")
	if server == "" {
		t.Fatal("KHAIBAO_TEST_MONGO is not set: scripts/test sets it")
	}
	address := strings.TrimSuffix(server, "/") + fmt.Sprintf("/kb_e2e_%d", time.Now().UnixNano())
	t.Cleanup(func() {
		ctx := context.Background()
		engine, err := mongo.Open(ctx, address)
		if err != nil {
			t.Error(err)
			return
		}
		if err := errors.Join(engine.Drop(ctx), engine.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	return address
}
