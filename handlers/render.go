package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
)

// list is a part of a list. NextCursor asks for the next part; it is null at the end.
type list[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// listOf renders every item.
func listOf[A, B any](items []A, next string, render func(A) B) list[B] {
	out := list[B]{Items: make([]B, len(items))}
	for i, item := range items {
		out.Items[i] = render(item)
	}
	if next != "" {
		out.NextCursor = &next
	}
	return out
}

// answer writes a body.
func answer(c echo.Context, status int, body any) error {
	text, err := json.Marshal(body, json.Deterministic(true))
	if err != nil {
		return err
	}
	return c.Blob(status, echo.MIMEApplicationJSON, text)
}

// created is the status of something new, or of the repetition of what was there already.
func created(isNew bool) int {
	if isNew {
		return http.StatusCreated
	}
	return http.StatusOK
}

// page is a public answer that clients may keep for a while.
type page struct {
	kind string
	body []byte
	etag string
}

func newPage(kind string, body []byte) page {
	sum := sha256.Sum256(body)
	return page{kind, body, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

func jsonPage(body any) (page, error) {
	text, err := json.Marshal(body, json.Deterministic(true))
	return newPage(echo.MIMEApplicationJSON, text), err
}

// send writes a page, or says that the client has it already.
func (p page) send(c echo.Context) error {
	header := c.Response().Header()
	header.Set("ETag", p.etag)
	header.Set("Cache-Control", "public, max-age=300")
	if matches(c.Request().Header.Get("If-None-Match"), p.etag) {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, p.kind, p.body)
}

// matches compares an If-None-Match header, weakly as RFC 9110 (13.1.2) has it.
func matches(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

// stamp is a time as the API shows it: RFC 3339 in UTC, to the millisecond.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// maybe is the stamp of a time that may not have come.
func maybe(at time.Time) *string {
	if at.IsZero() {
		return nil
	}
	text := stamp(at)
	return &text
}

// orNull is a text that may not be known.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
