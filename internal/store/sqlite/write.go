package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"khaibao/internal/store"
)

// write is one change that waits for the writer.
type write struct {
	ctx  context.Context
	do   func(*tx) error
	err  error
	done chan struct{}
}

// tx is the transaction that a group of writes shares.
type tx struct {
	ctx        context.Context
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

// exec runs a prepared statement and gives the number of rows it changed.
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

// atomic undoes everything of do when it fails and leaves the rest of the group alone. Single statements need no help.
func (t *tx) atomic(do func() error) error {
	if _, err := t.exec("SAVEPOINT item"); err != nil {
		return err
	}
	err := do()
	if err != nil {
		if _, undo := t.exec("ROLLBACK TO item"); undo != nil {
			return errors.Join(err, undo)
		}
	}
	_, release := t.exec("RELEASE item")
	return errors.Join(err, release)
}

// do hands a change to the writer and waits for its commit. When ctx ends first the change may or may not be kept.
func (e *Engine) do(ctx context.Context, change func(*tx) error) error {
	w := &write{ctx: ctx, do: change, done: make(chan struct{})}
	select {
	case <-e.closing:
		return errClosed
	default:
	}
	select {
	case e.queue <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closing:
		return errClosed
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	case <-e.stopped: // it came too late to be taken, unless it was the last one taken
		select {
		case <-w.done:
			return w.err
		default:
			return errClosed
		}
	}
}

// write is the one writer: it takes what waits, up to groupSize, into one transaction, and answers each caller after
// the commit. It does not linger, so a lone write waits for nobody.
func (e *Engine) write(conn *sql.Conn) {
	defer close(e.stopped)
	t := &tx{ctx: context.Background(), conn: conn, statements: map[string]*sql.Stmt{}}
	for {
		var batch []*write
		select {
		case first := <-e.queue:
			batch = append(batch, first)
		case <-e.closing:
			if batch = e.waiting(nil); len(batch) == 0 {
				for _, statement := range t.statements {
					statement.Close()
				}
				conn.Close()
				return
			}
		}
		batch = e.waiting(batch)
		err := t.commit(batch)
		for _, w := range batch {
			if err != nil {
				w.err = err
			}
			close(w.done)
		}
	}
}

func (e *Engine) waiting(batch []*write) []*write {
	for len(batch) < groupSize {
		select {
		case next := <-e.queue:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// commit carries out a group: an error is that of the whole group, nothing of which is kept then.
func (t *tx) commit(batch []*write) error {
	if _, err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("sqlite: beginning: %w", err)
	}
	for _, w := range batch {
		if w.err = w.ctx.Err(); w.err == nil { // the caller has gone: leave it out
			w.err = w.do(t)
		}
	}
	if _, err := t.exec("COMMIT"); err != nil {
		_, undo := t.exec("ROLLBACK")
		return errors.Join(fmt.Errorf("sqlite: committing: %w", err), undo)
	}
	return nil
}

func encode(doc any) (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(doc); err != nil {
		return "", fmt.Errorf("sqlite: encoding a document: %w", err)
	}
	return string(bytes.TrimRight(out.Bytes(), "\n")), nil
}

// Insert keeps a new document.
func (e *Engine) Insert(ctx context.Context, name string, doc store.Document) error {
	c, err := e.collection(name)
	if err != nil {
		return err
	}
	text, err := encode(doc)
	if err != nil {
		return err
	}
	return e.do(ctx, func(t *tx) error { return t.insert(c, doc.Key(), text) })
}

func (t *tx) insert(c collection, id, text string) error {
	plain := func() error {
		n, err := t.exec("INSERT INTO "+table(c.Name)+" (id, doc) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", id, text)
		if err == nil && n == 0 {
			return store.ErrExists
		}
		return err
	}
	if len(c.multi) == 0 {
		return plain()
	}
	return t.atomic(func() error {
		if err := plain(); err != nil {
			return err
		}
		return t.index(c, id)
	})
}

// index puts the members of array fields into their side tables.
func (t *tx) index(c collection, id string) error {
	for field, side := range c.multi {
		if _, err := t.exec("DELETE FROM "+side+" WHERE id = ?", id); err != nil {
			return err
		}
		if _, err := t.exec("INSERT OR IGNORE INTO "+side+" (value, id) SELECT m.value, d.id FROM "+table(c.Name)+" d, json_each(d.doc, "+path(field)+") m WHERE d.id = ?", id); err != nil {
			return err
		}
	}
	return nil
}

// InsertAll keeps those whose _id is free.
func (e *Engine) InsertAll(ctx context.Context, name string, docs []store.Document) error {
	c, err := e.collection(name)
	if err != nil {
		return err
	}
	texts := make([]string, len(docs))
	for i, doc := range docs {
		if texts[i], err = encode(doc); err != nil {
			return err
		}
	}
	return e.do(ctx, func(t *tx) error {
		return t.atomic(func() error {
			for i, doc := range docs {
				if err := t.insert(c, doc.Key(), texts[i]); err != nil && !errors.Is(err, store.ErrExists) {
					return err
				}
			}
			return nil
		})
	})
}

// Replace swaps a document whose rev is still was.
func (e *Engine) Replace(ctx context.Context, name string, doc store.Document, was string) error {
	c, err := e.collection(name)
	if err != nil {
		return err
	}
	text, err := encode(doc)
	if err != nil {
		return err
	}
	return e.do(ctx, func(t *tx) error {
		return t.atomic(func() error {
			n, err := t.exec("UPDATE "+table(name)+" SET doc = ? WHERE id = ? AND "+column("rev")+" = ?", text, doc.Key(), was)
			if err == nil && n == 0 {
				return store.ErrChanged
			}
			if err != nil {
				return err
			}
			return t.index(c, doc.Key())
		})
	})
}

// Unset removes a field from the documents that are still as they were read.
func (e *Engine) Unset(ctx context.Context, name, field string, refs []store.Ref) error {
	if _, err := e.collection(name); err != nil {
		return err
	}
	statement := "UPDATE " + table(name) + " SET doc = json_remove(doc, " + path(field) + ") WHERE id = ?"
	return e.do(ctx, func(t *tx) error {
		return t.atomic(func() error {
			for _, ref := range refs {
				var err error
				if ref.Rev == "" {
					_, err = t.exec(statement, ref.ID)
				} else {
					_, err = t.exec(statement+" AND "+column("rev")+" = ?", ref.ID, ref.Rev)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Delete removes documents.
func (e *Engine) Delete(ctx context.Context, name string, ids ...string) error {
	c, err := e.collection(name)
	if err != nil {
		return err
	}
	return e.do(ctx, func(t *tx) error {
		return t.atomic(func() error {
			for _, id := range ids {
				if _, err := t.exec("DELETE FROM "+table(name)+" WHERE id = ?", id); err != nil {
					return err
				}
				for _, side := range c.multi {
					if _, err := t.exec("DELETE FROM "+side+" WHERE id = ?", id); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
}

// Add applies increments, each once.
func (e *Engine) Add(ctx context.Context, name string, increments []store.Increment) error {
	if _, err := e.collection(name); err != nil {
		return err
	}
	return e.do(ctx, func(t *tx) error {
		return t.atomic(func() error {
			for _, inc := range increments {
				if err := t.add(name, inc); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (t *tx) add(name string, inc store.Increment) error {
	doc := map[string]json.RawMessage{}
	text, err := t.text("SELECT doc FROM "+table(name)+" WHERE id = ?", inc.ID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		fresh, err := encode(inc.Init)
		if err != nil {
			return err
		}
		text = fresh
	case err != nil:
		return err
	}
	if text != "null" {
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			return err
		}
	}
	sums, seen := map[string]int64{}, map[string]int64{}
	for part, into := range map[string]*map[string]int64{"n": &sums, "seen": &seen} {
		if len(doc[part]) > 0 {
			if err := json.Unmarshal(doc[part], into); err != nil {
				return err
			}
		}
	}
	if applied, ok := seen[inc.Guard]; ok && applied >= inc.Seq {
		return nil
	}
	seen[inc.Guard] = inc.Seq
	for field, n := range inc.N {
		sums[field] += n
	}
	for part, value := range map[string]any{"_id": inc.ID, "n": sums, "seen": seen} {
		if doc[part], err = json.Marshal(value); err != nil {
			return err
		}
	}
	if text, err = encode(doc); err != nil {
		return err
	}
	return t.put(name, inc.ID, text)
}

func (t *tx) put(name, id, text string) error {
	_, err := t.exec("INSERT INTO "+table(name)+" (id, doc) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc", id, text)
	return err
}

// Take counts in a document that expires.
func (e *Engine) Take(ctx context.Context, name, id string, expires time.Time) (int64, error) {
	if _, err := e.collection(name); err != nil {
		return 0, err
	}
	var n int64
	err := e.do(ctx, func(t *tx) error {
		doc := struct {
			ID        string     `json:"_id"`
			N         int64      `json:"n"`
			ExpiresAt store.Time `json:"expires_at"`
		}{ID: id}
		text, err := t.text("SELECT doc FROM "+table(name)+" WHERE id = ?", id)
		if err == nil {
			err = json.Unmarshal([]byte(text), &doc)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if doc.ExpiresAt <= store.At(time.Now()) {
			doc.N, doc.ExpiresAt = 0, store.At(expires)
		}
		doc.N++
		n = doc.N
		if text, err = encode(doc); err != nil {
			return err
		}
		return t.put(name, id, text)
	})
	return n, err
}
