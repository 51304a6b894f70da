package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"khaibao/internal/seal"
	"khaibao/models"
)

// broadcastDoc is one text for many households. Active is there only while a worker has something to do for it, so that
// its index holds those alone.
type broadcastDoc struct {
	ID          string                        `bson:"_id" json:"_id"`
	Rev         string                        `bson:"rev" json:"rev"`
	Author      string                        `bson:"author" json:"author"`
	Area        models.Area                   `bson:"area" json:"area"`
	Province    string                        `bson:"province" json:"province"`
	Levels      []int64                       `bson:"levels,omitempty" json:"levels,omitempty"`
	Purpose     models.BroadcastPurpose       `bson:"purpose" json:"purpose"`
	Text        []byte                        `bson:"text" json:"text"` // sealed models.Words
	SMS         bool                          `bson:"sms" json:"sms"`
	Urgent      bool                          `bson:"urgent" json:"urgent"`
	Lasts       int64                         `bson:"lasts" json:"lasts"` // seconds
	Status      models.BroadcastStatus        `bson:"status" json:"status"`
	CreatedAt   Time                          `bson:"created_at" json:"created_at"`
	Recipients  int64                         `bson:"recipients" json:"recipients"`
	ApprovedBy  string                        `bson:"approved_by,omitempty" json:"approved_by,omitempty"`
	ApprovedAt  Time                          `bson:"approved_at,omitempty" json:"approved_at,omitzero"`
	StartedBy   string                        `bson:"started_by,omitempty" json:"started_by,omitempty"`
	StartedAt   Time                          `bson:"started_at,omitempty" json:"started_at,omitzero"`
	ExpiresAt   Time                          `bson:"expires_at,omitempty" json:"expires_at,omitzero"`
	CancelledBy string                        `bson:"cancelled_by,omitempty" json:"cancelled_by,omitempty"`
	EndedAt     Time                          `bson:"ended_at,omitempty" json:"ended_at,omitzero"`
	Active      bool                          `bson:"active,omitempty" json:"active,omitempty"`
	Cursor      string                        `bson:"cursor,omitempty" json:"cursor,omitempty"`
	Counted     map[models.MessageState]int64 `bson:"counted,omitempty" json:"counted,omitempty"`
	Todo        *todoDoc                      `bson:"todo,omitempty" json:"todo,omitempty"`
}

func (d broadcastDoc) Key() string      { return d.ID }
func (d broadcastDoc) Revision() string { return d.Rev }

func broadcastPlace(id string) seal.Place {
	return seal.Place{Collection: colBroadcasts, ID: id, Field: "text"}
}

// sealBroadcast gives the document of a broadcast under a new rev, owing what was owed and the effects.
func (s *Store) sealBroadcast(b *models.Broadcast, owed *todoDoc, effects []models.Effect) (broadcastDoc, error) {
	plain, err := json.Marshal(b.Text)
	if err != nil {
		return broadcastDoc{}, err
	}
	text, err := s.keys.Seal(plain, broadcastPlace(b.ID))
	if err != nil {
		return broadcastDoc{}, err
	}
	doc := broadcastDoc{
		ID: b.ID, Rev: NewID(), Author: b.Author, Area: b.Area, Province: b.Province, Purpose: b.Purpose, Text: text,
		Levels: mapped(b.Levels, func(l models.Level) int64 { return int64(l) }),
		SMS:    b.SMS, Urgent: b.Urgent, Lasts: int64(b.Lasts / time.Second), Status: b.Status, CreatedAt: At(b.CreatedAt),
		Recipients: b.Recipients, ApprovedBy: b.ApprovedBy, ApprovedAt: At(b.ApprovedAt), StartedBy: b.StartedBy, StartedAt: At(b.StartedAt),
		ExpiresAt: At(b.ExpiresAt), CancelledBy: b.CancelledBy, EndedAt: At(b.EndedAt),
		Active: b.Active, Cursor: b.Cursor, Counted: b.Counted,
	}
	doc.Todo, err = s.addEffects(colBroadcasts, doc.ID, owed, effects)
	return doc, err
}

func (s *Store) openBroadcast(d *broadcastDoc) (models.Broadcast, error) {
	b := models.Broadcast{
		ID: d.ID, Rev: d.Rev, Author: d.Author, Area: d.Area, Province: d.Province, Purpose: d.Purpose,
		SMS: d.SMS, Urgent: d.Urgent, Lasts: time.Duration(d.Lasts) * time.Second, Status: d.Status, CreatedAt: d.CreatedAt.Time(),
		Recipients: d.Recipients, ApprovedBy: d.ApprovedBy, ApprovedAt: d.ApprovedAt.Time(), StartedBy: d.StartedBy, StartedAt: d.StartedAt.Time(),
		ExpiresAt: d.ExpiresAt.Time(), CancelledBy: d.CancelledBy, EndedAt: d.EndedAt.Time(),
		Active: d.Active, Cursor: d.Cursor, Counted: d.Counted,
	}
	for _, l := range d.Levels {
		b.Levels = append(b.Levels, models.Level(l))
	}
	plain, err := s.keys.Open(d.Text, broadcastPlace(d.ID))
	if err == nil {
		err = json.Unmarshal(plain, &b.Text)
	}
	return b, err
}

// AddBroadcast keeps a draft with its effects: Conflict when the id is taken.
func (s *Store) AddBroadcast(ctx context.Context, b *models.Broadcast, effects []models.Effect) error {
	doc, err := s.sealBroadcast(b, nil, effects)
	if err == nil {
		err = s.engine.Insert(ctx, colBroadcasts, doc)
	}
	b.Rev = doc.Rev
	return asError("keeping a broadcast", err)
}

// Broadcast gives a broadcast, NotFound when there is none.
func (s *Store) Broadcast(ctx context.Context, id string) (models.Broadcast, error) {
	var doc broadcastDoc
	if err := s.engine.Get(ctx, colBroadcasts, id, &doc); err != nil {
		return models.Broadcast{}, asError("reading a broadcast", err)
	}
	b, err := s.openBroadcast(&doc)
	return b, asError("opening a broadcast", err)
}

// ChangeBroadcast changes a broadcast and writes it with the effects that follow, again from the start when somebody was
// faster. change may return models.ErrUnchanged.
func (s *Store) ChangeBroadcast(ctx context.Context, id string, change func(*models.Broadcast) ([]models.Effect, error)) (models.Broadcast, error) {
	var b models.Broadcast
	err := retryChanged(ctx, "changing a broadcast", func() error {
		var was broadcastDoc
		err := s.engine.Get(ctx, colBroadcasts, id, &was)
		if err != nil {
			return err
		}
		if b, err = s.openBroadcast(&was); err != nil {
			return err
		}
		effects, err := change(&b)
		if errors.Is(err, models.ErrUnchanged) {
			return nil
		}
		if err != nil {
			return err
		}
		doc, err := s.sealBroadcast(&b, was.Todo, effects)
		if err != nil {
			return err
		}
		b.Rev = doc.Rev
		return s.engine.Replace(ctx, colBroadcasts, doc, was.Rev)
	})
	return b, err
}

// Broadcasts lists the broadcasts whose area lies in a scope, newest first.
func (s *Store) Broadcasts(ctx context.Context, scope models.Area, page models.Page) ([]models.Broadcast, string, error) {
	q := Query{Sort: []Order{{"created_at", true}, {"_id", true}}, Limit: page.Limit + 1}
	switch {
	case scope == "":
		return nil, "", nil
	case scope.IsProvince():
		q.Where = []Cond{{"province", Eq, string(scope)}}
	case scope.IsCommune():
		q.Where = []Cond{{"area", Eq, string(scope)}}
	}
	if err := q.after(colBroadcasts, page.Cursor, timeKey, stringKey); err != nil {
		return nil, "", err
	}
	out, err := s.findBroadcasts(ctx, q)
	if err != nil {
		return nil, "", asError("listing broadcasts", err)
	}
	out, next := cut(colBroadcasts, out, page.Limit, func(b models.Broadcast) []any { return []any{b.CreatedAt.UnixMilli(), b.ID} })
	return out, next, nil
}

// ActiveBroadcasts gives the broadcasts that a worker has something to do for.
func (s *Store) ActiveBroadcasts(ctx context.Context) ([]models.Broadcast, error) {
	out, err := s.findBroadcasts(ctx, Query{
		Where: []Cond{{"active", Eq, true}}, Sort: []Order{{Field: "active"}, {Field: "_id"}}, Index: "active",
	})
	return out, asError("reading active broadcasts", err)
}

func (s *Store) findBroadcasts(ctx context.Context, q Query) ([]models.Broadcast, error) {
	var out []models.Broadcast
	err := s.engine.Find(ctx, colBroadcasts, q, func(raw Raw) error {
		var doc broadcastDoc
		if err := raw.Decode(&doc); err != nil {
			return err
		}
		b, err := s.openBroadcast(&doc)
		out = append(out, b)
		return err
	})
	return out, err
}

// Progress gives what became of a broadcast's messages: those of the chunks that are done, moved on by what happened to
// them since. Messages that were deleted with their household, or are older than an inbox goes, stay what they were counted as.
func (s *Store) Progress(ctx context.Context, b *models.Broadcast) (models.Progress, error) {
	p := models.Progress{}
	for state, n := range b.Counted {
		p[state] += n
	}
	for _, was := range models.MessageStates() {
		for _, now := range models.MessageStates() {
			if !was.Before(now) {
				continue
			}
			n, err := s.engine.Count(ctx, colOutbox, []Cond{{"moved", Eq, b.ID}, {"counted", Eq, string(was)}, {"state", Eq, string(now)}})
			if err != nil {
				return nil, asError("counting the messages of a broadcast", err)
			}
			p[was] -= n
			p[now] += n
		}
	}
	for state, n := range p {
		p[state] = max(n, 0) // one of a chunk that is not counted yet has moved on already
	}
	return p, nil
}

// BroadcastStates gives, for those of the accounts that have the broadcast's message, the state that it counts as in the
// broadcast's own numbers. At most 1,000 accounts.
func (s *Store) BroadcastStates(ctx context.Context, b *models.Broadcast, accounts []string) (map[string]models.MessageState, error) {
	ids := make([]string, len(accounts))
	for i, account := range accounts {
		ids[i] = messageID(account, b.MessageID())
	}
	out := map[string]models.MessageState{}
	err := s.engine.GetAll(ctx, colOutbox, ids, func(raw Raw) error {
		var doc messageDoc
		err := raw.Decode(&doc)
		state := doc.State
		if doc.Counted != "" {
			state = doc.Counted
		}
		out[doc.Account] = state
		return err
	})
	return out, asError("reading the messages of a broadcast", err)
}

// PendingBroadcasts gives broadcasts that owe effects, the longest waiting first.
func (s *Store) PendingBroadcasts(ctx context.Context, limit int) ([]models.Pending, error) {
	return s.pending(ctx, colBroadcasts, limit)
}

// DoneBroadcasts is DoneAccounts for broadcasts.
func (s *Store) DoneBroadcasts(ctx context.Context, done []models.Pending) error {
	return s.done(ctx, colBroadcasts, done)
}
