package main

import (
	"context"
	"fmt"
	"strings"

	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/mongo"
	"khaibao/internal/store/sqlite"
)

// openEngine opens the engine of a store address: mongodb://... or sqlite:DIR.
func openEngine(ctx context.Context, address string) (store.Engine, error) {
	kind, rest, _ := strings.Cut(address, ":")
	switch kind {
	case "sqlite":
		return sqlite.Open(ctx, rest)
	case "mongodb", "mongodb+srv":
		return mongo.Open(ctx, address)
	}
	return nil, fmt.Errorf("there is no store %q: give mongodb://... or sqlite:DIR", kind)
}

// keys reads the keys that the settings name.
func (c *storeConfig) keys() (*seal.Keys, error) {
	if c.Keyset != "" {
		return seal.Parse([]byte(c.Keyset))
	}
	return seal.ReadFile(c.Keys)
}

// leaseOwner names this process in leases: uniquely or, on an engine that admits one process only, the same at every
// start, so that the next one need not wait for the leases of one that was killed.
func leaseOwner(engine store.Engine) string {
	if _, sole := engine.(*sqlite.Engine); sole {
		return "sole"
	}
	return store.NewID()
}
