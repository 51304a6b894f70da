package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"khaibao/models"
	"khaibao/push"
)

// deviceRequest registers the phone or browser that pushes go to.
type deviceRequest struct {
	Token    string      `json:"token" validate:"required"`
	Platform string      `json:"platform" validate:"required,oneof=android ios web"`
	Locale   models.Lang `json:"locale" validate:"required,oneof=vi en"`
}

type deviceResponse struct {
	ID       string      `json:"id"`
	Platform string      `json:"platform"`
	Locale   models.Lang `json:"locale"`
}

func (s *Server) registerDevice(c echo.Context, citizen models.Citizen) error {
	var in deviceRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	device := models.Device{ID: c.Param("id"), Token: in.Token, Platform: in.Platform, Lang: in.Locale}
	if err := s.Devices.Register(c.Request().Context(), citizen, device); err != nil {
		return err
	}
	return answer(c, http.StatusOK, deviceResponse{device.ID, device.Platform, device.Lang})
}

func (s *Server) unregisterDevice(c echo.Context, citizen models.Citizen) error {
	if err := s.Devices.Unregister(c.Request().Context(), citizen, c.Param("id")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// messageResponse is one message of the inbox. What it is about is null when it is about no decision.
type messageResponse struct {
	ID          string             `json:"id"`
	Kind        models.MessageKind `json:"kind"`
	Title       string             `json:"title"`
	Text        string             `json:"text"`
	PersonID    *string            `json:"person_id"`
	Program     *string            `json:"program"`
	Level       *models.Level      `json:"level"`
	Form        *string            `json:"form"`
	Declaration *string            `json:"declaration_id"`
	CreatedAt   string             `json:"created_at"`
}

func (s *Server) listMessages(c echo.Context, citizen models.Citizen) error {
	q := queryOf(c)
	page := q.page()
	if err := q.err(); err != nil {
		return err
	}
	items, next, err := s.Inbox.List(c.Request().Context(), citizen, page)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, listOf(items, next, messageOf))
}

// showMessage gives the message that a push told of.
func (s *Server) showMessage(c echo.Context, citizen models.Citizen) error {
	item, err := s.Inbox.Get(c.Request().Context(), citizen, c.Param("id"))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, messageOf(item))
}

func messageOf(m push.InboxItem) messageResponse {
	var level *models.Level
	if m.Declaration.ID != "" {
		level = &m.Level
	}
	return messageResponse{
		m.ID, m.Kind, m.Title, m.Text, orNull(m.PersonID), orNull(m.Program), level,
		orNull(string(m.Declaration.Form)), orNull(m.Declaration.ID), stamp(m.CreatedAt),
	}
}
