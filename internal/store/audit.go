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
	Account  string             `bson:"account,omitempty" json:"account,omitempty"`
	PersonID string             `bson:"person,omitempty" json:"person,omitempty"`
	Case     string             `bson:"case,omitempty" json:"case,omitempty"`
	Program  string             `bson:"program,omitempty" json:"program,omitempty"`
	Reason   []byte             `bson:"reason,omitempty" json:"reason,omitempty"` // sealed
	Detail   map[string]string  `bson:"detail,omitempty" json:"detail,omitempty"`
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
		Account: e.Account, PersonID: e.PersonID, Case: e.Case, Program: e.Program, Detail: e.Detail,
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
		Account: doc.Account, PersonID: doc.PersonID, Case: doc.Case, Program: doc.Program, Detail: doc.Detail,
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

// Audit lists entries, newest first.
func (s *Store) Audit(ctx context.Context, filter models.AuditFilter, page models.Page) ([]models.AuditEntry, string, error) {
	q := Query{Sort: []Order{{"at", true}, {"_id", true}}, Limit: page.Limit + 1}
	if filter.Account != "" {
		q.Where = append(q.Where, Cond{"account", Eq, filter.Account})
	}
	if filter.Case != "" {
		q.Where = append(q.Where, Cond{"case", Eq, filter.Case})
	}
	if filter.Login != "" {
		q.Where = append(q.Where, Cond{"login", Eq, filter.Login})
	}
	if len(filter.Actions) > 0 {
		q.Where = append(q.Where, Cond{"action", In, mapped(filter.Actions, func(a models.AuditAction) string { return string(a) })})
	}
	if filter.ByOfficials {
		q.Where = append(q.Where, Cond{"official", Exists, true})
	}
	if !filter.Since.IsZero() {
		q.Where = append(q.Where, Cond{"at", Ge, At(filter.Since)})
	}
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
