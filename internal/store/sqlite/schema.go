package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"khaibao/internal/store"
)

// collection is what the engine knows of one: its declaration, its side tables and the statements used most.
type collection struct {
	store.Collection
	multi           map[string]string // field -> side table of its members
	insert, replace string
	get             *sql.Stmt // on the readers
}

func newCollection(c store.Collection) *collection {
	own := &collection{
		Collection: c,
		multi:      map[string]string{},
		insert:     "INSERT INTO " + table(c.Name) + " (id, doc) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
		replace:    "UPDATE " + table(c.Name) + " SET doc = ? WHERE id = ? AND " + column("rev") + " = ?",
	}
	for _, index := range c.Indexes {
		if index.Multi {
			own.multi[index.Fields[0].Field] = quote(c.Name + "__" + index.Name)
		}
	}
	return own
}

func (e *Engine) collection(name string) (*collection, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	c := e.collections[name]
	if c == nil {
		return nil, fmt.Errorf("sqlite: collection %q was not declared", name)
	}
	return c, nil
}

// Ensure makes tables and indexes, all of them or none; an index that is new to documents kept already is filled from them.
func (e *Engine) Ensure(ctx context.Context, collections []store.Collection) error {
	own := make([]*collection, len(collections))
	for i, declared := range collections {
		own[i] = newCollection(declared)
	}
	// In one transaction: a reader that finds the schema changed reads all of it again.
	err := e.do(ctx, func(t *tx) error {
		for _, c := range own {
			if err := t.make(c); err != nil {
				return fmt.Errorf("collection %s: %w", c.Name, err)
			}
		}
		return nil
	})
	for _, c := range own {
		if err == nil {
			c.get, err = e.reads.PrepareContext(ctx, "SELECT doc FROM "+table(c.Name)+" WHERE id = ?")
		}
	}
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range own {
		e.collections[c.Name] = c
	}
	return nil
}

func (t *tx) make(c *collection) error {
	statements := []string{"CREATE TABLE IF NOT EXISTS " + table(c.Name) + " (id TEXT PRIMARY KEY NOT NULL, doc TEXT NOT NULL)"}
	for _, index := range c.Indexes {
		if !index.Multi {
			statements = append(statements, createIndex(c.Name, index))
		}
	}
	if c.TTL != "" {
		statements = append(statements, createIndex(c.Name, store.Index{Name: "ttl", Fields: []store.Order{{Field: c.TTL}}, Sparse: true}))
	}
	for _, statement := range statements {
		if _, err := t.conn.ExecContext(t.ctx, statement); err != nil {
			return err
		}
	}
	for field, side := range c.multi {
		if err := t.makeSide(c, field, side); err != nil {
			return err
		}
	}
	return nil
}

// makeSide makes the side table of an array field and fills it from the documents that are there.
func (t *tx) makeSide(c *collection, field, side string) error {
	_, err := t.text("SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?", strings.Trim(side, `"`))
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	for _, statement := range []string{
		"CREATE TABLE " + side + " (value TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (value, id)) WITHOUT ROWID",
		"CREATE INDEX " + quote("by_id_"+strings.Trim(side, `"`)) + " ON " + side + " (id)",
		fillMembers(c.Name, field, side),
	} {
		if _, err := t.conn.ExecContext(t.ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// indexName tells one with more in its entries apart from the plain one, which a store may still have.
func indexName(collection string, index store.Index) string {
	if len(index.Also) > 0 {
		return quote(collection + "_" + index.Name + "_wide")
	}
	return quote(collection + "_" + index.Name)
}

func createIndex(name string, index store.Index) string {
	columns := []string{orderBy(index.Fields)}
	for _, field := range index.Also {
		columns = append(columns, column(field))
	}
	statement := fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s (%s)", indexName(name, index), table(name), strings.Join(columns, ", "))
	if index.Sparse {
		statement += " WHERE " + column(index.Fields[0].Field) + " IS NOT NULL"
	}
	return statement
}

// quote makes a name of SQL. Names of collections and fields are constants of the code; letting only these characters
// through keeps it so.
func quote(name string) string {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '.' {
			panic("sqlite: " + name + " is not a name")
		}
	}
	return `"` + name + `"`
}

func table(collection string) string { return quote(collection) }

// path is the JSON path of a field, as an SQL text.
func path(field string) string {
	quote(field)
	return "'$." + field + "'"
}

// column is the expression of a field, written the same way in indexes and queries, so that the planner matches them.
func column(field string) string {
	if field == "_id" {
		return "id"
	}
	return "json_extract(doc, " + path(field) + ")"
}

func orderBy(fields []store.Order) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = column(f.Field)
		if f.Desc {
			parts[i] += " DESC"
		}
	}
	return strings.Join(parts, ", ")
}
