// Package handlers is the JSON API that mobile-api.yaml describes: it binds requests, calls one use-case, and renders the
// result or a problem document (RFC 9457) in the caller's language. Echo is known here only.
package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"khaibao/internal/areas"
	"khaibao/internal/auth"
	"khaibao/internal/broadcast"
	"khaibao/internal/cases"
	"khaibao/internal/intake"
	"khaibao/internal/lang"
	"khaibao/internal/privacy"
	"khaibao/internal/rules"
	"khaibao/internal/sms"
	"khaibao/push"
)

// Config is what a Server is made of. Everything is required unless it says otherwise.
type Config struct {
	Tokens     *auth.Tokens
	Citizens   *auth.Citizens
	PINs       *auth.PINs
	Officials  *auth.Officials
	Intake     *intake.Service
	Cases      *cases.Service
	Privacy    *privacy.Service
	Broadcasts *broadcast.Service
	Inbox      *push.Inbox
	Devices    *push.Devices
	Programs   *rules.Catalog
	Areas      *areas.Directory
	Texts      *lang.Texts

	// Now is the domain's clock: it chooses the programs that are valid and the days of numbers.
	Now func() time.Time
	// Log gets one line a request. It never holds personal data.
	Log *slog.Logger
	// Metrics is where the request metrics are registered, and what /metrics shows.
	Metrics *prometheus.Registry
	// Checks are asked by /readyz.
	Checks []Check
	// TrustedProxies are the networks whose X-Forwarded-For is believed. Without any, the address of the connection counts.
	TrustedProxies []netip.Prefix
	// OperationsHere serves /healthz, /readyz and /metrics beside the API. Otherwise only Operations serves them.
	OperationsHere bool
	// Conversation and Gateways are what Channels needs; nothing else asks for them. Reports reads what a gateway
	// reports and Reported hears of it; without them no reports are taken.
	Conversation Conversation
	Gateways     Gateways
	Reports      *sms.Reports
	Reported     *push.Reports
	// Console answers everything below /console, with the log line, the numbers and the address of every other request;
	// nil leaves it out. It sets its request's Pattern to the route.
	Console http.Handler
	// Timeout bounds a request; 10 s when it is zero. An offline batch may take six times as long.
	Timeout time.Duration
}

// Check is one dependency that /readyz asks.
type Check struct {
	Name string
	Ask  func(context.Context) error
}

// Server answers the API. It is safe for concurrent use.
type Server struct {
	Config
	echo     *echo.Echo
	bind     *binder
	programs *programPages
	gates    *gateMetrics // of Channels only
}

const defaultTimeout = 10 * time.Second

// New gives a server that is ready to serve.
func New(c Config) (*Server, error) {
	s, err := newServer(c)
	if err != nil {
		return nil, err
	}
	s.mount(s.apiRoutes())
	if c.OperationsHere {
		s.mount(s.operationRoutes())
	}
	if c.Console != nil {
		s.echo.Any("/console", s.console)
		s.echo.Any("/console/*", s.console)
	}
	return s, nil
}

// console hands a request to the officials' pages. They see the address that a trusted proxy names.
func (s *Server) console(c echo.Context) error {
	r := c.Request()
	r.RemoteAddr = net.JoinHostPort(c.RealIP(), "0")
	s.Console.ServeHTTP(c.Response(), r)
	c.Set(routeKey, r.Pattern)
	return nil
}

// Operations gives the server of /healthz, /readyz and /metrics, for an address of their own.
func Operations(c Config) (http.Handler, error) {
	c.Metrics = nonNil(c.Metrics)
	s, err := newServer(c)
	if err != nil {
		return nil, err
	}
	s.mount(s.operationRoutes())
	return s, nil
}

func nonNil(r *prometheus.Registry) *prometheus.Registry {
	if r == nil {
		return prometheus.NewRegistry()
	}
	return r
}

func newServer(c Config) (*Server, error) {
	if c.Texts == nil || c.Log == nil || c.Now == nil || c.Metrics == nil {
		return nil, errors.New("handlers: Texts, Log, Now and Metrics are required")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	bind, err := newBinder()
	if err != nil {
		return nil, err
	}
	s := &Server{Config: c, echo: echo.New(), bind: bind}
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.IPExtractor = addressOf(c.TrustedProxies)
	s.echo.HTTPErrorHandler = s.problem
	measured, err := s.measure()
	if err != nil {
		return nil, err
	}
	s.echo.Use(s.identify, s.observe(measured), s.recover, noOptions)
	if c.Programs != nil {
		s.programs, err = newProgramPages(c.Programs)
	}
	return s, err
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }
