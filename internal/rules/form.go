package rules

import (
	"cmp"
	"slices"

	"khaibao/models"
)

// QuestionType says what kind of answer a question takes.
type QuestionType string

// The types, and the canonical answer of each (models.Answers).
const (
	TypeBoolean QuestionType = "boolean" // bool
	TypeChoice  QuestionType = "choice"  // string, the id of an option
	TypeChoices QuestionType = "choices" // []string, ids of options, sorted; empty is an explicit "none of them"
	TypeInteger QuestionType = "integer" // int64
	TypeDecimal QuestionType = "decimal" // float64
	TypeDate    QuestionType = "date"    // string, "2006-01-02"
	TypeText    QuestionType = "text"    // string
	TypeArea    QuestionType = "area"    // string, 5-digit commune code
)

var questionTypes = []string{"boolean", "choice", "choices", "integer", "decimal", "date", "text", "area"}

// Form is what one form asks, in the order it is asked.
type Form struct {
	ID        models.Form
	Groups    []Group
	Questions []Question

	base    models.Level
	rules   []rule
	leaves  []leaf
	index   map[string]int // question id -> position in Questions
	names   map[string]int // variable of a rule -> position in a valuation
	blank   []any          // a valuation in which nothing is known
	earlier []earlierValue // those that the rules name
	second  bool           // some rules name the level and are decided second
}

// Group is questions that fit on one screen of a feature phone, where what is not named is an explicit no.
type Group struct {
	ID        string
	Questions []string // at most 7, next to each other in the form; all boolean or all yes | no (| not_sure) choices
	text      texts
	short     briefs
}

// Text is the group's heading.
func (g *Group) Text(lang models.Lang) string { return g.text.in(lang) }

// Short is the heading for keypads and SMS, in plain letters.
func (g *Group) Short(lang models.Lang) string { return g.short.plain.in(lang) }

// Brief is Short as it was written, with accents.
func (g *Group) Brief(lang models.Lang) string { return g.short.written.in(lang) }

// Question is one thing a form asks.
type Question struct {
	ID        string
	Type      QuestionType
	Required  bool // must be answered when it is enabled
	Emergency bool // a yes is an emergency
	Group     string
	Options   []Option // of choice and choices
	// Min and Max bound an integer or decimal, inclusive; a date in days from the declared day, such as -30 to 0. For a
	// text Max is the greatest number of characters and Min nil.
	Min, Max   *float64
	EnableWhen *EnableWhen // nil: always asked
	Codes      Codes
	// Words are further names that citizens give to it in an SMS, in any language and with or without accents.
	Words []string

	text    texts
	short   briefs
	finding texts // what an answer that made a rule true is called
}

// Text is the question as the app shows it.
func (q *Question) Text(lang models.Lang) string { return q.text.in(lang) }

// Short is the question for keypads and SMS, in plain letters.
func (q *Question) Short(lang models.Lang) string { return q.short.plain.in(lang) }

// Brief is Short as it was written, with accents.
func (q *Question) Brief(lang models.Lang) string { return q.short.written.in(lang) }

// Finding is what a reason calls an answer that made its rule true: "fever" of a temperature.
func (q *Question) Finding(lang models.Lang) string { return q.finding.in(lang) }

// Option is one answer of a choice.
type Option struct {
	ID    string
	text  texts
	short briefs
}

// Text is the option as the app shows it.
func (o *Option) Text(lang models.Lang) string { return o.text.in(lang) }

// Short is the option for keypads and SMS, in plain letters.
func (o *Option) Short(lang models.Lang) string { return o.short.plain.in(lang) }

// Brief is Short as it was written, with accents.
func (o *Option) Brief(lang models.Lang) string { return o.short.written.in(lang) }

// Codes maps an own concept to standard vocabularies. The own code stays the primary one.
type Codes struct {
	SNOMED []string // SNOMED CT concept ids
	ICD10  []string
	LOINC  []string
	Unit   string // UCUM, of a measured number
}

// EnableWhen tells when a question is asked; the same as FHIR Questionnaire's item.enableWhen and enableBehavior.
type EnableWhen struct {
	Behavior   string // "all" or "any" of the conditions
	Conditions []Condition
}

// Condition compares the answer of an earlier question. Operator is exists, =, !=, >, <, >= or <=. For exists the
// Answer is true (answered) or false (not answered). Every other operator is false while the question is unanswered.
// For choices, = means that the option is among those chosen.
type Condition struct {
	Question string
	Operator string
	Answer   any // bool, string, int64 or float64, as the question's type has it
}

// Question gives the question with that id.
func (f *Form) Question(id string) (*Question, bool) {
	i, ok := f.index[id]
	if !ok {
		return nil, false
	}
	return &f.Questions[i], true
}

// Enabled tells whether a question is to be asked, given canonical answers of the enabled questions before it.
func (f *Form) Enabled(id string, answers models.Answers) bool {
	q, ok := f.Question(id)
	return ok && q.EnableWhen.holds(answers)
}

func (e *EnableWhen) holds(answers models.Answers) bool {
	if e == nil {
		return true
	}
	holds := func(c Condition) bool { return c.holds(answers) }
	if e.Behavior == "any" {
		return slices.ContainsFunc(e.Conditions, holds)
	}
	return !slices.ContainsFunc(e.Conditions, func(c Condition) bool { return !holds(c) })
}

func (c Condition) holds(answers models.Answers) bool {
	answer, answered := answers[c.Question]
	if c.Operator == "exists" {
		return answered == (c.Answer == true)
	}
	if !answered {
		return false
	}
	if chosen, ok := answer.([]string); ok {
		return slices.Contains(chosen, c.Answer.(string)) == (c.Operator == "=")
	}
	order, ok := compare(answer, c.Answer)
	if !ok {
		return false
	}
	switch c.Operator {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case ">":
		return order > 0
	case "<":
		return order < 0
	case ">=":
		return order >= 0
	case "<=":
		return order <= 0
	}
	return false
}

// compare orders two answers of one kind: numbers by size, texts (dates too) by letters, false before true.
func compare(a, b any) (int, bool) {
	if x, ok := asFloat(a); ok {
		y, ok := asFloat(b)
		return cmp.Compare(x, y), ok
	}
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return cmp.Compare(x, y), ok
	case bool:
		y, ok := b.(bool)
		return cmp.Compare(rank(x), rank(y)), ok
	}
	return 0, false
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// asFloat gives the value of a canonical number.
func asFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
