package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"khaibao/internal/seal"
	"khaibao/models"
)

// messageDoc is one intention to tell somebody something. Its _id is "<account>|<message id>", so that an inbox is a range
// of _id and the same intention is one record. Due and lane are there only while it waits to be sent, sms_at only while it
// waits to be pushed. Sent_on is the local day on which it disturbed the household.
type messageDoc struct {
	ID        string              `bson:"_id" json:"_id"`
	Rev       string              `bson:"rev" json:"rev"`
	Account   string              `bson:"account,omitempty" json:"account,omitempty"`
	Kind      models.MessageKind  `bson:"kind" json:"kind"`
	Lane      *int64              `bson:"lane,omitempty" json:"lane,omitempty"`
	WasLane   int                 `bson:"was_lane" json:"was_lane"`
	Route     models.Route        `bson:"route" json:"route"`
	SMSAt     Time                `bson:"sms_at,omitempty" json:"sms_at,omitzero"`
	SMSLane   *int64              `bson:"sms_lane,omitempty" json:"sms_lane,omitempty"` // the lane, beside sms_at: an index of its own
	Anytime   bool                `bson:"anytime,omitempty" json:"anytime,omitempty"`
	Lang      models.Lang         `bson:"lang,omitempty" json:"lang,omitempty"`
	To        []byte              `bson:"to,omitempty" json:"to,omitempty"`     // sealed
	Text      []byte              `bson:"text,omitempty" json:"text,omitempty"` // sealed
	Program   string              `bson:"program,omitempty" json:"program,omitempty"`
	PersonID  string              `bson:"person,omitempty" json:"person,omitempty"`
	Form      models.Form         `bson:"form,omitempty" json:"form,omitempty"`
	Declared  string              `bson:"declared,omitempty" json:"declared,omitempty"`
	Broadcast string              `bson:"broadcast,omitempty" json:"broadcast,omitempty"`
	Moved     string              `bson:"moved,omitempty" json:"moved,omitempty"`     // the broadcast, once the message was written again
	Counted   models.MessageState `bson:"counted,omitempty" json:"counted,omitempty"` // what it was before that
	Status    models.CaseStatus   `bson:"case_status,omitempty" json:"case_status,omitempty"`
	Slot      Time                `bson:"slot,omitempty" json:"slot,omitzero"`
	State     models.MessageState `bson:"state" json:"state"`
	Reason    string              `bson:"reason,omitempty" json:"reason,omitempty"`
	Retryable bool                `bson:"retryable,omitempty" json:"retryable,omitempty"`
	Attempts  int                 `bson:"attempts,omitempty" json:"attempts,omitempty"`
	Parts     int                 `bson:"parts,omitempty" json:"parts,omitempty"`
	Billed    bool                `bson:"billed,omitempty" json:"billed,omitempty"`
	ToBill    Time                `bson:"to_bill,omitempty" json:"to_bill,omitzero"` // since when its parts wait for the numbers
	Delivered []string            `bson:"delivered,omitempty" json:"delivered,omitempty"`
	CreatedAt Time                `bson:"created_at" json:"created_at"`
	Due       Time                `bson:"due,omitempty" json:"due,omitzero"`
	ExpiresAt Time                `bson:"expires_at" json:"expires_at"`
	SentAt    Time                `bson:"sent_at,omitempty" json:"sent_at,omitzero"`
	SentOn    string              `bson:"sent_on,omitempty" json:"sent_on,omitempty"`
	PurgeAt   Time                `bson:"purge_at" json:"purge_at"`
}

func (d messageDoc) Key() string      { return d.ID }
func (d messageDoc) Revision() string { return d.Rev }

// How long a message is kept after it was made: an inbox shows three months; an OTP is of no use after a day.
const (
	keepMessages = 90 * 24 * time.Hour
	keepOTPs     = 24 * time.Hour
)

// noAccount stands before "|" in the _id of a message to a number without an account.
const noAccount = "-"

func messageID(account, id string) string {
	if account == "" {
		account = noAccount
	}
	return account + "|" + id
}

func (s *Store) sealMessage(m *models.Message) (messageDoc, error) {
	doc := messageDoc{
		ID: messageID(m.Account, m.ID), Rev: NewID(), Account: m.Account, Kind: m.Kind, WasLane: int(m.Lane), Route: m.Route, Anytime: m.Anytime, Lang: m.Lang,
		Program: m.Program, PersonID: m.PersonID, Form: m.Declaration.Form, Declared: m.Declaration.ID, Status: m.Status, Broadcast: m.Broadcast, Slot: At(m.Slot),
		State: m.State, Reason: m.Reason, Retryable: m.Retryable, Attempts: m.Attempts, Parts: m.Parts, Billed: m.Billed, Delivered: m.Delivered,
		CreatedAt: At(m.CreatedAt), ExpiresAt: At(m.ExpiresAt), SentAt: At(m.SentAt), PurgeAt: At(m.CreatedAt.Add(keepMessages)),
	}
	if m.Counted != "" {
		doc.Moved, doc.Counted = m.Broadcast, m.Counted
	}
	if m.Parts > 0 && !m.Billed {
		doc.ToBill = At(cmp.Or(m.SentAt, m.CreatedAt))
	}
	if m.Kind == models.MessageOTP || m.Kind == models.MessageDialogue {
		doc.PurgeAt = At(m.CreatedAt.Add(keepOTPs))
	}
	if m.Account != "" && !m.SentAt.IsZero() {
		doc.SentOn = models.Day(m.SentAt)
	}
	if m.State == models.MessagePending {
		lane := int64(m.Lane)
		doc.Lane, doc.Due = &lane, At(m.DueAt)
		if m.Route == models.RoutePush && !m.SMSAt.IsZero() {
			doc.SMSLane, doc.SMSAt = &lane, At(m.SMSAt)
		}
	}
	for field, value := range map[string]struct {
		plain  string
		sealed *[]byte
	}{"to": {m.To, &doc.To}, "text": {m.Text, &doc.Text}} {
		if value.plain == "" {
			continue
		}
		sealed, err := s.keys.Seal([]byte(value.plain), messagePlace(doc.ID, field))
		if err != nil {
			return doc, err
		}
		*value.sealed = sealed
	}
	return doc, nil
}

func messagePlace(id, field string) seal.Place {
	return seal.Place{Collection: colOutbox, ID: id, Field: field}
}

func (s *Store) openMessage(doc *messageDoc) (models.Message, error) {
	account := doc.Account
	if account == "" {
		account = noAccount
	}
	m := models.Message{
		ID: doc.ID[len(account)+1:], Rev: doc.Rev, Account: doc.Account, Kind: doc.Kind, Lane: models.Lane(doc.WasLane), Lang: doc.Lang,
		Route: doc.Route, SMSAt: doc.SMSAt.Time(), Anytime: doc.Anytime,
		Program: doc.Program, PersonID: doc.PersonID, Declaration: models.DeclarationRef{Form: doc.Form, ID: doc.Declared}, Status: doc.Status, Broadcast: doc.Broadcast, Slot: doc.Slot.Time(),
		State: doc.State, Reason: doc.Reason, Retryable: doc.Retryable, Attempts: doc.Attempts, Parts: doc.Parts, Billed: doc.Billed, Delivered: doc.Delivered,
		CreatedAt: doc.CreatedAt.Time(), DueAt: doc.Due.Time(), ExpiresAt: doc.ExpiresAt.Time(), SentAt: doc.SentAt.Time(),
	}
	if m.Broadcast != "" { // it was counted as it was when it was made, or first read to be changed
		m.Counted = cmp.Or(doc.Counted, doc.State)
	}
	for field, value := range map[string]struct {
		sealed []byte
		plain  *string
	}{"to": {doc.To, &m.To}, "text": {doc.Text, &m.Text}} {
		if len(value.sealed) == 0 {
			continue
		}
		plain, err := s.keys.Open(value.sealed, messagePlace(doc.ID, field))
		if err != nil {
			return m, err
		}
		*value.plain = string(plain)
	}
	return m, nil
}

// Enqueue keeps messages; one whose account and id are there already is the same intention and is skipped.
func (s *Store) Enqueue(ctx context.Context, messages ...models.Message) error {
	docs := make([]Document, len(messages))
	for i := range messages {
		if m := &messages[i]; m.State == models.MessagePending && m.Route == "" {
			return asError("keeping messages", fmt.Errorf("a %s that goes no way", m.Kind)) // it would wait for ever
		}
		doc, err := s.sealMessage(&messages[i])
		if err != nil {
			return asError("sealing a message", err)
		}
		docs[i] = doc
	}
	return asError("keeping messages", s.engine.InsertAll(ctx, colOutbox, docs))
}

// AddMessage keeps a message that is not there yet, together with what others keep at the same moment: Conflict when its
// account and id are there already. m.Rev is set.
func (s *Store) AddMessage(ctx context.Context, m *models.Message) error {
	doc, err := s.sealMessage(m)
	if err != nil {
		return asError("sealing a message", err)
	}
	if err := s.engine.Insert(ctx, colOutbox, doc); err != nil {
		return asError("keeping a message", err)
	}
	m.Rev = doc.Rev
	return nil
}

// DueMessages gives pending messages of a lane and route that are due, the longest due first.
func (s *Store) DueMessages(ctx context.Context, lane models.Lane, route models.Route, now time.Time, limit int) ([]models.Message, error) {
	out, err := s.findMessages(ctx, Query{
		Where: []Cond{{"lane", Eq, int64(lane)}, {"route", Eq, string(route)}, {"due", Le, At(now)}},
		Sort:  []Order{{Field: "lane"}, {Field: "route"}, {Field: "due"}, {Field: "_id"}},
		Limit: limit, Index: "queue",
	})
	return out, asError("reading due messages", err)
}

// OverdueForSMS gives pending pushes of a lane for which SMS takes over by now, the longest waiting first.
func (s *Store) OverdueForSMS(ctx context.Context, lane models.Lane, now time.Time, limit int) ([]models.Message, error) {
	out, err := s.findMessages(ctx, Query{
		Where: []Cond{{"sms_lane", Eq, int64(lane)}, {"sms_at", Le, At(now)}},
		Sort:  []Order{{Field: "sms_lane"}, {Field: "sms_at"}, {Field: "_id"}},
		Limit: limit, Index: "sms_lane",
	})
	return out, asError("reading overdue pushes", err)
}

func (s *Store) findMessages(ctx context.Context, q Query) ([]models.Message, error) {
	var out []models.Message
	err := s.engine.Find(ctx, colOutbox, q, func(raw Raw) error {
		var doc messageDoc
		if err := raw.Decode(&doc); err != nil {
			return err
		}
		m, err := s.openMessage(&doc)
		out = append(out, m)
		return err
	})
	return out, err
}

// SaveMessage writes the new state of a message: Changed when somebody else did meanwhile. m.Rev moves on.
func (s *Store) SaveMessage(ctx context.Context, m *models.Message) error {
	doc, err := s.sealMessage(m)
	if err != nil {
		return asError("sealing a message", err)
	}
	if err := s.engine.Replace(ctx, colOutbox, doc, m.Rev); err != nil {
		return asError("saving a message", err)
	}
	m.Rev = doc.Rev
	return nil
}

// SentOn tells how many messages accounts were sent on a local day ("2006-01-02"); those that were sent none are left out.
func (s *Store) SentOn(ctx context.Context, day string, accounts []string) (map[string]int, error) {
	sent := map[string]int{}
	err := s.engine.Find(ctx, colOutbox, Query{
		Where: []Cond{{"sent_on", Eq, day}, {"account", In, accounts}},
		Sort:  []Order{{Field: "sent_on"}, {Field: "account"}, {Field: "_id"}}, Index: "sent_on",
	}, func(raw Raw) error {
		var doc pendingDoc
		err := raw.Decode(&doc)
		sent[doc.Account]++
		return err
	})
	return sent, asError("counting what was sent on a day", err)
}

// Message gives one message of an account, or of nobody's when account is empty: NotFound when there is none.
func (s *Store) Message(ctx context.Context, account, id string) (models.Message, error) {
	var doc messageDoc
	if err := s.engine.Get(ctx, colOutbox, messageID(account, id), &doc); err != nil {
		return models.Message{}, asError("reading a message", err)
	}
	m, err := s.openMessage(&doc)
	return m, asError("opening a message", err)
}

// AdvanceMessage moves a message on, again from the start when somebody was faster, and tells whether it did: one that is
// as far already, or that change leaves where it is, stays untouched. NotFound when there is none.
func (s *Store) AdvanceMessage(ctx context.Context, account, id string, change func(*models.Message)) (m models.Message, moved bool, err error) {
	err = retryChanged(ctx, "moving a message on", func() error {
		moved = false
		if m, err = s.Message(ctx, account, id); err != nil {
			return err
		}
		was := m.State
		if change(&m); !was.Before(m.State) {
			return nil
		}
		doc, err := s.sealMessage(&m)
		if err != nil {
			return err
		}
		if err := s.engine.Replace(ctx, colOutbox, doc, m.Rev); err != nil {
			return err
		}
		m.Rev, moved = doc.Rev, true
		return nil
	})
	return m, moved, err
}

// Inbox lists the messages of an account, newest id first.
func (s *Store) Inbox(ctx context.Context, account string, page models.Page) ([]models.Message, string, error) {
	q := Query{
		Where: []Cond{{"_id", Gt, account + "|"}, {"_id", Lt, account + "}"}},
		Sort:  []Order{{"_id", true}}, Limit: page.Limit + 1,
	}
	if err := q.after(colOutbox, page.Cursor, stringKey); err != nil {
		return nil, "", err
	}
	if len(q.After) > 0 {
		q.After[0] = messageID(account, q.After[0].(string))
	}
	out, err := s.findMessages(ctx, q)
	if err != nil {
		return nil, "", asError("reading an inbox", err)
	}
	out, next := cut(colOutbox, out, page.Limit, func(m models.Message) []any { return []any{m.ID} })
	return out, next, nil
}

// DeleteMessages removes every message of an account.
func (s *Store) DeleteMessages(ctx context.Context, account string) error {
	for {
		messages, _, err := s.Inbox(ctx, account, models.Page{Limit: 500})
		if err != nil || len(messages) == 0 {
			return err
		}
		ids := make([]string, len(messages))
		for i := range messages {
			ids[i] = messageID(account, messages[i].ID)
		}
		if err := s.engine.Delete(ctx, colOutbox, ids...); err != nil {
			return asError("deleting messages", err)
		}
	}
}
