package cases

import (
	"context"

	"khaibao/models"
)

// NoteLooks keeps what an official looked at, durably, before anything is shown. The look that makes the official's day
// unusual is marked, so that unusual days are found without counting everybody's: the first in the night, and the one
// that goes beyond what is usual for the official. Of looks at the same moment more than one may be marked.
func (s *Service) NoteLooks(ctx context.Context, official models.Official, entries ...models.AuditEntry) error {
	if len(entries) > 0 && entries[0].Look() {
		var err error
		if entries[0].Unusual, err = s.unusual(ctx, official.Login, int64(len(entries))); err != nil {
			return err
		}
	}
	return s.store.WriteAudit(ctx, entries...)
}

// unusual tells whether the next n looks of an official are the first of the day that are unusual.
func (s *Service) unusual(ctx context.Context, login string, n int64) (bool, error) {
	now := s.now()
	early, late := models.Night(now)
	for _, night := range []models.Span{early, late} {
		if !night.Holds(now) {
			continue
		}
		before, err := s.store.CountLooks(ctx, login, night)
		if err != nil || before == 0 {
			return err == nil, err
		}
	}
	today := models.DayStart(now)
	before, err := s.store.CountLooks(ctx, login, models.Span{From: today, Before: today.AddDate(0, 0, 1)})
	if err != nil || before+n <= models.ManyLooks || before > models.TooManyLooks {
		return false, err
	}
	past, err := s.store.CountLooks(ctx, login, models.Span{From: today.AddDate(0, 0, -models.MeanDays), Before: today})
	usual := models.UsualLooks(past)
	return before <= usual && usual < before+n, err
}
