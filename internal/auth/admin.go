package auth

import (
	"context"
	"crypto/rand"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"khaibao/models"
)

// NewOfficial is an official to be added.
type NewOfficial struct {
	Login    string // [a-z0-9._-], 3 to 64; upper case is lowered. It is never changed later.
	Name     string
	Role     models.Role
	Area     models.Area
	Password string // one is made when it is empty
}

// Credentials are what an official signs in with. They are shown once: only the password's hash and the sealed secret are kept.
type Credentials struct {
	Official   models.Official // whose they are; what is kept of them is left out
	Password   string
	TOTPSecret string // base32
	URL        string // otpauth://, for authenticator apps
}

const (
	minLogin, maxLogin       = 3, 64
	maxName                  = 100
	minPassword, maxPassword = 12, 256
)

var loginForm = regexp.MustCompile(`^[a-z0-9._-]{3,64}$`)

// Add keeps a new official and gives the credentials. Invalid names every wrong field; Conflict when the login is taken.
func (o *Officials) Add(ctx context.Context, n NewOfficial) (Credentials, error) {
	office := o.Operator()
	official, err := office.new(&n)
	if err != nil {
		return Credentials{}, err
	}
	given, err := o.equip(ctx, &official, n.Password)
	if err != nil {
		return Credentials{}, err
	}
	return given, office.add(ctx, official)
}

// equip gives an official a new TOTP secret and the password, or a new one when it is empty.
func (o *Officials) equip(ctx context.Context, official *models.Official, password string) (Credentials, error) {
	if password == "" {
		password = rand.Text() // 130 bits
	}
	hash, err := o.hasher.hash(ctx, password)
	if err != nil {
		return Credentials{}, err
	}
	secret, url, err := newTOTP(official.Login, nil)
	if err != nil {
		return Credentials{}, err
	}
	official.PasswordHash, official.TOTPSecret, official.TOTPUsed = hash, secret, 0
	return Credentials{withoutCredentials(*official), password, secret, url}, nil
}

func (n *NewOfficial) problems() []models.FieldError {
	var out []models.FieldError
	switch {
	case n.Login == "":
		out = append(out, models.FieldError{Field: "/login", Code: "required"})
	case len(n.Login) < minLogin:
		out = append(out, models.FieldError{Field: "/login", Code: "too_short", Args: map[string]any{"min": minLogin}})
	case len(n.Login) > maxLogin:
		out = append(out, models.FieldError{Field: "/login", Code: "too_long", Args: map[string]any{"max": maxLogin}})
	case !loginForm.MatchString(n.Login):
		out = append(out, models.FieldError{Field: "/login", Code: "forbidden_characters"})
	}
	switch {
	case n.Name == "":
		out = append(out, models.FieldError{Field: "/name", Code: "required"})
	case utf8.RuneCountInString(n.Name) > maxName:
		out = append(out, models.FieldError{Field: "/name", Code: "too_long", Args: map[string]any{"max": maxName}})
	case !utf8.ValidString(n.Name) || strings.ContainsFunc(n.Name, func(r rune) bool { return !unicode.IsPrint(r) }):
		out = append(out, models.FieldError{Field: "/name", Code: "forbidden_characters"})
	}
	if n.Password != "" {
		out = append(out, passwordProblems(n.Login, n.Password)...)
	}
	return out
}

// scopeProblems checks that there are such a role and area, and that they belong together.
func (o *Officials) scopeProblems(role models.Role, area models.Area) []models.FieldError {
	var out []models.FieldError
	valid := o.areas.ValidScope(area)
	misfit := ""
	switch role {
	case models.NationalManager:
		if area != models.Nation {
			misfit = "needs_nation"
		}
	case models.ProvinceManager:
		if !area.IsProvince() {
			misfit = "needs_province"
		}
	case models.Viewer, models.Officer, models.Auditor:
	default:
		out = append(out, models.FieldError{Field: "/role", Code: "unknown_option", Args: map[string]any{"options": roleNames()}})
	}
	switch {
	case !valid:
		out = append(out, models.FieldError{Field: "/area", Code: "unknown_area"})
	case misfit != "":
		out = append(out, models.FieldError{Field: "/area", Code: misfit})
	}
	return out
}

func roleNames() string {
	var names []string
	for _, role := range models.Roles() {
		names = append(names, string(role))
	}
	return strings.Join(names, ", ")
}

// Operator is the office of whoever runs the product: it holds everybody.
func (o *Officials) Operator() Office { return Office{o: o} }

// ResetCredentials gives an official a new password and TOTP secret and ends every sign-in; the old ones are worth
// nothing from now on.
func (o *Officials) ResetCredentials(ctx context.Context, login string) (Credentials, error) {
	fresh := models.Official{Login: normalLogin(login)}
	given, err := o.equip(ctx, &fresh, "")
	if err != nil {
		return Credentials{}, err
	}
	given.Official, err = o.Operator().update(ctx, login, models.AuditResetOfficial, func(official *models.Official) error {
		official.PasswordHash, official.TOTPSecret, official.TOTPUsed = fresh.PasswordHash, fresh.TOTPSecret, 0
		official.SetupHash, official.SetupUntil = "", time.Time{}
		return nil
	})
	if err != nil {
		return Credentials{}, err
	}
	return given, o.sessions.endAll(ctx, fresh.Login)
}

// List gives every official by login, without credentials.
func (o *Officials) List(ctx context.Context) ([]models.Official, error) {
	return o.store.Officials(ctx)
}
