package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// compiler turns the expressions of one form into conditions.
type compiler struct {
	d      *decoder
	form   *Form
	past   past
	env    *cel.Env
	leaves map[string]int // by text
}

// compile checks one expression and builds its condition; nil when there was a problem.
func (c *compiler) compile(w word) *condition {
	if utf8.RuneCountInString(w.value) > maxRuleRunes {
		c.d.problem(w.mark, "split the rule", "the rule is longer than %d characters", maxRuleRunes)
		return nil
	}
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
	estimate, err := c.env.EstimateCost(checked, sizes{c.form, c.past})
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
	made := leaf{variable: -1, variables: c.variablesOf(e)}
	if e.Kind() == ast.IdentKind {
		made.variable = c.form.position(e.AsIdent())
	} else {
		part := ast.NewCheckedAST(ast.NewAST(e, tree.SourceInfo()), tree.TypeMap(), tree.ReferenceMap())
		program, err := c.env.PlanProgram(part, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			panic("rules: a checked expression cannot be planned: " + err.Error())
		}
		made.program, made.strict = program, isStrict(e)
	}
	c.form.leaves = append(c.form.leaves, made)
	if err == nil {
		c.leaves[key] = len(c.form.leaves) - 1
	}
	return len(c.form.leaves) - 1
}

// isStrict tells whether nothing in an expression can be known while one of its variables is not: then CEL need not be
// asked.
func isStrict(e ast.Expr) bool {
	strict := true
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		switch {
		case e.Kind() == ast.ComprehensionKind:
			strict = false
		case e.Kind() == ast.CallKind:
			name := e.AsCall().FunctionName()
			strict = strict && !slices.Contains([]string{operators.LogicalAnd, operators.LogicalOr, fnAtLeast}, name)
		}
	}))
	return strict
}

// variablesOf lists the variables that an expression names, by position. An earlier value gets a position here.
func (c *compiler) variablesOf(e ast.Expr) []int {
	var found []int
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.IdentKind {
			return
		}
		i, ok := c.form.names[e.AsIdent()]
		if name, earlier := cutEarlier(e.AsIdent()); earlier && !ok {
			i, ok = c.form.position(e.AsIdent()), true
			c.form.earlier = append(c.form.earlier, earlierValue{name, c.past.question(e.AsIdent()), i})
		}
		if ok && !slices.Contains(found, i) {
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
		if message, hint = c.undeclared(w, offset, match[1]); message == "" {
			return
		}
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

// undeclared says what a name that CEL does not know stands for; nothing when there is no more to say.
func (c *compiler) undeclared(w word, offset int, name string) (message, hint string) {
	runes := []rune(w.value)
	isCall := offset < len(runes) && runes[offset] == '('
	q, _ := c.form.Question(name)
	if q == nil {
		q = c.past.question(name)
	}
	if q != nil {
		if q.Type != TypeText {
			return "", "" // its type is wrong, which is said already
		}
		return fmt.Sprintf("%s is a text, and rules do not read texts", name), "ask for it with a choice"
	}
	if id, ok := cutEarlier(name); ok {
		return fmt.Sprintf("%s is not an earlier value", name), oneOf(id, c.past.names())
	}
	if name == varEarlier {
		return "earlier is no value by itself", "name what was answered or decided: earlier.fever, earlier.level, earlier.days"
	}
	if isCall || !identifier.MatchString(plainOperator(name)) {
		return fmt.Sprintf("rules have no %s", plainOperator(name)),
			"they have && || ! == != < <= > >= + - in, size(), exists(), all(), at_least() and days_since()"
	}
	known := []string{varAge, varSex, varToday, varLevel}
	for i := range c.form.Questions {
		known = append(known, c.form.Questions[i].ID)
	}
	return fmt.Sprintf("%s is not a question of the form %s", name, c.form.ID), oneOf(name, known)
}

// typesIn tells the type of each variable that an expression names.
func (c *compiler) typesIn(w word) string {
	var list []string
	for _, name := range identifier.FindAllString(w.value, -1) {
		text := ""
		if q, ok := c.form.Question(name); ok {
			text = fmt.Sprintf("%s is %s", name, q.Type)
		} else if name == varAge || name == earlierDays {
			text = name + " is integer"
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
