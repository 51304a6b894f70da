package rules

import (
	"slices"
)

var enableOperators = []string{"exists", "=", "!=", ">", "<", ">=", "<="}

// enableWhen reads the conditions under which a question is asked. They look back only.
func (b *builder) enableWhen(f *Form, n *enableWhenNode) *EnableWhen {
	e := &EnableWhen{Behavior: "all"}
	nodes := n.All
	if len(nodes) == 0 {
		e.Behavior, nodes = "any", n.Any
	}
	if len(n.All) > 0 && len(n.Any) > 0 || len(nodes) == 0 {
		b.problem(n.mark, "write all: or any: with a list of conditions", "enable_when holds either all or any")
	}
	for i := range nodes {
		e.Conditions = append(e.Conditions, b.condition(f, &nodes[i]))
	}
	return e
}

func (b *builder) condition(f *Form, n *conditionNode) Condition {
	c := Condition{Question: n.Question.value, Operator: b.choice(n.Operator, "operator", enableOperators), Answer: n.Answer.value}
	q, ok := f.Question(c.Question)
	if !ok {
		var known []string
		for i := range f.Questions {
			known = append(known, f.Questions[i].ID)
		}
		if n.Question.line > 0 {
			b.problem(n.Question.mark, oneOf(c.Question, known), "no question %q before this one", c.Question)
		}
		return c
	}
	if n.Operator.line > 0 && n.Answer.line > 0 && slices.Contains(enableOperators, c.Operator) {
		b.comparable(q, n, &c)
	}
	return c
}

// comparable holds that an operator and an answer fit the question that they are about.
func (b *builder) comparable(q *Question, n *conditionNode, c *Condition) {
	if !q.allows(c.Operator) {
		b.problem(n.Operator.mark, "for this type there are "+q.operators(), "a question of type %s cannot be compared with %s", q.Type, c.Operator)
		return
	}
	fits := false
	switch answer := c.Answer.(type) {
	case bool:
		fits = c.Operator == "exists" || q.Type == TypeBoolean
	case string:
		_, isDay := parseDate(answer)
		fits = q.has(answer) || (q.Type == TypeDate && isDay)
	case int64:
		fits = q.Type == TypeInteger || q.Type == TypeDecimal
	case float64:
		fits = q.Type == TypeDecimal
	}
	if c.Operator == "exists" {
		_, fits = c.Answer.(bool)
	}
	if !fits {
		b.problem(n.Answer.mark, q.expects(c.Operator), "the answer does not fit %s, which is of type %s", q.ID, q.Type)
	}
}

// allows tells which operators make sense for the type.
func (q *Question) allows(operator string) bool {
	switch q.Type {
	case TypeInteger, TypeDecimal, TypeDate:
		return true
	case TypeText, TypeArea:
		return operator == "exists"
	}
	return operator == "exists" || operator == "=" || operator == "!="
}

func (q *Question) operators() string {
	if q.Type == TypeText || q.Type == TypeArea {
		return "only exists"
	}
	return "exists, = and !="
}

func (q *Question) expects(operator string) string {
	switch {
	case operator == "exists" || q.Type == TypeBoolean:
		return "true or false"
	case len(q.Options) > 0:
		return oneOf("", q.optionIDs())
	case q.Type == TypeDate:
		return "a day such as 2026-01-31"
	}
	return "a number"
}
