package auth

import (
	"context"
	"encoding/base32"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"khaibao/models"
)

func addOfficial(t testing.TB, r *rig, login string) Credentials {
	t.Helper()
	given, err := r.officials.Add(t.Context(), NewOfficial{Login: login, Name: "Nguyễn Văn An", Role: models.Officer, Area: "06325"})
	if err != nil {
		t.Fatal(err)
	}
	return given
}

func totpNow(t testing.TB, r *rig, given Credentials) string {
	t.Helper()
	code, err := totp.GenerateCode(given.TOTPSecret, r.now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// login signs in with the code of the next 30 seconds.
func login(t testing.TB, r *rig, given Credentials) Pair {
	t.Helper()
	r.advance(totpPeriod * time.Second)
	pair, err := r.officials.Login(t.Context(), given.Official.Login, given.Password, totpNow(t, r, given), address)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestOfficialSignsIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	given := addOfficial(t, r, " An.Nguyen ")
	want := models.Official{ID: "an.nguyen", Login: "an.nguyen", Name: "Nguyễn Văn An", Role: models.Officer, Area: "06325", Province: "20", CreatedAt: r.now()}
	if diff := cmp.Diff(want, given.Official); diff != "" {
		t.Error(diff)
	}
	link, err := url.Parse(given.URL)
	if err != nil || link.Scheme != "otpauth" || link.Query().Get("secret") != given.TOTPSecret {
		t.Errorf("the link for an authenticator: %v %v", link, err)
	}
	if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(given.TOTPSecret); err != nil || len(raw) != 20 || len(given.Password) < 20 {
		t.Errorf("a secret of %d bytes, a password of %d characters, %v", len(raw), len(given.Password), err)
	}
	pair, err := r.officials.Login(t.Context(), "AN.NGUYEN", given.Password, totpNow(t, r, given), address)
	if err != nil {
		t.Fatal(err)
	}
	subject := r.subject(t, pair)
	if subject.Kind != Official || subject.ID != "an.nguyen" {
		t.Errorf("got %+v", subject)
	}
	got, err := r.officials.Authorize(t.Context(), subject)
	got.Rev, want.SignedInAt = "", r.now()
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	_, err = r.citizens.Refresh(t.Context(), pair.RefreshToken, "")
	wantCode(t, "refreshed as a citizen", err, models.Unauthenticated, "bad_token")
}

// Whatever is wrong, the answer is the same.
func TestBadCredentials(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	given, locked := addOfficial(t, r, "an.nguyen"), addOfficial(t, r, "binh.tran")
	if err := r.officials.Operator().Disable(t.Context(), "binh.tran"); err != nil {
		t.Fatal(err)
	}
	r.advance(time.Hour)
	code := totpNow(t, r, given)
	at := func(shift time.Duration) string {
		code, err := totp.GenerateCode(given.TOTPSecret, r.now().Add(shift))
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	for name, c := range map[string]struct{ login, password, totp string }{
		"no such login":        {"an", given.Password, code},
		"not a login":          {"$gt", given.Password, code},
		"empty":                {"", "", ""},
		"wrong password":       {"an.nguyen", given.Password + "x", code},
		"another's password":   {"an.nguyen", locked.Password, code},
		"wrong TOTP":           {"an.nguyen", given.Password, "abcdef"},
		"TOTP of a minute ago": {"an.nguyen", given.Password, at(-time.Minute)},
		"TOTP of a minute on":  {"an.nguyen", given.Password, at(time.Minute)},
		"no TOTP":              {"an.nguyen", given.Password, ""},
		"disabled":             {"binh.tran", locked.Password, totpNow(t, r, locked)},
	} {
		_, err := r.officials.Login(t.Context(), c.login, c.password, c.totp, address)
		if diff := cmp.Diff(error(models.Fail(models.Unauthenticated, "bad_credentials")), err); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if _, err := r.officials.Login(t.Context(), "an.nguyen", given.Password, code, address); err != nil {
		t.Errorf("none of this used up the code: %v", err)
	}
}

// A login that does not exist hashes a password too, so that time does not tell it: with every slot taken it waits.
func TestUnknownLoginTakesTheSameWork(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	addOfficial(t, r, "an.nguyen")
	for range cap(r.officials.hasher.slots) {
		r.officials.hasher.slots <- struct{}{}
	}
	for _, login := range []string{"an.nguyen", "nobody", "$gt"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := r.officials.Login(ctx, login, "a long enough password", "123456", address)
		cancel()
		wantCode(t, login, err, models.Unavailable, "unavailable")
	}
}

func TestTOTPWorksOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	given := addOfficial(t, r, "an.nguyen")
	r.advance(time.Hour)
	at := func(shift time.Duration) error {
		code, err := totp.GenerateCode(given.TOTPSecret, r.now().Add(shift))
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.officials.Login(t.Context(), "an.nguyen", given.Password, code, address)
		return err
	}
	const step = totpPeriod * time.Second
	for _, use := range []struct {
		shift time.Duration
		code  string
	}{
		{-step, ""}, {-step, "bad_credentials"}, {0, ""}, {0, "bad_credentials"}, {-step, "bad_credentials"}, {step, ""}, {step, "bad_credentials"},
	} {
		if err := at(use.shift); codeOf(err) != use.code {
			t.Errorf("the code of %v: got %v, want %q", use.shift, err, use.code)
		}
	}
}

func TestConcurrentLoginsWithOneTOTP(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	given := addOfficial(t, r, "an.nguyen")
	code := totpNow(t, r, given)
	errs := make([]error, 20)
	var all sync.WaitGroup
	for n := range errs {
		all.Go(func() {
			_, errs[n] = r.officials.Login(t.Context(), "an.nguyen", given.Password, code, address)
		})
	}
	all.Wait()
	succeeded := 0
	for _, err := range errs {
		if err == nil {
			succeeded++
		} else if codeOf(err) != "bad_credentials" {
			t.Errorf("got %v", err)
		}
	}
	if succeeded != 1 {
		t.Errorf("%d signed in, want 1", succeeded)
	}
}

func TestLoginBudgets(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, wide(), LoginBudgets{PerLoginHour: 2, PerAddressHour: 3}, nil)
	given := addOfficial(t, r, "an.nguyen")
	try := func(login, address string) error {
		_, err := r.officials.Login(t.Context(), login, "a wrong password", "123456", address)
		return err
	}
	r.advance(15 * time.Minute)
	for _, login := range []string{"an.nguyen", "AN.nguyen"} {
		wantCode(t, "within the budgets", try(login, address), models.Unauthenticated, "bad_credentials")
	}
	_, err := r.officials.Login(t.Context(), "an.nguyen", given.Password, totpNow(t, r, given), "192.0.2.9")
	wantWait(t, "a third for one login, even the right one", err, "too_many", 45*time.Minute)
	wantCode(t, "another login", try("nobody", address), models.Unauthenticated, "bad_credentials")
	wantWait(t, "a fourth from one address", try("nobody.else", address), "too_many", 45*time.Minute)
	r.advance(45 * time.Minute)
	if _, err := r.officials.Login(t.Context(), "an.nguyen", given.Password, totpNow(t, r, given), address); err != nil {
		t.Errorf("the next hour: %v", err)
	}
}

// What an operator changes counts at an official's next request.
func TestAuthorizeReadsTheOfficialEachTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	given := addOfficial(t, r, "an.nguyen")
	pair := login(t, r, given)
	subject := r.subject(t, pair)
	ctx := t.Context()
	if err := r.officials.Operator().Change(ctx, "An.Nguyen", models.ProvinceManager, "20"); err != nil {
		t.Fatal(err)
	}
	got, err := r.officials.Authorize(ctx, subject)
	if err != nil || got.Role != models.ProvinceManager || got.Area != "20" {
		t.Errorf("after a change: %v %v", got, err)
	}
	for range 2 { // again is fine
		if err := r.officials.Operator().Disable(ctx, "an.nguyen"); err != nil {
			t.Fatal(err)
		}
	}
	_, err = r.officials.Authorize(ctx, subject)
	wantCode(t, "disabled", err, models.Unauthenticated, "bad_token")
	_, err = r.officials.Refresh(ctx, pair.RefreshToken, "")
	wantCode(t, "refresh", err, models.Unauthenticated, "bad_token")
	if err := r.officials.Operator().Enable(ctx, "an.nguyen"); err != nil {
		t.Fatal(err)
	}
	_, err = r.officials.Authorize(ctx, subject)
	wantCode(t, "enabled, but with the old token", err, models.Unauthenticated, "bad_token")
	login(t, r, given)
	_, err = r.officials.Authorize(ctx, r.subject(t, r.signIn(t, phone)))
	wantCode(t, "a citizen's token", err, models.Unauthenticated, "bad_token")
}

// A sign-in that began just before its official was disabled opens nothing.
func TestDisabledOfficialWithALiveSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pair := login(t, r, addOfficial(t, r, "an.nguyen"))
	_, err := r.store.UpdateOfficial(t.Context(), "an.nguyen", func(o *models.Official) ([]models.Effect, error) {
		o.DisabledAt = r.now()
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.officials.Authorize(t.Context(), r.subject(t, pair))
	wantCode(t, "authorize", err, models.Unauthenticated, "signed_out")
	_, err = r.officials.Refresh(t.Context(), pair.RefreshToken, "")
	wantCode(t, "refresh", err, models.Unauthenticated, "signed_out")
}

func TestOfficialsSessionEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	given := addOfficial(t, r, "an.nguyen")
	pair := login(t, r, given)
	if err := r.officials.Logout(t.Context(), r.subject(t, pair)); err != nil {
		t.Fatal(err)
	}
	_, err := r.officials.Authorize(t.Context(), r.subject(t, pair))
	wantCode(t, "logged out", err, models.Unauthenticated, "bad_token")

	pair = login(t, r, given)
	r.advance(DefaultOfficialLifetime - time.Minute)
	if pair, err = r.officials.Refresh(t.Context(), pair.RefreshToken, ""); err != nil {
		t.Fatal(err)
	}
	subject := r.subject(t, pair)
	r.advance(time.Minute) // a refresh does not lengthen the day
	_, err = r.officials.Authorize(t.Context(), subject)
	wantCode(t, "after the day", err, models.Unauthenticated, "token_expired")
	_, err = r.officials.Refresh(t.Context(), pair.RefreshToken, "")
	wantCode(t, "refresh after the day", err, models.Unauthenticated, "token_expired")
}

func TestResetCredentials(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old := addOfficial(t, r, "an.nguyen")
	pair := login(t, r, old)
	fresh, err := r.officials.ResetCredentials(t.Context(), "an.nguyen")
	if err != nil {
		t.Fatal(err)
	}
	if fresh.Password == old.Password || fresh.TOTPSecret == old.TOTPSecret || fresh.Official.Name != "Nguyễn Văn An" {
		t.Errorf("got %+v", fresh.Official)
	}
	_, err = r.officials.Authorize(t.Context(), r.subject(t, pair))
	wantCode(t, "a sign-in of before", err, models.Unauthenticated, "bad_token")
	r.advance(time.Minute)
	_, err = r.officials.Login(t.Context(), "an.nguyen", old.Password, totpNow(t, r, old), address)
	wantCode(t, "the old credentials", err, models.Unauthenticated, "bad_credentials")
	_, err = r.officials.Login(t.Context(), "an.nguyen", fresh.Password, totpNow(t, r, old), address)
	wantCode(t, "the old TOTP secret", err, models.Unauthenticated, "bad_credentials")
	login(t, r, fresh)
}
