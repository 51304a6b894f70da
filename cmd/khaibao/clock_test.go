package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"khaibao/models"
)

// testClock is the environment variable by which a server of the tests, this test binary started again, is told the file
// that its domain's clock stands in. The product has no way to move the clock of serve.
const testClock = "KHAIBAO_TEST_CLOCK"

// fileClock is a domain clock that stands still until it is set, shared by processes through a file: eight bytes of time,
// and for each worker eight that count how often the processes were asked to let it look.
type fileClock struct {
	file  *os.File
	asked [workers]atomic.Uint64
}

// The workers that may be asked to look.
const (
	formsWorker = iota // of effects, for declarations and health updates alone
	effectsWorker
	followUpWorker
	outboxWorker
	workers
)

func newFileClock(t *testing.T, path string, at time.Time) *fileClock {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	c := &fileClock{file: file}
	c.set(t, at)
	return c
}

// set moves the clock of every process, forwards or backwards.
func (c *fileClock) set(t *testing.T, at time.Time) {
	t.Helper()
	c.write(t, uint64(at.UnixNano()), 0)
	for worker := range workers {
		c.ask(t, worker)
	}
}

// ask lets a worker of every process look at once at what it has to do, instead of a second later at the latest.
func (c *fileClock) ask(t *testing.T, worker int) {
	t.Helper()
	c.write(t, c.asked[worker].Add(1), int64(8+8*worker))
}

func (c *fileClock) write(t *testing.T, n uint64, offset int64) {
	t.Helper()
	if _, err := c.file.WriteAt(binary.BigEndian.AppendUint64(nil, n), offset); err != nil {
		t.Fatal(err)
	}
}

// Now is the domain's time, as the file says at this moment.
func (c *fileClock) Now() time.Time {
	return time.Unix(0, int64(c.read()[0]))
}

// read gives the time, and how often each worker was asked.
func (c *fileClock) read() (words [1 + workers]uint64) {
	var raw [8 * len(words)]byte
	if _, err := c.file.ReadAt(raw[:], 0); err != nil {
		panic(err)
	}
	for i := range words {
		words[i] = binary.BigEndian.Uint64(raw[8*i:])
	}
	return words
}

// follow calls look for each worker whenever the clock was set or somebody asked.
func (c *fileClock) follow(look [workers]func()) {
	for was := c.read(); ; time.Sleep(5 * time.Millisecond) {
		now := c.read()
		for worker := range workers {
			if now[1+worker] != was[1+worker] {
				look[worker]()
			}
		}
		was = now
	}
}

// serveByClock is the product's own command line with the clock of a file, and gives the exit status.
func serveByClock(path string, args []string) int {
	collectSeldom()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	file, err := os.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	clock := &fileClock{file: file}
	c := &commands{}
	c.Serve.now = clock.Now
	c.Serve.ready = func(a *app) {
		a.effects.Rest = 50 * time.Millisecond // few come meanwhile whom it would pay to wait for
		go clock.follow([workers]func(){
			formsWorker:    func() { a.effects.Wake(models.FormDeclaration, models.FormDaily) },
			effectsWorker:  func() { a.effects.Wake() },
			followUpWorker: a.followup.Wake,
			outboxWorker:   func() { a.outbox.Wake() },
		})
	}
	if err := c.run(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "khaibao:", err)
		return 1
	}
	return 0
}
