package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"khaibao/models"
)

// consentResponse is what was last said to one purpose. One that was never answered is not granted and has no time.
type consentResponse struct {
	Purpose     models.Purpose `json:"purpose"`
	Granted     bool           `json:"granted"`
	TextVersion *string        `json:"text_version"`
	At          *string        `json:"at"`
	Channel     *string        `json:"channel"`
}

func consentOf(c models.Consent) consentResponse {
	return consentResponse{c.Purpose, c.Granted, orNull(c.TextVersion), maybe(c.At), orNull(string(c.Channel))}
}

func (s *Server) listConsents(c echo.Context, citizen models.Citizen) error {
	consents, err := s.Privacy.Consents(c.Request().Context(), citizen)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, listOf(consents, "", consentOf))
}

type consentRequest struct {
	Granted     *bool  `json:"granted" validate:"required"`
	TextVersion string `json:"text_version" validate:"required"`
}

func (s *Server) setConsent(c echo.Context, citizen models.Citizen) error {
	var in consentRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	said, err := s.Privacy.SetConsent(c.Request().Context(), citizen, models.Purpose(c.Param("purpose")), *in.Granted, in.TextVersion)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, consentOf(said))
}

func (s *Server) export(c echo.Context, citizen models.Citizen) error {
	everything, err := s.Privacy.Export(c.Request().Context(), citizen)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="khaibao.json"`)
	return answer(c, http.StatusOK, everything)
}

// accessResponse is one thing that an official did with the household's data.
type accessResponse struct {
	At       string             `json:"at"`
	Action   models.AuditAction `json:"action"`
	Role     models.Role        `json:"role"`
	Area     models.Area        `json:"area"`
	AreaName string             `json:"area_name"`
	PersonID *string            `json:"person_id"`
	Program  *string            `json:"program"`
	Reason   *string            `json:"reason"`
}

func (s *Server) accessLog(c echo.Context, citizen models.Citizen) error {
	q := queryOf(c)
	page := q.page()
	if err := q.err(); err != nil {
		return err
	}
	entries, next, err := s.Privacy.AccessLog(c.Request().Context(), citizen, page)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, listOf(entries, next, func(e models.AuditEntry) accessResponse {
		area, _ := s.Areas.Get(string(e.Area))
		return accessResponse{
			stamp(e.At), e.Action, e.Role, e.Area, area.In(citizen.Lang), orNull(e.PersonID), orNull(e.Program), orNull(e.Reason),
		}
	}))
}

func (s *Server) erase(c echo.Context, citizen models.Citizen) error {
	erased, err := s.Privacy.Erase(c.Request().Context(), citizen)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, keptResponse{erased.KeptUntilClosed})
}

type pinRequest struct {
	PIN string `json:"pin" validate:"required"`
}

func (s *Server) setPIN(c echo.Context, citizen models.Citizen) error {
	var in pinRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	if err := s.PINs.Set(c.Request().Context(), citizen.Account, in.PIN); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
