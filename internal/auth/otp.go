package auth

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"khaibao/models"
)

// What a one-time code is.
const (
	otpLifetime = 5 * time.Minute
	otpTries    = 5
	otpCodes    = 1_000_000 // six digits
)

const purposeOTP = "otp"

// OTPRequest answers a request for a one-time code.
type OTPRequest struct {
	ID          string // names the code when it is verified
	ExpiresIn   int    // seconds
	ResendAfter int    // seconds until the same number may ask again
}

// RequestOTP sends a one-time code to a Vietnamese mobile number, in the language given. Nothing about the answer, not
// its time either, depends on whether the number is known. Invalid names /phone; TooMany says how long to wait.
func (c *Citizens) RequestOTP(ctx context.Context, phone string, lang models.Lang, address string) (OTPRequest, error) {
	to, problem := ParsePhone(phone)
	if problem != "" {
		return OTPRequest{}, models.InvalidField("/phone", problem, nil)
	}
	if err := c.mayRequest(ctx, to, address); err != nil {
		return OTPRequest{}, err
	}
	now := c.now()
	otp, code, err := c.newOTP(to, now)
	if err != nil {
		return OTPRequest{}, err
	}
	if err := c.store.AddOTP(ctx, otp); err != nil {
		return OTPRequest{}, err
	}
	args := map[string]any{"code": code, "minutes": int(otpLifetime / time.Minute)}
	err = c.outbox.Enqueue(ctx, models.Message{
		ID: otp.ID, Kind: models.MessageOTP, Lane: models.LaneOTP, Route: models.RouteSMS, Lang: lang, To: to, Text: c.text(lang, "message.otp", args),
		State: models.MessagePending, CreatedAt: now, DueAt: now, ExpiresAt: otp.ExpiresAt,
	})
	c.enqueued()
	return OTPRequest{otp.ID, int(otpLifetime / time.Second), int(c.budgets.OTPResend / time.Second)}, err
}

// mayRequest asks the narrow budgets first, so that what they refuse costs the wide ones nothing.
func (c *Citizens) mayRequest(ctx context.Context, phone, address string) error {
	b := c.budgets
	if err := c.limits.spend(ctx, budget{"otp_address", time.Hour, b.OTPPerAddressHour}, networkOf(address)); err != nil {
		return err
	}
	if err := c.mayResend(ctx, phone); err != nil {
		return err
	}
	for _, next := range []struct {
		budget
		who string
	}{
		{budget{"otp_phone_hour", time.Hour, b.OTPPerPhoneHour}, phone},
		{budget{"otp_phone_day", 24 * time.Hour, b.OTPPerPhoneDay}, phone},
		{budget{"otp_day", 24 * time.Hour, b.OTPPerDay}, ""},
	} {
		if err := c.limits.spend(ctx, next.budget, next.who); err != nil {
			return err
		}
	}
	return nil
}

func (c *Citizens) mayResend(ctx context.Context, phone string) error {
	if c.budgets.OTPResend == 0 {
		return nil
	}
	wait, err := c.store.Pause(ctx, "otp_resend|"+c.keys.Hash("budget", phone), c.now(), c.budgets.OTPResend)
	if err != nil || wait == 0 {
		return err
	}
	return &models.Error{Kind: models.TooMany, Code: "resend_too_soon", RetryAfter: wait}
}

// mayVerify leaves room for every try of every code that the address may ask for.
func (c *Citizens) mayVerify(ctx context.Context, address string) error {
	return c.limits.spend(ctx, budget{"verify_address", time.Hour, otpTries * c.budgets.OTPPerAddressHour}, networkOf(address))
}

func (c *Citizens) newOTP(phone string, now time.Time) (models.OTP, string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(otpCodes))
	if err != nil {
		return models.OTP{}, "", fmt.Errorf("drawing a one-time code: %w", err)
	}
	id, code := newID(), fmt.Sprintf("%06d", n)
	return models.OTP{
		ID: id, Phone: phone, CodeHash: c.keys.Hash(purposeOTP, id+"|"+code), ExpiresAt: now.Add(otpLifetime),
	}, code, nil
}

var codeForm = regexp.MustCompile(`^[0-9]{6}$`)

// VerifyOTP signs in the household of the number that a code was sent to, making one for a new number. A wrong code and
// an unknown, used, exhausted or expired request answer the same bad_code.
func (c *Citizens) VerifyOTP(ctx context.Context, requestID, code, address string) (Pair, error) {
	if err := c.mayVerify(ctx, address); err != nil {
		return Pair{}, err
	}
	phone, err := c.useOTP(ctx, requestID, code)
	if err != nil {
		return Pair{}, err
	}
	return c.signIn(ctx, phone)
}

// useOTP gives the number that the code proves. A guess and what came of it are one write, so that of any number of
// guesses at the same time no more than otpTries learn anything, and one at most is right.
func (c *Citizens) useOTP(ctx context.Context, requestID, code string) (phone string, err error) {
	wrong := models.Fail(models.Unauthenticated, "bad_code")
	if !isID(requestID) || !codeForm.MatchString(code) {
		return "", wrong
	}
	var guessed models.OTP
	err = c.store.UpdateOTP(ctx, requestID, func(o *models.OTP) error {
		if o.Used || o.Tries >= otpTries || !c.now().Before(o.ExpiresAt) {
			return wrong
		}
		o.Tries++
		o.Used = c.keys.Matches(o.CodeHash, purposeOTP, o.ID+"|"+code)
		guessed = *o
		return nil
	})
	switch {
	case models.NotFound.Is(err):
		return "", wrong
	case err != nil:
		return "", err
	case !guessed.Used:
		return "", wrong
	}
	return guessed.Phone, nil
}
