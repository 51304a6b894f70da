package rules

import (
	"slices"
	"time"

	"cel.dev/cel-go/common/types"

	"khaibao/models"
)

// LookBack is how far back rules see: forms that happened longer before the one that is decided are not used.
const LookBack = 14 * 24 * time.Hour

// The names of earlier values beside the questions, in Input.Earlier and in rules behind "earlier.".
const (
	earlierLevel = "level" // the word of the level of the newest earlier form
	earlierDays  = "days"  // whole local days since that form, int64
)

// earlierValue is an earlier value that the rules of a form name.
type earlierValue struct {
	name     string    // without "earlier."
	question *Question // nil for the level and the days
	position int       // in a valuation
}

// Earlier lists the earlier values that the rules of a form name; nil when they name none, and then the form is decided
// without a look at what was declared before.
func (p *Program) Earlier(form models.Form) []string {
	f, ok := p.forms[form]
	if !ok {
		return nil
	}
	var names []string
	for _, e := range f.earlier {
		names = append(names, e.name)
	}
	return names
}

// Recall picks what the rules of a form use of a person's earlier forms under this program, given newest first: the
// newest answer to each question that they name, the level of the newest form and the local days from it to a moment. A
// value that is not there is left out.
func (p *Program) Recall(form models.Form, at time.Time, newestFirst []models.Declaration) models.Earlier {
	if len(newestFirst) == 0 {
		return nil
	}
	earlier := models.Earlier{}
	for _, name := range p.Earlier(form) {
		switch name {
		case earlierLevel:
			earlier[name] = newestFirst[0].Decision.Level.String()
		case earlierDays:
			earlier[name] = int64(calendarDay(at).Sub(calendarDay(newestFirst[0].OccurredAt)) / (24 * time.Hour))
		default:
			answered := func(d models.Declaration) bool { return d.Answers[name] != nil }
			if i := slices.IndexFunc(newestFirst, answered); i >= 0 {
				earlier[name] = newestFirst[i].Answers[name]
			}
		}
	}
	return earlier
}

// value is an earlier value as rules see it; nil when it is not known.
func (e *earlierValue) value(earlier models.Earlier) any {
	known, ok := earlier[e.name]
	switch {
	case !ok:
		return nil
	case e.question != nil:
		return e.question.value(known)
	case e.name == earlierLevel:
		word, _ := known.(string)
		if level, err := models.ParseLevel(word); err == nil {
			return types.Int(level)
		}
	default:
		if n, ok := toFloat(known); ok {
			return types.Int(n)
		}
	}
	return nil
}

// past is what earlier forms may have answered: the questions of every form of a program, by id.
type past map[string][]*Question

func (p past) add(f *Form) {
	for i := range f.Questions {
		q := &f.Questions[i]
		p[q.ID] = append(p[q.ID], q)
	}
}

// names lists what may stand behind "earlier.".
func (p past) names() []string {
	names := []string{earlierLevel, earlierDays}
	for id, questions := range p {
		if _, readable := celType(questions[0].Type); readable {
			names = append(names, id)
		}
	}
	slices.Sort(names)
	return names
}

// question gives the question whose earlier answer a variable stands for.
func (p past) question(variable string) *Question {
	if id, ok := cutEarlier(variable); ok && len(p[id]) > 0 {
		return p[id][0]
	}
	return nil
}

// options lists the options of a question in any form.
func (p past) options(id string) []string {
	var all []string
	for _, q := range p[id] {
		all = append(all, q.optionIDs()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// earlier checks the earlier values of an example.
func (b *builder) earlier(e *Example, n *exampleNode) models.Earlier {
	past := past{}
	for _, f := range b.p.forms {
		past.add(f)
	}
	c := checker{commune: b.p.commune, today: calendarDay(e.Day)}
	out := models.Earlier{}
	for i := range n.Earlier.list {
		key, given := n.Earlier.list[i].key, n.Earlier.list[i].value
		if !slices.Contains(past.names(), key.value) {
			b.problem(key.mark, oneOf(key.value, past.names()), "no earlier value %q", key.value)
			continue
		}
		value, hint := c.earlier(past, key.value, given.value)
		if hint != "" {
			b.problem(given.mark, hint, "the value does not fit earlier.%s", key.value)
			continue
		}
		out[key.value] = value
	}
	return out
}

// earlier gives the canonical form of one earlier value, or a hint at what fits.
func (c *checker) earlier(past past, name string, given any) (value any, hint string) {
	switch name {
	case earlierLevel:
		word, _ := given.(string)
		if _, err := models.ParseLevel(word); err != nil {
			return nil, oneOf(word, levelNames)
		}
		return given, ""
	case earlierDays:
		if days, ok := given.(int64); !ok || days < 0 || days > int64(LookBack/(24*time.Hour)) {
			return nil, "whole days, from 0 to 14"
		}
		return given, ""
	}
	for _, q := range past[name] {
		if answer, code, _ := c.answer(q, given); code == "" && answer != nil {
			return answer, ""
		}
	}
	return nil, "an answer to " + name + ", as a citizen may give it"
}
