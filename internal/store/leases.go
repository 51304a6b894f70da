package store

import (
	"context"
	"errors"
	"time"
)

// leaseDoc says who does a piece of work until when. Clocks of processes may differ by less than a lease's length.
type leaseDoc struct {
	ID    string `bson:"_id" json:"_id"`
	Rev   string `bson:"rev" json:"rev"`
	Owner string `bson:"owner" json:"owner"`
	Until Time   `bson:"until" json:"until"`
}

func (d leaseDoc) Key() string      { return d.ID }
func (d leaseDoc) Revision() string { return d.Rev }

// Lease takes or renews the lease of a piece of work for a while from now; false when another owner holds it.
func (s *Store) Lease(ctx context.Context, work, owner string, length time.Duration) (bool, error) {
	now := s.now()
	mine := leaseDoc{ID: work, Rev: NewID(), Owner: owner, Until: At(now.Add(length))}
	var held leaseDoc
	err := s.engine.Get(ctx, colLeases, work, &held)
	switch {
	case errors.Is(err, ErrMissing):
		err = s.engine.Insert(ctx, colLeases, mine)
	case err == nil && held.Owner != owner && now.Before(held.Until.Time()):
		return false, nil
	case err == nil:
		err = s.engine.Replace(ctx, colLeases, mine, held.Rev)
	}
	if errors.Is(err, ErrExists) || errors.Is(err, ErrChanged) {
		return false, nil
	}
	return err == nil, asError("taking a lease", err)
}

// Release gives a lease back early, so that another owner need not wait for its end.
func (s *Store) Release(ctx context.Context, work, owner string) error {
	var held leaseDoc
	err := s.engine.Get(ctx, colLeases, work, &held)
	if errors.Is(err, ErrMissing) || (err == nil && held.Owner != owner) {
		return nil
	}
	if err == nil {
		err = s.engine.Replace(ctx, colLeases, leaseDoc{ID: work, Rev: NewID(), Owner: owner}, held.Rev)
	}
	if errors.Is(err, ErrChanged) {
		return nil
	}
	return asError("releasing a lease", err)
}
