package cases

import (
	"context"
	"slices"
	"time"

	"khaibao/models"
)

// latestContacts is over how many cases the time to first contact is told.
const latestContacts = 200

// FirstContact gives the median time from the opening of a case to its first contact, over the 200 cases of the official's
// area that somebody was reached for last, and how many those were.
func (s *Service) FirstContact(ctx context.Context, official models.Official) (median time.Duration, cases int, err error) {
	latest, err := s.within(official.Area).Latest(ctx, latestContacts)
	if err != nil || len(latest) == 0 {
		return 0, 0, err
	}
	waits := make([]time.Duration, len(latest))
	for i := range latest {
		waits[i] = latest[i].FirstContactAt.Sub(latest[i].OpenedAt)
	}
	slices.Sort(waits)
	return waits[len(waits)/2], len(waits), nil
}
