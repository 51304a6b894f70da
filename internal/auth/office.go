package auth

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"khaibao/models"
)

// Office is what one manager may do to officials: those of the manager's own area whose role is not above the manager's.
// Whoever is outside the area is NotFound; whoever is above is Forbidden, and so is the manager's own account. Every
// change is audited with who made it.
type Office struct {
	o  *Officials
	by models.Official // nobody for the operator, whose office has no bounds
}

// Office gives the office of a manager: Forbidden for whoever manages nobody.
func (o *Officials) Office(manager models.Official) (Office, error) {
	if !manager.Role.May(models.ManageOfficials) || manager.Login == "" {
		return Office{}, models.Fail(models.Forbidden, "forbidden")
	}
	return Office{o, manager}, nil
}

func (f Office) ofOperator() bool { return f.by.Login == "" }

// List gives the officials of the area that match, by login, without credentials.
func (f Office) List(ctx context.Context, filter models.OfficialFilter, page models.Page) ([]models.Official, string, error) {
	filter.LoginPrefix = normalLogin(filter.LoginPrefix)
	return f.o.store.OfficialsWithin(ctx, f.by.Area, filter, page)
}

// Get gives one official of the area without credentials.
func (f Office) Get(ctx context.Context, login string) (models.Official, error) {
	login = normalLogin(login)
	if !loginForm.MatchString(login) {
		return models.Official{}, models.ErrNotFound
	}
	official, err := f.o.store.Official(ctx, login)
	if err != nil {
		return models.Official{}, err
	}
	if !f.sees(official) {
		return models.Official{}, models.ErrNotFound
	}
	return withoutCredentials(*official), nil
}

func (f Office) sees(official *models.Official) bool {
	return f.ofOperator() || f.o.areas.Holds(f.by.Area, official.Area)
}

// May tells whether the manager may change an official of the area: nil, or why not.
func (f Office) May(official models.Official) error {
	switch {
	case !f.sees(&official):
		return models.ErrNotFound
	case f.ofOperator():
		return nil
	case official.Login == f.by.Login:
		return models.Fail(models.Forbidden, "own_account")
	case !f.by.Role.Manages(official.Role):
		return models.Fail(models.Forbidden, "not_managed")
	}
	return nil
}

// Roles lists the roles that the manager may give.
func (f Office) Roles() []models.Role {
	var out []models.Role
	for _, role := range models.Roles() {
		if f.ofOperator() || f.by.Role.Manages(role) {
			out = append(out, role)
		}
	}
	return out
}

// Invitation is a set-up link. It is shown once: only a keyed hash of the token is kept.
type Invitation struct {
	Official models.Official
	Token    string
	Until    time.Time
}

// SetupLifetime is how long a set-up link is good.
const SetupLifetime = 24 * time.Hour

// Invite keeps a new official who has no credentials yet, and gives the link to set them up. Invalid names every wrong
// field; Conflict when the login is taken, in whatever area.
func (f Office) Invite(ctx context.Context, n NewOfficial) (Invitation, error) {
	n.Password = ""
	official, err := f.new(&n)
	if err != nil {
		return Invitation{}, err
	}
	link := f.o.invitation(&official)
	err = f.add(ctx, official)
	return link, err
}

// InviteAgain gives a new link to an official who forgot the password or lost the phone. The old password, TOTP and link
// are worth nothing from now on, and every sign-in ends.
func (f Office) InviteAgain(ctx context.Context, login string) (Invitation, error) {
	var link Invitation
	official, err := f.update(ctx, login, models.AuditResetOfficial, func(official *models.Official) error {
		official.PasswordHash, official.TOTPSecret, official.TOTPUsed = "", "", 0
		link = f.o.invitation(official)
		return nil
	})
	if err != nil {
		return Invitation{}, err
	}
	return link, f.o.sessions.endAll(ctx, official.Login)
}

// invitation makes a link for an official.
func (o *Officials) invitation(official *models.Official) Invitation {
	token := rand.Text() // 130 bits
	official.SetupUntil = o.now().Add(SetupLifetime)
	official.SetupHash = o.keys.Hash(purposeSetup, official.Login+"|"+token)
	return Invitation{withoutCredentials(*official), token, official.SetupUntil}
}

// Change moves an official to a role and an area, from the next request on; an empty one stays as it is.
func (f Office) Change(ctx context.Context, login string, role models.Role, area models.Area) error {
	_, err := f.update(ctx, login, models.AuditChangeOfficial, func(official *models.Official) error {
		was := [2]string{string(official.Role), string(official.Area)}
		if role != "" {
			official.Role = role
		}
		if area != "" {
			official.Area = area
		}
		if was == [2]string{string(official.Role), string(official.Area)} {
			return models.ErrUnchanged
		}
		official.Province = f.o.provinceOf(official.Area)
		return models.InvalidFields(f.placeProblems(official.Role, official.Area)...)
	})
	return err
}

// Disable locks an official out at once and ends every sign-in. Disabling again is fine.
func (f Office) Disable(ctx context.Context, login string) error {
	official, err := f.update(ctx, login, models.AuditDisableOfficial, func(official *models.Official) error {
		if official.Disabled() {
			return models.ErrUnchanged
		}
		official.DisabledAt = f.o.now()
		return nil
	})
	if err != nil {
		return err
	}
	return f.o.sessions.endAll(ctx, official.Login)
}

// Enable lets a disabled official sign in again.
func (f Office) Enable(ctx context.Context, login string) error {
	_, err := f.update(ctx, login, models.AuditEnableOfficial, func(official *models.Official) error {
		if !official.Disabled() {
			return models.ErrUnchanged
		}
		official.DisabledAt = time.Time{}
		return nil
	})
	return err
}

// new makes an official of what was typed, which it brings into its normal form.
func (f Office) new(n *NewOfficial) (models.Official, error) {
	n.Login, n.Name = normalLogin(n.Login), norm.NFC.String(strings.TrimSpace(n.Name))
	wrong := append(n.problems(), f.placeProblems(n.Role, n.Area)...)
	if err := models.InvalidFields(wrong...); err != nil {
		return models.Official{}, err
	}
	return models.Official{
		ID: n.Login, Login: n.Login, Name: n.Name, Role: n.Role, Area: n.Area, Province: f.o.provinceOf(n.Area), CreatedAt: f.o.now(),
	}, nil
}

func (f Office) add(ctx context.Context, official models.Official) error {
	err := f.o.store.AddOfficial(ctx, official, f.audited(models.AuditAddOfficial, &official))
	if err == nil {
		f.o.changed()
	}
	return err
}

// placeProblems checks a role and an area, also against what the manager may give.
func (f Office) placeProblems(role models.Role, area models.Area) []models.FieldError {
	out := f.o.scopeProblems(role, area)
	if len(out) > 0 || f.ofOperator() {
		return out
	}
	if !f.by.Role.Manages(role) {
		out = append(out, models.FieldError{Field: "/role", Code: "role_not_yours"})
	}
	if !f.o.areas.Holds(f.by.Area, area) {
		out = append(out, models.FieldError{Field: "/area", Code: "area_out_of_scope"})
	}
	return out
}

// provinceOf gives the province that an area is or lies in, "" for the nation.
func (o *Officials) provinceOf(area models.Area) string {
	if area.IsCommune() {
		commune, _ := o.areas.Get(string(area))
		return commune.Parent
	}
	if area.IsProvince() {
		return string(area)
	}
	return ""
}

// update changes one official who may be changed, with the audit's entry.
func (f Office) update(ctx context.Context, login string, action models.AuditAction, change func(*models.Official) error) (models.Official, error) {
	login = normalLogin(login)
	if !loginForm.MatchString(login) {
		return models.Official{}, models.ErrNotFound
	}
	official, err := f.o.store.UpdateOfficial(ctx, login, func(official *models.Official) ([]models.Effect, error) {
		if err := f.May(*official); err != nil {
			return nil, err
		}
		if err := change(official); err != nil {
			return nil, err
		}
		return f.audited(action, official), nil
	})
	if err != nil {
		return models.Official{}, err
	}
	f.o.changed()
	return withoutCredentials(*official), nil
}

// audited gives the effect that keeps what was done to an official in the audit, where the managers of the official's
// province find it.
func (f Office) audited(action models.AuditAction, official *models.Official) []models.Effect {
	return []models.Effect{{Kind: models.EffectAudit, Audit: &models.AuditEntry{
		At: f.o.now(), Action: action, Official: f.by.ID, Login: f.by.Login, Role: f.by.Role, Area: f.by.Area, Province: official.Province,
		Detail: map[string]string{"login": official.Login, "role": string(official.Role), "area": string(official.Area)},
	}}}
}

// errSetupGone is the one answer to a set-up link that is not, or no longer, good.
func errSetupGone() error { return models.Fail(models.NotFound, "setup_gone") }
