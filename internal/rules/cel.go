package rules

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"khaibao/models"
)

// Variables of every rule beside the form's questions.
const (
	varAge   = "age"   // completed years, int
	varSex   = "sex"   // "male", "female" or "other"
	varToday = "today" // the local day of the declaration
	// varLevel is the level that the rules which do not name it gave, int.
	varLevel = "level"
	// varEarlier is what an earlier value stands behind: "earlier.fever", "earlier.level".
	varEarlier = "earlier"
)

func earlierName(id string) string { return varEarlier + "." + id }

func cutEarlier(variable string) (id string, ok bool) {
	return strings.CutPrefix(variable, varEarlier+".")
}

// Functions of our own, and how many conditions at_least takes.
const (
	fnAtLeast    = "at_least"
	fnDaysSince  = "days_since"
	maxAtLeast   = 24
	maxRuleCost  = 10_000 // worst case, in CEL's units; a plain comparison is about 3
	maxRuleRunes = 2_000
	maxRuleDepth = 40
)

// What of CEL a rule may use: nothing that can fail, and nothing that goes wrong on unanswered questions. Arithmetic
// is here for differences and is limited further by lint.

func allowedFunctions() []*env.Function {
	var list []*env.Function
	for _, name := range []string{
		operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse,
		operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		operators.Add, operators.Subtract, operators.In, "size",
	} {
		list = append(list, &env.Function{Name: name})
	}
	return list
}

// newEnv declares what the rules of a form may name: its questions but the texts, the person, the day, the level, and
// what was answered and decided earlier.
func newEnv(form *Form, past past) (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(&env.LibrarySubset{DisableMacros: true, IncludeFunctions: allowedFunctions()})),
		cel.Macros(cel.ExistsMacro, cel.AllMacro, daysSinceMacro()),
		cel.CrossTypeNumericComparisons(true),
		cel.EnableMacroCallTracking(),
		cel.ParserExpressionSizeLimit(maxRuleRunes),
		cel.ParserRecursionLimit(maxRuleDepth),
		cel.Variable(varAge, cel.IntType),
		cel.Variable(varSex, cel.StringType),
		cel.Variable(varToday, cel.TimestampType),
		cel.Variable(varLevel, cel.IntType),
		cel.Variable(earlierName(earlierLevel), cel.IntType),
		cel.Variable(earlierName(earlierDays), cel.IntType),
		cel.Function(fnAtLeast, atLeastOverloads()...),
		cel.Function(fnDaysSince, cel.Overload("days_since_date", []*cel.Type{cel.TimestampType, cel.TimestampType}, cel.IntType,
			cel.BinaryBinding(daysBetween))),
	}
	for i := range form.Questions {
		if t, ok := celType(form.Questions[i].Type); ok && !slices.Contains(reserved, form.Questions[i].ID) {
			options = append(options, cel.Variable(form.Questions[i].ID, t))
		}
	}
	for id, questions := range past {
		if t, ok := celType(questions[0].Type); ok && !slices.Contains(reserved, id) {
			options = append(options, cel.Variable(earlierName(id), t))
		}
	}
	for _, level := range models.Levels() {
		options = append(options, cel.Constant(level.String(), cel.IntType, types.Int(level)))
	}
	return cel.NewCustomEnv(options...)
}

// celType is the type of a question's answer in a rule; texts have none, because no rule should hang on wording.
func celType(t QuestionType) (*cel.Type, bool) {
	switch t {
	case TypeBoolean:
		return cel.BoolType, true
	case TypeChoice, TypeArea:
		return cel.StringType, true
	case TypeChoices:
		return cel.ListType(cel.StringType), true
	case TypeInteger:
		return cel.IntType, true
	case TypeDecimal:
		return cel.DoubleType, true
	case TypeDate:
		return cel.TimestampType, true
	}
	return nil, false
}

// daysSinceMacro gives days_since(date) the day of the declaration.
func daysSinceMacro() cel.Macro {
	return cel.GlobalMacro(fnDaysSince, 1, func(h cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		return h.NewCall(fnDaysSince, args[0], h.NewIdent(varToday)), nil
	})
}

func daysBetween(from, to ref.Val) ref.Val {
	days := to.(types.Timestamp).Sub(from.(types.Timestamp).Time).Hours() / 24
	return types.Int(days)
}

// atLeastOverloads declares at_least(n, condition, ...). It is not strict: a condition that is unknown leaves the
// count open only as far as it could still matter.
func atLeastOverloads() []cel.FunctionOpt {
	var overloads []cel.FunctionOpt
	args := []*cel.Type{cel.IntType}
	for n := range maxAtLeast {
		args = append(args, cel.BoolType)
		id := "at_least_" + string(rune('a'+n))
		if n == 0 {
			overloads = append(overloads, cel.Overload(id, slices.Clone(args), cel.BoolType, cel.OverloadIsNonStrict(),
				cel.BinaryBinding(func(need, condition ref.Val) ref.Val { return atLeast(need, condition) })))
			continue
		}
		overloads = append(overloads, cel.Overload(id, slices.Clone(args), cel.BoolType, cel.OverloadIsNonStrict(),
			cel.FunctionBinding(atLeast)))
	}
	return overloads
}

// atLeast counts inside an expression that the skeleton of a condition does not reach into, such as a comparison.
func atLeast(args ...ref.Val) ref.Val {
	need, ok := args[0].(types.Int)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	truths := make([]truth, 0, len(args)-1)
	var open *types.Unknown
	for _, arg := range args[1:] {
		if unknown, ok := arg.(*types.Unknown); ok {
			open = types.MergeUnknowns(open, unknown)
		}
		truths = append(truths, truthOf(arg))
	}
	switch count(int(need), truths) {
	case yes:
		return types.True
	case no:
		return types.False
	}
	return open
}

// sizes bounds the answers of a form, so that CEL can bound the cost of a rule.
type sizes struct {
	form *Form
	past past
}

// EstimateSize bounds how long a text or a list of choices is.
func (s sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	path := node.Path()
	if len(path) == 0 {
		return nil
	}
	q, _ := s.form.Question(path[0])
	if q == nil {
		q = s.past.question(path[0])
	}
	if q == nil {
		return &cost.SizeEstimate{Max: uint64(len("female"))}
	}
	longest := len("00000") // of an area
	for _, o := range q.Options {
		longest = max(longest, len(o.ID))
	}
	if q.Type == TypeChoices && len(path) == 1 {
		return &cost.SizeEstimate{Max: uint64(len(q.Options)), Elem: &cost.SizeEstimate{Max: uint64(longest)}}
	}
	return &cost.SizeEstimate{Max: uint64(longest)}
}

// EstimateCallCost leaves the cost of calls to CEL's own model.
func (s sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
