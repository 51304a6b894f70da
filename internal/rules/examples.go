package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"khaibao/models"
)

// Example is answers and the decision that the program's author expects of them.
type Example struct {
	Name    string
	Form    models.Form
	Age     int
	Sex     models.Sex
	Day     time.Time
	Answers map[string]any // as decoded from JSON
	Earlier models.Earlier // what was answered and decided before
	Level   models.Level
	Factors []string
	Rules   []string // nil when the author named none

	at mark
}

// ExampleFailure is an example whose decision is not the expected one.
type ExampleFailure struct {
	Example string // its name
	Problem        // the place of the example and what came out instead
}

// Examples lists the program's examples in the order of its file.
func (p *Program) Examples() []Example { return slices.Clone(p.examples) }

// RunExamples checks and decides every example and gives those that come out otherwise than expected.
func (p *Program) RunExamples() []ExampleFailure {
	var failures []ExampleFailure
	for i := range p.examples {
		e := &p.examples[i]
		if message, hint := p.run(e); message != "" {
			failures = append(failures, ExampleFailure{e.Name, Problem{p.file, e.at.line, e.at.column, fmt.Sprintf("example %q: %s", e.Name, message), hint}})
		}
	}
	return failures
}

func (p *Program) run(e *Example) (message, hint string) {
	answers, problems := p.Check(e.Form, e.Answers, e.Day)
	if len(problems) > 0 {
		var list []string
		for _, f := range problems {
			list = append(list, f.Field+" "+f.Code)
		}
		return "its answers are not valid: " + strings.Join(list, ", "), "answer as a citizen may"
	}
	d := p.Decide(Input{Form: e.Form, Answers: answers, Age: e.Age, Sex: e.Sex, Day: e.Day, Earlier: e.Earlier})
	var fired []string
	for _, r := range d.Reasons {
		fired = append(fired, r.Rule)
	}
	because := "fired: " + listed(fired)
	switch {
	case d.Level != e.Level:
		return fmt.Sprintf("level %s, expected %s", d.Level, e.Level), because
	case !sameWords(d.Factors, e.Factors):
		return fmt.Sprintf("factors %s, expected %s", listed(d.Factors), listed(e.Factors)), because
	case e.Rules != nil && !sameWords(fired, e.Rules):
		return fmt.Sprintf("rules %s, expected %s", listed(fired), listed(e.Rules)), because
	}
	return "", ""
}

// sameWords compares without regard to order.
func sameWords(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func listed(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

func (b *builder) examples(nodes []exampleNode) {
	seen := map[string]bool{}
	for i := range nodes {
		n := &nodes[i]
		if seen[n.Name.value] && n.Name.line > 0 {
			b.problem(n.Name.mark, "each example has its own name", "the example %q is there twice", n.Name.value)
		}
		seen[n.Name.value] = true
		b.p.examples = append(b.p.examples, b.example(n))
	}
}

func (b *builder) example(n *exampleNode) Example {
	e := Example{
		Name: n.Name.value, Form: models.FormDeclaration, Age: b.whole(n.Age, 0, 150), Day: localDay(b.p.from),
		Answers: map[string]any{}, Level: b.level(n.Level), Factors: b.known(n.Factors, "factor", b.p.Factors()), at: n.mark,
	}
	if n.Form.line > 0 {
		e.Form = models.Form(b.choice(n.Form, "form", formNames))
	}
	if n.Sex.line > 0 {
		e.Sex = models.Sex(b.choice(n.Sex, "sex", sexes))
	}
	if n.Day.line > 0 {
		e.Day = localDay(b.day(n.Day))
	}
	e.Earlier = b.earlier(&e, n)
	for _, answer := range n.Answers.list {
		e.Answers[answer.key.value] = answer.value.value
	}
	form, ok := b.p.forms[e.Form]
	if !ok {
		b.problem(n.mark, "use a form of this program", "the program has no form %s", e.Form)
		return e
	}
	for _, answer := range n.Answers.list {
		if _, ok := form.index[answer.key.value]; !ok {
			b.problem(answer.key.mark, oneOf(answer.key.value, form.questionIDs()), "no question %q in the form %s", answer.key.value, e.Form)
		}
	}
	if n.Rules != nil {
		e.Rules = append([]string{}, b.known(*n.Rules, "rule", form.ruleIDs())...)
	}
	return e
}

// known takes over words that must name something.
func (b *builder) known(words []word, what string, names []string) []string {
	var list []string
	for _, w := range words {
		if !slices.Contains(names, w.value) && w.line > 0 {
			b.problem(w.mark, oneOf(w.value, names), "no %s %q", what, w.value)
		}
		list = append(list, w.value)
	}
	return list
}

func (f *Form) questionIDs() []string {
	ids := make([]string, len(f.Questions))
	for i := range f.Questions {
		ids[i] = f.Questions[i].ID
	}
	return ids
}

func (f *Form) ruleIDs() []string {
	ids := make([]string, len(f.rules))
	for i := range f.rules {
		ids[i] = f.rules[i].id
	}
	return ids
}
