package auth

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"khaibao/internal/seal"
	"khaibao/models"
)

// SessionStore keeps sign-ins.
type SessionStore interface {
	AddSession(ctx context.Context, session models.Session) error
	Session(ctx context.Context, id string) (*models.Session, error)
	// UpdateSession answers an error of change as it is and writes nothing then; models.ErrUnchanged is none.
	UpdateSession(ctx context.Context, id string, change func(*models.Session) error) (*models.Session, error)
	EndSession(ctx context.Context, id string) error
	EndSessions(ctx context.Context, subject string) error
}

// repeatWithin is how long a refresh may be repeated under its request id, for a reply that was lost on the way.
const repeatWithin = 60 * time.Second

// sessions are the sign-ins of one kind of subject.
//
// A refresh token is "<session>.<generation>.<mac>". The MAC proves that we made it, so a text that we never made touches
// nothing, while an old generation is known as such however old it is; and as everything in a pair follows from the
// session, a lost reply can be given again although no token is kept.
type sessions struct {
	store    SessionStore
	keys     *seal.Keys
	tokens   *Tokens
	now      func() time.Time
	kind     SubjectKind
	lifetime time.Duration
	sliding  bool // each refresh begins the lifetime anew
	// alive is nil when the subject may be signed in, Unauthenticated when no longer.
	alive func(ctx context.Context, id string) error
}

// start signs a subject in.
func (f *sessions) start(ctx context.Context, id string) (Pair, error) {
	now := f.now()
	session := models.Session{
		ID: newID(), Subject: f.subject(id), RotatedAt: now, StartedAt: now, ExpiresAt: now.Add(f.lifetime),
	}
	if err := f.store.AddSession(ctx, session); err != nil {
		return Pair{}, err
	}
	return f.pair(&session)
}

// refresh gives the next pair for a refresh token. The same token with the same request id gives the same pair again
// within repeatWithin; any other second use ends the sign-in.
func (f *sessions) refresh(ctx context.Context, token, requestID string) (Pair, error) {
	id, generation, ok := f.parse(token)
	if !ok {
		return Pair{}, errBadToken()
	}
	session, err := f.store.UpdateSession(ctx, id, func(s *models.Session) error {
		return f.rotate(s, generation, requestID)
	})
	switch {
	case models.NotFound.Is(err):
		return Pair{}, errBadToken()
	case errors.Is(err, errReused):
		return Pair{}, f.endFor(ctx, id, errReused)
	case err != nil:
		return Pair{}, err
	}
	if err := f.alive(ctx, f.idOf(session)); err != nil {
		if models.Unauthenticated.Is(err) {
			err = f.endFor(ctx, id, err)
		}
		return Pair{}, err
	}
	return f.pair(session)
}

var errReused = models.Fail(models.Unauthenticated, "token_reused")

func (f *sessions) rotate(s *models.Session, generation int64, requestID string) error {
	now := f.now()
	switch {
	case !now.Before(s.ExpiresAt):
		return errTokenExpired()
	case generation == s.Generation:
		s.Generation++
		s.RotatedAt, s.Request = now, ""
		if requestID != "" {
			s.Request = f.keys.Hash(purposeRequest, requestID)
		}
		if f.sliding {
			s.ExpiresAt = now.Add(f.lifetime)
		}
		return nil
	case generation == s.Generation-1 && requestID != "" && now.Sub(s.RotatedAt) <= repeatWithin && f.keys.Matches(s.Request, purposeRequest, requestID):
		return models.ErrUnchanged
	}
	return errReused
}

// endFor ends a sign-in and answers why; when it cannot be ended, that counts.
func (f *sessions) endFor(ctx context.Context, id string, why error) error {
	if err := f.store.EndSession(ctx, id); err != nil {
		return err
	}
	return why
}

// active is nil while the sign-in of an access token goes on.
func (f *sessions) active(ctx context.Context, s Subject) error {
	session, err := f.store.Session(ctx, s.Session)
	switch {
	case models.NotFound.Is(err):
		return errBadToken()
	case err != nil:
		return err
	case session.Subject != f.subject(s.ID):
		return errBadToken()
	case !f.now().Before(session.ExpiresAt):
		return errTokenExpired()
	}
	return nil
}

// logout ends the sign-in of an access token.
func (f *sessions) logout(ctx context.Context, s Subject) error {
	if s.Kind != f.kind {
		return errBadToken()
	}
	return f.store.EndSession(ctx, s.Session)
}

// endAll ends every sign-in of a subject.
func (f *sessions) endAll(ctx context.Context, id string) error {
	return f.store.EndSessions(ctx, f.subject(id))
}

func (f *sessions) subject(id string) string { return string(f.kind) + "|" + id }

func (f *sessions) idOf(s *models.Session) string {
	return strings.TrimPrefix(s.Subject, f.subject(""))
}

// pair gives the tokens of the session's generation, the same ones at every call.
func (f *sessions) pair(s *models.Session) (Pair, error) {
	access, err := f.tokens.sign(Subject{Kind: f.kind, ID: f.idOf(s), Session: s.ID}, s.RotatedAt)
	if err != nil {
		return Pair{}, err
	}
	name := s.ID + "." + strconv.FormatInt(s.Generation, 10)
	return Pair{
		AccessToken: access, RefreshToken: name + "." + f.keys.Hash(f.purpose(), name),
		TokenType: "Bearer", ExpiresIn: int(f.tokens.lifetime / time.Second),
	}, nil
}

// What the keyed hashes of this file are made for.
const (
	purposeRefresh = "refresh_token"
	purposeRequest = "refresh_request"
)

// purpose keeps the refresh tokens of citizens and officials apart.
func (f *sessions) purpose() string { return purposeRefresh + "/" + string(f.kind) }

// parse reads a refresh token; ok only for one that we made.
func (f *sessions) parse(token string) (id string, generation int64, ok bool) {
	if len(token) > maxRefreshToken {
		return "", 0, false
	}
	cut := strings.LastIndexByte(token, '.')
	if cut < 0 {
		return "", 0, false
	}
	name, mac := token[:cut], token[cut+1:]
	id, number, _ := strings.Cut(name, ".")
	generation, err := strconv.ParseInt(number, 10, 64)
	ok = err == nil && isID(id) && f.keys.Matches(mac, f.purpose(), name)
	return id, generation, ok
}

const maxRefreshToken = 128 // bytes
