package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// groupSize is how many writes share one transaction at most.
const groupSize = 256

// write is one change that waits for the writer.
type write struct {
	ctx    context.Context
	do     func(*tx) error
	single bool // one statement at most, which is undone by itself when it fails
	err    error
	done   chan struct{}
}

// do hands a change to the writer and waits for its commit. When ctx ends while the change still waits, it is taken
// back and nothing is kept; once it is under way its outcome is awaited, so that the answer is always the truth.
func (e *Engine) do(ctx context.Context, change func(*tx) error) error {
	return e.await(ctx, &write{ctx: ctx, do: change, done: make(chan struct{})})
}

func (e *Engine) await(ctx context.Context, w *write) error {
	if err := e.queue.Put(w); err != nil {
		return err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		if e.queue.Withdraw(w) {
			return ctx.Err()
		}
		<-w.done
	}
	return w.err
}

// write is the one writer: it takes what waits, up to groupSize, into one transaction, and answers each caller after
// the commit.
func (e *Engine) write(conn *sql.Conn) {
	t := &tx{ctx: context.Background(), conn: conn, statements: map[string]*sql.Stmt{}}
	for batch := e.queue.Take(groupSize); len(batch) > 0; batch = e.queue.Take(groupSize) {
		err := t.commit(batch)
		for _, w := range batch {
			if err != nil {
				w.err = err
			}
			close(w.done)
		}
	}
	for _, statement := range t.statements {
		statement.Close()
	}
	conn.Close()
}

// tx is the transaction that a group of writes shares.
type tx struct {
	ctx        context.Context
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

// commit carries out a group: the error it gives is that of the whole group, nothing of which counts as kept then.
func (t *tx) commit(batch []*write) error {
	if _, err := t.exec("BEGIN IMMEDIATE"); err != nil {
		t.exec("ROLLBACK") // should a transaction still be open, the next group begins afresh
		return fmt.Errorf("sqlite: beginning: %w", err)
	}
	for _, w := range batch {
		if w.err = w.ctx.Err(); w.err != nil {
			continue
		}
		if w.single {
			w.err = w.do(t)
		} else {
			w.err = t.atomic(w.do)
		}
	}
	if _, err := t.exec("COMMIT"); err != nil {
		_, undo := t.exec("ROLLBACK")
		return errors.Join(fmt.Errorf("sqlite: committing: %w", err), undo)
	}
	return nil
}

// atomic undoes everything of a change that fails and leaves the rest of the group alone.
func (t *tx) atomic(do func(*tx) error) error {
	if _, err := t.exec("SAVEPOINT item"); err != nil {
		return err
	}
	err := do(t)
	if err != nil {
		if _, undo := t.exec("ROLLBACK TO item"); undo != nil {
			return errors.Join(err, undo)
		}
	}
	_, release := t.exec("RELEASE item")
	return errors.Join(err, release)
}

// exec runs a statement, prepared once, and gives the number of rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	statement, err := t.prepare(query)
	if err != nil {
		return 0, err
	}
	result, err := statement.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// text reads one text; sql.ErrNoRows when there is none.
func (t *tx) text(query string, args ...any) (string, error) {
	statement, err := t.prepare(query)
	if err != nil {
		return "", err
	}
	var out string
	return out, statement.QueryRowContext(t.ctx, args...).Scan(&out)
}

func (t *tx) prepare(query string) (*sql.Stmt, error) {
	if statement := t.statements[query]; statement != nil {
		return statement, nil
	}
	statement, err := t.conn.PrepareContext(t.ctx, query)
	if err == nil {
		t.statements[query] = statement
	}
	return statement, err
}
