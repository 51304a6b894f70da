package auth

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"khaibao/models"
)

// DefaultVisitIdle is how long a browser may rest before its sign-in ends.
const DefaultVisitIdle = 30 * time.Minute

// visitTouch is how much of the rest may pass before a request moves the end on: so a busy page writes once a minute.
const visitTouch = time.Minute

// Visit is the sign-in of an official in a browser. It ends after a rest, and in any case with the lifetime of a sign-in.
type Visit struct {
	Cookie string // what the browser keeps: names the session and proves that we made it
	Login  string
	EndsAt time.Time // unless a request comes before
	CSRF   string    // what a form of this visit must carry
}

// SignIn signs an official in for a browser, as Login does for a program. No token leaves the server: the cookie names a
// session that is read at every request.
func (o *Officials) SignIn(ctx context.Context, login, password, totp, address string) (Visit, error) {
	login, err := o.prove(ctx, login, password, totp, address)
	if err != nil {
		return Visit{}, err
	}
	return o.startVisit(ctx, login)
}

func (o *Officials) startVisit(ctx context.Context, login string) (Visit, error) {
	now := o.now()
	session := models.Session{
		ID: newID(), Subject: o.sessions.subject(login), RotatedAt: now, StartedAt: now, ExpiresAt: now.Add(o.visitIdle),
	}
	if err := o.store.AddSession(ctx, session); err != nil {
		return Visit{}, err
	}
	return o.visit(&session), nil
}

// Visit gives the official of a cookie, as of now, without credentials. A cookie that is none of ours, a visit that has
// ended and an official who was disabled are Unauthenticated.
func (o *Officials) Visit(ctx context.Context, cookie string) (models.Official, Visit, error) {
	id, ok := o.parseVisit(cookie)
	if !ok {
		return models.Official{}, Visit{}, errBadToken()
	}
	session, err := o.touch(ctx, id)
	if err != nil {
		return models.Official{}, Visit{}, err
	}
	official, err := o.working(ctx, o.sessions.idOf(session))
	if err != nil {
		return models.Official{}, Visit{}, err
	}
	return withoutCredentials(*official), o.visit(session), nil
}

// touch reads the session of a visit and moves its end on.
func (o *Officials) touch(ctx context.Context, id string) (*models.Session, error) {
	session, err := o.store.Session(ctx, id)
	switch {
	case models.NotFound.Is(err):
		return nil, errTokenExpired()
	case err != nil:
		return nil, err
	case !strings.HasPrefix(session.Subject, o.sessions.subject("")):
		return nil, errBadToken()
	case !o.now().Before(session.ExpiresAt):
		return nil, errTokenExpired()
	case o.now().Sub(session.RotatedAt) < visitTouch:
		return session, nil
	}
	session, err = o.store.UpdateSession(ctx, id, func(s *models.Session) error {
		s.RotatedAt = o.now()
		s.ExpiresAt = s.RotatedAt.Add(o.visitIdle)
		if last := s.StartedAt.Add(o.sessions.lifetime); s.ExpiresAt.After(last) {
			s.ExpiresAt = last
		}
		return nil
	})
	if models.NotFound.Is(err) {
		return nil, errTokenExpired()
	}
	return session, err
}

// SignOut ends a visit.
func (o *Officials) SignOut(ctx context.Context, cookie string) error {
	id, ok := o.parseVisit(cookie)
	if !ok {
		return nil
	}
	return o.store.EndSession(ctx, id)
}

// What the keyed hashes of a visit are made for.
const (
	purposeVisit = "visit"
	purposeForm  = "visit_form"
	purposeOwner = "visit_form_of"
)

// formOf stands between whose a form is and which visit's.
const formOf = "~"

func (o *Officials) visit(s *models.Session) Visit {
	return Visit{
		Cookie: s.ID + "." + o.sessions.keys.Hash(purposeVisit, s.ID), Login: o.sessions.idOf(s),
		EndsAt: s.ExpiresAt, CSRF: o.sessions.keys.Hash(purposeOwner, o.sessions.idOf(s)) + formOf + o.sessions.keys.Hash(purposeForm, s.ID),
	}
}

// OwnForm tells whether a form carries what this visit gave it.
func (o *Officials) OwnForm(v Visit, csrf string) bool {
	id, _, _ := strings.Cut(v.Cookie, ".")
	_, form, _ := strings.Cut(csrf, formOf)
	return o.sessions.keys.Matches(form, purposeForm, id)
}

// FormOwner is the part of what a form carries that says whose it is, and opens nothing.
func FormOwner(csrf string) string {
	owner, _, _ := strings.Cut(csrf, formOf)
	return owner
}

// TypedBy tells whether a form with such an owner was given to an official, in any visit: what somebody else typed is not
// theirs to send.
func (o *Officials) TypedBy(login, owner string) bool {
	return o.sessions.keys.Matches(owner, purposeOwner, login)
}

func (o *Officials) parseVisit(cookie string) (id string, ok bool) {
	if len(cookie) > maxRefreshToken {
		return "", false
	}
	id, mac, _ := strings.Cut(cookie, ".")
	return id, isID(id) && o.sessions.keys.Matches(mac, purposeVisit, id)
}

// The saved views of an official.
const (
	maxViews    = 12
	maxViewName = 40 // characters
)

// SaveView keeps a filter of the queue under a name; one of the same name gives way.
func (o *Officials) SaveView(ctx context.Context, login string, view models.SavedView) error {
	view.Name = norm.NFC.String(strings.TrimSpace(view.Name))
	switch {
	case view.Name == "":
		return models.InvalidField("/name", "required", nil)
	case utf8.RuneCountInString(view.Name) > maxViewName:
		return models.InvalidField("/name", "too_long", map[string]any{"max": maxViewName})
	case !utf8.ValidString(view.Name) || strings.ContainsFunc(view.Name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return models.InvalidField("/name", "forbidden_characters", nil)
	}
	_, err := o.store.UpdateOfficial(ctx, login, func(official *models.Official) ([]models.Effect, error) {
		official.Views = slices.DeleteFunc(official.Views, func(v models.SavedView) bool { return v.Name == view.Name })
		if len(official.Views) >= maxViews {
			return nil, models.InvalidField("/name", "too_many_items", map[string]any{"max": maxViews})
		}
		official.Views = append(official.Views, view)
		return nil, nil
	})
	return err
}

// ForgetView drops a saved view; one that is not there is fine.
func (o *Officials) ForgetView(ctx context.Context, login, name string) error {
	_, err := o.store.UpdateOfficial(ctx, login, func(official *models.Official) ([]models.Effect, error) {
		official.Views = slices.DeleteFunc(official.Views, func(v models.SavedView) bool { return v.Name == name })
		return nil, nil
	})
	return err
}
