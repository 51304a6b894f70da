package cases

import (
	"context"
	"strings"
	"time"

	"khaibao/internal/gsm"
	"khaibao/models"
)

// noticeLasts is how long telling of a case is worth it; the inbox keeps the message longer.
const noticeLasts = 72 * time.Hour

// messageLimit is how many letters an official may write to a citizen: with what stands before them they fill three parts
// of an SMS at most.
const messageLimit = 400

// Message sends an official's own words to the household of a case in the official's area: by push as a message that
// waits in the app, or by SMS as the program says. It gives the message's id. The text is kept sealed, and that it was
// sent is audited. The same form with the same text, sent again by the same official, sends nothing and gives no id; an empty form is always new.
func (s *Service) Message(ctx context.Context, official models.Official, id, text, form string) (string, error) {
	if _, err := s.within(official.Area).Get(ctx, id); err != nil {
		return "", err
	}
	text, problem := freeText("/text", text, true)
	if problem == nil && gsm.Measure(gsm.Plain(text)).Units > messageLimit {
		problem = &models.FieldError{Field: "/text", Code: "too_long", Args: map[string]any{"max": messageLimit}}
	}
	if problem != nil {
		return "", models.InvalidFields(*problem)
	}
	sent := models.Effect{Message: &models.Message{}}
	_, err := s.within(official.Area).Change(ctx, id, nil, func(c *models.CasePerson) ([]models.Effect, error) {
		if c.Person.ID == "" {
			return nil, models.InvalidField("/text", "nobody_to_tell", nil)
		}
		if c.Case.ActedBy(formOf(official, form, text)) {
			return nil, models.ErrUnchanged
		}
		entry := s.entry(official, models.AuditMessage, &c.Case)
		sent = s.tell(&c.Case, official.Login+"|"+text, func(m *models.Message) { m.Text = text })
		return []models.Effect{{Kind: models.EffectAudit, Audit: &entry}, sent}, nil
	})
	if err != nil {
		return "", err
	}
	s.worked(official)
	return sent.Message.ID, nil
}

// tell is the effect that tells the household of a case something, under an id that follows from the moment and from what
// it is about.
func (s *Service) tell(c *models.Case, about string, says func(*models.Message)) models.Effect {
	now := s.now()
	m := &models.Message{
		ID: models.TimeID(now, strings.Join([]string{c.ID, about}, "|")), Account: c.Account, Kind: models.MessageNotice,
		Lane: models.LaneNormal, Route: models.RoutePush, Program: c.Program, PersonID: c.PersonID,
		State: models.MessagePending, CreatedAt: now, DueAt: now, ExpiresAt: now.Add(noticeLasts),
	}
	if after, ok := s.programs.SMSAfter(c.Program, c.Version, c.Level); ok {
		m.SMSAt = now.Add(after)
	}
	says(m)
	return models.Effect{Kind: models.EffectMessage, Message: m}
}
