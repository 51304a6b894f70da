package models

import (
	"slices"
	"time"
)

// FollowUp is the plan that a person is on under a program after a declaration: when updates are due and how far the
// ladder of the one that is missing has been climbed. There is one for each person and program; it is never doubled.
type FollowUp struct {
	Rev      string
	Account  string
	PersonID string
	Program  string
	Version  int
	Level    Level // whose plan it is: the highest since it began

	StartedAt time.Time
	EndsAt    time.Time
	EndedAt   time.Time // zero while it runs
	EndReason EndReason

	// LastAt is when the newest declaration or update happened, LastReceived when it came.
	LastAt, LastReceived time.Time
	// RenewedAt is when the newest declaration came whose level has a plan: an official who closed the case before that
	// did not end this plan.
	RenewedAt time.Time
	// AnsweredTo: updates that were due up to this moment are answered.
	AnsweredTo time.Time
	// LowerSince is since when the level has been lower than the plan's; zero when it is not.
	LowerSince time.Time
	// Climbed is the last step that was taken.
	Climbed LadderPoint
	// NextAt is when somebody is needed next: for a step, at the end, or to tell the case of it; zero when nobody is.
	NextAt time.Time
}

// FollowUpShards is how many shards plans are spread over by their account: so many workers can look after plans side by
// side, each under a lease of its shard.
const FollowUpShards = 16

// Running tells whether the plan still asks for updates.
func (f *FollowUp) Running() bool { return !f.StartedAt.IsZero() && f.EndedAt.IsZero() }

// Asked gives, of the plans of a household, those that ask for updates: they run, and their person is there.
func (a *Account) Asked(plans []FollowUp) []FollowUp {
	return slices.DeleteFunc(plans, func(f FollowUp) bool {
		_, living := a.Person(f.PersonID)
		return !f.Running() || !living
	})
}

// LadderPoint is one step of the ladder of one missing update.
type LadderPoint struct {
	At   time.Time // when the step is taken
	Slot time.Time // when the update was due
	Step int       // index into the program's ladder
}

// EndReason says why a follow-up ended.
type EndReason string

// The reasons.
const (
	EndPeriodOver EndReason = "period_over" // the plan's days are over
	EndLevelFell  EndReason = "level_fell"  // lower for as long as the plan asks
	EndClosed     EndReason = "case_closed" // an official closed the case
	EndWithdrawn  EndReason = "withdrawn"   // the citizen erased the account or took the person out
)
