package models

import "time"

// Look tells whether the entry showed an official who somebody is: a reveal, a find by phone or identity number, or an
// export with identities.
func (e *AuditEntry) Look() bool {
	switch e.Action {
	case AuditReveal, AuditSearch:
		return true
	case AuditExport:
		return e.Detail["identified"] == "yes"
	}
	return false
}

// What counts as unusual reading. A day is a local one.
const (
	ManyLooks    = 20  // of a day are nobody's business to ask about
	MeanTimes    = 3   // above them, so many times the official's own daily mean is still usual
	MeanDays     = 14  // the days before that the mean is of
	TooManyLooks = 100 // of a day are always to be asked about

	OffHoursFrom, OffHoursTo = 21, 6 // o'clock: a look in between is off hours
)

// UsualLooks is how many looks of a day are usual for an official who had so many in the MeanDays before it.
func UsualLooks(before int64) int64 {
	return min(max(ManyLooks, MeanTimes*before/MeanDays), TooManyLooks)
}

// Night is the part of a local day in which a look is off hours, as the two spans of it: its first hours and its last.
func Night(day time.Time) (first, last Span) {
	day = DayStart(day)
	at := func(hour int) time.Time { return time.Date(day.Year(), day.Month(), day.Day(), hour, 0, 0, 0, Hanoi) }
	return Span{day, at(OffHoursTo)}, Span{at(OffHoursFrom), at(24)}
}

// Span is a time from and before.
type Span struct{ From, Before time.Time }

// Holds tells whether a moment lies in the span.
func (s Span) Holds(at time.Time) bool { return !at.Before(s.From) && at.Before(s.Before) }

// DayStart is the midnight that a moment's local day begins with.
func DayStart(at time.Time) time.Time {
	at = at.In(Hanoi)
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, Hanoi)
}
