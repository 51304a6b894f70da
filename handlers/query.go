package handlers

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"khaibao/models"
)

// The size of a page.
const (
	defaultLimit = 50
	maxLimit     = 200
)

// query reads query parameters and remembers every one that is wrong.
type query struct {
	values   url.Values
	problems []models.FieldError
}

// queryOf reads a request's query. Parameters that the route does not know are wrong, and so are empty ones: a filter must
// not be lost silently and give more than was asked for.
func queryOf(c echo.Context) *query {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.wrong("query", "bad_value", nil)
	}
	known, _ := c.Get(queryKey).([]string)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(known, name) {
			q.wrong(shownName(name), "unknown_parameter", optional("options", known))
		} else if slices.Contains(values[name], "") && !slices.Contains(mayBeEmpty, name) {
			q.wrong(name, "required", nil)
		}
	}
	return q
}

// mayBeEmpty are parameters that narrow nothing when they are empty, as the first page of a list has no cursor yet.
var mayBeEmpty = []string{"cursor", "limit", "q"}

func (q *query) wrong(name, code string, args map[string]any) {
	q.problems = append(q.problems, models.FieldError{Field: name, Code: code, Args: args})
}

// once reads a parameter that may be given once.
func (q *query) once(name string) string {
	if len(q.values[name]) > 1 {
		q.wrong(name, "repeated", nil)
	}
	return q.values.Get(name)
}

// err is an error when a parameter was wrong.
func (q *query) err() error {
	if len(q.problems) == 0 {
		return nil
	}
	return &models.Error{Kind: models.Malformed, Code: "bad_query", Fields: q.problems}
}

// optional is an argument of a text; none when the list is empty.
func optional(name string, list []string) map[string]any {
	if len(list) == 0 {
		return nil
	}
	return map[string]any{name: list}
}

const maxParameter = 200

// text is a parameter as it is; at most 200 characters without any that hide.
func (q *query) text(name string) string {
	text := q.once(name)
	switch {
	case utf8.RuneCountInString(text) > maxParameter:
		q.wrong(name, "too_long", map[string]any{"max": maxParameter})
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		q.wrong(name, "forbidden_characters", nil)
	default:
		return text
	}
	return ""
}

// token is a code or an id.
func (q *query) token(name string) string {
	text := q.once(name)
	if text != "" && !isID(text) {
		q.wrong(name, "bad_value", nil)
		return ""
	}
	return text
}

// login is an official's login.
func (q *query) login(name string) string {
	text := q.once(name)
	if text != "" && !isID(strings.ReplaceAll(text, ".", "-")) {
		q.wrong(name, "bad_value", nil)
		return ""
	}
	return text
}

// limit is the size of the page, clamped to what is allowed.
func (q *query) limit() int {
	text := q.once("limit")
	if text == "" {
		return defaultLimit
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		q.wrong("limit", "limit", map[string]any{"min": 1, "max": maxLimit})
		return defaultLimit
	}
	return min(max(n, 1), maxLimit)
}

// page is what part of a list is asked for. The cursor is read by whoever made it.
func (q *query) page() models.Page {
	return models.Page{Limit: q.limit(), Cursor: q.once("cursor")}
}

// moment is an RFC 3339 time.
func (q *query) moment(name string) time.Time {
	text := q.once(name)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		q.wrong(name, "bad_time", nil)
	}
	return at
}

// day is a local day, "2006-01-02".
func (q *query) day(name, fallback string) string {
	text := q.once(name)
	if text == "" {
		return fallback
	}
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		q.wrong(name, "bad_date", nil)
		return fallback
	}
	return text
}

// flag is true, false or not given.
func (q *query) flag(name string) *bool {
	switch q.once(name) {
	case "":
		return nil
	case "true":
		yes := true
		return &yes
	case "false":
		no := false
		return &no
	}
	q.wrong(name, "unknown_option", map[string]any{"options": "true, false"})
	return nil
}

// number is a whole number of at least 1, 0 when it is not given.
func (q *query) number(name string) int {
	text := q.once(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		q.wrong(name, "bad_value", nil)
	}
	return n
}

// area is a code of the right form: VN, 2 digits or 5.
func (q *query) area(name string) models.Area {
	text := q.once(name)
	digits := !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if text == "" || text == string(models.Nation) || (digits && (len(text) == 2 || len(text) == 5)) {
		return models.Area(text)
	}
	q.wrong(name, "unknown_area", nil)
	return ""
}

// several reads a parameter that may be given more than once or with commas; every part must be one of the options.
func several[T any](q *query, name string, options []T, word func(T) string) []T {
	var out []T
	for _, part := range strings.Split(strings.Join(q.values[name], ","), ",") {
		if part == "" {
			continue
		}
		found := false
		for _, option := range options {
			if word(option) == part {
				out, found = append(out, option), true
			}
		}
		if !found {
			q.wrong(name, "unknown_option", map[string]any{"options": words(options, word)})
			return nil
		}
	}
	return out
}

func words[T any](options []T, word func(T) string) []string {
	out := make([]string, len(options))
	for i, option := range options {
		out[i] = word(option)
	}
	return out
}
