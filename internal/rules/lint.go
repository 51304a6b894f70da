package rules

import (
	"math"
	"slices"
	"strings"

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
		case ast.ComprehensionKind:
			l.shadowed(e)
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
		if element.Kind() != ast.LiteralKind && !isLevelWord(element) {
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
		l.levels(e, args)
	case "size":
		q := l.question(args[0])
		if q == nil || q.Type != TypeChoices {
			l.problem(e, useAtLeast, "size() counts the options chosen in a choices question, nothing else")
		}
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		l.levels(e, args)
	case operators.Equals, operators.NotEquals:
		l.levels(e, args)
		l.option(args[0], args[1])
		l.option(args[1], args[0])
	case operators.In:
		l.levels(e, args)
		l.option(args[0], args[1])
		l.option(args[1], args[0])
	}
}

// arithmetic refuses sums over several answers that may be missing: one missing makes the whole unknown. The difference
// between an answer and the earlier one to the same question is what is wanted.
func (l *linter) arithmetic(e ast.Expr) {
	open := map[string]bool{}
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if q := l.question(e); q != nil && (!q.Required || q.EnableWhen != nil || l.past.question(e.AsIdent()) != nil) {
			open[q.ID] = true
		}
	}))
	if len(open) > 1 {
		l.problem(e, useAtLeast, "a sum of answers is unknown as soon as one of them is unanswered")
	}
}

// levels refuses to compare a level with anything but levels: its number is nobody's business.
func (l *linter) levels(e ast.Expr, args []ast.Expr) {
	if isLevel(args[0]) != isLevel(args[1]) {
		l.problem(e, "a level is compared with level, earlier.level or "+strings.Join(levelNames, ", "), "a level is compared with what is no level")
	}
}

func isLevel(e ast.Expr) bool {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent() == varLevel || e.AsIdent() == earlierName(earlierLevel) || isLevelWord(e)
	case ast.ListKind:
		return slices.ContainsFunc(e.AsList().Elements(), isLevelWord)
	}
	return false
}

func isLevelWord(e ast.Expr) bool {
	return e.Kind() == ast.IdentKind && slices.Contains(levelNames, e.AsIdent())
}

// shadowed refuses exists(fever, ...): a name would stand for two things.
func (l *linter) shadowed(e ast.Expr) {
	name := e.AsComprehension().IterVar()
	if _, taken := l.form.names[name]; taken || slices.Contains(reserved, name) {
		l.problem(e, "choose another name", "%s stands for something else already", name)
	}
}

// question gives the question that an expression is the bare name of, or whose earlier answer it is.
func (l *linter) question(e ast.Expr) *Question {
	if e.Kind() != ast.IdentKind {
		return nil
	}
	if q, ok := l.form.Question(e.AsIdent()); ok {
		return q
	}
	return l.past.question(e.AsIdent())
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
		if l.past.question(variable.AsIdent()) != nil {
			return l.past.options(q.ID)
		}
		return q.optionIDs()
	}
	if variable.Kind() == ast.IdentKind && variable.AsIdent() == varSex {
		return []string{"male", "female", "other"}
	}
	return nil
}
