package cases

import (
	"context"
	"maps"
	"sync"
	"time"

	"khaibao/models"
)

// sameLook is for how long finding the same case again is the same look: a page loaded again, or gone back to.
const sameLook = 10 * time.Minute

// looks remembers who found which case not long ago, in this process.
type looks struct {
	mu sync.Mutex
	at map[[2]string]time.Time // by login and case
}

func (l *looks) again(login, id string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.at[[2]string{login, id}]
	return ok && now.Sub(at).Abs() < sameLook
}

// keep remembers a look that is kept durably by now, and forgets what is too old to matter.
func (l *looks) keep(login, id string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil {
		l.at = map[[2]string]time.Time{}
	}
	maps.DeleteFunc(l.at, func(_ [2]string, before time.Time) bool { return at.Sub(before).Abs() >= sameLook })
	l.at[[2]string{login, id}] = at
}

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
