package rules

import (
	"time"

	"khaibao/models"
)

// Plan says how a person of a level is followed up. It is checked when a program loads.
type Plan struct {
	Days      int             // how long the plan runs
	Times     []time.Duration // local times of day at which an update is due, earliest first
	LowerDays int             // the plan ends once the level has been lower for so many days; 0: only with Days
}

// Ladder says what happens after a missed update, step by step. It is checked when a program loads.
type Ladder struct {
	Quiet Quiet
	Steps []LadderStep // in the order they are climbed
}

// LadderStep is taken so long after an update was due.
type LadderStep struct {
	After time.Duration
	Do    string // StepPush, StepSMS or StepOfficial
}

// What a step of the ladder does.
const (
	StepPush     = "push"     // a push, and a line in the inbox
	StepSMS      = "sms"      // an SMS
	StepOfficial = "official" // the person stands in the officials' queue as missed
)

// Plan gives the follow-up of a level; false when the level has none.
func (p *Program) Plan(level models.Level) (Plan, bool) {
	if plan := p.levels[level].plan; plan != nil {
		return *plan, true
	}
	return Plan{}, false
}

// Ladder gives the program's ladder; it has no steps when the program has none.
func (p *Program) Ladder() Ladder { return p.ladder }

var ladderSteps = []string{StepPush, StepSMS, StepOfficial}

func (b *builder) plan(node *planNode) *Plan {
	if node == nil {
		return nil
	}
	plan := &Plan{Days: b.whole(node.Days, 1, 90), LowerDays: 0}
	if node.LowerDays.set {
		plan.LowerDays = b.whole(node.LowerDays, 1, 90)
	}
	if len(node.Times) == 0 {
		b.problem(node.mark, `write for example times: ["08:00", "18:00"]`, "a plan needs a time of day")
	}
	for _, w := range node.Times {
		at := b.timeOfDay(w)
		if n := len(plan.Times); n > 0 && at <= plan.Times[n-1] {
			b.problem(w.mark, "list the times from morning to evening, each once", "the times of day are out of order")
		}
		plan.Times = append(plan.Times, at)
	}
	return plan
}

func (b *builder) ladder(node *ladderNode) Ladder {
	if node == nil {
		return Ladder{}
	}
	ladder := Ladder{Quiet: Quiet{From: b.timeOfDay(node.Quiet.From), To: b.timeOfDay(node.Quiet.To)}}
	for _, s := range node.Steps {
		step := LadderStep{After: b.duration(s.After), Do: b.choice(s.Do, "step", ladderSteps)}
		if n := len(ladder.Steps); n > 0 && step.After <= ladder.Steps[n-1].After {
			b.problem(s.After.mark, "each step comes later than the one before", "the steps are out of order")
		}
		ladder.Steps = append(ladder.Steps, step)
	}
	return ladder
}

// timeOfDay reads "08:00".
func (b *builder) timeOfDay(w word) time.Duration {
	at, err := time.Parse("15:04", w.value)
	if err != nil && w.line > 0 {
		b.problem(w.mark, `write hours and minutes in quotes: "08:00"`, "%q is not a time of day", w.value)
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
}

// duration reads "24h" or "90m": more than nothing and at most 30 days.
func (b *builder) duration(w word) time.Duration {
	d, err := time.ParseDuration(w.value)
	if w.line > 0 && (err != nil || d <= 0 || d > 30*24*time.Hour) {
		b.problem(w.mark, "write hours or minutes, such as 24h or 90m, up to 720h", "%q is not a length of time", w.value)
	}
	return d
}
