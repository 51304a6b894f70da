package privacy

import (
	"context"
	"slices"

	"khaibao/models"
)

// Erasure says what an erasure did.
type Erasure struct {
	// KeptUntilClosed: a case is open, so the officials keep reading the identity until it closes.
	KeptUntilClosed bool
}

// Erase ends the account with one write: sign-in ends, and the data key that seals all identity is dropped at once or,
// while a case is open, when that closes. The decision records stay without a person.
func (s *Service) Erase(ctx context.Context, citizen models.Citizen) (Erasure, error) {
	if _, err := s.household(ctx, citizen); err != nil {
		return Erasure{}, err
	}
	open, err := s.store.HasOpenCase(ctx, citizen.Account, "")
	if err != nil {
		return Erasure{}, err
	}
	_, err = s.store.Tombstone(ctx, citizen.Account, func(account *models.Account) ([]models.Effect, error) {
		if account.Erased() {
			return nil, models.ErrUnchanged
		}
		account.ErasedAt, account.KeyUntilClosed, account.Devices = s.now(), open, nil
		entry := &models.AuditEntry{At: s.now(), Action: models.AuditErase, Account: account.ID, Detail: map[string]string{"channel": string(citizen.Channel)}}
		return []models.Effect{{Kind: models.EffectAudit, Audit: entry}, {Kind: models.EffectErased}}, nil
	})
	if err != nil {
		return Erasure{}, err
	}
	s.changed()
	return Erasure{KeptUntilClosed: open}, nil
}

// Forget carries out what an erasure leaves to be done: sessions, numbers, messages, push tokens and search hashes go.
// Doing it again does no harm.
func (s *Service) Forget(ctx context.Context, account string) error {
	for _, step := range []func(context.Context, string) error{
		s.endSessions, s.store.ReleasePhones, s.store.ReleaseTokens, s.store.DeleteMessages, s.Release,
	} {
		if err := step(ctx, account); err != nil {
			return err
		}
	}
	return s.follow(ctx, account, "")
}

// Release drops what was only kept for a case that is now closed: the data key of an erased account, or the identity of
// people who were taken out of the household.
func (s *Service) Release(ctx context.Context, account string) error {
	all, err := s.store.CasesOfAccount(ctx, account)
	if err != nil {
		return err
	}
	anyOpen, err := s.store.HasOpenCase(ctx, account, "")
	if err != nil {
		return err
	}
	changed := false
	_, err = s.store.Tombstone(ctx, account, func(a *models.Account) ([]models.Effect, error) {
		forgotten := false
		for i := range a.People {
			if p := &a.People[i]; !p.RemovedAt.IsZero() && !p.Forgotten() && !hasOpen(all, p.ID) {
				p.Forget()
				forgotten = true
			}
		}
		drop := a.Erased() && a.KeyUntilClosed && !anyOpen
		if drop {
			a.KeyUntilClosed = false
		}
		if changed = drop || forgotten; !changed {
			return nil, models.ErrUnchanged
		}
		return nil, nil
	})
	if err != nil || !changed {
		return err
	}
	return s.follow(ctx, account, "")
}

func hasOpen(all []models.Case, person string) bool {
	return slices.ContainsFunc(all, func(c models.Case) bool { return c.PersonID == person && c.Status != models.CaseClosed })
}
