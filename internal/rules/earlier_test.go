package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/rules"
	"khaibao/models"
)

// withDaily gives a program whose daily form has the questions of logic, a text and an own one, beside its declaration.
func withDaily(declarationQuestions, dailyRules string) string {
	content := minimal(declarationQuestions, "    - {id: chest, when: chest_pain, factors: [found], text: {vi: Vì thế., en: So.}}\n")
	daily := `  daily:
    base: low
    questions:
    - {id: chest_pain, type: boolean, emergency: true, text: {vi: Đau ngực, en: Chest pain}}
` + logicQuestions + `    - {id: note, type: text, max: 10, text: {vi: N, en: N}}
    rules:
` + dailyRules
	return strings.Replace(content, "levels:\n", daily+"levels:\n", 1)
}

func dailyRule(id, when, level string) string {
	return fmt.Sprintf("    - {id: %s, when: '%s', level: %s, factors: [found], text: {vi: Vì thế., en: So.}}\n", id, when, level)
}

func TestEarlierDecides(t *testing.T) {
	t.Parallel()
	type answers = models.Answers
	type earlier = models.Earlier
	none := []string(nil)
	tests := []struct {
		when    string
		answers answers
		earlier earlier
		want    []string
		fires   bool
	}{
		{"earlier.a", answers{}, earlier{"a": true}, none, true},
		{"earlier.a", answers{"a": true}, earlier{}, none, false},
		{"!earlier.a", answers{"a": true}, nil, none, false}, // unknown, not false
		{"a && !earlier.a", answers{"a": true}, earlier{"a": false}, []string{"a"}, true},
		{"n - earlier.n >= 3", answers{"n": int64(9)}, earlier{"n": int64(6)}, []string{"n"}, true},
		{"n - earlier.n >= 3", answers{"n": int64(9)}, earlier{"n": 6.0}, []string{"n"}, true}, // as some stores give it back
		{"n - earlier.n >= 3", answers{"n": int64(9)}, earlier{"n": int64(7)}, none, false},
		{"n - earlier.n >= 3", answers{"n": int64(9)}, earlier{}, none, false},
		{"n - earlier.n >= 3", answers{}, earlier{"n": int64(6)}, none, false},
		{"earlier.t > t || a", answers{"a": true}, earlier{}, []string{"a"}, true},
		{`x == "yes" && earlier.x == "yes"`, answers{"x": "yes"}, earlier{"x": "yes"}, []string{"x"}, true},
		{`earlier.x == "yes"`, answers{}, earlier{"x": 7}, none, false}, // no answer to that question: as if there were none
		{`"p" in earlier.many`, answers{}, earlier{"many": []any{"p"}}, none, true},
		{`size(earlier.many) > 1`, answers{}, earlier{"many": []string{"p", "q"}}, none, true},
		{`earlier.many.exists(i, i == "q")`, answers{}, earlier{}, none, false},
		{"days_since(earlier.on) == 3", answers{}, earlier{"on": "2026-11-20"}, none, true},
		{"at_least(2, a, earlier.a, b)", answers{"a": true}, earlier{"a": true}, []string{"a"}, true},
		{"earlier.days == 0", answers{}, earlier{"days": int64(0)}, none, true},
		{"earlier.days < 3", answers{}, earlier{}, none, false},
		{"earlier.level >= high", answers{}, earlier{"level": "emergency"}, none, true},
		{"earlier.level in [none, low]", answers{}, earlier{"level": "low"}, none, true},
		{"earlier.level == low", answers{}, earlier{"level": "worse"}, none, false}, // no level
		{"earlier.contact", answers{}, earlier{"contact": true}, none, true},        // asked in the other form only
		// The level that the other rules gave; the questions are those that gave it.
		{"level > earlier.level", answers{"b": true}, earlier{"level": "low"}, []string{"b"}, true},
		{"level > earlier.level", answers{"b": true}, earlier{"level": "moderate"}, none, false},
		{"level > earlier.level", answers{"b": true}, earlier{}, none, false},
		{"level < earlier.level", answers{}, earlier{"level": "moderate"}, none, true},
		{"level == low && c", answers{"c": true}, earlier{}, []string{"c"}, true},
		{"level >= moderate && c", answers{"b": true, "c": true, "d": true}, earlier{}, []string{"b", "c"}, true},
		{"level - earlier.level >= 2", answers{"b": true}, earlier{"level": "none"}, []string{"b"}, true},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %v %v", test.when, test.answers, test.earlier), func(t *testing.T) {
			t.Parallel()
			p := program(t, withDaily("    - {id: contact, type: boolean, text: {vi: C, en: C}}\n",
				dailyRule("r", test.when, "high")+dailyRule("by_b", "b", "moderate")+dailyRule("by_d", "d", "low")))
			d := p.Decide(rules.Input{Form: models.FormDaily, Answers: test.answers, Age: 40, Day: day, Earlier: test.earlier})
			got, fires := none, false
			for _, r := range d.Reasons {
				if r.Rule == "r" {
					got, fires = r.Questions, true
				}
			}
			if fires != test.fires || (d.Level == models.LevelHigh) != fires {
				t.Fatalf("fires %v with level %s, want %v", fires, d.Level, test.fires)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Rules that name the level see what the others gave, never each other, and reasons stay in the file's order.
func TestLevelIsGivenByTheOthers(t *testing.T) {
	t.Parallel()
	p := program(t, withDaily("", dailyRule("raise", "level == moderate", "high")+dailyRule("first", "a", "moderate")+
		dailyRule("never", "level == high", "emergency")+dailyRule("again", "level == moderate && earlier.level == high", "low")))
	got := p.Decide(rules.Input{Form: models.FormDaily, Answers: models.Answers{"a": true}, Day: day, Earlier: models.Earlier{"level": "high"}})
	want := models.Decision{Level: models.LevelHigh, Factors: []string{"found"}, Reasons: []models.Reason{
		{Rule: "raise", Questions: []string{"a"}}, {Rule: "first", Questions: []string{"a"}}, {Rule: "again", Questions: []string{"a"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEarlierIsChecked(t *testing.T) {
	t.Parallel()
	deep := ""
	for i := 1; i < 14; i++ {
		deep += fmt.Sprintf("earlier.many.exists(i%d, ", i)
	}
	for when, want := range map[string]string{
		"earlier.fevr":                       "32:30: earlier.fevr is not an earlier value (did you mean fever?)",
		"a && earlier.levle > low":           "32:35: earlier.levle is not an earlier value (did you mean level?)",
		"earlier == 3":                       "32:23: earlier is no value by itself (name what was answered or decided: earlier.fever, earlier.level, earlier.days)",
		`earlier.note == "x"`:                "32:30: earlier.note is a text, and rules do not read texts (ask for it with a choice)",
		`earlier.x == "maybe"`:               `32:36: "maybe" is not an option of earlier.x (one of: no, yes)`,
		"earlier.t - n > 1":                  "32:33: - cannot be applied to (decimal, integer) (t is decimal, n is integer)",
		"earlier.n > true":                   "32:33: > cannot be applied to (integer, boolean) (n is integer)",
		"level > 2":                          "32:29: a level is compared with what is no level (a level is compared with level, earlier.level or none, low, moderate, high, emergency)",
		"earlier.level == n":                 "32:37: a level is compared with what is no level (a level is compared with level, earlier.level or none, low, moderate, high, emergency)",
		"level in [1, 2]":                    "32:29: a level is compared with what is no level (a level is compared with level, earlier.level or none, low, moderate, high, emergency)",
		"level":                              "32:23: a rule must be true or false, but this is integer (compare it with something, such as == or >=)",
		"levl > low":                         "32:23: levl is not a question of the form daily (did you mean level?)",
		`many.exists(level, level > p)`:      "", // several, of which the place does not matter
		`many.exists(a, a == "p")`:           "32:34: a stands for something else already (choose another name)",
		"n - earlier.t > 3":                  "32:25: - cannot be applied to (integer, decimal) (n is integer, t is decimal)",
		"n + earlier.n + earlier.m > 3":      "32:46: earlier.m is not an earlier value",
		"[earlier.a].exists(s, s)":           "32:23: a list of answers is unknown as soon as one of them is unanswered (count with at_least(2, fever, cough, ...): it is true as soon as enough answers are, whatever is unanswered)",
		deep + "a" + strings.Repeat(")", 13): "32:23: the rule could cost",
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			content := withDaily("    - {id: fever, type: boolean, text: {vi: S, en: F}}\n", dailyRule("r0", when, "high"))
			at := strings.Count(content[:strings.Index(content, "{id: r0")], "\n") + 1
			_, err := rules.Load(rules.Options{}, rules.Source{FS: fstest.MapFS{"test/1.yaml": {Data: []byte(content)}}})
			if err == nil {
				t.Fatal("was taken")
			}
			want = strings.Replace(want, "32:", fmt.Sprintf("test/1.yaml:%d:", at), 1)
			first, _, _ := strings.Cut(err.Error(), "\n")
			if want != "" && !strings.HasPrefix(first, want) {
				t.Errorf("got  %s\nwant %s", err, want)
			}
		})
	}
	for _, id := range []string{"earlier", "level", "days", "none", "low", "moderate", "high", "emergency"} {
		content := withDaily("    - {id: "+id+", type: boolean, text: {vi: S, en: F}}\n", dailyRule("r0", "a", "high"))
		_, err := rules.Load(rules.Options{}, rules.Source{FS: fstest.MapFS{"test/1.yaml": {Data: []byte(content)}}})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q has a meaning of its own in rules (choose another id)", id)) {
			t.Errorf("a question %s: %v", id, err)
		}
	}
}

// Examples say what was before; khaibao check runs them.
func TestEarlierInExamples(t *testing.T) {
	t.Parallel()
	content := withDaily("", dailyRule("fell", "earlier.n - n >= 3", "high")+dailyRule("risen", "level > earlier.level", "emergency"))
	with := func(earlier string) (*rules.Program, error) {
		catalog, err := rules.Load(rules.Options{}, rules.Source{FS: fstest.MapFS{"test/1.yaml": {Data: []byte(content +
			"- {name: fell, form: daily, age: 30, answers: {n: 90}, earlier: " + earlier + ", level: high, factors: [found]}\n")}}})
		if err != nil {
			return nil, err
		}
		p, _ := catalog.Version("test", 1)
		return p, nil
	}
	for earlier, want := range map[string]string{
		"{n: 93}":               "",
		"{n: 93, level: high}":  "",
		"{n: 92}":               `example "fell": level low, expected high`,
		"{n: 93, level: low}":   "", // the level is that of the rules before: high is higher than low
		"{nn: 93}":              `no earlier value "nn" (did you mean n?)`,
		"{n: 193}":              "the value does not fit earlier.n",
		"{level: worse}":        "the value does not fit earlier.level (one of: none, low, moderate, high, emergency)",
		"{days: 15}":            "the value does not fit earlier.days (whole days, from 0 to 14)",
		"{x: maybe}":            "the value does not fit earlier.x (an answer to x, as a citizen may give it)",
		"{note: hello}":         `no earlier value "note"`,
		"{days: -1, level: 3}":  "the value does not fit earlier.days",
		"{a: 1, on: yesterday}": "the value does not fit earlier.a",
	} {
		p, err := with(earlier)
		got := ""
		if err != nil {
			got = err.Error()
		} else if failures := p.RunExamples(); len(failures) > 0 {
			got = failures[0].Problem.String()
		}
		if earlier == "{n: 93, level: low}" {
			want = "level emergency, expected high"
		}
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", earlier, got, want)
		}
	}
}

// Only what the rules of a form name is remembered: the newest answer to each question, and the newest form's level.
func TestRecall(t *testing.T) {
	t.Parallel()
	p := program(t, withDaily("", dailyRule("r", "earlier.n > n || earlier.a || level > earlier.level || earlier.days > 3", "high")))
	if got := p.Earlier(models.FormDeclaration); got != nil {
		t.Errorf("the declaration remembers %v", got)
	}
	if diff := cmp.Diff([]string{"n", "a", "level", "days"}, p.Earlier(models.FormDaily)); diff != "" {
		t.Error(diff)
	}
	form := func(before time.Duration, level models.Level, answers models.Answers) models.Declaration {
		return models.Declaration{OccurredAt: day.Add(-before), Answers: answers, Decision: models.Decision{Level: level}}
	}
	got := p.Recall(models.FormDaily, day, []models.Declaration{
		form(10*time.Hour, models.LevelModerate, models.Answers{"a": false, "b": true}), // 23:00 of the day before
		form(40*time.Hour, models.LevelHigh, models.Answers{"a": true, "n": int64(7)}),
		form(50*time.Hour, models.LevelLow, models.Answers{"n": int64(8)}),
	})
	if diff := cmp.Diff(models.Earlier{"a": false, "n": int64(7), "level": "moderate", "days": int64(1)}, got); diff != "" {
		t.Error(diff)
	}
	if got := p.Recall(models.FormDaily, day, nil); got != nil {
		t.Errorf("of nothing: %v", got)
	}
	if got := p.Recall(models.FormDeclaration, day, []models.Declaration{form(time.Hour, models.LevelLow, nil)}); len(got) > 0 {
		t.Errorf("for the declaration: %v", got)
	}
}
