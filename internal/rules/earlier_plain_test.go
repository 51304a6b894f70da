package rules_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/rules"
	"khaibao/models"
)

// history is what a rule sees; truth is -1 false, 0 unknown, 1 true.
type history struct {
	answers models.Answers
	earlier models.Earlier
	level   models.Level
}

// expr is an expression with a plain evaluation of its own beside its text.
type expr struct {
	text   string
	truth  func(h history) int
	levels bool // names the level
}

func truthIf(known, holds bool) int {
	switch {
	case !known:
		return 0
	case holds:
		return 1
	}
	return -1
}

// leaves are conditions without structure, written twice: in CEL and in Go.
func leaves() []expr {
	flag := func(values map[string]any, id string) int {
		b, known := values[id].(bool)
		return truthIf(known, b)
	}
	var list []expr
	for _, id := range []string{"a", "b", "c", "d"} {
		list = append(list, expr{text: id, truth: func(h history) int { return flag(h.answers, id) }},
			expr{text: "earlier." + id, truth: func(h history) int { return flag(h.earlier, id) }})
	}
	level := func(h history) (models.Level, bool) {
		word, ok := h.earlier["level"].(string)
		l, err := models.ParseLevel(word)
		return l, ok && err == nil
	}
	return append(list,
		expr{text: "n > 3", truth: func(h history) int { n, ok := h.answers["n"].(int64); return truthIf(ok, n > 3) }},
		expr{text: "n < earlier.n", truth: func(h history) int {
			now, ok := h.answers["n"].(int64)
			then, also := h.earlier["n"].(int64)
			return truthIf(ok && also, now < then)
		}},
		expr{text: "earlier.n - n >= 3", truth: func(h history) int {
			now, ok := h.answers["n"].(int64)
			then, also := h.earlier["n"].(int64)
			return truthIf(ok && also, then-now >= 3)
		}},
		expr{text: `x == "yes"`, truth: func(h history) int { x, ok := h.answers["x"].(string); return truthIf(ok, x == "yes") }},
		expr{text: `earlier.x != "yes"`, truth: func(h history) int { x, ok := h.earlier["x"].(string); return truthIf(ok, x != "yes") }},
		expr{text: "earlier.days <= 2", truth: func(h history) int { n, ok := h.earlier["days"].(int64); return truthIf(ok, n <= 2) }},
		expr{text: "earlier.level >= moderate", truth: func(h history) int { l, ok := level(h); return truthIf(ok, l >= models.LevelModerate) }},
		expr{text: "level > earlier.level", levels: true, truth: func(h history) int { l, ok := level(h); return truthIf(ok, h.level > l) }},
		expr{text: "level < earlier.level", levels: true, truth: func(h history) int { l, ok := level(h); return truthIf(ok, h.level < l) }},
		expr{text: "level in [low, high]", levels: true, truth: func(h history) int {
			return truthIf(true, h.level == models.LevelLow || h.level == models.LevelHigh)
		}},
	)
}

func randomRule(r *rand.Rand, from []expr, depth int) expr {
	if depth == 0 {
		return from[r.IntN(len(from))]
	}
	one, two, three := randomRule(r, from, depth-1), randomRule(r, from, depth-1), randomRule(r, from, depth-1)
	switch r.IntN(5) {
	case 0:
		return expr{"(" + one.text + " && " + two.text + ")", func(h history) int { return min(one.truth(h), two.truth(h)) }, one.levels || two.levels}
	case 1:
		return expr{"(" + one.text + " || " + two.text + ")", func(h history) int { return max(one.truth(h), two.truth(h)) }, one.levels || two.levels}
	case 2:
		return expr{"!(" + one.text + ")", func(h history) int { return -one.truth(h) }, one.levels}
	case 3: // two of three: the middle one of their truths
		return expr{"at_least(2, " + one.text + ", " + two.text + ", " + three.text + ")", func(h history) int {
			a, b, c := one.truth(h), two.truth(h), three.truth(h)
			return max(min(a, b), min(b, c), min(a, c))
		}, one.levels || two.levels || three.levels}
	}
	return one
}

func randomHistory(r *rand.Rand) history {
	h := history{answers: randomAnswers(r), earlier: models.Earlier(randomAnswers(r))}
	if r.IntN(3) > 0 {
		h.earlier["level"], h.earlier["days"] = models.Levels()[r.IntN(5)].String(), int64(r.IntN(5))
	}
	return h
}

// agree builds random rules and decides random answers with random earlier values, by the program and by the plain way.
func agree(t *testing.T, seed uint64, rounds int) (fired int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 15))
	from := leaves()
	list, levels, text := make([]expr, 2+r.IntN(6)), []models.Level{}, ""
	for i := range list {
		list[i] = randomRule(r, from, r.IntN(4))
		levels = append(levels, models.Levels()[1+r.IntN(4)])
		text += dailyRule(fmt.Sprintf("r%d", i), list[i].text, levels[i].String())
	}
	p := program(t, withDaily("", text))
	for range rounds {
		h := randomHistory(r)
		want := models.LevelLow
		var rulesFired []string
		truths := make([]int, len(list))
		h.level = models.LevelLow
		for i := range list {
			if !list[i].levels && list[i].truth(h) == 1 {
				truths[i], want = 1, max(want, levels[i])
			}
		}
		h.level = want
		for i := range list {
			if list[i].levels && list[i].truth(h) == 1 {
				truths[i], want = 1, max(want, levels[i])
			}
		}
		for i := range list {
			if truths[i] == 1 {
				rulesFired = append(rulesFired, fmt.Sprintf("r%d", i))
			}
		}
		in := rules.Input{Form: models.FormDaily, Answers: h.answers, Age: 40, Day: day, Earlier: h.earlier}
		got := p.Decide(in)
		if diff := cmp.Diff(rulesFired, ruleNames(got)); diff != "" || got.Level != want {
			t.Fatalf("seed %d, answers %v, earlier %v: level %s, want %s %s\n%s", seed, h.answers, h.earlier, got.Level, want, diff, text)
		}
		for _, reason := range got.Reasons { // its answers are enough, with what was before
			in.Answers = models.Answers{}
			for _, id := range reason.Questions {
				if answer, ok := h.answers[id]; ok {
					in.Answers[id] = answer
				}
			}
			if again := ruleNames(p.Decide(in)); !contains(again, reason.Rule) {
				t.Fatalf("seed %d, answers %v, earlier %v: %v are not enough for %s\n%s", seed, h.answers, h.earlier, reason.Questions, reason.Rule, text)
			}
		}
		fired += len(rulesFired)
	}
	return fired
}

func ruleNames(d models.Decision) []string {
	var names []string
	for _, r := range d.Reasons {
		names = append(names, r.Rule)
	}
	return names
}

func TestEarlierAgreesWithThePlainWay(t *testing.T) {
	t.Parallel()
	fired := 0
	for seed := range uint64(120) {
		fired += agree(t, seed, 40)
	}
	if fired < 2000 {
		t.Errorf("only %d rules fired", fired)
	}
}

func FuzzEarlier(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { agree(t, seed, 10) })
}
