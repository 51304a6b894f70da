package models

import (
	"errors"
	"fmt"
	"time"
)

// Kind classes an error by what its receiver can do about it. Only handlers turns a kind into an HTTP status.
type Kind string

// The kinds.
const (
	Malformed       Kind = "malformed"       // not readable at all: 400
	Invalid         Kind = "invalid"         // readable but wrong; Fields names every wrong field: 422
	Unauthenticated Kind = "unauthenticated" // no or bad credentials: 401
	Forbidden       Kind = "forbidden"       // known, but this role may not: 403
	NotFound        Kind = "not_found"       // not there, or not yours; the two are never told apart: 404
	Conflict        Kind = "conflict"        // the id is taken by other content: 409
	Changed         Kind = "changed"         // somebody else changed it meanwhile: 412
	TooMany         Kind = "too_many"        // a budget is used up; RetryAfter says for how long: 429
	Unavailable     Kind = "unavailable"     // a dependency is down; trying again makes sense: 503
	Internal        Kind = "internal"        // our fault: 500
)

// Error is the one error type that crosses a package border with a meaning.
//
// Code and Args choose a text in internal/lang (key "error.<code>"), so that the message is shown in the
// reader's language and is safe to show. Cause is for the log only and never holds personal data.
type Error struct {
	Kind       Kind
	Code       string
	Args       map[string]any
	Fields     []FieldError
	RetryAfter time.Duration
	Cause      error
}

// FieldError names one wrong field. Field is a JSON pointer into the body ("/answers/fever"), or the plain
// name of a query parameter, path parameter or header. Code chooses the text (key "field.<code>") and Args
// fill its {placeholders}; neither ever holds what the citizen typed.
type FieldError struct {
	Field string
	Code  string
	Args  map[string]any
}

// Error says the kind and code, and the cause for the log.
func (e *Error) Error() string {
	text := string(e.Kind)
	if e.Code != "" {
		text += " " + e.Code
	}
	for _, f := range e.Fields {
		text += fmt.Sprintf(" [%s %s]", f.Field, f.Code)
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf gives the kind of the first *Error in err's chain, Internal for any other error, "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is tells whether err is of the kind.
func (k Kind) Is(err error) bool { return KindOf(err) == k }

// Fail makes an error of a kind with a text code.
func Fail(kind Kind, code string) *Error { return &Error{Kind: kind, Code: code} }

// InvalidFields makes an Invalid error from field errors; nil when there are none.
func InvalidFields(fields ...FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Code: "invalid", Fields: fields}
}

// InvalidField makes an Invalid error of one field.
func InvalidField(field, code string, args map[string]any) error {
	return InvalidFields(FieldError{Field: field, Code: code, Args: args})
}

// ErrNotFound is what anything answers that is absent or outside the caller's reach.
var ErrNotFound = Fail(NotFound, "not_found")

// ErrSignedOut is what a citizen's request answers when the account behind its token is gone.
var ErrSignedOut = Fail(Unauthenticated, "signed_out")

// Down wraps the failure of a dependency.
func Down(what string, cause error) error {
	return &Error{Kind: Unavailable, Code: "unavailable", Cause: fmt.Errorf("%s: %w", what, cause)}
}
