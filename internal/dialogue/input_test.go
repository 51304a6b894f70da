package dialogue

import (
	"fmt"
	"testing"
	"time"

	"khaibao/internal/rules"
	"khaibao/models"
)

func TestBare(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"97.": "97", "38,5.": "38,5", "13 !": "13", "1,3;": "1,3", "0.": "0", "000.": "000", "21/11.": "21/11", "1?": "1?",
		"...": "...", "": "", "OK.": "OK.", "So 5.": "So 5.", "97%": "97%",
	} {
		if got := bare(typed); got != want {
			t.Errorf("%q becomes %q, want %q", typed, got, want)
		}
	}
}

func TestReadPicks(t *testing.T) {
	t.Parallel()
	names := [][]string{{"sot", "fever"}, {"ho", "cough"}, {"kho tho", "short of breath"}, {"gap nguoi nghi mac", "nguoi la"}, {"gap f0", "nguoi la"}}
	for _, tt := range []struct {
		typed  string
		unsure bool
		want   string // a letter a line: y, n, ?; or why not
	}{
		{"13", false, "ynynn"}, {"1 3", false, "ynynn"}, {"1,3", false, "ynynn"}, {" 31. ", false, "ynynn"}, {"1&3", false, "ynynn"}, {"１３", false, "ynynn"}, {"11", false, "ynnnn"},
		{"0", false, "nnnnn"}, {"0 0", false, "nnnnn"}, {"khong co gi", false, "nnnnn"}, {"Không!", false, "nnnnn"}, {"NO", false, "nnnnn"},
		{"9", true, "?????"}, {"9", false, "no_number"}, {"1 ?3", true, "yn?nn"}, {"?1?2", true, "??nnn"}, {"? 3", true, "nn?nn"},
		{"1 ?3", false, "numbers"}, {"?13", true, "doubt"}, {"13?", true, "doubt"}, {"1 ?1", true, "doubt"}, {"1 9", true, "no_number"},
		{"6", false, "no_number"}, {"0 1", false, "zero_alone"}, {"", false, "numbers"}, {"...", false, "numbers"}, {"1*2", false, "numbers"}, {"-", false, "numbers"},
		{"1-3", false, "between 13 123"}, {"2 - 5", false, "between 25 2345"}, {"1-2", false, "yynnn"}, {"3-1", false, "ynynn"}, {"-1", false, "ynnnn"}, {"1-2 4", false, "yynyn"},
		{"co sot voi ho", false, "yynnn"}, {"Sốt, HO", false, "yynnn"}, {"khó thở", false, "nnynn"}, {"toi bi kho tho", false, "nnynn"}, {"fever and cough", false, "yynnn"},
		{"khong sot", false, "words"}, {"sot xuat huyet", false, "words"}, {"toi", false, "words"}, {"gap nguoi nghi mak", false, "words"}, {"gap nguoii nghi mac", false, "nnnyn"}, {"caugh", false, "nynnn"},
		{"never", false, "words"}, {"rough", false, "words"}, {"ever", false, "words"}, {"fevr", false, "ynnnn"},
		{"nguoi la", false, "3 or 4"}, {"gap", false, "words"}, {"sot 1", false, "words"},
	} {
		got, problem := readPicks(tt.typed, names, tt.unsure)
		said := ""
		switch {
		case problem != nil && problem.code != "":
			said = problem.code
			if said == "between" {
				said += fmt.Sprint(" ", problem.args["one"], " ", problem.args["other"])
			}
		case problem != nil:
			said = fmt.Sprintf("%d or %d", problem.between[0], problem.between[1])
		}
		for _, p := range got {
			said += map[pick]string{pickNo: "n", pickYes: "y", pickUnsure: "?"}[p]
		}
		if said != tt.want {
			t.Errorf("%q, unsure %t: %s, want %s", tt.typed, tt.unsure, said, tt.want)
		}
	}
}

func bounded(kind rules.QuestionType, least, most float64) *rules.Question {
	return &rules.Question{Type: kind, Min: &least, Max: &most}
}

func TestReadNumber(t *testing.T) {
	t.Parallel()
	warmth, percent, change := bounded(rules.TypeDecimal, 30, 45), bounded(rules.TypeInteger, 50, 100), bounded(rules.TypeDecimal, -5, 5)
	for _, tt := range []struct {
		q     *rules.Question
		typed string
		want  float64
		ok    bool
	}{
		{warmth, "38.5", 38.5, true}, {warmth, "38,5", 38.5, true}, {warmth, "38", 38, true}, {warmth, "385", 38.5, true}, {warmth, "38.5 độ", 38.5, true}, {warmth, "38.5°C", 38.5, true},
		{warmth, "3850", 0, false}, {warmth, "29.9", 0, false}, {warmth, "46", 0, false}, {warmth, "500", 0, false}, {warmth, "38 5", 0, false}, {warmth, "38.5.1", 0, false}, {warmth, "1e1", 0, false}, {warmth, "", 0, false},
		{percent, "97%", 97, true}, {percent, "97.0", 97, true}, {percent, "97.5", 0, false}, {percent, "970", 0, false}, {percent, "٩٧", 0, false},
		{change, "-2,5", -2.5, true}, {change, "0", 0, true}, {change, "25", 0, false}, {change, "--1", 0, false},
	} {
		if got, ok := readNumber(tt.q, tt.typed); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %v, %t, want %v, %t", tt.typed, got, ok, tt.want, tt.ok)
		}
	}
	for want, q := range map[string]*rules.Question{"0": warmth, "9": change, "99": bounded(rules.TypeInteger, 0, 30), "999": bounded(rules.TypeInteger, 0, 200)} {
		if got := skipKey(q); got != want {
			t.Errorf("%v to %v is left out by %s, want %s", *q.Min, *q.Max, got, want)
		}
	}
}

func TestReadDay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 1, 0, 0, 0, models.Hanoi)
	for typed, want := range map[string]string{
		"0": "2026-03-02", "hôm nay": "2026-03-02", "1": "2026-03-01", "hom qua": "2026-03-01", "2": "", "5": "", "7": "", "8": "", "9": "",
		"0103": "2026-03-01", "01/03": "2026-03-01", "1.3": "2026-03-01", "1-3-26": "2026-03-01", "01032026": "2026-03-01", "010326": "2026-03-01", "2026-03-01": "2026-03-01",
		"0303": "2025-03-03", "3112": "2025-12-31", "2902": "", "29022024": "2024-02-29", "3102": "", "0013": "", "abc": "", "": "", "1/2/3/4": "", "12345": "", "-1": "",
	} {
		got, ok := readDay(typed, now)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t, want %q", typed, got, ok, want)
		}
	}
}
