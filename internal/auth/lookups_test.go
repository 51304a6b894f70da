package auth

import (
	"testing"
	"time"

	"khaibao/models"
)

// Looks at households are counted by official and day, whatever the spelling of the login.
func TestLookupsOfADay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.officials.lookups = 2
	for _, login := range []string{"an.nguyen", "An.Nguyen "} {
		if err := r.officials.MayLookUp(t.Context(), login); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.officials.MayLookUp(t.Context(), "an.nguyen"); !models.TooMany.Is(err) {
		t.Errorf("a third look: %v", err)
	}
	if err := r.officials.MayLookUp(t.Context(), "binh.tran"); err != nil {
		t.Errorf("another official: %v", err)
	}
	r.advance(24 * time.Hour)
	if err := r.officials.MayLookUp(t.Context(), "an.nguyen"); err != nil {
		t.Errorf("the next day: %v", err)
	}
}
