package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"khaibao/models"
)

// DueByArea counts the open cases whose deadline lies at or after from and before to, by the area directly below the scope.
func (c *Cases) DueByArea(ctx context.Context, from, to time.Time) (map[models.Area]int64, error) {
	out := map[models.Area]int64{}
	if c.scope == "" {
		return out, nil
	}
	q := Query{
		Where: append(c.where(models.CaseFilter{}, time.Time{}), Cond{"due_at", Ge, At(from)}, Cond{"due_at", Lt, At(to)}),
		Sort:  []Order{{Field: "due_at"}, {Field: "_id"}}, Fields: []string{"province", "commune"},
	}
	switch {
	case c.scope == models.Nation:
		q.Index = "due"
	case c.scope.IsProvince():
		q.Index = "province_due"
	}
	docs, err := c.find(ctx, q)
	for i := range docs {
		if c.scope == models.Nation {
			out[models.Area(docs[i].Province)]++
		} else {
			out[models.Area(docs[i].Commune)]++
		}
	}
	return out, asError("counting deadlines", err)
}

// CountDue counts the open cases whose deadline lies at or after from and before to.
func (c *Cases) CountDue(ctx context.Context, from, to time.Time) (int64, error) {
	if c.scope == "" {
		return 0, nil
	}
	n, err := c.store.engine.Count(ctx, colCases, append(c.where(models.CaseFilter{}, time.Time{}), Cond{"due_at", Ge, At(from)}, Cond{"due_at", Lt, At(to)}))
	return n, asError("counting deadlines", err)
}

// caseBatch is how many cases are changed in shared round trips: an engine's ReplaceAll takes 1,000.
const caseBatch = 500

// ChangeMany changes many cases in shared round trips, each with the effects that follow, and gives those it changed as
// they were and as they are. Ids outside the scope are passed over. One that somebody else wrote meanwhile is tried again
// by itself; change may return models.ErrUnchanged to leave one out.
func (c *Cases) ChangeMany(ctx context.Context, ids []string, change func(*models.Case) ([]models.Effect, error)) ([]models.UndoItem, error) {
	var out []models.UndoItem
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for part := range slices.Chunk(ids, caseBatch) {
		items, err := c.changePart(ctx, part, change)
		out = append(out, items...)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func (c *Cases) changePart(ctx context.Context, ids []string, change func(*models.Case) ([]models.Effect, error)) ([]models.UndoItem, error) {
	var docs []caseDoc
	err := c.store.engine.GetAll(ctx, colCases, ids, func(raw Raw) error {
		var doc caseDoc
		err := raw.Decode(&doc)
		if err == nil && c.scope.Holds(doc.Commune, doc.Province) {
			docs = append(docs, doc)
		}
		return err
	})
	if err != nil {
		return nil, asError("reading cases", err)
	}
	opened, err := c.store.openCases(ctx, docs)
	if err != nil {
		return nil, asError("opening cases", err)
	}
	var next []Document
	var was []string
	var items []models.UndoItem
	for i := range opened {
		doc, item, err := c.changed(ctx, &opened[i].Case, docs[i], change)
		if errors.Is(err, models.ErrUnchanged) {
			continue
		}
		if err != nil {
			return nil, asError("changing cases", err)
		}
		next, was, items = append(next, doc), append(was, docs[i].Rev), append(items, item)
	}
	if len(next) == 0 {
		return nil, nil
	}
	beaten, err := c.store.engine.ReplaceAll(ctx, colCases, next, was)
	if err != nil {
		return nil, asError("changing cases", err)
	}
	return c.again(ctx, items, beaten, change)
}

// changed makes the document of a changed case.
func (c *Cases) changed(ctx context.Context, m *models.Case, was caseDoc, change func(*models.Case) ([]models.Effect, error)) (caseDoc, models.UndoItem, error) {
	before := m.Work()
	effects, err := change(m)
	if err != nil {
		return caseDoc{}, models.UndoItem{}, err
	}
	doc, err := c.store.sealCase(ctx, m)
	if err != nil {
		return caseDoc{}, models.UndoItem{}, err
	}
	doc.Search = was.Search
	doc.Todo, err = c.store.addEffects(colCases, doc.ID, was.Todo, append(effects, recounted(&was, &doc)...))
	return doc, models.UndoItem{Case: doc.ID, Rev: doc.Rev, Before: before}, err
}

// again changes one by one the cases that somebody else was faster with.
func (c *Cases) again(ctx context.Context, items []models.UndoItem, beaten []int, change func(*models.Case) ([]models.Effect, error)) ([]models.UndoItem, error) {
	for _, i := range slices.Backward(beaten) {
		var before models.CaseWork
		did := false
		changed, err := c.Change(ctx, items[i].Case, nil, func(m *models.CasePerson) ([]models.Effect, error) {
			before = m.Case.Work()
			effects, err := change(&m.Case)
			did = err == nil
			return effects, err
		})
		switch {
		case models.NotFound.Is(err), err == nil && !did:
			items = slices.Delete(items, i, i+1)
		case err != nil:
			return items, err
		default:
			items[i].Rev, items[i].Before = changed.Case.Rev, before
		}
	}
	return items, nil
}

type undoDoc struct {
	ID        string        `bson:"_id" json:"_id"`
	Login     string        `bson:"login" json:"login"`
	ExpiresAt Time          `bson:"expires_at" json:"expires_at"`
	Items     []undoItemDoc `bson:"items" json:"items"`
}

func (d undoDoc) Key() string      { return d.ID }
func (d undoDoc) Revision() string { return "" }

type undoItemDoc struct {
	Case      string            `bson:"case" json:"case"`
	Rev       string            `bson:"rev" json:"rev"`
	Status    models.CaseStatus `bson:"status" json:"status"`
	Assignee  string            `bson:"assignee,omitempty" json:"assignee,omitempty"`
	DueAt     Time              `bson:"due_at,omitempty" json:"due_at,omitzero"`
	RaisedAt  Time              `bson:"raised_at,omitempty" json:"raised_at,omitzero"`
	Unreached Time              `bson:"unreached,omitempty" json:"unreached,omitzero"`
	Contacted Time              `bson:"contacted_at,omitempty" json:"contacted_at,omitzero"`
	ClosedAt  Time              `bson:"closed_at,omitempty" json:"closed_at,omitzero"`
	Contacts  int               `bson:"contacts" json:"contacts"`
	Waits     int               `bson:"waits,omitempty" json:"waits,omitempty"`
	Acted     int               `bson:"acted,omitempty" json:"acted,omitempty"`
}

// KeepUndo keeps how an action is taken back.
func (s *Store) KeepUndo(ctx context.Context, u models.Undo) error {
	doc := undoDoc{ID: u.ID, Login: u.Login, ExpiresAt: At(u.ExpiresAt)}
	for _, item := range u.Items {
		b := item.Before
		doc.Items = append(doc.Items, undoItemDoc{
			item.Case, item.Rev, b.Status, b.Assignee, At(b.DueAt), At(b.RaisedAt), At(b.UnreachedSince), At(b.FirstContactAt), At(b.Ended), b.Contacts, b.Waits, b.Acted,
		})
	}
	return asError("keeping an undo", s.engine.Insert(ctx, colUndos, doc))
}

// Undo gives how an action is taken back; NotFound when it was forgotten, is somebody else's or has expired.
func (s *Store) Undo(ctx context.Context, id, login string, now time.Time) (models.Undo, error) {
	var doc undoDoc
	err := s.engine.Get(ctx, colUndos, id, &doc)
	if err == nil && (doc.Login != login || doc.ExpiresAt < At(now)) {
		err = ErrMissing
	}
	if err != nil {
		return models.Undo{}, asError("reading an undo", err)
	}
	u := models.Undo{ID: doc.ID, Login: doc.Login, ExpiresAt: doc.ExpiresAt.Time()}
	for _, item := range doc.Items {
		u.Items = append(u.Items, models.UndoItem{Case: item.Case, Rev: item.Rev, Before: models.CaseWork{
			Status: item.Status, Assignee: item.Assignee, DueAt: item.DueAt.Time(), RaisedAt: item.RaisedAt.Time(),
			UnreachedSince: item.Unreached.Time(), FirstContactAt: item.Contacted.Time(), Ended: item.ClosedAt.Time(), Contacts: item.Contacts, Waits: item.Waits, Acted: item.Acted,
		}})
	}
	return u, nil
}

// ForgetUndo ends an undo; doing it again does no harm.
func (s *Store) ForgetUndo(ctx context.Context, id string) error {
	return asError("forgetting an undo", s.engine.Delete(ctx, colUndos, id))
}
