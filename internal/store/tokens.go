package store

import (
	"context"
	"errors"
	"slices"
)

// tokenDoc says whose a push token is. Its _id is the keyed hash of the token, so that a phone that changes hands is
// pushed to for its newest holder only.
type tokenDoc struct {
	ID      string `bson:"_id" json:"_id"`
	Rev     string `bson:"rev" json:"rev"`
	Account string `bson:"account" json:"account"`
}

func (d tokenDoc) Key() string      { return d.ID }
func (d tokenDoc) Revision() string { return d.Rev }

const tokenPurpose = "push_token"

// ClaimToken makes a push token the account's, whoever had it before.
func (s *Store) ClaimToken(ctx context.Context, token, account string) error {
	hash := s.keys.Hash(tokenPurpose, token)
	return retryChanged(ctx, "claiming a push token", func() error {
		held, err := s.token(ctx, token)
		switch {
		case errors.Is(err, ErrMissing) || (err == nil && held.ID != hash):
			return s.claimFreshToken(ctx, tokenDoc{ID: hash, Rev: NewID(), Account: account}, held.ID)
		case err != nil || held.Account == account:
			return err
		}
		return s.engine.Replace(ctx, colTokens, tokenDoc{ID: hash, Rev: NewID(), Account: account}, held.Rev)
	})
}

// claimFreshToken makes a claim under the newest hash key; old names the one it takes the place of, if any.
func (s *Store) claimFreshToken(ctx context.Context, claim tokenDoc, old string) error {
	err := s.engine.Insert(ctx, colTokens, claim)
	if errors.Is(err, ErrExists) {
		return ErrChanged // somebody claimed it just now: read theirs
	}
	if err != nil || old == "" {
		return err
	}
	return s.engine.Delete(ctx, colTokens, old)
}

// TokenHolder gives the account that claimed a push token last; NotFound when nobody holds it.
func (s *Store) TokenHolder(ctx context.Context, token string) (string, error) {
	held, err := s.token(ctx, token)
	return held.Account, asError("finding a push token", err)
}

// TokenHolders gives the accounts that claimed push tokens last, by token; those that nobody holds are left out.
func (s *Store) TokenHolders(ctx context.Context, tokens []string) (map[string]string, error) {
	var hashes []string
	of := map[string]string{} // hash -> token
	rank := map[string]int{}  // how new the hash's key is, the newest 0
	for _, token := range tokens {
		for i, hash := range s.keys.Hashes(tokenPurpose, token) {
			hashes, of[hash], rank[hash] = append(hashes, hash), token, i
		}
	}
	holders, from := map[string]string{}, map[string]int{}
	for some := range slices.Chunk(hashes, 1000) {
		err := s.engine.GetAll(ctx, colTokens, some, func(raw Raw) error {
			var held tokenDoc
			err := raw.Decode(&held)
			token := of[held.ID]
			if before, known := from[token]; !known || rank[held.ID] < before {
				holders[token], from[token] = held.Account, rank[held.ID]
			}
			return err
		})
		if err != nil {
			return nil, asError("finding push tokens", err)
		}
	}
	return holders, nil
}

// token finds the claim of a push token under any hash key, newest first.
func (s *Store) token(ctx context.Context, token string) (tokenDoc, error) {
	for _, hash := range s.keys.Hashes(tokenPurpose, token) {
		var held tokenDoc
		if err := s.engine.Get(ctx, colTokens, hash, &held); !errors.Is(err, ErrMissing) {
			return held, err
		}
	}
	return tokenDoc{}, ErrMissing
}

// ReleaseToken ends the account's claim on a push token; that of another account stays.
func (s *Store) ReleaseToken(ctx context.Context, token, account string) error {
	held, err := s.token(ctx, token)
	if errors.Is(err, ErrMissing) || (err == nil && held.Account != account) {
		return nil
	}
	if err == nil {
		err = s.engine.Delete(ctx, colTokens, held.ID)
	}
	return asError("releasing a push token", err)
}

// ReleaseTokens ends every claim of an account on push tokens.
func (s *Store) ReleaseTokens(ctx context.Context, account string) error {
	return s.releaseClaims(ctx, colTokens, account)
}

// releaseClaims deletes the documents of a collection of claims (numbers, push tokens) that name the account.
func (s *Store) releaseClaims(ctx context.Context, collection, account string) error {
	var ids []string
	err := s.engine.FindBy(ctx, collection, "account", account, func(raw Raw) error {
		var claim tokenDoc
		err := raw.Decode(&claim)
		ids = append(ids, claim.ID)
		return err
	})
	if err == nil && len(ids) > 0 {
		err = s.engine.Delete(ctx, collection, ids...)
	}
	return asError("releasing what an account held in "+collection, err)
}
