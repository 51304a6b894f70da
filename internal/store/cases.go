package store

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"khaibao/models"
)

// Cases is what an official may see and change of the cases: those within a scope. What lies outside is NotFound.
type Cases struct {
	store *Store
	scope models.Area
}

// Within gives the cases of an area. An empty scope holds none.
func (s *Store) Within(scope models.Area) *Cases { return &Cases{s, scope} }

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

// Get gives one case with the identity behind it.
func (c *Cases) Get(ctx context.Context, id string) (models.CasePerson, error) {
	doc, err := c.read(ctx, id)
	if err != nil {
		return models.CasePerson{}, err
	}
	opened, err := c.store.openCases(ctx, []caseDoc{doc})
	if err != nil {
		return models.CasePerson{}, asError("opening a case", err)
	}
	return opened[0], nil
}

func (c *Cases) read(ctx context.Context, id string) (caseDoc, error) {
	var doc caseDoc
	err := c.store.engine.Get(ctx, colCases, id, &doc)
	if err == nil && !c.scope.Holds(doc.Commune, doc.Province) {
		err = ErrMissing
	}
	return doc, asError("reading a case", err)
}

// Change changes one case and writes it with the effects that follow. With ifMatch it is Changed when the case has none
// of those revs; without, it is tried again on the newer one. change may return models.ErrUnchanged.
func (c *Cases) Change(ctx context.Context, id string, ifMatch []string, change func(*models.CasePerson) ([]models.Effect, error)) (models.CasePerson, error) {
	var out models.CasePerson
	err := retryChanged(ctx, "changing a case", func() error {
		doc, err := c.read(ctx, id)
		if err != nil {
			return err
		}
		if len(ifMatch) > 0 && !slices.Contains(ifMatch, doc.Rev) {
			return models.Fail(models.Changed, "changed")
		}
		opened, err := c.store.openCases(ctx, []caseDoc{doc})
		if err != nil {
			return err
		}
		out = opened[0]
		effects, err := change(&out)
		if errors.Is(err, models.ErrUnchanged) {
			return nil
		}
		if err == nil {
			err = c.store.replaceCase(ctx, &out.Case, doc, effects, doc.Search)
		}
		if errors.Is(err, ErrChanged) && len(ifMatch) > 0 {
			return models.Fail(models.Changed, "changed")
		}
		return err
	})
	return out, err
}

// UpsertCase opens or changes the case of a person under a program, with the terms it is found by. change gets nil when
// there is no case yet and returns what to keep, nil for nothing; it also gets called again when somebody was faster.
func (s *Store) UpsertCase(ctx context.Context, account, person, program string, terms []models.SearchTerm,
	change func(*models.Case) (*models.Case, []models.Effect, error)) error {
	id := models.CaseID(account, person, program)
	return retryChanged(ctx, "keeping a case", func() error {
		var doc caseDoc
		var was *models.Case
		err := s.engine.Get(ctx, colCases, id, &doc)
		if err == nil {
			was, err = s.caseOf(ctx, &doc)
		}
		if err != nil && !errors.Is(err, ErrMissing) {
			return err
		}
		kept, effects, err := change(was)
		if errors.Is(err, models.ErrUnchanged) || (err == nil && kept == nil) {
			return nil
		}
		if err != nil {
			return err
		}
		kept.ID, kept.Account, kept.PersonID, kept.Program = id, account, person, program
		return s.replaceCase(ctx, kept, doc, effects, s.searchHashes(terms, false))
	})
}

// ChangeCase changes the case of a person under a program, if there is one, and writes it with the effects that follow;
// what it is found by stays. change may return models.ErrUnchanged.
func (s *Store) ChangeCase(ctx context.Context, account, person, program string, change func(*models.Case) ([]models.Effect, error)) error {
	id := models.CaseID(account, person, program)
	return retryChanged(ctx, "changing a case", func() error {
		var doc caseDoc
		err := s.engine.Get(ctx, colCases, id, &doc)
		if errors.Is(err, ErrMissing) {
			return nil
		}
		if err != nil {
			return err
		}
		c, err := s.caseOf(ctx, &doc)
		if err != nil {
			return err
		}
		effects, err := change(c)
		if errors.Is(err, models.ErrUnchanged) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.replaceCase(ctx, c, doc, effects, doc.Search)
	})
}

// CaseClosedAt gives when the case of a person under a program was closed; zero when it is open or there is none.
func (s *Store) CaseClosedAt(ctx context.Context, account, person, program string) (time.Time, error) {
	var doc struct {
		ClosedAt Time `bson:"closed_at" json:"closed_at"`
	}
	err := s.engine.Get(ctx, colCases, models.CaseID(account, person, program), &doc)
	if errors.Is(err, ErrMissing) {
		err = nil
	}
	return doc.ClosedAt.Time(), asError("reading a case", err)
}

// CasesOfAccount gives every case of a household, whatever its scope: for effects and the citizen's own export only.
func (s *Store) CasesOfAccount(ctx context.Context, account string) ([]models.Case, error) {
	var docs []caseDoc
	err := s.engine.FindBy(ctx, colCases, "account", account, func(raw Raw) error {
		var doc caseDoc
		err := raw.Decode(&doc)
		docs = append(docs, doc)
		return err
	})
	if err != nil {
		return nil, asError("reading the cases of a household", err)
	}
	slices.SortFunc(docs, func(a, b caseDoc) int { return cmp.Compare(a.ID, b.ID) })
	opened, err := s.openCases(ctx, docs)
	if err != nil {
		return nil, asError("opening the cases of a household", err)
	}
	out := make([]models.Case, len(opened))
	for i := range opened {
		out[i] = opened[i].Case
	}
	return out, nil
}

// HasOpenCase tells whether a person of the household has a case that is not closed, or a flag that is about to open one.
// An empty personID asks for the whole household.
func (s *Store) HasOpenCase(ctx context.Context, account, personID string) (bool, error) {
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		pending, err := s.PendingOf(ctx, account, form)
		if err != nil {
			return false, err
		}
		for i := range pending {
			if pending[i].Decision.Level.Flagged() && (personID == "" || pending[i].PersonID == personID) {
				return true, nil
			}
		}
	}
	all, err := s.CasesOfAccount(ctx, account)
	for i := range all {
		if all[i].Status != models.CaseClosed && (personID == "" || all[i].PersonID == personID) {
			return true, nil
		}
	}
	return false, err
}

// WithCase tells for which of the declarations the person already has a case under the program.
func (s *Store) WithCase(ctx context.Context, ds []models.Declaration) (map[int]bool, error) {
	return s.with(ctx, colCases, ds)
}

// WithFollowUp tells for which of the declarations the person has or had a plan under the program.
func (s *Store) WithFollowUp(ctx context.Context, ds []models.Declaration) (map[int]bool, error) {
	return s.with(ctx, colFollowUps, ds)
}

// with tells, by _id, for which of the declarations a collection of one document a person and program has it.
func (s *Store) with(ctx context.Context, collection string, ds []models.Declaration) (map[int]bool, error) {
	ids := make([]string, len(ds))
	for i := range ds {
		ids[i] = models.CaseID(ds[i].Account, ds[i].PersonID, ds[i].Program)
	}
	found := map[string]bool{}
	err := s.engine.GetAll(ctx, collection, slices.Compact(slices.Sorted(slices.Values(ids))), func(raw Raw) error {
		var doc pendingDoc
		err := raw.Decode(&doc)
		found[doc.ID] = true
		return err
	})
	with := map[int]bool{}
	for i, id := range ids {
		with[i] = found[id]
	}
	return with, asError("finding "+collection, err)
}

// searchHashes gives the keyed hashes of terms: under the newest key to be kept, under all keys to be looked up.
func (s *Store) searchHashes(terms []models.SearchTerm, every bool) []string {
	out := []string{}
	for _, t := range terms {
		if every {
			out = append(out, s.keys.Hashes("search."+t.Kind, t.Value)...)
		} else {
			out = append(out, s.keys.Hash("search."+t.Kind, t.Value))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// replaceCase writes a case: was is the document it came from, empty for a new case.
func (s *Store) replaceCase(ctx context.Context, c *models.Case, was caseDoc, effects []models.Effect, search []string) error {
	doc, err := s.sealCase(ctx, c)
	if err != nil {
		return err
	}
	doc.Search = search
	if doc.Todo, err = s.addEffects(colCases, doc.ID, was.Todo, append(effects, recounted(&was, &doc)...)); err != nil {
		return err
	}
	c.Rev = doc.Rev
	if was.ID != "" {
		return s.engine.Replace(ctx, colCases, doc, was.Rev)
	}
	err = s.engine.Insert(ctx, colCases, doc)
	if errors.Is(err, ErrExists) {
		return ErrChanged
	}
	return err
}
