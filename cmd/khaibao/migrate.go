package main

import (
	"context"
	"fmt"

	"khaibao/internal/store"
)

type migrateCommand struct {
	From string `required:"" help:"The store to copy: sqlite:DIR or mongodb://..." placeholder:"URL"`
	To   string `required:"" help:"The store to copy to: an empty one, or one that a migration that was cut off has left." placeholder:"URL"`
}

// Run copies while nothing serves either store. The keys move by hand: both stores are read with the same key file.
func (c *migrateCommand) Run(ctx context.Context) error {
	from, err := openSource(ctx, c.From)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer from.Close(context.WithoutCancel(ctx))
	to, err := openEngine(ctx, c.To)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer to.Close(context.WithoutCancel(ctx))
	err = store.Copy(ctx, from, to, func(done store.Copied) {
		fmt.Printf("%-16s %9d documents, the same on both sides (%.12s)\n", done.Collection, done.Documents, done.Digest)
	})
	if err != nil {
		return err
	}
	fmt.Println("everything is copied and verified; start the server on the new store with the same key file")
	return nil
}
