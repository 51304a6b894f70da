package rules

import (
	"math"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// linter refuses what CEL allows but a rule must not hold.
type linter struct {
	*compiler
	word word
	tree *ast.AST
}

func (l *linter) problem(e ast.Expr, hint, format string, args ...any) {
	at := l.tree.SourceInfo().GetStartLocation(e.ID())
	l.d.problem(l.d.within(l.word, offsetIn(l.word.value, at.Line(), at.Column())), hint, format, args...)
}

func (l *linter) lint(root ast.Expr) {
	ast.PreOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.LiteralKind:
			if n, ok := e.AsLiteral().(types.Int); ok && math.Abs(float64(n)) > maxNumber {
				l.problem(e, "", "numbers in rules lie between -%d and %d", maxNumber, maxNumber)
			}
		case ast.ListKind:
			l.list(e)
		case ast.MapKind, ast.StructKind:
			l.problem(e, "compare answers instead", "rules have no maps")
		case ast.CallKind:
			l.call(e, e.AsCall())
		}
	}))
}

const useAtLeast = "count with at_least(2, fever, cough, ...): it is true as soon as enough answers are, whatever is unanswered"

func (l *linter) list(e ast.Expr) {
	for _, element := range e.AsList().Elements() {
		if element.Kind() != ast.LiteralKind {
			l.problem(e, useAtLeast, "a list of answers is unknown as soon as one of them is unanswered")
			return
		}
	}
}

func (l *linter) call(e ast.Expr, call ast.CallExpr) {
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	switch call.FunctionName() {
	case fnAtLeast:
		need, ok := args[0].AsLiteral().(types.Int)
		if args[0].Kind() != ast.LiteralKind || !ok || need < 1 || int(need) > len(args)-1 {
			l.problem(args[0], "write the number itself", "at_least begins with a number from 1 to %d, the number of its conditions", len(args)-1)
		}
	case operators.Add, operators.Subtract:
		l.arithmetic(e)
	case "size":
		q := l.question(args[0])
		if q == nil || q.Type != TypeChoices {
			l.problem(e, useAtLeast, "size() counts the options chosen in a choices question, nothing else")
		}
	case operators.Equals, operators.NotEquals:
		l.option(args[0], args[1])
		l.option(args[1], args[0])
	case operators.In:
		l.option(args[0], args[1])
		l.option(args[1], args[0])
	}
}

// arithmetic refuses sums over several answers that may be missing: one missing makes the whole unknown.
func (l *linter) arithmetic(e ast.Expr) {
	open := slices.DeleteFunc(l.questionsOf(e), func(i int) bool {
		q := &l.form.Questions[i]
		return q.Required && q.EnableWhen == nil
	})
	if len(open) > 1 {
		l.problem(e, useAtLeast, "a sum of answers is unknown as soon as one of them is unanswered")
	}
}

// question gives the question that an expression is the bare name of.
func (l *linter) question(e ast.Expr) *Question {
	if e.Kind() != ast.IdentKind {
		return nil
	}
	q, _ := l.form.Question(e.AsIdent())
	return q
}

// option refuses the comparison of a choice with what is not among its options.
func (l *linter) option(variable, with ast.Expr) {
	known := l.words(variable)
	if known == nil {
		return
	}
	list := []ast.Expr{with}
	if with.Kind() == ast.ListKind {
		list = with.AsList().Elements()
	}
	for _, e := range list {
		if e.Kind() != ast.LiteralKind {
			continue
		}
		if s, ok := e.AsLiteral().(types.String); ok && !slices.Contains(known, string(s)) {
			l.problem(e, oneOf(string(s), known), "%q is not an option of %s", string(s), variable.AsIdent())
		}
	}
}

func (l *linter) words(variable ast.Expr) []string {
	if q := l.question(variable); q != nil && len(q.Options) > 0 {
		return q.optionIDs()
	}
	if variable.Kind() == ast.IdentKind && variable.AsIdent() == varSex {
		return []string{"male", "female", "other"}
	}
	return nil
}
