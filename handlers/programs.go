package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"khaibao/internal/rules"
	"khaibao/models"
)

// programPages are the programs as they are shown, rendered once: a version never changes.
type programPages struct {
	byKey map[programKey]page
}

type programKey struct {
	id      string
	version int
	lang    models.Lang
}

func newProgramPages(catalog *rules.Catalog) (*programPages, error) {
	pages := &programPages{byKey: map[programKey]page{}}
	for _, p := range catalog.All() {
		for _, l := range []models.Lang{models.Vietnamese, models.English} {
			page, err := jsonPage(programDetail(p, l))
			if err != nil {
				return nil, err
			}
			pages.byKey[programKey{p.ID(), p.Version(), l}] = page
		}
	}
	return pages, nil
}

// programItem is a program as a list shows it.
type programItem struct {
	ID         string        `json:"id"`
	Version    int           `json:"version"`
	Name       string        `json:"name"`
	LegalBasis string        `json:"legal_basis"`
	Forms      []models.Form `json:"forms"`
}

// programResponse is everything that a client needs to ask a program's questions, in the reader's language.
type programResponse struct {
	ID         string         `json:"id"`
	Version    int            `json:"version"`
	Name       string         `json:"name"`
	LegalBasis string         `json:"legal_basis"`
	Forms      []formResponse `json:"forms"`
	Factors    []codeText     `json:"factors"`
	Levels     []levelText    `json:"levels"`
}

type codeText struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

type levelText struct {
	Level models.Level `json:"level"`
	Text  string       `json:"text"`
}

type formResponse struct {
	ID        models.Form        `json:"id"`
	Groups    []codeText         `json:"groups"`
	Questions []questionResponse `json:"questions"`
}

// questionResponse is one question. Min and Max bound a number; for a text Max is the greatest number of characters.
type questionResponse struct {
	ID         string              `json:"id"`
	Type       rules.QuestionType  `json:"type"`
	Text       string              `json:"text"`
	Required   bool                `json:"required"`
	Emergency  bool                `json:"emergency"`
	Group      *string             `json:"group"`
	Options    []codeText          `json:"options"`
	Min        *float64            `json:"min"`
	Max        *float64            `json:"max"`
	Unit       *string             `json:"unit"`
	EnableWhen *enableWhenResponse `json:"enable_when"`
}

// enableWhenResponse is FHIR's enableWhen: the question is asked when all or any of the conditions hold.
type enableWhenResponse struct {
	Behavior   string              `json:"behavior"`
	Conditions []conditionResponse `json:"conditions"`
}

type conditionResponse struct {
	Question string `json:"question"`
	Operator string `json:"operator"`
	Answer   any    `json:"answer"`
}

// formsOf lists a program's forms in the order in which they are answered.
func formsOf(p *rules.Program) []*rules.Form {
	var out []*rules.Form
	for _, id := range []models.Form{models.FormDeclaration, models.FormDaily} {
		if form, ok := p.Form(id); ok {
			out = append(out, form)
		}
	}
	return out
}

func programDetail(p *rules.Program, l models.Lang) programResponse {
	out := programResponse{ID: p.ID(), Version: p.Version(), Name: p.Name(l), LegalBasis: p.LegalBasis(l)}
	for _, form := range formsOf(p) {
		out.Forms = append(out.Forms, formDetail(form, l))
	}
	for _, code := range p.Factors() {
		out.Factors = append(out.Factors, codeText{code, p.FactorText(code, l)})
	}
	for _, level := range models.Levels() {
		out.Levels = append(out.Levels, levelText{level, p.Explain(models.FormDeclaration, models.Decision{Level: level}, l).Level})
	}
	return out
}

func formDetail(form *rules.Form, l models.Lang) formResponse {
	out := formResponse{ID: form.ID}
	for i := range form.Groups {
		out.Groups = append(out.Groups, codeText{form.Groups[i].ID, form.Groups[i].Text(l)})
	}
	for i := range form.Questions {
		out.Questions = append(out.Questions, questionDetail(&form.Questions[i], l))
	}
	return out
}

func questionDetail(q *rules.Question, l models.Lang) questionResponse {
	out := questionResponse{
		ID: q.ID, Type: q.Type, Text: q.Text(l), Required: q.Required, Emergency: q.Emergency, Group: orNull(q.Group),
		Min: q.Min, Max: q.Max, Unit: orNull(q.Codes.Unit),
	}
	for i := range q.Options {
		out.Options = append(out.Options, codeText{q.Options[i].ID, q.Options[i].Text(l)})
	}
	if when := q.EnableWhen; when != nil {
		out.EnableWhen = &enableWhenResponse{Behavior: when.Behavior}
		for _, c := range when.Conditions {
			out.EnableWhen.Conditions = append(out.EnableWhen.Conditions, conditionResponse(c))
		}
	}
	return out
}

// listPrograms lists the programs that may be answered now.
func (s *Server) listPrograms(c echo.Context) error {
	l := language(c)
	page, err := jsonPage(listOf(s.Programs.Active(s.Now()), "", func(p *rules.Program) programItem {
		item := programItem{ID: p.ID(), Version: p.Version(), Name: p.Name(l), LegalBasis: p.LegalBasis(l)}
		for _, form := range formsOf(p) {
			item.Forms = append(item.Forms, form.ID)
		}
		return item
	}))
	if err != nil {
		return err
	}
	return page.send(c)
}

// showProgram gives a program's forms: the current version, or the one that is asked for, such as that of an old declaration.
func (s *Server) showProgram(c echo.Context) error {
	q := queryOf(c)
	version := q.number("version")
	if err := q.err(); err != nil {
		return err
	}
	program, ok := s.Programs.Current(c.Param("id"), s.Now())
	if version != 0 {
		program, ok = s.Programs.Version(c.Param("id"), version)
	}
	if !ok {
		return models.ErrNotFound
	}
	page, ok := s.programs.byKey[programKey{program.ID(), program.Version(), language(c)}]
	if !ok {
		return echo.NewHTTPError(http.StatusInternalServerError)
	}
	return page.send(c)
}
