package rules_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"khaibao/internal/rules"
	"khaibao/models"
)

// twentyRules is a program of twenty rules over twenty questions, of every kind that rules have.
func twentyRules(t testing.TB) *rules.Program {
	t.Helper()
	var questions, list strings.Builder
	for i := range 12 {
		fmt.Fprintf(&questions, "    - {id: sign_%d, type: boolean, text: {vi: Dấu hiệu, en: Sign}}\n", i)
	}
	for i := range 4 {
		fmt.Fprintf(&questions, "    - {id: contact_%d, type: choice, text: {vi: Tiếp xúc, en: Contact}, options: [{id: \"yes\", text: {vi: Có, en: \"Yes\"}}, {id: \"no\", text: {vi: Không, en: \"No\"}}]}\n", i)
	}
	questions.WriteString(`    - {id: temperature, type: decimal, min: 30, max: 45, text: {vi: Nhiệt độ, en: Temperature}}
    - {id: pulse, type: integer, min: 20, max: 250, text: {vi: Mạch, en: Pulse}}
    - {id: onset, type: date, text: {vi: Ngày khởi phát, en: Onset}}
    - {id: conditions, type: choices, text: {vi: Bệnh nền, en: Conditions}, options: [{id: diabetes, text: {vi: Tiểu đường, en: Diabetes}}, {id: cancer, text: {vi: Ung thư, en: Cancer}}]}
`)
	for i := range 20 {
		when := []string{
			fmt.Sprintf(`sign_%d && (contact_%d == "yes" || temperature > 38.0)`, i%12, i%4),
			fmt.Sprintf(`at_least(3, sign_%d, sign_%d, sign_%d, sign_%d) && age > 65`, i%12, (i+1)%12, (i+2)%12, (i+3)%12),
			fmt.Sprintf(`days_since(onset) <= %d && !sign_%d && pulse > 120`, i+5, i%12),
			fmt.Sprintf(`"diabetes" in conditions && (sign_%d || sign_%d)`, i%12, (i+5)%12),
		}[i%4]
		fmt.Fprintf(&list, "    - {id: rule_%d, when: '%s', level: moderate, factors: [found], text: {vi: Vì thế., en: So.}}\n", i, when)
	}
	return program(t, minimal(questions.String(), list.String()))
}

// program loads one file as program test, version 1.
func program(t testing.TB, content string) *rules.Program {
	t.Helper()
	catalog, err := rules.Load(rules.Options{}, rules.Source{FS: fstest.MapFS{"test/1.yaml": {Data: []byte(content)}}})
	if err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	p, _ := catalog.Version("test", 1)
	return p
}

// minimal is a whole program around some questions and rules of its declaration.
func minimal(questions, ruleList string) string {
	return `id: test
version: 1
name: {vi: Thử, en: Test}
legal_basis: {vi: Luật, en: Law}
disease: {icd10: [A00]}
valid: {from: 2020-01-01}
factors:
- {id: emergency_sign, text: {vi: dấu hiệu nguy hiểm, en: emergency sign}}
- {id: found, text: {vi: có, en: found}}
emergency:
  reason: {vi: Nguy hiểm., en: Danger.}
forms:
  declaration:
    base: low
    questions:
    - {id: chest_pain, type: boolean, emergency: true, text: {vi: Đau ngực, en: Chest pain}}
` + questions + `    rules:
` + ruleList + `levels:
  low: &level {name: {vi: Thấp, en: Low}, advice: {app: {vi: Khỏe., en: Well.}, sms: {vi: Khoe., en: Well.}}}
  moderate: *level
  high: *level
  emergency: {name: {vi: Khẩn cấp, en: Emergency}, advice: {app: {vi: Gọi 115., en: Call 115.}, sms: {vi: Goi 115., en: Call 115.}}}
examples:
- {name: nothing, age: 30, answers: {}, level: low, factors: []}
`
}

func twentyAnswers(t testing.TB, p *rules.Program) models.Answers {
	t.Helper()
	raw := map[string]any{"temperature": 38.5, "pulse": int64(80), "onset": "2026-11-20", "conditions": []any{"diabetes"}, "chest_pain": false}
	for i := range 12 {
		raw[fmt.Sprintf("sign_%d", i)] = i%3 == 0
	}
	for i := range 4 {
		raw[fmt.Sprintf("contact_%d", i)] = "no"
	}
	answers, problems := p.Check(models.FormDeclaration, raw, day)
	if problems != nil {
		t.Fatal(problems)
	}
	return answers
}

func BenchmarkDecide(b *testing.B) {
	p := twentyRules(b)
	complete := twentyAnswers(b, p)
	missing := models.Answers{}
	for i, id := range slices.Sorted(maps.Keys(complete)) {
		if i%2 == 0 {
			missing[id] = complete[id]
		}
	}
	for name, answers := range map[string]models.Answers{"complete": complete, "missing": missing, "empty": {}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			in := rules.Input{Form: models.FormDeclaration, Answers: answers, Age: 70, Sex: models.Female, Day: day}
			for b.Loop() {
				p.Decide(in)
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	p := twentyRules(b)
	raw := map[string]any(twentyAnswers(b, p))
	b.ReportAllocs()
	for b.Loop() {
		p.Check(models.FormDeclaration, raw, day)
	}
}

func BenchmarkDecideCovid(b *testing.B) {
	p := current(b, "covid19")
	in := rules.Input{Form: models.FormDeclaration, Age: 70, Sex: models.Female, Day: day,
		Answers: models.Answers{"fever": true, "cough": true, "sore_throat": false, "dyspnoea": false, "contact_case": "yes", "chest_pain": false}}
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(in)
	}
}
