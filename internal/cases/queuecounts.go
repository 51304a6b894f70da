package cases

import (
	"context"

	"golang.org/x/sync/errgroup"

	"khaibao/models"
)

// CountLimit is how far the numbers beside a list are counted; one more stands for "more than that". Whoever needs all of
// them asks Count.
const CountLimit = 1000

// countEachUpTo is up to how many open cases are counted anew at each look: that costs less than the list itself.
const countEachUpTo = 200

// worked follows a change that an official made.
func (s *Service) worked(official models.Official) {
	s.counts.forget(official.Area)
	s.overviews.forget(official.Area)
	s.changed()
}

// QueueCounts counts the cases of the official's area by what is to be done, up to CountLimit+1 of each. With more than 200 open
// cases the numbers may be 30 s old, unless the area's own officials changed something through this process.
func (s *Service) QueueCounts(ctx context.Context, official models.Official) (models.QueueCounts, error) {
	if known, ok := s.counts.get(official.Area, s.now()); ok {
		return s.withMine(ctx, official, known)
	}
	return s.counts.compute(ctx, string(official.Area)+"|"+official.Login, func(ctx context.Context) (models.QueueCounts, error) {
		return s.countAnew(ctx, official)
	})
}

// countAnew counts by one read where that holds all open cases, and else by a read for each number, of which one at a time
// does for all officials of an area.
func (s *Service) countAnew(ctx context.Context, official models.Official) (models.QueueCounts, error) {
	counts, whole, err := s.within(official.Area).QueueCounts(ctx, official.Login, s.now(), CountLimit)
	if err != nil {
		return counts, err
	}
	if whole {
		if counts.Closed, err = s.countOf(ctx, official, models.CaseFilter{Statuses: closedStatus}); err == nil && counts.Open > countEachUpTo {
			s.counts.set(official.Area, counts, s.now())
		}
		return counts, err
	}
	each, err, _ := s.counts.flights.Do(string(official.Area), func() (any, error) {
		counts, err := s.countEach(ctx, official)
		if err == nil {
			s.counts.set(official.Area, counts, s.now())
		}
		return counts, err
	})
	if err != nil {
		return models.QueueCounts{}, err
	}
	return s.withMine(ctx, official, each.(models.QueueCounts))
}

// countEach counts one number after the other up to the limit.
func (s *Service) countEach(ctx context.Context, official models.Official) (t models.QueueCounts, err error) {
	yes := true
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2) // pages go before
	for sum, f := range map[*int64]models.CaseFilter{
		&t.Open: {}, &t.New: {Statuses: []models.CaseStatus{models.CaseNew}}, &t.Raised: {Raised: &yes}, &t.Overdue: {Overdue: &yes},
		&t.Unreached: {Unreached: &yes}, &t.Missed: {Missed: &yes}, &t.Closed: {Statuses: closedStatus},
	} {
		group.Go(func() (err error) {
			*sum, err = s.countOf(ctx, official, f)
			return err
		})
	}
	err = group.Wait()
	return t, err
}

var closedStatus = []models.CaseStatus{models.CaseClosed}

// countOf counts up to the limit, open cases unless f names other statuses.
func (s *Service) countOf(ctx context.Context, official models.Official, f models.CaseFilter) (int64, error) {
	if f.Statuses == nil {
		f.Statuses = models.OpenStatuses()
	}
	return s.within(official.Area).CountUpTo(ctx, f, s.now(), CountLimit+1)
}

func (s *Service) withMine(ctx context.Context, official models.Official, t models.QueueCounts) (models.QueueCounts, error) {
	var err error
	t.Mine, err = s.countOf(ctx, official, models.CaseFilter{Assignee: official.Login})
	return t, err
}
