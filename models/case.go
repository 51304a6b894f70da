package models

import (
	"slices"
	"time"
)

// CaseStatus is how far the officials are with a case.
type CaseStatus string

// The statuses.
const (
	CaseNew        CaseStatus = "new"
	CaseContacted  CaseStatus = "contacted"
	CaseMonitoring CaseStatus = "monitoring"
	CaseReferred   CaseStatus = "referred"
	CaseClosed     CaseStatus = "closed"
)

// CaseStatuses lists them in the order of work.
func CaseStatuses() []CaseStatus {
	return []CaseStatus{CaseNew, CaseContacted, CaseMonitoring, CaseReferred, CaseClosed}
}

// OpenStatuses are those of a case that is still worked on.
func OpenStatuses() []CaseStatus {
	return []CaseStatus{CaseNew, CaseContacted, CaseMonitoring, CaseReferred}
}

// QueueCounts say how many cases are open, how many of those wait for what, and how many are closed.
type QueueCounts struct {
	Open, New, Raised, Overdue, Unreached, Missed, Mine, Closed int64
	At                                                          time.Time // of when they are; zero: of now
}

// Case is one flagged person under one program: the officials' working document.
type Case struct {
	ID       string
	Rev      string // the ETag of the API
	Account  string
	PersonID string
	Program  string

	// Level is the highest since the case opened; the fields beside it belong to the declaration that set it.
	Level       Level
	Factors     []string
	Reasons     []Reason
	Version     int
	DecidedBy   DeclarationRef
	LatestLevel Level     // of the newest declaration or update
	Levels      []LevelAt // oldest first

	Commune, Province string // where the case is worked on
	Home              string // the person's own commune when last heard of; when it changes, the case follows
	Status            CaseStatus
	Assignee          string // login of an official; empty when nobody took it
	Assessment        *Assessment
	// EarlierAssessments are those whose place another one took, oldest first: the last 20.
	EarlierAssessments []Assessment
	Notes              []Note    // oldest first
	Contacts           []Contact // oldest first
	// SameAs is another case of the same person, whom two households have declared; empty when there is none. The accounts
	// stay apart.
	SameAs string

	OpenedAt       time.Time
	LastDeclaredAt time.Time // occurred_at of the newest declaration or update
	LastReceivedAt time.Time
	DueAt          time.Time   // the officials' deadline; zero when contact was made or the case is closed
	MissedSince    time.Time   // zero unless the citizen missed an update
	RaisedAt       time.Time   // when the level of the open case last rose above the one before; zero again once it fell or somebody was reached
	UnreachedSince time.Time   // of the first attempt since which nobody was reached; zero when somebody was, or none was made
	Unreachable    Unreachable // why no message reaches the household; zero when messages do
	FirstContactAt time.Time   // when the officials first reached somebody since the case opened
	ClosedAt       time.Time
	Waits          []Wait   // oldest first
	Acted          []string // keys of the last forms that officials acted by
}

// Outcome is how an attempt to reach a person ended.
type Outcome string

// The outcomes.
const (
	Reached     Outcome = "reached"
	NoAnswer    Outcome = "no_answer"
	WrongNumber Outcome = "wrong_number"
	Refused     Outcome = "refused"
)

// Outcomes lists them.
func Outcomes() []Outcome { return []Outcome{Reached, NoAnswer, WrongNumber, Refused} }

// Spoke tells whether somebody was spoken to: that ends the deadline of the first contact.
func (o Outcome) Spoke() bool { return o == Reached || o == Refused }

// Contact is an attempt of an official to reach the person.
type Contact struct {
	Outcome Outcome
	Note    string
	By      string // login
	At      time.Time
}

// WaitKind says what a case waited for.
type WaitKind string

// The kinds.
const (
	WaitOverdue   WaitKind = "overdue"   // the officials' deadline had passed
	WaitUnreached WaitKind = "unreached" // officials had tried, and reached nobody
)

// Wait is a time in which a case was overdue or unreached at the end of a day, and that is over: it is kept so that the
// numbers and lists of those days stay true. One that goes on is in the case itself.
type Wait struct {
	Kind     WaitKind
	From, To time.Time
}

// waitDays is how many of its last days a wait counts in.
const waitDays = 14

// Days gives the local days at whose end the wait lasted, the latest first: at most the last 14.
func (w Wait) Days() []string {
	var out []string
	to := w.To.In(Hanoi)
	for midnight := time.Date(to.Year(), to.Month(), to.Day(), 0, 0, 0, 0, Hanoi); w.From.Before(midnight) && len(out) < waitDays; midnight = midnight.AddDate(0, 0, -1) {
		out = append(out, Day(midnight.Add(-1)))
	}
	return out
}

// WaitedOn is the end of a local day ("2006-01-02") at which cases waited. It is known for the last 14.
type WaitedOn struct {
	Kind WaitKind
	Day  string
}

// EndWait keeps a wait that has ended, when it lasted at the end of a day. A zero from is none.
func (c *Case) EndWait(kind WaitKind, from, to time.Time) {
	if w := (Wait{kind, from, to}); !from.IsZero() && len(w.Days()) > 0 {
		c.Waits = append(c.Waits, w)
	}
}

// mostActed is how many keys a case remembers.
const mostActed = 64

// ActedBy notes that officials act by a form, and tells whether they have before: sent again it changes nothing. A form
// without a key is always a new one.
func (c *Case) ActedBy(form string) (again bool) {
	if form == "" || slices.Contains(c.Acted, form) {
		return form != ""
	}
	c.Acted = append(c.Acted[max(0, len(c.Acted)-mostActed+1):], form)
	return false
}

// CaseWork is what an official's quick action changes of a case, so that it can be undone.
type CaseWork struct {
	Status                                                 CaseStatus
	Assignee                                               string
	DueAt, RaisedAt, UnreachedSince, FirstContactAt, Ended time.Time
	Contacts, Waits, Acted                                 int // how many there are
}

// Work gives the part of a case that quick actions change.
func (c *Case) Work() CaseWork {
	return CaseWork{c.Status, c.Assignee, c.DueAt, c.RaisedAt, c.UnreachedSince, c.FirstContactAt, c.ClosedAt, len(c.Contacts), len(c.Waits), len(c.Acted)}
}

// Restore gives a case back the work it had.
func (c *Case) Restore(w CaseWork) {
	c.Status, c.Assignee, c.DueAt, c.RaisedAt = w.Status, w.Assignee, w.DueAt, w.RaisedAt
	c.UnreachedSince, c.FirstContactAt, c.ClosedAt = w.UnreachedSince, w.FirstContactAt, w.Ended
	c.Contacts = c.Contacts[:min(w.Contacts, len(c.Contacts))]
	c.Waits = c.Waits[:min(w.Waits, len(c.Waits))]
	c.Acted = c.Acted[:min(w.Acted, len(c.Acted))]
}

// Undo is how an action on one or many cases is taken back, by whoever did it and for a while.
type Undo struct {
	ID        string
	Login     string
	ExpiresAt time.Time
	Items     []UndoItem
}

// UndoItem is one case: as it was before, and the rev that the action gave it. Whoever changed it since is not undone.
type UndoItem struct {
	Case   string
	Rev    string
	Before CaseWork
}

// DeclarationRef points at a declaration or health update of the case's account.
type DeclarationRef struct {
	Form Form
	ID   string
}

// LevelAt is one point of the trend.
type LevelAt struct {
	At    time.Time // occurred_at
	Level Level
	// Declaration is the form behind the point; empty for the level from before the case, which is known from the form after it.
	Declaration DeclarationRef
	// Values are the numbers of the form by question id, such as the temperature.
	Values map[string]float64
}

// Trend compares the newest level of the case with the one before it; false when there is only one.
func (c *Case) Trend() (Trend, bool) {
	n := len(c.Levels)
	if n < 2 {
		return Trend{}, false
	}
	return trend(c.Levels[n-2], c.Levels[n-1].Level), true
}

// Assessment is an official's own level beside the computed one; it never replaces it.
type Assessment struct {
	Level  Level
	Reason string
	By     string // login
	At     time.Time
}

// maxEarlierAssessments bounds the document of a case.
const maxEarlierAssessments = 20

// Assess gives the case an assessment. The one whose place it takes is kept among the earlier ones.
func (c *Case) Assess(a Assessment) {
	if c.Assessment != nil {
		earlier := append(c.EarlierAssessments, *c.Assessment)
		c.EarlierAssessments = earlier[max(0, len(earlier)-maxEarlierAssessments):]
	}
	c.Assessment = &a
}

// Assessments are the earlier ones and the present one, oldest first.
func (c *Case) Assessments() []Assessment {
	if c.Assessment == nil {
		return nil
	}
	return append(slices.Clone(c.EarlierAssessments), *c.Assessment)
}

// Note is an official's remark.
type Note struct {
	Text string
	By   string // login
	At   time.Time
}

// HasTexts tells whether officials wrote anything that is to be sealed.
func (c *Case) HasTexts() bool {
	return len(c.Notes) > 0 || c.Assessment != nil || slices.ContainsFunc(c.Contacts, func(contact Contact) bool { return contact.Note != "" })
}

// Overdue tells whether the officials' deadline has passed.
func (c *Case) Overdue(now time.Time) bool {
	return !c.DueAt.IsZero() && c.Status != CaseClosed && now.After(c.DueAt)
}

// CaseFilter narrows a list of cases; a zero field does not narrow. Scope is separate: it is a receiver, never a filter.
type CaseFilter struct {
	Levels   []Level
	Statuses []CaseStatus
	Program  string
	Area     Area
	Factor   string
	Since    time.Time // last declared at or after
	Overdue  *bool
	Missed   *bool
	// Unreachable: whether messages find no way to the household.
	Unreachable *bool
	Assignee    string
	Assigned    *bool // whether somebody has it
	// Raised: got worse and nobody was reached since. Unreached: tried, and nobody was reached.
	Raised, Unreached *bool
	WaitedOn          WaitedOn  // waited then, whether or not they still do
	SameAs            string    // linked to this case
	OpenedFrom        time.Time // opened at or after
	OpenedTo          time.Time // opened before
	ContactedFrom     time.Time // first contacted at or after
	ContactedTo       time.Time // first contacted before
	// Search finds the cases that carry any of the terms; nil does not narrow, empty finds nothing.
	Search []SearchTerm
	Order  CaseOrder
}

// CaseOrder says which cases of a list come first.
type CaseOrder string

// The orders: newest declared first, the earliest deadline first, the highest level first.
const (
	ByNewest   CaseOrder = ""
	ByDeadline CaseOrder = "due"
	ByLevel    CaseOrder = "level"
)

// Page asks for a part of a list. Cursor is opaque and comes from the previous part; Limit is 1 to 200.
type Page struct {
	Limit  int
	Cursor string
}
