package sqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"khaibao/internal/store"
)

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
	id := doc.Key()
	return e.await(ctx, &write{
		ctx: ctx, do: func(t *tx) error { return t.insert(c, id, text) }, single: len(c.multi) == 0, done: make(chan struct{}),
	})
}

func (t *tx) insert(c *collection, id, text string) error {
	n, err := t.exec(c.insert, id, text)
	if err == nil && n == 0 {
		return store.ErrExists
	}
	if err != nil {
		return fmt.Errorf("sqlite: inserting into %s: %w", c.Name, err)
	}
	return t.addMembers(c, id)
}

// InsertAll keeps those whose _id is free.
func (e *Engine) InsertAll(ctx context.Context, name string, docs []store.Document) error {
	c, err := e.collection(name)
	if err != nil {
		return err
	}
	ids, texts := make([]string, len(docs)), make([]string, len(docs))
	for i, doc := range docs {
		ids[i] = doc.Key()
		if texts[i], err = encode(doc); err != nil {
			return err
		}
	}
	return e.do(ctx, func(t *tx) error {
		for i, id := range ids {
			if err := t.insert(c, id, texts[i]); err != nil && !errors.Is(err, store.ErrExists) {
				return err
			}
		}
		return nil
	})
}

// Replace swaps a document whose rev is still was.
func (e *Engine) Replace(ctx context.Context, name string, doc store.Document, was string) error {
	changed, err := e.ReplaceAll(ctx, name, []store.Document{doc}, []string{was})
	if err == nil && len(changed) > 0 {
		return store.ErrChanged
	}
	return err
}

// ReplaceAll swaps the documents whose rev is still the same.
func (e *Engine) ReplaceAll(ctx context.Context, name string, docs []store.Document, was []string) (changed []int, err error) {
	c, err := e.collection(name)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	ids, texts := make([]string, len(docs)), make([]string, len(docs))
	for i, doc := range docs {
		ids[i] = doc.Key()
		if texts[i], err = encode(doc); err != nil {
			return nil, err
		}
	}
	err = e.do(ctx, func(t *tx) error {
		for i, id := range ids {
			swapped, err := t.replace(c, id, texts[i], was[i])
			if err != nil {
				return err
			}
			if !swapped {
				changed = append(changed, i)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

func (t *tx) replace(c *collection, id, text, was string) (swapped bool, err error) {
	n, err := t.exec(c.replace, text, id, was)
	if err != nil {
		return false, fmt.Errorf("sqlite: replacing in %s: %w", c.Name, err)
	}
	if n == 0 {
		return false, nil
	}
	return true, errors.Join(t.dropMembers(c, id), t.addMembers(c, id))
}

// Unset removes a field from the documents that are still as they were read.
func (e *Engine) Unset(ctx context.Context, name, field string, refs []store.Ref) error {
	c, err := e.collection(name)
	if err != nil {
		return err
	}
	unset := "UPDATE " + table(name) + " SET doc = json_remove(doc, " + path(field) + ") WHERE id = ?"
	return e.do(ctx, func(t *tx) error {
		for _, ref := range refs {
			var err error
			if ref.Rev == "" {
				_, err = t.exec(unset, ref.ID)
			} else {
				_, err = t.exec(unset+" AND "+column("rev")+" = ?", ref.ID, ref.Rev)
			}
			if err == nil && c.multi[field] != "" {
				err = errors.Join(t.dropMembers(c, ref.ID), t.addMembers(c, ref.ID))
			}
			if err != nil {
				return fmt.Errorf("sqlite: settling in %s: %w", c.Name, err)
			}
		}
		return nil
	})
}

// Delete removes documents.
func (e *Engine) Delete(ctx context.Context, name string, ids ...string) error {
	c, err := e.collection(name)
	if err != nil {
		return err
	}
	return e.do(ctx, func(t *tx) error { return t.delete(c, ids) })
}

func (t *tx) delete(c *collection, ids []string) error {
	for _, id := range ids {
		if _, err := t.exec("DELETE FROM "+table(c.Name)+" WHERE id = ?", id); err != nil {
			return fmt.Errorf("sqlite: deleting from %s: %w", c.Name, err)
		}
		if err := t.dropMembers(c, id); err != nil {
			return err
		}
	}
	return nil
}

// addMembers puts the members of a document's array fields into the side tables.
func (t *tx) addMembers(c *collection, id string) error {
	for field, side := range c.multi {
		if _, err := t.exec(fillMembers(c.Name, field, side)+" AND d.id = ?", id); err != nil {
			return fmt.Errorf("sqlite: indexing %s: %w", c.Name, err)
		}
	}
	return nil
}

// fillMembers is the statement that puts the members of a field of every document into its side table.
func fillMembers(name, field, side string) string {
	return "INSERT OR IGNORE INTO " + side + " (value, id) SELECT m.value, d.id FROM " + table(name) + " d, json_each(d.doc, " + path(field) + ") m WHERE m.value IS NOT NULL"
}

func (t *tx) dropMembers(c *collection, id string) error {
	for _, side := range c.multi {
		if _, err := t.exec("DELETE FROM "+side+" WHERE id = ?", id); err != nil {
			return fmt.Errorf("sqlite: indexing %s: %w", c.Name, err)
		}
	}
	return nil
}
