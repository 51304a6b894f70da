package rules_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/rules"
	"khaibao/models"
)

// commune knows one commune of today, a former code that became it, and one that became two.
func commune(code string) (string, *models.FieldError) {
	switch code {
	case "00004", "00001":
		return "00004", nil
	case "00002":
		return "", &models.FieldError{Code: "ambiguous_area", Args: map[string]any{"candidates": "00004, 00008"}}
	}
	return "", &models.FieldError{Code: "unknown_area"}
}

// everyType is a program with a question of every type and a chain of enable_when.
func everyType(t testing.TB) *rules.Program {
	t.Helper()
	content := minimal(`    - {id: ok, type: boolean, required: true, text: {vi: B, en: B}}
    - {id: one, type: choice, text: {vi: C, en: C}, options: &options [{id: p, text: {vi: P, en: P}}, {id: q, text: {vi: Q, en: Q}}]}
    - {id: many, type: choices, text: {vi: L, en: L}, options: *options}
    - {id: count, type: integer, min: 0, max: 120, text: {vi: I, en: I}}
    - {id: temp, type: decimal, min: -5, max: 45.5, text: {vi: D, en: D}}
    - {id: onset, type: date, min: -1000, text: {vi: Ngày, en: Date}}
    - {id: place, type: area, text: {vi: Xã, en: Commune}}
    - {id: note, type: text, max: 10, text: {vi: Ghi chú, en: Note}}
    - {id: if_ok, type: boolean, required: true, text: {vi: N, en: N}, enable_when: {all: [{question: ok, operator: "=", answer: true}]}}
    - {id: if_if, type: boolean, text: {vi: M, en: M}, enable_when: {all: [{question: if_ok, operator: "=", answer: true}]}}
    - {id: if_any, type: boolean, text: {vi: O, en: O}, enable_when: {any: [{question: count, operator: ">=", answer: 100}, {question: many, operator: "=", answer: q}, {question: onset, operator: "<", answer: 2026-01-01}]}}
    - {id: if_not, type: boolean, text: {vi: K, en: K}, enable_when: {all: [{question: one, operator: "!=", answer: p}]}}
    - {id: if_none, type: boolean, text: {vi: H, en: H}, enable_when: {all: [{question: note, operator: exists, answer: false}]}}
`, "    - {id: r, when: ok, factors: [found], text: {vi: R., en: R.}}\n")
	content = strings.Replace(content, "answers: {}", "answers: {ok: false}", 1)
	catalog, err := rules.Load(rules.Options{Commune: commune},
		rules.Source{FS: fstest.MapFS{"test/1.yaml": {Data: []byte(content)}}})
	if err != nil {
		t.Fatal(err)
	}
	p, _ := catalog.Version("test", 1)
	return p
}

func TestCheckAccepts(t *testing.T) {
	t.Parallel()
	p := everyType(t)
	type m = map[string]any
	tests := []struct {
		name string
		raw  m
		want models.Answers
	}{
		{"boolean", m{"ok": false}, models.Answers{"ok": false}},
		{"null is unanswered", m{"ok": false, "one": nil, "if_ok": nil}, models.Answers{"ok": false}},
		{"choice", m{"ok": false, "one": "q", "if_not": true}, models.Answers{"ok": false, "one": "q", "if_not": true}},
		{"choices are sorted", m{"ok": false, "many": []any{"q", "p"}}, models.Answers{"ok": false, "many": []string{"p", "q"}}},
		{"no choice is an answer", m{"ok": false, "many": []any{}}, models.Answers{"ok": false, "many": []string{}}},
		{"integer", m{"ok": false, "count": json.Number("7")}, models.Answers{"ok": false, "count": int64(7)}},
		{"integer with an exponent", m{"ok": false, "count": json.Number("1.2e1")}, models.Answers{"ok": false, "count": int64(12)}},
		{"integer as float", m{"ok": false, "count": float64(7)}, models.Answers{"ok": false, "count": int64(7)}},
		{"bounds are inclusive", m{"ok": false, "count": 120, "temp": -5, "if_any": true}, models.Answers{"ok": false, "count": int64(120), "temp": float64(-5), "if_any": true}},
		{"decimal", m{"ok": false, "temp": json.Number("37.5")}, models.Answers{"ok": false, "temp": 37.5}},
		{"decimal from an integer", m{"ok": false, "temp": int64(37)}, models.Answers{"ok": false, "temp": float64(37)}},
		{"no minus zero", m{"ok": false, "temp": json.Number("-0.0")}, models.Answers{"ok": false, "temp": float64(0)}},
		{"date", m{"ok": false, "onset": "2024-02-29", "if_any": false}, models.Answers{"ok": false, "onset": "2024-02-29", "if_any": false}},
		{"area", m{"ok": false, "place": "00004"}, models.Answers{"ok": false, "place": "00004"}},
		{"a former area", m{"ok": false, "place": "00001"}, models.Answers{"ok": false, "place": "00004"}},
		{"text is trimmed and composed", m{"ok": false, "note": " sô\u0301t\r\nho "}, models.Answers{"ok": false, "note": "sốt\nho"}},
		{"blank text is unanswered", m{"ok": false, "note": " \n ", "if_none": true}, models.Answers{"ok": false, "if_none": true}},
		{"enabled chain", m{"ok": true, "if_ok": true, "if_if": false}, models.Answers{"ok": true, "if_ok": true, "if_if": false}},
		{"enabled by a chosen option", m{"ok": false, "many": []any{"q"}, "if_any": true}, models.Answers{"ok": false, "many": []string{"q"}, "if_any": true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, problems := p.Check(models.FormDeclaration, test.raw, day)
			if problems != nil {
				t.Fatalf("problems %v", problems)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if n, ok := got["temp"].(float64); ok && n == 0 && math.Signbit(n) {
				t.Error("minus zero")
			}
			again, problems := p.Check(models.FormDeclaration, got, day)
			if diff := cmp.Diff(got, again); diff != "" || problems != nil {
				t.Errorf("again: %v %s", problems, diff)
			}
		})
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	p := everyType(t)
	type m = map[string]any
	integer, decimal := m{"min": "0", "max": "120"}, m{"min": "-5", "max": "45.5"}
	tests := []struct {
		name string
		raw  m
		want []models.FieldError
	}{
		{"missing required", m{}, []models.FieldError{{Field: "/answers/ok", Code: "required"}}},
		{"required when enabled", m{"ok": true}, []models.FieldError{{Field: "/answers/if_ok", Code: "required"}}},
		{"disabled", m{"ok": false, "if_ok": true}, []models.FieldError{{Field: "/answers/if_ok", Code: "disabled"}}},
		{"disabled behind a disabled one", m{"ok": false, "if_ok": true, "if_if": true}, []models.FieldError{
			{Field: "/answers/if_ok", Code: "disabled"}}},
		{"disabled end of a chain", m{"ok": true, "if_ok": false, "if_if": true}, []models.FieldError{{Field: "/answers/if_if", Code: "disabled"}}},
		{"not equal needs an answer", m{"ok": false, "if_not": true}, []models.FieldError{{Field: "/answers/if_not", Code: "disabled"}}},
		{"exists", m{"ok": false, "note": "x", "if_none": true}, []models.FieldError{{Field: "/answers/if_none", Code: "disabled"}}},
		{"nothing is said of what hangs on a wrong answer", m{"ok": "yes", "if_ok": true, "if_if": true}, []models.FieldError{
			{Field: "/answers/ok", Code: "wrong_type", Args: m{"type": "boolean"}}}},
		{"but its type is", m{"ok": "yes", "if_ok": 1}, []models.FieldError{
			{Field: "/answers/ok", Code: "wrong_type", Args: m{"type": "boolean"}},
			{Field: "/answers/if_ok", Code: "wrong_type", Args: m{"type": "boolean"}}}},
		{"all wrong at once, unknown last", m{"ok": json.Number("1"), "one": true, "many": "p", "count": "7", "temp": []any{}, "onset": 5, "place": 4, "note": false, "z/~": 1, "a": 1}, []models.FieldError{
			{Field: "/answers/ok", Code: "wrong_type", Args: m{"type": "boolean"}},
			{Field: "/answers/one", Code: "wrong_type", Args: m{"type": "choice"}},
			{Field: "/answers/many", Code: "wrong_type", Args: m{"type": "choices"}},
			{Field: "/answers/count", Code: "wrong_type", Args: m{"type": "integer"}},
			{Field: "/answers/temp", Code: "wrong_type", Args: m{"type": "decimal"}},
			{Field: "/answers/onset", Code: "wrong_type", Args: m{"type": "date"}},
			{Field: "/answers/place", Code: "wrong_type", Args: m{"type": "area"}},
			{Field: "/answers/note", Code: "wrong_type", Args: m{"type": "text"}},
			{Field: "/answers/a", Code: "unknown_question"},
			{Field: "/answers/z~1~0", Code: "unknown_question"}}},
		{"operator object", m{"ok": m{"$gt": ""}, "one": m{"$ne": nil}, "many": []any{m{"$gt": ""}}}, []models.FieldError{
			{Field: "/answers/ok", Code: "wrong_type", Args: m{"type": "boolean"}},
			{Field: "/answers/one", Code: "wrong_type", Args: m{"type": "choice"}},
			{Field: "/answers/many", Code: "wrong_type", Args: m{"type": "choices"}}}},
		{"unknown options", m{"ok": false, "one": "P", "many": []any{"p", "r"}}, []models.FieldError{
			{Field: "/answers/one", Code: "unknown_option", Args: m{"options": "p, q"}},
			{Field: "/answers/many", Code: "unknown_option", Args: m{"options": "p, q"}}}},
		{"option twice", m{"ok": false, "many": []any{"p", "p"}}, []models.FieldError{{Field: "/answers/many", Code: "duplicate_option"}}},
		{"out of bounds", m{"ok": false, "count": 121, "temp": 45.6}, []models.FieldError{
			{Field: "/answers/count", Code: "out_of_bounds", Args: integer}, {Field: "/answers/temp", Code: "out_of_bounds", Args: decimal}}},
		{"beyond int64", m{"ok": false, "count": json.Number("9223372036854775808"), "temp": json.Number("1e999")}, []models.FieldError{
			{Field: "/answers/count", Code: "out_of_bounds", Args: integer}, {Field: "/answers/temp", Code: "out_of_bounds", Args: decimal}}},
		{"no integer", m{"ok": false, "count": 1.5}, []models.FieldError{{Field: "/answers/count", Code: "wrong_type", Args: m{"type": "integer"}}}},
		{"not a number", m{"ok": false, "count": math.NaN(), "temp": math.NaN()}, []models.FieldError{
			{Field: "/answers/count", Code: "wrong_type", Args: m{"type": "integer"}}, {Field: "/answers/temp", Code: "wrong_type", Args: m{"type": "decimal"}}}},
		{"infinite", m{"ok": false, "temp": math.Inf(-1)}, []models.FieldError{{Field: "/answers/temp", Code: "out_of_bounds", Args: decimal}}},
		{"no JSON number", m{"ok": false, "count": json.Number("0x10"), "temp": json.Number("inf")}, []models.FieldError{
			{Field: "/answers/count", Code: "wrong_type", Args: m{"type": "integer"}}, {Field: "/answers/temp", Code: "wrong_type", Args: m{"type": "decimal"}}}},
		{"after the declared day", m{"ok": false, "onset": "2026-11-24"}, []models.FieldError{
			{Field: "/answers/onset", Code: "out_of_bounds", Args: m{"min": "2024-02-27", "max": "2026-11-23"}}}},
		{"too long before", m{"ok": false, "onset": "2024-02-26"}, []models.FieldError{
			{Field: "/answers/onset", Code: "out_of_bounds", Args: m{"min": "2024-02-27", "max": "2026-11-23"}}}},
		{"a former code of several", m{"ok": false, "place": "00002"}, []models.FieldError{
			{Field: "/answers/place", Code: "ambiguous_area", Args: m{"candidates": "00004, 00008"}}}},
		{"bad date", m{"ok": false, "onset": "2026-02-30"}, []models.FieldError{{Field: "/answers/onset", Code: "bad_date"}}},
		{"date with a time", m{"ok": false, "onset": "2026-02-03T00:00:00Z"}, []models.FieldError{{Field: "/answers/onset", Code: "bad_date"}}},
		{"unknown area", m{"ok": false, "place": "00005"}, []models.FieldError{{Field: "/answers/place", Code: "unknown_area"}}},
		{"too long", m{"ok": false, "note": "mười một ký tự"}, []models.FieldError{{Field: "/answers/note", Code: "too_long", Args: m{"max": 10}}}},
		{"NUL", m{"ok": false, "note": "a\x00b"}, []models.FieldError{{Field: "/answers/note", Code: "forbidden_characters"}}},
		{"bidi", m{"ok": false, "note": "a\u202eb"}, []models.FieldError{{Field: "/answers/note", Code: "forbidden_characters"}}},
		{"broken UTF-8", m{"ok": false, "note": "a\xff"}, []models.FieldError{{Field: "/answers/note", Code: "forbidden_characters"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answers, got := p.Check(models.FormDeclaration, test.raw, day)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if answers != nil {
				t.Errorf("answers %v beside problems", answers)
			}
		})
	}
}

// Without a list of areas any five digits are one.
func TestCheckAreaUnlisted(t *testing.T) {
	t.Parallel()
	p := logic(t, "a")
	for code, want := range map[string]bool{"00005": true, "1234": false, "123456": false, "１２３４５": false, "": false} {
		_, problems := p.Check(models.FormDeclaration, map[string]any{"home": code}, day)
		if got := problems == nil; got != want {
			t.Errorf("%q: accepted %v, want %v", code, got, want)
		}
	}
}

// A client that asks what Enabled says never sends a disabled answer.
func TestEnabled(t *testing.T) {
	t.Parallel()
	form, _ := everyType(t).Form(models.FormDeclaration)
	tests := []struct {
		id      string
		answers models.Answers
		want    bool
	}{
		{"ok", nil, true},
		{"if_ok", nil, false},
		{"if_ok", models.Answers{"ok": true}, true},
		{"if_any", models.Answers{"count": int64(99), "many": []string{"p"}, "onset": "2026-01-01"}, false},
		{"if_any", models.Answers{"count": int64(99), "onset": "2025-12-31"}, true},
		{"if_none", nil, true},
		{"if_none", models.Answers{"note": "x"}, false},
		{"nothing", nil, false},
	}
	for _, test := range tests {
		if got := form.Enabled(test.id, test.answers); got != test.want {
			t.Errorf("%s with %v: %v, want %v", test.id, test.answers, got, test.want)
		}
	}
}

func TestFreeText(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"note"}, everyType(t).FreeText(models.FormDeclaration)); diff != "" {
		t.Error(diff)
	}
}
