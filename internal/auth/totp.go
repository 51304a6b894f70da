package auth

import (
	"crypto/subtle"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

const (
	totpPeriod = 30 // seconds
	totpSkew   = 1  // steps that a clock may be ahead or behind
	totpIssuer = "Khai Bao"

	totpSecretBytes = 20 // as many as the hash gives
)

// newTOTP gives a secret (base32) and the otpauth URL that authenticator apps read: of the bytes, or of random ones when
// there are none.
func newTOTP(login string, raw []byte) (secret, url string, err error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: totpIssuer, AccountName: login, Period: totpPeriod, SecretSize: totpSecretBytes, Secret: raw})
	if err != nil {
		return "", "", err
	}
	return key.Secret(), key.URL(), nil
}

// TOTPCode gives the code of a secret at a moment, as an authenticator app does.
func TOTPCode(secret string, at time.Time) (string, error) { return totp.GenerateCode(secret, at) }

// totpStep gives the 30 s step whose code this is, 0 when it is none of now's or is not after the last one used.
func totpStep(secret, code string, used int64, now time.Time) int64 {
	current := now.Unix() / totpPeriod
	var found int64
	for step := current - totpSkew; step <= current+totpSkew; step++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && step > used && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = step
		}
	}
	return found
}
