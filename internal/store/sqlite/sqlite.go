// Package sqlite keeps documents in one SQLite file: for the demo, for tests and for a small site. Documents are JSON
// text; the fields of indexes are expressions over it. One process owns a directory at a time.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver

	"khaibao/internal/store"
)

// Engine is a store.Engine on SQLite.
type Engine struct {
	lock    *os.File
	writes  *sql.DB // one connection
	reads   *sql.DB
	queue   chan *write
	closing chan struct{}
	stopped chan struct{} // the writer has ended
	once    sync.Once
	writer  sync.WaitGroup

	mu          sync.RWMutex
	collections map[string]collection
}

// collection is what the engine knows of one: its declaration by name of field.
type collection struct {
	store.Collection
	multi map[string]string // field -> side table
}

// groupSize is how many writes share one transaction at most.
const groupSize = 256

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
	file := filepath.Join(dir, "khaibao.db")
	e := &Engine{lock: lock, queue: make(chan *write, groupSize), closing: make(chan struct{}), stopped: make(chan struct{}), collections: map[string]collection{}}
	if e.writes, err = open(ctx, file, 1, ""); err == nil {
		e.reads, err = open(ctx, file, readers, "query_only(1)")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: opening %s: %w", file, err), lock.Close())
	}
	conn, err := e.writes.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: opening %s: %w", file, err), lock.Close())
	}
	e.writer.Go(func() { e.write(conn) })
	return e, nil
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

func open(ctx context.Context, file string, connections int, extra string) (*sql.DB, error) {
	pragmas := []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(250)", "cache_size(-64000)", "temp_store(MEMORY)"}
	if extra != "" {
		pragmas = append(pragmas, extra)
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, db.PingContext(ctx)
}

var errClosed = errors.New("sqlite: the engine is closed")

// Ping asks for one row.
func (e *Engine) Ping(ctx context.Context) error {
	select {
	case <-e.closing:
		return errClosed
	default:
	}
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
		close(e.closing)
		e.writer.Wait()
		err = errors.Join(e.reads.Close(), e.writes.Close(), e.lock.Close())
	})
	return err
}

// Ensure makes tables and indexes.
func (e *Engine) Ensure(ctx context.Context, collections []store.Collection) error {
	for _, c := range collections {
		own := collection{c, map[string]string{}}
		statements := []string{fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (id TEXT PRIMARY KEY NOT NULL, doc TEXT NOT NULL)", table(c.Name))}
		for _, index := range c.Indexes {
			if index.Multi {
				side := quote(c.Name + "__" + index.Name)
				own.multi[index.Fields[0].Field] = side
				statements = append(statements,
					fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (value TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (value, id)) WITHOUT ROWID", side),
					fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s (id)", quote("by_id_"+c.Name+"__"+index.Name), side))
				continue
			}
			statements = append(statements, createIndex(c.Name, index))
		}
		if c.TTL != "" {
			statements = append(statements, createIndex(c.Name, store.Index{Name: "ttl", Fields: []store.Order{{Field: c.TTL}}, Sparse: true}))
		}
		err := e.do(ctx, func(tx *tx) error {
			for _, statement := range statements {
				if _, err := tx.conn.ExecContext(tx.ctx, statement); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("sqlite: making collection %s: %w", c.Name, err)
		}
		e.mu.Lock()
		e.collections[c.Name] = own
		e.mu.Unlock()
	}
	return nil
}

func createIndex(name string, index store.Index) string {
	statement := fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s (%s)", quote(name+"_"+index.Name), table(name), orderBy(index.Fields))
	if index.Sparse {
		statement += " WHERE " + column(index.Fields[0].Field) + " IS NOT NULL"
	}
	return statement
}

func (e *Engine) collection(name string) (collection, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	c, ok := e.collections[name]
	if !ok {
		return c, fmt.Errorf("sqlite: collection %q was not declared", name)
	}
	return c, nil
}

// Purge deletes what has expired, a thousand at a time so that other writes are not held up.
func (e *Engine) Purge(ctx context.Context, now time.Time) error {
	e.mu.RLock()
	var expiring []collection
	for _, c := range e.collections {
		if c.TTL != "" {
			expiring = append(expiring, c)
		}
	}
	e.mu.RUnlock()
	for _, c := range expiring {
		field := column(c.TTL)
		statement := fmt.Sprintf("DELETE FROM %s WHERE id IN (SELECT id FROM %s WHERE %s IS NOT NULL AND %s <= ? LIMIT 1000)", table(c.Name), table(c.Name), field, field)
		for {
			var deleted int64
			err := e.do(ctx, func(tx *tx) error {
				var err error
				deleted, err = tx.exec(statement, int64(store.At(now)))
				return err
			})
			if err != nil {
				return fmt.Errorf("sqlite: purging %s: %w", c.Name, err)
			}
			if deleted == 0 {
				break
			}
		}
	}
	return nil
}

var _ store.Engine = (*Engine)(nil)
