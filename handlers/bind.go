package handlers

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-playground/validator/v10"

	"khaibao/models"
)

// The largest bodies, in bytes.
const (
	bodyLimit = 64 << 10
	syncLimit = 1 << 20
)

// maxDepth is how deep a body may nest.
const maxDepth = 16

// binder reads bodies strictly into request structs. It is safe for concurrent use.
type binder struct {
	valid   *validator.Validate
	options json.Options
}

func newBinder() (*binder, error) {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(memberName)
	if err := v.RegisterValidation("id", func(field validator.FieldLevel) bool { return isID(field.Field().String()) }); err != nil {
		return nil, err
	}
	return &binder{
		valid: v,
		// A number of an answer stays as it was written, so that none is rounded before it is checked.
		options: json.JoinOptions(json.RejectUnknownMembers(true), json.WithUnmarshalers(json.UnmarshalFromFunc(numberAsWritten))),
	}, nil
}

func numberAsWritten(in *jsontext.Decoder, into *any) error {
	if in.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	value, err := in.ReadValue()
	if err == nil {
		*into = stdjson.Number(value)
	}
	return err
}

// body reads a request's JSON body into a struct. What cannot be read at all is an error; every field that is wrong is
// listed, for the handler to hand on so that the use-case can name its own beside them. No message repeats what was sent.
func (b *binder) body(r *http.Request, limit int64, into any) ([]models.FieldError, error) {
	raw, err := read(r, limit)
	if err == nil {
		err = oneObject(raw)
	}
	if err != nil {
		return nil, err
	}
	return b.value(raw, into), nil
}

// read gives the bytes of a body that says it is JSON.
func read(r *http.Request, limit int64) (jsontext.Value, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || kind != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) || r.Header.Get("Content-Encoding") != "" {
		return nil, errUnsupported
	}
	if r.ContentLength > limit {
		return nil, errTooLarge
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil:
		return nil, &models.Error{Kind: models.Malformed, Code: "malformed", Cause: err}
	case int64(len(raw)) > limit:
		return nil, errTooLarge
	}
	return raw, nil
}

// oneObject tells what keeps bytes from being one well-formed JSON object.
func oneObject(raw jsontext.Value) error {
	if err := wellFormed(raw); err != nil || raw.Kind() == '{' {
		return err
	}
	return malformed("", "not_object", nil)
}

// wellFormed tells what keeps bytes from being one JSON value: no name may stand twice in an object, and all of it must
// be UTF-8. It names the place as far as there is one.
func wellFormed(raw jsontext.Value) error {
	if deeper(raw, maxDepth) {
		return malformed("", "too_deep", map[string]any{"max": maxDepth})
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(raw))
	_, err := decoder.ReadValue()
	if err == nil {
		if _, err = decoder.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		}
	}
	var place *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &place):
		return malformed(shown(string(place.JSONPointer)), "duplicate_name", nil)
	case errors.As(err, &place):
		return malformed(shown(string(place.JSONPointer)), "bad_json", nil)
	}
	return malformed("", "bad_json", nil)
}

func malformed(field, code string, args map[string]any) error {
	return &models.Error{Kind: models.Malformed, Code: "malformed", Fields: []models.FieldError{{Field: field, Code: code, Args: args}}}
}

// shown bounds a pointer whose names a client chose.
func shown(pointer string) string {
	if len(pointer) > 4*maxNameShown || !utf8.ValidString(pointer) {
		return ""
	}
	return pointer
}

// deeper tells whether JSON nests deeper than a limit, without reading it any further than that.
func deeper(raw []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// value reads one valid JSON object into a struct and lists what is wrong with its members.
func (b *binder) value(raw jsontext.Value, into any) []models.FieldError {
	var problems []models.FieldError
	if json.Unmarshal(raw, into, b.options) != nil {
		target := reflect.ValueOf(into).Elem()
		target.SetZero()
		problems = b.members(raw, target, "")
	}
	problems = append(problems, b.rules(into, problems)...)
	slices.SortStableFunc(problems, func(x, y models.FieldError) int { return strings.Compare(x.Field, y.Field) })
	return problems
}

// members reads an object member by member, so that every one that does not fit is named.
func (b *binder) members(raw jsontext.Value, into reflect.Value, at string) []models.FieldError {
	var members map[string]jsontext.Value
	if raw.Kind() != '{' || json.Unmarshal(raw, &members) != nil {
		return []models.FieldError{wrongType(at, into.Type())}
	}
	fields := fieldsOf(into)
	var problems []models.FieldError
	for name, value := range members {
		field, known := fields[name]
		pointer := at + "/" + escape(name)
		switch {
		case !known:
			problems = append(problems, models.FieldError{Field: pointer, Code: "unknown_field"})
		case isNested(field.Type()) && value.Kind() == '{':
			problems = append(problems, b.members(value, reach(field), pointer)...)
		case json.Unmarshal(value, field.Addr().Interface(), b.options) == nil:
		case field.Kind() == reflect.Slice && value.Kind() == '[':
			problems = append(problems, b.items(value, field.Type().Elem(), pointer)...)
		default:
			problems = append(problems, misfit(pointer, field.Type(), value.Kind()))
		}
	}
	return problems
}

// items names the items of an array that do not fit.
func (b *binder) items(raw jsontext.Value, kind reflect.Type, at string) []models.FieldError {
	var items []jsontext.Value
	if json.Unmarshal(raw, &items) != nil {
		return []models.FieldError{wrongType(at, kind)}
	}
	var problems []models.FieldError
	for i, item := range items {
		if json.Unmarshal(item, reflect.New(kind).Interface(), b.options) != nil {
			problems = append(problems, misfit(at+"/"+strconv.Itoa(i), kind, item.Kind()))
		}
	}
	return problems
}

// fieldsOf gives a struct's fields by the name of their member, those of embedded structs included.
func fieldsOf(value reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range value.NumField() {
		field := value.Type().Field(i)
		if field.Anonymous {
			for name, inner := range fieldsOf(value.Field(i)) {
				fields[name] = inner
			}
			continue
		}
		if name := memberName(field); name != "" {
			fields[name] = value.Field(i)
		}
	}
	return fields
}

func memberName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// isNested tells whether a field is an object with members of its own.
func isNested(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && !isText(t)
}

// reach gives the struct behind a field, made when there is none yet.
func reach(field reflect.Value) reflect.Value {
	if field.Kind() != reflect.Pointer {
		return field
	}
	field.Set(reflect.New(field.Type().Elem()))
	return field.Elem()
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// maxNameShown bounds how much of an unknown member's name is repeated: a name is no answer, but it may be long.
const maxNameShown = 64

// shownName bounds a name that a client chose.
func shownName(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), maxNameShown)], "")
}

// escape writes a member's name as a part of a JSON pointer (RFC 6901).
func escape(name string) string { return pointerEscapes.Replace(shownName(name)) }
