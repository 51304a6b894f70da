package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"khaibao/internal/intake"
	"khaibao/models"
)

// declarationRequest is a declaration or a health update.
type declarationRequest struct {
	ID         string         `json:"id" validate:"required"`
	Program    string         `json:"program" validate:"required"`
	Version    *int           `json:"program_version" validate:"omitempty,min=1"`
	PersonID   string         `json:"person_id" validate:"required,id"`
	Answers    map[string]any `json:"answers" validate:"required"`
	OccurredAt *time.Time     `json:"occurred_at"`
}

func (r declarationRequest) submission(form models.Form, wrong []models.FieldError) intake.Submission {
	in := intake.Submission{
		Form: form, ID: r.ID, Program: r.Program, PersonID: r.PersonID, Answers: r.Answers, Wrong: wrong,
	}
	if r.Version != nil {
		in.Version = *r.Version
	}
	if r.OccurredAt != nil {
		if in.OccurredAt = *r.OccurredAt; in.OccurredAt.IsZero() { // the year 1 is no way to say "now"
			in.Wrong = append(in.Wrong, models.FieldError{Field: "/occurred_at", Code: "too_old"})
		}
	}
	return in
}

// declarationResponse is a declaration or a health update with its decision. Answers are left out of the reply to sending one.
type declarationResponse struct {
	ID         string           `json:"id"`
	Receipt    string           `json:"receipt"` // the short code that an SMS or a keypad names it by
	PersonID   string           `json:"person_id"`
	Program    string           `json:"program"`
	Version    int              `json:"program_version"`
	Channel    models.Channel   `json:"channel"`
	EnteredBy  *enteredBy       `json:"entered_by"`
	Decision   decisionResponse `json:"decision"`
	Trend      *trendResponse   `json:"trend"`
	Answers    models.Answers   `json:"answers,omitzero"`
	OccurredAt string           `json:"occurred_at"`
	ReceivedAt string           `json:"received_at"`
}

// enteredBy is the official who entered a declaration on the citizen's behalf, as the access log shows officials.
type enteredBy struct {
	Role     models.Role `json:"role"`
	Area     models.Area `json:"area"`
	AreaName string      `json:"area_name"`
}

func (s *Server) enteredBy(by *models.Behalf, l models.Lang) *enteredBy {
	if by == nil {
		return nil
	}
	area, _ := s.Areas.Get(string(by.Area))
	return &enteredBy{by.Role, by.Area, area.In(l)}
}

// trendResponse compares a level with the one before it.
type trendResponse struct {
	Direction models.Direction `json:"direction"`
	Previous  models.Level     `json:"previous_level"`
	Since     string           `json:"since"`
}

func trendOf(t models.Trend, known bool) *trendResponse {
	if !known {
		return nil
	}
	return &trendResponse{t.Direction, t.Previous, stamp(t.Since)}
}

// decisionResponse is what the rules said, in words of the reader's language.
type decisionResponse struct {
	Level   models.Level     `json:"level"`
	Factors []string         `json:"factors"`
	Reasons []reasonResponse `json:"reasons"`
	Advice  string           `json:"advice"`
	Version int              `json:"program_version"`
}

type reasonResponse struct {
	Rule string `json:"rule"`
	Text string `json:"text"`
}

func (s *Server) declaration(d *models.Declaration, l models.Lang) declarationResponse {
	return declarationResponse{
		ID: d.ID, Receipt: models.Receipt(d.ID), PersonID: d.PersonID, Program: d.Program, Version: d.Version, Channel: d.Channel, EnteredBy: s.enteredBy(d.By, l),
		Decision: s.decision(d, l), Trend: trendOf(d.Trend()), OccurredAt: stamp(d.OccurredAt), ReceivedAt: stamp(d.ReceivedAt),
	}
}

func (s *Server) decision(d *models.Declaration, l models.Lang) decisionResponse {
	reasons, advice := s.explain(d.Program, d.Version, d.Form, d.Decision, l)
	return decisionResponse{Level: d.Decision.Level, Factors: d.Decision.Factors, Reasons: reasons, Advice: advice, Version: d.Version}
}

// explain puts a decision into words. Those of a program that is gone are lost; its codes are not.
func (s *Server) explain(program string, version int, form models.Form, d models.Decision, l models.Lang) ([]reasonResponse, string) {
	p, ok := s.Programs.Version(program, version)
	if !ok {
		return nil, ""
	}
	words := p.Explain(form, d, l)
	reasons := make([]reasonResponse, len(words.Reasons))
	for i, r := range words.Reasons {
		reasons[i] = reasonResponse{r.Code, r.Text}
	}
	return reasons, words.Advice
}

// submit takes in a form: 201 when it is new, 200 and the same body when it was sent before.
func (s *Server) submit(form models.Form) func(echo.Context, models.Citizen) error {
	return func(c echo.Context, citizen models.Citizen) error {
		var in declarationRequest
		wrong, err := s.bind.body(c.Request(), bodyLimit, &in)
		if err != nil {
			return err
		}
		d, isNew, err := s.Intake.Submit(c.Request().Context(), citizen, in.submission(form, wrong))
		if err != nil {
			return err
		}
		return answer(c, created(isNew), s.declaration(d, citizen.Lang))
	}
}

func (s *Server) show(form models.Form) func(echo.Context, models.Citizen) error {
	return func(c echo.Context, citizen models.Citizen) error {
		d, err := s.Intake.Declaration(c.Request().Context(), citizen, form, c.Param("id"))
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, s.withAnswers(d, citizen.Lang))
	}
}

func (s *Server) withAnswers(d *models.Declaration, l models.Lang) declarationResponse {
	out := s.declaration(d, l)
	if out.Answers = d.Answers; out.Answers == nil {
		out.Answers = models.Answers{}
	}
	return out
}

func (s *Server) list(form models.Form) func(echo.Context, models.Citizen) error {
	return func(c echo.Context, citizen models.Citizen) error {
		q := queryOf(c)
		person, page := q.token("person_id"), q.page()
		if err := q.err(); err != nil {
			return err
		}
		found, next, err := s.Intake.Declarations(c.Request().Context(), citizen, form, person, page)
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, listOf(found, next, func(d models.Declaration) declarationResponse { return s.withAnswers(&d, citizen.Lang) }))
	}
}
