package main

import (
	"errors"
	"strings"

	"khaibao/internal/lang"
	"khaibao/models"
)

// explained puts an error of the product into words for the operator: the text that the API would give in English, and one
// line for every wrong field, named by its flag. The cause of a failed dependency stays, since the operator mends it.
func explained(err error) error {
	var e *models.Error
	if !errors.As(err, &e) {
		return err
	}
	texts, loading := lang.Load()
	if loading != nil {
		return errors.Join(err, loading)
	}
	if !texts.Has("error." + e.Code + ".detail") {
		return err
	}
	lines := []string{texts.Text(models.English, "error."+e.Code+".detail", e.Args)}
	if len(e.Fields) > 0 {
		lines[0] = texts.Text(models.English, "error."+e.Code+".title", e.Args) + ":"
	}
	for _, f := range e.Fields {
		lines = append(lines, "  --"+strings.TrimPrefix(f.Field, "/")+": "+texts.Text(models.English, "field."+f.Code, f.Args))
	}
	if e.Cause != nil {
		lines = append(lines, "  "+e.Cause.Error())
	}
	return errors.New(strings.Join(lines, "\n"))
}
