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

// answeredTo gives the last moment at which an update was due that one at a time answers: the last before it or, for an
// early bird on the day itself who is nearer to the next one, that. It is the time itself when nothing was due before.
func answeredTo(plan rules.Plan, at time.Time) time.Time {
	before, next := at, time.Time{}
	slotsFrom(plan, at.AddDate(0, 0, -2), at.AddDate(0, 0, 2), func(slot time.Time) bool {
		if slot.After(at) {
			next = slot
			return false
		}
		before = slot
		return true
	})
	if models.Day(next) == models.Day(at) && next.Sub(at) <= at.Sub(before) {
		return next
	}
	return before
}

// next gives the step that comes after the last one taken: the earliest of all updates that are due and not answered.
func next(plan rules.Plan, ladder rules.Ladder, f *models.FollowUp) (models.LadderPoint, bool) {
	var best models.LadderPoint
	found := false
	slotsFrom(plan, f.AnsweredTo, f.EndsAt, func(slot time.Time) bool {
		for step, rung := range ladder.Steps {
			point := models.LadderPoint{At: slot.Add(rung.After), Slot: slot, Step: step}
			if rung.Do != rules.StepOfficial {
				point.At = ladder.Quiet.End(point.At)
			}
			if before(f.Climbed, point) && point.At.Before(f.EndsAt) && (!found || before(point, best)) {
				best, found = point, true
			}
		}
		return !found || !slot.After(best.At)
	})
	return best, found
}

// climb takes every step that is due by now, in order, and ends the plan when its days are over.
func climb(plan rules.Plan, ladder rules.Ladder, f *models.FollowUp, now time.Time) []taken {
	var steps []taken
	for {
		point, ok := next(plan, ladder, f)
		if !ok || point.At.After(now) {
			break
		}
		f.Climbed = point
		steps = append(steps, taken{point, ladder.Steps[point.Step].Do, lasts(ladder, point.At)})
	}
	if now.Before(f.EndsAt) {
		schedule(plan, ladder, f)
	} else {
		end(f, f.EndsAt, models.EndPeriodOver)
	}
	return steps
}

// lasts gives how long a reminder of a moment is worth sending: until the next step, and no longer than to the quiet
// hours, so that nobody is disturbed by a late one.
func lasts(ladder rules.Ladder, at time.Time) time.Time {
	expires := at.Add(reminderLasts)
	if quiet, ok := ladder.Quiet.Next(at); ok && quiet.Before(expires) {
		return quiet
	}
	return expires
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

// follow carries a declaration or update into the plan, and tells whether anything changed. A new plan, that of the
// program which decided, begins when the level has one and none runs; a higher level's takes the place of a lower one's.
// running is the program of the plan that runs.
func follow(running, program *rules.Program, f *models.FollowUp, d *models.Declaration) bool {
	if f.Running() && !d.OccurredAt.Before(f.EndsAt) { // nobody has come round to ending it
		end(f, f.EndsAt, models.EndPeriodOver)
	}
	newest := d.OccurredAt.After(f.LastAt) || (d.OccurredAt.Equal(f.LastAt) && d.ReceivedAt.After(f.LastReceived))
	was := f.LastAt
	if newest {
		f.LastAt, f.LastReceived = d.OccurredAt, d.ReceivedAt
	}
	plan, has := program.Plan(d.Decision.Level)
	switch {
	case has && !f.Running() && newest:
		*f = models.FollowUp{
			Rev: f.Rev, Account: f.Account, PersonID: f.PersonID, Program: f.Program, LastAt: f.LastAt, LastReceived: f.LastReceived,
			StartedAt: d.OccurredAt,
		}
		adopt(program, plan, f, d)
	case !f.Running():
		return newest || f.EndReason == models.EndPeriodOver
	case has && d.Decision.Level > f.Level:
		adopt(program, plan, f, d)
		if f.LowerSince = (time.Time{}); !newest {
			f.LowerSince = was // it came late: the person has been lower at least since the newest
		}
	default:
		plan, _ = running.Plan(f.Level)
		f.AnsweredTo = later(f.AnsweredTo, answeredTo(plan, d.OccurredAt))
		fall(f, plan, d, newest)
		program = running
	}
	if has && newest {
		f.RenewedAt = d.ReceivedAt
	}
	if f.Running() {
		schedule(plan, program.Ladder(), f)
	}
	return true
}

// adopt puts a person on the plan of a level. Its days count from what was declared, nothing is owed from before it came
// in, and what ran before never asks for longer.
func adopt(program *rules.Program, plan rules.Plan, f *models.FollowUp, d *models.Declaration) {
	f.Version, f.Level = program.Version(), d.Decision.Level
	f.EndsAt = later(f.EndsAt, d.OccurredAt.AddDate(0, 0, plan.Days))
	f.AnsweredTo = later(f.AnsweredTo, answeredTo(plan, later(d.OccurredAt, d.ReceivedAt)))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// fall ends a plan whose level has been lower for as many days as it asks. One that came late and was as high as the plan
// leaves the person lower only since the newest.
func fall(f *models.FollowUp, plan rules.Plan, d *models.Declaration, newest bool) {
	lower := d.Decision.Level < f.Level
	switch {
	case !newest:
		if !lower && !f.LowerSince.IsZero() && d.OccurredAt.After(f.LowerSince) {
			f.LowerSince = f.LastAt
		}
		return
	case !lower:
		f.LowerSince = time.Time{}
		return
	case f.LowerSince.IsZero():
		f.LowerSince = d.OccurredAt
	}
	if plan.LowerDays > 0 && !d.OccurredAt.Before(f.LowerSince.AddDate(0, 0, plan.LowerDays)) {
		end(f, d.OccurredAt, models.EndLevelFell)
	}
}

// end ends a plan. One that ends by itself is due once more: its case has to hear of it.
func end(f *models.FollowUp, at time.Time, reason models.EndReason) {
	f.EndedAt, f.EndReason, f.NextAt = at, reason, time.Time{}
	if reason == models.EndPeriodOver || reason == models.EndLevelFell {
		f.NextAt = at
	}
}

// closedBy tells whether an official's closing of the case ends the plan: not when the person was flagged again since.
func closedBy(f *models.FollowUp, closed time.Time) bool {
	return !closed.IsZero() && !f.RenewedAt.After(closed)
}

// owes tells whether the plan asks for the update of a moment and still lacks it.
func owes(plan rules.Plan, f *models.FollowUp, slot time.Time) bool {
	asked := false
	slotsFrom(plan, slot.Add(-time.Nanosecond), slot, func(time.Time) bool {
		asked = true
		return false
	})
	return asked && f.Running() && slot.After(f.AnsweredTo) && !slot.After(f.EndsAt)
}

// schedule sets when a plan that runs needs somebody next: at a step of the ladder, or at its end.
func schedule(plan rules.Plan, ladder rules.Ladder, f *models.FollowUp) {
	f.NextAt = f.EndsAt
	if point, ok := next(plan, ladder, f); ok {
		f.NextAt = point.At
	}
}
