package store

import (
	"context"
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
	Assessed    []assessmentDoc   `bson:"assessed,omitempty" json:"assessed,omitempty"` // earlier ones
	Notes       []noteDoc         `bson:"notes,omitempty" json:"notes,omitempty"`
	Contacts    []contactDoc      `bson:"contacts,omitempty" json:"contacts,omitempty"`
	SameAs      string            `bson:"same_as,omitempty" json:"same_as,omitempty"`
	OpenedAt    Time              `bson:"opened_at" json:"opened_at"`
	LastAt      Time              `bson:"last_at" json:"last_at"`
	LastRecv    Time              `bson:"last_recv" json:"last_recv"`
	DueAt       Time              `bson:"due_at" json:"due_at"` // noDeadline when there is none, so that it compares
	MissedSince Time              `bson:"missed_since,omitempty" json:"missed_since,omitzero"`
	LostSince   Time              `bson:"lost_since,omitempty" json:"lost_since,omitzero"` // as the account's
	LostReason  string            `bson:"lost_reason,omitempty" json:"lost_reason,omitempty"`
	RaisedAt    Time              `bson:"raised_at,omitempty" json:"raised_at,omitzero"`
	Unreached   Time              `bson:"unreached,omitempty" json:"unreached,omitzero"`
	ContactedAt Time              `bson:"contacted_at,omitempty" json:"contacted_at,omitzero"`
	ClosedAt    Time              `bson:"closed_at,omitempty" json:"closed_at,omitzero"`
	Waits       []waitDoc         `bson:"waits,omitempty" json:"waits,omitempty"`
	Waited      []string          `bson:"waited,omitempty" json:"waited,omitempty"` // the days of Waits: "2026-11-27 overdue"
	Acted       []string          `bson:"acted,omitempty" json:"acted,omitempty"`
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

	Values map[string]float64 `bson:"values,omitempty" json:"values,omitempty"`
}

func levelDocOf(l models.LevelAt) levelDoc {
	return levelDoc{At(l.At), int(l.Level), l.Declaration.Form, l.Declaration.ID, l.Values}
}

func (l levelDoc) model() models.LevelAt {
	return models.LevelAt{
		At: l.At.Time(), Level: models.Level(l.Level), Declaration: models.DeclarationRef{Form: l.Form, ID: l.ID}, Values: l.Values,
	}
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

type contactDoc struct {
	Outcome models.Outcome `bson:"outcome" json:"outcome"`
	Note    []byte         `bson:"note,omitempty" json:"note,omitempty"` // sealed
	By      string         `bson:"by" json:"by"`
	At      Time           `bson:"at" json:"at"`
}

type waitDoc struct {
	Kind models.WaitKind `bson:"kind" json:"kind"`
	From Time            `bson:"from" json:"from"`
	To   Time            `bson:"to" json:"to"`
}

// waited is how a day of a wait that has ended is kept and counted.
func waited(on models.WaitedOn) string { return on.Day + " " + string(on.Kind) }

func (w waitDoc) model() models.Wait {
	return models.Wait{Kind: w.Kind, From: w.From.Time(), To: w.To.Time()}
}

func caseIndexes() []Index {
	// What the queue is narrowed by, besides the area.
	narrowed := []string{"status", "level", "program", "assignee", "due_at", "missed_since", "raised_at", "unreached"}
	newest := func(name string, by ...string) Index {
		index := Index{Name: name}
		for _, field := range by {
			index.Fields = append(index.Fields, Order{Field: field})
		}
		index.Fields = append(index.Fields, Order{"last_at", true}, Order{"_id", true})
		return index
	}
	wide := func(index Index, more ...string) Index {
		index.Also = slices.DeleteFunc(slices.Concat(narrowed, more), func(field string) bool {
			return slices.ContainsFunc(index.Fields, func(o Order) bool { return o.Field == field })
		})
		return index
	}
	return []Index{
		wide(newest("nation")), wide(newest("province", "province")), wide(newest("commune", "commune")),
		newest("province_status", "province", "status"), newest("commune_status", "commune", "status"), newest("status", "status"), wide(newest("assignee", "assignee"), "province", "commune"),
		// The queue by deadline and by level; a commune's few cases are sorted as they are read.
		wide(Index{Name: "due", Fields: []Order{{Field: "due_at"}, {Field: "_id"}}}),
		wide(Index{Name: "province_due", Fields: []Order{{Field: "province"}, {Field: "due_at"}, {Field: "_id"}}}),
		{Name: "level", Fields: []Order{{"level", true}, {"last_at", true}, {"_id", true}}},
		{Name: "province_level", Fields: []Order{{Field: "province"}, {"level", true}, {"last_at", true}, {"_id", true}}},
		{Name: "opened", Fields: []Order{{Field: "province"}, {Field: "opened_at"}}},
		{Name: "opened_nation", Fields: []Order{{Field: "opened_at"}, {Field: "_id"}}},
		{Name: "raised", Fields: []Order{{Field: "raised_at"}, {Field: "_id"}}, Sparse: true},
		{Name: "unreached", Fields: []Order{{Field: "unreached"}, {Field: "_id"}}, Sparse: true, Also: []string{"province", "commune"}},
		{Name: "same_as", Fields: []Order{{Field: "same_as"}, {Field: "_id"}}, Sparse: true},
		{Name: "contacted", Fields: []Order{{Field: "province"}, {"contacted_at", true}, {"_id", true}}},
		{Name: "contacted_nation", Fields: []Order{{"contacted_at", true}, {"_id", true}}},
		{Name: "account", Fields: []Order{{Field: "account"}, {Field: "_id"}}},
		// Households of people with a case, in the order in which a broadcast goes through them.
		{Name: "province_account", Fields: []Order{{Field: "province"}, {Field: "account"}, {Field: "_id"}}},
		{Name: "commune_account", Fields: []Order{{Field: "commune"}, {Field: "account"}, {Field: "_id"}}},
		// Those who owe an update are few: whoever asks for them alone, of any area, reads no others.
		{Name: "missed", Fields: []Order{{Field: "missed_since"}, {Field: "_id"}}, Sparse: true},
		{Name: "search", Fields: []Order{{Field: "search"}}, Multi: true},
		{Name: "waited", Fields: []Order{{Field: "waited"}}, Multi: true},
	}
}

func casePlace(id, field string) seal.Place {
	return seal.Place{Collection: colCases, ID: id, Field: field}
}

// sealCase gives the document of a case under a new rev. Notes and the reasons of assessments are sealed with the
// account's key; when that is gone they are gone too.
func (s *Store) sealCase(ctx context.Context, c *models.Case) (caseDoc, error) {
	doc := caseDocOf(c)
	if !c.HasTexts() {
		return doc, nil
	}
	key, err := s.accountKey(ctx, c.Account)
	if err != nil || !key.Usable() {
		return doc, err
	}
	return doc, sealCaseTexts(key, c, &doc)
}

// caseDocOf gives the document of a case without what is sealed.
func caseDocOf(c *models.Case) caseDoc {
	doc := caseDoc{
		ID: c.ID, Rev: NewID(), Account: c.Account, PersonID: c.PersonID, Program: c.Program,
		Level: int(c.Level), Factors: c.Factors, Version: c.Version, DecidedForm: c.DecidedBy.Form, DecidedID: c.DecidedBy.ID,
		LatestLevel: int(c.LatestLevel), Commune: c.Commune, Province: c.Province, Home: c.Home, Status: c.Status, Assignee: c.Assignee,
		OpenedAt: At(c.OpenedAt), LastAt: At(c.LastDeclaredAt), LastRecv: At(c.LastReceivedAt),
		DueAt: At(c.DueAt), MissedSince: At(c.MissedSince), LostSince: At(c.Unreachable.Since), LostReason: string(c.Unreachable.Reason), ClosedAt: At(c.ClosedAt), SameAs: c.SameAs,
		RaisedAt: At(c.RaisedAt), Unreached: At(c.UnreachedSince), ContactedAt: At(c.FirstContactAt), Acted: c.Acted,
	}
	if doc.DueAt == 0 {
		doc.DueAt = noDeadline
	}
	for _, r := range c.Reasons {
		doc.Reasons = append(doc.Reasons, reasonDoc(r))
	}
	for _, l := range c.Levels {
		doc.Levels = append(doc.Levels, levelDocOf(l))
	}
	for _, contact := range c.Contacts {
		doc.Contacts = append(doc.Contacts, contactDoc{Outcome: contact.Outcome, By: contact.By, At: At(contact.At)})
	}
	for _, w := range c.Waits {
		doc.Waits = append(doc.Waits, waitDoc{w.Kind, At(w.From), At(w.To)})
		for _, day := range w.Days() {
			doc.Waited = append(doc.Waited, waited(models.WaitedOn{Kind: w.Kind, Day: day}))
		}
	}
	return doc
}

// sealCaseTexts seals what officials wrote.
func sealCaseTexts(key seal.DataKey, c *models.Case, doc *caseDoc) error {
	for i, contact := range c.Contacts {
		if contact.Note == "" {
			continue
		}
		note, err := key.Seal([]byte(contact.Note), casePlace(c.ID, "contacts"))
		if err != nil {
			return err
		}
		doc.Contacts[i].Note = note
	}
	for _, n := range c.Notes {
		text, err := key.Seal([]byte(n.Text), casePlace(c.ID, "notes"))
		if err != nil {
			return err
		}
		doc.Notes = append(doc.Notes, noteDoc{text, n.By, At(n.At)})
	}
	for _, a := range c.Assessments() {
		reason, err := key.Seal([]byte(a.Reason), casePlace(c.ID, "assessment"))
		if err != nil {
			return err
		}
		doc.Assessed = append(doc.Assessed, assessmentDoc{int(a.Level), reason, a.By, At(a.At)})
	}
	if last := len(doc.Assessed) - 1; last >= 0 {
		doc.Assessment, doc.Assessed = &doc.Assessed[last], doc.Assessed[:last]
	}
	return nil
}

// caseOf gives the case of a document. The household is read only where something is sealed with its key.
func (s *Store) caseOf(ctx context.Context, doc *caseDoc) (*models.Case, error) {
	c := doc.model()
	if len(doc.Notes) == 0 && doc.Assessment == nil && !slices.ContainsFunc(doc.Contacts, func(c contactDoc) bool { return len(c.Note) > 0 }) {
		return &c, nil
	}
	opened, err := s.openCases(ctx, []caseDoc{*doc})
	if err != nil {
		return nil, err
	}
	return &opened[0].Case, nil
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
	person, ok := account.AnyPerson(doc.PersonID)
	if !ok {
		return out, nil // removed by the citizen, and no case was open any more
	}
	out.Person, out.Phone, out.Lang = *person, account.Phone, account.Lang
	for i, contact := range doc.Contacts {
		if len(contact.Note) == 0 {
			continue
		}
		note, err := key.Open(contact.Note, casePlace(doc.ID, "contacts"))
		if err != nil {
			return out, err
		}
		out.Case.Contacts[i].Note = string(note)
	}
	for _, n := range doc.Notes {
		text, err := key.Open(n.Text, casePlace(doc.ID, "notes"))
		if err != nil {
			return out, err
		}
		out.Case.Notes = append(out.Case.Notes, models.Note{Text: string(text), By: n.By, At: n.At.Time()})
	}
	for _, a := range doc.assessments() {
		reason, err := key.Open(a.Reason, casePlace(doc.ID, "assessment"))
		if err != nil {
			return out, err
		}
		out.Case.Assess(models.Assessment{Level: models.Level(a.Level), Reason: string(reason), By: a.By, At: a.At.Time()})
	}
	return out, nil
}

// assessments are the earlier ones and the present one, oldest first.
func (doc *caseDoc) assessments() []assessmentDoc {
	if doc.Assessment == nil {
		return nil
	}
	return append(slices.Clone(doc.Assessed), *doc.Assessment)
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
		MissedSince: doc.MissedSince.Time(), Unreachable: unreachable(doc.LostReason, doc.LostSince), ClosedAt: doc.ClosedAt.Time(), SameAs: doc.SameAs,
		RaisedAt: doc.RaisedAt.Time(), UnreachedSince: doc.Unreached.Time(), FirstContactAt: doc.ContactedAt.Time(), Acted: doc.Acted,
	}
	for _, contact := range doc.Contacts {
		c.Contacts = append(c.Contacts, models.Contact{Outcome: contact.Outcome, By: contact.By, At: contact.At.Time()})
	}
	if doc.DueAt != noDeadline {
		c.DueAt = doc.DueAt.Time()
	}
	for _, r := range doc.Reasons {
		c.Reasons = append(c.Reasons, models.Reason(r))
	}
	for _, l := range doc.Levels {
		c.Levels = append(c.Levels, l.model())
	}
	for _, w := range doc.Waits {
		c.Waits = append(c.Waits, w.model())
	}
	return c
}
