package models

import "time"

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
	Notes             []Note // oldest first

	OpenedAt       time.Time
	LastDeclaredAt time.Time // occurred_at of the newest declaration or update
	LastReceivedAt time.Time
	DueAt          time.Time // the officials' deadline; zero when contact was made or the case is closed
	MissedSince    time.Time // zero unless the citizen missed an update
	ClosedAt       time.Time
}

// DeclarationRef points at a declaration or health update of the case's account.
type DeclarationRef struct {
	Form Form
	ID   string
}

// LevelAt is one point of the trend.
type LevelAt struct {
	At          time.Time // occurred_at
	Level       Level
	Declaration DeclarationRef
}

// Assessment is an official's own level beside the computed one; it never replaces it.
type Assessment struct {
	Level  Level
	Reason string
	By     string // login
	At     time.Time
}

// Note is an official's remark.
type Note struct {
	Text string
	By   string // login
	At   time.Time
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
	Assignee string
	// Search finds the cases that carry any of the terms; nil does not narrow, empty finds nothing.
	Search []SearchTerm
}

// Page asks for a part of a list. Cursor is opaque and comes from the previous part; Limit is 1 to 200.
type Page struct {
	Limit  int
	Cursor string
}
