package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

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
	n.Login, n.Name = normalLogin(n.Login), norm.NFC.String(strings.TrimSpace(n.Name))
	wrong := append(n.problems(), o.scopeProblems(n.Role, n.Area)...)
	if err := models.InvalidFields(wrong...); err != nil {
		return Credentials{}, err
	}
	official := models.Official{ID: n.Login, Login: n.Login, Name: n.Name, Role: n.Role, Area: n.Area, CreatedAt: o.now()}
	given, err := o.equip(ctx, &official, n.Password)
	if err != nil {
		return Credentials{}, err
	}
	if err := o.store.AddOfficial(ctx, official); err != nil {
		return Credentials{}, err
	}
	return given, o.record(ctx, models.AuditAddOfficial, &official)
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
	secret, url, err := newTOTP(official.Login)
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
	switch length := utf8.RuneCountInString(n.Password); {
	case length > maxPassword:
		out = append(out, models.FieldError{Field: "/password", Code: "too_long", Args: map[string]any{"max": maxPassword}})
	case length > 0 && length < minPassword:
		out = append(out, models.FieldError{Field: "/password", Code: "bad_password", Args: map[string]any{"min": minPassword}})
	}
	return out
}

// scopeProblems checks that there are such a role and area, and that they belong together.
func (o *Officials) scopeProblems(role models.Role, area models.Area) []models.FieldError {
	var out []models.FieldError
	fits := o.validArea(area)
	switch role {
	case models.NationalManager:
		fits = area == models.Nation
	case models.ProvinceManager:
		fits = fits && area.IsProvince()
	case models.Viewer, models.Officer, models.Auditor:
	default:
		out = append(out, models.FieldError{Field: "/role", Code: "unknown_option", Args: map[string]any{"options": roleNames()}})
	}
	switch {
	case !o.validArea(area):
		out = append(out, models.FieldError{Field: "/area", Code: "unknown_area"})
	case !fits:
		out = append(out, models.FieldError{Field: "/area", Code: "bad_value"})
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

// Change moves an official to a role and an area, from the next request on; an empty one stays as it is. NotFound when
// there is no such login.
func (o *Officials) Change(ctx context.Context, login string, role models.Role, area models.Area) error {
	_, err := o.update(ctx, login, models.AuditChangeOfficial, func(official *models.Official) error {
		if role != "" {
			official.Role = role
		}
		if area != "" {
			official.Area = area
		}
		return models.InvalidFields(o.scopeProblems(official.Role, official.Area)...)
	})
	return err
}

// Disable locks an official out at once and ends every sign-in. Disabling again is fine.
func (o *Officials) Disable(ctx context.Context, login string) error {
	official, err := o.update(ctx, login, models.AuditDisableOfficial, func(official *models.Official) error {
		if official.Disabled() {
			return models.ErrUnchanged
		}
		official.DisabledAt = o.now()
		return nil
	})
	if err != nil {
		return err
	}
	return o.sessions.endAll(ctx, official.Login)
}

// Enable lets a disabled official sign in again.
func (o *Officials) Enable(ctx context.Context, login string) error {
	_, err := o.update(ctx, login, models.AuditEnableOfficial, func(official *models.Official) error {
		if !official.Disabled() {
			return models.ErrUnchanged
		}
		official.DisabledAt = time.Time{}
		return nil
	})
	return err
}

// ResetCredentials gives an official a new password and TOTP secret and ends every sign-in; the old ones are worth
// nothing from now on.
func (o *Officials) ResetCredentials(ctx context.Context, login string) (Credentials, error) {
	fresh := models.Official{Login: normalLogin(login)}
	given, err := o.equip(ctx, &fresh, "")
	if err != nil {
		return Credentials{}, err
	}
	given.Official, err = o.update(ctx, login, models.AuditResetOfficial, func(official *models.Official) error {
		official.PasswordHash, official.TOTPSecret, official.TOTPUsed = fresh.PasswordHash, fresh.TOTPSecret, 0
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

// update changes one official and records it in the audit.
func (o *Officials) update(ctx context.Context, login string, action models.AuditAction, change func(*models.Official) error) (models.Official, error) {
	login = normalLogin(login)
	if !loginForm.MatchString(login) {
		return models.Official{}, models.ErrNotFound
	}
	changed := false
	official, err := o.store.UpdateOfficial(ctx, login, func(official *models.Official) error {
		err := change(official)
		changed = !errors.Is(err, models.ErrUnchanged)
		return err
	})
	if err != nil {
		return models.Official{}, err
	}
	if changed {
		err = o.record(ctx, action, official)
	}
	return withoutCredentials(*official), err
}

// record writes an act of the operator into the audit.
func (o *Officials) record(ctx context.Context, action models.AuditAction, official *models.Official) error {
	return o.store.WriteAudit(ctx, models.AuditEntry{
		At: o.now(), Action: action,
		Detail: map[string]string{"login": official.Login, "role": string(official.Role), "area": string(official.Area)},
	})
}
