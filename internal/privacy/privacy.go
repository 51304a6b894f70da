// Package privacy gives citizens power over their own data: consents, a copy of everything, who looked at it, and
// erasure. It also carries out what an erasure leaves to be done.
package privacy

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"khaibao/models"
)

// Store is what privacy reads and changes.
type Store interface {
	Account(ctx context.Context, id string) (*models.Account, error)
	UpdateAccount(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error)
	// Tombstone is UpdateAccount also for an erased account; leaving it erased and not KeyUntilClosed drops its data key.
	Tombstone(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error)
	HasOpenCase(ctx context.Context, account, personID string) (bool, error)
	CasesOfAccount(ctx context.Context, account string) ([]models.Case, error)
	Declarations(ctx context.Context, account string, form models.Form, personID string, page models.Page) ([]models.Declaration, string, error)
	DeleteMessages(ctx context.Context, account string) error
	ReleasePhones(ctx context.Context, account string) error
	ReleaseTokens(ctx context.Context, account string) error
	Audit(ctx context.Context, filter models.AuditFilter, page models.Page) ([]models.AuditEntry, string, error)
	// CountLooks counts the looks of an official in a span of time.
	CountLooks(ctx context.Context, login string, during models.Span) (int64, error)
}

// Config is what a Service is made of.
type Config struct {
	Store       Store
	EndSessions func(ctx context.Context, account string) error           // every sign-in of the account ends
	Follow      func(ctx context.Context, account, personID string) error // cases follow their person
	// Inbox lists the household's messages in words.
	Inbox func(ctx context.Context, citizen models.Citizen, page models.Page) ([]ExportMessage, string, error)
	// SeesCase is nil for a case that lies in an area, models.NotFound for any other.
	SeesCase func(ctx context.Context, area models.Area, id string) error
	Now      func() time.Time
	Changed  func() // called after a change whose effects wait
}

// Service serves the citizen's rights. It is safe for concurrent use.
type Service struct {
	store       Store
	endSessions func(context.Context, string) error
	follow      func(context.Context, string, string) error
	inbox       func(context.Context, models.Citizen, models.Page) ([]ExportMessage, string, error)
	seesCase    func(context.Context, models.Area, string) error
	now         func() time.Time
	changed     func()
}

// New gives a ready service.
func New(c Config) *Service {
	if c.Changed == nil {
		c.Changed = func() {}
	}
	return &Service{c.Store, c.EndSessions, c.Follow, c.Inbox, c.SeesCase, c.Now, c.Changed}
}

func (s *Service) household(ctx context.Context, citizen models.Citizen) (*models.Account, error) {
	account, err := s.store.Account(ctx, citizen.Account)
	if models.NotFound.Is(err) || (err == nil && account.Erased()) {
		return nil, models.ErrSignedOut
	}
	return account, err
}

// Consents gives what the citizen said to each purpose; one never answered is not granted and has no time.
func (s *Service) Consents(ctx context.Context, citizen models.Citizen) ([]models.Consent, error) {
	account, err := s.household(ctx, citizen)
	if err != nil {
		return nil, err
	}
	out := make([]models.Consent, 0, len(models.Purposes()))
	for _, purpose := range models.Purposes() {
		out = append(out, consent(account, purpose))
	}
	return out, nil
}

func consent(account *models.Account, purpose models.Purpose) models.Consent {
	for _, c := range account.Consents {
		if c.Purpose == purpose {
			return c
		}
	}
	return models.Consent{Purpose: purpose}
}

const maxTextVersion = 64

// SetConsent keeps what the citizen said now to one purpose, and which text was shown.
func (s *Service) SetConsent(ctx context.Context, citizen models.Citizen, purpose models.Purpose, granted bool, textVersion string) (models.Consent, error) {
	if !slices.Contains(models.Purposes(), purpose) {
		return models.Consent{}, models.ErrNotFound
	}
	if textVersion == "" {
		return models.Consent{}, models.InvalidField("/text_version", "required", nil)
	}
	if strings.ContainsFunc(textVersion, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return models.Consent{}, models.InvalidField("/text_version", "forbidden_characters", nil)
	}
	if utf8.RuneCountInString(textVersion) > maxTextVersion {
		return models.Consent{}, models.InvalidField("/text_version", "too_long", map[string]any{"max": maxTextVersion})
	}
	said := models.Consent{Purpose: purpose, Granted: granted, TextVersion: textVersion, At: s.now(), Channel: citizen.Channel}
	_, err := s.store.UpdateAccount(ctx, citizen.Account, func(account *models.Account) ([]models.Effect, error) {
		account.Consents = slices.DeleteFunc(account.Consents, func(c models.Consent) bool { return c.Purpose == purpose })
		account.Consents = append(account.Consents, said)
		entry := &models.AuditEntry{
			At: said.At, Action: models.AuditConsent, Account: account.ID,
			Detail: map[string]string{"purpose": string(purpose), "granted": map[bool]string{true: "yes", false: "no"}[granted], "text_version": textVersion, "channel": string(citizen.Channel)},
		}
		return []models.Effect{{Kind: models.EffectAudit, Audit: entry}}, nil
	})
	s.changed()
	return said, err
}
