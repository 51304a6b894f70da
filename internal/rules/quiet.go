package rules

import (
	"time"

	"khaibao/models"
)

// Quiet are the hours in which nobody is disturbed: from one local time of day to another, over midnight when From is
// the later one. From and To at the same time are no hours at all.
type Quiet struct{ From, To time.Duration }

// DefaultQuiet are the quiet hours of what belongs to no program: 21:00 to 07:00.
var DefaultQuiet = Quiet{From: 21 * time.Hour, To: 7 * time.Hour}

// End gives when the quiet hours that hold a moment end; the moment itself when none do.
func (q Quiet) End(at time.Time) time.Time {
	day := localMidnight(at)
	clock := at.Sub(day)
	switch {
	case q.From < q.To && clock >= q.From && clock < q.To, q.From > q.To && clock < q.To:
		return day.Add(q.To)
	case q.From > q.To && clock >= q.From:
		return day.AddDate(0, 0, 1).Add(q.To)
	}
	return at
}

// Next gives when the quiet hours begin after a moment that lies outside them; false when there are none.
func (q Quiet) Next(at time.Time) (time.Time, bool) {
	begin := localMidnight(at).Add(q.From)
	if !begin.After(at) {
		begin = begin.AddDate(0, 0, 1)
	}
	return begin, q.From != q.To
}

func localMidnight(at time.Time) time.Time {
	local := at.In(models.Hanoi)
	return time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, models.Hanoi)
}

// Quiet gives the quiet hours of a program's ladder, the default ones when it has none.
func (p *Program) Quiet() Quiet {
	if len(p.ladder.Steps) == 0 {
		return DefaultQuiet
	}
	return p.ladder.Quiet
}
