package store

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"khaibao/internal/seal"
	"khaibao/models"
)

// Store keeps the product's documents in an engine. It seals what must be sealed on the way in and opens it on the way out;
// its callers see models only. Errors are *models.Error: NotFound, Conflict, Changed, or Unavailable when the engine fails.
type Store struct {
	engine Engine
	keys   *seal.Keys
}

// Open makes the collections and indexes and gives the store. It refuses one that a migration has not finished.
func Open(ctx context.Context, engine Engine, keys *seal.Keys) (*Store, error) {
	if err := engine.Ensure(ctx, Collections()); err != nil {
		return nil, fmt.Errorf("making collections and indexes: %w", err)
	}
	if err := finished(ctx, engine); err != nil {
		return nil, err
	}
	return &Store{engine: engine, keys: keys}, nil
}

// Engine gives the engine below, for migrate and for the health check.
func (s *Store) Engine() Engine { return s.engine }

// The collections.
const (
	colPhones       = "phones"
	colTokens       = "tokens" // whose a push token is
	colAccounts     = "accounts"
	colDeclarations = "declarations"
	colUpdates      = "health_updates"
	colCases        = "cases"
	colFollowUps    = "follow_ups"
	colOutbox       = "outbox"
	colAudit        = "audit"
	colBroadcasts   = "broadcasts"
	colOfficials    = "officials"
	colPrograms     = "programs"
	colSessions     = "sessions" // refresh families
	colOTPs         = "otps"
	colBudgets      = "budgets"
	colDialogues    = "dialogues" // by SMS and USSD
	colCounters     = "counters"
	colTallied      = "tallied" // what of each case is in the counters
	colCosts        = "costs"   // what SMS cost
	colLeases       = "leases"
	colJournals     = "journals"   // what the counting worker has under way
	colUndos        = "undos"      // how a quick action is taken back
	colMigrations   = "migrations" // the mark of a migration into this store that is not finished
)

// newest is the index of those that have a field, by its value and then the newest first.
func newest(field string) Index {
	return Index{Name: field, Fields: []Order{{Field: field}, {Field: "at", Desc: true}, {Field: "_id", Desc: true}}, Sparse: true}
}

// Collections lists every collection with its indexes.
func Collections() []Collection {
	todo := Index{Name: "todo", Fields: []Order{{Field: "todo.at"}, {Field: "_id"}}, Sparse: true}
	return []Collection{
		{Name: colPhones, Indexes: []Index{{Name: "account", Fields: []Order{{Field: "account"}, {Field: "_id"}}}}},
		{Name: colTokens, Indexes: []Index{{Name: "account", Fields: []Order{{Field: "account"}, {Field: "_id"}}}}},
		{Name: colAccounts, Indexes: []Index{
			{Name: "province", Fields: []Order{{Field: "province"}, {Field: "_id"}}},
			{Name: "commune", Fields: []Order{{Field: "commune"}, {Field: "_id"}}},
			{Name: "elsewhere", Fields: []Order{{Field: "elsewhere"}, {Field: "_id"}}, Multi: true},
			{Name: "news", Fields: []Order{{Field: "news"}, {Field: "_id"}}, Sparse: true},
			todo,
		}},
		{Name: colDeclarations, Indexes: []Index{todo}},
		{Name: colUpdates, Indexes: []Index{todo}},
		{Name: colCases, Indexes: append(caseIndexes(), todo)},
		{Name: colFollowUps, Indexes: []Index{
			{Name: "due", Fields: []Order{{Field: "shard"}, {Field: "due"}, {Field: "_id"}}, Sparse: true},
			{Name: "next", Fields: []Order{{Field: "next"}, {Field: "_id"}}, Sparse: true}, // of plans without a shard: empty once they are adopted
			{Name: "account", Fields: []Order{{Field: "account"}, {Field: "_id"}}},
		}},
		{Name: colOutbox, TTL: "purge_at", Indexes: []Index{
			{Name: "queue", Fields: []Order{{Field: "lane"}, {Field: "route"}, {Field: "due"}, {Field: "_id"}}, Sparse: true},
			{Name: "sent_on", Fields: []Order{{Field: "sent_on"}, {Field: "account"}, {Field: "_id"}}, Sparse: true},
			{Name: "sms_lane", Fields: []Order{{Field: "sms_lane"}, {Field: "sms_at"}, {Field: "_id"}}, Sparse: true},
			{Name: "moved", Fields: []Order{{Field: "moved"}, {Field: "counted"}, {Field: "state"}}, Sparse: true},
			{Name: "to_bill", Fields: []Order{{Field: "to_bill"}, {Field: "_id"}}, Sparse: true},
		}},
		{Name: colBroadcasts, Indexes: []Index{
			{Name: "newest", Fields: []Order{{Field: "created_at", Desc: true}, {Field: "_id", Desc: true}}},
			{Name: "province", Fields: []Order{{Field: "province"}, {Field: "created_at", Desc: true}, {Field: "_id", Desc: true}}},
			{Name: "active", Fields: []Order{{Field: "active"}, {Field: "_id"}}, Sparse: true},
			todo,
		}},
		{Name: colAudit, Indexes: []Index{
			{Name: "account", Fields: []Order{{Field: "account"}, {Field: "at", Desc: true}, {Field: "_id", Desc: true}}, Sparse: true},
			{Name: "at", Fields: []Order{{Field: "at", Desc: true}, {Field: "_id", Desc: true}}},
			newest("login"), newest("case"), newest("province"), newest("looker"), newest("action"),
			{Name: "unusual_in", Fields: []Order{{Field: "unusual_in"}, {Field: "unusual_at", Desc: true}, {Field: "_id", Desc: true}}, Sparse: true},
			{Name: "unusual", Fields: []Order{{Field: "unusual_at", Desc: true}, {Field: "_id", Desc: true}}, Sparse: true},
		}},
		{Name: colOfficials, Indexes: []Index{
			{Name: "province", Fields: []Order{{Field: "province"}, {Field: "_id"}}, Sparse: true},
			{Name: "area", Fields: []Order{{Field: "area"}, {Field: "_id"}}},
			todo,
		}},
		{Name: colPrograms},
		{Name: colSessions, TTL: "expires_at", Indexes: []Index{{Name: "subject", Fields: []Order{{Field: "subject"}}}}},
		{Name: colOTPs, TTL: "expires_at"},
		{Name: colBudgets, TTL: "expires_at"},
		{Name: colDialogues, TTL: "expires_at", Indexes: []Index{{Name: "due", Fields: []Order{{Field: "due"}, {Field: "_id"}}, Sparse: true}}},
		{Name: colCounters, Indexes: []Index{
			{Name: "parent", Fields: []Order{{Field: "program"}, {Field: "parent"}, {Field: "day"}, {Field: "_id"}}},
		}},
		{Name: colTallied},
		{Name: colCosts},
		{Name: colLeases},
		{Name: colJournals},
		{Name: colUndos, TTL: "expires_at"},
		{Name: colMigrations},
	}
}

// NewID makes an id of 128 random bits, 22 characters that are safe in a URL.
func NewID() string {
	raw := make([]byte, 16)
	rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

// asError turns an engine's error into the error that callers understand.
func asError(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrMissing):
		return models.ErrNotFound
	case errors.Is(err, ErrExists):
		return models.Fail(models.Conflict, "conflict")
	case errors.Is(err, ErrChanged):
		return models.Fail(models.Changed, "changed")
	case models.KindOf(err) != models.Internal:
		return err
	default:
		return models.Down(what, err)
	}
}

const replaceTries = 20

// retryChanged repeats a read-change-replace until nobody was faster.
func retryChanged(ctx context.Context, what string, once func() error) error {
	var err error
	for range replaceTries {
		if err = once(); !errors.Is(err, ErrChanged) {
			return asError(what, err)
		}
		if ctx.Err() != nil {
			return asError(what, ctx.Err())
		}
	}
	return asError(what, fmt.Errorf("%d writers were faster: %v", replaceTries, err))
}
