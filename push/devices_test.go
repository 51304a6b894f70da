package push_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/models"
)

// Every wrong field is named at once and nothing is kept.
func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an")
	good := models.Device{ID: "phone", Token: "token-x", Platform: "android", Lang: models.Vietnamese}
	with := func(change func(*models.Device)) models.Device {
		d := good
		change(&d)
		return d
	}
	for _, tt := range []struct {
		name   string
		device models.Device
		want   []string
	}{
		{"everything", models.Device{}, []string{"id bad_value", "/token required", "/platform unknown_option", "/locale unknown_option"}},
		{"an id for another path", with(func(d *models.Device) { d.ID = "../people" }), []string{"id bad_value"}},
		{"a long id", with(func(d *models.Device) { d.ID = strings.Repeat("a", 65) }), []string{"id bad_value"}},
		{"a long token", with(func(d *models.Device) { d.Token = strings.Repeat("a", 4097) }), []string{"/token too_long"}},
		{"a NUL in the token", with(func(d *models.Device) { d.Token = "a\x00b" }), []string{"/token forbidden_characters"}},
		{"a space in the token", with(func(d *models.Device) { d.Token = "a b" }), []string{"/token forbidden_characters"}},
		{"another platform", with(func(d *models.Device) { d.Platform = "Android" }), []string{"/platform unknown_option"}},
		{"another language", with(func(d *models.Device) { d.Lang = "fr" }), []string{"/locale unknown_option"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := r.devices.Register(t.Context(), models.Citizen{Account: account}, tt.device)
			var e *models.Error
			if !errors.As(err, &e) || e.Kind != models.Invalid {
				t.Fatalf("got %v, want invalid", err)
			}
			var got []string
			for _, f := range e.Fields {
				got = append(got, f.Field+" "+f.Code)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if ids := r.deviceIDs(t, account); len(ids) != 0 {
				t.Errorf("kept %v", ids)
			}
		})
	}
}

// The household speaks the language of the app that chose one last; an app that only registers again chooses nothing.
func TestRegisterChoosesTheLanguage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an")
	phone := models.Device{ID: "phone", Token: "token-phone", Platform: "android", Lang: models.Vietnamese}
	tablet := models.Device{ID: "tablet", Token: "token-tablet", Platform: "ios", Lang: models.English}
	changed := phone
	changed.Lang = models.English
	for i, step := range []struct {
		do   func()
		want models.Lang
	}{
		{func() {}, models.Vietnamese},
		{func() { r.register(t, account, tablet) }, models.English},
		{func() { r.register(t, account, phone) }, models.Vietnamese},
		{func() { r.clock.advance(48 * time.Hour); r.register(t, account, tablet) }, models.Vietnamese},
		{func() { r.register(t, account, changed) }, models.English},
		{func() { r.speak(t, account, models.Vietnamese) }, models.Vietnamese}, // by SMS
		{func() { r.clock.advance(48 * time.Hour); r.register(t, account, changed) }, models.Vietnamese},
	} {
		step.do()
		a, err := r.store.Account(t.Context(), account)
		fatal(t, err)
		if a.Lang != step.want {
			t.Errorf("step %d: got %s, want %s", i, a.Lang, step.want)
		}
	}
}

func TestRegisterKeepsTheNewest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an")
	for i := range 12 {
		id := fmt.Sprintf("phone-%02d", i)
		r.register(t, account, models.Device{ID: id, Token: tokenOf(id), Platform: "web", Lang: models.English})
		r.clock.advance(time.Minute)
	}
	want := []string{"phone-02", "phone-03", "phone-04", "phone-05", "phone-06", "phone-07", "phone-08", "phone-09", "phone-10", "phone-11"}
	if diff := cmp.Diff(want, r.deviceIDs(t, account)); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	for _, gone := range []string{"phone-00", "phone-01"} {
		if _, err := r.store.TokenHolder(t.Context(), tokenOf(gone)); !models.NotFound.Is(err) {
			t.Errorf("the token of %s is still held: %v", gone, err)
		}
	}
}

// The same token under another id, and another token under the same id, replace what was there.
func TestRegisterAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an", models.Vietnamese)
	rev := func() string {
		a, err := r.store.Account(t.Context(), account)
		fatal(t, err)
		return a.Rev
	}
	before := rev()
	r.register(t, account, models.Device{ID: "an-1", Token: tokenOf("an-1"), Platform: "android", Lang: models.Vietnamese})
	if rev() != before {
		t.Error("the same registration was written again")
	}
	r.clock.advance(25 * time.Hour)
	r.register(t, account, models.Device{ID: "an-1", Token: tokenOf("an-1"), Platform: "android", Lang: models.Vietnamese})
	if rev() == before {
		t.Error("a day later the registration was not refreshed")
	}
	r.register(t, account, models.Device{ID: "moved", Token: tokenOf("an-1"), Platform: "android", Lang: models.Vietnamese})
	if diff := cmp.Diff([]string{"moved"}, r.deviceIDs(t, account)); diff != "" {
		t.Errorf("the same token under another id (-want +got):\n%s", diff)
	}
	r.register(t, account, models.Device{ID: "moved", Token: "token-new", Platform: "android", Lang: models.Vietnamese})
	if diff := cmp.Diff([]string{"moved"}, r.deviceIDs(t, account)); diff != "" {
		t.Errorf("a new token under the same id (-want +got):\n%s", diff)
	}
	if _, err := r.store.TokenHolder(t.Context(), tokenOf("an-1")); !models.NotFound.Is(err) {
		t.Errorf("the old token is still held: %v", err)
	}
}

func TestUnregister(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an", models.Vietnamese, models.English)
	citizen := models.Citizen{Account: account}
	for range 2 { // the second time it is gone already
		fatal(t, r.devices.Unregister(t.Context(), citizen, "an-1"))
	}
	if diff := cmp.Diff([]string{"an-2"}, r.deviceIDs(t, account)); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	if _, err := r.store.TokenHolder(t.Context(), tokenOf("an-1")); !models.NotFound.Is(err) {
		t.Errorf("the token is still held: %v", err)
	}
}

// A household that is gone registers nothing and leaves no claim behind.
func TestRegisterForNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	erased := r.household(t, "an")
	_, err := r.store.Tombstone(t.Context(), erased, func(a *models.Account) ([]models.Effect, error) {
		a.ErasedAt = r.clock.Now()
		return nil, nil
	})
	fatal(t, err)
	for _, account := range []string{erased, "nobody"} {
		device := models.Device{ID: "phone", Token: "token-" + account, Platform: "ios", Lang: models.English}
		if err := r.devices.Register(t.Context(), models.Citizen{Account: account}, device); !models.Unauthenticated.Is(err) {
			t.Errorf("got %v, want unauthenticated", err)
		}
		if _, err := r.store.TokenHolder(t.Context(), device.Token); !models.NotFound.Is(err) {
			t.Errorf("a claim stays: %v", err)
		}
	}
}
