package auth

import (
	"context"
	"testing"
	"time"

	"khaibao/models"
)

func TestFirebaseNotConfigured(t *testing.T) {
	t.Parallel()
	_, err := newRig(t).citizens.Firebase(t.Context(), "x", address)
	wantCode(t, "without a verifier", err, models.NotFound, "firebase_not_configured")
}

func TestFirebaseBudget(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, Budgets{1, 1, 1, 1, 0}, DefaultLoginBudgets(), refusing{})
	for range otpTries {
		_, err := r.citizens.Firebase(t.Context(), "x", address)
		wantCode(t, "within the budget", err, models.Unauthenticated, "bad_token")
	}
	_, err := r.citizens.Firebase(t.Context(), "x", address)
	wantWait(t, "beyond it", err, "too_many", time.Hour)
}

// refusing takes no token.
type refusing struct{}

func (refusing) Verify(context.Context, string) (string, error) { return "", errBadToken() }
