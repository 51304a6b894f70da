package mongo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// The server's codes that matter here.
const (
	namespaceExists    = 48
	indexAlreadyExists = 68
	writeConflict      = 112      // MongoDB: gave way to another writer, nothing is kept
	duplicateKey       = 11000    // the _id is taken
	deadlock           = 16908292 // DocumentDB: the same as writeConflict
)

// failed names what failed. Of a server's word only the code is kept: its message may quote a document.
func failed(doing, collection string, err error) error {
	if code, ok := codeOf(err); ok {
		return fmt.Errorf("mongo: %s %s: the server refused with code %d", doing, collection, code)
	}
	return fmt.Errorf("mongo: %s %s: %w", doing, collection, err)
}

// codeOf gives the server's code of an error, the first one of several; ok is false when it comes from elsewhere.
func codeOf(err error) (code int, ok bool) {
	var command mongo.CommandError
	if errors.As(err, &command) {
		return int(command.Code), command.Code != 0
	}
	var bulk mongo.BulkWriteException
	if errors.As(err, &bulk) && len(bulk.WriteErrors) > 0 {
		return bulk.WriteErrors[0].Code, true
	}
	var write mongo.WriteException
	if errors.As(err, &write) && len(write.WriteErrors) > 0 {
		return write.WriteErrors[0].Code, true
	}
	return 0, false
}

func alreadyThere(err error) bool {
	code, _ := codeOf(err)
	return code == namespaceExists || code == indexAlreadyExists
}

func gaveWay(code int) bool { return code == writeConflict || code == deadlock }

// patience is how often an operation that gave way to another writer is tried.
const patience = 30

// patiently tries an operation again while it gives way to other writers. The operation must be one that may be repeated
// when only part of it was carried out.
func patiently(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if code, _ := codeOf(err); !gaveWay(code) || try == patience {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// pause waits a little, longer at each try and by chance, so that those who clashed do not meet again.
func pause(ctx context.Context, try int) error {
	timer := time.NewTimer(rand.N(time.Duration(min(try, 10)) * 4 * time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
