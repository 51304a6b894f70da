package intake

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"khaibao/models"
)

// The longest values, in characters.
const (
	maxName    = 100
	maxAddress = 300
)

var fieldLimits = map[string]map[string]any{
	"/name":    {"max": maxName},
	"/address": {"max": maxAddress},
}

// isUUIDv7 tells whether an id is a UUID of version 7 in its canonical lower-case form.
func isUUIDv7(id string) bool {
	parsed, err := uuid.Parse(id)
	return err == nil && parsed.Version() == 7 && parsed.Variant() == uuid.RFC4122 && parsed.String() == id
}

// normalName gives a name in NFC with single blanks, or a field code. Names hold letters of any script, marks, blanks,
// apostrophes, hyphens, dots and commas; nothing that hides or turns text around.
func normalName(name string) (string, string) {
	name = strings.Join(strings.Fields(norm.NFC.String(name)), " ")
	letters := 0
	for _, r := range name {
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.IsMark(r), strings.ContainsRune(" '’-.,", r):
		default:
			return "", "forbidden_characters"
		}
	}
	switch {
	case letters == 0:
		return "", "required"
	case utf8.RuneCountInString(name) > maxName:
		return "", "too_long"
	}
	return name, ""
}

// normalAddress gives an address line in NFC without anything unprintable, or a field code.
func normalAddress(line string) (string, string) {
	line = strings.Join(strings.Fields(norm.NFC.String(line)), " ")
	for _, r := range line {
		if !unicode.IsPrint(r) {
			return "", "forbidden_characters"
		}
	}
	if utf8.RuneCountInString(line) > maxAddress {
		return "", "too_long"
	}
	return line, ""
}

// normalBirthDate takes a day between 1900 and today or, where that is enough, the year alone.
func (s *Service) normalBirthDate(text string, yearOnly bool) (string, string) {
	born, err := models.ParseBirthDate(text)
	if err != nil || (len(text) == 4 && !yearOnly) || born.Year() < 1900 || born.After(s.now()) {
		return "", "bad_birth_date"
	}
	return text, ""
}

var (
	cccd     = regexp.MustCompile(`^[0-9]{12}$`)
	cmnd     = regexp.MustCompile(`^[0-9]{9}$`)
	passport = regexp.MustCompile(`^[A-Z][A-Z0-9]{5,11}$`)
)

// normalNationalID takes a 12-digit CCCD, a 9-digit CMND or a passport number; blanks and dots between digits go; "" removes it.
func normalNationalID(text string) (string, string) {
	id := strings.ToUpper(strings.NewReplacer(" ", "", ".", "", "-", "").Replace(text))
	if id == "" || cccd.MatchString(id) || cmnd.MatchString(id) || passport.MatchString(id) {
		return id, ""
	}
	return "", "bad_national_id"
}

// doubts compares a CCCD with the birth year and sex it encodes (digit 4: century and sex; digits 5 and 6: year).
// It only warns: registers hold mistakes, and a person must be able to declare all the same.
func (s *Service) doubts(p models.Person) []models.FieldError {
	if !cccd.MatchString(p.NationalID) {
		return nil
	}
	var doubts []models.FieldError
	century := int(p.NationalID[3]-'0') / 2
	year, _ := strconv.Atoi(p.NationalID[4:6])
	if born, err := models.ParseBirthDate(p.BirthDate); err == nil && born.Year() != 1900+100*century+year {
		doubts = append(doubts, models.FieldError{Field: "/birth_date", Code: "differs_from_national_id"})
	}
	encoded := []models.Sex{models.Male, models.Female}[int(p.NationalID[3]-'0')%2]
	if p.Sex != models.Other && p.Sex != encoded {
		doubts = append(doubts, models.FieldError{Field: "/sex", Code: "differs_from_national_id"})
	}
	return doubts
}
