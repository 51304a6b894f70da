package push

import (
	"maps"
	"sync"

	"khaibao/models"
)

// claims are the households whose message is under way. Each has one at a time, whatever the queue, so that what it was
// sent today is known exactly when the next one asks.
type claims struct {
	mu   sync.Mutex
	held map[string]bool
}

// claimed is what a message claims: its household, or itself when it has none.
func claimed(m *models.Message) string {
	if m.Account == "" {
		return "|" + m.ID
	}
	return m.Account
}

func (c *claims) snapshot() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.held)
}

func (c *claims) take(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[key] {
		return false
	}
	c.held[key] = true
	return true
}

func (c *claims) has(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held[key]
}

func (c *claims) release(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, key)
}
