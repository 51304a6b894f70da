package auth

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"khaibao/models"
)

const browser = "a browser's own text"

func (r *rig) codeOf(t testing.TB, secret string) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, r.now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func (r *rig) invite(t testing.TB) (Office, Invitation) {
	t.Helper()
	office := r.office(t, "langson", models.ProvinceManager, "20")
	link, err := office.Invite(t.Context(), NewOfficial{Login: "xa.moi", Name: "Nông Thị Mới", Role: models.Officer, Area: "06325"})
	if err != nil {
		t.Fatal(err)
	}
	return office, link
}

// An official opens the link, chooses a password, types the code that goes with the secret, and is signed in; from then
// on the link is worth nothing and the password and the secret are the official's.
func TestSetup(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	_, link := r.invite(t)
	if len(link.Token) < 22 || link.Until.Sub(r.now()) != 24*time.Hour || !link.Official.Waiting() || link.Official.SetupHash != "" {
		t.Errorf("the link: %+v", link)
	}
	_, err := r.officials.Login(ctx, "xa.moi", "", "", address)
	wantCode(t, "signing in before", err, models.Unauthenticated, "bad_credentials")

	shown, err := r.officials.OpenSetup(ctx, "xa.moi", link.Token, browser)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.officials.OpenSetup(ctx, "xa.moi", link.Token, browser)
	if diff := cmp.Diff(shown, again); diff != "" || err != nil {
		t.Errorf("loading the page again: %v %s", err, diff)
	}
	elsewhere, err := r.officials.OpenSetup(ctx, "xa.moi", link.Token, "another browser")
	if err != nil || elsewhere.TOTPSecret == shown.TOTPSecret {
		t.Errorf("whoever opened the link elsewhere was shown the same secret (%v)", err)
	}
	if u, err := url.Parse(shown.URL); err != nil || u.Scheme != "otpauth" || u.Query().Get("secret") != shown.TOTPSecret || len(shown.TOTPSecret) != 32 {
		t.Errorf("%v: %+v", err, shown)
	}

	visit, err := r.officials.FinishSetup(ctx, "xa.moi", link.Token, browser, SetupInput{"ba con mèo đen", "ba con mèo đen", r.codeOf(t, shown.TOTPSecret)})
	if err != nil {
		t.Fatal(err)
	}
	official, _, err := r.officials.Visit(ctx, visit.Cookie)
	if err != nil || official.Login != "xa.moi" || official.Waiting() {
		t.Errorf("signed in as %+v, %v", official, err)
	}
	_, err = r.officials.OpenSetup(ctx, "xa.moi", link.Token, browser)
	wantCode(t, "the link again", err, models.NotFound, "setup_gone")
	given := Credentials{Official: official, Password: "ba con mèo đen", TOTPSecret: shown.TOTPSecret}
	_, err = r.officials.Login(ctx, "xa.moi", given.Password, totpNow(t, r, given), address)
	wantCode(t, "the same code again", err, models.Unauthenticated, "bad_credentials")
	login(t, r, given)

	actions := map[models.AuditAction]string{}
	for _, e := range r.owedAudit(t) {
		if e.Detail["login"] == "xa.moi" {
			actions[e.Action] = e.Login + " " + e.Province
		}
	}
	if diff := cmp.Diff(map[models.AuditAction]string{models.AuditAddOfficial: "langson 20", models.AuditSetUpOfficial: "xa.moi 20"}, actions); diff != "" {
		t.Error(diff)
	}
}

// Nothing is kept while anything is wrong, and every wrong field is named.
func TestSetupNamesEveryWrongField(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, link := r.invite(t)
	shown, err := r.officials.OpenSetup(t.Context(), "xa.moi", link.Token, browser)
	if err != nil {
		t.Fatal(err)
	}
	before, err := r.store.Official(t.Context(), "xa.moi")
	if err != nil {
		t.Fatal(err)
	}
	right, good := r.codeOf(t, shown.TOTPSecret), "ba con mèo đen"
	for name, test := range map[string]struct {
		in      SetupInput
		browser string
		want    []string
	}{
		"nothing":             {SetupInput{}, browser, []string{"/password bad_password", "/totp bad_totp"}},
		"short":               {SetupInput{"mười một ký", "mười một ký", right}, browser, []string{"/password bad_password"}},
		"long":                {SetupInput{strings.Repeat("abcde", 52), strings.Repeat("abcde", 52), right}, browser, []string{"/password too_long"}},
		"the login":           {SetupInput{"XA.MOI-xa.moi", "XA.MOI-xa.moi", right}, browser, []string{"/password password_has_login"}},
		"few letters":         {SetupInput{"aabbaabbaabb", "aabbaabbaabb", right}, browser, []string{"/password password_easy"}},
		"a common one":        {SetupInput{"MatKhau123456", "MatKhau123456", right}, browser, []string{"/password password_easy"}},
		"typed differently":   {SetupInput{good, "ba con mèo đem", right}, browser, []string{"/again passwords_differ"}},
		"a wrong code":        {SetupInput{good, good, "abcdef"}, browser, []string{"/totp bad_totp"}},
		"another browser":     {SetupInput{good, good, right}, "another browser", []string{"/totp bad_totp"}},
		"everything is wrong": {SetupInput{"a", "b", "c"}, browser, []string{"/password bad_password", "/again passwords_differ", "/totp bad_totp"}},
	} {
		_, err := r.officials.FinishSetup(t.Context(), "xa.moi", link.Token, test.browser, test.in)
		if diff := cmp.Diff(test.want, problemsOf(err)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	after, err := r.store.Official(t.Context(), "xa.moi")
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("something was kept: %v %s", err, diff)
	}
	if _, err := r.officials.FinishSetup(t.Context(), "xa.moi", link.Token, browser, SetupInput{good, good, right[:3] + " " + right[3:]}); err != nil {
		t.Errorf("what is right after all: %v", err)
	}
}

// A link that is wrong, too old, replaced, another's, or of somebody who is disabled answers the same.
func TestSetupGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	office, first := r.invite(t)
	other, err := office.Invite(ctx, NewOfficial{Login: "xa.khac", Name: "Khác", Role: models.Viewer, Area: "06325"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := office.InviteAgain(ctx, "xa.moi")
	if err != nil {
		t.Fatal(err)
	}
	gone := func(what, login, token string) {
		t.Helper()
		_, err := r.officials.OpenSetup(ctx, login, token, browser)
		wantCode(t, what, err, models.NotFound, "setup_gone")
		_, err = r.officials.FinishSetup(ctx, login, token, browser, SetupInput{})
		wantCode(t, what, err, models.NotFound, "setup_gone")
	}
	gone("replaced", "xa.moi", first.Token)
	gone("another's", "xa.moi", other.Token)
	gone("none", "xa.moi", "")
	gone("long", "xa.moi", strings.Repeat("A", 65))
	gone("nobody", "nobody", second.Token)
	gone("not a login", "$gt", second.Token)
	gone("somebody who has no link", "langson", second.Token)
	if err := office.Disable(ctx, "xa.moi"); err != nil {
		t.Fatal(err)
	}
	gone("disabled", "xa.moi", second.Token)
	if err := office.Enable(ctx, "xa.moi"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.officials.OpenSetup(ctx, "xa.moi", second.Token, browser); err != nil {
		t.Errorf("enabled again: %v", err)
	}
	r.advance(SetupLifetime)
	gone("too old", "xa.moi", second.Token)
}

// A new link takes the old password and TOTP away at once, and every sign-in with them.
func TestInviteAgainLocksOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	office := r.office(t, "langson", models.ProvinceManager, "20")
	given := addOfficial(t, r, "an.nguyen")
	pair := login(t, r, given)
	if _, err := office.InviteAgain(t.Context(), "an.nguyen"); err != nil {
		t.Fatal(err)
	}
	_, err := r.officials.Authorize(t.Context(), r.subject(t, pair))
	wantCode(t, "the sign-in of before", err, models.Unauthenticated, "bad_token")
	r.advance(time.Minute)
	_, err = r.officials.Login(t.Context(), "an.nguyen", given.Password, totpNow(t, r, given), address)
	wantCode(t, "the old password", err, models.Unauthenticated, "bad_credentials")
}

// Two who use one link at once: one of them is the official.
func TestSetupOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, link := r.invite(t)
	var inputs [8]SetupInput
	own := func(n int) string { return browser + string(rune('a'+n)) }
	for n := range inputs {
		shown, err := r.officials.OpenSetup(t.Context(), "xa.moi", link.Token, own(n))
		if err != nil {
			t.Fatal(err)
		}
		inputs[n] = SetupInput{"ba con mèo đen", "ba con mèo đen", r.codeOf(t, shown.TOTPSecret)}
	}
	var errs [len(inputs)]error
	var all sync.WaitGroup
	for n := range inputs {
		all.Go(func() { _, errs[n] = r.officials.FinishSetup(t.Context(), "xa.moi", link.Token, own(n), inputs[n]) })
	}
	all.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if codeOf(err) != "setup_gone" {
			t.Error(err)
		}
	}
	if done != 1 {
		t.Errorf("%d used the link, want 1", done)
	}
}
