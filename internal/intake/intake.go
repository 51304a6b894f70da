// Package intake is the one door through which households, declarations and health updates come in, whatever the
// channel: the app, an SMS or USSD conversation, or an official on a citizen's behalf. It checks, lets the rules decide
// and keeps the result with one document write; what follows from it (case, message, count) is carried out later.
package intake

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"time"

	"khaibao/internal/areas"
	"khaibao/internal/rules"
	"khaibao/models"
)

// Store is what intake keeps things in.
type Store interface {
	// Account gives a household, models.NotFound when there is none.
	Account(ctx context.Context, id string) (*models.Account, error)
	// UpdateAccount reads, changes and writes a household with the effects that follow.
	UpdateAccount(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error)
	// InsertDeclaration keeps a declaration, models.Conflict when its id is taken.
	InsertDeclaration(ctx context.Context, d *models.Declaration) error
	Declaration(ctx context.Context, account string, form models.Form, id string) (*models.Declaration, error)
	// History gives a person's declarations and updates under a program that happened from a moment until before another,
	// the newest first.
	History(ctx context.Context, account, personID, program string, from, before time.Time) ([]models.Declaration, error)
	Declarations(ctx context.Context, account string, form models.Form, personID string, page models.Page) ([]models.Declaration, string, error)
	// AccountOfPhone finds the household of a number, models.NotFound when it has none; ClaimPhone makes one then.
	AccountOfPhone(ctx context.Context, phone string) (string, error)
	ClaimPhone(ctx context.Context, phone string) (string, error)
	// HasCases tells whether a person has a case that is not closed, or a flag that is about to open one.
	HasOpenCase(ctx context.Context, account, personID string) (bool, error)
	// HoldIdentity tells whether a person's identity is still there, and has whoever is about to drop it look again.
	HoldIdentity(ctx context.Context, account, personID string) (bool, error)
}

// Config is what a Service is made of.
type Config struct {
	Store    Store
	Programs *rules.Catalog
	Areas    *areas.Directory
	Now      func() time.Time // the domain's clock
	// Looked keeps a look of an official in the audit, durably, and as all looks of officials are kept. Without it no
	// household can be looked up.
	Looked   func(ctx context.Context, official models.Official, look models.AuditEntry) error
	Accepted func() // called after something was kept, so that its effects need not wait for the next look
}

// Service takes in. It is safe for concurrent use.
type Service struct {
	store    Store
	programs *rules.Catalog
	areas    *areas.Directory
	now      func() time.Time
	looked   func(context.Context, models.Official, models.AuditEntry) error
	accepted func()
}

// New gives a ready service.
func New(c Config) *Service {
	if c.Accepted == nil {
		c.Accepted = func() {}
	}
	if c.Looked == nil {
		c.Looked = func(context.Context, models.Official, models.AuditEntry) error {
			return models.Fail(models.Forbidden, "forbidden")
		}
	}
	return &Service{c.Store, c.Programs, c.Areas, c.Now, c.Looked, c.Accepted}
}

// household gives the account of a citizen who is still signed in.
func (s *Service) household(ctx context.Context, citizen models.Citizen) (*models.Account, error) {
	account, err := s.store.Account(ctx, citizen.Account)
	if models.NotFound.Is(err) || (err == nil && account.Erased()) {
		return nil, models.ErrSignedOut
	}
	return account, err
}

// newID makes an id of 128 random bits.
func newID() string {
	raw := make([]byte, 16)
	rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}
