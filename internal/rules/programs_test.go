package rules_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/rules"
	"khaibao/models"
	"khaibao/programs"
)

var day = time.Date(2026, 11, 23, 9, 0, 0, 0, models.Hanoi)

// shipped loads the programs inside the binary.
func shipped(t testing.TB) *rules.Catalog {
	t.Helper()
	catalog, err := rules.Load(rules.Options{}, rules.Source{Name: "programs", FS: programs.FS})
	if err != nil {
		t.Fatalf("shipped programs:\n%v", err)
	}
	return catalog
}

func current(t testing.TB, id string) *rules.Program {
	t.Helper()
	p, ok := shipped(t).Current(id, day)
	if !ok {
		t.Fatalf("no program %s", id)
	}
	return p
}

// decide checks and decides a declaration.
func decide(t testing.TB, p *rules.Program, age int, raw map[string]any) models.Decision {
	t.Helper()
	answers, problems := p.Check(models.FormDeclaration, raw, day)
	if len(problems) > 0 {
		t.Fatalf("answers %v: %v", raw, problems)
	}
	return p.Decide(rules.Input{Form: models.FormDeclaration, Answers: answers, Age: age, Sex: models.Female, Day: day})
}

func TestShippedExamples(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, p := range shipped(t).All() {
		ids = append(ids, p.ID())
		if len(p.Examples()) == 0 {
			t.Errorf("%s has no examples", p.ID())
		}
		for _, failure := range p.RunExamples() {
			t.Error(failure.Problem)
		}
	}
	if diff := cmp.Diff([]string{"covid19", "dengue", "measles"}, ids); diff != "" {
		t.Error(diff)
	}
}

var (
	tableSymptoms  = []string{"fever", "cough", "sore_throat", "dyspnoea", "loss_of_taste_or_smell"}
	tableExposures = []string{"contact_case", "contact_suspect", "came_from_epidemic_area", "contact_with_arrival"}
)

// healthCheckTable is the published table, kept apart from the program that it tests.
func healthCheckTable(symptoms int, exposed bool, age int) models.Level {
	switch {
	case symptoms == 0 && !exposed:
		return models.LevelLow
	case symptoms == 0, symptoms == 1 && !exposed:
		return models.LevelModerate
	case symptoms == 2 && !exposed && age <= 65:
		return models.LevelModerate
	}
	return models.LevelHigh
}

// Every combination of the five symptoms, the four exposures (yes, no, not sure, unanswered) and ages around 65.
func TestCovidTable(t *testing.T) {
	t.Parallel()
	p := current(t, "covid19")
	states := []any{nil, "yes", "no", "not_sure"}
	for symptoms := range 1 << len(tableSymptoms) {
		for exposures := range 1 << (2 * len(tableExposures)) {
			raw := map[string]any{}
			for i, id := range tableSymptoms {
				raw[id] = symptoms>>i&1 == 1
			}
			exposed, unsure := false, false
			for i, id := range tableExposures {
				raw[id] = states[exposures>>(2*i)&3]
				exposed = exposed || raw[id] == "yes"
				unsure = unsure || raw[id] == "not_sure"
			}
			age := 64 + (symptoms+exposures)%3 // 64, 65, 66
			got := decide(t, p, age, raw)
			if want := healthCheckTable(bits.OnesCount(uint(symptoms)), exposed, age); got.Level != want {
				t.Fatalf("age %d, %v: level %s, want %s", age, raw, got.Level, want)
			}
			if has := contains(got.Factors, "exposure_unsure"); has != unsure {
				t.Fatalf("%v: exposure_unsure %v, want %v", raw, has, unsure)
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, entry := range list {
		if entry == s {
			return true
		}
	}
	return false
}

// Older than 65 begins at 66; an unknown age is neither.
func TestCovidAge(t *testing.T) {
	t.Parallel()
	p := current(t, "covid19")
	for age, want := range map[int]models.Level{-1: models.LevelModerate, 65: models.LevelModerate, 66: models.LevelHigh, 90: models.LevelHigh} {
		if got := decide(t, p, age, map[string]any{"fever": true, "cough": true}); got.Level != want {
			t.Errorf("age %d: level %s, want %s", age, got.Level, want)
		}
	}
}

// Every subset of the seven signs, with and without fever.
func TestDengueDefinition(t *testing.T) {
	t.Parallel()
	p := current(t, "dengue")
	signs := []string{"headache", "eye_pain", "nausea", "vomiting", "swollen_glands", "muscle_joint_pain", "rash"}
	for set := range 1 << len(signs) {
		for _, fever := range []any{nil, false, true} {
			raw := map[string]any{"fever": fever}
			for i, id := range signs {
				raw[id] = set>>i&1 == 1
			}
			want := fever == true && bits.OnesCount(uint(set)) >= 2
			if got := contains(decide(t, p, 30, raw).Factors, "suspected_dengue"); got != want {
				t.Fatalf("%v: suspect %v, want %v", raw, got, want)
			}
		}
	}
}

func TestMeaslesDefinition(t *testing.T) {
	t.Parallel()
	p := current(t, "measles")
	ids := []string{"fever", "rash", "cough", "runny_nose", "conjunctivitis"}
	for set := range 1 << len(ids) {
		raw := map[string]any{}
		for i, id := range ids {
			raw[id] = set>>i&1 == 1
		}
		want := raw["fever"] == true && raw["rash"] == true && set>>2 != 0
		if got := decide(t, p, 5, raw).Level == models.LevelHigh; got != want {
			t.Fatalf("%v: high %v, want %v", raw, got, want)
		}
	}
}

// In every program and form each sign alone is an emergency, and the advice begins with 115.
func TestEmergencySigns(t *testing.T) {
	t.Parallel()
	published := []string{"breathless_at_rest", "chest_pain", "confusion", "cannot_stay_awake", "blue_lips"}
	for _, p := range shipped(t).All() {
		for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
			for _, sign := range published {
				t.Run(fmt.Sprintf("%s %s %s", p.ID(), form, sign), func(t *testing.T) {
					t.Parallel()
					got := p.Decide(rules.Input{Form: form, Answers: models.Answers{sign: true}, Age: 30, Day: day})
					want := models.Decision{Level: models.LevelEmergency, Factors: []string{"emergency_sign"},
						Reasons: []models.Reason{{Rule: "emergency_sign", Questions: []string{sign}}}}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Error(diff)
					}
					if advice := p.Explain(form, got, models.Vietnamese).Advice; len(advice) == 0 || !cmp.Equal(advice[:len("Hãy gọi ngay 115")], "Hãy gọi ngay 115") {
						t.Errorf("advice begins %q", advice)
					}
				})
			}
		}
	}
}

// A reason names what a measured answer means, once, not the question with its unit.
func TestReasonNamesFindings(t *testing.T) {
	t.Parallel()
	p := current(t, "covid19")
	for _, answers := range []map[string]any{
		{"cough": true, "sore_throat": true, "temperature": 38.4},
		{"cough": true, "sore_throat": true, "temperature": 38.4, "fever": true},
	} {
		d := p.Decide(rules.Input{Form: models.FormDaily, Answers: answers, Age: 30, Day: day})
		for lang, want := range map[models.Lang][]string{models.Vietnamese: {"sốt", "ho", "đau họng"}, models.English: {"fever", "cough", "sore throat"}} {
			i := slices.IndexFunc(p.Explain(models.FormDaily, d, lang).Reasons, func(r rules.Text) bool { return r.Code == "three_symptoms" })
			if i < 0 {
				t.Fatalf("%v: three symptoms do not count", answers)
			}
			_, list, _ := strings.Cut(strings.TrimSuffix(p.Explain(models.FormDaily, d, lang).Reasons[i].Text, "."), ": ")
			got := strings.Split(list, ", ")
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v: %s", answers, diff)
			}
		}
	}
}

// The tour of README: fever and a contact, nothing else answered.
func TestExplain(t *testing.T) {
	t.Parallel()
	p := current(t, "covid19")
	d := decide(t, p, 60, map[string]any{"fever": true, "contact_case": "yes"})
	want := models.Decision{Level: models.LevelHigh, Factors: []string{"fever", "contact_case"}, Reasons: []models.Reason{
		{Rule: "fever", Questions: []string{"fever"}},
		{Rule: "contact_case", Questions: []string{"contact_case"}},
		{Rule: "exposure_with_symptom", Questions: []string{"fever", "contact_case"}},
	}}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Fatal(diff)
	}
	vi, en := p.Explain(models.FormDeclaration, d, models.Vietnamese), p.Explain(models.FormDeclaration, d, models.English)
	if diff := cmp.Diff([]rules.Text{
		{Code: "fever", Text: "Có sốt trong 14 ngày qua."},
		{Code: "contact_case", Text: "Có tiếp xúc với người mắc COVID-19 trong 14 ngày qua."},
		{Code: "exposure_with_symptom", Text: "Vừa có triệu chứng vừa có yếu tố tiếp xúc: sốt, tiếp xúc với người mắc COVID-19 (F0)."},
	}, vi.Reasons); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]rules.Text{
		{Code: "fever", Text: "fever", Short: "fever", Brief: "fever"},
		{Code: "contact_case", Text: "contact with a COVID-19 case", Short: "contact with a case", Brief: "contact with a case"},
	}, en.Factors); diff != "" {
		t.Error(diff)
	}
	if got := [4]string{vi.Level, vi.LevelShort, en.Level, en.LevelShort}; got != [4]string{"Cao", "CAO", "High", "HIGH"} {
		t.Errorf("levels %v", got)
	}
	if vi.Advice == "" || vi.AdviceShort == "" || en.Advice == "" || en.AdviceShort == "" {
		t.Error("an advice is empty")
	}
	// A short text is written with accents; a keypad gets it without.
	if last := vi.Factors[1]; last.Brief != "tiếp xúc F0" || last.Short != "tiep xuc F0" || vi.LevelBrief != "CAO" || !strings.HasPrefix(vi.AdviceBrief, "Hãy ở nhà") {
		t.Errorf("with accents: %+v, %s, %s", last, vi.LevelBrief, vi.AdviceBrief)
	}
}

func TestDeadlinesAndPlans(t *testing.T) {
	t.Parallel()
	p := current(t, "covid19")
	want := map[models.Level]time.Duration{
		models.LevelLow: 0, models.LevelModerate: 48 * time.Hour, models.LevelHigh: 24 * time.Hour, models.LevelEmergency: time.Hour,
	}
	for level, deadline := range want {
		if got := p.Deadline(level); got != deadline {
			t.Errorf("%s: deadline %s, want %s", level, got, deadline)
		}
	}
	plan, ok := p.Plan(models.LevelHigh)
	if diff := cmp.Diff(rules.Plan{Days: 14, Times: []time.Duration{8 * time.Hour, 18 * time.Hour}, LowerDays: 3}, plan); !ok || diff != "" {
		t.Error(diff)
	}
	if _, ok := p.Plan(models.LevelLow); ok {
		t.Error("low has a plan")
	}
	ladder := rules.Ladder{Quiet: rules.Quiet{From: 21 * time.Hour, To: 7 * time.Hour}, Steps: []rules.LadderStep{
		{After: 2 * time.Hour, Do: "push"}, {After: 6 * time.Hour, Do: "sms"}, {After: 24 * time.Hour, Do: "official"}}}
	if diff := cmp.Diff(ladder, p.Ladder()); diff != "" {
		t.Error(diff)
	}
}

// A fever question that the rules of dengue date: asked only after a yes, and counted in local days.
func TestDengueCriticalPhase(t *testing.T) {
	t.Parallel()
	p := current(t, "dengue")
	answers, problems := p.Check(models.FormDeclaration, map[string]any{"fever": true, "onset": "2026-11-21"}, day)
	if problems != nil {
		t.Fatal(problems)
	}
	late := time.Date(2026, 11, 22, 23, 59, 0, 0, models.Hanoi)
	for at, want := range map[time.Time]bool{late: false, late.Add(time.Minute): true, late.UTC().Add(time.Minute): true} {
		d := p.Decide(rules.Input{Form: models.FormDeclaration, Answers: answers, Age: 30, Day: at})
		if got := contains(d.Factors, "critical_phase"); got != want {
			t.Errorf("at %s: critical phase %v, want %v", at, got, want)
		}
	}
}
