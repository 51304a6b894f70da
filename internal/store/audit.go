package store

import (
	"context"

	"khaibao/internal/seal"
	"khaibao/models"
)

type auditDoc struct {
	ID       string             `bson:"_id" json:"_id"`
	At       Time               `bson:"at" json:"at"`
	Action   models.AuditAction `bson:"action" json:"action"`
	Official string             `bson:"official,omitempty" json:"official,omitempty"`
	Login    string             `bson:"login,omitempty" json:"login,omitempty"`
	Role     models.Role        `bson:"role,omitempty" json:"role,omitempty"`
	Area     models.Area        `bson:"area,omitempty" json:"area,omitempty"`
	Province string             `bson:"province,omitempty" json:"province,omitempty"`
	Account  string             `bson:"account,omitempty" json:"account,omitempty"`
	PersonID string             `bson:"person,omitempty" json:"person,omitempty"`
	Case     string             `bson:"case,omitempty" json:"case,omitempty"`
	Program  string             `bson:"program,omitempty" json:"program,omitempty"`
	Reason   []byte             `bson:"reason,omitempty" json:"reason,omitempty"` // sealed
	Detail   map[string]string  `bson:"detail,omitempty" json:"detail,omitempty"`
	// Looker is the login again where the entry is a look, UnusualAt and UnusualIn the time and the province where it is an
	// unusual one: sparse indexes hold those alone.
	Looker    string `bson:"looker,omitempty" json:"looker,omitempty"`
	UnusualAt Time   `bson:"unusual_at,omitempty" json:"unusual_at,omitzero"`
	UnusualIn string `bson:"unusual_in,omitempty" json:"unusual_in,omitempty"`
}

func (d auditDoc) Key() string      { return d.ID }
func (d auditDoc) Revision() string { return "" }

func auditPlace(id string) seal.Place {
	return seal.Place{Collection: colAudit, ID: id, Field: "reason"}
}

func (s *Store) sealAudit(e models.AuditEntry) (auditDoc, error) {
	if e.ID == "" {
		e.ID = NewID()
	}
	doc := auditDoc{
		ID: e.ID, At: At(e.At), Action: e.Action, Official: e.Official, Login: e.Login, Role: e.Role, Area: e.Area,
		Province: e.Province, Account: e.Account, PersonID: e.PersonID, Case: e.Case, Program: e.Program, Detail: e.Detail,
	}
	if e.Look() {
		doc.Looker = e.Login
	}
	if e.Unusual {
		doc.UnusualAt, doc.UnusualIn = doc.At, doc.Province
	}
	if e.Reason == "" {
		return doc, nil
	}
	var err error
	doc.Reason, err = s.keys.Seal([]byte(e.Reason), auditPlace(e.ID))
	return doc, err
}

func (s *Store) openAudit(doc auditDoc) (models.AuditEntry, error) {
	e := models.AuditEntry{
		ID: doc.ID, At: doc.At.Time(), Action: doc.Action, Official: doc.Official, Login: doc.Login, Role: doc.Role, Area: doc.Area,
		Province: doc.Province, Account: doc.Account, PersonID: doc.PersonID, Case: doc.Case, Program: doc.Program, Detail: doc.Detail,
		Unusual: doc.UnusualAt != 0,
	}
	if len(doc.Reason) == 0 {
		return e, nil
	}
	reason, err := s.keys.Open(doc.Reason, auditPlace(doc.ID))
	e.Reason = string(reason)
	return e, err
}

// WriteAudit keeps entries; one whose id is there already is skipped. It returns when they are durable: an identified
// read is audited before it is answered.
func (s *Store) WriteAudit(ctx context.Context, entries ...models.AuditEntry) error {
	docs := make([]Document, len(entries))
	for i, e := range entries {
		doc, err := s.sealAudit(e)
		if err != nil {
			return asError("sealing an audit entry", err)
		}
		docs[i] = doc
	}
	return asError("writing the audit", s.engine.InsertAll(ctx, colAudit, docs))
}

// auditWhere gives the conditions of a filter.
func auditWhere(f models.AuditFilter) (conds []Cond) {
	for _, c := range []Cond{{"account", Eq, f.Account}, {"case", Eq, f.Case}, {"login", Eq, f.Login}} {
		if c.Value != "" {
			conds = append(conds, c)
		}
	}
	switch index := auditIndex(f); {
	case f.Province == "":
	case index == "province":
		conds = append(conds, Cond{"province", Eq, f.Province})
	case index == "unusual_in":
		conds = append(conds, Cond{"unusual_in", Eq, f.Province})
	default: // not Eq, or an engine without statistics may take the index of the province, which leads to far more
		conds = append(conds, Cond{"province", In, []string{f.Province}})
	}
	if f.Within.IsCommune() {
		conds = append(conds, Cond{"area", Eq, string(f.Within)})
	}
	switch len(f.Actions) {
	case 0:
	case 1:
		conds = append(conds, Cond{"action", Eq, string(f.Actions[0])})
	default:
		conds = append(conds, Cond{"action", In, mapped(f.Actions, func(a models.AuditAction) string { return string(a) })})
	}
	if f.ByOfficials {
		conds = append(conds, Cond{"official", Exists, true})
	}
	when := "at"
	if f.Unusual {
		when = "unusual_at"
		conds = append(conds, Cond{when, Exists, true})
	}
	if !f.Since.IsZero() {
		conds = append(conds, Cond{when, Ge, At(f.Since)})
	}
	if !f.Before.IsZero() {
		conds = append(conds, Cond{when, Lt, At(f.Before)})
	}
	return conds
}

// auditIndex names the index that leads to the fewest entries.
func auditIndex(f models.AuditFilter) string {
	for _, by := range []struct {
		asked bool
		index string
	}{
		{f.Account != "", "account"}, {f.Case != "", "case"}, {f.Unusual && f.Province != "", "unusual_in"}, {f.Unusual, "unusual"}, {f.Login != "", "login"},
		{len(f.Actions) == 1, "action"}, {f.Province != "", "province"},
	} {
		if by.asked {
			return by.index
		}
	}
	return "at"
}

// CountLooks counts the looks of an official from a moment on and before another.
func (s *Store) CountLooks(ctx context.Context, login string, during models.Span) (int64, error) {
	n, err := s.engine.Count(ctx, colAudit, []Cond{{"looker", Eq, login}, {"at", Ge, At(during.From)}, {"at", Lt, At(during.Before)}})
	return n, asError("counting looks", err)
}

// Audit lists entries, newest first.
func (s *Store) Audit(ctx context.Context, filter models.AuditFilter, page models.Page) ([]models.AuditEntry, string, error) {
	when := "at"
	if filter.Unusual {
		when = "unusual_at"
	}
	q := Query{Where: auditWhere(filter), Sort: []Order{{when, true}, {"_id", true}}, Limit: page.Limit + 1, Index: auditIndex(filter)}
	if err := q.after(colAudit, page.Cursor, timeKey, stringKey); err != nil {
		return nil, "", err
	}
	var out []models.AuditEntry
	err := s.engine.Find(ctx, colAudit, q, func(raw Raw) error {
		var doc auditDoc
		if err := raw.Decode(&doc); err != nil {
			return err
		}
		e, err := s.openAudit(doc)
		out = append(out, e)
		return err
	})
	if err != nil {
		return nil, "", asError("reading the audit", err)
	}
	out, next := cut(colAudit, out, page.Limit, func(e models.AuditEntry) []any { return []any{e.At.UnixMilli(), e.ID} })
	return out, next, nil
}
