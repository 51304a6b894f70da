package cases

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"khaibao/models"
)

// CountLimit is how far the numbers beside a list are counted; one more stands for "more than that". Whoever needs all of
// them asks Count.
const CountLimit = 1000

// countAtOnce is how many lists of one page are counted at a time.
const countAtOnce = 4

// countEachUpTo is up to how many open cases are counted anew at each look: that costs less than the list itself.
const countEachUpTo = 200

// worked follows a change that an official made.
func (s *Service) worked(official models.Official) {
	s.counts.forget(string(official.Area))
	s.overviews.forget(string(official.Area))
	s.mine.forget(official.Login)
	s.each.forget(eachOf(official))
	s.changed()
}

// QueueCounts counts the cases of the official's area by what is to be done. Up to 200 open cases are counted as they are.
// The numbers of more come from counters and may be 30 s old, unless the area's own officials changed something through this
// process; closed ones, and those of one official, are counted up to CountLimit+1 where the counters do not say.
func (s *Service) QueueCounts(ctx context.Context, official models.Official) (models.QueueCounts, error) {
	area := string(official.Area)
	counts, ok := s.counts.get(area, s.now())
	if !ok {
		few, whole, err := s.within(official.Area).QueueCounts(ctx, official.Login, s.now(), countEachUpTo)
		if err == nil && whole {
			few.Closed, err = s.countOf(ctx, official, models.CaseFilter{Statuses: []models.CaseStatus{models.CaseClosed}})
		}
		if err != nil || whole {
			return few, err
		}
		counts, err = s.counts.compute(ctx, area, func(ctx context.Context) (models.QueueCounts, error) {
			counts, err := s.counted(ctx, official.Area)
			if err == nil {
				s.counts.set(area, counts, s.now())
			}
			return counts, err
		})
		if err != nil {
			return counts, err
		}
	}
	var err error
	counts.Mine, err = s.countMine(ctx, official)
	return counts, err
}

// CountEach counts the lists of several filters by their names, each up to CountLimit+1. Numbers of more than 200 may be 30 s
// old, unless this official changed something through this process.
func (s *Service) CountEach(ctx context.Context, official models.Official, filters map[string]models.CaseFilter) (map[string]int64, error) {
	of := eachOf(official)
	known, fresh := s.each.get(of, s.now())
	if !fresh {
		known = nil
	}
	out, kept := map[string]int64{}, map[string]int64{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(countAtOnce)
	for name, f := range filters {
		if n, ok := known[name]; ok {
			mu.Lock()
			out[name] = n
			mu.Unlock()
			continue
		}
		group.Go(func() error {
			n, err := s.within(official.Area).CountUpTo(ctx, f, s.now(), CountLimit+1)
			mu.Lock()
			defer mu.Unlock()
			if out[name] = n; n > countEachUpTo {
				kept[name] = n
			}
			return err
		})
	}
	err := group.Wait()
	if err == nil && len(known) == 0 && len(kept) > 0 {
		s.each.set(of, kept, s.now())
	}
	return out, err
}

// eachOf is whose numbers they are: who moves to another area has others.
func eachOf(official models.Official) string { return official.Login + "|" + string(official.Area) }

// counted gives what counters say of an area's cases.
func (s *Service) counted(ctx context.Context, area models.Area) (out models.QueueCounts, err error) {
	now := s.now()
	// What has a deadline, and none from today on, is overdue.
	found, err := s.store.Numbers(ctx, s.programs.IDs(), area, false, models.Day(now), lastDay)
	if err != nil {
		return out, err
	}
	for _, n := range found {
		if n.Day != "" {
			out.Overdue -= n.Due
			continue
		}
		out.Overdue += n.Due
		out.Open += total(n.Open)
		out.New += n.Status[models.CaseNew]
		out.Closed += n.Status[models.CaseClosed]
		out.Raised += n.Marks[models.MarkRaised]
		out.Unreached += n.Marks[models.MarkUnreached]
		out.Missed += n.Marks[models.MarkMissed]
	}
	passed, err := s.within(area).CountDue(ctx, midnightOf(now), now)
	out.Overdue += passed
	out.At = now
	return out, err
}

// countMine counts the open cases that an official has.
func (s *Service) countMine(ctx context.Context, official models.Official) (int64, error) {
	if known, ok := s.mine.get(official.Login, s.now()); ok {
		return known, nil
	}
	n, err := s.countOf(ctx, official, models.CaseFilter{Assignee: official.Login})
	if err == nil && n > countEachUpTo {
		s.mine.set(official.Login, n, s.now())
	}
	return n, err
}

// countOf counts up to the limit, open cases unless f names other statuses.
func (s *Service) countOf(ctx context.Context, official models.Official, f models.CaseFilter) (int64, error) {
	if f.Statuses == nil {
		f.Statuses = models.OpenStatuses()
	}
	return s.within(official.Area).CountUpTo(ctx, f, s.now(), CountLimit+1)
}
