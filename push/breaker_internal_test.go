package push

import (
	"log/slog"
	"testing"
	"time"

	"khaibao/models"
)

// A breaker goes through its states as it hears of tries: "." is one that succeeds, "x" one that the channel fails,
// "4" one that it fails for four minutes, "m" one that the message fails, "-" one that is refused; a digit after "+"
// moves the clock on by so many seconds times ten, "*" by ten minutes.
func TestBreaker(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, tries string
	}{
		{"works", "......"},
		{"a few failures", "xxxx.xxxx."},
		{"five in a row", "xxxxx--"},
		{"messages fail", "mmmmmmmm"},
		{"what a message fails shows that it works", "xxxxmx"},
		{"says for how long", "4--+9-+9-+6.."},
		{"one probe", "xxxxx-+1x-"},
		{"a probe that fails waits twice as long", "xxxxx+1x-+1x-+1-+1."},
		{"a message that fails as the probe closes it", "xxxxx+1m."},
		{"begins anew", "xxxxx+1.xxxx.xxxxx-+1."},
		{"the other side is believed for an hour at most", "9*****-*."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			now, woken := time.Unix(0, 0), 0
			b := &breaker{route: models.RoutePush, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler), wake: func() { woken++ }}
			for i := 0; i < len(tt.tries); i++ {
				what := tt.tries[i]
				if what == '+' {
					i++
					now = now.Add(time.Duration(tt.tries[i]-'0') * 10 * time.Second)
					continue
				}
				if what == '*' {
					now = now.Add(10 * time.Minute)
					continue
				}
				ready := b.ready()
				probe, granted := b.begin()
				if granted != (what != '-') || ready != granted {
					t.Fatalf("at %d of %s: granted %v, ready %v", i, tt.tries, granted, ready)
				}
				if !granted {
					continue
				}
				if probe && (b.ready() || !b.open()) {
					t.Fatalf("at %d of %s: a second probe would go beside the first", i, tt.tries)
				}
				before := woken
				b.end(probe, answer(what))
				if closed := probe && (what == '.' || what == 'm'); closed != (woken > before) || closed && b.open() {
					t.Errorf("at %d of %s: a probe that tells that it works wakes who waits", i, tt.tries)
				}
			}
		})
	}
}

func answer(what byte) error {
	switch what {
	case '.':
		return nil
	case 'x':
		return &models.SendError{Reason: "unavailable", Retry: true}
	case 'm':
		return &models.SendError{Reason: "unregistered", Drop: true}
	case '9':
		return &models.SendError{Reason: "throttled", Retry: true, After: 1000 * time.Hour}
	default:
		return &models.SendError{Reason: "throttled", Retry: true, After: time.Duration(what-'0') * time.Minute}
	}
}

// Tries that were under way when the channel was left alone change nothing when they end, but for a longer wait.
func TestBreakerHearsOfOldTries(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	b := &breaker{route: models.RouteSMS, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler), wake: func() { t.Error("woken") }}
	old := make([]bool, 3)
	for i := range old {
		old[i], _ = b.begin()
	}
	for range tripsAfter {
		probe, _ := b.begin()
		b.end(probe, answer('x'))
	}
	b.end(old[0], nil)
	if !b.open() {
		t.Error("an old success closes it")
	}
	b.end(old[1], answer('x'))
	now = now.Add(firstPause)
	if !b.ready() {
		t.Error("an old failure makes the pause longer")
	}
	b.end(old[2], answer('2'))
	if b.ready() {
		t.Error("what the other side asks for is not heard")
	}
}
