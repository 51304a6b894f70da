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
)

// testClock is the environment variable by which a server of the tests, this test binary started again, is told the file
// that its domain's clock stands in. The product has no way to move the clock of serve.
const testClock = "KHAIBAO_TEST_CLOCK"

// fileClock is a domain clock that stands still until it is set, shared by processes through a file: eight bytes of time,
// and eight that count how often the processes were asked to look.
type fileClock struct {
	file  *os.File
	asked atomic.Uint64
}

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
	c.ask(t)
}

// ask lets every process look at once at what it has to do, instead of a second later at the latest.
func (c *fileClock) ask(t *testing.T) {
	t.Helper()
	c.write(t, c.asked.Add(1), 8)
}

func (c *fileClock) write(t *testing.T, n uint64, offset int64) {
	t.Helper()
	if _, err := c.file.WriteAt(binary.BigEndian.AppendUint64(nil, n), offset); err != nil {
		t.Fatal(err)
	}
}

// Now is the domain's time, as the file says at this moment.
func (c *fileClock) Now() time.Time {
	return time.Unix(0, int64(c.read(0)))
}

func (c *fileClock) read(offset int64) uint64 {
	var raw [8]byte
	if _, err := c.file.ReadAt(raw[:], offset); err != nil {
		panic(err)
	}
	return binary.BigEndian.Uint64(raw[:])
}

// follow calls look whenever the clock was set or somebody asked.
func (c *fileClock) follow(look func()) {
	for was := c.read(8); ; time.Sleep(2 * time.Millisecond) {
		if now := c.read(8); now != was {
			was = now
			look()
		}
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
		a.effects.Rest = 10 * time.Millisecond // nobody comes meanwhile whom it would pay to wait for
		go clock.follow(func() {
			a.effects.Wake()
			a.followup.Wake()
			a.outbox.Wake()
		})
	}
	if err := c.run(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "khaibao:", err)
		return 1
	}
	return 0
}
