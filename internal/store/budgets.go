package store

import (
	"context"
	"errors"
	"time"
)

// pauseDoc says until when somebody has to wait.
type pauseDoc struct {
	ID        string `bson:"_id" json:"_id"`
	Rev       string `bson:"rev" json:"rev"`
	ExpiresAt Time   `bson:"expires_at" json:"expires_at"`
}

func (d pauseDoc) Key() string      { return d.ID }
func (d pauseDoc) Revision() string { return d.Rev }

// Take counts one use of a budget and gives the number of uses so far, this one included. The count is dropped when it
// expires, by real time. The id must name whom it is about by keyed hash only.
func (s *Store) Take(ctx context.Context, id string, expires time.Time) (int64, error) {
	n, err := s.engine.Take(ctx, colBudgets, id, expires)
	return n, asError("counting a budget", err)
}

// Pause starts a pause from now on and gives 0, or gives how long the pause under way still lasts. Of those that come
// at the same time one gets 0.
func (s *Store) Pause(ctx context.Context, id string, now time.Time, length time.Duration) (time.Duration, error) {
	var wait time.Duration
	err := retryChanged(ctx, "starting a pause", func() error {
		var held pauseDoc
		next := pauseDoc{ID: id, Rev: NewID(), ExpiresAt: At(now.Add(length))}
		err := s.engine.Get(ctx, colBudgets, id, &held)
		switch {
		case errors.Is(err, ErrMissing):
			if err = s.engine.Insert(ctx, colBudgets, next); errors.Is(err, ErrExists) {
				return ErrChanged // somebody started one just now: read theirs
			}
		case err == nil && now.Before(held.ExpiresAt.Time()):
			wait = held.ExpiresAt.Time().Sub(now)
		case err == nil:
			err = s.engine.Replace(ctx, colBudgets, next, held.Rev)
		}
		return err
	})
	return wait, err
}
