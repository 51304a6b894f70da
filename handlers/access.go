package handlers

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"khaibao/internal/auth"
	"khaibao/models"
)

// The keys of what the middleware leaves in an echo.Context.
const (
	routeKey   = "route"
	queryKey   = "query"
	subjectKey = "subject"
)

// Who may call a route.
const (
	forAnybody   = "anybody"
	forCitizens  = "citizen"
	forOfficials = "official"
	forGateways  = "gateway"
	forReports   = "report"
)

// access is who may call a route, and what answers them. An official needs the permission, unless it is empty: then any
// official who is signed in may.
type access struct {
	who        string
	permission models.Permission
	answer     echo.HandlerFunc
}

// anybody opens a route to everybody.
func anybody(answer echo.HandlerFunc) access { return access{who: forAnybody, answer: answer} }

// citizen opens a route to a signed-in citizen.
func (s *Server) citizen(answer func(echo.Context, models.Citizen) error) access {
	return access{who: forCitizens, answer: func(c echo.Context) error {
		subject, err := s.subject(c, auth.Citizen)
		if err != nil {
			return err
		}
		return answer(c, models.Citizen{Account: subject.ID, Channel: models.ChannelApp, Lang: language(c)})
	}}
}

// official opens a route to officials whose role has the permission. The official is read at every request, so that
// whoever is disabled is out at once.
func (s *Server) official(needs models.Permission, answer func(echo.Context, models.Official) error) access {
	return access{who: forOfficials, permission: needs, answer: func(c echo.Context) error {
		subject, err := s.subject(c, auth.Official)
		if err != nil {
			return err
		}
		official, err := s.Officials.Authorize(c.Request().Context(), subject)
		if err != nil {
			return err
		}
		if needs != "" && !official.Role.May(needs) {
			return models.Fail(models.Forbidden, "forbidden")
		}
		return answer(c, official)
	}}
}

// subject gives whom the bearer token names. A citizen's token opens nothing to officials, and the other way round.
func (s *Server) subject(c echo.Context, kind auth.SubjectKind) (auth.Subject, error) {
	header := c.Request().Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return auth.Subject{}, models.Fail(models.Unauthenticated, "unauthenticated")
	}
	subject, err := s.Tokens.Check(token)
	if err != nil {
		return auth.Subject{}, err
	}
	if subject.Kind != kind {
		return auth.Subject{}, models.Fail(models.Unauthenticated, "bad_token")
	}
	c.Set(subjectKey, subject)
	return subject, nil
}

// signedIn is the subject that the route's access has found.
func signedIn(c echo.Context) auth.Subject {
	subject, _ := c.Get(subjectKey).(auth.Subject)
	return subject
}

// subjectOf is the kind of caller, for the log.
func subjectOf(c echo.Context) string {
	if subject, ok := c.Get(subjectKey).(auth.Subject); ok {
		return string(subject.Kind)
	}
	return forAnybody
}

// route is one line of the route table.
type route struct {
	method, path string
	access       access
	query        []string // the query parameters it knows; any other is refused
	stream       bool     // a download: it goes on as long as the client reads
	slow         bool     // may take six times as long as others
}

// mount opens the routes.
func (s *Server) mount(routes []route) {
	for _, r := range routes {
		s.echo.Add(r.method, r.path, s.guard(r))
		if r.method == http.MethodGet && r.access.who != forGateways && r.access.who != forReports { // the same without its body, which net/http leaves out
			s.echo.Add(http.MethodHead, r.path, s.guard(r))
		}
	}
}

// guard keeps a request within its time and refuses ids in the path that cannot be any: they never reach a store.
func (s *Server) guard(r route) echo.HandlerFunc {
	timeout := s.Timeout
	if r.slow {
		timeout *= 6
	}
	if r.stream {
		timeout = downloadTime
	}
	return func(c echo.Context) error {
		c.Set(routeKey, r.path)
		c.Set(queryKey, r.query)
		if r.access.who != forAnybody {
			c.Response().Header().Set("Cache-Control", "no-store")
		}
		if !strings.HasPrefix(r.path, "/docs") && slices.ContainsFunc(c.ParamValues(), func(id string) bool { return !isID(id) }) {
			return models.ErrNotFound
		}
		if len(r.query) == 0 && r.access.who != forGateways { // a route with parameters names all that are wrong together
			if err := queryOf(c).err(); err != nil {
				return err
			}
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), timeout)
		defer cancel()
		c.SetRequest(c.Request().WithContext(ctx))
		return r.access.answer(c)
	}
}
