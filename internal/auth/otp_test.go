package auth

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/models"
)

func TestOTPSignsIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pair := r.signIn(t, "0900 000 001")
	first := r.subject(t, pair)
	account, err := r.store.Account(t.Context(), first.ID)
	if err != nil || account.Phone != phone {
		t.Fatalf("the account behind the token: %v %v", account, err)
	}
	if pair.TokenType != "Bearer" || pair.ExpiresIn != 900 || first.Kind != Citizen {
		t.Errorf("got %s for %d s, %s", pair.TokenType, pair.ExpiresIn, first.Kind)
	}
	again, neighbour := r.subject(t, r.signIn(t, phone)), r.subject(t, r.signIn(t, other))
	if again.ID != first.ID || again.Session == first.Session {
		t.Errorf("the same number again: %v after %v", again, first)
	}
	if neighbour.ID == first.ID {
		t.Error("another number got the same account")
	}
}

func TestOTPMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	asked, code := r.request(t, phone)
	if want := (OTPRequest{ID: asked.ID, ExpiresIn: 300, ResendAfter: 0}); asked != want {
		t.Errorf("got %+v, want %+v", asked, want)
	}
	got := r.outbox(t)[0]
	want := models.Message{
		ID: asked.ID, Rev: got.Rev, Kind: models.MessageOTP, Lane: models.LaneOTP, Route: models.RouteSMS, Lang: models.English, To: phone,
		Text:  code + " is your Khai Bao code, valid for 5 minutes. Never give it to anybody.",
		State: models.MessagePending, CreatedAt: r.now(), DueAt: r.now(), ExpiresAt: r.now().Add(5 * time.Minute),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOTPRefusesNumbers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for text, problem := range map[string]string{"12": "bad_phone", "+12015550123": "not_mobile", "02438250000": "not_mobile"} {
		_, err := r.citizens.RequestOTP(t.Context(), text, models.Vietnamese, address)
		if diff := cmp.Diff(models.InvalidField("/phone", problem, nil), err); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	if got := r.outbox(t); len(got) != 0 {
		t.Errorf("%d messages were left behind", len(got))
	}
}

func TestOTPIsRefused(t *testing.T) {
	t.Parallel()
	wrong := func(code string) string { return code[:5] + string('0'+(code[5]-'0'+1)%10) }
	for name, test := range map[string]func(t *testing.T, r *rig) (request, code string){
		"wrong code":   func(t *testing.T, r *rig) (string, string) { q, code := r.request(t, phone); return q.ID, wrong(code) },
		"no request":   func(t *testing.T, r *rig) (string, string) { _, code := r.request(t, phone); return newID(), code },
		"not a code":   func(t *testing.T, r *rig) (string, string) { q, _ := r.request(t, phone); return q.ID, "12345" },
		"other digits": func(t *testing.T, r *rig) (string, string) { q, _ := r.request(t, phone); return q.ID, "١٢٣٤٥٦" },
		"not an id":    func(t *testing.T, r *rig) (string, string) { return `{"$gt": ""}`, "123456" },
		"invalid text": func(t *testing.T, r *rig) (string, string) { return "\xff\x00", "123456" },
		"another request's": func(t *testing.T, r *rig) (string, string) {
			first, a := r.request(t, phone)
			second, b := r.request(t, phone)
			if a == b {
				return first.ID, wrong(a)
			}
			return second.ID, a
		},
		"used": func(t *testing.T, r *rig) (string, string) {
			q, code := r.request(t, phone)
			if _, err := r.citizens.VerifyOTP(t.Context(), q.ID, code, address); err != nil {
				t.Fatal(err)
			}
			return q.ID, code
		},
		"expired": func(t *testing.T, r *rig) (string, string) {
			q, code := r.request(t, phone)
			r.advance(5 * time.Minute)
			return q.ID, code
		},
		"after five wrong ones": func(t *testing.T, r *rig) (string, string) {
			q, code := r.request(t, phone)
			for range 5 {
				_, err := r.citizens.VerifyOTP(t.Context(), q.ID, wrong(code), address)
				wantCode(t, "a wrong guess", err, models.Unauthenticated, "bad_code")
			}
			return q.ID, code
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			request, code := test(t, r)
			_, err := r.citizens.VerifyOTP(t.Context(), request, code, address)
			if diff := cmp.Diff(error(models.Fail(models.Unauthenticated, "bad_code")), err); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOTPIsTakenInTheLastMomentAndAtTheFifthTry(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	asked, code := r.request(t, phone)
	for n := range 4 {
		_, err := r.citizens.VerifyOTP(t.Context(), asked.ID, code[:5]+string('0'+(code[5]-'0'+byte(n)+1)%10), address)
		wantCode(t, "a wrong guess", err, models.Unauthenticated, "bad_code")
	}
	r.advance(5*time.Minute - time.Millisecond)
	if _, err := r.citizens.VerifyOTP(t.Context(), asked.ID, code, address); err != nil {
		t.Error(err)
	}
}

// guesses counts the guesses that were kept, which are those that anything was learned from.
type guesses struct {
	CitizenStore
	mu   sync.Mutex
	kept []bool // right or wrong
}

func (g *guesses) UpdateOTP(ctx context.Context, id string, change func(*models.OTP) error) error {
	var used bool
	err := g.CitizenStore.UpdateOTP(ctx, id, func(o *models.OTP) error {
		err := change(o)
		used = o.Used
		return err
	})
	if err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.kept = append(g.kept, used)
	}
	return err
}

func TestConcurrentGuesses(t *testing.T) {
	t.Parallel()
	for name, right := range map[string]bool{"wrong": false, "right": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			counted := &guesses{CitizenStore: r.store}
			r.citizens.store = counted
			asked, code := r.request(t, phone)
			if !right {
				code = code[:5] + string('0'+(code[5]-'0'+1)%10)
			}
			var signedIn sync.Map
			var all sync.WaitGroup
			for n := range 100 {
				all.Go(func() {
					if _, err := r.citizens.VerifyOTP(t.Context(), asked.ID, code, address); err == nil {
						signedIn.Store(n, true)
					} else if codeOf(err) != "bad_code" {
						t.Errorf("got %v", err)
					}
				})
			}
			all.Wait()
			succeeded := 0
			signedIn.Range(func(_, _ any) bool { succeeded++; return true })
			want := map[bool][2]int{true: {1, 1}, false: {0, 5}}[right]
			if got := [2]int{succeeded, len(counted.kept)}; got != want {
				t.Errorf("signed in and compared: %v, want %v", got, want)
			}
		})
	}
}

func TestOTPBudgets(t *testing.T) {
	t.Parallel()
	limits := Budgets{OTPPerPhoneHour: 2, OTPPerPhoneDay: 3, OTPPerAddressHour: 4, OTPPerDay: 5}
	r := newRigWith(t, limits, DefaultLoginBudgets(), nil)
	r.at = r.at.Truncate(24 * time.Hour).Add(24 * time.Hour) // the day begins
	ask := func(phone, address string) error {
		_, err := r.citizens.RequestOTP(t.Context(), phone, models.English, address)
		return err
	}
	ok := func(phone, address string) {
		t.Helper()
		if err := ask(phone, address); err != nil {
			t.Errorf("%s: %v", phone, err)
		}
	}
	r.advance(10 * time.Minute)
	ok(phone, "192.0.2.1")
	ok("0900000001", "192.0.2.2")
	wantWait(t, "a third to a number in an hour", ask(phone, "192.0.2.3"), "too_many", 50*time.Minute)
	r.advance(50 * time.Minute)
	ok(phone, "192.0.2.1")
	wantWait(t, "a fourth to a number in a day", ask(phone, "192.0.2.1"), "too_many", 23*time.Hour)
	ok("0900000002", "2001:db8:0:1::1")
	ok("0900000003", "2001:db8:0:1::2")
	wantWait(t, "a sixth in a day", ask("0900000004", "2001:db8:0:1::3"), "too_many", 23*time.Hour)
	_ = ask("0900000004", "2001:db8:0:1:ffff::4")
	wantWait(t, "a fifth from one network", ask("0900000004", "2001:db8:0:1::5"), "too_many", time.Hour)
	r.advance(23 * time.Hour)
	ok(phone, "192.0.2.1")
}

func TestOTPResendDelay(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, Budgets{10, 10, 10, 10, time.Minute}, DefaultLoginBudgets(), nil)
	ask := func(phone string) error {
		_, err := r.citizens.RequestOTP(t.Context(), phone, models.English, address)
		return err
	}
	if err := ask(phone); err != nil {
		t.Fatal(err)
	}
	r.advance(59 * time.Second)
	wantWait(t, "too soon", ask("0900000001"), "resend_too_soon", time.Second)
	if err := ask(other); err != nil {
		t.Errorf("another number: %v", err)
	}
	r.advance(time.Second)
	if err := ask(phone); err != nil {
		t.Errorf("after the delay: %v", err)
	}
	wantWait(t, "again", ask(phone), "resend_too_soon", time.Minute)
}

func TestVerifyBudget(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, Budgets{1, 1, 1, 1, 0}, DefaultLoginBudgets(), nil)
	for range 5 {
		_, err := r.citizens.VerifyOTP(t.Context(), newID(), "123456", address)
		wantCode(t, "within the budget", err, models.Unauthenticated, "bad_code")
	}
	_, err := r.citizens.VerifyOTP(t.Context(), newID(), "123456", address)
	wantWait(t, "beyond it", err, "too_many", time.Hour)
}

// What is kept of a sign-in tells nothing without the keys.
func TestNothingInClear(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	asked, code := r.request(t, phone)
	pair, err := r.citizens.VerifyOTP(t.Context(), asked.ID, code, address)
	if err != nil {
		t.Fatal(err)
	}
	if pair, err = r.citizens.Refresh(t.Context(), pair.RefreshToken, "lost-reply"); err != nil {
		t.Fatal(err)
	}
	given := addOfficial(t, r, "an.nguyen")
	secrets := []string{phone[1:], phone[3:], pair.RefreshToken, pair.AccessToken, given.Password, given.TOTPSecret, address, "lost-reply"}
	kept := everyFile(t, r.dir)
	for _, secret := range secrets {
		if bytes.Contains(kept, []byte(secret)) {
			t.Errorf("%q is kept in clear", secret)
		}
	}
	if regexp.MustCompile(`[^0-9a-zA-Z]` + code + `[^0-9a-zA-Z]`).Match(kept) {
		t.Error("the code is kept in clear")
	}
	if !bytes.Contains(kept, []byte("an.nguyen")) {
		t.Error("the search finds nothing at all")
	}
}

func everyFile(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, text...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// With the store down every way in is Unavailable: never a wrong success, never a wrong refusal.
func TestDeadStore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	asked, code := r.request(t, phone)
	pair := r.signIn(t, other)
	citizen := r.subject(t, pair)
	given := addOfficial(t, r, "an.nguyen")
	official := login(t, r, given)
	if err := r.engine.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	_, requested := r.citizens.RequestOTP(ctx, phone, models.English, address)
	_, verified := r.citizens.VerifyOTP(ctx, asked.ID, code, address)
	_, refreshed := r.citizens.Refresh(ctx, pair.RefreshToken, "")
	_, loggedIn := r.officials.Login(ctx, given.Official.Login, given.Password, totpNow(t, r, given), address)
	_, authorized := r.officials.Authorize(ctx, r.subject(t, official))
	_, added := r.officials.Add(ctx, NewOfficial{Login: "binh", Name: "Bình", Role: models.Viewer, Area: "20"})
	for what, err := range map[string]error{
		"request": requested, "verify": verified, "refresh": refreshed, "logout": r.citizens.Logout(ctx, citizen),
		"end sessions": r.citizens.EndSessions(ctx, citizen.ID), "login": loggedIn, "authorize": authorized, "add": added,
		"disable": r.officials.Operator().Disable(ctx, "an.nguyen"),
	} {
		wantCode(t, what, err, models.Unavailable, "unavailable")
		if err != nil && (strings.Contains(err.Error(), phone) || strings.Contains(err.Error(), code)) {
			t.Errorf("%s: the error names what it must not: %v", what, err)
		}
	}
	if _, err := r.tokens.Check(pair.AccessToken); err != nil {
		t.Errorf("an access token needs no store: %v", err)
	}
}

func TestNewCitizensRefusesBadSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := CitizensConfig{Store: r.store, Keys: r.keys, Tokens: r.tokens, Outbox: r.store, Text: r.citizens.text, Budgets: DefaultBudgets()}
	if _, err := NewCitizens(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*CitizensConfig){
		"no store": func(c *CitizensConfig) { c.Store = nil }, "no keys": func(c *CitizensConfig) { c.Keys = nil },
		"no tokens": func(c *CitizensConfig) { c.Tokens = nil }, "no outbox": func(c *CitizensConfig) { c.Outbox = nil },
		"no texts": func(c *CitizensConfig) { c.Text = nil }, "no budgets": func(c *CitizensConfig) { c.Budgets = Budgets{} },
		"negative delay": func(c *CitizensConfig) { c.Budgets.OTPResend = -1 },
	} {
		bad := good
		change(&bad)
		if _, err := NewCitizens(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
