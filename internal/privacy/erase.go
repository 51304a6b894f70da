package privacy

import (
	"context"

	"khaibao/models"
)

// Erasure says what an erasure did.
type Erasure struct {
	// KeptUntilClosed: a case is open, so the officials keep reading the identity until it closes.
	KeptUntilClosed bool
}

// Erase ends the account: sign-in ends, and then the data key that seals all identity is dropped, at once or, while a case is
// open, when that closes. The decision records stay without a person. Doing it again does no harm and tells the same.
func (s *Service) Erase(ctx context.Context, citizen models.Citizen) (Erasure, error) {
	_, err := s.store.Account(ctx, citizen.Account)
	if models.NotFound.Is(err) {
		err = models.ErrSignedOut
	}
	if err != nil {
		return Erasure{}, err
	}
	_, err = s.store.Tombstone(ctx, citizen.Account, func(account *models.Account) ([]models.Effect, error) {
		if account.Erased() {
			return nil, models.ErrUnchanged
		}
		account.ErasedAt, account.KeyUntilClosed, account.Devices = s.now(), true, nil
		entry := &models.AuditEntry{At: s.now(), Action: models.AuditErase, Account: account.ID, Detail: map[string]string{"channel": string(citizen.Channel)}}
		return []models.Effect{{Kind: models.EffectAudit, Audit: entry}, {Kind: models.EffectErased}}, nil
	})
	if err != nil {
		return Erasure{}, err
	}
	// What arrives from here on is refused; what arrived before is seen now.
	kept, err := s.release(ctx, citizen.Account)
	s.changed()
	return Erasure{KeptUntilClosed: kept}, err
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
	_, err := s.release(ctx, account)
	return err
}

// release tells whether the data key of an erased account stays. It looks for open cases after it has read the account: who
// declares meanwhile gives that a new rev (store.HoldIdentity), and it looks again.
func (s *Service) release(ctx context.Context, account string) (kept bool, err error) {
	changed := false
	_, err = s.store.Tombstone(ctx, account, func(a *models.Account) ([]models.Effect, error) {
		changed = false
		for i := range a.People {
			p := &a.People[i]
			if p.RemovedAt.IsZero() || p.Forgotten() {
				continue
			}
			open, err := s.store.HasOpenCase(ctx, account, p.ID)
			if err != nil {
				return nil, err
			}
			if !open {
				p.Forget()
				changed = true
			}
		}
		if a.Erased() && a.KeyUntilClosed {
			open, err := s.store.HasOpenCase(ctx, account, "")
			if err != nil {
				return nil, err
			}
			a.KeyUntilClosed, changed = open, changed || !open
		}
		kept = a.KeyUntilClosed
		if !changed {
			return nil, models.ErrUnchanged
		}
		return nil, nil
	})
	if err == nil && changed {
		err = s.follow(ctx, account, "")
	}
	return kept, err
}
