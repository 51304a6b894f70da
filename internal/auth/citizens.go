package auth

import (
	"context"
	"errors"
	"time"

	"khaibao/internal/seal"
	"khaibao/models"
)

// DefaultCitizenLifetime is how long a citizen stays signed in without using the app.
const DefaultCitizenLifetime = 60 * 24 * time.Hour

// CitizenStore is what the sign-in of citizens reads and changes.
type CitizenStore interface {
	SessionStore
	BudgetStore
	// ClaimPhone gives the account of a number, making one for a number that has none.
	ClaimPhone(ctx context.Context, phone string) (string, error)
	Account(ctx context.Context, id string) (*models.Account, error)
	AddOTP(ctx context.Context, otp models.OTP) error
	// UpdateOTP answers an error of change as it is and writes nothing then.
	UpdateOTP(ctx context.Context, id string, change func(*models.OTP) error) error
	// Pause starts a pause and gives 0, or how long the one under way lasts.
	Pause(ctx context.Context, id string, now time.Time, length time.Duration) (time.Duration, error)
}

// Outbox takes messages to be sent.
type Outbox interface {
	Enqueue(ctx context.Context, messages ...models.Message) error
}

// Verifier tells which phone a Firebase ID token proves, in E.164. Unauthenticated for a token that proves none.
type Verifier interface {
	Verify(ctx context.Context, idToken string) (phone string, err error)
}

// Budgets bound sign-ins of citizens. An address is an IPv4 address or an IPv6 /64; that of a carrier's NAT stands for
// very many citizens.
type Budgets struct {
	OTPPerPhoneHour   int
	OTPPerPhoneDay    int
	OTPPerAddressHour int           // and for each of them every try that a code allows, or a Firebase token
	OTPPerDay         int           // in all: what sending codes can cost
	OTPResend         time.Duration // between two codes to one number; zero for none
}

// DefaultBudgets gives budgets for a country.
func DefaultBudgets() Budgets {
	return Budgets{
		OTPPerPhoneHour: 5, OTPPerPhoneDay: 10, OTPPerAddressHour: 600, OTPPerDay: 200_000, OTPResend: time.Minute,
	}
}

func (b Budgets) check() error {
	if min(b.OTPPerPhoneHour, b.OTPPerPhoneDay, b.OTPPerAddressHour, b.OTPPerDay) < 1 || b.OTPResend < 0 {
		return errors.New("auth: a budget of sign-ins is below 1, or the resend delay below 0")
	}
	return nil
}

// CitizensConfig is what Citizens are made of. Everything is required unless it says otherwise.
type CitizensConfig struct {
	Store    CitizenStore
	Keys     *seal.Keys
	Tokens   *Tokens
	Outbox   Outbox
	Text     func(lang models.Lang, key string, args map[string]any) string
	Enqueued func()   // called when a code waits to be sent; optional
	Firebase Verifier // nil without Firebase sign-in
	Budgets  Budgets
	Now      func() time.Time // real time; time.Now by default
	Lifetime time.Duration    // of a sign-in that is not used; DefaultCitizenLifetime when zero
}

// Citizens signs citizens in and out. It is safe for concurrent use.
type Citizens struct {
	store    CitizenStore
	keys     *seal.Keys
	outbox   Outbox
	text     func(models.Lang, string, map[string]any) string
	enqueued func()
	firebase Verifier
	budgets  Budgets
	limits   limiter
	now      func() time.Time
	sessions *sessions
}

// NewCitizens gives ready Citizens.
func NewCitizens(c CitizensConfig) (*Citizens, error) {
	if c.Store == nil || c.Keys == nil || c.Tokens == nil || c.Outbox == nil || c.Text == nil {
		return nil, errors.New("auth: citizens need a store, keys, tokens, an outbox and texts")
	}
	if err := c.Budgets.check(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Lifetime == 0 {
		c.Lifetime = DefaultCitizenLifetime
	}
	if c.Enqueued == nil {
		c.Enqueued = func() {}
	}
	citizens := &Citizens{
		store: c.Store, keys: c.Keys, outbox: c.Outbox, text: c.Text, enqueued: c.Enqueued, firebase: c.Firebase,
		budgets: c.Budgets, limits: limiter{c.Store, c.Keys, c.Now}, now: c.Now,
	}
	citizens.sessions = &sessions{
		store: c.Store, keys: c.Keys, tokens: c.Tokens, now: c.Now, kind: Citizen, lifetime: c.Lifetime, sliding: true,
		alive: citizens.alive,
	}
	return citizens, nil
}

func (c *Citizens) alive(ctx context.Context, id string) error {
	account, err := c.store.Account(ctx, id)
	if models.NotFound.Is(err) || (err == nil && account.Erased()) {
		return models.ErrSignedOut
	}
	return err
}

func (c *Citizens) signIn(ctx context.Context, phone string) (Pair, error) {
	account, err := c.store.ClaimPhone(ctx, phone)
	if err != nil {
		return Pair{}, err
	}
	return c.sessions.start(ctx, account)
}

// Firebase signs in the household of the number that a Firebase ID token proves. Only Vietnamese mobile numbers are
// taken: Invalid names /id_token otherwise. NotFound when Firebase sign-in is not set up.
func (c *Citizens) Firebase(ctx context.Context, idToken, address string) (Pair, error) {
	if c.firebase == nil {
		return Pair{}, models.Fail(models.NotFound, "firebase_not_configured")
	}
	if err := c.mayVerify(ctx, address); err != nil {
		return Pair{}, err
	}
	proven, err := c.firebase.Verify(ctx, idToken)
	if err != nil {
		return Pair{}, err
	}
	phone, problem := ParsePhone(proven)
	if problem != "" {
		return Pair{}, models.InvalidField("/id_token", problem, nil)
	}
	return c.signIn(ctx, phone)
}

// Refresh gives a new pair for a refresh token, which is used up by it. The same token with the same request id gives
// the same pair again for a minute; any other second use ends the sign-in with token_reused. An empty request id is none.
func (c *Citizens) Refresh(ctx context.Context, refreshToken, requestID string) (Pair, error) {
	return c.sessions.refresh(ctx, refreshToken, requestID)
}

// Logout ends the sign-in of an access token: its refresh token is worth nothing from now on. The access token itself
// asks no store and lives out its minutes.
func (c *Citizens) Logout(ctx context.Context, s Subject) error { return c.sessions.logout(ctx, s) }

// EndSessions ends every sign-in of an account.
func (c *Citizens) EndSessions(ctx context.Context, account string) error {
	return c.sessions.endAll(ctx, account)
}
