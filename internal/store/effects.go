package store

import (
	"context"
	"time"

	"khaibao/models"
)

// todoDoc is what a document still owes: since when, and what. It goes away when all of it is carried out.
type todoDoc struct {
	At      Time        `bson:"at" json:"at"`
	Effects []effectDoc `bson:"effects,omitempty" json:"effects,omitempty"`
}

type effectDoc struct {
	Kind     models.EffectKind `bson:"kind" json:"kind"`
	PersonID string            `bson:"person,omitempty" json:"person,omitempty"`
	Program  string            `bson:"program,omitempty" json:"program,omitempty"`
	At       Time              `bson:"at,omitempty" json:"at,omitzero"`
	Audit    *auditDoc         `bson:"audit,omitempty" json:"audit,omitempty"`
	Message  *messageDoc       `bson:"message,omitempty" json:"message,omitempty"`
}

// addEffects appends effects to what the document already owes.
func (s *Store) addEffects(collection, id string, owed *todoDoc, effects []models.Effect) (*todoDoc, error) {
	if len(effects) == 0 {
		return owed, nil
	}
	todo := &todoDoc{At: At(s.now())}
	if owed != nil {
		todo.At = owed.At
		todo.Effects = append(todo.Effects, owed.Effects...)
	}
	for _, e := range effects {
		doc := effectDoc{Kind: e.Kind, PersonID: e.PersonID, Program: e.Program, At: At(e.At)}
		if e.Audit != nil {
			audit, err := s.sealAudit(*e.Audit)
			if err != nil {
				return nil, err
			}
			doc.Audit = &audit
		}
		if e.Message != nil {
			message, err := s.sealMessage(e.Message)
			if err != nil {
				return nil, err
			}
			doc.Message = &message
		}
		todo.Effects = append(todo.Effects, doc)
	}
	return todo, nil
}

// pendingDoc is the part of any document that the effects worker reads.
type pendingDoc struct {
	ID      string   `bson:"_id" json:"_id"`
	Rev     string   `bson:"rev" json:"rev"`
	Account string   `bson:"account" json:"account"`
	Todo    *todoDoc `bson:"todo" json:"todo"`
}

// PendingAccounts gives accounts that owe effects, the longest waiting first.
func (s *Store) PendingAccounts(ctx context.Context, limit int) ([]models.Pending, error) {
	return s.pending(ctx, colAccounts, limit)
}

// PendingCases gives cases that owe effects, the longest waiting first.
func (s *Store) PendingCases(ctx context.Context, limit int) ([]models.Pending, error) {
	return s.pending(ctx, colCases, limit)
}

func (s *Store) pending(ctx context.Context, collection string, limit int) ([]models.Pending, error) {
	var out []models.Pending
	err := s.engine.Find(ctx, collection, todoQuery(limit), func(raw Raw) error {
		var doc pendingDoc
		if err := raw.Decode(&doc); err != nil || doc.Todo == nil {
			return err
		}
		p := models.Pending{ID: doc.ID, Rev: doc.Rev, Account: doc.Account}
		if collection == colAccounts {
			p.Account = doc.ID
		}
		for _, e := range doc.Todo.Effects {
			effect := models.Effect{Kind: e.Kind, PersonID: e.PersonID, Program: e.Program, At: e.At.Time()}
			if e.Audit != nil {
				entry, err := s.openAudit(*e.Audit)
				if err != nil {
					return err
				}
				effect.Audit = &entry
			}
			if e.Message != nil {
				message, err := s.openMessage(e.Message)
				if err != nil {
					return err
				}
				effect.Message = &message
			}
			p.Effects = append(p.Effects, effect)
		}
		out = append(out, p)
		return nil
	})
	return out, asError("reading pending effects", err)
}

func todoQuery(limit int) Query {
	return Query{
		Where: []Cond{{"todo.at", Exists, true}},
		Sort:  []Order{{Field: "todo.at"}, {Field: "_id"}},
		Limit: limit,
		Index: "todo",
	}
}

// DoneAccounts marks the effects of accounts as carried out; one that changed since it was read keeps owing.
func (s *Store) DoneAccounts(ctx context.Context, done []models.Pending) error {
	return s.done(ctx, colAccounts, done)
}

// DoneCases is DoneAccounts for cases.
func (s *Store) DoneCases(ctx context.Context, done []models.Pending) error {
	return s.done(ctx, colCases, done)
}

func (s *Store) done(ctx context.Context, collection string, done []models.Pending) error {
	refs := make([]Ref, len(done))
	for i, p := range done {
		refs[i] = Ref{p.ID, p.Rev}
	}
	return asError("settling effects", s.engine.Unset(ctx, collection, "todo", refs))
}

// now is the real time of the process: for created_at, leases and the order of effects, never for the domain.
func (s *Store) now() time.Time { return time.Now() }
