package store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"khaibao/internal/seal"
	"khaibao/models"
)

// caseDoc is a flagged person under one program. Identity is not in it: it is read from the account at each look.
type caseDoc struct {
	ID          string            `bson:"_id" json:"_id"`
	Rev         string            `bson:"rev" json:"rev"`
	Account     string            `bson:"account" json:"account"`
	PersonID    string            `bson:"person" json:"person"`
	Program     string            `bson:"program" json:"program"`
	Level       int               `bson:"level" json:"level"`
	Factors     []string          `bson:"factors,omitempty" json:"factors,omitempty"`
	Reasons     []reasonDoc       `bson:"reasons,omitempty" json:"reasons,omitempty"`
	Version     int               `bson:"version" json:"version"`
	DecidedForm models.Form       `bson:"decided_form" json:"decided_form"`
	DecidedID   string            `bson:"decided_id" json:"decided_id"`
	LatestLevel int               `bson:"latest_level" json:"latest_level"`
	Levels      []levelDoc        `bson:"levels" json:"levels"`
	Commune     string            `bson:"commune" json:"commune"`
	Province    string            `bson:"province" json:"province"`
	Home        string            `bson:"home" json:"home"`
	Status      models.CaseStatus `bson:"status" json:"status"`
	Assignee    string            `bson:"assignee,omitempty" json:"assignee,omitempty"`
	Assessment  *assessmentDoc    `bson:"assessment,omitempty" json:"assessment,omitempty"`
	Notes       []noteDoc         `bson:"notes,omitempty" json:"notes,omitempty"`
	OpenedAt    Time              `bson:"opened_at" json:"opened_at"`
	LastAt      Time              `bson:"last_at" json:"last_at"`
	LastRecv    Time              `bson:"last_recv" json:"last_recv"`
	DueAt       Time              `bson:"due_at" json:"due_at"` // noDeadline when there is none, so that it compares
	MissedSince Time              `bson:"missed_since,omitempty" json:"missed_since,omitzero"`
	ClosedAt    Time              `bson:"closed_at,omitempty" json:"closed_at,omitzero"`
	Search      []string          `bson:"search,omitempty" json:"search,omitempty"` // keyed hashes
	Todo        *todoDoc          `bson:"todo,omitempty" json:"todo,omitempty"`
}

func (d caseDoc) Key() string      { return d.ID }
func (d caseDoc) Revision() string { return d.Rev }

// noDeadline stands for "no deadline": the last day of the year 9999.
var noDeadline = At(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))

type levelDoc struct {
	At    Time        `bson:"at" json:"at"`
	Level int         `bson:"level" json:"level"`
	Form  models.Form `bson:"form" json:"form"`
	ID    string      `bson:"id" json:"id"`
}

type assessmentDoc struct {
	Level  int    `bson:"level" json:"level"`
	Reason []byte `bson:"reason" json:"reason"` // sealed
	By     string `bson:"by" json:"by"`
	At     Time   `bson:"at" json:"at"`
}

type noteDoc struct {
	Text []byte `bson:"text" json:"text"` // sealed
	By   string `bson:"by" json:"by"`
	At   Time   `bson:"at" json:"at"`
}

func caseIndexes() []Index {
	newest := func(name string, by ...string) Index {
		index := Index{Name: name}
		for _, field := range by {
			index.Fields = append(index.Fields, Order{Field: field})
		}
		index.Fields = append(index.Fields, Order{"last_at", true}, Order{"_id", true})
		return index
	}
	return []Index{
		newest("nation"), newest("province", "province"), newest("commune", "commune"),
		{Name: "account", Fields: []Order{{Field: "account"}, {Field: "_id"}}},
		{Name: "search", Fields: []Order{{Field: "search"}}, Multi: true},
	}
}

// caseID is derived from the account's 128 random bits, so that a person has one case per program and nobody guesses it.
func caseID(account, person, program string) string {
	sum := sha256.Sum256([]byte(account + "\x00" + person + "\x00" + program))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Cases is what an official may see and change of the cases: those within a scope. What lies outside is NotFound.
type Cases struct {
	store *Store
	scope models.Area
}

// Within gives the cases of an area. An empty scope holds none.
func (s *Store) Within(scope models.Area) *Cases { return &Cases{s, scope} }

func areaCond(a models.Area) (Cond, string) {
	switch {
	case a.IsProvince():
		return Cond{"province", Eq, string(a)}, "province"
	default:
		return Cond{"commune", Eq, string(a)}, "commune"
	}
}

func (c *Cases) where(f models.CaseFilter, now time.Time) ([]Cond, string) {
	var conds []Cond
	index := "nation"
	for _, area := range []models.Area{c.scope, f.Area} {
		if area == models.Nation || (area == "" && area == f.Area) {
			continue
		}
		cond, name := areaCond(area)
		conds, index = append(conds, cond), name
	}
	if len(f.Levels) > 0 {
		levels := make([]int64, len(f.Levels))
		for i, l := range f.Levels {
			levels[i] = int64(l)
		}
		conds = append(conds, Cond{"level", In, levels})
	}
	if len(f.Statuses) > 0 {
		statuses := make([]string, len(f.Statuses))
		for i, st := range f.Statuses {
			statuses[i] = string(st)
		}
		conds = append(conds, Cond{"status", In, statuses})
	}
	for field, value := range map[string]string{"program": f.Program, "assignee": f.Assignee} {
		if value != "" {
			conds = append(conds, Cond{field, Eq, value})
		}
	}
	if f.Factor != "" {
		conds = append(conds, Cond{"factors", Has, f.Factor})
	}
	if !f.Since.IsZero() {
		conds = append(conds, Cond{"last_at", Ge, At(f.Since)})
	}
	if f.Overdue != nil && *f.Overdue {
		conds = append(conds, Cond{"due_at", Lt, At(now)})
	} else if f.Overdue != nil {
		conds = append(conds, Cond{"due_at", Ge, At(now)})
	}
	if f.Missed != nil {
		conds = append(conds, Cond{"missed_since", Exists, *f.Missed})
	}
	if f.Search != nil {
		conds, index = append(conds, Cond{"search", Any, c.store.searchHashes(f.Search, true)}), "search"
	}
	return conds, index
}

// List gives the cases that match, newest declared first, with the identity behind each.
func (c *Cases) List(ctx context.Context, f models.CaseFilter, now time.Time, page models.Page) ([]models.CasePerson, string, error) {
	if c.scope == "" {
		return nil, "", nil
	}
	conds, index := c.where(f, now)
	q := Query{Where: conds, Sort: []Order{{"last_at", true}, {"_id", true}}, Limit: page.Limit + 1, Index: index}
	if err := q.after(page.Cursor, timeKey, stringKey); err != nil {
		return nil, "", err
	}
	var docs []caseDoc
	err := c.store.engine.Find(ctx, colCases, q, func(raw Raw) error {
		var doc caseDoc
		err := raw.Decode(&doc)
		docs = append(docs, doc)
		return err
	})
	if err != nil {
		return nil, "", asError("listing cases", err)
	}
	docs, next := cut(docs, page.Limit, func(d caseDoc) []any { return []any{int64(d.LastAt), d.ID} })
	out, err := c.store.openCases(ctx, docs)
	return out, next, asError("opening cases", err)
}

// Count counts the cases that match.
func (c *Cases) Count(ctx context.Context, f models.CaseFilter, now time.Time) (int64, error) {
	if c.scope == "" {
		return 0, nil
	}
	conds, _ := c.where(f, now)
	n, err := c.store.engine.Count(ctx, colCases, conds)
	return n, asError("counting cases", err)
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

// Change changes one case and writes it with the effects that follow. With ifRev not empty it is Changed when the case
// no longer has that rev; without, it is tried again on the newer one. change may return models.ErrUnchanged.
func (c *Cases) Change(ctx context.Context, id, ifRev string, change func(*models.CasePerson) ([]models.Effect, error)) (models.CasePerson, error) {
	var out models.CasePerson
	err := retryChanged(ctx, "changing a case", func() error {
		doc, err := c.read(ctx, id)
		if err != nil {
			return err
		}
		if ifRev != "" && doc.Rev != ifRev {
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
		if errors.Is(err, ErrChanged) && ifRev != "" {
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
	id := caseID(account, person, program)
	return retryChanged(ctx, "keeping a case", func() error {
		var doc caseDoc
		var was *models.Case
		err := s.engine.Get(ctx, colCases, id, &doc)
		if err == nil {
			opened, err := s.openCases(ctx, []caseDoc{doc})
			if err != nil {
				return err
			}
			was = &opened[0].Case
		} else if !errors.Is(err, ErrMissing) {
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

// CasesOfAccount gives every case of a household, whatever its scope: for effects and the citizen's own export only.
func (s *Store) CasesOfAccount(ctx context.Context, account string) ([]models.Case, error) {
	var docs []caseDoc
	q := Query{Where: []Cond{{"account", Eq, account}}, Sort: []Order{{Field: "account"}, {Field: "_id"}}, Index: "account"}
	err := s.engine.Find(ctx, colCases, q, func(raw Raw) error {
		var doc caseDoc
		err := raw.Decode(&doc)
		docs = append(docs, doc)
		return err
	})
	if err != nil {
		return nil, asError("reading the cases of a household", err)
	}
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

// WithCase tells, by index, for which of the declarations the person already has a case under the program.
func (s *Store) WithCase(ctx context.Context, ds []models.Declaration) (map[int]bool, error) {
	ids := make([]string, len(ds))
	for i := range ds {
		ids[i] = caseID(ds[i].Account, ds[i].PersonID, ds[i].Program)
	}
	found := map[string]bool{}
	err := s.engine.GetAll(ctx, colCases, slices.Compact(slices.Sorted(slices.Values(ids))), func(raw Raw) error {
		var doc pendingDoc
		err := raw.Decode(&doc)
		found[doc.ID] = true
		return err
	})
	with := map[int]bool{}
	for i, id := range ids {
		with[i] = found[id]
	}
	return with, asError("finding cases", err)
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
	if doc.Todo, err = s.addEffects(colCases, doc.ID, was.Todo, effects); err != nil {
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

func casePlace(id, field string) seal.Place {
	return seal.Place{Collection: colCases, ID: id, Field: field}
}

// sealCase gives the document of a case under a new rev. Notes and the reason of an assessment are sealed with the
// account's key; when that is gone they are gone too.
func (s *Store) sealCase(ctx context.Context, c *models.Case) (caseDoc, error) {
	doc := caseDoc{
		ID: c.ID, Rev: NewID(), Account: c.Account, PersonID: c.PersonID, Program: c.Program,
		Level: int(c.Level), Factors: c.Factors, Version: c.Version, DecidedForm: c.DecidedBy.Form, DecidedID: c.DecidedBy.ID,
		LatestLevel: int(c.LatestLevel), Commune: c.Commune, Province: c.Province, Home: c.Home, Status: c.Status, Assignee: c.Assignee,
		OpenedAt: At(c.OpenedAt), LastAt: At(c.LastDeclaredAt), LastRecv: At(c.LastReceivedAt),
		DueAt: At(c.DueAt), MissedSince: At(c.MissedSince), ClosedAt: At(c.ClosedAt),
	}
	if doc.DueAt == 0 {
		doc.DueAt = noDeadline
	}
	for _, r := range c.Reasons {
		doc.Reasons = append(doc.Reasons, reasonDoc(r))
	}
	for _, l := range c.Levels {
		doc.Levels = append(doc.Levels, levelDoc{At(l.At), int(l.Level), l.Declaration.Form, l.Declaration.ID})
	}
	if len(c.Notes) == 0 && c.Assessment == nil {
		return doc, nil
	}
	key, err := s.accountKey(ctx, c.Account)
	if err != nil || !key.Usable() {
		return doc, err
	}
	for _, n := range c.Notes {
		text, err := key.Seal([]byte(n.Text), casePlace(c.ID, "notes"))
		if err != nil {
			return doc, err
		}
		doc.Notes = append(doc.Notes, noteDoc{text, n.By, At(n.At)})
	}
	if a := c.Assessment; a != nil {
		reason, err := key.Seal([]byte(a.Reason), casePlace(c.ID, "assessment"))
		if err != nil {
			return doc, err
		}
		doc.Assessment = &assessmentDoc{int(a.Level), reason, a.By, At(a.At)}
	}
	return doc, nil
}

// openCases reads the households behind cases in one round trip and opens what is sealed.
func (s *Store) openCases(ctx context.Context, docs []caseDoc) ([]models.CasePerson, error) {
	accounts := map[string]*accountDoc{}
	ids := make([]string, 0, len(docs))
	for i := range docs {
		ids = append(ids, docs[i].Account)
	}
	slices.Sort(ids)
	err := s.engine.GetAll(ctx, colAccounts, slices.Compact(ids), func(raw Raw) error {
		var doc accountDoc
		err := raw.Decode(&doc)
		accounts[doc.ID] = &doc
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]models.CasePerson, 0, len(docs))
	for i := range docs {
		opened, err := s.openCase(&docs[i], accounts[docs[i].Account])
		if err != nil {
			return nil, err
		}
		out = append(out, opened)
	}
	return out, nil
}

func (s *Store) openCase(doc *caseDoc, accountDoc *accountDoc) (models.CasePerson, error) {
	out := models.CasePerson{Case: doc.model()}
	if accountDoc == nil {
		return out, nil
	}
	account, key, err := s.openAccount(accountDoc)
	if err != nil || !key.Usable() {
		return out, err
	}
	out.Phone, out.Lang = account.Phone, account.Lang
	if person, ok := account.AnyPerson(doc.PersonID); ok {
		out.Person = *person
	}
	for _, n := range doc.Notes {
		text, err := key.Open(n.Text, casePlace(doc.ID, "notes"))
		if err != nil {
			return out, err
		}
		out.Case.Notes = append(out.Case.Notes, models.Note{Text: string(text), By: n.By, At: n.At.Time()})
	}
	if a := doc.Assessment; a != nil {
		reason, err := key.Open(a.Reason, casePlace(doc.ID, "assessment"))
		if err != nil {
			return out, err
		}
		out.Case.Assessment = &models.Assessment{Level: models.Level(a.Level), Reason: string(reason), By: a.By, At: a.At.Time()}
	}
	return out, nil
}

// model gives the case without what is sealed.
func (doc *caseDoc) model() models.Case {
	c := models.Case{
		ID: doc.ID, Rev: doc.Rev, Account: doc.Account, PersonID: doc.PersonID, Program: doc.Program,
		Level: models.Level(doc.Level), Factors: doc.Factors, Version: doc.Version,
		DecidedBy:   models.DeclarationRef{Form: doc.DecidedForm, ID: doc.DecidedID},
		LatestLevel: models.Level(doc.LatestLevel), Commune: doc.Commune, Province: doc.Province, Home: doc.Home,
		Status: doc.Status, Assignee: doc.Assignee,
		OpenedAt: doc.OpenedAt.Time(), LastDeclaredAt: doc.LastAt.Time(), LastReceivedAt: doc.LastRecv.Time(),
		MissedSince: doc.MissedSince.Time(), ClosedAt: doc.ClosedAt.Time(),
	}
	if doc.DueAt != noDeadline {
		c.DueAt = doc.DueAt.Time()
	}
	for _, r := range doc.Reasons {
		c.Reasons = append(c.Reasons, models.Reason(r))
	}
	for _, l := range doc.Levels {
		c.Levels = append(c.Levels, models.LevelAt{At: l.At.Time(), Level: models.Level(l.Level), Declaration: models.DeclarationRef{Form: l.Form, ID: l.ID}})
	}
	return c
}
