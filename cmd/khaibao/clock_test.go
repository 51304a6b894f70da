package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// testClock is the environment variable by which a server of the tests, this test binary started again, is told the file
// that its domain's clock stands in. The product has no way to move the clock of serve.
const testClock = "KHAIBAO_TEST_CLOCK"

// fileClock is a domain clock that stands still until it is set, shared by processes through a file of eight bytes.
type fileClock struct{ file *os.File }

func newFileClock(t *testing.T, path string, at time.Time) *fileClock {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	c := &fileClock{file}
	c.set(t, at)
	return c
}

// set moves the clock of every process, forwards or backwards.
func (c *fileClock) set(t *testing.T, at time.Time) {
	t.Helper()
	if _, err := c.file.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano())), 0); err != nil {
		t.Fatal(err)
	}
}

// Now is the domain's time, as the file says at this moment.
func (c *fileClock) Now() time.Time {
	var raw [8]byte
	if _, err := c.file.ReadAt(raw[:], 0); err != nil {
		panic(err)
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(raw[:])))
}

// follow calls moved whenever the clock was set.
func (c *fileClock) follow(moved func()) {
	for was := c.Now(); ; time.Sleep(2 * time.Millisecond) {
		if now := c.Now(); !now.Equal(was) {
			was = now
			moved()
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
	clock := &fileClock{file}
	c := &commands{}
	c.Serve.now = clock.Now
	c.Serve.ready = func(a *app) {
		go clock.follow(func() {
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
