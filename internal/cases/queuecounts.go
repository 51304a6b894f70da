package cases

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"khaibao/models"
)

// CountLimit is how far the numbers beside a list are counted; one more stands for "more than that". Whoever needs all of
// them asks Count.
const CountLimit = 1000

const (
	// countEachUpTo is up to how many open cases are counted anew at each look: that costs less than the list itself.
	countEachUpTo = 200
	// countsLast is how old the numbers of an area with more may be, in real time.
	countsLast = 30 * time.Second
	// countsWithin is how long counting may take.
	countsWithin = 10 * time.Second
)

// queueCounts remembers the numbers of large areas: many officials look at a nation's, and each look would count them anew.
type queueCounts struct {
	counting singleflight.Group
	mu       sync.Mutex
	byArea   map[models.Area]countsAt
}

type countsAt struct {
	counts models.QueueCounts
	at     time.Time
}

func (t *queueCounts) get(area models.Area) (models.QueueCounts, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known, ok := t.byArea[area]
	return known.counts, ok && time.Since(known.at) < countsLast
}

func (t *queueCounts) set(area models.Area, counts models.QueueCounts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byArea[area] = countsAt{counts, time.Now()}
}

// forget lets whoever works on an area see what that changed.
func (t *queueCounts) forget(area models.Area) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byArea, area)
}

// worked follows a change that an official made.
func (s *Service) worked(official models.Official) {
	s.counts.forget(official.Area)
	s.changed()
}

// QueueCounts counts the cases of the official's area by what is to be done, up to CountLimit+1 of each. With more than 200 open
// cases the numbers may be 30 s old, unless the area's own officials changed something through this process.
func (s *Service) QueueCounts(ctx context.Context, official models.Official) (models.QueueCounts, error) {
	if known, ok := s.counts.get(official.Area); ok {
		return s.withMine(ctx, official, known)
	}
	// Counting goes on when this page gives up waiting: the next one has it, and no connection is lost on the way.
	done := s.counts.counting.DoChan(string(official.Area)+"|"+official.Login, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countsWithin)
		defer cancel()
		return s.countAnew(ctx, official)
	})
	select {
	case <-ctx.Done():
		return models.QueueCounts{}, ctx.Err()
	case result := <-done:
		counts, _ := result.Val.(models.QueueCounts)
		return counts, result.Err
	}
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
			s.counts.set(official.Area, counts)
		}
		return counts, err
	}
	each, err, _ := s.counts.counting.Do(string(official.Area), func() (any, error) {
		counts, err := s.countEach(ctx, official)
		if err == nil {
			s.counts.set(official.Area, counts)
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
