// Package sqlite keeps documents in one SQLite file: for the demo, for tests and for a small site. Documents are JSON
// text; the fields of indexes are expressions over it. One process owns a directory at a time; administration may go on beside it.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver

	"khaibao/internal/store"
)

// Engine is a store.Engine on SQLite.
type Engine struct {
	lock   *os.File // nil when another process may own the directory
	writes *sql.DB  // one connection
	reads  *sql.DB
	queue  *store.Queue[*write]
	once   sync.Once
	writer sync.WaitGroup

	mu          sync.RWMutex
	collections map[string]*collection
	kept        map[string]*sql.Stmt // on the readers, by text
}

// readers is how many queries run at the same time, beside the writer.
const readers = 4

// Open opens or makes the store of a directory. It fails with a clear word when another process has it open.
func Open(ctx context.Context, dir string) (*Engine, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	return start(ctx, onDisk(dir), lock)
}

// OpenExisting is Open for a store that must be there: where there is none it makes nothing and fails with fs.ErrNotExist.
func OpenExisting(ctx context.Context, dir string) (*Engine, error) {
	if err := exists(dir); err != nil {
		return nil, err
	}
	return Open(ctx, dir)
}

// OpenBeside opens a store that is there, also while another process owns the directory: for short administration. Each
// write waits its turn behind those of the other process, for some seconds at most. It fails with fs.ErrNotExist where
// there is no store.
func OpenBeside(ctx context.Context, dir string) (*Engine, error) {
	if err := exists(dir); err != nil {
		return nil, err
	}
	return start(ctx, onDisk(dir), nil)
}

// OpenMemory opens the store of a name in memory, which goes when the last engine that has it open is closed: for tests of
// what stands on top, where nobody asks what a power cut leaves. Everything else is as on a disk.
func OpenMemory(ctx context.Context, name string) (*Engine, error) {
	return start(ctx, inMemory(name), nil)
}

// start runs an engine on a database; it lets go of the directory when it fails.
func start(ctx context.Context, where place, lock *os.File) (*Engine, error) {
	e := &Engine{lock: lock, queue: store.NewQueue[*write](), collections: map[string]*collection{}, kept: map[string]*sql.Stmt{}}
	if err := e.connect(ctx, where); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: opening the store in %s: %w", where.name, err), e.disconnect())
	}
	return e, nil
}

// place is where a database lies and how it is kept there.
type place struct {
	name    string // for people
	uri     url.URL
	pragmas []string
}

func onDisk(dir string) place {
	path := (&url.URL{Path: database(dir)}).EscapedPath()
	return place{dir, url.URL{Scheme: "file", Opaque: path}, []string{"journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(250)"}}
}

func inMemory(name string) place {
	path := (&url.URL{Path: "/" + name}).EscapedPath() // with a slash connections share it
	return place{"memory", url.URL{Scheme: "file", Opaque: path, RawQuery: "vfs=memdb"}, []string{"journal_mode(MEMORY)"}}
}

func database(dir string) string { return filepath.Join(dir, "khaibao.db") }

func exists(dir string) error {
	if _, err := os.Stat(database(dir)); err != nil {
		return fmt.Errorf("sqlite: there is no store in %s: %w", dir, err)
	}
	return nil
}

func (e *Engine) connect(ctx context.Context, where place) error {
	var err error
	if e.writes, err = open(ctx, where, 1, "cache_size(-64000)"); err != nil {
		return err
	}
	// Readers look into the system's cache of the file (as much of it as SQLite maps at most) instead of copying it.
	if e.reads, err = open(ctx, where, readers, "cache_size(-2000)", "mmap_size(2147418112)", "query_only(1)"); err != nil {
		return err
	}
	conn, err := e.writes.Conn(ctx)
	if err == nil {
		e.writer.Go(func() { e.write(conn) })
	}
	return err
}

func (e *Engine) disconnect() error {
	var errs []error
	for _, db := range []*sql.DB{e.reads, e.writes} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if e.lock != nil {
		errs = append(errs, e.lock.Close())
	}
	return errors.Join(errs...)
}

// lockDir takes the directory for this process; the kernel gives it back whenever the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("sqlite: another khaibao process uses %s; stop it first, or use MongoDB, which several processes may share", dir)
	}
	return lock, nil
}

func open(ctx context.Context, where place, connections int, more ...string) (*sql.DB, error) {
	query := where.uri.Query()
	query["_pragma"] = slices.Concat([]string{"busy_timeout(5000)"}, where.pragmas, []string{"temp_store(MEMORY)"}, more)
	where.uri.RawQuery = query.Encode()
	db, err := sql.Open("sqlite", where.uri.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, db.PingContext(ctx)
}

// Ping asks for one row.
func (e *Engine) Ping(ctx context.Context) error {
	var one int
	if err := e.reads.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("sqlite: no answer: %w", err)
	}
	return nil
}

// Close writes what waits, and gives the directory back.
func (e *Engine) Close(context.Context) error {
	var err error
	e.once.Do(func() {
		e.queue.Close()
		e.writer.Wait()
		err = e.disconnect()
	})
	return err
}

// Purge deletes what has expired, a group at a time so that other writes are not held up.
func (e *Engine) Purge(ctx context.Context, now time.Time) error {
	e.mu.RLock()
	collections := slices.Collect(maps.Values(e.collections))
	e.mu.RUnlock()
	for _, c := range collections {
		if c.TTL == "" {
			continue
		}
		if err := e.purge(ctx, c, store.At(now)); err != nil {
			return fmt.Errorf("sqlite: purging %s: %w", c.Name, err)
		}
	}
	return nil
}

func (e *Engine) purge(ctx context.Context, c *collection, now store.Time) error {
	field := column(c.TTL)
	expired := fmt.Sprintf("SELECT json_group_array(id) FROM (SELECT id FROM %s WHERE %s IS NOT NULL AND %s <= ? LIMIT %d)", table(c.Name), field, field, groupSize)
	for {
		var ids []string
		err := e.do(ctx, func(t *tx) error {
			list, err := t.text(expired, int64(now))
			if err == nil {
				err = json.Unmarshal([]byte(list), &ids)
			}
			if err != nil {
				return err
			}
			return t.delete(c, ids)
		})
		if err != nil || len(ids) < groupSize {
			return err
		}
	}
}

var _ store.Engine = (*Engine)(nil)
