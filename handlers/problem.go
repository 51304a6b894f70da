package handlers

import (
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"khaibao/internal/lang"
	"khaibao/internal/problems"
	"khaibao/models"
)

// problem is a problem document (RFC 9457). Code is stable and for programs, Title and Detail are for people.
type problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`
	Code   string         `json:"code"`
	Errors []problemField `json:"errors,omitempty"`
}

// problemField names one wrong field: a JSON pointer into the body, or the name of a parameter or header.
type problemField struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// What only HTTP knows.
var (
	errTooLarge    = &httpError{http.StatusRequestEntityTooLarge, "too_large"}
	errUnsupported = &httpError{http.StatusUnsupportedMediaType, "unsupported_media_type"}
	errMethod      = &httpError{http.StatusMethodNotAllowed, "method_not_allowed"}
)

// httpError is an error with a status that no kind has.
type httpError struct {
	status int
	code   string
}

// Error is the code of its text.
func (e *httpError) Error() string { return e.code }

// retryAfter is what a 503 tells clients to wait when nothing better is known.
const retryAfter = 5

// describe turns any error into a problem document. An error that is not one of ours says nothing of the inside.
func (s *Server) describe(err error, l models.Lang) problem {
	e, status := known(err)
	p := problem{Type: "about:blank", Status: status, Code: e.Code}
	p.Title, p.Detail = problems.Words(s.Texts, l, e)
	for i, f := range e.Fields {
		if !isNamed(e.Fields[:i], f.Field) {
			p.Errors = append(p.Errors, s.field(f, l))
		}
	}
	return p
}

func (s *Server) field(f models.FieldError, l models.Lang) problemField {
	return problemField{f.Field, f.Code, problems.Field(s.Texts, l, f)}
}

// known gives the error of ours in a chain and its status; echo's own when it routes count as ours.
func known(err error) (*models.Error, int) {
	var special *httpError
	var routing *echo.HTTPError
	switch {
	case errors.As(err, &special):
		return &models.Error{Kind: models.Malformed, Code: special.code}, special.status
	case errors.As(err, &routing) && routing.Code == http.StatusNotFound:
		return problems.Of(models.ErrNotFound)
	case errors.As(err, &routing) && routing.Code == http.StatusMethodNotAllowed:
		return known(errMethod)
	default:
		return problems.Of(err)
	}
}

// problem answers an error. It is echo's error handler.
func (s *Server) problem(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	e, status := known(err)
	header := c.Response().Header()
	switch status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	if e.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	header.Set("Cache-Control", "no-store")
	header.Del("ETag")
	document, failed := json.Marshal(s.describe(err, language(c)))
	if failed != nil {
		document = []byte(`{"status":500}`)
	}
	_ = c.Blob(status, "application/problem+json", document) // a broken connection has nobody to tell
}

// language is the one the caller reads best.
func language(c echo.Context) models.Lang {
	return lang.Match(c.Request().Header.Get("Accept-Language"))
}

// fault tells whether an error is ours to look into.
func fault(err error) bool {
	_, status := known(err)
	return status >= http.StatusInternalServerError
}
