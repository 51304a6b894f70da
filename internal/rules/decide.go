package rules

import (
	"time"

	"cel.dev/cel-go/common/types"

	"khaibao/models"
)

// Input is all that a decision hangs on, and all that must be kept to replay it.
type Input struct {
	Form    models.Form
	Answers models.Answers // as Check gave them
	Age     int            // completed years; negative when it is not known
	Sex     models.Sex     // empty when it is not known
	Day     time.Time      // any moment of the local day that is declared for
	Earlier models.Earlier // as Recall gave them
}

// rule gives a level, factors or both when its condition is true.
type rule struct {
	id      string
	when    *condition
	second  bool         // names the level that the others gave, and is decided after them
	level   models.Level // LevelNone: factors only
	factors []int        // positions in the program's factors
	text    texts
}

// Decide gives the decision of a form: the highest level of the rules that fired, but never below the form's base
// level, with the factors and rules in the program's order. A rule fires when its condition is true; one that hangs on
// an unanswered question or on an earlier value that is not there is unknown and does not fire. Rules that name the level
// are decided after the others. The same input always gives the same decision. A form that the
// program does not have decides nothing (LevelNone).
func (p *Program) Decide(in Input) models.Decision {
	form, ok := p.forms[in.Form]
	if !ok {
		return models.Decision{}
	}
	v := form.valuation(in)
	v.fire()
	decision := models.Decision{Level: form.base}
	found := make([]bool, len(p.factors))
	for i := range form.rules {
		r := &form.rules[i]
		if !v.fired[i] {
			continue
		}
		decision.Level = max(decision.Level, r.level)
		for _, f := range r.factors {
			found[f] = true
		}
		if decision.Reasons == nil {
			decision.Reasons = make([]models.Reason, 0, 8)
		}
		decision.Reasons = append(decision.Reasons, models.Reason{Rule: r.id, Questions: v.because(r.when)})
	}
	decision.Factors = selected(found, func(i int) string { return p.factors[i].id })
	return decision
}

// fire finds the rules that are true: first those that do not name the level, then, with the level that these gave, the
// others. None of the second sees what another of them gives, so there is no circle.
func (v *valuation) fire() {
	v.level = v.form.base
	v.turn(false)
	if v.form.second {
		given := v.level
		v.values[v.form.names[varLevel]] = types.Int(given)
		v.turn(true)
		v.level = given
	}
}

func (v *valuation) turn(second bool) {
	for i := range v.form.rules {
		r := &v.form.rules[i]
		if r.second == second && r.when.truth(v) == yes {
			v.fired[i] = true
			v.level = max(v.level, r.level)
		}
	}
}

// valuation lays out what is known.
func (f *Form) valuation(in Input) *valuation {
	v := &valuation{form: f, values: make([]any, len(f.blank)), truths: make([]truth, len(f.leaves)), fired: make([]bool, len(f.rules))}
	copy(v.values, f.blank)
	for i := range v.truths {
		v.truths[i] = unset
	}
	for i := range f.Questions {
		q := &f.Questions[i]
		if answer, ok := in.Answers[q.ID]; ok {
			if value := q.value(answer); value != nil {
				v.values[i] = value
			}
		}
	}
	n := len(f.Questions)
	if in.Age >= 0 {
		v.values[n] = types.Int(in.Age)
	}
	if in.Sex != "" {
		v.values[n+1] = types.String(in.Sex)
	}
	v.values[n+2] = types.Timestamp{Time: calendarDay(in.Day)}
	for i := range f.earlier {
		if value := f.earlier[i].value(in.Earlier); value != nil {
			v.values[f.earlier[i].position] = value
		}
	}
	return v
}

// value is an answer as rules see it; nil when it does not fit the question, which then counts as unanswered. Numbers
// and lists are taken in any form that a store may give them back.
func (q *Question) value(answer any) any {
	switch q.Type {
	case TypeBoolean:
		if b, ok := answer.(bool); ok {
			return types.Bool(b)
		}
	case TypeChoice, TypeArea:
		if s, ok := answer.(string); ok {
			return types.String(s)
		}
	case TypeChoices:
		if list, ok := asStrings(answer); ok {
			return types.NewStringList(types.DefaultTypeAdapter, list)
		}
	case TypeInteger:
		if n, ok := toFloat(answer); ok {
			return types.Int(n)
		}
	case TypeDecimal:
		if n, ok := toFloat(answer); ok {
			return types.Double(n)
		}
	case TypeDate:
		if s, ok := answer.(string); ok {
			if day, ok := parseDate(s); ok {
				return types.Timestamp{Time: day}
			}
		}
	}
	return nil
}

// because lists the answered questions that made a condition true, in the form's order.
func (v *valuation) because(c *condition) []string {
	if v.marked == nil {
		v.marked = make([]bool, len(v.form.Questions))
	}
	clear(v.marked)
	c.because(v, v.marked)
	return selected(v.marked, func(i int) string { return v.form.Questions[i].ID })
}

// selected names what is marked; nil when nothing is.
func selected(marked []bool, name func(int) string) []string {
	n := 0
	for _, yes := range marked {
		if yes {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	names := make([]string, 0, n)
	for i, yes := range marked {
		if yes {
			names = append(names, name(i))
		}
	}
	return names
}
