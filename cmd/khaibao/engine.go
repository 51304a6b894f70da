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

// openSource opens a store to copy from: one that is there and holds something. It makes none.
func openSource(ctx context.Context, address string) (store.Engine, error) {
	var engine store.Engine
	var err error
	if kind, dir, _ := strings.Cut(address, ":"); kind == "sqlite" {
		engine, err = openExisting(ctx, dir)
	} else {
		engine, err = openEngine(ctx, address)
	}
	if err != nil {
		return nil, err
	}
	empty, err := store.Empty(ctx, engine)
	if err == nil && empty {
		err = errors.New("the store holds nothing: is the address right?")
	}
	if err != nil {
		return nil, errors.Join(err, engine.Close(context.WithoutCancel(ctx)))
	}
	return engine, nil
}

// openExisting opens a directory that holds a store; one that an older version left gets the collections of today.
func openExisting(ctx context.Context, dir string) (store.Engine, error) {
	engine, err := sqlite.OpenExisting(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := engine.Ensure(ctx, store.Collections()); err != nil {
		return nil, errors.Join(err, engine.Close(context.WithoutCancel(ctx)))
	}
	return engine, nil
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

// keys reads the keys that the settings name. An error names the setting.
func (c *storeConfig) keys() (*seal.Keys, error) {
	if c.Keyset != "" {
		keys, err := seal.Parse([]byte(c.Keyset))
		return keys, naming("KHAIBAO_KEYSET", err)
	}
	keys, err := seal.ReadFile(c.Keys)
	return keys, naming("--keys (KHAIBAO_KEYS)", err)
}

func naming(setting string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", setting, err)
	}
	return err
}

// leaseOwner names this process in leases: uniquely or, on an engine that admits one process only, the same at every
// start, so that the next one need not wait for the leases of one that was killed.
func leaseOwner(engine store.Engine) string {
	if _, sole := engine.(*sqlite.Engine); sole {
		return "sole"
	}
	return store.NewID()
}
