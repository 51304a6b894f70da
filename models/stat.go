package models

import "time"

// Stat is one number: how many forms of a program were received for a local day in an area, by channel and level.
type Stat struct {
	Program string
	Area    Area
	Day     string // of occurred_at, "2006-01-02"
	Form    Form
	Channel Channel
	Level   Level
	Count   int64
}

// Numbers are the counters of one program, area and local day; Day is empty for what is true now. Of cases they count those
// that are in the area now, as they are now: a case that moved or got worse has taken its numbers along.
type Numbers struct {
	Program  string
	Area     Area
	Day      string // "2006-01-02"
	Declared int64  // declarations and health updates that happened on that day

	Opened    map[Level]int64    // cases whose present spell was opened on that day, whatever became of them
	Contacted map[int]int64      // cases first contacted on that day, by ContactBound in minutes
	Due       int64              // cases whose deadline is on that day; of now: cases that have a deadline
	Waited    map[WaitKind]int64 // cases that waited at the end of that day and do no longer

	Status  map[CaseStatus]int64 // now: cases
	Open    map[Level]int64      // now: cases that are not closed
	Factors map[string]int64     // now: cases that are not closed, by factor
	Marks   map[Mark]int64       // now: cases that are not closed
}

// Mark is something to be done about an open case, or known of it.
type Mark string

// The marks.
const (
	MarkRaised    Mark = "raised"    // it got worse, and nobody has reached the person since
	MarkUnreached Mark = "unreached" // officials tried to reach the person in vain
	MarkMissed    Mark = "missed"    // an update is owed
)

// contactBounds are in minutes: above an hour in whole hours, above two days in whole days, none more than twice the one before.
var contactBounds = []int{
	1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 2 * 60, 3 * 60, 4 * 60, 5 * 60, 6 * 60, 8 * 60, 10 * 60, 12 * 60, 18 * 60, 24 * 60, 36 * 60,
	2 * 1440, 3 * 1440, 4 * 1440, 5 * 1440, 7 * 1440, 10 * 1440, 14 * 1440, 21 * 1440, 30 * 1440, 60 * 1440,
}

// ContactBound gives the least number of minutes of a fixed series that a time to first contact did not exceed: what
// such times are counted by. The last also stands for all that were longer.
func ContactBound(wait time.Duration) int {
	for _, minutes := range contactBounds {
		if wait <= time.Duration(minutes)*time.Minute {
			return minutes
		}
	}
	return contactBounds[len(contactBounds)-1]
}

// MessageStat is what messages of a kind cost on a local day: how many a gateway accepted, and in how many parts.
type MessageStat struct {
	Program  string // empty: of none, such as one-time codes
	Day      string // "2006-01-02"
	Route    Route
	Kind     MessageKind
	Messages int64
	Parts    int64
}
