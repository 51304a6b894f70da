package models

import "time"

// Form names one of a program's two forms.
type Form string

// The forms: the declaration, and the daily health update of the follow-up.
const (
	FormDeclaration Form = "declaration"
	FormDaily       Form = "daily"
)

// Answers maps question ids to answers in their canonical Go form: bool, string (choice, text, date, area),
// []string (choices, sorted), int64 or float64. A question that was not answered is absent.
type Answers map[string]any

// Declaration is one form as answered about one person, with the decision of its day. Health updates have the same shape.
type Declaration struct {
	Account  string
	ID       string // the client's UUIDv7
	Form     Form
	PersonID string
	Program  string
	Version  int
	Channel  Channel
	By       *Behalf // the official who entered it on the citizen's behalf; nil when the citizen did
	Answers  Answers
	Private  []string // ids of the free-text answers: sealed in a store, gone with the account's key
	// Measures are the numbers among the answers, such as the temperature, for those who read a form without its answers.
	Measures map[string]float64

	// What the decision used besides the answers; kept so that it replays, and what stays after an erasure.
	Age      int // completed years on the local day of OccurredAt
	Sex      Sex
	Commune  string
	Province string
	Earlier  Earlier
	// Previous is the newest form of the person under the program that happened before, among those that were here when
	// this one came; zero when there was none within the time that rules look back, or nobody looked.
	Previous LevelAt

	OccurredAt time.Time // when the citizen says it was
	ReceivedAt time.Time // when we had it
	Decision   Decision
	Notify     bool // the household had a device to tell when it was received
}

// Day is the local calendar day that the declaration counts for.
func (d *Declaration) Day() string { return Day(d.OccurredAt) }

// Earlier holds the person's previous values that a decision used, by name: answers by question id, the word of the level
// under "level", the local days since under "days". Empty when it used none.
type Earlier map[string]any

// Trend compares a level with the one before it.
type Trend struct {
	Direction Direction
	Previous  Level
	Since     time.Time // when the one before happened
}

// Direction is which way a trend goes.
type Direction string

// The directions.
const (
	Better Direction = "better"
	Same   Direction = "same"
	Worse  Direction = "worse"
)

// Trend compares the decision with the previous form's; false when there is none.
func (d *Declaration) Trend() (Trend, bool) {
	if d.Previous.At.IsZero() {
		return Trend{}, false
	}
	return trend(d.Previous, d.Decision.Level), true
}

func trend(before LevelAt, level Level) Trend {
	t := Trend{Same, before.Level, before.At}
	switch {
	case level > before.Level:
		t.Direction = Worse
	case level < before.Level:
		t.Direction = Better
	}
	return t
}

// Decision is what the rules said, in codes only: its texts are rendered in the reader's language at each read.
type Decision struct {
	Level   Level
	Factors []string // factor codes of the program, in the program's order
	Reasons []Reason // the rules that fired, in the program's order
}

// Reason is one rule that fired and the answers that made it true.
type Reason struct {
	Rule      string
	Questions []string // ids of the answered questions that made the rule true
}
