package models

import "time"

// OTP is a one-time code that was sent to a number: what it takes to check it, never the code itself.
type OTP struct {
	ID        string // the request that the code belongs to
	Phone     string // E.164; sealed in a store
	CodeHash  string // keyed
	Tries     int    // guesses so far, right or wrong
	Used      bool   // the right guess was made
	ExpiresAt time.Time
}

// Session is one sign-in of a citizen or an official: the family of refresh tokens that follow one another. No token is
// kept, only which generation of them is good.
type Session struct {
	ID         string
	Subject    string // who is signed in: kind and id
	Generation int64  // of the only refresh token that is good
	Request    string // keyed hash of the id of the request that brought this generation; empty when it named none
	RotatedAt  time.Time
	StartedAt  time.Time
	ExpiresAt  time.Time
}
