package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"khaibao/internal/store"
)

// raw is a document as text.
type raw []byte

// Decode reads it into a struct with json tags.
func (r raw) Decode(into any) error { return json.Unmarshal(r, into) }

// Get reads one document.
func (e *Engine) Get(ctx context.Context, name, id string, into any) error {
	c, err := e.collection(name)
	if err != nil {
		return err
	}
	var text []byte
	err = e.reads.QueryRowContext(ctx, c.get, id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrMissing
	}
	if err != nil {
		return fmt.Errorf("sqlite: reading %s: %w", name, err)
	}
	return json.Unmarshal(text, into)
}

// GetAll reads every document of the ids that exists.
func (e *Engine) GetAll(ctx context.Context, name string, ids []string, each func(store.Raw) error) error {
	c, err := e.collection(name)
	if err != nil || len(ids) == 0 {
		return err
	}
	f := filter{c: c}
	f.add(store.Cond{Field: "_id", Op: store.In, Value: ids})
	return e.query(ctx, "SELECT doc FROM "+table(name), f, "", each)
}

// Find reads the documents that match, in order.
func (e *Engine) Find(ctx context.Context, name string, query store.Query, each func(store.Raw) error) error {
	f, err := e.filter(name, query.Where)
	if err != nil {
		return err
	}
	if err := f.after(&query); err != nil {
		return err
	}
	tail := ""
	if len(query.Sort) > 0 {
		tail = " ORDER BY " + orderBy(query.Sort)
	}
	if query.Limit > 0 {
		tail += fmt.Sprintf(" LIMIT %d", query.Limit)
	}
	return e.query(ctx, "SELECT doc FROM "+table(name), f, tail, each)
}

func (e *Engine) query(ctx context.Context, head string, f filter, tail string, each func(store.Raw) error) error {
	if f.err != nil {
		return f.err
	}
	rows, err := e.reads.QueryContext(ctx, head+f.where()+tail, f.args...)
	if err != nil {
		return fmt.Errorf("sqlite: reading %s: %w", f.c.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var text sql.RawBytes
		if err := rows.Scan(&text); err != nil {
			return fmt.Errorf("sqlite: reading %s: %w", f.c.Name, err)
		}
		if err := each(raw(text)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("sqlite: reading %s: %w", f.c.Name, err)
	}
	return nil
}

// Count counts the documents that match.
func (e *Engine) Count(ctx context.Context, name string, conds []store.Cond) (int64, error) {
	f, err := e.filter(name, conds)
	if err != nil {
		return 0, err
	}
	var n int64
	if err := e.reads.QueryRowContext(ctx, "SELECT count(*) FROM "+table(name)+f.where(), f.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("sqlite: counting %s: %w", name, err)
	}
	return n, nil
}
