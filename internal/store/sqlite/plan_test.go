package sqlite

import (
	"strings"
	"testing"

	"khaibao/internal/store"
)

// TestPlans holds the queries to their indexes: a plan that scans the table or sorts is a page that gets slower with
// every declaration.
func TestPlans(t *testing.T) {
	t.Parallel()
	newest := []store.Order{{Field: "at", Desc: true}, {Field: "_id", Desc: true}}
	e := ensured(t, store.Collection{Name: "cases", TTL: "until", Indexes: []store.Index{
		{Name: "nation", Fields: newest},
		{Name: "area", Fields: append([]store.Order{{Field: "area"}}, newest...)},
		{Name: "login", Fields: append([]store.Order{{Field: "login"}}, newest...), Sparse: true},
		{Name: "todo", Fields: []store.Order{{Field: "todo.at"}, {Field: "_id"}}, Sparse: true},
		{Name: "search", Fields: []store.Order{{Field: "search"}, {Field: "_id"}}, Multi: true},
	}})
	area := store.Cond{Field: "area", Op: store.Eq, Value: "20"}
	for name, c := range map[string]struct {
		query store.Query
		want  string
	}{
		"all, newest first":  {store.Query{Sort: newest, Limit: 50}, "USING INDEX cases_nation"},
		"of an area":         {store.Query{Where: []store.Cond{area, {Field: "level", Op: store.In, Value: []int64{3, 4}}}, Sort: newest, Limit: 50}, "USING INDEX cases_area (<expr>=?)"},
		"the page after":     {store.Query{Where: []store.Cond{area}, Sort: newest, After: []any{store.Time(5), "x"}, Limit: 50}, "USING INDEX cases_area (<expr>=? AND <expr><?)"},
		"by a held field":    {store.Query{Where: []store.Cond{area}, Sort: append([]store.Order{{Field: "area"}}, newest...), After: []any{"20", store.Time(5), "x"}}, "USING INDEX cases_area (<expr>=? AND <expr><?)"},
		"narrower than area": {store.Query{Where: []store.Cond{{Field: "area", Op: store.In, Value: []string{"20"}}, {Field: "login", Op: store.Eq, Value: "an"}}, Sort: newest, Limit: 50}, "USING INDEX cases_login (<expr>=?)"},
		"pending":            {store.Query{Where: []store.Cond{{Field: "todo.at", Op: store.Exists, Value: true}}, Sort: []store.Order{{Field: "todo.at"}, {Field: "_id"}}, Limit: 50}, "USING INDEX cases_todo"},
		"a household":        {store.Query{Where: []store.Cond{{Field: "_id", Op: store.Gt, Value: "a|"}, {Field: "_id", Op: store.Lt, Value: "a}"}}, Sort: []store.Order{{Field: "_id", Desc: true}}}, "USING INDEX sqlite_autoindex_cases_1 (id>? AND id<?)"},
		"some ids":           {store.Query{Where: []store.Cond{{Field: "_id", Op: store.In, Value: []string{"a", "b"}}}}, "USING INDEX sqlite_autoindex_cases_1 (id=?)"},
		"by one member":      {store.Query{Where: []store.Cond{{Field: "search", Op: store.Any, Value: []string{"h"}}}}, "USING PRIMARY KEY (value=?)"},
		"behind one member":  {store.Query{Where: []store.Cond{{Field: "search", Op: store.Has, Value: "h"}}, Sort: []store.Order{{Field: "_id"}}, After: []any{"x"}, Limit: 50}, "USING PRIMARY KEY (value=? AND id>?)"},
		"only ids of them":   {store.Query{Where: []store.Cond{{Field: "search", Op: store.Has, Value: "h"}}, Sort: []store.Order{{Field: "_id"}}, After: []any{"x"}, Fields: []string{"_id"}}, "SEARCH cases__search USING PRIMARY KEY (value=? AND id>?)"},
		"by several members": {store.Query{Where: []store.Cond{{Field: "search", Op: store.All, Value: []string{"h", "i"}}}}, "USING PRIMARY KEY (value=?)"},
	} {
		plan := explain(t, e, c.query)
		if !strings.Contains(plan, c.want) || strings.Contains(plan, "SCAN cases\n") || strings.Contains(plan, "USE TEMP B-TREE FOR ORDER BY") {
			t.Errorf("%s is planned as\n%swant %s", name, plan, c.want)
		}
	}
}

// ensured opens an empty engine with one collection.
func ensured(t *testing.T, c store.Collection) *Engine {
	t.Helper()
	e, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(t.Context()) })
	if err := e.Ensure(t.Context(), []store.Collection{c}); err != nil {
		t.Fatal(err)
	}
	return e
}

func explain(t *testing.T, e *Engine, query store.Query) string {
	t.Helper()
	text, f, err := e.statement("cases", &query)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := e.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, f.args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	return plan.String()
}

// TestWideIndexes holds queries to the entries that decide them: a document is read only when it is asked for.
func TestWideIndexes(t *testing.T) {
	t.Parallel()
	at := []store.Order{{Field: "at", Desc: true}, {Field: "_id", Desc: true}}
	due := []store.Order{{Field: "due"}, {Field: "_id"}}
	of := func(field string, by []store.Order) []store.Order {
		return append([]store.Order{{Field: field}}, by...)
	}
	e := ensured(t, store.Collection{Name: "cases", Indexes: []store.Index{
		{Name: "nation", Fields: at, Also: []string{"status", "due", "missed"}},
		{Name: "area", Fields: of("area", at), Also: []string{"status", "due", "missed"}},
		{Name: "commune", Fields: of("commune", at), Also: []string{"status", "due", "missed"}},
		{Name: "due", Fields: due, Also: []string{"status", "missed"}},
		{Name: "area_due", Fields: of("area", due), Also: []string{"status", "missed"}},
		{Name: "missed", Fields: []store.Order{{Field: "missed"}, {Field: "_id"}}, Sparse: true, Also: []string{"area"}},
		{Name: "search", Fields: []store.Order{{Field: "search"}}, Multi: true},
	}})
	area, commune := store.Cond{Field: "area", Op: store.Eq, Value: "20"}, store.Cond{Field: "commune", Op: store.Eq, Value: "06325"}
	open := store.Cond{Field: "status", Op: store.In, Value: []string{"new", "contacted"}}
	overdue := store.Cond{Field: "due", Op: store.Lt, Value: store.Time(7)}
	missed := store.Cond{Field: "missed", Op: store.Exists, Value: true}
	where := func(conds ...store.Cond) []store.Cond { return conds }
	for name, c := range map[string]struct {
		query store.Query
		want  string
	}{
		"the queue":               {store.Query{Where: where(area, open), Sort: at, Limit: 50}, "USING INDEX cases_area_wide (<expr>=?)"},
		"and its next page":       {store.Query{Where: where(area, open), Sort: at, After: []any{store.Time(5), "x"}, Limit: 50}, "USING INDEX cases_area_wide (<expr>=? AND <expr><?)"},
		"overdue":                 {store.Query{Where: where(area, open, overdue), Sort: at, Limit: 50}, "USING INDEX cases_area_wide (<expr>=?)"},
		"overdue anywhere":        {store.Query{Where: where(open, overdue), Sort: at, Limit: 50}, "USING INDEX cases_nation_wide"},
		"by deadline":             {store.Query{Where: where(area, open), Sort: due, Limit: 50}, "USING INDEX cases_area_due_wide (<expr>=?)"},
		"by deadline anywhere":    {store.Query{Where: where(open), Sort: due, Limit: 50}, "USING INDEX cases_due_wide"},
		"a commune's by deadline": {store.Query{Where: where(commune, open), Sort: due, Limit: 50}, "USING COVERING INDEX cases_commune_wide (<expr>=?)"},
		"counted":                 {store.Query{Where: where(area, open), Fields: []string{"_id"}, Limit: 50}, "USING COVERING INDEX cases_area_wide (<expr>=?)"},
		"some fields":             {store.Query{Where: where(area, open), Fields: []string{"status", "due"}, Limit: 50}, "USING COVERING INDEX cases_area_wide (<expr>=?)"},
		"how many are overdue":    {store.Query{Where: where(area, overdue), Fields: []string{"_id"}}, "USING COVERING INDEX cases_area_due_wide (<expr>=? AND <expr><?)"},
		"how many missed one":     {store.Query{Where: where(area, missed), Fields: []string{"_id"}}, "USING COVERING INDEX cases_missed_wide"},
		"found by name":           {store.Query{Where: where(area, store.Cond{Field: "search", Op: store.Any, Value: []string{"h"}}), Sort: at, Limit: 50}, "USING PRIMARY KEY (value=?)"},
	} {
		if plan := explain(t, e, c.query); !strings.Contains(plan, c.want) {
			t.Errorf("%s is planned as\n%swant %s", name, plan, c.want)
		}
	}
}
