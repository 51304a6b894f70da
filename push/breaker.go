package push

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"khaibao/models"
)

// When a channel is left alone, and for how long.
const (
	tripsAfter   = 5               // failures in a row
	firstPause   = 5 * time.Second // doubles with each probe that fails
	longestPause = time.Minute     // of ours
	longestAsked = time.Hour       // of the other side: a slip of it cannot silence us for good
)

// breaker leaves a channel alone that does not work: nobody tries it, so that no message uses up an attempt. It opens
// after some failures in a row, or at once when the other side says for how long; then one try at a time probes whether
// the channel works again. A failure that a retry does not help says that the channel works: it was about the message.
type breaker struct {
	route models.Route
	now   func() time.Time // real time
	log   *slog.Logger
	wake  func() // called when messages may go again

	mu       sync.Mutex
	failures int // in a row
	paused   bool
	until    time.Time     // when the next probe may go
	pause    time.Duration // of ours, the last one
	probing  bool
}

// ready tells whether a try has a chance now.
func (b *breaker) ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.paused || !b.probing && !b.now().Before(b.until)
}

// open tells whether the channel is left alone, a probe under way included.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.paused
}

// begin asks for a try. Each that is granted must be told of by end.
func (b *breaker) begin() (probe, granted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.paused:
		return false, true
	case b.probing || b.now().Before(b.until):
		return false, false
	}
	b.probing = true
	return true, true
}

// end tells how a try went. A try that began before the channel was left alone and ends now changes nothing, but for a
// wait that the other side asks for.
func (b *breaker) end(probe bool, err error) {
	var failure *models.SendError
	failed := errors.As(err, &failure) && failure.Retry
	b.mu.Lock()
	woken := b.judge(probe, failed, failure)
	b.mu.Unlock()
	if woken {
		b.wake()
	}
}

func (b *breaker) judge(probe, failed bool, failure *models.SendError) (woken bool) {
	if probe {
		b.probing = false
	}
	switch {
	case failed:
		b.failures++
		if probe || failure.After > 0 || b.failures >= tripsAfter && !b.paused {
			b.leaveAlone(probe, failure)
		}
	case probe:
		b.log.Info("channel works again", "channel", b.route)
		b.failures, b.paused, b.pause = 0, false, 0
		return true
	default:
		b.failures = 0
	}
	return false
}

func (b *breaker) leaveAlone(probe bool, failure *models.SendError) {
	if !b.paused || probe {
		b.pause = min(max(2*b.pause, firstPause), longestPause)
	}
	wait := b.pause
	if failure.After > 0 {
		wait = min(failure.After, longestAsked)
	}
	if until := b.now().Add(wait); !b.paused || until.After(b.until) {
		b.until = until
	}
	if !b.paused {
		b.log.Warn("channel left alone", "channel", b.route, "reason", failure.Reason, "for", wait)
	}
	b.paused = true
}
