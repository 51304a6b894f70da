package console

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"khaibao/internal/rules"
)

// formView is the form itself, before it is sent or after it was refused.
type formView struct {
	State    intakeState
	ID       string
	Version  int
	Title    string
	Who      personView
	Legal    string
	Place    placeField
	Blocks   []groupView
	Agreed   bool
	Doubts   []string
	Problems []problem
}

// At gives what is wrong with a field.
func (v formView) At(field string) string { return problemAt(v.Problems, field) }

// groupView is what stands under one heading.
type groupView struct {
	Heading   string
	Emergency bool
	Questions []questionView
}

// questionView is one question as fields. Which ones follows from Kind: "pick" one of the options, "list" of them, "many"
// of them, or something that is typed: "number", "date", "text", "long"; or "place".
type questionView struct {
	ID, Name, Kind, Type string
	Text, Help, Unit     string
	Required             bool
	Options              []option
	Value                string
	First, Last          string // of a date
	Max                  int    // of a text
	When                 string // in words, when it is only asked if something else was answered
	WhenData             string // the same for the script
	Place                placeField
	Problem              string
}

// Described are the ids of what explains the field or says what is wrong with it.
func (q questionView) Described() string {
	var out []string
	if q.When != "" {
		out = append(out, q.ID+"-when")
	}
	if q.Help != "" {
		out = append(out, q.ID+"-help")
	}
	if q.Problem != "" {
		out = append(out, q.ID+"-wrong")
	}
	return strings.Join(out, " ")
}

func (r *request) showForm(status int, d *declaring) error {
	v := formView{
		State: d.state, ID: d.ID, Version: d.program.Version(), Who: r.personView(&d.person), Legal: d.program.LegalBasis(r.lang),
		Title: d.program.Name(r.lang) + " · " + r.say("intake.form."+string(d.form.ID)), Place: r.readPlace(d.given, "commune", d.person.Commune),
		Agreed: d.given.Get("agreed") == "yes", Doubts: d.doubts, Problems: d.problems,
	}
	v.State.Person = d.person.ID
	v.Place.Problem = v.At("commune")
	for _, block := range d.blocks() {
		b := groupView{Heading: d.heading(block[0].Group)}
		for _, q := range block {
			b.Emergency = b.Emergency || q.Emergency
			b.Questions = append(b.Questions, d.question(q))
		}
		v.Blocks = append(v.Blocks, b)
	}
	return r.show(status, "intake_form", v)
}

func (d *declaring) heading(group string) string {
	for i := range d.form.Groups {
		if d.form.Groups[i].ID == group {
			return d.form.Groups[i].Text(d.r.lang)
		}
	}
	return ""
}

// mostRadios is how many options stand side by side; more of them are a list.
const mostRadios = 4

func (d *declaring) question(q *rules.Question) questionView {
	r := d.r
	v := questionView{
		ID: fieldID(q.ID), Name: answerPrefix + q.ID, Type: string(q.Type), Text: q.Text(r.lang), Required: q.Required,
		Value: d.given.Get(answerPrefix + q.ID), Unit: unitOf(q.Codes.Unit), Problem: problemAt(d.problems, fieldID(q.ID)),
	}
	v.When, v.WhenData = d.when(q)
	switch q.Type {
	case rules.TypeBoolean:
		v.Kind, v.Options = "pick", []option{{"yes", r.say("intake.yes"), v.Value == "yes"}, {"no", r.say("intake.no"), v.Value == "no"}}
	case rules.TypeChoice, rules.TypeChoices:
		d.options(q, &v)
	case rules.TypeInteger, rules.TypeDecimal:
		v.Kind, v.Help = "number", r.say("intake.between", "min", r.words().decimal(*q.Min), "max", r.words().decimal(*q.Max))
	case rules.TypeDate:
		v.Kind, v.First, v.Last = "date", daysFrom(r.s.Now(), q.Min), daysFrom(r.s.Now(), q.Max)
		v.Help = r.say("intake.between", "min", r.words().day(v.First), "max", r.words().day(v.Last))
		v.Value = dayOf(v.Value)
	case rules.TypeText:
		v.Kind, v.Max = "text", int(*q.Max)
		if v.Max > 100 {
			v.Kind = "long"
		}
		v.Help = r.say("intake.at_most", "max", v.Max)
	case rules.TypeArea:
		v.Kind, v.Place = "place", r.readPlace(d.given, v.Name, "")
		v.Place.Problem = v.Problem
	}
	if v.Kind == "pick" && (!q.Required || q.EnableWhen != nil) { // without a script no click takes an answer back
		v.Options = append(v.Options, option{"", r.say("intake.unanswered"), v.Value == ""})
	}
	return v
}

func (d *declaring) options(q *rules.Question, v *questionView) {
	chosen := d.given[v.Name]
	for i := range q.Options {
		o := &q.Options[i]
		v.Options = append(v.Options, option{o.ID, o.Text(d.r.lang), slices.Contains(chosen, o.ID)})
	}
	switch {
	case q.Type == rules.TypeChoices:
		v.Kind = "many"
		v.Options = append(v.Options, option{noneOfThem, d.r.say("intake.none_of_them"), slices.Contains(chosen, noneOfThem)})
	case len(q.Options) > mostRadios:
		v.Kind = "list"
	default:
		v.Kind = "pick"
	}
}

// when says under which answers a question is asked, in words and for the script.
func (d *declaring) when(q *rules.Question) (words, data string) {
	if q.EnableWhen == nil {
		return "", ""
	}
	type condition struct {
		Question string `json:"question"`
		Operator string `json:"operator"`
		Answer   any    `json:"answer"`
	}
	rule := struct {
		Behavior   string      `json:"behavior"`
		Conditions []condition `json:"conditions"`
	}{Behavior: q.EnableWhen.Behavior}
	var parts []string
	for _, c := range q.EnableWhen.Conditions {
		rule.Conditions = append(rule.Conditions, condition(c))
		parts = append(parts, d.condition(c))
	}
	text, err := json.Marshal(rule)
	if err != nil {
		return "", "" // conditions hold booleans, numbers and texts only
	}
	return d.r.say("intake.when", "conditions", strings.Join(parts, " "+d.r.say("intake.when_"+q.EnableWhen.Behavior)+" ")), string(text)
}

func (d *declaring) condition(c rules.Condition) string {
	q, ok := d.form.Question(c.Question)
	if !ok {
		return c.Question
	}
	text := bare(q.Text(d.r.lang))
	if c.Operator == "exists" {
		return d.r.say("intake.when_answered."+strconv.FormatBool(c.Answer == true), "question", text)
	}
	answer := d.r.answer(q, c.Answer)
	if id, ok := c.Answer.(string); ok && len(q.Options) > 0 {
		answer = optionText(q, id, d.r.lang)
	}
	sign := map[string]string{"=": ": ", "!=": " ≠ ", ">": " > ", "<": " < ", ">=": " ≥ ", "<=": " ≤ "}[c.Operator]
	return "“" + text + "”" + sign + answer
}

// bare is a question as something that is named.
func bare(question string) string { return strings.TrimRight(question, "?:. ") }

// unitOf writes a unit of UCUM as people do.
func unitOf(ucum string) string {
	if ucum == "Cel" {
		return "°C"
	}
	return ucum
}
