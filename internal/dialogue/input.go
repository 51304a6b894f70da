package dialogue

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"khaibao/internal/areas"
	"khaibao/internal/rules"
	"khaibao/models"
)

// Words that answer a yes-or-no question by themselves, folded.
var (
	yesWords = []string{"co", "yes", "y", "c"} // not "dung": right, stop or do not, by its accents
	noWords  = []string{"khong", "no", "n", "ko", "k", "hong", "khong co", "khong co gi", "none", "khoe", "binh thuong", "ok khoe"}
)

// bare takes off the full stop that people put behind a number, "97." or "13!"; words stay as they are.
func bare(typed string) string {
	if strings.ContainsFunc(typed, unicode.IsLetter) || !strings.ContainsFunc(typed, unicode.IsDigit) {
		return typed
	}
	return strings.TrimRight(typed, " .,;:!")
}

// pick is the answer to one line of a screen.
type pick int

const (
	pickNo pick = iota
	pickYes
	pickUnsure
)

// misread says why an answer was not taken: a note, or the two lines that it could mean.
type misread struct {
	code    string
	args    map[string]any
	between [2]int
}

// readPicks reads which lines of a screen an answer names, by number ("13", "1 3", "1,3", with "?3" for not sure, "0" for
// none, "9" for not sure of all) or by name. names are those of each line, folded. What could mean two things is not taken.
func readPicks(typed string, names [][]string, unsure bool) ([]pick, *misread) {
	folded := strings.TrimSpace(areas.Fold(typed))
	none := make([]pick, len(names))
	switch {
	case folded == "":
		return nil, &misread{code: "numbers"}
	case (strings.Contains(folded, "0") && strings.Trim(folded, "0 .,;") == "") || oneOf(strings.Trim(folded, " .!,"), noWords...):
		return none, nil
	case folded == "9" && unsure:
		return slices.Repeat([]pick{pickUnsure}, len(names)), nil
	case strings.ContainsFunc(folded, unicode.IsLetter):
		return readNames(folded, names)
	}
	return readNumbers(folded, len(names), unsure)
}

// allLines are the numbers of a screen's lines.
const allLines = "1234567"

func readNumbers(folded string, n int, unsure bool) ([]pick, *misread) {
	picks := make([]pick, n)
	doubt, behind := false, false // a ? waits for its number; a number with ? was just read
	last, dash := n, false        // the line that was named last, and a dash behind it
	for _, r := range folded {
		digit := r >= '0' && r <= '9'
		switch {
		case r == '?' && unsure:
			doubt, behind = true, false
			continue
		case strings.ContainsRune(" .,;:-+/&()#", r):
			behind, dash = false, dash || r == '-'
			continue
		case !digit:
			return nil, &misread{code: "numbers"}
		case behind: // "?13": is 3 in doubt too?
			return nil, &misread{code: "doubt"}
		case r == '0':
			return nil, &misread{code: "zero_alone"}
		}
		i := int(r - '1')
		if i >= n {
			return nil, &misread{code: "no_number", args: map[string]any{"number": string(r)}}
		}
		if dash && i > last+1 { // "1-3": 1 and 3, or 1 to 3?
			return nil, &misread{code: "between", args: map[string]any{"one": allLines[last:last+1] + allLines[i:i+1], "other": allLines[last : i+1]}}
		}
		last, dash = i, false
		answer := pickYes
		if doubt {
			answer, behind = pickUnsure, true
		}
		if picks[i] != pickNo && picks[i] != answer {
			return nil, &misread{code: "doubt"}
		}
		picks[i], doubt = answer, false
	}
	switch {
	case doubt: // "13?": which of them?
		return nil, &misread{code: "doubt"}
	case !strings.ContainsFunc(folded, unicode.IsDigit): // "..." says nothing, and above all no "none"
		return nil, &misread{code: "numbers"}
	}
	return picks, nil
}

// Words that may stand between names without meaning anything.
var fillers = strings.Fields("co bi toi dang va voi roi nhe a ah da em anh chi minh con chau thi la rat hoi mot chut nhieu qua cao nang nhe lam hom nay tu nua ca cung dau " +
	"i have has am is the a an and with also some little very today feel feeling got my me")

// readNames reads the names of lines out of words. Every word must belong to a name or mean nothing; a name of two lines
// could mean either.
func readNames(folded string, names [][]string) ([]pick, *misread) {
	words := strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	picks := make([]pick, len(names))
	found, known := false, wordsOf(names)
	for at := 0; at < len(words); {
		lines, length := longestName(words[at:], names, known)
		switch {
		case length == 0 && slices.Contains(fillers, words[at]):
			at++
		case length == 0:
			return nil, &misread{code: "words"}
		case len(lines) > 1:
			return nil, &misread{between: [2]int{lines[0], lines[1]}}
		default:
			picks[lines[0]], found = pickYes, true
			at += length
		}
	}
	if !found {
		return nil, &misread{code: "words"}
	}
	return picks, nil
}

// longestName gives the lines that have the longest name which the words begin with, and how many words that takes.
func longestName(words []string, names [][]string, known map[string]bool) (lines []int, length int) {
	means := func(name, word string) bool { return name == word || (!known[word] && alike(name, word)) }
	for line, own := range names {
		for _, name := range own {
			parts := strings.Fields(name)
			if len(parts) > len(words) || len(parts) < length || !slices.EqualFunc(parts, words[:len(parts)], means) {
				continue
			}
			if len(parts) > length {
				lines, length = nil, len(parts)
			}
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines, length
}

// wordsOf gives the words that are known as they are, so that none of them is another one mistyped.
func wordsOf(names [][]string) map[string]bool {
	known := map[string]bool{}
	for _, own := range names {
		for _, name := range own {
			for _, word := range strings.Fields(name) {
				known[word] = true
			}
		}
	}
	for _, word := range fillers {
		known[word] = true
	}
	return known
}

// alike forgives one wrong, missing, doubled or exchanged letter in a word that is long enough for it to mean nothing else.
// The first letter must be right: "never" is no fever, and "rough" no cough.
func alike(name, word string) bool {
	if name == word {
		return true
	}
	if len(name) < 5 || len(word) < 4 || name[0] != word[0] || len(name)-len(word) > 1 || len(word)-len(name) > 1 {
		return false
	}
	i := 0
	for i < len(name) && i < len(word) && name[i] == word[i] {
		i++
	}
	a, b := name[i:], word[i:]
	switch {
	case len(a) > len(b):
		return a[1:] == b
	case len(a) < len(b):
		return a == b[1:]
	}
	return a[1:] == b[1:] || (len(a) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:])
}

// named is what has a name in the program.
type named interface {
	Text(models.Lang) string
	Short(models.Lang) string
}

// namesOf lists everything that a line is called, folded, in both languages.
func namesOf(of named, more []string) []string {
	names := slices.Clone(more)
	for _, lang := range []models.Lang{models.Vietnamese, models.English} {
		names = append(names, of.Text(lang), of.Short(lang))
	}
	for i, name := range names {
		words := strings.FieldsFunc(areas.Fold(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		names[i] = strings.Join(words, " ")
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

var numberForm = regexp.MustCompile(`^(-?[0-9]{1,10})(?:[.,]([0-9]{1,6}))?\s*(?:do c|do|c|%|°c|°|/phut|lan/phut|lan)?$`)

// readNumber reads a number as people type it: "38.5", "38,5", "38.5 do", "98%". On a keypad without a point "385" is
// taken for 38.5 where only that lies within the bounds.
func readNumber(q *rules.Question, typed string) (float64, bool) {
	parts := numberForm.FindStringSubmatch(strings.TrimSpace(areas.Fold(typed)))
	if parts == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(parts[1]+"."+parts[2]+"0", 64)
	if err != nil || (q.Type == rules.TypeInteger && n != math.Trunc(n)) {
		return 0, false
	}
	if within(q, n) {
		return n, true
	}
	if q.Type == rules.TypeDecimal && parts[2] == "" && *q.Min*10 > *q.Max && within(q, n/10) {
		return n / 10, true
	}
	return 0, false
}

func within(q *rules.Question, n float64) bool { return n >= *q.Min && n <= *q.Max }

// fits tells whether a key could be an answer to a question for a number.
func fits(q *rules.Question, key string) bool {
	_, ok := readNumber(q, key)
	return ok
}

// readDay reads a day: 0 today, 1 yesterday, "2111", "21/11", "21.11.2026", "21112026" or "2026-11-21". A
// day without a year is the last one there was.
func readDay(typed string, now time.Time) (string, bool) {
	folded := strings.TrimSpace(areas.Fold(typed))
	now = now.In(models.Hanoi)
	switch {
	case oneOf(folded, "hom nay", "today"):
		folded = "0"
	case oneOf(folded, "hom qua", "yesterday"):
		folded = "1"
	}
	if folded == "0" || folded == "1" {
		return models.Day(now.AddDate(0, 0, -int(folded[0]-'0'))), true
	}
	if day, err := time.Parse(time.DateOnly, folded); err == nil {
		return day.Format(time.DateOnly), true
	}
	parts := strings.FieldsFunc(folded, func(r rune) bool { return strings.ContainsRune(" /.-,", r) })
	if len(parts) == 1 && strings.Trim(parts[0], "0123456789") == "" {
		switch s := parts[0]; len(s) {
		case 4, 6, 8:
			parts = []string{s[:2], s[2:4], s[4:]}
		}
	}
	if len(parts) < 2 || len(parts) > 3 {
		return "", false
	}
	return dayOf(parts, now)
}

// dayOf makes a day of its parts: day, month and a year of two or four digits, or none.
func dayOf(parts []string, now time.Time) (string, bool) {
	var n [3]int
	for i, part := range parts {
		value, err := strconv.Atoi(part)
		if part != "" && (err != nil || value < 0 || len(part) > 4) {
			return "", false
		}
		n[i] = value
	}
	year := n[2]
	given := len(parts) == 3 && parts[2] != ""
	switch {
	case !given:
		year = now.Year()
	case len(parts[2]) == 2:
		year += 2000
	case len(parts[2]) != 4:
		return "", false
	}
	day := time.Date(year, time.Month(n[1]), n[0], 0, 0, 0, 0, models.Hanoi)
	if !given && day.After(now) {
		year--
		day = time.Date(year, time.Month(n[1]), n[0], 0, 0, 0, 0, models.Hanoi)
	}
	if n[1] < 1 || n[1] > 12 || day.Day() != n[0] || n[0] < 1 {
		return "", false
	}
	return day.Format(time.DateOnly), true
}
