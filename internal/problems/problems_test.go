package problems

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"khaibao/internal/lang"
	"khaibao/models"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		err    error
		code   string
		status int
	}{
		"ours, wrapped": {fmt.Errorf("reading: %w", models.Fail(models.Conflict, "id_taken")), "id_taken", http.StatusConflict},
		"not ours":      {errors.New("the disk is on fire"), "internal", http.StatusInternalServerError},
		"too slow":      {fmt.Errorf("asking: %w", context.DeadlineExceeded), "timeout", http.StatusServiceUnavailable},
		// A store wraps what its engine said: too slow stays too slow.
		"ours, too slow": {&models.Error{Kind: models.Internal, Code: "internal", Cause: context.DeadlineExceeded}, "timeout", http.StatusServiceUnavailable},
	} {
		if e, status := Of(want.err); e.Code != want.code || status != want.status {
			t.Errorf("%s: %s %d, want %s %d", name, e.Code, status, want.code, want.status)
		}
	}
}

type named map[models.Lang]string

func (n named) In(l models.Lang) string { return n[l] }

func TestFieldSpeaksTheReadersLanguage(t *testing.T) {
	t.Parallel()
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	wrong := models.FieldError{Field: "/answers/fever", Code: "wrong_type", Args: map[string]any{"type": "boolean"}}
	vi, en := Field(texts, models.Vietnamese, wrong), Field(texts, models.English, wrong)
	if vi == en || vi == "" || en == "" {
		t.Errorf("%q and %q", vi, en)
	}
	options := models.FieldError{Code: "unknown_option", Args: map[string]any{"options": named{models.Vietnamese: "có, không", models.English: "yes, no"}}}
	if said := Field(texts, models.Vietnamese, options); !strings.Contains(said, "có, không") {
		t.Errorf("what names itself in a language: %s", said)
	}
	for _, said := range []string{vi, en} {
		if said == texts.Text(models.Vietnamese, "field.wrong_type", wrong.Args) || said == texts.Text(models.English, "field.wrong_type", wrong.Args) {
			t.Errorf("the type stayed a code: %s", said)
		}
	}
}
