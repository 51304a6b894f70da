package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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

// openBeside opens a store that is there for a short step of administration, while servers may be running on it.
func openBeside(ctx context.Context, address string) (store.Engine, error) {
	if kind, dir, _ := strings.Cut(address, ":"); kind == "sqlite" {
		return sqlite.OpenBeside(ctx, dir)
	}
	return openEngine(ctx, address)
}

// openOrMake is openBeside that makes a store where there is none.
func openOrMake(ctx context.Context, address string) (store.Engine, error) {
	engine, err := openBeside(ctx, address)
	if errors.Is(err, fs.ErrNotExist) {
		return openEngine(ctx, address)
	}
	return engine, err
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
