package followup

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
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

// climb takes every step until a moment, as the scheduler does, and tells them as "day hour:minute step for day hour".
func climb(p *rules.Program, f *models.FollowUp, until time.Time) []string {
	var taken []string
	for f.Running() {
		plan, _ := p.Plan(f.Level)
		point, ok := next(plan, p.Ladder(), f)
		if !ok || point.At.After(until) {
			if !until.Before(f.EndsAt) {
				end(f, f.EndsAt, models.EndPeriodOver)
			}
			break
		}
		f.Climbed = point
		at, slot := point.At.In(models.Hanoi), point.Slot.In(models.Hanoi)
		taken = append(taken, fmt.Sprintf("%s %s for %s", at.Format("02 15:04"), p.Ladder().Steps[point.Step].Do, slot.Format("02 15")))
	}
	schedule(p, f)
	return taken
}

func TestLadderOfADailyPlan(t *testing.T) {
	t.Parallel()
	p := covid(t)
	f := &models.FollowUp{}
	follow(p, f, declared(local(10, 12, 0), models.LevelModerate)) // due at 08:00 from the 12th on: the 11th is answered
	if got := climb(p, f, local(11, 23, 0)); got != nil {
		t.Errorf("on the first day: %v", got)
	}
	want := []string{"12 10:00 push for 12 08", "12 14:00 sms for 12 08"}
	if got := climb(p, f, local(12, 20, 0)); !slices.Equal(got, want) {
		t.Errorf("a missed morning: %v, want %v", got, want)
	}
	want = []string{"13 08:00 official for 12 08", "13 10:00 push for 13 08"}
	if got := climb(p, f, local(13, 12, 0)); !slices.Equal(got, want) {
		t.Errorf("the day after: %v, want %v", got, want)
	}
	follow(p, f, declared(local(13, 13, 0), models.LevelModerate))
	if got := climb(p, f, local(15, 9, 0)); got != nil {
		t.Errorf("after the answer, which counts until the 14th: %v", got)
	}
	if got := climb(p, f, local(15, 11, 0)); len(got) != 1 {
		t.Errorf("the 15th is missed: %v", got)
	}
}

func TestQuietHoursMoveAStepToTheMorning(t *testing.T) {
	t.Parallel()
	p := covid(t)
	f := &models.FollowUp{}
	follow(p, f, declared(local(10, 12, 0), models.LevelHigh)) // 08:00 and 18:00
	want := []string{"11 10:00 push for 11 08", "11 14:00 sms for 11 08", "11 20:00 push for 11 18", "12 07:00 sms for 11 18", "12 08:00 official for 11 08"}
	if got := climb(p, f, local(12, 8, 0)); !slices.Equal(got, want) {
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
			climb(p, f, d.OccurredAt)
			follow(p, f, d)
		}
		climb(p, f, c.until)
		if f.EndReason != c.want || f.Level != c.level {
			t.Errorf("%s: ended %q at level %s", name, f.EndReason, f.Level)
		}
		if !f.Running() && !f.NextAt.IsZero() {
			t.Errorf("%s: a plan that does not run has a next step", name)
		}
	}
}

func TestTheSameDeclarationTwiceAndALateOne(t *testing.T) {
	t.Parallel()
	p := covid(t)
	f := &models.FollowUp{}
	d := declared(local(10, 12, 0), models.LevelHigh)
	follow(p, f, d)
	climb(p, f, local(11, 11, 0))
	was := *f
	follow(p, f, d)
	if *f != was {
		t.Errorf("applied again: %+v, was %+v", *f, was)
	}
	follow(p, f, declared(local(9, 12, 0), models.LevelNone)) // from before the plan
	if f.LowerSince != was.LowerSince || f.AnsweredTo != was.AnsweredTo || f.NextAt != was.NextAt {
		t.Errorf("a late one set the plan back: %+v", *f)
	}
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
		follow(p, f, declared(start, level))
		updates := []time.Time{start}
		var got []string
		for at := start; at.Before(start.AddDate(0, 0, 14)); at = at.Add(time.Duration(60+dice.IntN(60*30)) * time.Minute) {
			got = append(got, climb(p, f, at.Add(-time.Nanosecond))...)
			if at.After(start) {
				follow(p, f, declared(at, level)) // the same level: the plan neither rises nor falls
				updates = append(updates, at)
			}
		}
		got = append(got, climb(p, f, start.AddDate(0, 0, 15))...)
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
	for day := -1; day < 16; day++ {
		midnight := time.Date(start.Year(), start.Month(), start.Day()+day, 0, 0, 0, 0, models.Hanoi)
		for _, at := range plan.Times {
			slots = append(slots, midnight.Add(at))
		}
	}
	answers := func(update, slot time.Time) bool { // everything due before it, and the next that is due
		for _, s := range slots {
			if !s.Before(update) {
				return !slot.After(s)
			}
		}
		return true
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
			if !answered && !at.After(end) {
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
