package push

import (
	"maps"
	"sync"

	"khaibao/models"
)

// claims are the households whose message is under way, and which that is. Each has one at a time, whatever the queue, so
// that what it was sent today is known exactly when the next one asks.
type claims struct {
	mu   sync.Mutex
	held map[string]string
}

// claimed is what a message claims: its household, or itself when it has none.
func claimed(m *models.Message) string {
	if m.Account == "" {
		return "|" + m.ID
	}
	return m.Account
}

func (c *claims) snapshot() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.held)
}

// take claims a message's household, unless another message has.
func (c *claims) take(m *models.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
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
	delete(c.held, key)
}
