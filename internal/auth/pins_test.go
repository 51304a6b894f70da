package auth_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"khaibao/internal/auth"
	"khaibao/models"
)

// households keeps one account, as a store does.
type oneAccount struct {
	mu      sync.Mutex
	account models.Account
}

func (s *oneAccount) UpdateAccount(_ context.Context, _ string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.account
	if _, err := change(&next); err != nil {
		if err == models.ErrUnchanged {
			return &s.account, nil
		}
		return nil, err
	}
	s.account = next
	return &next, nil
}

func newPINs(t *testing.T, now func() time.Time) (*auth.PINs, *oneAccount) {
	t.Helper()
	store := &oneAccount{}
	pins, err := auth.NewPINs(store, auth.Argon2{Memory: 8, Time: 1, Threads: 1, Parallel: 4}, now)
	if err != nil {
		t.Fatal(err)
	}
	return pins, store
}

func TestPIN(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	pins, store := newPINs(t, func() time.Time { return now })
	messages := 0
	check := func(pin string, want models.Kind) {
		t.Helper()
		messages++
		if got := models.KindOf(pins.Check(t.Context(), "a", pin, fmt.Sprint(messages))); got != want {
			t.Errorf("PIN %s: %q, want %q", pin, got, want)
		}
	}
	check("2580", models.NotFound)
	for _, bad := range []string{"", "258", "25800", "12a4", "0000", "1234", "４５６７"} {
		if err := pins.Choose(t.Context(), "a", bad); !models.Invalid.Is(err) {
			t.Errorf("PIN %q is taken: %v", bad, err)
		}
	}
	if err := pins.Choose(t.Context(), "a", "2580"); err != nil {
		t.Fatal(err)
	}
	if err := pins.Choose(t.Context(), "a", "1357"); err != nil { // a keypad never replaces it
		t.Fatal(err)
	}
	check("1357", models.Unauthenticated)
	check("2580", "")
	for range 5 { // the right one has given all five tries back
		check("1357", models.Unauthenticated)
	}
	check("2580", models.TooMany)
	now = now.Add(23 * time.Hour)
	check("2580", models.TooMany)
	now = now.Add(time.Hour)
	check("2580", "")
	for range 5 {
		check("1357", models.Unauthenticated)
	}
	if err := pins.Set(t.Context(), "a", "1357"); err != nil { // from the app: the lock ends
		t.Fatal(err)
	}
	check("1357", "")
	if store.account.PIN.Hash == "1357" || store.account.PIN.Wrong != 0 {
		t.Errorf("kept: %+v", store.account.PIN)
	}
}

func TestAHundredGuessesAtOnceAreFive(t *testing.T) {
	t.Parallel()
	pins, _ := newPINs(t, nil)
	if err := pins.Choose(t.Context(), "a", "2580"); err != nil {
		t.Fatal(err)
	}
	var looked atomic.Int64
	var guesses sync.WaitGroup
	for n := range 100 {
		guesses.Go(func() {
			if models.Unauthenticated.Is(pins.Check(t.Context(), "a", "1357", fmt.Sprint(n))) {
				looked.Add(1)
			}
		})
	}
	guesses.Wait()
	if looked.Load() != 5 {
		t.Errorf("%d guesses were looked at, want 5", looked.Load())
	}
}

// A message that its gateway repeats is one guess; another PIN under its name is another.
func TestRepeatedGuess(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	pins, store := newPINs(t, func() time.Time { return now })
	if err := pins.Choose(t.Context(), "a", "2580"); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		pin, message string
		want         models.Kind
		tries        int
	}{
		{"1111", "m1", models.Unauthenticated, 1}, {"1111", "m1", models.Unauthenticated, 1}, {"1112", "m1", models.Unauthenticated, 2},
		{"1111", "m1", models.Unauthenticated, 3}, {"1111", "m2", models.Unauthenticated, 4}, {"1111", "m3", models.Unauthenticated, 5},
		{"1111", "m3", models.Unauthenticated, 5}, {"2580", "m3", models.TooMany, 5}, {"2580", "m4", models.TooMany, 5},
	} {
		if got := models.KindOf(pins.Check(t.Context(), "a", c.pin, c.message)); got != c.want || store.account.PIN.Wrong != c.tries {
			t.Errorf("guess %d: %v after %d tries, want %v after %d", i, got, store.account.PIN.Wrong, c.want, c.tries)
		}
	}
	now = now.Add(25 * time.Hour)
	for range 2 {
		if err := pins.Check(t.Context(), "a", "2580", "m5"); err != nil || store.account.PIN.Wrong != 0 {
			t.Errorf("the right one: %v after %d tries", err, store.account.PIN.Wrong)
		}
	}
}
