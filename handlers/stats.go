package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"khaibao/internal/cases"
	"khaibao/models"
)

// The days that numbers are asked for.
const (
	defaultDays = 14
	maxDays     = 366
)

// statResponse is one number: declarations of a local day in an area, by form, channel and level.
type statResponse struct {
	Area    models.Area    `json:"area"`
	Day     string         `json:"day"`
	Form    models.Form    `json:"form"`
	Channel models.Channel `json:"channel"`
	Level   models.Level   `json:"level"`
	Count   int64          `json:"count"`
}

func (s *Server) declarationStats(c echo.Context, official models.Official) error {
	q := queryOf(c)
	ask := cases.StatsQuery{Program: s.program(q, true), Area: s.area(q, "area")}
	ask.From, ask.To = s.days(q)
	if children := q.flag("children"); children != nil {
		ask.Children = *children
	}
	if err := q.err(); err != nil {
		return err
	}
	stats, err := s.Cases.Stats(c.Request().Context(), official, ask)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, listOf(stats, "", func(n models.Stat) statResponse {
		return statResponse{n.Area, n.Day, n.Form, n.Channel, n.Level, n.Count}
	}))
}

// messageStatResponse is what messages of a kind cost on a local day.
type messageStatResponse struct {
	Day      string             `json:"day"`
	Program  *string            `json:"program"`
	Channel  models.Route       `json:"channel"`
	Kind     models.MessageKind `json:"kind"`
	Messages int64              `json:"messages"`
	Parts    int64              `json:"parts"`
}

func (s *Server) messageStats(c echo.Context, official models.Official) error {
	q := queryOf(c)
	from, to := s.days(q)
	if err := q.err(); err != nil {
		return err
	}
	stats, err := s.Cases.MessageStats(c.Request().Context(), official, from, to)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, listOf(stats, "", func(n models.MessageStat) messageStatResponse {
		return messageStatResponse{n.Day, orNull(n.Program), n.Route, n.Kind, n.Messages, n.Parts}
	}))
}

// days is the time that numbers are asked for, both days included: the fortnight up to today unless something else is said.
func (s *Server) days(q *query) (from, to string) {
	to = q.day("to", models.Day(s.Now()))
	end, err := time.Parse(time.DateOnly, to)
	if err != nil {
		return "", ""
	}
	from = q.day("from", end.AddDate(0, 0, 1-defaultDays).Format(time.DateOnly))
	switch start, err := time.Parse(time.DateOnly, from); {
	case err != nil || start.After(end):
		q.wrong("from", "bad_value", nil)
	case end.Sub(start) >= maxDays*24*time.Hour:
		q.wrong("from", "too_early", nil)
	}
	return from, to
}
