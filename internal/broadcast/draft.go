package broadcast

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"khaibao/internal/gsm"
	"khaibao/models"
)

// Draft is what an official asks for.
type Draft struct {
	ID      string // the client's own UUIDv7, which makes drafting idempotent; may be empty
	Text    models.Words
	Area    models.Area
	Levels  []models.Level
	Purpose models.BroadcastPurpose
	SMS     bool
	Urgent  bool
	Lasts   time.Duration // 0: a day
	// Wrong is what the channel found wrong already; it is named together with what is found here.
	Wrong []models.FieldError
}

// The bounds of a text, in characters or in parts of an SMS in plain letters, and of how long a broadcast lasts.
const (
	maxText     = 1000
	maxSMSParts = 3

	shortest, longest, usual = 10 * time.Minute, 7 * 24 * time.Hour, 24 * time.Hour
)

// audience gives a broadcast for the audience of a draft. An area outside the official's scope is models.NotFound.
func (s *Service) audience(official models.Official, d Draft) (models.Broadcast, error) {
	if err := models.InvalidFields(d.Wrong...); err != nil {
		return models.Broadcast{}, err
	}
	area, known := s.Areas.Get(string(d.Area))
	if !known {
		return models.Broadcast{}, models.InvalidField("/area", "unknown_area", nil)
	}
	if !s.Areas.Holds(official.Area, d.Area) {
		return models.Broadcast{}, models.ErrNotFound
	}
	b := models.Broadcast{Author: official.Login, Area: d.Area, Purpose: d.Purpose, Levels: slices.Sorted(slices.Values(d.Levels))}
	b.Levels = slices.Compact(b.Levels)
	switch {
	case d.Area.IsProvince():
		b.Province = area.Code
	case d.Area.IsCommune():
		b.Province = area.Parent
	}
	return b, nil
}

// Check gives a draft as the broadcast that it would make, or names everything that is wrong with it.
func (s *Service) Check(official models.Official, d Draft) (models.Broadcast, error) {
	problems := d.Wrong
	wrong := func(field, code string, args map[string]any) {
		problems = append(problems, models.FieldError{Field: field, Code: code, Args: args})
	}
	named := func(field string) bool {
		return slices.ContainsFunc(d.Wrong, func(f models.FieldError) bool { return f.Field == field })
	}
	if d.ID != "" && !isUUIDv7(d.ID) {
		wrong("/id", "not_uuidv7", nil)
	}
	text := models.Words{Vietnamese: clean(d.Text.Vietnamese), English: clean(d.Text.English)}
	if text.Vietnamese == "" && !named("/text") && !named("/text/vi") {
		wrong("/text/vi", "required", nil)
	}
	for field, value := range map[string]string{"/text/vi": text.Vietnamese, "/text/en": text.English} {
		switch {
		case strings.ContainsFunc(value, hides):
			wrong(field, "forbidden_characters", nil)
		case utf8.RuneCountInString(value) > maxText:
			wrong(field, "too_long", map[string]any{"max": maxText})
		case d.SMS && gsm.Measure(gsm.Plain(value)).Parts > maxSMSParts:
			wrong(field, "too_long_for_sms", map[string]any{"max": maxSMSParts})
		}
	}
	if d.Urgent && d.Purpose == models.BroadcastNews {
		wrong("/urgent", "alerts_only", nil)
	}
	if d.Lasts == 0 {
		d.Lasts = usual
	}
	if d.Lasts < shortest || d.Lasts > longest {
		wrong("/expires_in", "limit", map[string]any{"min": int(shortest / time.Second), "max": int(longest / time.Second)})
	}
	if _, known := s.Areas.Get(string(d.Area)); !known && !named("/area") {
		wrong("/area", "unknown_area", nil)
	}
	slices.SortStableFunc(problems, func(x, y models.FieldError) int { return strings.Compare(x.Field, y.Field) })
	d.Wrong = problems
	b, err := s.audience(official, d)
	b.Text, b.SMS, b.Urgent, b.Lasts = text, d.SMS, d.Urgent, d.Lasts
	return b, err
}

// clean gives a text in plain characters and NFC, without blanks at its ends.
func clean(text string) string { return strings.TrimSpace(norm.NFC.String(models.Pasted(text))) }

// hides tells whether a character is none that a reader sees; lines may be broken.
func hides(r rune) bool {
	return r != '\n' && !unicode.IsPrint(r)
}

func isUUIDv7(id string) bool {
	parsed, err := uuid.Parse(id)
	return err == nil && parsed.Version() == 7 && parsed.String() == id
}
