package privacy

import (
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/models"
)

// AccessLog lists what officials did with the household's data, newest first.
func (s *Service) AccessLog(ctx context.Context, citizen models.Citizen, page models.Page) ([]models.AuditEntry, string, error) {
	if _, err := s.household(ctx, citizen); err != nil {
		return nil, "", err
	}
	return s.store.Audit(ctx, models.AuditFilter{Account: citizen.Account, ByOfficials: true}, page)
}

// Audit lists the audit for whoever may read it: what the officials of the own area did, and, of one case of the area,
// what anybody did. The rest is not there.
func (s *Service) Audit(ctx context.Context, official models.Official, f models.AuditFilter, page models.Page) ([]models.AuditEntry, string, error) {
	f, err := s.within(ctx, official, f)
	switch {
	case models.NotFound.Is(err):
		return nil, "", nil
	case err != nil:
		return nil, "", err
	}
	return s.store.Audit(ctx, f, page)
}

// within narrows a filter to what an official may read.
func (s *Service) within(ctx context.Context, official models.Official, f models.AuditFilter) (models.AuditFilter, error) {
	if !official.Role.May(models.ReadAudit) || official.Area == "" {
		return f, models.Fail(models.Forbidden, "forbidden")
	}
	if f.Case != "" && official.Area != models.Nation {
		return f, s.seesCase(ctx, official.Area, f.Case)
	}
	f.Within, f.Province = official.Area, official.Province
	if official.Area != models.Nation && f.Province == "" {
		return f, models.ErrNotFound
	}
	return f, nil
}

// Reading is how much an official looked at people on a day that is unusual.
type Reading struct {
	Login string
	Area  models.Area // the official's, at the time
	Day   time.Time   // its local midnight
	Looks int64       // reveals, finds by phone or identity number, exports with identities
	Mean  float64     // a day, over the models.MeanDays before
	Usual int64       // how many looks would have been usual
	Night int64       // of the looks, those off hours
}

// Many tells whether the looks are more than usual; otherwise it is the hour that is unusual.
func (r Reading) Many() bool { return r.Looks > r.Usual }

// How far UnusualReading looks back, and how much of it one page shows.
const (
	ReadingDays  = 14
	maxReadings  = 40
	maxMarks     = 500
	countWorkers = 8
)

// UnusualReading gives the days of the last ReadingDays on which officials of the own area looked at more people than is
// usual for them, or in the night; the newest first, of one login when it is named, and whether there are more than it
// gives. It reads the marked looks alone and counts the days that they lead to, by index.
func (s *Service) UnusualReading(ctx context.Context, official models.Official, login string) (found []Reading, more bool, err error) {
	since := models.DayStart(s.now()).AddDate(0, 0, 1-ReadingDays)
	f, err := s.within(ctx, official, models.AuditFilter{Login: login, Since: since, Unusual: true})
	switch {
	case models.NotFound.Is(err):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	marks, next, err := s.store.Audit(ctx, f, models.Page{Limit: maxMarks})
	if err != nil {
		return nil, false, err
	}
	found = days(marks)
	more = next != "" || len(found) > maxReadings
	found = found[:min(len(found), maxReadings)]
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(countWorkers)
	for i := range found {
		group.Go(func() error { return s.count(ctx, &found[i]) })
	}
	return found, more, group.Wait()
}

// days gives the days that marked looks lead to, the newest first.
func days(marks []models.AuditEntry) []Reading {
	var out []Reading
	for _, e := range marks {
		r := Reading{Login: e.Login, Area: e.Area, Day: models.DayStart(e.At)}
		if !slices.ContainsFunc(out, func(o Reading) bool { return o.Login == r.Login && o.Day.Equal(r.Day) }) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b Reading) int {
		if c := b.Day.Compare(a.Day); c != 0 {
			return c
		}
		return strings.Compare(a.Login, b.Login)
	})
	return out
}

// count fills in the numbers of a reading.
func (s *Service) count(ctx context.Context, r *Reading) error {
	early, late := models.Night(r.Day)
	var n [4]int64
	for i, during := range []models.Span{
		{From: r.Day, Before: r.Day.AddDate(0, 0, 1)}, {From: r.Day.AddDate(0, 0, -models.MeanDays), Before: r.Day}, early, late,
	} {
		var err error
		if n[i], err = s.store.CountLooks(ctx, r.Login, during); err != nil {
			return err
		}
	}
	r.Looks, r.Mean, r.Usual, r.Night = n[0], float64(n[1])/models.MeanDays, models.UsualLooks(n[1]), n[2]+n[3]
	return nil
}
