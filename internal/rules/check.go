package rules

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"khaibao/models"
)

// maxNumber bounds every number that a form takes and a rule names, so that no sum of them can overflow.
const maxNumber = 1_000_000_000

// Check brings answers into their canonical form, or names everything that is wrong with them, in the order of the
// form and then unknown questions by name. It takes values as decoded from JSON (bool, string, json.Number, float64,
// []any and so on) or canonical ones, and gives for its own result the same result again. nil means not answered. day is
// any moment of the local day that is declared for: dates are bounded by it. The answers are nil when a field error is
// given. The codes of the field errors are unknown_question, wrong_type, out_of_bounds, unknown_option, duplicate_option,
// required, disabled, too_long, forbidden_characters, bad_date, unknown_area, ambiguous_area, and no_such_form on "/program".
func (p *Program) Check(form models.Form, raw map[string]any, day time.Time) (models.Answers, []models.FieldError) {
	f, ok := p.forms[form]
	if !ok {
		return nil, []models.FieldError{{Field: "/program", Code: "no_such_form"}}
	}
	c := checker{commune: p.commune, today: calendarDay(day), answers: models.Answers{}, wrong: map[string]bool{}}
	for i := range f.Questions {
		c.question(&f.Questions[i], raw[f.Questions[i].ID])
	}
	for _, id := range f.strangers(raw) {
		c.fail(id, "unknown_question", nil)
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return c.answers, nil
}

// Measures gives the numbers among the answers of a form by question id; nil when there are none.
func (p *Program) Measures(form models.Form, answers models.Answers) map[string]float64 {
	f, ok := p.forms[form]
	if !ok {
		return nil
	}
	var numbers map[string]float64
	for i := range f.Questions {
		q := &f.Questions[i]
		if q.Type != TypeInteger && q.Type != TypeDecimal {
			continue
		}
		if n, ok := toFloat(answers[q.ID]); ok {
			if numbers == nil {
				numbers = map[string]float64{}
			}
			numbers[q.ID] = n
		}
	}
	return numbers
}

// strangers lists the keys that are no questions of the form, by name.
func (f *Form) strangers(raw map[string]any) []string {
	var ids []string
	for id := range raw {
		if _, known := f.index[id]; !known {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

type checker struct {
	commune  func(string) (string, *models.FieldError)
	today    time.Time // the declared day, as parseDate gives days
	answers  models.Answers
	wrong    map[string]bool // questions whose answer is not known because it was wrong
	problems []models.FieldError
}

func (c *checker) fail(id, code string, args map[string]any) {
	c.problems = append(c.problems, models.FieldError{Field: pointer(id), Code: code, Args: args})
	c.wrong[id] = true
}

// question checks one answer. Whether a question is enabled by a wrong answer cannot be told: then nothing is said of it.
func (c *checker) question(q *Question, raw any) {
	doubtful := q.EnableWhen != nil && slices.ContainsFunc(q.EnableWhen.Conditions, func(e Condition) bool { return c.wrong[e.Question] })
	enabled := q.EnableWhen.holds(c.answers)
	answer, code, args := c.answer(q, raw)
	switch {
	case code != "":
		c.fail(q.ID, code, args)
	case doubtful:
		c.wrong[q.ID] = true
	case answer == nil && q.Required && enabled:
		c.fail(q.ID, "required", nil)
	case answer != nil && !enabled:
		c.fail(q.ID, "disabled", nil)
	case answer != nil:
		c.answers[q.ID] = answer
	}
}

// answer gives the canonical form of one answer, nil for none, or a field code with its arguments.
func (c *checker) answer(q *Question, raw any) (answer any, code string, args map[string]any) {
	if raw == nil {
		return nil, "", nil
	}
	switch q.Type {
	case TypeBoolean:
		if b, ok := raw.(bool); ok {
			return b, "", nil
		}
	case TypeInteger, TypeDecimal:
		return numberAnswer(q, raw)
	case TypeChoices:
		return choicesAnswer(q, raw)
	default:
		if s, ok := raw.(string); ok {
			return c.stringAnswer(q, s)
		}
	}
	return nil, "wrong_type", map[string]any{"type": string(q.Type)}
}

func (c *checker) stringAnswer(q *Question, s string) (any, string, map[string]any) {
	switch q.Type {
	case TypeChoice:
		if !q.has(s) {
			return nil, "unknown_option", q.optionArgs()
		}
	case TypeDate:
		return c.dateAnswer(q, s)
	case TypeArea:
		return c.areaAnswer(s)
	case TypeText:
		return textAnswer(q, s)
	}
	return s, "", nil
}

// dateAnswer holds a day within the question's bounds, which are days from the declared one.
func (c *checker) dateAnswer(q *Question, s string) (any, string, map[string]any) {
	day, ok := parseDate(s)
	if !ok {
		return nil, "bad_date", nil
	}
	first, last := c.today.AddDate(0, 0, int(*q.Min)), c.today.AddDate(0, 0, int(*q.Max))
	if day.Before(first) || day.After(last) {
		return nil, "out_of_bounds", map[string]any{"min": first.Format(time.DateOnly), "max": last.Format(time.DateOnly)}
	}
	return s, "", nil
}

// areaAnswer gives the code of today's commune.
func (c *checker) areaAnswer(s string) (any, string, map[string]any) {
	if !isCommune(s) {
		return nil, "unknown_area", nil
	}
	if c.commune == nil {
		return s, "", nil
	}
	today, problem := c.commune(s)
	if problem != nil {
		return nil, problem.Code, problem.Args
	}
	return today, "", nil
}

func textAnswer(q *Question, s string) (any, string, map[string]any) {
	if !utf8.ValidString(s) {
		return nil, "forbidden_characters", nil
	}
	s = cleanText(s)
	switch {
	case forbidden(s):
		return nil, "forbidden_characters", nil
	case utf8.RuneCountInString(s) > int(*q.Max):
		return nil, "too_long", map[string]any{"max": int(*q.Max)}
	case s == "":
		return nil, "", nil
	}
	return s, "", nil
}

func choicesAnswer(q *Question, raw any) (any, string, map[string]any) {
	chosen, ok := asStrings(raw)
	if !ok {
		return nil, "wrong_type", map[string]any{"type": string(q.Type)}
	}
	if !slices.ContainsFunc(chosen, func(id string) bool { return !q.has(id) }) {
		slices.Sort(chosen)
		if len(slices.Compact(slices.Clone(chosen))) < len(chosen) {
			return nil, "duplicate_option", nil
		}
		return chosen, "", nil
	}
	return nil, "unknown_option", q.optionArgs()
}

// asStrings copies a list of texts.
func asStrings(raw any) ([]string, bool) {
	switch list := raw.(type) {
	case []string:
		return append([]string{}, list...), true
	case []any:
		out := make([]string, 0, len(list))
		for _, entry := range list {
			s, ok := entry.(string)
			if !ok {
				return nil, false
			}
			out = append(out, s)
		}
		return out, true
	}
	return nil, false
}

func numberAnswer(q *Question, raw any) (any, string, map[string]any) {
	n, ok := toFloat(raw)
	whole := n == math.Trunc(n) // also an infinity, which is out of bounds
	if !ok || math.IsNaN(n) || (q.Type == TypeInteger && !whole) {
		return nil, "wrong_type", map[string]any{"type": string(q.Type)}
	}
	if n < *q.Min || n > *q.Max {
		return nil, "out_of_bounds", map[string]any{"min": plainNumber(*q.Min), "max": plainNumber(*q.Max)}
	}
	if q.Type == TypeInteger {
		return int64(n), "", nil
	}
	return n + 0, "", nil // -0 becomes 0
}

// toFloat reads any number. Bounds lie far within what a float64 holds exactly, so nothing that passes them is rounded.
func toFloat(raw any) (float64, bool) {
	switch n := raw.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case json.Number:
		if !isNumber(n.String()) {
			return 0, false
		}
		f, _ := strconv.ParseFloat(n.String(), 64) // out of range is an infinity
		return f, true
	}
	return 0, false
}

// isNumber keeps out what ParseFloat reads beyond JSON: "inf", "0x10", "1_000".
func isNumber(s string) bool {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return false
	}
	return json.Valid([]byte(s))
}

func plainNumber(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// parseDate reads a calendar day of the years that anything here can be about.
func parseDate(s string) (time.Time, bool) {
	day, err := time.Parse(time.DateOnly, s)
	return day, err == nil && day.Year() >= 1900 && day.Year() < 2200
}

// calendarDay is the local day of a moment, as parseDate gives days.
func calendarDay(at time.Time) time.Time {
	year, month, day := at.In(models.Hanoi).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func isCommune(s string) bool {
	return len(s) == 5 && strings.Trim(s, "0123456789") == ""
}

func (q *Question) has(option string) bool {
	return slices.ContainsFunc(q.Options, func(o Option) bool { return o.ID == option })
}

func (q *Question) optionIDs() []string {
	ids := make([]string, len(q.Options))
	for i, o := range q.Options {
		ids[i] = o.ID
	}
	return ids
}

func (q *Question) optionArgs() map[string]any {
	return map[string]any{"options": strings.Join(q.optionIDs(), ", ")}
}
