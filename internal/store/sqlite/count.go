package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"khaibao/internal/store"
)

// Add applies increments, each once.
func (e *Engine) Add(ctx context.Context, name string, increments []store.Increment) error {
	if _, err := e.collection(name); err != nil {
		return err
	}
	return e.do(ctx, func(t *tx) error {
		for _, inc := range increments {
			if err := t.add(name, inc); err != nil {
				return fmt.Errorf("sqlite: counting in %s: %w", name, err)
			}
		}
		return nil
	})
}

func (t *tx) add(name string, inc store.Increment) error {
	text, err := t.text("SELECT doc FROM "+table(name)+" WHERE id = ?", inc.ID)
	if errors.Is(err, sql.ErrNoRows) {
		text, err = encode(inc.Init)
	}
	if err != nil {
		return err
	}
	text, changed, err := addTo(text, inc)
	if err != nil || !changed {
		return err
	}
	return t.put(name, inc.ID, text)
}

// addTo applies an increment to a document; changed is false when the document has it already. Everything but the
// numbers stays as it was written.
func addTo(text string, inc store.Increment) (out string, changed bool, err error) {
	doc := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return "", false, err
	}
	if doc == nil { // there was no Init
		doc = map[string]json.RawMessage{}
	}
	sums, err := numbers(doc["n"])
	if err != nil {
		return "", false, err
	}
	seen, err := numbers(doc["seen"])
	if err != nil {
		return "", false, err
	}
	if applied, ok := seen[inc.Guard]; ok && applied >= inc.Seq {
		return "", false, nil
	}
	seen[inc.Guard] = inc.Seq
	for field, n := range inc.N {
		sums[field] += n
	}
	for field, value := range map[string]any{"_id": inc.ID, "n": sums, "seen": seen} {
		if doc[field], err = json.Marshal(value); err != nil {
			return "", false, err
		}
	}
	out, err = encode(doc)
	return out, true, err
}

func numbers(raw json.RawMessage) (map[string]int64, error) {
	out := map[string]int64{}
	if len(raw) == 0 {
		return out, nil
	}
	return out, json.Unmarshal(raw, &out)
}

func (t *tx) put(name, id, text string) error {
	_, err := t.exec("INSERT INTO "+table(name)+" (id, doc) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc", id, text)
	return err
}

// budget is the small document of Take.
type budget struct {
	ID        string     `json:"_id"`
	N         int64      `json:"n"`
	ExpiresAt store.Time `json:"expires_at"`
}

// Take counts in a document that expires.
func (e *Engine) Take(ctx context.Context, name, id string, expires time.Time) (int64, error) {
	if _, err := e.collection(name); err != nil {
		return 0, err
	}
	var n int64
	err := e.do(ctx, func(t *tx) error {
		var err error
		if n, err = t.take(name, id, expires); err != nil {
			return fmt.Errorf("sqlite: counting in %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (t *tx) take(name, id string, expires time.Time) (int64, error) {
	doc := budget{ID: id}
	text, err := t.text("SELECT doc FROM "+table(name)+" WHERE id = ?", id)
	if err == nil {
		err = json.Unmarshal([]byte(text), &doc)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	if doc.ExpiresAt <= store.At(time.Now()) {
		doc.N, doc.ExpiresAt = 0, store.At(expires)
	}
	doc.N++
	if text, err = encode(doc); err != nil {
		return 0, err
	}
	return doc.N, t.put(name, id, text)
}
