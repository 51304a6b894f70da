package rules_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"github.com/google/go-cmp/cmp"

	"khaibao/internal/rules"
	"khaibao/models"
)

const logicQuestions = `    - {id: a, type: boolean, text: {vi: A, en: A}}
    - {id: b, type: boolean, text: {vi: B, en: B}}
    - {id: c, type: boolean, text: {vi: C, en: C}}
    - {id: d, type: boolean, text: {vi: D, en: D}}
    - {id: x, type: choice, text: {vi: X, en: X}, options: [{id: "yes", text: {vi: Có, en: "Yes"}}, {id: "no", text: {vi: Không, en: "No"}}]}
    - {id: n, type: integer, min: 0, max: 100, text: {vi: N, en: N}}
    - {id: t, type: decimal, min: 0, max: 100, text: {vi: T, en: T}}
    - {id: on, type: date, text: {vi: Ngày, en: Day}}
    - {id: many, type: choices, text: {vi: L, en: L}, options: [{id: p, text: {vi: P, en: P}}, {id: q, text: {vi: Q, en: Q}}]}
    - {id: home, type: area, text: {vi: Nơi ở, en: Home}}
`

// logic is a program with one rule for each expression, named r0, r1, ...
func logic(t testing.TB, expressions ...string) *rules.Program {
	t.Helper()
	var list strings.Builder
	for i, when := range expressions {
		fmt.Fprintf(&list, "    - {id: r%d, when: '%s', level: moderate, factors: [found], text: {vi: Vì thế., en: So.}}\n", i, when)
	}
	return program(t, minimal(logicQuestions, list.String()))
}

// fired gives the rules that fired, each with its questions.
func fired(p *rules.Program, answers models.Answers) map[string][]string {
	d := p.Decide(rules.Input{Form: models.FormDeclaration, Answers: answers, Age: 40, Sex: models.Female, Day: day})
	out := map[string][]string{}
	for _, r := range d.Reasons {
		out[r.Rule] = r.Questions
	}
	return out
}

// What each expression gives: fires with the questions named, or does not fire (nil).
func TestReasons(t *testing.T) {
	t.Parallel()
	type answers = models.Answers
	none := []string(nil)
	tests := []struct {
		when    string
		answers answers
		want    []string
		fires   bool
	}{
		{"a && (b || c)", answers{"a": true, "b": true, "c": false}, []string{"a", "b"}, true},
		{"a && (b || c)", answers{"a": true, "b": true, "c": true}, []string{"a", "b", "c"}, true},
		{"a && (b || c)", answers{"a": true, "c": true}, []string{"a", "c"}, true},
		{"a && (b || c)", answers{"b": true, "c": true}, none, false},
		{"!(a && b)", answers{"a": false, "b": true}, []string{"a"}, true},
		{"!(a && b)", answers{"a": false}, []string{"a"}, true},
		{"!(a || b)", answers{"a": false, "b": false}, []string{"a", "b"}, true},
		{"!(a || b)", answers{"a": false}, none, false},
		{"!a", answers{}, none, false},
		{"a || !a", answers{}, none, false},
		{"at_least(2, a, b, c, d)", answers{"a": true, "d": true}, []string{"a", "d"}, true},
		{"at_least(2, a, b, c, d)", answers{"a": true, "b": false, "c": false}, none, false},
		{"!at_least(2, a, b, c)", answers{"a": false, "b": false}, []string{"a", "b"}, true},
		{"!at_least(2, a, b, c)", answers{"a": false}, none, false},
		{"at_least(1, a, x == \"yes\", n > 3)", answers{"x": "yes", "n": int64(3)}, []string{"x"}, true},
		{"at_least(2, a, b) == c", answers{"a": true, "b": true, "c": true}, []string{"a", "b", "c"}, true},
		{"at_least(2, a, b) == c", answers{"a": false, "c": false}, []string{"a", "b", "c"}, true},
		{"at_least(2, a, b) == c", answers{"a": true, "c": false}, none, false},
		{"a != b", answers{"a": true}, none, false},
		{"x != \"yes\"", answers{}, none, false},
		{"x != \"yes\"", answers{"x": "no"}, []string{"x"}, true},
		{"x in [\"yes\", \"no\"]", answers{"x": "no"}, []string{"x"}, true},
		{"x in [\"yes\", \"no\"]", answers{}, none, false},
		{"n >= 3 && t < 38", answers{"n": int64(3), "t": 37.9}, []string{"n", "t"}, true},
		{"t >= 38", answers{"t": float64(38)}, []string{"t"}, true},
		{"t >= 38", answers{"t": int64(38)}, []string{"t"}, true}, // as some stores give it back
		{"n == 3", answers{"n": float64(3)}, []string{"n"}, true},
		{"t - 1.5 > 37", answers{"t": 38.6}, []string{"t"}, true},
		{"\"p\" in many", answers{"many": []string{"p", "q"}}, []string{"many"}, true},
		{"\"p\" in many", answers{"many": []any{"p"}}, []string{"many"}, true},
		{"!(\"p\" in many)", answers{"many": []string{}}, []string{"many"}, true},
		{"!(\"p\" in many)", answers{}, none, false},
		{"size(many) >= 2", answers{"many": []string{"p", "q"}}, []string{"many"}, true},
		{"many.exists(i, i == \"q\")", answers{"many": []string{"p", "q"}}, []string{"many"}, true},
		{"many.exists(i, i == \"q\")", answers{}, none, false},
		{"many.exists(i, i == \"q\") || a", answers{"a": true}, []string{"a"}, true},
		{"many.all(i, i == \"p\")", answers{"many": []string{"p"}}, []string{"many"}, true},
		{"days_since(on) >= 3", answers{"on": "2026-11-20"}, []string{"on"}, true},
		{"days_since(on) >= 3", answers{"on": "2026-11-21"}, none, false},
		{"days_since(on) >= 3", answers{}, none, false},
		{"home == \"00004\"", answers{"home": "00004"}, []string{"home"}, true},
		{"age > 39 && age <= 40", answers{}, none, true},
		{"sex == \"female\"", answers{}, none, true},
		{"sex != \"male\" && a", answers{"a": true}, []string{"a"}, true},
		{"a", answers{"a": "true"}, none, false}, // not canonical: as if unanswered
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %v", test.when, test.answers), func(t *testing.T) {
			t.Parallel()
			got, fires := fired(logic(t, test.when), test.answers)["r0"]
			if fires != test.fires {
				t.Fatalf("fires %v, want %v", fires, test.fires)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The age and sex of somebody may be unknown; then nothing that hangs on them is true.
func TestUnknownPerson(t *testing.T) {
	t.Parallel()
	p := logic(t, "age < 5", "age > 65", "sex != \"male\"", "!(age > 65)")
	d := p.Decide(rules.Input{Form: models.FormDeclaration, Age: -1, Day: day})
	if diff := cmp.Diff(models.Decision{Level: models.LevelLow}, d); diff != "" {
		t.Error(diff)
	}
}

// randomExpression gives an expression over a to d, x and n, as we write it and in plain CEL.
func randomExpression(r *rand.Rand, depth int) (ours, plain string) {
	leaves := []string{"a", "b", "c", "d", `x == "yes"`, "n > 3", "a == b"}
	if depth == 0 {
		leaf := leaves[r.IntN(len(leaves))]
		return leaf, leaf
	}
	one, onePlain := randomExpression(r, depth-1)
	two, twoPlain := randomExpression(r, depth-1)
	switch r.IntN(5) {
	case 0:
		return "(" + one + " && " + two + ")", "(" + onePlain + " && " + twoPlain + ")"
	case 1:
		return "(" + one + " || " + two + ")", "(" + onePlain + " || " + twoPlain + ")"
	case 2:
		return "!(" + one + ")", "!(" + onePlain + ")"
	case 3:
		three, threePlain := randomExpression(r, depth-1)
		p, q, s := "("+onePlain+")", "("+twoPlain+")", "("+threePlain+")"
		return "at_least(2, " + one + ", " + two + ", " + three + ")",
			"((" + p + " && " + q + ") || (" + p + " && " + s + ") || (" + q + " && " + s + "))"
	}
	return one, onePlain
}

// reference evaluates plain CEL with CEL's own partial evaluation.
type reference struct {
	t   *testing.T
	env *cel.Env
}

func (r reference) compile(expression string) cel.Program {
	r.t.Helper()
	ast, issues := r.env.Compile(expression)
	if issues.Err() != nil {
		r.t.Fatal(issues.Err())
	}
	p, err := r.env.Program(ast, cel.EvalOptions(cel.OptPartialEval))
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r reference) evaluate(p cel.Program, answers models.Answers) string {
	r.t.Helper()
	var missing []*cel.AttributePatternType
	for _, name := range []string{"a", "b", "c", "d", "x", "n"} {
		if _, ok := answers[name]; !ok {
			missing = append(missing, cel.AttributePattern(name))
		}
	}
	vars, err := cel.PartialVars(map[string]any(answers), missing...)
	if err != nil {
		r.t.Fatal(err)
	}
	value, _, err := p.Eval(vars)
	switch {
	case err != nil:
		r.t.Fatal(err)
	case value == types.True:
		return "true"
	case value == types.False:
		return "false"
	}
	return "unknown"
}

// randomAnswers answers each question with yes, no or not at all.
func randomAnswers(r *rand.Rand) models.Answers {
	answers := models.Answers{}
	for _, id := range []string{"a", "b", "c", "d"} {
		if k := r.IntN(3); k < 2 {
			answers[id] = k == 1
		}
	}
	if k := r.IntN(3); k < 2 {
		answers["x"] = []string{"yes", "no"}[k]
	}
	if k := r.IntN(3); k < 2 {
		answers["n"] = int64(k * 7)
	}
	return answers
}

// Our skeleton of a rule is CEL's three-valued logic. The answers that a reason names are enough to fire its rule, and
// more answers never take a rule back.
func TestThreeValuedLogic(t *testing.T) {
	t.Parallel()
	env, err := cel.NewEnv(cel.Variable("a", cel.BoolType), cel.Variable("b", cel.BoolType), cel.Variable("c", cel.BoolType),
		cel.Variable("d", cel.BoolType), cel.Variable("x", cel.StringType), cel.Variable("n", cel.IntType))
	if err != nil {
		t.Fatal(err)
	}
	ref := reference{t, env}
	r := rand.New(rand.NewPCG(4, 15))
	seen := map[string]int{}
	for range 150 {
		ours, plain := randomExpression(r, 1+r.IntN(3))
		p, want := logic(t, ours, "!("+ours+")"), ref.compile(plain)
		for range 60 {
			answers := randomAnswers(r)
			reasons := fired(p, answers)
			_, isTrue := reasons["r0"]
			_, isFalse := reasons["r1"]
			got := map[[2]bool]string{{true, false}: "true", {false, true}: "false", {}: "unknown"}[[2]bool{isTrue, isFalse}]
			seen[got]++
			if w := ref.evaluate(want, answers); got != w {
				t.Fatalf("%s with %v: %s, CEL says %s", ours, answers, got, w)
			}
			for rule, questions := range reasons {
				enough, more := models.Answers{}, randomAnswers(r)
				for _, id := range questions {
					enough[id] = answers[id]
					if answers[id] == nil {
						delete(enough, id)
					}
				}
				for id, answer := range answers {
					more[id] = answer
				}
				if _, ok := fired(p, enough)[rule]; !ok {
					t.Fatalf("%s with %v: %v is not enough", ours, answers, questions)
				}
				if _, ok := fired(p, more)[rule]; !ok {
					t.Fatalf("%s fires with %v, not with %v", ours, answers, more)
				}
			}
		}
	}
	for _, value := range []string{"true", "false", "unknown"} {
		if seen[value] < 500 {
			t.Errorf("only %d cases were %s", seen[value], value)
		}
	}
}

// The same input gives the same decision, from many goroutines, from a program read again, and from answers that went
// through Check again.
func TestReplay(t *testing.T) {
	t.Parallel()
	p, again := twentyRules(t), twentyRules(t)
	in := rules.Input{Form: models.FormDeclaration, Answers: twentyAnswers(t, p), Age: 70, Sex: models.Male, Day: day}
	want := p.Decide(in)
	if len(want.Reasons) == 0 {
		t.Fatal("no rule fired")
	}
	in.Answers, _ = again.Check(in.Form, in.Answers, day)
	in.Day = in.Day.UTC().Add(time.Hour)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 200 {
				if diff := cmp.Diff(want, again.Decide(in)); diff != "" {
					t.Error(diff)
					return
				}
			}
		})
	}
	wait.Wait()
}

func TestDecideUnknownForm(t *testing.T) {
	t.Parallel()
	p := logic(t, "a")
	if diff := cmp.Diff(models.Decision{}, p.Decide(rules.Input{Form: models.FormDaily, Day: day})); diff != "" {
		t.Error(diff)
	}
	if _, ok := p.Form(models.FormDaily); ok {
		t.Error("there is a daily form")
	}
	if _, problems := p.Check(models.FormDaily, nil, day); len(problems) != 1 || problems[0].Code != "no_such_form" {
		t.Errorf("problems %v", problems)
	}
}
