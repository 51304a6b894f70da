package store

import (
	"context"
	"errors"
	"time"

	"khaibao/models"
)

// phoneDoc says whose a number is. Its _id is the keyed hash of the number, so that a number belongs to one account. A number
// without one is there only when it wants no SMS.
type phoneDoc struct {
	ID        string `bson:"_id" json:"_id"`
	Rev       string `bson:"rev" json:"rev"`
	Account   string `bson:"account,omitempty" json:"account,omitempty"`
	SMSOptOut Time   `bson:"sms_opt_out,omitempty" json:"sms_opt_out,omitzero"` // until there is an account, which then has it
}

func (d phoneDoc) Key() string      { return d.ID }
func (d phoneDoc) Revision() string { return d.Rev }

// ClaimPhone gives the account of a number, making one when the number has none or only that of an erased household.
// Two that claim one number at the same time get the same account.
func (s *Store) ClaimPhone(ctx context.Context, phone string) (string, error) {
	var account string
	err := retryChanged(ctx, "claiming a number", func() error {
		claim, err := s.phone(ctx, phone)
		if errors.Is(err, ErrMissing) {
			claim = phoneDoc{ID: s.keys.Hash("phone", phone), Rev: NewID(), Account: NewID()}
			if err = s.engine.Insert(ctx, colPhones, claim); errors.Is(err, ErrExists) {
				return ErrChanged // somebody claimed it just now: read theirs
			}
		}
		if err != nil {
			return err
		}
		if claim.Account == "" {
			owned := claim
			owned.Rev, owned.Account = NewID(), NewID()
			if err := s.engine.Replace(ctx, colPhones, owned, claim.Rev); err != nil {
				return err
			}
			claim = owned
		}
		account = claim.Account
		return s.ensureAccount(ctx, claim, phone)
	})
	return account, err
}

// AccountOfPhone finds the account of a number without making one: NotFound when there is none.
func (s *Store) AccountOfPhone(ctx context.Context, phone string) (string, error) {
	claim, err := s.phone(ctx, phone)
	if err == nil && claim.Account == "" {
		err = ErrMissing
	}
	return claim.Account, asError("finding a number", err)
}

// OptOutPhone remembers since when a number without a household wants no SMS; a zero time forgets it. The household that the
// number gets has it from the beginning. Changed when it has one by now.
func (s *Store) OptOutPhone(ctx context.Context, phone string, since time.Time) error {
	claim, err := s.phone(ctx, phone)
	next := phoneDoc{ID: s.keys.Hash("phone", phone), Rev: NewID(), SMSOptOut: At(since)}
	switch {
	case errors.Is(err, ErrMissing) && since.IsZero():
		return nil
	case errors.Is(err, ErrMissing):
		if err = s.engine.Insert(ctx, colPhones, next); errors.Is(err, ErrExists) {
			err = ErrChanged
		}
	case err == nil:
		if err = s.unowned(ctx, claim); err == nil {
			err = s.engine.Replace(ctx, colPhones, next, claim.Rev)
		}
	}
	return asError("noting that a number wants no SMS", err)
}

// unowned is ErrChanged when a number belongs to a household that is not erased.
func (s *Store) unowned(ctx context.Context, claim phoneDoc) error {
	if claim.Account == "" {
		return nil
	}
	var doc accountDoc
	err := s.engine.Get(ctx, colAccounts, claim.Account, &doc)
	switch {
	case errors.Is(err, ErrMissing):
		return nil
	case err == nil && doc.ErasedAt == 0:
		return ErrChanged
	}
	return err
}

// PhoneOptedOut gives since when a number without a household wants no SMS; zero when it takes them.
func (s *Store) PhoneOptedOut(ctx context.Context, phone string) (time.Time, error) {
	claim, err := s.phone(ctx, phone)
	if errors.Is(err, ErrMissing) || claim.Account != "" {
		return time.Time{}, nil
	}
	return claim.SMSOptOut.Time(), asError("finding a number", err)
}

// phone finds the claim of a number under any hash key, newest first, and moves an older one to the newest key.
func (s *Store) phone(ctx context.Context, phone string) (phoneDoc, error) {
	hashes := s.keys.Hashes("phone", phone)
	for _, hash := range hashes {
		var claim phoneDoc
		err := s.engine.Get(ctx, colPhones, hash, &claim)
		if errors.Is(err, ErrMissing) {
			continue
		}
		if err == nil && hash != hashes[0] {
			claim, err = s.rehashPhone(ctx, claim, hashes[0])
		}
		return claim, err
	}
	return phoneDoc{}, ErrMissing
}

func (s *Store) rehashPhone(ctx context.Context, old phoneDoc, hash string) (phoneDoc, error) {
	claim := phoneDoc{ID: hash, Rev: NewID(), Account: old.Account, SMSOptOut: old.SMSOptOut}
	if err := s.engine.Insert(ctx, colPhones, claim); err != nil {
		if errors.Is(err, ErrExists) {
			return claim, ErrChanged
		}
		return claim, err
	}
	return claim, s.engine.Delete(ctx, colPhones, old.ID)
}

func (s *Store) ensureAccount(ctx context.Context, claim phoneDoc, phone string) error {
	var doc accountDoc
	err := s.engine.Get(ctx, colAccounts, claim.Account, &doc)
	if err == nil && doc.ErasedAt != 0 { // the household is gone; the number starts again
		fresh := phoneDoc{ID: claim.ID, Rev: NewID(), Account: NewID()}
		if err := s.engine.Replace(ctx, colPhones, fresh, claim.Rev); err != nil {
			return err
		}
		return ErrChanged
	}
	if !errors.Is(err, ErrMissing) {
		return err
	}
	key, wrapped, err := s.keys.NewDataKey(dataKeyPlace(claim.Account))
	if err != nil {
		return err
	}
	account := &models.Account{ID: claim.Account, Phone: phone, Lang: models.Vietnamese, CreatedAt: s.now(), SMSOptOut: claim.SMSOptOut.Time()}
	made, err := sealAccount(account, key)
	if err != nil {
		return err
	}
	made.DataKey = wrapped
	if err := s.engine.Insert(ctx, colAccounts, made); err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	return nil
}

// ReleasePhones removes every claim that an account has on a number.
func (s *Store) ReleasePhones(ctx context.Context, account string) error {
	return s.releaseClaims(ctx, colPhones, account)
}
