package firebase

import (
	"errors"
	"regexp"
	"testing"
	"time"

	"khaibao/internal/auth"
	"khaibao/internal/sitetest"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

const (
	phone   = "+84900000001"
	address = "192.0.2.1"
)

// rig is the sign-in of citizens with a verifier, on a real engine.
type rig struct {
	*sitetest.Site
	citizens *auth.Citizens
}

func newRig(t *testing.T, verifier *Verifier) *rig {
	t.Helper()
	r := &rig{Site: sitetest.New(t, storetest.Memory(t))}
	budgets := auth.DefaultBudgets()
	budgets.OTPPerAddressHour, budgets.OTPResend = 1000, 0
	var err error
	r.citizens, err = auth.NewCitizens(auth.CitizensConfig{
		Store: r.Store, Keys: r.Keys, Tokens: r.Tokens, Outbox: r.Store, Text: r.Texts.Text, Firebase: verifier, Budgets: budgets,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signIn is one by a code.
func (r *rig) signIn(t *testing.T, phone string) auth.Pair {
	t.Helper()
	asked, err := r.citizens.RequestOTP(t.Context(), phone, models.English, address)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := r.Store.DueMessages(t.Context(), models.LaneOTP, models.RouteSMS, time.Now(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	var code string
	for _, m := range sent {
		if m.ID == asked.ID {
			code = regexp.MustCompile(`\d{6}`).FindString(m.Text)
		}
	}
	pair, err := r.citizens.VerifyOTP(t.Context(), asked.ID, code, address)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (r *rig) subject(t *testing.T, p auth.Pair) auth.Subject {
	t.Helper()
	s, err := r.Tokens.Check(p.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantCode holds an error against a kind and a code, both empty for none.
func wantCode(t *testing.T, what string, err error, kind models.Kind, code string) {
	t.Helper()
	got := &models.Error{}
	errors.As(err, &got)
	if models.KindOf(err) != kind || got.Code != code {
		t.Errorf("%s: got %v, want %s %s", what, err, kind, code)
	}
}
