package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	json "github.com/go-json-experiment/json/v1" // means the same as encoding/json and reads twice as fast

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
	if err := ctx.Err(); err != nil {
		return err
	}
	var text []byte
	// It is over before anybody could cancel it, and watching ctx costs as much as reading.
	err = c.get.QueryRowContext(context.WithoutCancel(ctx), id).Scan(&text)
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
	f, err := e.filter(name, []store.Cond{{Field: "_id", Op: store.In, Value: ids}})
	if err != nil || len(ids) == 0 {
		return err
	}
	return e.query(ctx, "SELECT doc FROM "+f.from(true)+f.where(), f, each)
}

// FindBy reads the documents whose field has a value.
func (e *Engine) FindBy(ctx context.Context, name, field, value string, each func(store.Raw) error) error {
	return e.Find(ctx, name, store.Query{Where: []store.Cond{{Field: field, Op: store.Eq, Value: value}}, Index: field}, each)
}

// FindBelow reads what a query finds below a prefix.
func (e *Engine) FindBelow(ctx context.Context, name, prefix string, among store.Query, each func(store.Raw) error) error {
	return e.Find(ctx, name, store.Query{Where: append(store.Below(prefix), among.Where...)}, each)
}

// Find reads the documents that match, in order.
func (e *Engine) Find(ctx context.Context, name string, query store.Query, each func(store.Raw) error) error {
	text, f, err := e.statement(name, &query)
	if err != nil {
		return err
	}
	return e.query(ctx, text, f, each)
}

// statement writes a query in SQL.
func (e *Engine) statement(name string, query *store.Query) (string, filter, error) {
	f, err := e.filter(name, query.Where)
	if err != nil {
		return "", f, err
	}
	sort, values, err := query.Keyset() // the planner sorts by held fields, too, when it is asked to
	if err != nil {
		return "", f, err
	}
	f.beyond = f.beyond || slices.ContainsFunc(sort, func(o store.Order) bool { return o.Field != "_id" })
	if len(values) > 0 {
		f.after(sort, values)
	}
	hint, ordered := f.hint(query, sort)
	from, rest := f.from(!justID(query)), hint+f.where()
	if len(sort) > 0 {
		rest += " ORDER BY " + orderBy(sort)
	}
	limit := query.Limit
	if limit == 0 {
		limit = -1 // none
	}
	rest += fmt.Sprintf(" LIMIT %d", limit)
	if !ordered && query.Limit > 0 { // entries are sorted, and only the documents of this page are read
		rest = " WHERE rowid IN (SELECT rowid FROM " + from + rest + ") ORDER BY " + orderBy(sort)
	}
	if len(query.Fields) == 0 {
		return "SELECT doc FROM " + from + rest, f, nil
	}
	columns, object := selected(query.Fields)
	// The entry of an index gives a column, but never the argument of a function, which might be JSON itself.
	return "SELECT " + object + " FROM (SELECT " + columns + " FROM " + from + rest + ")", f, nil
}

func justID(q *store.Query) bool { return slices.Equal(q.Fields, []string{"_id"}) }

// selected gives some fields as columns, and the object that is made of these.
func selected(fields []string) (columns, object string) {
	columns, object = "id", "json_object('_id', id"
	for _, field := range fields {
		if field != "_id" {
			columns += ", " + column(field) + " AS " + quote(field)
			object += ", '" + field + "', " + quote(field)
		}
	}
	return columns, object + ")"
}

func (e *Engine) query(ctx context.Context, text string, f filter, each func(store.Raw) error) error {
	rows, err := e.rows(ctx, text, f.args)
	if err != nil {
		return fmt.Errorf("sqlite: reading %s: %w", f.c.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var doc sql.RawBytes
		if err := rows.Scan(&doc); err != nil {
			return fmt.Errorf("sqlite: reading %s: %w", f.c.Name, err)
		}
		if err := each(raw(doc)); err != nil {
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
	hint, _ := f.hint(&store.Query{Where: conds}, nil)
	var n int64
	err = e.query(ctx, "SELECT count(*) FROM "+f.from(false)+hint+f.where(), f, func(count store.Raw) error { return count.Decode(&n) })
	return n, err
}

// mostKept is how many queries are kept prepared, on each reader: all that the servers ask day by day.
const mostKept = 128

// rows runs a query. Most take longer to parse and plan than to run: those that came first are prepared once.
func (e *Engine) rows(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	e.mu.RLock()
	statement, full := e.kept[text], len(e.kept) >= mostKept
	e.mu.RUnlock()
	if statement == nil && full {
		return e.reads.QueryContext(ctx, text, args...)
	}
	if statement == nil {
		var err error
		if statement, err = e.keep(ctx, text); err != nil {
			return nil, err
		}
	}
	return statement.QueryContext(ctx, args...)
}

// keep prepares a query.
func (e *Engine) keep(ctx context.Context, text string) (*sql.Stmt, error) {
	statement, err := e.reads.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if other := e.kept[text]; other != nil { // somebody was faster
		return other, statement.Close()
	}
	e.kept[text] = statement
	return statement, nil
}
