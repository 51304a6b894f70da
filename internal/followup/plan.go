// Package followup makes the days after a declaration work: it keeps the plan that a program gives a person of a level,
// and climbs the ladder of an update that does not come: push, SMS, the officials' queue.
package followup

import (
	"time"

	"khaibao/internal/rules"
	"khaibao/models"
)

// slotsFrom calls each for the moments after a time at which the plan asks for an update, until each says no.
func slotsFrom(plan rules.Plan, after, until time.Time, each func(time.Time) bool) {
	local := after.In(models.Hanoi)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, models.Hanoi)
	for ; !day.After(until); day = day.AddDate(0, 0, 1) {
		for _, at := range plan.Times {
			slot := day.Add(at)
			if slot.After(after) && !slot.After(until) && !each(slot) {
				return
			}
		}
	}
}

// answeredTo gives how far an update answers: to the next moment at which one is due, so that an early bird is not
// reminded; the plan's end when none is due any more.
func answeredTo(plan rules.Plan, at, end time.Time) time.Time {
	answered := end
	slotsFrom(plan, at.Add(-time.Nanosecond), end, func(slot time.Time) bool {
		answered = slot
		return false
	})
	return answered
}

// awake moves a moment out of the quiet hours to their end.
func awake(ladder rules.Ladder, at time.Time) time.Time {
	local := at.In(models.Hanoi)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, models.Hanoi)
	clock := local.Sub(day)
	from, to := ladder.QuietFrom, ladder.QuietTo
	switch {
	case from < to && clock >= from && clock < to, from > to && clock < to:
		return day.Add(to)
	case from > to && clock >= from:
		return day.AddDate(0, 0, 1).Add(to)
	}
	return at
}

// next gives the step that comes after the last one taken: the earliest of all updates that are due and not answered.
func next(plan rules.Plan, ladder rules.Ladder, f *models.FollowUp) (models.LadderPoint, bool) {
	var best models.LadderPoint
	found := false
	slotsFrom(plan, f.AnsweredTo, f.EndsAt, func(slot time.Time) bool {
		for step, rung := range ladder.Steps {
			point := models.LadderPoint{At: slot.Add(rung.After), Slot: slot, Step: step}
			if rung.Do != rules.StepOfficial {
				point.At = awake(ladder, point.At)
			}
			if before(f.Climbed, point) && !point.At.After(f.EndsAt) && (!found || before(point, best)) {
				best, found = point, true
			}
		}
		return !found || !slot.After(best.At)
	})
	return best, found
}

// before orders steps by when they are taken, then by which update they are about.
func before(a, b models.LadderPoint) bool {
	if !a.At.Equal(b.At) {
		return a.At.Before(b.At)
	}
	if !a.Slot.Equal(b.Slot) {
		return a.Slot.Before(b.Slot)
	}
	return a.Step < b.Step
}

// follow carries a declaration or update into the plan, and tells whether anything changed. A new one begins when the
// level has a plan and none runs; a higher level's plan takes the place of a lower one's.
func follow(program *rules.Program, f *models.FollowUp, d *models.Declaration) bool {
	newest := d.OccurredAt.After(f.LastAt) || (d.OccurredAt.Equal(f.LastAt) && d.ReceivedAt.After(f.LastReceived))
	if newest {
		f.LastAt, f.LastReceived = d.OccurredAt, d.ReceivedAt
	}
	level := d.Decision.Level
	plan, has := program.Plan(level)
	switch {
	case has && (!f.Running() && newest || f.Running() && level > f.Level):
		begin(program, f, d, plan)
	case !f.Running():
		return newest
	default:
		running, _ := program.Plan(f.Level)
		if to := answeredTo(running, d.OccurredAt, f.EndsAt); to.After(f.AnsweredTo) {
			f.AnsweredTo = to
		}
		if newest {
			fall(f, running, d)
		}
	}
	schedule(program, f)
	return true
}

func begin(program *rules.Program, f *models.FollowUp, d *models.Declaration, plan rules.Plan) {
	f.Version, f.Level = program.Version(), d.Decision.Level
	f.StartedAt, f.EndsAt = d.OccurredAt, d.OccurredAt.AddDate(0, 0, plan.Days)
	f.EndedAt, f.EndReason, f.LowerSince = time.Time{}, "", time.Time{}
	f.AnsweredTo = answeredTo(plan, d.OccurredAt, f.EndsAt)
	f.Climbed = models.LadderPoint{}
}

// fall ends a plan whose level has been lower for as many days as it asks.
func fall(f *models.FollowUp, plan rules.Plan, d *models.Declaration) {
	if d.Decision.Level >= f.Level {
		f.LowerSince = time.Time{}
		return
	}
	if f.LowerSince.IsZero() {
		f.LowerSince = d.OccurredAt
	}
	if plan.LowerDays > 0 && !d.OccurredAt.Before(f.LowerSince.AddDate(0, 0, plan.LowerDays)) {
		end(f, d.OccurredAt, models.EndLevelFell)
	}
}

func end(f *models.FollowUp, at time.Time, reason models.EndReason) {
	f.EndedAt, f.EndReason, f.NextAt = at, reason, time.Time{}
}

// schedule sets when the plan needs somebody next: at a step of the ladder, or at its end.
func schedule(program *rules.Program, f *models.FollowUp) {
	if !f.Running() {
		f.NextAt = time.Time{}
		return
	}
	plan, _ := program.Plan(f.Level)
	f.NextAt = f.EndsAt
	if point, ok := next(plan, program.Ladder(), f); ok {
		f.NextAt = point.At
	}
}

// quietAfter gives when the quiet hours begin after a moment that lies outside them.
func quietAfter(ladder rules.Ladder, at time.Time) time.Time {
	if ladder.QuietFrom == ladder.QuietTo {
		return at.AddDate(1, 0, 0)
	}
	local := at.In(models.Hanoi)
	quiet := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, models.Hanoi).Add(ladder.QuietFrom)
	if quiet.After(at) {
		return quiet
	}
	return quiet.AddDate(0, 0, 1)
}
