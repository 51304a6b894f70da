package sqlite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"khaibao/internal/store"
)

// filter is the WHERE of a query with its parameters. It keeps its first error.
type filter struct {
	c      *collection
	conds  []string
	args   []any
	side   string // the side table that is gone through, in the order of id; empty for the documents themselves
	beyond bool   // a condition asks for more than the id and a member
	err    error
}

func (e *Engine) filter(name string, conds []store.Cond) (filter, error) {
	c, err := e.collection(name)
	if err != nil {
		return filter{}, err
	}
	f := filter{c: c}
	for _, cond := range conds {
		f.add(cond)
	}
	return f, f.err
}

// from is what is gone through. Behind one member that is its side table, where those who have it stand in the order of
// id; the documents are looked up only where they are needed.
func (f *filter) from(needed bool) string {
	switch {
	case f.side == "":
		return table(f.c.Name)
	case needed || f.beyond:
		return f.side + " CROSS JOIN " + table(f.c.Name) + " USING (id)" // CROSS keeps the planner from turning it round
	default:
		return f.side
	}
}

func (f *filter) where() string {
	if len(f.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(f.conds, " AND ")
}

func (f *filter) and(condition string, args ...any) {
	f.conds, f.args = append(f.conds, condition), append(f.args, args...)
}

func (f *filter) add(cond store.Cond) {
	field := column(cond.Field)
	if side, indexed := f.c.multi[cond.Field]; cond.Op == store.Has && indexed && f.side == "" {
		f.side = side
		f.and("value = ?", value(cond.Value))
		return
	}
	f.beyond = f.beyond || cond.Field != "_id"
	switch cond.Op {
	case store.Eq, store.Lt, store.Le, store.Gt, store.Ge:
		f.and(field+" "+string(cond.Op)+" ?", value(cond.Value))
	case store.Ne:
		f.and(field+" IS NOT ?", value(cond.Value))
	case store.Exists:
		if cond.Value == true {
			f.and(field + " IS NOT NULL")
		} else {
			f.and(field + " IS NULL")
		}
	case store.In:
		list, _ := f.list(cond)
		f.and(field+" IN (SELECT value FROM json_each(?))", list)
	case store.Has, store.Any, store.All:
		f.members(cond)
	default:
		f.fail(fmt.Errorf("sqlite: no operator %q", cond.Op))
	}
}

func (f *filter) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// members asks for documents by the members of an array field: in its side table when it is indexed, in the document
// itself otherwise.
func (f *filter) members(cond store.Cond) {
	if cond.Op == store.Has {
		cond.Value = []string{fmt.Sprint(cond.Value)}
	}
	list, n := f.list(cond)
	if cond.Op != store.All {
		n = min(n, 1)
	}
	if n == 0 {
		f.and("0")
		return
	}
	side, indexed := f.c.multi[cond.Field]
	if !indexed {
		f.and("(SELECT count(DISTINCT m.value) FROM json_each(doc, "+path(cond.Field)+") m WHERE m.value IN (SELECT value FROM json_each(?))) >= ?", list, n)
		return
	}
	f.and("id IN (SELECT m.id FROM "+side+" m WHERE m.value IN (SELECT value FROM json_each(?)) GROUP BY m.id HAVING count(*) >= ?)", list, n)
}

// list gives a list of values as one JSON parameter, and how many different ones there are.
func (f *filter) list(cond store.Cond) (string, int) {
	n := 0
	switch values := cond.Value.(type) {
	case []string:
		values = slices.Clone(values)
		slices.Sort(values)
		n = len(slices.Compact(values))
	case []int64:
		n = len(values)
	default:
		f.fail(fmt.Errorf("sqlite: %s %s takes a []string or []int64, not %T", cond.Field, cond.Op, cond.Value))
	}
	if n == 0 {
		return "[]", 0
	}
	text, err := json.Marshal(cond.Value)
	if err != nil {
		f.fail(err)
	}
	return string(text), n
}

// after asks for what follows a page: beyond its last document in the first field that differs. The plain bound on the
// first field lets an index be entered there.
func (f *filter) after(fields []store.Order, values []any) {
	f.and(column(fields[0].Field)+beyond(fields[0])+"= ?", value(values[0]))
	var branches []string
	var args []any
	for i, field := range fields {
		branch := ""
		for j, same := range fields[:i] {
			branch += column(same.Field) + " = ? AND "
			args = append(args, value(values[j]))
		}
		branches = append(branches, "("+branch+column(field.Field)+beyond(field)+" ?)")
		args = append(args, value(values[i]))
	}
	f.and("("+strings.Join(branches, " OR ")+")", args...)
}

func beyond(field store.Order) string {
	if field.Desc {
		return " <"
	}
	return " >"
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
