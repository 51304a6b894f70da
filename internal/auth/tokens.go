package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"khaibao/internal/seal"
)

// The defaults of a Config.
const (
	DefaultIssuer         = "khaibao"
	DefaultAccessLifetime = 15 * time.Minute
)

// Config is what Tokens are made of. Keys are required: the first signs, all verify, and each ID is the kid of the
// tokens that it signed.
type Config struct {
	Keys           []seal.TokenKey
	Now            func() time.Time // real time; time.Now by default
	Issuer         string           // DefaultIssuer when empty
	AccessLifetime time.Duration    // DefaultAccessLifetime when zero; whole seconds
}

// Tokens makes and checks access tokens: JWTs signed with HS256, of the type that RFC 9068 names. It is safe for
// concurrent use and asks no store.
type Tokens struct {
	secrets  map[string][]byte // by the first part of the tokens that they sign
	signer   seal.TokenKey
	now      func() time.Time
	issuer   string
	lifetime time.Duration
}

// NewTokens gives ready Tokens; without a key there are none.
func NewTokens(c Config) (*Tokens, error) {
	if len(c.Keys) == 0 {
		return nil, errors.New("auth: there is no key for access tokens")
	}
	t := &Tokens{secrets: map[string][]byte{}, signer: c.Keys[0], now: c.Now, issuer: c.Issuer, lifetime: c.AccessLifetime}
	if t.now == nil {
		t.now = time.Now
	}
	if t.issuer == "" {
		t.issuer = DefaultIssuer
	}
	if t.lifetime == 0 {
		t.lifetime = DefaultAccessLifetime
	}
	for _, key := range c.Keys {
		if len(key.Secret) < minTokenKey {
			return nil, errors.New("auth: a key for access tokens is too short")
		}
		header, err := headerOf(key)
		if err != nil {
			return nil, err
		}
		t.secrets[header] = key.Secret
	}
	return t, nil
}

const (
	minTokenKey = 32 // bytes
	tokenType   = "at+jwt"
)

func newToken(key seal.TokenKey, c jwt.MapClaims) *jwt.Token {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, c)
	token.Header["typ"], token.Header["kid"] = tokenType, key.ID
	return token
}

// headerOf gives the first part of every token that a key signs.
func headerOf(key seal.TokenKey) (string, error) {
	text, err := newToken(key, jwt.MapClaims{}).SigningString()
	header, _, _ := strings.Cut(text, ".")
	return header, err
}

// sign makes the subject's access token as of a moment; the same arguments give the same token.
func (t *Tokens) sign(s Subject, at time.Time) (string, error) {
	at = at.Truncate(time.Second)
	return newToken(t.signer, jwt.MapClaims{
		"iss": t.issuer, "aud": s.Kind, "sub": s.ID, "sid": s.Session, "iat": at.Unix(), "exp": at.Add(t.lifetime).Unix(),
	}).SignedString(t.signer.Secret)
}

// claims are what sign writes. One that is absent is zero, and refused like any other wrong value.
type claims struct {
	Issuer   string      `json:"iss"`
	Audience SubjectKind `json:"aud"`
	Subject  string      `json:"sub"`
	Session  string      `json:"sid"`
	IssuedAt int64       `json:"iat"`
	Expires  int64       `json:"exp"`
}

// clockDifference is how many seconds the clock of the process that made a token may be ahead of ours.
const clockDifference = 10

// Check tells whom an access token speaks for. The error is Unauthenticated: token_expired for one of ours whose time
// is over, bad_token for anything else. Whether the subject still exists is for the use-cases to see.
func (t *Tokens) Check(token string) (Subject, error) {
	c, ok := t.signed(token)
	now := t.now().Unix()
	switch {
	case !ok, c.Issuer != t.issuer, c.Audience != Citizen && c.Audience != Official, c.Subject == "", c.Session == "",
		c.IssuedAt <= 0, c.IssuedAt > now+clockDifference, c.Expires <= 0:
		return Subject{}, errBadToken()
	case c.Expires <= now:
		return Subject{}, errTokenExpired()
	}
	return Subject{Kind: c.Audience, ID: c.Subject, Session: c.Session}, nil
}

// signed gives the claims of a token that one of our keys signed. The first part must be, to the byte, what sign writes
// for that key: so algorithm, type and kid are the right ones, and nothing of a stranger's header is ever read.
func (t *Tokens) signed(token string) (c claims, ok bool) {
	header, rest, _ := strings.Cut(token, ".")
	secret, known := t.secrets[header]
	payload, mac, whole := strings.Cut(rest, ".")
	if !known || !whole || len(token) > maxAccessToken {
		return c, false
	}
	sum, err := strict.DecodeString(mac)
	if err != nil || jwt.SigningMethodHS256.Verify(token[:len(header)+1+len(payload)], sum, secret) != nil {
		return c, false
	}
	text, err := strict.DecodeString(payload)
	if err != nil {
		return c, false
	}
	return c, json.Unmarshal(text, &c) == nil
}

const maxAccessToken = 2048 // bytes

var strict = base64.RawURLEncoding.Strict()
