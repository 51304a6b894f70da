package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"khaibao/internal/store"
)

// Names of collections and fields are constants of the code; letting only these characters through keeps it so.
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

// raw is a document as text.
type raw string

// Decode reads it into a struct with json tags.
func (r raw) Decode(into any) error { return json.Unmarshal([]byte(r), into) }

// Get reads one document.
func (e *Engine) Get(ctx context.Context, name, id string, into any) error {
	if _, err := e.collection(name); err != nil {
		return err
	}
	var text string
	err := e.reads.QueryRowContext(ctx, "SELECT doc FROM "+table(name)+" WHERE id = ?", id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrMissing
	}
	if err != nil {
		return fmt.Errorf("sqlite: reading %s: %w", name, err)
	}
	return json.Unmarshal([]byte(text), into)
}

// GetAll reads every document of the ids that exists.
func (e *Engine) GetAll(ctx context.Context, name string, ids []string, each func(store.Raw) error) error {
	if len(ids) == 0 {
		return nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	return e.query(ctx, name, "SELECT doc FROM "+table(name)+" WHERE id IN (SELECT value FROM json_each(?))", []any{string(list)}, each)
}

func (e *Engine) query(ctx context.Context, name, query string, args []any, each func(store.Raw) error) error {
	if _, err := e.collection(name); err != nil {
		return err
	}
	rows, err := e.reads.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("sqlite: reading %s: %w", name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return fmt.Errorf("sqlite: reading %s: %w", name, err)
		}
		if err := each(raw(text)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("sqlite: reading %s: %w", name, err)
	}
	return nil
}

// Find reads the documents that match, in order.
func (e *Engine) Find(ctx context.Context, name string, query store.Query, each func(store.Raw) error) error {
	where, args, err := e.where(name, query.Where)
	if err != nil {
		return err
	}
	if len(query.After) > 0 {
		condition, values, err := after(query)
		if err != nil {
			return err
		}
		where, args = append(where, condition), append(args, values...)
	}
	text := "SELECT doc FROM " + table(name)
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	if len(query.Sort) > 0 {
		text += " ORDER BY " + orderBy(query.Sort)
	}
	if query.Limit > 0 {
		text += fmt.Sprintf(" LIMIT %d", query.Limit)
	}
	return e.query(ctx, name, text, args, each)
}

// after is what follows a page: greater in the first field that differs. The plain bound on the first field lets an
// index start there.
func after(query store.Query) (string, []any, error) {
	if len(query.After) != len(query.Sort) {
		return "", nil, fmt.Errorf("sqlite: a cursor of %d values for %d fields", len(query.After), len(query.Sort))
	}
	var branches []string
	var args []any
	for i, field := range query.Sort {
		var parts []string
		for j := range i {
			parts = append(parts, column(query.Sort[j].Field)+" = ?")
			args = append(args, value(query.After[j]))
		}
		operator := " > ?"
		if field.Desc {
			operator = " < ?"
		}
		parts = append(parts, column(field.Field)+operator)
		args = append(args, value(query.After[i]))
		branches = append(branches, "("+strings.Join(parts, " AND ")+")")
	}
	bound := " >= ?"
	if query.Sort[0].Desc {
		bound = " <= ?"
	}
	args = append(args, value(query.After[0]))
	return "(" + strings.Join(branches, " OR ") + ") AND " + column(query.Sort[0].Field) + bound, args, nil
}

// Count counts the documents that match.
func (e *Engine) Count(ctx context.Context, name string, conds []store.Cond) (int64, error) {
	where, args, err := e.where(name, conds)
	if err != nil {
		return 0, err
	}
	text := "SELECT count(*) FROM " + table(name)
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	var n int64
	if err := e.reads.QueryRowContext(ctx, text, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("sqlite: counting %s: %w", name, err)
	}
	return n, nil
}

// value gives a condition's value as SQLite keeps it in JSON.
func value(v any) any {
	switch v := v.(type) {
	case store.Time:
		return int64(v)
	case bool:
		if v {
			return 1
		}
		return 0
	}
	return v
}

var comparisons = map[store.Op]string{store.Eq: "=", store.Lt: "<", store.Le: "<=", store.Gt: ">", store.Ge: ">="}

func (e *Engine) where(name string, conds []store.Cond) ([]string, []any, error) {
	c, err := e.collection(name)
	if err != nil {
		return nil, nil, err
	}
	var where []string
	var args []any
	for _, cond := range conds {
		text, values, err := condition(c, cond)
		if err != nil {
			return nil, nil, err
		}
		where, args = append(where, text), append(args, values...)
	}
	return where, args, nil
}

func condition(c collection, cond store.Cond) (string, []any, error) {
	field := column(cond.Field)
	if operator, ok := comparisons[cond.Op]; ok {
		return field + " " + operator + " ?", []any{value(cond.Value)}, nil
	}
	switch cond.Op {
	case store.Ne:
		return field + " IS NOT ?", []any{value(cond.Value)}, nil
	case store.Exists:
		if cond.Value == true {
			return field + " IS NOT NULL", nil, nil
		}
		return field + " IS NULL", nil, nil
	}
	list := cond.Value
	if cond.Op == store.Has {
		list = []any{cond.Value}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "", nil, err
	}
	values := []any{string(text)}
	members := "json_each(doc, " + path(cond.Field) + ") m WHERE m.value"
	outer := "EXISTS (SELECT 1 FROM "
	if side, ok := c.multi[cond.Field]; ok {
		members, outer = side+" m WHERE m.value", "id IN (SELECT m.id FROM "
	}
	switch cond.Op {
	case store.In:
		return field + " IN (SELECT value FROM json_each(?))", values, nil
	case store.Has, store.Any:
		return outer + members + " IN (SELECT value FROM json_each(?)))", values, nil
	case store.All:
		own := "json_each(doc, " + path(cond.Field) + ") m WHERE m.value"
		return "NOT EXISTS (SELECT 1 FROM json_each(?) w WHERE NOT EXISTS (SELECT 1 FROM " + own + " = w.value))", values, nil
	}
	return "", nil, fmt.Errorf("sqlite: no operator %q", cond.Op)
}
