package store

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"time"

	"khaibao/models"
)

// where gives the conditions of a filter within the scope.
func (c *Cases) where(f models.CaseFilter, now time.Time) (conds []Cond) {
	for _, area := range []models.Area{c.scope, f.Area} {
		switch {
		case area == "" || area == models.Nation: // every area; an empty scope never comes here
		case area.IsProvince():
			conds = append(conds, Cond{"province", Eq, string(area)})
		default:
			conds = append(conds, Cond{"commune", Eq, string(area)})
		}
	}
	add := func(asked bool, field string, op Op, value any) {
		if asked {
			conds = append(conds, Cond{field, op, value})
		}
	}
	levels := mapped(f.Levels, func(l models.Level) int64 { return int64(l) })
	add(len(levels) == 1, "level", Eq, first(levels))
	add(len(levels) > 1, "level", In, levels)
	add(len(f.Statuses) == 1, "status", Eq, string(first(f.Statuses))) // of one value an index knows the order
	add(len(f.Statuses) > 1, "status", In, mapped(f.Statuses, func(s models.CaseStatus) string { return string(s) }))
	add(f.Program != "", "program", Eq, f.Program)
	add(f.Assignee != "", "assignee", Eq, f.Assignee)
	add(f.Factor != "", "factors", Has, f.Factor)
	add(!f.Since.IsZero(), "last_at", Ge, At(f.Since))
	add(f.Overdue != nil && *f.Overdue, "due_at", Lt, At(now))
	add(f.Overdue != nil && !*f.Overdue, "due_at", Ge, At(now))
	for field, asked := range map[string]*bool{"missed_since": f.Missed, "lost_since": f.Unreachable, "raised_at": f.Raised, "unreached": f.Unreached, "assignee": f.Assigned} {
		if asked != nil {
			add(true, field, Exists, *asked)
		}
	}
	add(f.SameAs != "", "same_as", Eq, f.SameAs)
	add(!f.OpenedFrom.IsZero(), "opened_at", Ge, At(f.OpenedFrom))
	add(!f.OpenedTo.IsZero(), "opened_at", Lt, At(f.OpenedTo))
	add(!f.ContactedFrom.IsZero(), "contacted_at", Ge, At(f.ContactedFrom))
	add(!f.ContactedTo.IsZero(), "contacted_at", Lt, At(f.ContactedTo))
	if f.Search != nil {
		add(true, "search", Any, c.store.searchHashes(f.Search, true))
	}
	return conds
}

// reads gives the conditions of a filter within the scope, as many reads as it takes: who waited at the end of a day are
// those who have waited since, and those whose wait has ended. No case is in both.
func (c *Cases) reads(f models.CaseFilter, now time.Time) [][]Cond {
	conds := slices.Clip(c.where(f, now))
	if f.WaitedOn == (models.WaitedOn{}) {
		return [][]Cond{conds}
	}
	return [][]Cond{append(conds, waitingSince(f.WaitedOn)...), append(conds, Cond{"waited", Has, waited(f.WaitedOn)})}
}

// waitingSince are those who have waited since the end of a day.
func waitingSince(on models.WaitedOn) []Cond {
	day, _ := time.ParseInLocation(time.DateOnly, on.Day, models.Hanoi)
	midnight := At(day.AddDate(0, 0, 1))
	if on.Kind == models.WaitOverdue {
		return []Cond{{"due_at", Lt, midnight}}
	}
	return []Cond{{"unreached", Exists, true}, {"unreached", Lt, midnight}} // the index is sparse
}

func first[T any](of []T) (value T) {
	if len(of) > 0 {
		value = of[0]
	}
	return value
}

func mapped[A, B any](in []A, f func(A) B) []B {
	if in == nil {
		return nil
	}
	out := make([]B, len(in))
	for i, item := range in {
		out[i] = f(item)
	}
	return out
}

// sorting is an order of a list: its fields, how a cursor holds them, and their values of one case.
type sorting struct {
	list   string
	fields []Order
	types  []keyType
	key    func(caseDoc) []any
}

func sortingOf(order models.CaseOrder) sorting {
	switch order {
	case models.ByDeadline:
		return sorting{colCases + ".due", []Order{{Field: "due_at"}, {Field: "_id"}}, []keyType{timeKey, stringKey},
			func(d caseDoc) []any { return []any{int64(d.DueAt), d.ID} }}
	case models.ByLevel:
		return sorting{colCases + ".level", []Order{{"level", true}, {"last_at", true}, {"_id", true}}, []keyType{intKey, timeKey, stringKey},
			func(d caseDoc) []any { return []any{int64(d.Level), int64(d.LastAt), d.ID} }}
	}
	return sorting{colCases, []Order{{"last_at", true}, {"_id", true}}, []keyType{timeKey, stringKey},
		func(d caseDoc) []any { return []any{int64(d.LastAt), d.ID} }}
}

// compare orders two cases.
func (by sorting) compare(a, b caseDoc) int {
	keys, others := by.key(a), by.key(b)
	for i, field := range by.fields {
		order := 0
		switch key := keys[i].(type) {
		case int64:
			order = cmp.Compare(key, others[i].(int64))
		case string:
			order = cmp.Compare(key, others[i].(string))
		}
		if order != 0 && field.Desc {
			return -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// List gives the cases that match in the filter's order, with the identity behind each.
func (c *Cases) List(ctx context.Context, f models.CaseFilter, now time.Time, page models.Page) ([]models.CasePerson, string, error) {
	by := sortingOf(f.Order)
	q := Query{Limit: page.Limit + 1, Index: c.inOrder(f)}
	if err := q.after(by.list, page.Cursor, by.types...); err != nil {
		return nil, "", err
	}
	docs, err := c.ordered(ctx, f, now, q)
	if err != nil {
		return nil, "", asError("listing cases", err)
	}
	docs, next := cut(by.list, docs, page.Limit, by.key)
	out, err := c.store.openCases(ctx, docs)
	return out, next, asError("opening cases", err)
}

// inOrder names the index that has the cases of an area in the order of a list, so that reading ends with the page; a
// commune's few are sorted as they are read. Engines guess from samples how many cases a filter leaves, and sort those of a whole province
// when they guess wrong. Empty where the filter asks for what may be rare: an area would be gone through to fill a page.
func (c *Cases) inOrder(f models.CaseFilter) string {
	area := cmp.Or(f.Area, c.scope)
	wide := models.CaseFilter{Area: f.Area, Order: f.Order, Levels: f.Levels, Statuses: f.Statuses}
	commune := area != models.Nation && !area.IsProvince()
	switch {
	case !reflect.DeepEqual(f, wide):
		return ""
	case f.Order == models.ByDeadline && !commune:
		return within(area, "due")
	case (f.Order == models.ByLevel || len(f.Levels) == 1) && !commune:
		return within(area, "level")
	case len(f.Levels) > 0 && !commune:
		return ""
	case len(f.Statuses) == 1, f.Order != models.ByNewest && len(f.Statuses) > 0:
		return within(area, "status")
	}
	return within(area, "")
}

// within names one of the indexes that there are for the nation and by province and commune.
func within(area models.Area, by string) string {
	kind := "commune"
	switch {
	case area == models.Nation:
		kind = "nation"
		if by != "" {
			return by
		}
	case area.IsProvince():
		kind = "province"
	}
	if by != "" {
		kind += "_" + by
	}
	return kind
}

// ordered reads the cases that match in the filter's order, as far and by what index q says.
func (c *Cases) ordered(ctx context.Context, f models.CaseFilter, now time.Time, q Query) ([]caseDoc, error) {
	if c.scope == "" {
		return nil, nil
	}
	by := sortingOf(f.Order)
	q.Sort = by.fields
	reads := c.reads(f, now)
	var docs []caseDoc
	for _, q.Where = range reads {
		found, err := c.find(ctx, q)
		if err != nil {
			return nil, err
		}
		docs = append(docs, found...)
	}
	if len(reads) > 1 {
		slices.SortFunc(docs, by.compare)
	}
	return docs[:min(len(docs), q.Limit)], nil
}

func (c *Cases) find(ctx context.Context, q Query) ([]caseDoc, error) {
	var docs []caseDoc
	err := c.store.engine.Find(ctx, colCases, q, func(raw Raw) error {
		var doc caseDoc
		err := raw.Decode(&doc)
		docs = append(docs, doc)
		return err
	})
	return docs, err
}

// Count counts the cases that match.
func (c *Cases) Count(ctx context.Context, f models.CaseFilter, now time.Time) (int64, error) {
	if c.scope == "" {
		return 0, nil
	}
	var sum int64
	for _, where := range c.reads(f, now) {
		n, err := c.store.engine.Count(ctx, colCases, where)
		if err != nil {
			return 0, asError("counting cases", err)
		}
		sum += n
	}
	return sum, nil
}

// CountUpTo counts the cases that match, limit at most: how many more there are costs nothing.
func (c *Cases) CountUpTo(ctx context.Context, f models.CaseFilter, now time.Time, limit int) (int64, error) {
	if c.scope == "" {
		return 0, nil
	}
	n := 0
	q := Query{Fields: []string{"_id"}, Index: c.inOrder(f)}
	if f.Assignee != "" { // has fewer than any area
		q.Index = "assignee"
	}
	for _, q.Where = range c.reads(f, now) {
		if q.Limit = limit - n; q.Limit == 0 {
			break
		}
		err := c.store.engine.Find(ctx, colCases, q, func(Raw) error {
			n++
			return nil
		})
		if err != nil {
			return 0, asError("counting cases", err)
		}
	}
	return int64(n), nil
}

// CountWaiting counts the cases that have waited since the end of a day.
func (c *Cases) CountWaiting(ctx context.Context, on models.WaitedOn) (int64, error) {
	if c.scope == "" {
		return 0, nil
	}
	n, err := c.store.engine.Count(ctx, colCases, append(c.where(models.CaseFilter{}, time.Time{}), waitingSince(on)...))
	return n, asError("counting waits", err)
}

// IDs gives the ids of the cases that match in the filter's order, at most limit.
func (c *Cases) IDs(ctx context.Context, f models.CaseFilter, now time.Time, limit int) ([]string, error) {
	q := Query{Limit: limit}
	if f.SameAs != "" {
		q.Index = "same_as" // a planner without statistics would go through the whole area
	}
	docs, err := c.ordered(ctx, f, now, q)
	return mapped(docs, func(d caseDoc) string { return d.ID }), asError("listing cases", err)
}
