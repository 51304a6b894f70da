package main

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"khaibao/models"
)

// This is what the program's file means, written down a second time for the simulated fortnight: which updates are due,
// which steps follow when one is missing, and how follow-up ends. It shares no code with the product.

// followUpRules are the parts of a program's file that the days after a declaration follow from.
type followUpRules struct {
	Levels map[string]struct {
		FollowUp *struct {
			Days      int
			Times     []string
			LowerDays int `yaml:"lower_days"`
		} `yaml:"follow_up"`
	}
	Ladder struct {
		Quiet struct{ From, To string }
		Steps []struct{ After, Do string }
	}
	climbs map[time.Time][]rung // by slot: everybody's ladder for it is the same
}

func readFollowUpRules(t *testing.T) *followUpRules {
	t.Helper()
	text, err := os.ReadFile("../../programs/covid19/1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r := &followUpRules{climbs: map[time.Time][]rung{}}
	if err := yaml.Unmarshal(text, r); err != nil {
		t.Fatal(err)
	}
	if len(r.Ladder.Steps) != 3 || r.Levels["high"].FollowUp == nil {
		t.Fatalf("the program's follow-up reads as %+v", r)
	}
	return r
}

func onDay(day time.Time, clock string) time.Time {
	hour, _ := strconv.Atoi(clock[:2])
	minute, _ := strconv.Atoi(clock[3:])
	day = day.In(models.Hanoi)
	return time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, models.Hanoi)
}

// due gives the moments of some days around a time at which a level's plan asks for an update, in order.
func (r *followUpRules) due(level string, around time.Time, days int) []time.Time {
	var out []time.Time
	for d := -days; d <= days; d++ {
		for _, clock := range r.Levels[level].FollowUp.Times {
			out = append(out, onDay(around.In(models.Hanoi).AddDate(0, 0, d), clock))
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// answered is the last due moment that an update answers: the last before it, or the next on the same day when nearer.
func (r *followUpRules) answered(level string, at time.Time) time.Time {
	all := r.due(level, at, 2)
	next := slices.IndexFunc(all, func(s time.Time) bool { return s.After(at) })
	if all[next].Format(time.DateOnly) == at.In(models.Hanoi).Format(time.DateOnly) && all[next].Sub(at) <= at.Sub(all[next-1]) {
		return all[next]
	}
	return all[next-1]
}

// quiet tells whether nobody is to be disturbed at a time.
func (r *followUpRules) quiet(at time.Time) bool {
	return !at.Before(onDay(at, r.Ladder.Quiet.From)) || at.Before(onDay(at, r.Ladder.Quiet.To))
}

// rung is one step of the ladder of one missing update.
type rung struct {
	slot, at, expires time.Time
	do                string
}

// rungs gives the steps about an update that was due at a time. A reminder in quiet hours waits for the morning; it is
// worth sending for four hours, and never into quiet hours.
func (r *followUpRules) rungs(slot time.Time) []rung {
	if known := r.climbs[slot]; known != nil {
		return known
	}
	var out []rung
	for _, s := range r.Ladder.Steps {
		after, err := time.ParseDuration(s.After)
		if err != nil {
			panic(err)
		}
		step := rung{slot: slot, at: slot.Add(after), do: s.Do}
		if s.Do != "official" {
			for r.quiet(step.at) {
				step.at = step.at.Add(time.Minute)
			}
			step.expires = step.at.Add(4 * time.Hour)
			if evening := onDay(step.at, r.Ladder.Quiet.From); evening.Before(step.expires) {
				step.expires = evening
			}
		}
		out = append(out, step)
	}
	r.climbs[slot] = out
	return out
}

// said is a declaration or update as it was acknowledged: when it happened and came, and the level it was answered with.
type said struct {
	happened, came time.Time
	level          string
}

var levelOrder = []string{"none", "low", "moderate", "high", "emergency"}

func order(level string) int { return slices.Index(levelOrder, level) }

// expectation is what must be true of one person.
type expectation struct {
	rules *followUpRules

	running    bool
	level      string
	ends       time.Time
	owedAfter  time.Time // updates that were due up to then are answered
	lowerSince time.Time
	ended      time.Time
	reason     string
	newest     time.Time // when the newest of what was said happened

	status string // of the case; empty before there is one
	latest string
	missed time.Time
}

// steps gives the steps that come due in a stretch of time.
func (e *expectation) steps(after, until time.Time) []rung {
	if !e.running {
		return nil
	}
	var out []rung
	for _, slot := range e.rules.due(e.level, after, int(until.Sub(after).Hours()/24)+3) {
		if !slot.After(e.owedAfter) || slot.After(e.ends) {
			continue
		}
		for _, step := range e.rules.rungs(slot) {
			if step.at.After(after) && !step.at.After(until) && step.at.Before(e.ends) {
				out = append(out, step)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b rung) int { return a.at.Compare(b.at) })
	return out
}

// owes tells whether the person is asked for the update of a moment and has not sent it.
func (e *expectation) owes(slot time.Time) bool {
	return e.running && slot.After(e.owedAfter) && !slot.After(e.ends) && slices.ContainsFunc(e.rules.due(e.level, slot, 1), slot.Equal)
}

// pass lets time go by: steps that come due reach the officials, and a plan whose days are over ends. It gives the steps
// that remind.
func (e *expectation) pass(after, now time.Time) (steps []rung) {
	steps = e.steps(after, now)
	for _, step := range steps {
		if step.do == "official" && e.status != "closed" && e.missed.IsZero() && e.newest.Before(step.slot) {
			e.missed = step.slot
		}
	}
	if e.running && !now.Before(e.ends) {
		e.end(e.ends, "period_over")
		return nil // nobody is reminded after the end
	}
	return steps
}

func (e *expectation) end(at time.Time, reason string) {
	if !e.running {
		return
	}
	e.running, e.ended, e.reason = false, at, reason
	byItself := reason == "period_over" || reason == "level_fell"
	if byItself && e.status != "new" && e.missed.IsZero() && order(e.latest) < order("moderate") {
		e.status = "closed"
	}
}

// hear takes in what somebody said.
func (e *expectation) hear(s said) {
	if e.running && !s.happened.Before(e.ends) {
		e.end(e.ends, "period_over")
	}
	newest, before := !s.happened.Before(e.newest), e.newest
	e.work(s, newest)
	plan := e.rules.Levels[s.level].FollowUp
	known := s.happened
	if s.came.After(known) {
		known = s.came
	}
	switch {
	case plan != nil && newest && !e.running:
		e.running, e.level, e.reason, e.ended, e.lowerSince = true, s.level, "", time.Time{}, time.Time{}
		e.ends, e.owedAfter = s.happened.AddDate(0, 0, plan.Days), e.rules.answered(s.level, known)
	case plan != nil && e.running && order(s.level) > order(e.level):
		e.level = s.level
		if ends := s.happened.AddDate(0, 0, plan.Days); ends.After(e.ends) {
			e.ends = ends
		}
		e.answer(known)
		if e.lowerSince = (time.Time{}); !newest {
			e.lowerSince = before
		}
	case e.running:
		e.answer(s.happened)
		e.fall(s, newest, before)
	}
	if newest {
		e.newest = s.happened
	}
}

func (e *expectation) answer(at time.Time) {
	if to := e.rules.answered(e.level, at); to.After(e.owedAfter) {
		e.owedAfter = to
	}
}

// fall ends a plan whose level has been lower for as long as it asks.
func (e *expectation) fall(s said, newest bool, before time.Time) {
	lower := order(s.level) < order(e.level)
	switch {
	case !newest && !lower && !e.lowerSince.IsZero() && s.happened.After(e.lowerSince):
		e.lowerSince = before
	case newest && !lower:
		e.lowerSince = time.Time{}
	case newest && lower:
		if e.lowerSince.IsZero() {
			e.lowerSince = s.happened
		}
		if days := e.rules.Levels[e.level].FollowUp.LowerDays; days > 0 && !s.happened.Before(e.lowerSince.AddDate(0, 0, days)) {
			e.end(s.happened, "level_fell")
		}
	}
}

// work is what the officials see.
func (e *expectation) work(s said, newest bool) {
	flagged := order(s.level) >= order("moderate")
	if flagged && (e.status == "" || e.status == "closed" && newest) {
		e.status = "new"
	}
	if newest && e.status != "" {
		e.latest, e.missed = s.level, time.Time{}
	}
}
