// Package problems turns errors into what a reader is told, the same in the API and on the officials' pages: a status of
// HTTP, and which field is wrong in the reader's words.
package problems

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"khaibao/internal/lang"
	"khaibao/models"
)

// Of gives the error of ours in a chain and its status. A deadline that passed is a dependency too slow to answer; an
// error that is not one of ours says nothing of the inside.
func Of(err error) (*models.Error, int) {
	var ours *models.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		ours = &models.Error{Kind: models.Unavailable, Code: "timeout", Cause: err}
	case !errors.As(err, &ours):
		ours = &models.Error{Kind: models.Internal, Code: "internal", Cause: err}
	}
	return ours, status(ours.Kind)
}

// status is the one place where a kind of error becomes a status.
func status(kind models.Kind) int {
	switch kind {
	case models.Malformed:
		return http.StatusBadRequest
	case models.Invalid:
		return http.StatusUnprocessableEntity
	case models.Unauthenticated:
		return http.StatusUnauthorized
	case models.Forbidden:
		return http.StatusForbidden
	case models.NotFound:
		return http.StatusNotFound
	case models.Conflict:
		return http.StatusConflict
	case models.Changed:
		return http.StatusPreconditionFailed
	case models.TooMany:
		return http.StatusTooManyRequests
	case models.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// Words gives the title and the detail of an error.
func Words(texts *lang.Texts, l models.Lang, e *models.Error) (title, detail string) {
	return texts.Text(l, "error."+e.Code+".title", e.Args), texts.Text(l, "error."+e.Code+".detail", e.Args)
}

// Field says what is wrong with a field, without its name. What names itself in a language, and types, are in the reader's.
func Field(texts *lang.Texts, l models.Lang, f models.FieldError) string {
	args := make(map[string]any, len(f.Args))
	for name, value := range f.Args {
		if named, ok := value.(interface{ In(models.Lang) string }); ok {
			value = named.In(l)
		} else if key := fmt.Sprintf("type.%v", value); name == "type" && texts.Has(key) {
			value = texts.Text(l, key, nil)
		}
		args[name] = value
	}
	return texts.Text(l, "field."+f.Code, args)
}
