package store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
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
		// Those who owe an update are few: whoever asks for them alone, of any area, reads no others.
		{Name: "missed", Fields: []Order{{Field: "missed_since"}, {Field: "_id"}}, Sparse: true},
		{Name: "search", Fields: []Order{{Field: "search"}}, Multi: true},
	}
}

// caseID is derived from the account's 128 random bits, so that a person has one case per program and nobody guesses it.
func caseID(account, person, program string) string {
	sum := sha256.Sum256([]byte(account + "\x00" + person + "\x00" + program))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
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
	person, ok := account.AnyPerson(doc.PersonID)
	if !ok {
		return out, nil // removed by the citizen, and no case was open any more
	}
	out.Person, out.Phone, out.Lang = *person, account.Phone, account.Lang
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
