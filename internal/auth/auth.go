// Package auth signs citizens and officials in. A citizen proves a Vietnamese mobile number by a one-time code or by
// Firebase phone sign-in; an official gives login, password and TOTP. Both then hold a short access token, which is
// checked without a store, and a refresh token, which rotates. All time here is real time.
package auth

import (
	"crypto/rand"
	"encoding/base64"
	"regexp"

	"khaibao/models"
)

// SubjectKind says what kind of user a token speaks for. It is the token's audience.
type SubjectKind string

// The kinds.
const (
	Citizen  SubjectKind = "citizen"
	Official SubjectKind = "official"
)

// Subject is whom a token speaks for.
type Subject struct {
	Kind    SubjectKind
	ID      string // a citizen's account, an official's login
	Session string // the sign-in that the token belongs to
}

// Pair is what a sign-in or a refresh gives.
type Pair struct {
	AccessToken  string
	RefreshToken string
	TokenType    string // "Bearer"
	ExpiresIn    int    // seconds from its making until the access token expires
}

// newID makes an id of 128 random bits.
func newID() string {
	raw := make([]byte, 16)
	rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)

// isID tells whether newID can have made the text; no other text is worth asking a store for.
func isID(text string) bool { return idForm.MatchString(text) }

func errBadToken() error     { return models.Fail(models.Unauthenticated, "bad_token") }
func errTokenExpired() error { return models.Fail(models.Unauthenticated, "token_expired") }
