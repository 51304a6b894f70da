package rules

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"khaibao/models"
)

// truth is a value of three-valued logic. What hangs on an unanswered question is unknown.
type truth int8

const (
	no truth = iota - 1
	unknown
	yes
	unset // not evaluated yet
)

// truthOf reads a result of CEL. Rules are built so that they cannot fail; if one did it would count as unknown.
func truthOf(v ref.Val) truth {
	switch v {
	case types.True:
		return yes
	case types.False:
		return no
	}
	return unknown
}

// count tells whether at least need of the truths are yes: no once too few can still become so.
func count(need int, truths []truth) truth {
	sure, possible := 0, 0
	for _, t := range truths {
		switch t {
		case yes:
			sure++
			possible++
		case unknown:
			possible++
		}
	}
	switch {
	case sure >= need:
		return yes
	case possible < need:
		return no
	}
	return unknown
}

// operator joins the parts of a condition.
type operator int8

const (
	isLeaf operator = iota
	not
	all
	anyOf
	atLeastOf
)

// condition is the boolean skeleton of a rule: its and, or, not and at_least. What lies below them (a boolean question,
// a comparison) is a leaf, which CEL evaluates. The skeleton is ours because the reasons of a decision come from it: a
// rule that fired must say which answers made it true. A test holds it to CEL's own partial evaluation.
type condition struct {
	op    operator
	need  int // of atLeastOf
	parts []*condition
	leaf  int // of isLeaf: position in the form's leaves
}

// leaf is an expression without boolean structure. The same expression in several rules is one leaf.
type leaf struct {
	variable  int         // position of a boolean variable in the valuation; -1 when there is a program
	program   cel.Program // nil for a boolean variable
	variables []int       // positions of the variables it names
	strict    bool        // unknown as soon as one of its variables is
}

// truth evaluates a condition, each leaf once a valuation.
func (c *condition) truth(v *valuation) truth {
	switch c.op {
	case isLeaf:
		return v.leaf(c.leaf)
	case not:
		return -c.parts[0].truth(v)
	case all:
		lowest := yes
		for _, part := range c.parts {
			if lowest = min(lowest, part.truth(v)); lowest == no {
				return no
			}
		}
		return lowest
	case anyOf:
		highest := no
		for _, part := range c.parts {
			if highest = max(highest, part.truth(v)); highest == yes {
				return yes
			}
		}
		return highest
	default:
		var buffer [maxAtLeast]truth
		truths := buffer[:0]
		for _, part := range c.parts {
			truths = append(truths, part.truth(v))
		}
		return count(c.need, truths)
	}
}

// namesLevel tells whether the condition hangs on the level that the other rules gave.
func (c *condition) namesLevel(f *Form) bool {
	if c == nil {
		return false
	}
	if c.op == isLeaf {
		return slices.Contains(f.leaves[c.leaf].variables, f.names[varLevel])
	}
	return slices.ContainsFunc(c.parts, func(part *condition) bool { return part.namesLevel(f) })
}

// because marks the questions whose answers make the condition what it is: of an "or" that is true the parts that are
// true, of an "and" that is false the parts that are false, and so on. Behind the level stand the questions of the rules
// that gave it.
func (c *condition) because(v *valuation, marked []bool) {
	if c.op == isLeaf {
		for _, i := range v.form.leaves[c.leaf].variables {
			if i < len(v.form.Questions) {
				marked[i] = true
			} else if i == v.form.names[varLevel] {
				v.becauseOfLevel(marked)
			}
		}
		return
	}
	whole := c.truth(v)
	for _, part := range c.parts {
		if c.op == not || part.truth(v) == whole {
			part.because(v, marked)
		}
	}
}

// valuation is what is known for one decision. It is CEL's activation for the leaves.
type valuation struct {
	form   *Form
	values []any   // ref.Val by variable
	truths []truth // by leaf, filled as needed
	marked []bool  // by question, for because
	fired  []bool  // by rule
	level  models.Level
}

// becauseOfLevel marks the questions of the rules of the first turn that gave the level.
func (v *valuation) becauseOfLevel(marked []bool) {
	for i := range v.form.rules {
		if r := &v.form.rules[i]; v.fired[i] && !r.second && r.level == v.level {
			r.when.because(v, marked)
		}
	}
}

// ResolveName gives a variable's value, a CEL unknown when nothing is known.
func (v *valuation) ResolveName(name string) (any, bool) {
	i, ok := v.form.names[name]
	if !ok {
		return nil, false
	}
	return v.values[i], true
}

// Parent says that there is no other activation.
func (v *valuation) Parent() cel.Activation { return nil }

func (v *valuation) leaf(i int) truth {
	if v.truths[i] == unset {
		v.truths[i] = v.evaluate(&v.form.leaves[i])
	}
	return v.truths[i]
}

func (v *valuation) evaluate(l *leaf) truth {
	if l.program == nil {
		value, _ := v.values[l.variable].(ref.Val)
		return truthOf(value)
	}
	if l.strict && slices.ContainsFunc(l.variables, func(i int) bool { return v.values[i] == v.form.blank[i] }) {
		return unknown
	}
	value, _, err := l.program.Eval(v)
	if err != nil {
		return unknown
	}
	return truthOf(value)
}
