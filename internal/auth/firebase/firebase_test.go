package firebase

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"khaibao/models"
)

const project = "demo-khaibao"

// google publishes the keys of ID tokens over TLS, as Google does, and signs with them.
type google struct {
	key  *rsa.PrivateKey
	down atomic.Bool
	page []byte
}

const googleKid = "published"

// newGoogle starts the key server and lets clients that are made during this test find it under Google's name. The
// SDK's address of the keys is fixed, so the test takes the place of the default transport and must not be parallel.
func newGoogle(t *testing.T) *google {
	t.Helper()
	g := &google{key: rsaKey(t)}
	g.page, _ = json.Marshal(map[string]string{googleKid: certificate(t, g.key), "another": certificate(t, rsaKey(t))})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com" || g.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(g.page)
	}))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	usual := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = usual })
	http.DefaultTransport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}, // the name in httptest's certificate
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, server.Listener.Addr().String())
		},
	}
	return g
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certificate(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// idToken makes an ID token of a phone sign-in; change breaks one thing.
func idToken(t *testing.T, method jwt.SigningMethod, key any, change func(header, claims map[string]any)) string {
	t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": "https://securetoken.google.com/" + project, "aud": project, "sub": "uid-1", "user_id": "uid-1",
		"iat": now.Add(-time.Minute).Unix(), "auth_time": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
		"phone_number": phone,
		"firebase":     map[string]any{"sign_in_provider": "phone", "identities": map[string]any{"phone": []string{phone}}},
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = googleKid
	change(token.Header, claims)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func asIs(_, _ map[string]any) {}

func claim(name string, value any) func(_, claims map[string]any) {
	return func(_, claims map[string]any) { claims[name] = value }
}

func TestSignIn(t *testing.T) {
	g := newGoogle(t)
	verifier, err := New(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, verifier)
	rs256 := jwt.SigningMethodRS256
	past := time.Now().Add(-time.Hour).Unix()
	for _, test := range []struct {
		name, token string
		kind        models.Kind
		code        string
	}{
		{"good", idToken(t, rs256, g.key, asIs), "", ""},
		{"signed by another key", idToken(t, rs256, rsaKey(t), asIs), models.Unauthenticated, "bad_token"},
		{"unknown kid", idToken(t, rs256, g.key, func(h, _ map[string]any) { h["kid"] = "unknown" }), models.Unauthenticated, "bad_token"},
		{"the kid of another key", idToken(t, rs256, g.key, func(h, _ map[string]any) { h["kid"] = "another" }), models.Unauthenticated, "bad_token"},
		{"no kid", idToken(t, rs256, g.key, func(h, _ map[string]any) { delete(h, "kid") }), models.Unauthenticated, "bad_token"},
		{"expired", idToken(t, rs256, g.key, claim("exp", past)), models.Unauthenticated, "token_expired"},
		{"issued in the future", idToken(t, rs256, g.key, claim("iat", time.Now().Add(time.Hour).Unix())), models.Unauthenticated, "bad_token"},
		{"another project", idToken(t, rs256, g.key, claim("aud", "demo-other")), models.Unauthenticated, "bad_token"},
		{"another issuer", idToken(t, rs256, g.key, claim("iss", "https://securetoken.google.com/demo-other")), models.Unauthenticated, "bad_token"},
		{"no subject", idToken(t, rs256, g.key, claim("sub", "")), models.Unauthenticated, "bad_token"},
		{"alg none", idToken(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, asIs), models.Unauthenticated, "bad_token"},
		{"alg HS256 with the public key", idToken(t, jwt.SigningMethodHS256, g.page, asIs), models.Unauthenticated, "bad_token"},
		{"one of ours", r.signIn(t, phone).AccessToken, models.Unauthenticated, "bad_token"},
		{"not a token", "x", models.Unauthenticated, "bad_token"},
		{"empty", "", models.Unauthenticated, "bad_token"},
		{"signed in by a password", idToken(t, rs256, g.key, claim("firebase", map[string]any{"sign_in_provider": "password"})), models.Unauthenticated, "bad_token"},
		{"a custom token's user", idToken(t, rs256, g.key, claim("firebase", map[string]any{"sign_in_provider": "custom"})), models.Unauthenticated, "bad_token"},
		{"no number", idToken(t, rs256, g.key, claim("phone_number", nil)), models.Unauthenticated, "bad_token"},
		{"a foreign number", idToken(t, rs256, g.key, claim("phone_number", "+12015550123")), models.Invalid, "invalid"},
		{"a landline", idToken(t, rs256, g.key, claim("phone_number", "+842438250000")), models.Invalid, "invalid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pair, err := r.citizens.Firebase(t.Context(), test.token, address)
			wantCode(t, "sign-in", err, test.kind, test.code)
			if test.code != "" {
				return
			}
			if got, want := r.subject(t, pair).ID, r.subject(t, r.signIn(t, phone)).ID; got != want {
				t.Error("Firebase and a code lead to different accounts for one number")
			}
		})
	}
}

func TestWithoutGooglesKeys(t *testing.T) {
	g := newGoogle(t)
	verifier, err := New(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	token := idToken(t, jwt.SigningMethodRS256, g.key, asIs)
	g.down.Store(true)
	_, err = verifier.Verify(t.Context(), token)
	wantCode(t, "while Google is down", err, models.Unavailable, "unavailable")
	g.down.Store(false)
	if got, err := verifier.Verify(t.Context(), token); err != nil || got != phone {
		t.Errorf("afterwards: %q %v", got, err)
	}
}

func TestRefusesTheEmulator(t *testing.T) {
	t.Setenv(emulatorVariable, "127.0.0.1:9099")
	if _, err := New(t.Context(), project); err != ErrEmulator {
		t.Errorf("got %v, want %v", err, ErrEmulator)
	}
	t.Setenv(emulatorVariable, "")
	if _, err := New(t.Context(), ""); err == nil {
		t.Error("taken without a project")
	}
	if _, err := New(t.Context(), project); err != nil {
		t.Error(err)
	}
}
