package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"time"

	"khaibao/models"
)

// A PIN protects on a keypad what whoever holds the phone must not do: read relatives' results, erase everything.
const (
	pinTries = 5
	pinLock  = 24 * time.Hour
)

// PINStore is where PINs are kept, with their accounts.
type PINStore interface {
	UpdateAccount(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error)
}

// PINs sets and checks the PINs of accounts. It is safe for concurrent use.
type PINs struct {
	store  PINStore
	hasher *hasher
	now    func() time.Time
}

// NewPINs gives ready PINs; now is real time, time.Now when nil.
func NewPINs(store PINStore, argon Argon2, now func() time.Time) (*PINs, error) {
	if err := argon.check(); err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &PINs{store, newHasher(argon), now}, nil
}

var pinForm = regexp.MustCompile(`^[0-9]{4}$`)

// LooksLikePIN tells whether something has the form of a PIN: what has not is a mistyped key and no guess.
func LooksLikePIN(typed string) bool { return pinForm.MatchString(typed) }

// ValidPIN tells whether a PIN is four digits that are not the first ones that anybody would try.
func ValidPIN(pin string) bool {
	return LooksLikePIN(pin) && strings.Count(pin, pin[:1]) < len(pin) && pin != "1234" && pin != "4321"
}

// Set gives the account a new PIN and ends a lock. It is for citizens who are signed in: on a keypad it is Choose.
// Invalid names /pin.
func (p *PINs) Set(ctx context.Context, account, pin string) error {
	return p.set(ctx, account, pin, true)
}

// Choose gives the account its first PIN; one that it has stays.
func (p *PINs) Choose(ctx context.Context, account, pin string) error {
	return p.set(ctx, account, pin, false)
}

func (p *PINs) set(ctx context.Context, account, pin string, replace bool) error {
	if !ValidPIN(pin) {
		return models.InvalidField("/pin", "bad_pin", nil)
	}
	hash, err := p.hasher.hash(ctx, pin)
	if err != nil {
		return err
	}
	_, err = p.store.UpdateAccount(ctx, account, func(a *models.Account) ([]models.Effect, error) {
		if a.PIN.Hash != "" && !replace {
			return nil, models.ErrUnchanged
		}
		a.PIN = models.PIN{Hash: hash}
		return nil, nil
	})
	return err
}

// Check tells whether a PIN is the account's: nil when it is. NotFound (no_pin) when it has none, Unauthenticated
// (wrong_pin) when it is another, TooMany (pin_locked) for a day after five wrong ones. A guess is written down before it is
// looked at, so that of any number of guesses at the same time five at most learn anything. The same PIN in the same message
// as the last one is no new guess and is answered as it was.
func (p *PINs) Check(ctx context.Context, account, pin, message string) error {
	sum := sha256.Sum256([]byte(message + "|" + pin))
	tried := base64.RawStdEncoding.EncodeToString(sum[:12])
	var hash string
	_, err := p.store.UpdateAccount(ctx, account, func(a *models.Account) ([]models.Effect, error) {
		now := p.now()
		hash = a.PIN.Hash
		switch {
		case hash == "":
			return nil, models.Fail(models.NotFound, "no_pin")
		case a.PIN.Tried == tried:
			return nil, models.ErrUnchanged
		case now.Before(a.PIN.LockedUntil):
			return nil, &models.Error{Kind: models.TooMany, Code: "pin_locked", RetryAfter: a.PIN.LockedUntil.Sub(now)}
		case !a.PIN.LockedUntil.IsZero(): // the lock is over: five new tries
			a.PIN.Wrong, a.PIN.LockedUntil = 0, time.Time{}
		}
		a.PIN.Tried = tried
		if a.PIN.Wrong++; a.PIN.Wrong >= pinTries {
			a.PIN.LockedUntil = now.Add(pinLock)
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	same, err := p.hasher.matches(ctx, hash, pin)
	if err != nil {
		return err
	}
	if !same {
		return models.Fail(models.Unauthenticated, "wrong_pin")
	}
	_, err = p.store.UpdateAccount(ctx, account, func(a *models.Account) ([]models.Effect, error) {
		if a.PIN.Hash == hash {
			a.PIN.Wrong, a.PIN.LockedUntil = 0, time.Time{}
		}
		return nil, nil
	})
	return err
}
