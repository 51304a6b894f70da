package handlers

import (
	"encoding"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-playground/validator/v10"

	"khaibao/models"
)

// isText tells whether a type is written as a text although it is none in Go, such as a time or a level.
func isText(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// misfit says what is wrong with a member that did not go into its Go type.
func misfit(at string, t reflect.Type, got jsontext.Kind) models.FieldError {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if got == '"' && isText(t) {
		if t == reflect.TypeFor[time.Time]() {
			return models.FieldError{Field: at, Code: "bad_time"}
		}
		return models.FieldError{Field: at, Code: "unknown_option", Args: optionsOf(t)}
	}
	return wrongType(at, t)
}

// optionsOf lists the words of a type that has few.
func optionsOf(t reflect.Type) map[string]any {
	if t != reflect.TypeFor[models.Level]() {
		return nil
	}
	return map[string]any{"options": words(models.Levels(), models.Level.String)}
}

func wrongType(at string, t reflect.Type) models.FieldError {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return models.FieldError{Field: at, Code: "wrong_type", Args: map[string]any{"type": jsonType(t)}}
}

func jsonType(t reflect.Type) string {
	switch {
	case isText(t) || t.Kind() == reflect.String:
		return "string"
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		return "integer"
	case t.Kind() == reflect.Slice:
		return "array"
	default:
		return "object"
	}
}

// rules holds a struct against its validate tags and lists what else is wrong; a member that is named already is left out.
func (b *binder) rules(in any, named []models.FieldError) []models.FieldError {
	var broken validator.ValidationErrors
	if !errors.As(b.valid.Struct(in), &broken) {
		return nil
	}
	var problems []models.FieldError
	for _, e := range broken {
		problem := brokenRule(e)
		if !isNamed(named, problem.Field) {
			problems = append(problems, problem)
		}
	}
	return problems
}

// isNamed tells whether a field, or the object it belongs to, is among the problems.
func isNamed(problems []models.FieldError, field string) bool {
	return slices.ContainsFunc(problems, func(p models.FieldError) bool {
		return p.Field == field || strings.HasPrefix(field, p.Field+"/")
	})
}

func brokenRule(e validator.FieldError) models.FieldError {
	problem := models.FieldError{Field: pointerOf(e.Namespace(), e.StructNamespace())}
	switch e.Tag() {
	case "required":
		problem.Code = "required"
	case "oneof":
		problem.Code, problem.Args = "unknown_option", map[string]any{"options": strings.ReplaceAll(e.Param(), " ", ", ")}
	case "max":
		problem.Code, problem.Args = "too_long", map[string]any{"max": e.Param()}
		if e.Kind() == reflect.Slice {
			problem.Code = "too_many_items"
		}
	case "id":
		problem.Code = "bad_id"
	default:
		problem.Code = "bad_value"
	}
	return problem
}

// pointerOf turns the validator's "personRequest.area.commune" into "/area/commune". An embedded struct has no member
// of its own: its part of the path is the same in JSON and in Go.
func pointerOf(names, goNames string) string {
	var out strings.Builder
	goParts := strings.Split(goNames, ".")
	for i, part := range strings.Split(names, ".") {
		if i > 0 && part != goParts[i] {
			out.WriteString("/" + part)
		}
	}
	return out.String()
}

// isID tells whether a text may be one of our ids or a client's: nothing else ever reaches a store.
func isID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
