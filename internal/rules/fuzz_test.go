package rules_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/rules"
	"khaibao/models"
	"khaibao/programs"
)

// A file is read or refused with places, whatever is in it.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"covid19/1.yaml", "dengue/1.yaml", "measles/1.yaml"} {
		content, err := programs.FS.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, content := range []string{small, "", "a: &a [*a]", "a: 1\na: 2", "!!int 3", "\t", "{", "? a : b", "<<: {a: b}", "id: |\n  x\nforms: {declaration: {}}", "--- a\n--- b"} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		catalog, err := rules.Load(rules.Options{}, rules.Source{FS: fstest.MapFS{"test/1.yaml": {Data: content}}})
		var problems *rules.Problems
		switch {
		case err == nil:
			catalog.All()[0].RunExamples()
		case !errors.As(err, &problems) || len(problems.List) == 0:
			t.Errorf("not problems: %v", err)
		}
	})
}

// Whatever JSON says, answers are refused or become canonical: the same again when checked again, and decidable.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"ok": true, "if_ok": false}`, `{"ok": false, "many": ["q", "p"], "count": 1e2, "temp": -0.0, "if_any": true}`,
		`{"ok": false, "note": " a\u0301\r\n\u202e"}`, `{"ok": false, "onset": "2026-01-01", "place": "00004"}`,
		`{"ok": {"$gt": ""}, "count": 9223372036854775808}`, `{"ok": null, "x": [[[]]]}`, `{"ok": false, "note": "\r\r\n \u0300"}`,
	} {
		f.Add([]byte(seed))
	}
	p := everyType(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := map[string]any{}
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		if decoder.Decode(&raw) != nil {
			return
		}
		answers, problems := p.Check(models.FormDeclaration, raw, day)
		if problems != nil {
			return
		}
		again, problems := p.Check(models.FormDeclaration, answers, day)
		if diff := cmp.Diff(answers, again); diff != "" || problems != nil {
			t.Fatalf("checked again: %v %s", problems, diff)
		}
		p.Decide(rules.Input{Form: models.FormDeclaration, Answers: answers, Age: 30, Day: day})
	})
}
