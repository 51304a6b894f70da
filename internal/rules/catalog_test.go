package rules_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/rules"
	"khaibao/models"
)

// version is the small program as another version with another validity.
func version(n int, from, until string) string {
	valid := "{from: " + from
	if until != "" {
		valid += ", until: " + until
	}
	return strings.NewReplacer("version: 1", fmt.Sprintf("version: %d", n),
		"{from: 2026-01-01, until: 2026-12-31", valid).Replace(small)
}

func files(pairs ...string) fstest.MapFS {
	tree := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		tree[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return tree
}

func TestCatalog(t *testing.T) {
	t.Parallel()
	catalog, err := rules.Load(rules.Options{},
		rules.Source{Name: "programs", FS: files("test/10.yaml", version(10, "2026-03-01", ""), "test/1.yaml", version(1, "2026-01-01", "2026-06-30"))},
		rules.Source{Name: "more", FS: files(
			"test/2.yaml", version(2, "2026-02-01", "2026-02-28"),
			"test/1.yaml", version(1, "2026-01-01", "2026-06-30"), // the same again
			"other/1.yaml", strings.Replace(small, "id: test", "id: other", 1),
			"README.md", "not a program", ".git/x.yaml", "neither")})
	if err != nil {
		t.Fatal(err)
	}
	name := func(p *rules.Program) string { return fmt.Sprintf("%s/%d", p.ID(), p.Version()) }
	var all []string
	for _, p := range catalog.All() {
		all = append(all, name(p))
	}
	if diff := cmp.Diff([]string{"other/1", "test/1", "test/2", "test/10"}, all); diff != "" {
		t.Error(diff)
	}
	at := func(day string) time.Time {
		moment, err := time.ParseInLocation("2006-01-02 15:04", day, models.Hanoi)
		if err != nil {
			t.Fatal(err)
		}
		return moment.UTC()
	}
	for day, want := range map[string][]string{
		"2025-12-31 23:59": nil,
		"2026-01-01 00:00": {"other/1", "test/1"},
		"2026-02-01 00:00": {"other/1", "test/2"},
		"2026-02-28 23:59": {"other/1", "test/2"},
		"2026-03-01 00:00": {"other/1", "test/10"},
		"2027-01-01 00:00": {"test/10"},
	} {
		var got []string
		for _, p := range catalog.Active(at(day)) {
			got = append(got, name(p))
			if current, ok := catalog.Current(p.ID(), at(day)); !ok || current != p {
				t.Errorf("%s: current %s is not the active one", day, p.ID())
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", day, diff)
		}
	}
	if _, ok := catalog.Current("test", at("2025-06-01 00:00")); ok {
		t.Error("a program is current before it begins")
	}
	p, ok := catalog.Version("test", 2)
	if !ok || string(p.Content()) != version(2, "2026-02-01", "2026-02-28") {
		t.Error("version 2 is missing or has other content")
	}
	if _, ok := catalog.Version("test", 3); ok {
		t.Error("there is a version 3")
	}
}

func TestCatalogRefuses(t *testing.T) {
	t.Parallel()
	keyword := func(id string) string {
		return strings.NewReplacer("id: test", "id: "+id, "version: 1", "version: 1\nkeyword: SAME").Replace(small)
	}
	tests := []struct {
		name    string
		sources []rules.Source
		want    []string
	}{
		{"nothing", nil, []string{"programs: no program found (a program is a file <id>/<version>.yaml)"}},
		{"other content", []rules.Source{{Name: "programs", FS: files("test/1.yaml", small)}, {Name: "dir", FS: files("test/1.yaml", small+"\n")}},
			[]string{"dir/test/1.yaml:1:1: test version 1 is already in programs/test/1.yaml with other content (give the change a new version number)"}},
		{"wrong name", []rules.Source{{FS: files("test/01.yaml", small)}},
			[]string{"test/01.yaml:1:5: the file is test/01.yaml but holds test/1.yaml (rename the file, or correct id and version)"}},
		{"wrong extension", []rules.Source{{FS: files("test/1.yml", small)}},
			[]string{"test/1.yml:1:5: the file is test/1.yml but holds test/1.yaml (rename the file, or correct id and version)"}},
		{"wrong depth", []rules.Source{{FS: files("a/test/1.yaml", small)}},
			[]string{"a/test/1.yaml:1:5: the file is a/test/1.yaml but holds test/1.yaml (rename the file, or correct id and version)"}},
		{"keyword taken", []rules.Source{{FS: files("a/1.yaml", keyword("a"), "b/1.yaml", keyword("b"))}},
			[]string{"b/1.yaml:1:1: the keyword SAME belongs to a (choose another keyword)"}},
		{"two files wrong", []rules.Source{{FS: files("a/1.yaml", "", "b/1.yaml", "- x")}}, []string{
			"a/1.yaml:1:1: the file must hold exactly one YAML document (one file holds one version of one program)",
			"b/1.yaml:1:1: keys with values are expected here, not a list (write \"key: value\" lines)"}},
		{"too large", []rules.Source{{Name: "big", FS: files("test/1.yaml", small+strings.Repeat("#", 1<<20))}},
			[]string{"big: cannot be read: test/1.yaml is larger than 1048576 bytes"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			catalog, err := rules.Load(rules.Options{}, test.sources...)
			var problems *rules.Problems
			if catalog != nil || !errors.As(err, &problems) {
				t.Fatalf("got %v, %v, want problems", catalog, err)
			}
			if diff := cmp.Diff(strings.Join(test.want, "\n"), err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Aliases that multiply are stopped, not followed.
func TestLoadAliasBomb(t *testing.T) {
	t.Parallel()
	example := "- &e {name: x, age: 30, level: low, factors: [], answers: {chronic: &l0 [a, a, a, a, a, a, a, a, a, a]"
	for i := range 9 {
		example += fmt.Sprintf(", q%d: &l%d [%s]", i, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i), 10), ", "))
	}
	err := load(strings.Replace(small, "examples:\n", "examples:\n"+example+"}}\n", 1))
	if err == nil || !strings.Contains(err.Error(), "too large once its aliases are followed") {
		t.Errorf("got %v", err)
	}
}

// Examples that come out otherwise are named with their place and what happened instead.
func TestRunExamples(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, old, new, want string }{
		{"level", "  level: moderate\n  factors", "  level: high\n  factors",
			`test/1.yaml:68:3: example "fever": level moderate, expected high (fired: fever)`},
		{"factors", "  factors: [fever]\n", "  factors: []\n",
			`test/1.yaml:68:3: example "fever": factors fever, expected none (fired: fever)`},
		{"rules", "  factors: [fever]\n", "  factors: [fever]\n  rules: [block]\n",
			`test/1.yaml:68:3: example "fever": rules fever, expected block (fired: fever)`},
		{"answers", "temperature: 38.5", "temperature: 50",
			`test/1.yaml:68:3: example "fever": its answers are not valid: /answers/temperature out_of_bounds (answer as a citizen may)`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			i := strings.LastIndex(small, test.old)
			failures := program(t, small[:i]+test.new+small[i+len(test.old):]).RunExamples()
			if len(failures) != 1 {
				t.Fatalf("failures %v", failures)
			}
			if diff := cmp.Diff(test.want, failures[0].Problem.String()); diff != "" {
				t.Error(diff)
			}
			if failures[0].Example != "fever" {
				t.Errorf("example %q", failures[0].Example)
			}
		})
	}
}
