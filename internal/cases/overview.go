package cases

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/models"
)

// OverviewDays is how many local days an overview looks back, today among them; Week is the last days of them that an area
// is held against the days before by.
const (
	OverviewDays = 14
	Week         = 7
)

// Overview is how an area does: where it rises, and who falls behind. Its numbers of cases are those of the cases that are
// in the area now, as they are now; each is as long as the list that it names.
type Overview struct {
	At        time.Time              // when the numbers were read
	Days      []OverviewDay          // the last 14 local days, oldest first: today is the last
	Overdue   Then                   // cases whose deadline has passed: CaseFilter.Overdue
	Unreached Then                   // cases that officials tried to reach in vain: CaseFilter.Unreached
	Open      map[models.Level]int64 // cases that are not closed, by level
	Factors   []FactorCount          // of the cases that are not closed, the most frequent first
	Areas     []AreaCount            // the areas directly below that have any numbers, by code; none below a commune
}

// Then is a number now and as it was at the end of yesterday and of the day a week ago: CaseFilter.WaitedOn.
type Then struct{ Now, Yesterday, LastWeek int64 }

// OverviewDay is what happened on a local day.
type OverviewDay struct {
	Day       string                 // "2006-01-02"
	Declared  int64                  // declarations and health updates by the day they speak of
	Opened    map[models.Level]int64 // cases opened on that day by the level they have: CaseFilter.OpenedFrom
	Contacted Contacts               // cases first contacted on that day: CaseFilter.ContactedFrom
}

// FactorCount is how many cases have a factor: CaseFilter.Factor.
type FactorCount struct {
	Factor string
	Cases  int64
}

// AreaCount is how one area below does.
type AreaCount struct {
	Area       models.Area
	Declared   int64    // in the last 14 days
	Week       int64    // cases opened in the last 7 days
	WeekBefore int64    // cases opened in the 7 days before
	Open       int64    // cases that are not closed
	Overdue    int64    // cases whose deadline has passed
	Contacted  Contacts // cases first contacted in the last 7 days
}

// Contacts are first contacts by how long they took, in minutes of models.ContactBound.
type Contacts map[int]int64

// Cases is how many they are.
func (c Contacts) Cases() (n int64) {
	for _, count := range c {
		n += count
	}
	return n
}

// Median is the time that half of the first contacts did not exceed, to the next models.ContactBound; zero without any.
func (c Contacts) Median() time.Duration {
	bounds := make([]int, 0, len(c))
	for bound := range c {
		bounds = append(bounds, bound)
	}
	slices.Sort(bounds)
	var n int64
	for _, bound := range bounds {
		if n += c[bound]; 2*n >= c.Cases() && n > 0 {
			return time.Duration(bound) * time.Minute
		}
	}
	return 0
}

// OverviewPeriod gives the local days from through to of the last so many days, today the last.
func (s *Service) OverviewPeriod(days int) (from, to string) {
	now := s.now()
	return models.Day(now.AddDate(0, 0, 1-days)), models.Day(now)
}

// Overview gives how an area of the official's does, the official's own for an empty one; NotFound outside. It reads
// counters, and counts by index what time alone changes. With more than 200 open cases the numbers may be 30 s old, unless
// the area's own officials changed something through this process. Nobody may write to what it gives.
func (s *Service) Overview(ctx context.Context, official models.Official, area models.Area) (Overview, error) {
	area = cmp.Or(area, official.Area)
	if !s.areas.Holds(official.Area, area) {
		return Overview{}, models.ErrNotFound
	}
	if known, ok := s.overviews.get(string(area), s.now()); ok {
		return known, nil
	}
	return s.overviews.compute(ctx, string(area), func(ctx context.Context) (Overview, error) {
		o, err := s.overview(ctx, area)
		if err == nil && total(o.Open) > countEachUpTo {
			s.overviews.set(string(area), o, o.At)
		}
		return o, err
	})
}

func (s *Service) overview(ctx context.Context, area models.Area) (Overview, error) {
	o := Overview{At: s.now()}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.numbers(ctx, area, &o) })
	group.Go(func() (err error) {
		o.Overdue, err = s.then(ctx, area, models.WaitOverdue)
		return err
	})
	group.Go(func() (err error) {
		o.Unreached, err = s.then(ctx, area, models.WaitUnreached)
		return err
	})
	if !area.IsCommune() {
		group.Go(func() (err error) {
			o.Areas, err = s.areaCounts(ctx, area)
			return err
		})
	}
	return o, group.Wait()
}

// numbers reads what counters say of the area itself.
func (s *Service) numbers(ctx context.Context, area models.Area, o *Overview) error {
	from, to := s.OverviewPeriod(OverviewDays)
	found, err := s.store.Numbers(ctx, s.programs.IDs(), area, false, from, to)
	if err != nil {
		return err
	}
	o.Open = map[models.Level]int64{}
	byDay, factors := map[string]*OverviewDay{}, map[string]int64{}
	for i := range OverviewDays {
		day := models.Day(s.now().AddDate(0, 0, i+1-OverviewDays))
		o.Days = append(o.Days, OverviewDay{Day: day, Opened: map[models.Level]int64{}, Contacted: Contacts{}})
	}
	for i := range o.Days {
		byDay[o.Days[i].Day] = &o.Days[i]
	}
	for _, n := range found {
		if day := byDay[n.Day]; day != nil {
			day.Declared += n.Declared
			sum(day.Opened, n.Opened)
			sum(day.Contacted, n.Contacted)
		}
		sum(o.Open, n.Open)
		sum(factors, n.Factors)
	}
	for factor, n := range factors {
		if n > 0 {
			o.Factors = append(o.Factors, FactorCount{factor, n})
		}
	}
	slices.SortFunc(o.Factors, func(a, b FactorCount) int {
		return cmp.Or(cmp.Compare(b.Cases, a.Cases), cmp.Compare(a.Factor, b.Factor))
	})
	return nil
}

// sum adds counts to others.
func sum[K comparable](to, counts map[K]int64) {
	for key, n := range counts {
		to[key] += n
	}
}

func total[K comparable](counts map[K]int64) (n int64) {
	for _, count := range counts {
		n += count
	}
	return n
}

// then counts the cases that wait now, and those that waited at two midnights: the ones that have waited since, by index,
// and the ones whose wait has ended in between, by the counters of those days.
func (s *Service) then(ctx context.Context, area models.Area, kind models.WaitKind) (Then, error) {
	var out Then
	var err error
	yes := true
	now := models.CaseFilter{Unreached: &yes}
	if kind == models.WaitOverdue {
		now = models.CaseFilter{Overdue: &yes}
	}
	if out.Now, err = s.within(area).Count(ctx, now, s.now()); err != nil {
		return out, err
	}
	if out.Yesterday, err = s.waited(ctx, area, kind, 1); err != nil {
		return out, err
	}
	out.LastWeek, err = s.waited(ctx, area, kind, Week)
	return out, err
}

// waited counts the cases that waited at the end of the day so many days ago: CaseFilter.WaitedOn lists them.
func (s *Service) waited(ctx context.Context, area models.Area, kind models.WaitKind, daysAgo int) (int64, error) {
	day := models.Day(s.now().AddDate(0, 0, -daysAgo))
	n, err := s.within(area).CountWaiting(ctx, models.WaitedOn{Kind: kind, Day: day})
	if err != nil {
		return 0, err
	}
	ended, err := s.store.Numbers(ctx, s.programs.IDs(), area, false, day, day)
	for i := range ended {
		n += ended[i].Waited[kind]
	}
	return n, err
}

// areaCounts gives how each area directly below does.
func (s *Service) areaCounts(ctx context.Context, area models.Area) ([]AreaCount, error) {
	now := s.now()
	today, week, from := models.Day(now), models.Day(now.AddDate(0, 0, 1-Week)), models.Day(now.AddDate(0, 0, 1-OverviewDays))
	// Of deadlines the days to come count too: what has one and none from today on is overdue.
	found, err := s.store.Numbers(ctx, s.programs.IDs(), area, true, from, lastDay)
	if err != nil {
		return nil, err
	}
	counts := map[models.Area]*AreaCount{}
	for _, n := range found {
		c := counts[n.Area]
		if c == nil {
			c = &AreaCount{Area: n.Area, Contacted: Contacts{}}
			counts[n.Area] = c
		}
		c.Open += total(n.Open)
		switch {
		case n.Day == "":
			c.Overdue += n.Due
		case n.Day >= today:
			c.Overdue -= n.Due
		}
		switch {
		case n.Day == "" || n.Day > today:
		case n.Day >= week:
			c.Declared += n.Declared
			c.Week += total(n.Opened)
			sum(c.Contacted, n.Contacted)
		default:
			c.Declared += n.Declared
			c.WeekBefore += total(n.Opened)
		}
	}
	passed, err := s.within(area).DueByArea(ctx, midnightOf(now), now)
	out := make([]AreaCount, 0, len(counts))
	for _, c := range counts {
		c.Overdue += passed[c.Area]
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b AreaCount) int { return cmp.Compare(a.Area, b.Area) })
	return out, err
}

// midnightOf is when a moment's local day began.
func midnightOf(at time.Time) time.Time {
	at = at.In(models.Hanoi)
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, models.Hanoi)
}

// lastDay is behind every day that counters know.
const lastDay = "9999-12-31"
