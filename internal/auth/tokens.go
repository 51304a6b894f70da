package auth

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"khaibao/internal/seal"
	"khaibao/models"
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
	keys     map[string][]byte
	signer   seal.TokenKey
	now      func() time.Time
	issuer   string
	lifetime time.Duration
	parser   *jwt.Parser
}

// NewTokens gives ready Tokens; without a key there are none.
func NewTokens(c Config) (*Tokens, error) {
	if len(c.Keys) == 0 {
		return nil, errors.New("auth: there is no key for access tokens")
	}
	t := &Tokens{keys: map[string][]byte{}, signer: c.Keys[0], now: c.Now, issuer: c.Issuer, lifetime: c.AccessLifetime}
	for _, key := range c.Keys {
		if len(key.Secret) < minTokenKey {
			return nil, errors.New("auth: a key for access tokens is too short")
		}
		t.keys[key.ID] = key.Secret
	}
	if t.now == nil {
		t.now = time.Now
	}
	if t.issuer == "" {
		t.issuer = DefaultIssuer
	}
	if t.lifetime == 0 {
		t.lifetime = DefaultAccessLifetime
	}
	t.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithStrictDecoding(),
		jwt.WithIssuer(t.issuer), jwt.WithIssuedAt(), jwt.WithExpirationRequired(), jwt.WithTimeFunc(t.now),
	)
	return t, nil
}

const (
	minTokenKey = 32 // bytes
	tokenType   = "at+jwt"
)

type claims struct {
	jwt.RegisteredClaims
	Session string `json:"sid"`
}

// sign makes the subject's access token as of a moment; the same arguments give the same token.
func (t *Tokens) sign(s Subject, at time.Time) (string, error) {
	at = at.Truncate(time.Second)
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: t.issuer, Audience: jwt.ClaimStrings{string(s.Kind)}, Subject: s.ID,
			IssuedAt: jwt.NewNumericDate(at), ExpiresAt: jwt.NewNumericDate(at.Add(t.lifetime)),
		},
		Session: s.Session,
	})
	token.Header["typ"], token.Header["kid"] = tokenType, t.signer.ID
	return token.SignedString(t.signer.Secret)
}

// Check tells whom an access token speaks for. The error is Unauthenticated: token_expired for one of ours whose time
// is over, bad_token for anything else. Whether the subject still exists is for the use-cases to see.
func (t *Tokens) Check(token string) (Subject, error) {
	var c claims
	if _, err := t.parser.ParseWithClaims(token, &c, t.key); err != nil {
		if errors.Is(err, jwt.ErrTokenExpired) {
			return Subject{}, errTokenExpired()
		}
		return Subject{}, errBadToken()
	}
	if c.IssuedAt == nil || len(c.Audience) != 1 || c.Subject == "" || c.Session == "" {
		return Subject{}, errBadToken()
	}
	switch kind := SubjectKind(c.Audience[0]); kind {
	case Citizen, Official:
		return Subject{Kind: kind, ID: c.Subject, Session: c.Session}, nil
	}
	return Subject{}, errBadToken()
}

// key chooses the key that a token names, if the token's header is one that sign writes.
func (t *Tokens) key(token *jwt.Token) (any, error) {
	id, _ := token.Header["kid"].(string)
	secret, known := t.keys[id]
	if _, critical := token.Header["crit"]; !known || critical || token.Header["typ"] != tokenType {
		return nil, models.Fail(models.Unauthenticated, "bad_token")
	}
	return secret, nil
}
