package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"khaibao/models"
)

// requestID is what is accepted from a proxy in front: long enough to be an id, and no phone number or word.
var requestID = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// identify gives every request an id and every answer the headers that it always carries.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get("X-Request-ID")
		if !requestID.MatchString(id) {
			id = rand.Text()
		}
		header := c.Response().Header()
		header.Set("X-Request-ID", id)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Content-Language", string(language(c)))
		header.Set("Vary", "Accept-Language")
		if c.Scheme() == "https" {
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}

// metrics are the numbers of the requests. The path is the route's template: a path holds ids.
type metrics struct {
	seconds *prometheus.HistogramVec
	flying  prometheus.Gauge
}

func (s *Server) measure() (*metrics, error) {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "khaibao_http_request_duration_seconds", Help: "Time to answer a request, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
		flying: prometheus.NewGauge(prometheus.GaugeOpts{Name: "khaibao_http_requests_in_flight", Help: "Requests being answered."}),
	}
	var err error
	m.seconds, err = registered(s.Metrics, m.seconds)
	if err != nil {
		return nil, err
	}
	m.flying, err = registered(s.Metrics, m.flying)
	return m, err
}

// registered registers a collector, or gives the one that is registered already: two servers may share a registry.
func registered[C prometheus.Collector](registry *prometheus.Registry, c C) (C, error) {
	err := registry.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if same, ok := already.ExistingCollector.(C); ok {
			return same, nil
		}
	}
	return c, err
}

// observe writes one log line a request and counts it. Neither ever holds a path, a query, a body or a header.
func (s *Server) observe(m *metrics) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			m.flying.Inc()
			defer m.flying.Dec()
			err := next(c)
			if err != nil {
				c.Error(err)
			}
			took := time.Since(start)
			route, method := routeOf(c), methodOf(c)
			m.seconds.WithLabelValues(method, route, strconv.Itoa(c.Response().Status)).Observe(took.Seconds())
			s.log(c, method, route, took, err)
			return nil
		}
	}
}

func (s *Server) log(c echo.Context, method, route string, took time.Duration, err error) {
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("method", method), slog.String("route", route), slog.Int("status", c.Response().Status),
		slog.Float64("ms", float64(took.Microseconds())/1000), slog.Int64("bytes", c.Response().Size),
		slog.String("subject", subjectOf(c)), slog.String("request_id", c.Response().Header().Get("X-Request-ID")),
	}
	if err != nil && fault(err) {
		level = slog.LevelError
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.Log.LogAttrs(context.WithoutCancel(c.Request().Context()), level, "request", attrs...)
}

// routeOf is the template of the route that answered; "none" when no route matched, since the path may hold anything.
func routeOf(c echo.Context) string {
	if route, ok := c.Get(routeKey).(string); ok {
		return route
	}
	return "none"
}

// methodOf is the method when it is one that HTTP knows; a client may send any word.
func methodOf(c echo.Context) string {
	switch method := c.Request().Method; method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// noOptions answers OPTIONS as every other method that a path has not, instead of the router's own 204: no page of another
// origin calls us, and a gateway takes what is no error for success.
func noOptions(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		allow, elsewise := c.Get(echo.ContextKeyHeaderAllow).(string)
		if !elsewise { // a route was found, or no path
			return next(c)
		}
		c.Set(echo.ContextKeyHeaderAllow, strings.TrimPrefix(allow, http.MethodOptions+", "))
		return echo.MethodNotAllowedHandler(c)
	}
}

// recover turns a panic into a 500. What was thrown may hold anything, so only runtime errors are logged in words.
func (s *Server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer caught(&err)
		return next(c)
	}
}

// caught makes an error of a panic. It is deferred.
func caught(err *error) {
	thrown := recover()
	if thrown == nil {
		return
	}
	if thrown == http.ErrAbortHandler {
		panic(thrown)
	}
	*err = &models.Error{Kind: models.Internal, Code: "internal", Cause: fmt.Errorf("panic: %s\n%s", thrownWords(thrown), debug.Stack())}
}

func thrownWords(thrown any) string {
	if e, ok := thrown.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("a %T", thrown)
}

// addressOf says whose address a request comes from: the connection's, or what a trusted proxy in front says.
func addressOf(trusted []netip.Prefix) echo.IPExtractor {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, prefix := range trusted {
		network := &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
		options = append(options, echo.TrustIPRange(network))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}
