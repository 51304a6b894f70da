package lang

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"khaibao/models"
)

func loadTexts(t testing.TB) *Texts {
	t.Helper()
	texts, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func TestText(t *testing.T) {
	t.Parallel()
	texts := loadTexts(t)
	tests := []struct {
		name string
		lang models.Lang
		key  string
		args map[string]any
		want string
	}{
		{"vi", models.Vietnamese, "field.required", nil, "Bắt buộc."},
		{"en", models.English, "field.required", nil, "Required."},
		{"another language is Vietnamese", "fr", "level.high", nil, "Nguy cơ cao"},
		{"placeholders", models.English, "field.limit", map[string]any{"min": 1, "max": int64(200)}, "Must be a whole number from 1 to 200."},
		{"decimal point", models.English, "field.out_of_bounds", map[string]any{"min": 34.0, "max": 43.5}, "Must be from 34 to 43.5."},
		{"decimal comma", models.Vietnamese, "field.out_of_bounds", map[string]any{"min": 34.0, "max": 43.5}, "Phải từ 34 đến 43,5."},
		{"list", models.English, "field.ambiguous_area", map[string]any{"candidates": []string{"A", "B"}}, "This former code now belongs to several communes; choose one: A, B."},
		{"value that looks like a placeholder", models.English, "field.out_of_bounds", map[string]any{"min": "{max}", "max": 2}, "Must be from {max} to 2."},
		{"missing argument", models.English, "field.limit", map[string]any{"min": 1}, "Must be a whole number from 1 to {max}."},
		{"optional part left out", models.English, "field.unknown_option", nil, "Not one of the options."},
		{"optional part given", models.English, "field.unknown_option", map[string]any{"options": "yes, no"}, "Not one of the options: yes, no."},
		{"unknown key", models.English, "field.no_such_code", nil, "field.no_such_code"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := texts.Text(test.lang, test.key, test.args); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if texts.Has("error.not_found") || !texts.Has("error.not_found.title") {
		t.Error("Has takes a section for a text, or misses a text")
	}
}

func TestEveryWordOfTheModelsHasAText(t *testing.T) {
	t.Parallel()
	texts := loadTexts(t)
	var keys []string
	for _, l := range models.Levels() {
		keys = append(keys, "level."+l.String())
	}
	for _, s := range models.CaseStatuses() {
		keys = append(keys, "status."+string(s))
	}
	for _, r := range models.Roles() {
		keys = append(keys, "role."+string(r))
	}
	for _, r := range []models.Relationship{models.Self, models.Spouse, models.Child, models.Parent, models.OtherRelated} {
		keys = append(keys, "relationship."+string(r))
	}
	for _, s := range []models.Sex{models.Male, models.Female, models.Other} {
		keys = append(keys, "sex."+string(s))
	}
	for _, r := range models.UnreachableReasons() {
		keys = append(keys, "unreachable."+string(r))
	}
	for _, key := range keys {
		if !texts.Has(key) {
			t.Errorf("no text for %s", key)
		}
	}
}

func TestErrorsHaveTitleAndDetail(t *testing.T) {
	t.Parallel()
	texts := loadTexts(t)
	for key := range texts.byLang[models.Vietnamese] {
		section, rest, _ := strings.Cut(key, ".")
		code, part, nested := strings.Cut(rest, ".")
		if section != "error" {
			continue
		}
		if !nested || (part != "title" && part != "detail") || !texts.Has("error."+code+".title") || !texts.Has("error."+code+".detail") {
			t.Errorf("%s is not one of title and detail", key)
		}
	}
}

// An OTP must leave as one part of GSM-7, or some phones show it torn or not at all.
func TestOTPIsOnePart(t *testing.T) {
	t.Parallel()
	texts := loadTexts(t)
	for _, l := range []models.Lang{models.Vietnamese, models.English} {
		got := texts.Text(l, "message.otp", map[string]any{"code": "123456", "minutes": 5})
		if len(got) > 160 || strings.ContainsFunc(got, func(r rune) bool { return r > unicode.MaxASCII || strings.ContainsRune("[]{}\\^~|`", r) }) {
			t.Errorf("%s: %q is not one part of GSM-7", l, got)
		}
		if !strings.HasPrefix(got, "123456 ") || !strings.Contains(got, " 5 ") {
			t.Errorf("%s: %q does not give the code and the minutes", l, got)
		}
	}
}

// The lock screen is read by everybody around: a push says no word of health.
func TestPushSaysNothingOfHealth(t *testing.T) {
	t.Parallel()
	texts := loadTexts(t)
	words := []string{"sức khỏe", "bệnh", "nguy cơ", "khai báo y tế", "covid", "risk", "health", "declaration", "symptom", "fever"}
	for _, l := range []models.Lang{models.Vietnamese, models.English} {
		body := strings.ToLower(texts.Text(l, "message.push_title", nil) + " " + texts.Text(l, "message.push_body", nil))
		for _, word := range words {
			if strings.Contains(body, word) {
				t.Errorf("%s: the push says %q", l, word)
			}
		}
	}
}

func TestWrongFilesAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ vi, en, want string }{
		"key missing in en":        {"a: x\nb: y", "a: x", "en.yaml has no b"},
		"key missing in vi":        {"a: x", "a: x\nb: y", "vi.yaml has no b"},
		"placeholders differ":      {"a: '{x}'", "a: '{y}'", "placeholders [x]"},
		"key twice":                {"a: x\na: y", "a: x", "vi.yaml"},
		"not a text":               {"a: 1", "a: x", "a is neither"},
		"empty text":               {"a: ' '", "a: x", "empty"},
		"brace that means nothing": {"a: '{X}'", "a: x", "brace"},
		"optional part differs":    {"a: '[{x}]'", "a: '{x}'", "placeholders"},
		"optional but always":      {"a: 'b [c]'", "a: x", "optional"},
		"bracket that stays open":  {"a: 'b [{c}'", "a: x", "bracket"},
		"brace that stays open":    {"a: 'b {c'", "a: x", "brace"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(fstest.MapFS{"vi.yaml": {Data: []byte(test.vi)}, "en.yaml": {Data: []byte(test.en)}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	if _, err := load(fstest.MapFS{}); err == nil {
		t.Error("missing files were accepted")
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := map[string]models.Lang{
		"":                         models.Vietnamese,
		"vi":                       models.Vietnamese,
		"en":                       models.English,
		"EN-us":                    models.English,
		"en-GB,en;q=0.9,vi;q=0.8":  models.English,
		"vi-VN,vi;q=0.9,en;q=0.8":  models.Vietnamese,
		"en;q=0.3, vi;q=0.7":       models.Vietnamese,
		"vi;q=0.3, en;q=0.7":       models.English,
		"fr, en;q=0.5":             models.English,
		"fr-FR, de":                models.Vietnamese,
		"*":                        models.Vietnamese,
		"en;q=0":                   models.Vietnamese,
		"vi;q=0, en;q=0.1":         models.English,
		"enm":                      models.Vietnamese,
		"en;q=x":                   models.Vietnamese,
		"\x00":                     models.Vietnamese,
		strings.Repeat("en,", 500): models.Vietnamese,
	}
	for _, header := range slices.Sorted(maps.Keys(tests)) {
		if got, want := Match(header), tests[header]; got != want {
			t.Errorf("Match(%.40q) = %s, want %s", header, got, want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"vi", "en-GB,en;q=0.9", "*;q=0.1", "en;q=-1", "i-klingon", "a-b-c-d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if got := Match(header); got != models.Vietnamese && got != models.English {
			t.Errorf("Match(%q) = %q", header, got)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for b.Loop() {
		Match("vi-VN,vi;q=0.9,en-US;q=0.8,en;q=0.7")
	}
}
