package auth

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"khaibao/internal/seal"
	"khaibao/models"
)

var testKey = seal.TokenKey{ID: "k2", Secret: []byte("0123456789abcdef0123456789abcdef")}

func testTokens(t testing.TB, now func() time.Time, keys ...seal.TokenKey) *Tokens {
	t.Helper()
	tokens, err := NewTokens(Config{Keys: keys, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func at(moment time.Time) func() time.Time { return func() time.Time { return moment } }

var tokenTime = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

func TestCheckTellsWhomATokenSpeaksFor(t *testing.T) {
	t.Parallel()
	tokens := testTokens(t, at(tokenTime), testKey)
	for _, want := range []Subject{{Citizen, "account", "session"}, {Official, "an.nguyen", "session"}} {
		token, err := tokens.sign(want, tokenTime)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tokens.Check(token)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
}

func TestTokenLivesUntilItsTimeIsOver(t *testing.T) {
	t.Parallel()
	token, err := testTokens(t, at(tokenTime), testKey).sign(Subject{Citizen, "a", "s"}, tokenTime.Add(300*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		after time.Duration
		code  string
	}{
		{-11 * time.Second, "bad_token"}, // issued in the future
		{-10 * time.Second, ""},          // by a process whose clock is ahead
		{0, ""},
		{DefaultAccessLifetime - time.Millisecond, ""},
		{DefaultAccessLifetime, "token_expired"},
		{24 * time.Hour, "token_expired"},
	} {
		_, err := testTokens(t, at(tokenTime.Add(test.after)), testKey).Check(token)
		if codeOf(err) != test.code {
			t.Errorf("after %v: got %v, want %q", test.after, err, test.code)
		}
	}
}

// A retired key still verifies, a key that is gone does not.
func TestTokenKeysRotate(t *testing.T) {
	t.Parallel()
	next := seal.TokenKey{ID: "k3", Secret: []byte("fedcba9876543210fedcba9876543210")}
	token, err := testTokens(t, at(tokenTime), testKey).sign(Subject{Citizen, "a", "s"}, tokenTime)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := testTokens(t, at(tokenTime), next, testKey).Check(token); err != nil {
		t.Errorf("an older key: %v", err)
	}
	_, err = testTokens(t, at(tokenTime), next).Check(token)
	wantCode(t, "a key that is gone", err, models.Unauthenticated, "bad_token")
}

func TestNewTokensRefusesBadKeys(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]seal.TokenKey{"none": nil, "short": {{ID: "k", Secret: make([]byte, 31)}}} {
		if _, err := NewTokens(Config{Keys: keys}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// forge makes a token of any header and claims with the right secret; change breaks one thing.
func forge(t *testing.T, method jwt.SigningMethod, secret any, change func(header, claims map[string]any)) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": DefaultIssuer, "aud": "citizen", "sub": "a", "sid": "s",
		"iat": tokenTime.Unix(), "exp": tokenTime.Add(time.Minute).Unix(),
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["typ"], token.Header["kid"] = tokenType, testKey.ID
	change(token.Header, claims)
	text, err := token.SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestCheckRefusesEveryOtherToken(t *testing.T) {
	t.Parallel()
	tokens := testTokens(t, at(tokenTime), testKey)
	hs256, secret := jwt.SigningMethodHS256, testKey.Secret
	asIs := func(_, _ map[string]any) {}
	header := func(name string, value any) func(h, c map[string]any) {
		return func(h, _ map[string]any) { h[name] = value }
	}
	claim := func(name string, value any) func(h, c map[string]any) {
		return func(_, c map[string]any) { c[name] = value }
	}
	without := func(name string) func(h, c map[string]any) {
		return func(h, c map[string]any) { delete(h, name); delete(c, name) }
	}
	good := forge(t, hs256, secret, asIs)
	if _, err := tokens.Check(good); err != nil {
		t.Fatalf("the token that the others are made from: %v", err)
	}
	parts := strings.Split(good, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	bigger, _ := json.Marshal(map[string]any{"sub": "b"})
	for name, token := range map[string]string{
		"empty": "", "not a JWT": "x", "header alone": parts[0], "header and a dot": parts[0] + ".", "dots": parts[0] + "..", "two parts": parts[0] + "." + parts[1], "four parts": good + ".x", "padding": good + "=",
		"changed claims":      parts[0] + "." + base64.RawURLEncoding.EncodeToString(append(payload[:len(payload)-1], ',', ' ', '"', 'x', '"', ':', '1', '}')) + "." + parts[2],
		"swapped claims":      parts[0] + "." + base64.RawURLEncoding.EncodeToString(bigger) + "." + parts[2],
		"no signature":        parts[0] + "." + parts[1] + ".",
		"alg none":            forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, asIs),
		"alg HS512":           forge(t, jwt.SigningMethodHS512, secret, asIs),
		"alg HS384":           forge(t, jwt.SigningMethodHS384, secret, asIs),
		"another secret":      forge(t, hs256, []byte("another secret of thirty-two byte"), asIs),
		"unknown kid":         forge(t, hs256, secret, header("kid", "k9")),
		"kid is a number":     forge(t, hs256, secret, header("kid", 2)),
		"no kid":              forge(t, hs256, secret, without("kid")),
		"typ JWT":             forge(t, hs256, secret, header("typ", "JWT")),
		"no typ":              forge(t, hs256, secret, without("typ")),
		"critical extension":  forge(t, hs256, secret, header("crit", []string{"b64"})),
		"another issuer":      forge(t, hs256, secret, claim("iss", "khaibao2")),
		"no issuer":           forge(t, hs256, secret, without("iss")),
		"another audience":    forge(t, hs256, secret, claim("aud", "operator")),
		"two audiences":       forge(t, hs256, secret, claim("aud", []string{"citizen", "official"})),
		"no audience":         forge(t, hs256, secret, without("aud")),
		"no expiry":           forge(t, hs256, secret, without("exp")),
		"expiry is a text":    forge(t, hs256, secret, claim("exp", "tomorrow")),
		"no issue time":       forge(t, hs256, secret, without("iat")),
		"issued later":        forge(t, hs256, secret, claim("iat", tokenTime.Add(time.Minute).Unix())),
		"no subject":          forge(t, hs256, secret, without("sub")),
		"no session":          forge(t, hs256, secret, without("sid")),
		"subject is a number": forge(t, hs256, secret, claim("sub", 7)),
	} {
		_, err := tokens.Check(token)
		wantCode(t, name, err, models.Unauthenticated, "bad_token")
	}
}

func FuzzCheck(f *testing.F) {
	tokens := testTokens(f, at(tokenTime), testKey)
	good, err := tokens.sign(Subject{Citizen, "a", "s"}, tokenTime)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("e30.e30.")
	f.Add(strings.ToUpper(good))
	header, _, _ := strings.Cut(good, ".")
	f.Add(header)
	f.Fuzz(func(t *testing.T, token string) {
		got, err := tokens.Check(token)
		if err == nil && (token != good || got != Subject{Citizen, "a", "s"}) {
			t.Errorf("accepted as %v", got)
		}
		if err != nil && !models.Unauthenticated.Is(err) {
			t.Errorf("got %v", err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	tokens := testTokens(b, at(tokenTime), testKey)
	token, err := tokens.sign(Subject{Citizen, newID(), newID()}, tokenTime)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tokens.Check(token); err != nil {
			b.Fatal(err)
		}
	}
}
