package rules

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/models"
	"khaibao/programs"
)

func reference(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "programs.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// keysOf collects the keys of a struct of the file and of all within it.
func keysOf(of reflect.Type, into map[string]bool) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice:
		keysOf(of.Elem(), into)
	case reflect.Struct:
		for i := range of.NumField() {
			if key, _, _ := strings.Cut(of.Field(i).Tag.Get("yaml"), ","); key != "" {
				into[key] = true
			}
			keysOf(of.Field(i).Type, into)
		}
	}
}

// The reference names every key, type, operator and function.
func TestReferenceIsComplete(t *testing.T) {
	t.Parallel()
	keys := map[string]bool{fnAtLeast + "(": true, fnDaysSince + "(": true, varAge: true, varSex: true, varToday: true}
	keysOf(reflect.TypeFor[programFile](), keys)
	for _, words := range [][]string{questionTypes, enableOperators, ladderSteps, levelNames, formNames, {answersPlaceholder, EmergencySign}} {
		for _, word := range words {
			keys[word] = true
		}
	}
	if len(keys) < 60 {
		t.Fatalf("only %d keys found", len(keys))
	}
	text := reference(t)
	for key := range keys {
		if !strings.Contains(text, "`"+key) && !strings.Contains(text, key+":") {
			t.Errorf("docs/programs.md says nothing of %q", key)
		}
	}
}

// A disease that is written down, nothing more, works beside the shipped ones.
func TestNewDiseaseNeedsNoGo(t *testing.T) {
	t.Parallel()
	_, content, _ := strings.Cut(reference(t), "```yaml\n")
	content, _, _ = strings.Cut(content, "```")
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "cholera"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cholera", "1.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	catalog, err := Load(Options{}, Source{"programs", programs.FS}, Source{"mine", os.DirFS(dir)})
	if err != nil {
		t.Fatalf("\n%v", err)
	}
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, models.Hanoi)
	p, ok := catalog.Current("cholera", at)
	if !ok || len(catalog.Active(at)) != 4 {
		t.Fatalf("cholera %v among %d programs", ok, len(catalog.Active(at)))
	}
	if failures := p.RunExamples(); len(failures) > 0 {
		t.Error(failures)
	}
	answers, problems := p.Check(models.FormDeclaration, map[string]any{"diarrhoea": true, "stools": 5, "water": "well"}, at)
	if problems != nil {
		t.Fatal(problems)
	}
	d := p.Decide(Input{Form: models.FormDeclaration, Answers: answers, Age: 30, Day: at})
	e := p.Explain(models.FormDeclaration, d, models.English)
	want := []Text{
		{Code: "watery_stools", Text: "Three or more loose stools a day."},
		{Code: "suspected_cholera", Text: "Suspected cholera: loose stools in the last day, drinking water."},
	}
	if diff := cmp.Diff(want, e.Reasons); diff != "" || d.Level != models.LevelHigh {
		t.Errorf("%s %s", d.Level, diff)
	}
	if got := p.Deadline(d.Level); got != 24*time.Hour {
		t.Errorf("deadline %s", got)
	}
}

// What reaches a handset by SMS or USSD is plain letters, and short enough.
func TestKeypadTextsArePlain(t *testing.T) {
	t.Parallel()
	catalog, err := Load(Options{}, Source{"programs", programs.FS})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range catalog.All() {
		for _, lang := range []models.Lang{models.Vietnamese, models.English} {
			for _, text := range p.keypadTexts(lang) {
				if r, bad := notPlain(text); bad || text == "" {
					t.Errorf("%s %s: %q holds %q", p.ID(), lang, text, r)
				}
			}
		}
	}
}

func (p *Program) keypadTexts(lang models.Lang) []string {
	list := []string{p.Short(lang)}
	for _, f := range p.factors {
		list = append(list, f.short.plain.in(lang))
	}
	for _, l := range p.levels {
		list = append(list, l.short.plain.in(lang), l.adviceShort.plain.in(lang))
	}
	for _, f := range p.forms {
		for i := range f.Groups {
			list = append(list, f.Groups[i].Short(lang))
		}
		for i := range f.Questions {
			q := &f.Questions[i]
			list = append(list, q.Short(lang))
			for j := range q.Options {
				list = append(list, q.Options[j].Short(lang))
			}
		}
	}
	return list
}

func TestText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"Sốt": "sốt", "Đau": "đau", "COVID-19": "COVID-19", "F0": "F0", "": "", "sốt": "sốt", "Ở nhà": "ở nhà"} {
		if got := LowerFirst(text); got != want {
			t.Errorf("LowerFirst(%q) = %q, want %q", text, got, want)
		}
	}
	for _, test := range []struct {
		a, b string
		want int
	}{{"fevr", "fever", 1}, {"", "abc", 3}, {"abc", "", 3}, {"same", "same", 0}, {"kitten", "sitting", 3}} {
		if got := editDistance(test.a, test.b); got != test.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

// Deep nesting ends in a problem, not in a crash.
func TestLoadDeep(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"[", "{a: ", "- ", "? "} {
		content := strings.Repeat(unit, 2_000)
		d := decoder{file: "deep"}
		var node programFile
		d.document([]byte(content), &node)
		if len(d.list) == 0 || !slices.ContainsFunc(d.list, func(p Problem) bool { return p.Line == 1 }) {
			t.Errorf("%q: problems %v", unit, d.list)
		}
	}
}
