package push

import (
	"maps"
	"sync"

	"khaibao/models"
)

// claims are the households whose message is under way, and which that is. Each has one at a time, whatever the queue, so
// that what it was sent today is known exactly when the next one asks.
type claims struct {
	mu    sync.Mutex
	held  map[string]string
	looks map[*look]struct{}
}

// claimed is what a message claims: its household, or itself when it has none.
func claimed(m *models.Message) string {
	if m.Account == "" {
		return "|" + m.ID
	}
	return m.Account
}

// take claims a message's household, unless another message has.
func (c *claims) take(m *models.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.give(m)
}

func (c *claims) give(m *models.Message) bool {
	if c.held[claimed(m)] != "" {
		return false
	}
	c.held[claimed(m)] = m.ID
	return true
}

func (c *claims) has(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held[key] != ""
}

func (c *claims) release(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range c.looks {
		l.ended[key] = c.held[key]
	}
	delete(c.held, key)
}

// look is one look at the outbox. What it read of a message that was under way meanwhile is old: to send that would be to
// send it twice.
type look struct {
	claims *claims
	busy   map[string]string // the households that had a message under way when it began
	ended  map[string]string // those whose message has ended since
}

// look begins a look; whoever does calls over in the end.
func (c *claims) look() *look {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &look{claims: c, busy: maps.Clone(c.held), ended: map[string]string{}}
	c.looks[l] = struct{}{}
	return l
}

func (l *look) over() {
	l.claims.mu.Lock()
	defer l.claims.mu.Unlock()
	delete(l.claims.looks, l)
}

// take claims the household of a message that the look has read, unless it had one under way since the look began. self
// tells that it was this message.
func (l *look) take(m *models.Message) (taken, self bool) {
	l.claims.mu.Lock()
	defer l.claims.mu.Unlock()
	key := claimed(m)
	for _, other := range []string{l.busy[key], l.ended[key], l.claims.held[key]} {
		if other != "" {
			return false, other == m.ID
		}
	}
	return l.claims.give(m), false
}
