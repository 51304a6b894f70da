package rules

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// compiler turns the expressions of one form into conditions.
type compiler struct {
	d      *decoder
	form   *Form
	env    *cel.Env
	leaves map[string]int // by text
}

// compile checks one expression and builds its condition; nil when there was a problem.
func (c *compiler) compile(w word) *condition {
	checked, issues := c.env.Compile(w.value)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			c.refuse(w, e)
		}
		return nil
	}
	if checked.OutputType() != cel.BoolType {
		c.d.problem(c.d.within(w, 0), "compare it with something, such as == or >=",
			"a rule must be true or false, but this is %s", typeName(checked.OutputType().String()))
		return nil
	}
	tree := checked.NativeRep()
	before := len(c.d.list)
	l := linter{compiler: c, word: w, tree: tree}
	l.lint(tree.Expr())
	if len(c.d.list) > before || !c.affordable(w, checked) {
		return nil
	}
	return c.build(tree, tree.Expr())
}

func (c *compiler) affordable(w word, checked *cel.Ast) bool {
	estimate, err := c.env.EstimateCost(checked, sizes{c.form})
	if err == nil && estimate.Max <= maxRuleCost {
		return true
	}
	c.d.problem(c.d.within(w, 0), "split the rule, or nest exists() and all() less deeply",
		"the rule could cost %d units, more than the %d that one rule may", estimate.Max, maxRuleCost)
	return false
}

// build takes the boolean skeleton off an expression.
func (c *compiler) build(tree *ast.AST, e ast.Expr) *condition {
	if e.Kind() == ast.CallKind {
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.LogicalAnd:
			return &condition{op: all, parts: c.buildAll(tree, call.Args())}
		case operators.LogicalOr:
			return &condition{op: anyOf, parts: c.buildAll(tree, call.Args())}
		case operators.LogicalNot:
			return &condition{op: not, parts: c.buildAll(tree, call.Args())}
		case fnAtLeast:
			need := int(call.Args()[0].AsLiteral().(types.Int))
			return &condition{op: atLeastOf, need: need, parts: c.buildAll(tree, call.Args()[1:])}
		}
	}
	return &condition{op: isLeaf, leaf: c.leaf(tree, e)}
}

func (c *compiler) buildAll(tree *ast.AST, list []ast.Expr) []*condition {
	parts := make([]*condition, len(list))
	for i, e := range list {
		parts[i] = c.build(tree, e)
	}
	return parts
}

// leaf finds or makes the leaf of an expression.
func (c *compiler) leaf(tree *ast.AST, e ast.Expr) int {
	key, err := cel.ExprToString(e, tree.SourceInfo())
	if known, ok := c.leaves[key]; ok && err == nil {
		return known
	}
	made := leaf{variable: -1, questions: c.questionsOf(e)}
	if e.Kind() == ast.IdentKind {
		made.variable = c.form.names[e.AsIdent()]
	} else {
		part := ast.NewCheckedAST(ast.NewAST(e, tree.SourceInfo()), tree.TypeMap(), tree.ReferenceMap())
		program, err := c.env.PlanProgram(part, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			panic("rules: a checked expression cannot be planned: " + err.Error())
		}
		made.program = program
	}
	c.form.leaves = append(c.form.leaves, made)
	if err == nil {
		c.leaves[key] = len(c.form.leaves) - 1
	}
	return len(c.form.leaves) - 1
}

// questionsOf lists the questions that an expression names, by position.
func (c *compiler) questionsOf(e ast.Expr) []int {
	var found []int
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.IdentKind {
			return
		}
		if i, ok := c.form.index[e.AsIdent()]; ok && !slices.Contains(found, i) {
			found = append(found, i)
		}
	}))
	return found
}

// refuse turns an error of CEL into a problem.
func (c *compiler) refuse(w word, e *cel.Error) {
	offset := offsetIn(w.value, e.Location.Line(), e.Location.Column())
	message, hint := e.Message, ""
	if match := undeclared.FindStringSubmatch(message); match != nil {
		message, hint = c.undeclared(w, offset, match[1])
	} else if match := mismatch.FindStringSubmatch(message); match != nil {
		message = fmt.Sprintf("%s cannot be applied to (%s)", plainOperator(match[1]), typeNames(match[2]))
		hint = c.typesIn(w)
	} else if found := strings.HasPrefix(message, "Syntax error"); found {
		message, _, _ = strings.Cut(message, " expecting ")
		hint = "an expression of CEL is expected, such as fever && age > 65"
	}
	c.d.problem(c.d.within(w, offset), hint, "%s", message)
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	mismatch   = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '\(?(.*?)\)?'$`)
	identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

func (c *compiler) undeclared(w word, offset int, name string) (message, hint string) {
	runes := []rune(w.value)
	isCall := offset < len(runes) && runes[offset] == '('
	if q, ok := c.form.Question(name); ok && q.Type == TypeText {
		return fmt.Sprintf("%s is a text, and rules do not read texts", name), "ask for it with a choice"
	}
	if isCall || !identifier.MatchString(plainOperator(name)) {
		return fmt.Sprintf("rules have no %s", plainOperator(name)),
			"they have && || ! == != < <= > >= + - in, size(), exists(), all(), at_least() and days_since()"
	}
	known := []string{varAge, varSex, varToday}
	for i := range c.form.Questions {
		known = append(known, c.form.Questions[i].ID)
	}
	return fmt.Sprintf("%s is not a question of the form %s", name, c.form.ID), didYouMean(name, known)
}

// typesIn tells the type of each variable that an expression names.
func (c *compiler) typesIn(w word) string {
	var list []string
	for _, name := range identifier.FindAllString(w.value, -1) {
		text := ""
		if q, ok := c.form.Question(name); ok {
			text = fmt.Sprintf("%s is %s", name, q.Type)
		} else if name == varAge {
			text = "age is integer"
		}
		if text != "" && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return strings.Join(list, ", ")
}

var ourTypes = strings.NewReplacer("bool", "boolean", "double", "decimal", "int", "integer", "string", "text",
	"list(string)", "choices", "google.protobuf.Timestamp", "date", "timestamp", "date")

func typeName(t string) string  { return ourTypes.Replace(t) }
func typeNames(t string) string { return ourTypes.Replace(t) }

// plainOperator is an operator or function as it is written.
func plainOperator(name string) string {
	switch {
	case name == operators.Conditional:
		return "? :"
	case name == operators.Index:
		return "[ ]"
	case name == operators.Negate:
		return "-"
	case len(name) > 1 && !unicode.IsLetter([]rune(strings.Trim(name, "_@"))[0]):
		return strings.Trim(name, "_")
	}
	return strings.TrimPrefix(name, "@")
}

// offsetIn is how many characters lie before a line and column of a text.
func offsetIn(text string, line, column int) int {
	offset := 0
	for i, l := range strings.Split(text, "\n") {
		if i == line-1 {
			break
		}
		offset += len([]rune(l)) + 1
	}
	return offset + max(column, 0)
}

// within is the place in the file of a character of a text. It walks the file along with the text, because quotes,
// indentation and folded lines lie between.
func (d *decoder) within(w word, offset int) mark {
	line, column := w.line-1, w.column-1
	if w.block {
		line, column = w.line, 0
	}
	at := w.mark
	for i, r := range []rune(w.value) {
		if unicode.IsSpace(r) {
			continue
		}
		for line < len(d.lines) && (column >= len(d.lines[line]) || d.lines[line][column] != r) {
			if column++; column >= len(d.lines[line]) {
				line, column = line+1, 0
			}
		}
		at = mark{line + 1, column + 1}
		column++
		if i >= offset {
			return at
		}
	}
	return mark{at.line, at.column + 1}
}

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
