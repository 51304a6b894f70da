package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"khaibao/models"
)

// auditResponse is one thing that was done with somebody's data. People and cases are named by their ids.
type auditResponse struct {
	ID       string             `json:"id"`
	At       string             `json:"at"`
	Action   models.AuditAction `json:"action"`
	Login    *string            `json:"login"`
	Role     *string            `json:"role"`
	Area     *string            `json:"area"`
	PersonID *string            `json:"person_id"`
	Case     *string            `json:"case"`
	Program  *string            `json:"program"`
	Reason   *string            `json:"reason"`
	Detail   map[string]string  `json:"detail"`
}

func (s *Server) listAudit(c echo.Context, official models.Official) error {
	q := queryOf(c)
	filter := models.AuditFilter{
		Case: q.token("case"), Login: q.login("login"), Since: q.moment("since"),
		Actions: several(q, "action", models.AuditActions(), func(a models.AuditAction) string { return string(a) }),
	}
	page := q.page()
	if err := q.err(); err != nil {
		return err
	}
	entries, next, err := s.Privacy.Audit(c.Request().Context(), official, filter, page)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, listOf(entries, next, func(e models.AuditEntry) auditResponse {
		return auditResponse{
			e.ID, stamp(e.At), e.Action, orNull(e.Login), orNull(string(e.Role)), orNull(string(e.Area)),
			orNull(e.PersonID), orNull(e.Case), orNull(e.Program), orNull(e.Reason), e.Detail,
		}
	}))
}
