package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// alive tells that the process answers.
func (s *Server) alive(c echo.Context) error {
	return answer(c, http.StatusOK, map[string]string{"status": "ok"})
}

// readiness says which dependency is down.
type readiness struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks"`
}

// checkTimeout is how long a dependency may take to show that it works.
const checkTimeout = 2 * time.Second

// ready asks every dependency at once.
func (s *Server) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), checkTimeout)
	defer cancel()
	failures := make([]error, len(s.Checks))
	var asked sync.WaitGroup
	for i, check := range s.Checks {
		asked.Go(func() { failures[i] = check.Ask(ctx) })
	}
	asked.Wait()
	status, out := http.StatusOK, readiness{Status: "ok", Checks: map[string]string{}}
	for i, check := range s.Checks {
		out.Checks[check.Name] = "ok"
		if failures[i] != nil {
			status, out.Status, out.Checks[check.Name] = http.StatusServiceUnavailable, "down", "down"
			s.Log.WarnContext(ctx, "not ready", slog.String("check", check.Name), slog.Any("error", failures[i]))
		}
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		c.Response().Header().Set("Retry-After", "5")
	}
	return answer(c, status, out)
}

// metrics gives the numbers to Prometheus.
func (s *Server) metrics(c echo.Context) error {
	promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{}).ServeHTTP(c.Response(), c.Request())
	return nil
}
