package intake

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"khaibao/models"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Nguyễn  Thị   Thử":            "Nguyễn Thị Thử",
		"Nguye\u0302\u0303n":           "Nguyễn",
		"K'Brê":                        "K'Brê",
		"Y-Moan Êban":                  "Y-Moan Êban",
		"<b>":                          "!forbidden_characters",
		"A\x00B":                       "!forbidden_characters",
		"A\u202eB":                     "!forbidden_characters",
		"Lan 2":                        "!forbidden_characters",
		"   ":                          "!required",
		"'-'":                          "!required",
		strings.Repeat("ă", maxName):   strings.Repeat("ă", maxName),
		strings.Repeat("ă", maxName+1): "!too_long",
		"Nguyễn Văn Anh, bà":           "Nguyễn Văn Anh, bà",
		"\u200bẨn":                     "!forbidden_characters",
	} {
		got, code := normalName(in)
		if code != "" {
			got = "!" + code
		}
		if got != want {
			t.Errorf("normalName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNationalIDs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"020158000001": "020158000001", "020 158 000 001": "020158000001", "123456789": "123456789", "B1234567": "B1234567", "b1234567": "B1234567",
		"": "", "12345": "!", "0201580000011": "!", "12345678X": "!", "ĐABCDEF": "!",
	} {
		got, code := normalNationalID(in)
		if code != "" {
			got = "!"
		}
		if got != want {
			t.Errorf("normalNationalID(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDoubtsWarnAboutACCCDThatSaysOtherwise(t *testing.T) {
	t.Parallel()
	s := New(Config{Now: time.Now})
	for name, c := range map[string]struct {
		id, born string
		sex      models.Sex
		want     int
	}{
		"1900s woman":       {"020158000001", "1958-03-21", models.Female, 0},
		"2000s man":         {"020204000001", "2004-03-21", models.Male, 0},
		"other year":        {"020158000001", "1959-03-21", models.Female, 1},
		"other sex":         {"020158000001", "1958-03-21", models.Male, 1},
		"both":              {"020058000001", "1959-03-21", models.Female, 2},
		"sex other is fine": {"020158000001", "1958-03-21", models.Other, 0},
		"a CMND says none":  {"123456789", "1959-03-21", models.Male, 0},
	} {
		got := s.doubts(models.Person{NationalID: c.id, BirthDate: c.born, Sex: c.sex})
		if len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestUUIDv7(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"019ac000-0000-7000-8000-000000000001": true, "019AC000-0000-7000-8000-000000000001": false,
		"019ac000-0000-4000-8000-000000000001": false, "019ac000-0000-7000-c000-000000000001": false,
		"{019ac000-0000-7000-8000-000000000001}": false, "": false, "019ac000000070008000000000000001": false,
	} {
		if got := isUUIDv7(id); got != want {
			t.Errorf("isUUIDv7(%q) = %t", id, got)
		}
	}
}

func TestBirthDates(t *testing.T) {
	t.Parallel()
	s := New(Config{Now: func() time.Time { return time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC) }})
	for in, want := range map[string][2]bool{ // from the app, from a keypad
		"1900-01-01": {true, true}, "1899-12-31": {}, "2026-11-20": {true, true}, "2026-11-21": {}, "2025-02-29": {}, "58-01-01": {},
		"1958": {false, true}, "2026": {false, true}, "2027": {}, "1899": {}, "58": {}, "19x8": {}, "": {},
	} {
		for i, keypad := range []bool{false, true} {
			if _, code := s.normalBirthDate(in, keypad); (code == "") != want[i] {
				t.Errorf("birth date %s, keypad %t: %q", in, keypad, code)
			}
		}
	}
}

func FuzzNormalName(f *testing.F) {
	for _, seed := range []string{"Nguyễn Thị Thử", "A\x00", "\u202e", "\xff", "'", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, code := normalName(in)
		if code != "" {
			return
		}
		if again, code := normalName(got); code != "" || again != got {
			t.Errorf("%q became %q, then %q (%s)", in, got, again, code)
		}
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxName || strings.ContainsAny(got, "\x00\u202e\n") {
			t.Errorf("%q let %q through", in, got)
		}
	})
}
