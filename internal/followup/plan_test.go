package followup

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"khaibao/internal/rules"
	"khaibao/models"
	"khaibao/programs"
)

func covid(t *testing.T) *rules.Program {
	t.Helper()
	catalog, err := rules.Load(rules.Options{}, rules.Source{Name: "programs", FS: programs.FS})
	if err != nil {
		t.Fatal(err)
	}
	p, ok := catalog.Version("covid19", 1)
	if !ok {
		t.Fatal("no covid19")
	}
	return p
}

func local(day, hour, minute int) time.Time {
	return time.Date(2026, 11, day, hour, minute, 0, 0, models.Hanoi)
}

func declared(at time.Time, level models.Level) *models.Declaration {
	return &models.Declaration{OccurredAt: at, ReceivedAt: at.Add(time.Second), Decision: models.Decision{Level: level}}
}

// steps takes every step until a moment, as the scheduler does, and tells them as "day hour:minute step for day hour".
func steps(p *rules.Program, f *models.FollowUp, until time.Time) []string {
	var out []string
	if !f.Running() {
		return nil
	}
	plan, _ := p.Plan(f.Level)
	for _, t := range climb(plan, p.Ladder(), f, until) {
		at, slot := t.At.In(models.Hanoi), t.Slot.In(models.Hanoi)
		out = append(out, fmt.Sprintf("%s %s for %s", at.Format("02 15:04"), t.do, slot.Format("02 15")))
	}
	return out
}

func TestLadderOfADailyPlan(t *testing.T) {
	t.Parallel()
	p := covid(t)
	f := &models.FollowUp{}
	follow(p, p, f, declared(local(10, 12, 0), models.LevelModerate)) // due at 08:00 from the 11th on
	if got := steps(p, f, local(11, 9, 59)); got != nil {
		t.Errorf("before anything was missed: %v", got)
	}
	want := []string{"11 10:00 push for 11 08", "11 14:00 sms for 11 08"}
	if got := steps(p, f, local(11, 20, 0)); !slices.Equal(got, want) {
		t.Errorf("a missed morning: %v, want %v", got, want)
	}
	want = []string{"12 08:00 official for 11 08", "12 10:00 push for 12 08"}
	if got := steps(p, f, local(12, 12, 0)); !slices.Equal(got, want) {
		t.Errorf("the day after: %v, want %v", got, want)
	}
	follow(p, p, f, declared(local(12, 13, 0), models.LevelModerate))
	if got := steps(p, f, local(13, 9, 59)); got != nil {
		t.Errorf("after the answer of the 12th: %v", got)
	}
	want = []string{"13 10:00 push for 13 08", "13 14:00 sms for 13 08"}
	f = &models.FollowUp{}
	follow(p, p, f, declared(local(12, 13, 0), models.LevelModerate))
	if got := steps(p, f, local(13, 20, 0)); !slices.Equal(got, want) {
		t.Errorf("the 13th is missed: %v, want %v", got, want)
	}
	follow(p, p, f, declared(local(14, 6, 0), models.LevelModerate))
	if got := steps(p, f, local(15, 9, 59)); got != nil {
		t.Errorf("an early bird is not reminded on that day: %v", got)
	}
}

// Which update a time answers: those that were due, and the next on the same day for who is nearer to it.
func TestAnsweredTo(t *testing.T) {
	t.Parallel()
	once := rules.Plan{Times: []time.Duration{8 * time.Hour}}
	twice := rules.Plan{Times: []time.Duration{8 * time.Hour, 18 * time.Hour}}
	for name, c := range map[string]struct {
		plan     rules.Plan
		at, want time.Time
	}{
		"in the morning, on time":       {once, local(10, 8, 0), local(10, 8, 0)},
		"in the morning, early":         {once, local(10, 5, 0), local(10, 8, 0)},
		"late":                          {once, local(10, 10, 30), local(10, 8, 0)},
		"late in the evening":           {once, local(10, 23, 0), local(10, 8, 0)}, // nearer to tomorrow's, which is another day's
		"after midnight":                {once, local(11, 0, 30), local(11, 8, 0)},
		"twice a day, at noon":          {twice, local(10, 12, 30), local(10, 8, 0)},
		"twice a day, in the afternoon": {twice, local(10, 14, 0), local(10, 18, 0)},
		"twice a day, at night":         {twice, local(10, 22, 0), local(10, 18, 0)},
		"twice a day, after midnight":   {twice, local(11, 0, 30), local(10, 18, 0)},
		"twice a day, before dawn":      {twice, local(11, 4, 0), local(11, 8, 0)},
	} {
		if got := answeredTo(c.plan, c.at); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got.In(models.Hanoi), c.want)
		}
	}
}

func TestQuietHoursMoveAStepToTheMorning(t *testing.T) {
	t.Parallel()
	p := covid(t)
	f := &models.FollowUp{}
	follow(p, p, f, declared(local(10, 14, 0), models.LevelHigh)) // 08:00 and 18:00, and the 18:00 of today is answered
	want := []string{"11 10:00 push for 11 08", "11 14:00 sms for 11 08", "11 20:00 push for 11 18", "12 07:00 sms for 11 18", "12 08:00 official for 11 08"}
	if got := steps(p, f, local(12, 8, 0)); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestHowPlansEnd(t *testing.T) {
	t.Parallel()
	p := covid(t)
	for name, c := range map[string]struct {
		levels []models.Level // one a day from the 1st on
		until  time.Time
		want   models.EndReason
		level  models.Level
	}{
		"the days are over":            {[]models.Level{3}, local(15, 12, 0), models.EndPeriodOver, models.LevelHigh},
		"not yet":                      {[]models.Level{3}, local(15, 11, 0), "", models.LevelHigh},
		"three days lower":             {[]models.Level{3, 1, 1, 1, 1}, local(6, 0, 0), models.EndLevelFell, models.LevelHigh},
		"two days lower":               {[]models.Level{3, 1, 1, 1}, local(5, 0, 0), "", models.LevelHigh},
		"lower, then as high again":    {[]models.Level{3, 1, 1, 3, 1, 1}, local(7, 0, 0), "", models.LevelHigh},
		"worse takes the higher plan":  {[]models.Level{2, 3}, local(3, 0, 0), "", models.LevelHigh},
		"worse begins the days anew":   {[]models.Level{2, 2, 2, 3}, local(17, 0, 0), "", models.LevelHigh},
		"a low level has no plan":      {[]models.Level{1}, local(3, 0, 0), "", models.LevelNone},
		"a new flag after an end runs": {[]models.Level{3, 1, 1, 1, 1, 2}, local(7, 0, 0), "", models.LevelModerate},
	} {
		f := &models.FollowUp{}
		for i, level := range c.levels {
			d := declared(local(1+i, 12, 0), level)
			steps(p, f, d.OccurredAt)
			follow(p, p, f, d)
		}
		steps(p, f, c.until)
		if f.EndReason != c.want || f.Level != c.level {
			t.Errorf("%s: ended %q at level %s", name, f.EndReason, f.Level)
		}
		if ended := f.EndReason != ""; ended && !f.NextAt.Equal(f.EndedAt) {
			t.Errorf("%s: an ended plan is due at %s, want at its end: its case has to hear of it", name, f.NextAt)
		}
	}
}

func TestTheSameDeclarationTwice(t *testing.T) {
	t.Parallel()
	p := covid(t)
	f := &models.FollowUp{}
	all := []*models.Declaration{
		declared(local(10, 12, 0), models.LevelHigh), declared(local(11, 8, 0), models.LevelLow), declared(local(12, 8, 0), models.LevelHigh),
		declared(local(13, 8, 0), models.LevelLow), declared(local(15, 9, 0), models.LevelLow),
	}
	for _, d := range all {
		follow(p, p, f, d)
		steps(p, f, d.OccurredAt.Add(3*time.Hour))
		was := *f
		for _, earlier := range all {
			if !earlier.OccurredAt.After(d.OccurredAt) {
				follow(p, p, f, earlier)
			}
		}
		if *f != was {
			t.Errorf("applied again: %+v, was %+v", *f, was)
		}
	}
}

// What comes late, from a phone without a network, answers what it can and sets nothing back.
func TestLateArrivals(t *testing.T) {
	t.Parallel()
	p := covid(t)
	late := func(happened, came time.Time, level models.Level) *models.Declaration {
		return &models.Declaration{OccurredAt: happened, ReceivedAt: came, Decision: models.Decision{Level: level}}
	}
	noon := local(10, 12, 0)
	for name, c := range map[string]struct {
		ds    []*models.Declaration
		until time.Time
		want  []string
		level models.Level
		ends  time.Time
		lower time.Time
	}{
		"from before the plan": {
			ds:   []*models.Declaration{declared(noon, models.LevelModerate), late(local(9, 12, 0), local(10, 13, 0), models.LevelLow)},
			want: []string{"11 10:00 push for 11 08"}, until: local(11, 11, 0), level: models.LevelModerate, ends: local(24, 12, 0),
		},
		"answers the day it was made": {
			ds:   []*models.Declaration{declared(noon, models.LevelModerate), late(local(11, 9, 0), local(11, 9, 59), models.LevelModerate)},
			want: nil, until: local(11, 23, 0), level: models.LevelModerate, ends: local(24, 12, 0),
		},
		"not the days after": {
			ds:   []*models.Declaration{declared(noon, models.LevelModerate), late(local(11, 9, 0), local(12, 9, 0), models.LevelModerate)},
			want: []string{"12 10:00 push for 12 08"}, until: local(12, 11, 0), level: models.LevelModerate, ends: local(24, 12, 0),
		},
		"the first one: nothing is owed from before it came": {
			ds:   []*models.Declaration{late(noon, local(13, 9, 0), models.LevelModerate)},
			want: []string{"14 10:00 push for 14 08"}, until: local(14, 11, 0), level: models.LevelModerate, ends: local(24, 12, 0),
		},
		"worse: raises, owes nothing new for the past, and the days count from then but never end earlier": {
			ds:   []*models.Declaration{declared(noon, models.LevelModerate), late(local(9, 12, 0), local(10, 12, 30), models.LevelHigh)},
			want: []string{"10 20:00 push for 10 18", "11 07:00 sms for 10 18"}, until: local(11, 7, 0), level: models.LevelHigh, ends: local(24, 12, 0), lower: noon,
		},
		"as high again in between: lower only since the newest": {
			ds: []*models.Declaration{
				declared(noon, models.LevelModerate), declared(local(11, 8, 0), models.LevelLow), declared(local(13, 8, 0), models.LevelLow),
				late(local(12, 8, 0), local(13, 9, 0), models.LevelModerate),
			},
			until: local(13, 12, 0), level: models.LevelModerate, ends: local(24, 12, 0), lower: local(13, 8, 0),
		},
	} {
		f := &models.FollowUp{}
		for _, d := range c.ds {
			follow(p, p, f, d)
		}
		if got := steps(p, f, c.until); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if f.Level != c.level || !f.EndsAt.Equal(c.ends) || !f.LowerSince.Equal(c.lower) {
			t.Errorf("%s: level %s until %s, lower since %s", name, f.Level, f.EndsAt.In(models.Hanoi), f.LowerSince)
		}
	}
}

// A raise takes the plan of the version that decided it; another version at the same level changes nothing.
func TestVersions(t *testing.T) {
	t.Parallel()
	old := covid(t)
	next := programOf(t, 2, `follow_up: {days: 14, times: ["08:00", "18:00"], lower_days: 3}`, `follow_up: {days: 10, times: ["07:00"], lower_days: 3}`)
	f := &models.FollowUp{}
	follow(old, old, f, declared(local(10, 12, 0), models.LevelModerate))
	follow(old, next, f, declared(local(11, 8, 0), models.LevelModerate))
	if f.Version != 1 {
		t.Errorf("the same level moved the plan to version %d", f.Version)
	}
	follow(old, next, f, declared(local(12, 8, 0), models.LevelHigh))
	if f.Version != 2 || !f.NextAt.Equal(local(13, 9, 0)) {
		t.Errorf("version %d, next at %s; want the plan of version 2, due at 07:00", f.Version, f.NextAt.In(models.Hanoi))
	}
}

// programOf is the shipped program as a later version, with one thing changed.
func programOf(t *testing.T, version int, old, changed string) *rules.Program {
	t.Helper()
	text, err := programs.FS.ReadFile("covid19/1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("the program has no %s", old)
	}
	text = []byte(strings.NewReplacer("version: 1", fmt.Sprintf("version: %d", version), old, changed).Replace(string(text)))
	catalog, err := rules.Load(rules.Options{}, rules.Source{Name: "programs", FS: fstest.MapFS{fmt.Sprintf("covid19/%d.yaml", version): {Data: text}}})
	if err != nil {
		t.Fatal(err)
	}
	p, _ := catalog.Version("covid19", version)
	return p
}

// TestAgainstAModel runs seeded fortnights against a model that knows nothing of cursors: an update that was due at a
// slot climbs a step at its time exactly when no update before that time answers the slot.
func TestAgainstAModel(t *testing.T) {
	t.Parallel()
	p := covid(t)
	for seed := range uint64(300) {
		dice := rand.New(rand.NewPCG(seed, 7))
		level := []models.Level{models.LevelModerate, models.LevelHigh}[dice.IntN(2)]
		start := local(1, 0, 0).Add(time.Duration(dice.IntN(24*60)) * time.Minute)
		f := &models.FollowUp{}
		follow(p, p, f, declared(start, level))
		updates := []time.Time{start}
		var got []string
		for at := start; at.Before(start.AddDate(0, 0, 14)); at = at.Add(time.Duration(60+dice.IntN(60*30)) * time.Minute) {
			got = append(got, steps(p, f, at.Add(-time.Nanosecond))...)
			if at.After(start) {
				follow(p, p, f, declared(at, level)) // the same level: the plan neither rises nor falls
				updates = append(updates, at)
			}
		}
		got = append(got, steps(p, f, start.AddDate(0, 0, 15))...)
		if want := expected(p, level, start, updates); !slices.Equal(got, want) {
			t.Fatalf("seed %d, %s from %s, updates %v:\n got %v\nwant %v", seed, level, start, updates, got, want)
		}
		if f.EndReason != models.EndPeriodOver {
			t.Errorf("seed %d: ended %q", seed, f.EndReason)
		}
	}
}

func expected(p *rules.Program, level models.Level, start time.Time, updates []time.Time) []string {
	plan, _ := p.Plan(level)
	type event struct {
		at, slot time.Time
		step     int
	}
	var slots []time.Time
	for day := -2; day < 17; day++ {
		midnight := time.Date(start.Year(), start.Month(), start.Day()+day, 0, 0, 0, 0, models.Hanoi)
		for _, at := range plan.Times {
			slots = append(slots, midnight.Add(at))
		}
	}
	answers := func(update, slot time.Time) bool { // everything due before it, and the next on that day when it is nearer
		if !slot.After(update) {
			return true
		}
		i := slices.IndexFunc(slots, func(s time.Time) bool { return s.After(update) })
		sameDay := slot.Format(time.DateOnly) == update.In(models.Hanoi).Format(time.DateOnly)
		return slot.Equal(slots[i]) && sameDay && slot.Sub(update) <= update.Sub(slots[i-1])
	}
	var events []event
	end := start.AddDate(0, 0, plan.Days)
	for _, slot := range slots {
		if !slot.After(start) || slot.After(end) {
			continue
		}
		for step, rung := range p.Ladder().Steps {
			at := slot.Add(rung.After)
			for rung.Do != "official" && (at.Hour() >= 21 || at.Hour() < 7) {
				at = at.Truncate(time.Minute).Add(time.Minute)
			}
			answered := slices.ContainsFunc(updates, func(u time.Time) bool { return !u.After(at) && answers(u, slot) })
			if !answered && at.Before(end) {
				events = append(events, event{at, slot, step})
			}
		}
	}
	slices.SortFunc(events, func(a, b event) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		if c := a.slot.Compare(b.slot); c != 0 {
			return c
		}
		return a.step - b.step
	})
	var out []string
	for _, e := range events {
		out = append(out, fmt.Sprintf("%s %s for %s", e.at.Format("02 15:04"), p.Ladder().Steps[e.step].Do, e.slot.Format("02 15")))
	}
	return out
}
