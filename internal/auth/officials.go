package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"khaibao/internal/areas"
	"khaibao/internal/seal"
	"khaibao/models"
)

// DefaultOfficialLifetime is how long an official stays signed in, in use or not: a long day at work.
const DefaultOfficialLifetime = 12 * time.Hour

// OfficialStore is what the sign-in and the administration of officials read and change.
type OfficialStore interface {
	SessionStore
	BudgetStore
	// AddOfficial keeps an official with its effects: Conflict when the login is taken.
	AddOfficial(ctx context.Context, official models.Official, effects []models.Effect) error
	Official(ctx context.Context, login string) (*models.Official, error)
	// UpdateOfficial answers an error of change as it is and writes nothing then; models.ErrUnchanged is none.
	UpdateOfficial(ctx context.Context, login string, change func(*models.Official) ([]models.Effect, error)) (*models.Official, error)
	// Officials lists all without their credentials.
	Officials(ctx context.Context) ([]models.Official, error)
	// OfficialsWithin lists those of a scope by login, without their credentials.
	OfficialsWithin(ctx context.Context, scope models.Area, f models.OfficialFilter, page models.Page) ([]models.Official, string, error)
}

// LoginBudgets bound attempts of officials to sign in, right or wrong.
type LoginBudgets struct {
	PerLoginHour   int
	PerAddressHour int
}

// DefaultLoginBudgets gives budgets that an office behind one address does not use up.
func DefaultLoginBudgets() LoginBudgets { return LoginBudgets{PerLoginHour: 30, PerAddressHour: 300} }

// OfficialsConfig is what Officials are made of. Everything is required unless it says otherwise.
type OfficialsConfig struct {
	Store     OfficialStore
	Keys      *seal.Keys
	Tokens    *Tokens
	Argon2    Argon2
	Budgets   LoginBudgets
	Areas     *areas.Directory
	Now       func() time.Time // real time; time.Now by default
	Lifetime  time.Duration    // of a sign-in; DefaultOfficialLifetime when zero
	VisitIdle time.Duration    // how long a browser may rest; DefaultVisitIdle when zero
	Lookups   int              // of households by phone, for one official a day; DefaultLookups when zero
	Changed   func()           // called after a change whose effects wait; may be nil
}

// Officials signs officials in and out and administers them. It is safe for concurrent use.
type Officials struct {
	store     OfficialStore
	hasher    *hasher
	budgets   LoginBudgets
	limits    limiter
	areas     *areas.Directory
	keys      *seal.Keys
	changed   func()
	now       func() time.Time
	sessions  *sessions
	visitIdle time.Duration
	lookups   int
	nobody    models.Official // stands in for a login that does not exist, so that it takes as long
}

// NewOfficials gives ready Officials.
func NewOfficials(c OfficialsConfig) (*Officials, error) {
	if c.Store == nil || c.Keys == nil || c.Tokens == nil || c.Areas == nil {
		return nil, errors.New("auth: officials need a store, keys, tokens and areas")
	}
	if err := c.Argon2.check(); err != nil {
		return nil, err
	}
	if min(c.Budgets.PerLoginHour, c.Budgets.PerAddressHour) < 1 {
		return nil, errors.New("auth: a budget of sign-ins is below 1")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Lifetime == 0 {
		c.Lifetime = DefaultOfficialLifetime
	}
	if c.VisitIdle == 0 {
		c.VisitIdle = DefaultVisitIdle
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.Lookups == 0 {
		c.Lookups = DefaultLookups
	}
	o := &Officials{
		visitIdle: c.VisitIdle, lookups: c.Lookups, store: c.Store, hasher: newHasher(c.Argon2), budgets: c.Budgets, limits: limiter{c.Store, c.Keys, c.Now},
		areas: c.Areas, keys: c.Keys, changed: c.Changed, now: c.Now,
	}
	o.sessions = &sessions{
		store: c.Store, keys: c.Keys, tokens: c.Tokens, now: c.Now, kind: Official, lifetime: c.Lifetime, alive: o.alive,
	}
	return o, o.makeNobody()
}

func (o *Officials) makeNobody() (err error) {
	o.nobody.PasswordHash = o.hasher.ofNone()
	o.nobody.TOTPSecret, _, err = newTOTP("nobody", nil)
	return err
}

// normalLogin is the one form in which a login is kept.
func normalLogin(login string) string {
	return strings.ToLower(norm.NFC.String(strings.TrimSpace(login)))
}

// Login signs an official in. Whatever is wrong, the login, the password, the TOTP, one that was used already, or that
// the official is disabled, answers the same bad_credentials after the same time. TooMany says how long to wait.
func (o *Officials) Login(ctx context.Context, login, password, totp, address string) (Pair, error) {
	login, err := o.prove(ctx, login, password, totp, address)
	if err != nil {
		return Pair{}, err
	}
	return o.sessions.start(ctx, login)
}

// prove holds credentials against the official's and gives the login in its normal form.
func (o *Officials) prove(ctx context.Context, login, password, totp, address string) (string, error) {
	login = normalLogin(login)
	if err := o.mayTry(ctx, login, address); err != nil {
		return "", err
	}
	official, err := o.lookUp(ctx, login)
	if err != nil {
		return "", err
	}
	right, err := o.hasher.matches(ctx, official.PasswordHash, password)
	if err != nil {
		return "", fmt.Errorf("checking a password: %w", err)
	}
	step := totpStep(official.TOTPSecret, totp, official.TOTPUsed, o.now())
	if !right || step == 0 || official.Login == "" || official.Disabled() {
		return "", errBadCredentials()
	}
	return login, o.useStep(ctx, official, step)
}

func errBadCredentials() error { return models.Fail(models.Unauthenticated, "bad_credentials") }

func (o *Officials) mayTry(ctx context.Context, login, address string) error {
	if err := o.limits.spend(ctx, budget{"login_address", time.Hour, o.budgets.PerAddressHour}, networkOf(address)); err != nil {
		return err
	}
	return o.limits.spend(ctx, budget{"login", time.Hour, o.budgets.PerLoginHour}, login)
}

// lookUp gives the official of a login who has credentials, or nobody.
func (o *Officials) lookUp(ctx context.Context, login string) (*models.Official, error) {
	if !loginForm.MatchString(login) {
		return &o.nobody, nil
	}
	official, err := o.store.Official(ctx, login)
	if models.NotFound.Is(err) || (err == nil && official.Waiting()) {
		return &o.nobody, nil
	}
	return official, err
}

// useStep uses up a TOTP: of two sign-ins with one code, one succeeds. The official must still be the one whose password
// and TOTP were checked.
func (o *Officials) useStep(ctx context.Context, checked *models.Official, step int64) error {
	_, err := o.store.UpdateOfficial(ctx, checked.Login, func(now *models.Official) ([]models.Effect, error) {
		if now.Disabled() || now.PasswordHash != checked.PasswordHash || now.TOTPSecret != checked.TOTPSecret || now.TOTPUsed >= step {
			return nil, errBadCredentials()
		}
		now.TOTPUsed, now.SignedInAt = step, o.now()
		return nil, nil
	})
	return err
}

// alive reads an official who may be signed in.
func (o *Officials) alive(ctx context.Context, login string) error {
	_, err := o.working(ctx, login)
	return err
}

func (o *Officials) working(ctx context.Context, login string) (*models.Official, error) {
	official, err := o.store.Official(ctx, login)
	if models.NotFound.Is(err) || (err == nil && official.Disabled()) {
		return nil, models.ErrSignedOut
	}
	return official, err
}

// Authorize gives the official that an access token speaks for, as of now: a change of role or area counts at once, and
// one who was disabled or logged out is Unauthenticated at once. Credentials are left out.
func (o *Officials) Authorize(ctx context.Context, s Subject) (models.Official, error) {
	if s.Kind != Official {
		return models.Official{}, errBadToken()
	}
	if err := o.sessions.active(ctx, s); err != nil {
		return models.Official{}, err
	}
	official, err := o.working(ctx, s.ID)
	if err != nil {
		return models.Official{}, err
	}
	return withoutCredentials(*official), nil
}

func withoutCredentials(o models.Official) models.Official {
	o.PasswordHash, o.TOTPSecret, o.TOTPUsed, o.SetupHash = "", "", 0, ""
	return o
}

// Refresh gives a new pair for a refresh token, as Citizens.Refresh does. It does not lengthen the sign-in.
func (o *Officials) Refresh(ctx context.Context, refreshToken, requestID string) (Pair, error) {
	return o.sessions.refresh(ctx, refreshToken, requestID)
}

// Logout ends the sign-in of an access token, and the access token with it.
func (o *Officials) Logout(ctx context.Context, s Subject) error { return o.sessions.logout(ctx, s) }
