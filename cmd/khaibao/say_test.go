package main

import (
	"errors"
	"fmt"
	"testing"

	"khaibao/models"
)

func TestExplained(t *testing.T) {
	t.Parallel()
	plain := errors.New("the settings are wrong")
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"plain":   {plain, "the settings are wrong"},
		"no text": {models.Fail(models.Internal, "odd"), "internal odd"},
		"missing": {fmt.Errorf("reading: %w", models.ErrNotFound), "This does not exist, or you may not see it."},
		"fields": {
			models.InvalidFields(models.FieldError{Field: "/login", Code: "too_short", Args: map[string]any{"min": 3}}, models.FieldError{Field: "/area", Code: "unknown_area"}),
			"Invalid data:\n  --login: At least 3 characters.\n  --area: There is no area with this code.",
		},
		"down": {models.Down("reading an official", errors.New("disk full")), "A part of the system is down. Try again later.\n  reading an official: disk full"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := explained(tt.err).Error(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if explained(nil) != nil {
		t.Error("success became an error")
	}
}

// What an official's administrator reads are words, not codes.
func TestAdminSpeaksInWords(t *testing.T) {
	t.Parallel()
	for name, address := range testStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, address(t))
			d.appoint("national", "national_manager", "VN")
			admin := []string{"admin", "--store", d.store, "--keys", d.keys}
			add := append(admin, "add", "--role", "officer", "--area", "00001", "--name", "Trần Minh", "--login")
			refused(t, nil, append(add, "ab"), "--login: At least 3 characters.", "--area: There is no area with this code.")
			refused(t, nil, append(admin, "disable", "nobody"), "This does not exist")
			taken := append(admin, "add", "--role", "national_manager", "--area", "VN", "--name", "Trần Minh", "--login", "national")
			refused(t, nil, taken, "already used")
		})
	}
}
