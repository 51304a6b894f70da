package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"khaibao/internal/intake"
	"khaibao/internal/rules"
	"khaibao/models"
)

// declaring is a form about somebody on its way, as read or to be read.
type declaring struct {
	r        *request
	state    intakeState
	citizen  models.Citizen
	person   models.Person
	program  *rules.Program
	form     *rules.Form
	ID       string // of the declaration that it makes
	given    url.Values
	doubts   []string
	problems []problem
}

// declaring opens the form that a state is about, for somebody who is there: anybody else is not found.
func (r *request) declaring(state intakeState, phone string) (*declaring, error) {
	d := &declaring{r: r, state: state, ID: newUUID(), given: url.Values{}}
	var problem *models.FieldError
	if d.program, d.form, problem = state.form(r.s.Programs, r.s.Now()); problem != nil {
		return nil, models.InvalidFields(*problem)
	}
	var err error
	if d.citizen, err = r.s.Intake.OnBehalf(r.Context(), r.official, phone, statementVersion); err != nil {
		return nil, err
	}
	d.person, err = r.s.Intake.Person(r.Context(), d.citizen, state.Person)
	return d, err
}

// intakeForm is the step at which somebody of the household was chosen.
func (r *request) intakeForm() error {
	state, phone, done, err := r.begun()
	if done || err != nil {
		return err
	}
	d, err := r.declaring(state, phone)
	if err != nil {
		return err
	}
	return r.showForm(http.StatusOK, d)
}

// read takes what was typed. The version that was answered counts, also when another one has come since.
func (d *declaring) read(given url.Values) {
	d.given, d.ID = given, given.Get("id")
	if p, ok := d.r.s.Programs.Version(d.program.ID(), atoi(given.Get("version"))); ok {
		if f, ok := p.Form(d.form.ID); ok {
			d.program, d.form = p, f
		}
	}
}

// submission is the form as the use-case takes it, with what the page itself finds wrong.
func (d *declaring) submission() intake.Submission {
	in := intake.Submission{
		Form: d.form.ID, ID: d.ID, Program: d.program.ID(), Version: d.program.Version(), PersonID: d.person.ID,
	}
	in.Answers, in.Wrong = d.answers()
	place := d.r.readPlace(d.given, "commune", d.person.Commune)
	commune, wrong := place.given(d.given)
	switch {
	case wrong != "":
		in.Wrong = append(in.Wrong, models.FieldError{Field: "/area/commune", Code: wrong})
	case commune != d.person.Commune:
		in.Commune = commune
	}
	if d.given.Get("agreed") != "yes" {
		in.Wrong = append(in.Wrong, models.FieldError{Field: "/agreed", Code: "not_agreed"})
	}
	return in
}

// refused takes over what was wrong.
func (d *declaring) refused(err error) *declaring {
	fields := fieldsOf(err)
	if place := slices.IndexFunc(fields, func(f models.FieldError) bool { return f.Field == "/area/commune" }); place >= 0 {
		// that the person has no commune is said by the place itself
		fields = slices.DeleteFunc(fields, func(f models.FieldError) bool { return f.Code == "no_commune" })
	}
	d.problems = inOrder(d.r.wrong(fields, d.field), d.order())
	return d
}

// field gives a field its place on the page.
func (d *declaring) field(field string) (at, label string) {
	if id, ok := strings.CutPrefix(field, "/answers/"); ok {
		if q, ok := d.form.Question(id); ok {
			return fieldID(id), bare(q.Text(d.r.lang))
		}
		return "", id
	}
	switch field {
	case "/area/commune", "/person_id":
		return "commune", d.r.say("intake.stays")
	case "/agreed":
		return "agreed", d.r.say("intake.statement")
	}
	return "", ""
}

// order lists the fields from the top of the page.
func (d *declaring) order() []string {
	out := []string{"", "commune"}
	for _, block := range d.blocks() {
		for _, q := range block {
			out = append(out, fieldID(q.ID))
		}
	}
	return append(out, "agreed")
}

// blocks are the questions as they stand together, in the form's order but for this: what tells an emergency comes first.
// A block in which something hangs on another answer stays where it is.
func (d *declaring) blocks() [][]*rules.Question {
	var urgent, others [][]*rules.Question
	for i := 0; i < len(d.form.Questions); {
		first := &d.form.Questions[i]
		block := []*rules.Question{first}
		for i++; i < len(d.form.Questions); i++ {
			q := &d.form.Questions[i]
			if q.Group != first.Group || (q.Group == "" && q.Emergency != first.Emergency) {
				break
			}
			block = append(block, q)
		}
		emergency := slices.ContainsFunc(block, func(q *rules.Question) bool { return q.Emergency })
		hangs := slices.ContainsFunc(block, func(q *rules.Question) bool { return q.EnableWhen != nil })
		if emergency && !hangs {
			urgent = append(urgent, block)
		} else {
			others = append(others, block)
		}
	}
	return append(urgent, others...)
}

// The names of a form's fields: a question's id is in them, and no question can be called as another field is.
const answerPrefix = "a."

func fieldID(question string) string { return "q-" + question }

// noneOfThem is the answer "none of them" to a question of several options; no option can be called so.
const noneOfThem = "-"

// answers reads the fields of the form's questions into what the app would send as JSON. What is no answer of the
// question's type is left as the text it is, and found wrong with everything else.
func (d *declaring) answers() (map[string]any, []models.FieldError) {
	out := map[string]any{}
	var wrong []models.FieldError
	for name, values := range d.given {
		id, ok := strings.CutPrefix(name, answerPrefix)
		if !ok || strings.Join(values, "") == "" {
			continue
		}
		q, known := d.form.Question(id)
		switch {
		case !known:
			out[id] = values[0]
		case q.Type == rules.TypeArea: // below
		case q.Type == rules.TypeChoices && slices.Contains(values, noneOfThem) && len(values) > 1:
			wrong = append(wrong, models.FieldError{Field: "/answers/" + id, Code: "none_and_some"})
		default:
			out[id] = answerOf(q.Type, values)
		}
	}
	for i := range d.form.Questions {
		q := &d.form.Questions[i]
		if q.Type != rules.TypeArea {
			continue
		}
		place := d.r.readPlace(d.given, answerPrefix+q.ID, "")
		code, problem := place.given(d.given)
		if problem != "" {
			wrong = append(wrong, models.FieldError{Field: "/answers/" + q.ID, Code: problem})
		} else if code != "" {
			out[q.ID] = code
		}
	}
	return out, wrong
}

// answerOf reads one field: "yes", "37,5", "21/3/2026" and so on.
func answerOf(kind rules.QuestionType, values []string) any {
	text := strings.TrimSpace(values[0])
	switch kind {
	case rules.TypeBoolean:
		if text == "yes" || text == "no" {
			return text == "yes"
		}
	case rules.TypeChoices:
		out := []any{}
		for _, v := range values {
			if v != noneOfThem {
				out = append(out, v)
			}
		}
		return out
	case rules.TypeInteger:
		if !strings.ContainsAny(text, ".,") { // 1.000 is a thousand to some and one to others
			return json.Number(text)
		}
	case rules.TypeDecimal:
		return json.Number(strings.Replace(text, ",", ".", 1))
	case rules.TypeDate:
		return dayOf(text)
	case rules.TypeText:
		return values[0]
	}
	return text
}

// daysFrom is a bound of a date question as a day.
func daysFrom(now time.Time, days *float64) string {
	if days == nil {
		return ""
	}
	return models.Day(now.AddDate(0, 0, int(*days)))
}
