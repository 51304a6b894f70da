package cases

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"khaibao/models"
)

// Patch is what an official changes of a case; nil fields stay.
type Patch struct {
	Status     *models.CaseStatus
	Assignee   *string // a login; "" gives the case back
	Note       *string
	Assessment *AssessmentInput
	Area       *string // a commune: the case moves there
	SameAs     *string // another case of the area that is about the same person; "" parts them
	// Form names what it came in: the same form with the same content, sent again by the same official, changes nothing and
	// is answered as it was, whatever ifMatch says. May be empty.
	Form string
}

// AssessmentInput is an official's own level and why.
type AssessmentInput struct {
	Level  models.Level
	Reason string
}

const maxText = 2000

// freeText gives a remark in normal form, or what is wrong with it.
func freeText(field, text string, required bool) (string, *models.FieldError) {
	text = strings.TrimSpace(models.Pasted(text))
	switch {
	case required && text == "":
		return "", &models.FieldError{Field: field, Code: "required"}
	case utf8.RuneCountInString(text) > maxText:
		return "", &models.FieldError{Field: field, Code: "too_long", Args: map[string]any{"max": maxText}}
	}
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			return "", &models.FieldError{Field: field, Code: "forbidden_characters"}
		}
	}
	return text, nil
}

// Change changes one case of the official's area and audits it. With ifMatch it is Changed when somebody was faster: the
// case has none of those revs any more.
func (s *Service) Change(ctx context.Context, official models.Official, id string, ifMatch []string, p Patch) (Detail, error) {
	form := formOf(official, p.Form, p)
	found, err := s.current(ctx, official, id, ifMatch)
	if models.Changed.Is(err) && slices.Contains(found.Case.Acted, form) {
		return s.detail(ctx, found)
	}
	if err != nil {
		return Detail{}, err
	}
	move, err := s.check(ctx, official, &found.Case, &p)
	if err != nil {
		return Detail{}, err
	}
	changed, err := s.within(official.Area).Change(ctx, id, ifMatch, func(c *models.CasePerson) ([]models.Effect, error) {
		if c.Person.ID == "" && c.Case.Status == models.CaseClosed && p.Status != nil && *p.Status != models.CaseClosed {
			return nil, models.InvalidField("/status", "person_erased", nil) // nobody could be reached any more
		}
		if c.Case.ActedBy(form) {
			return nil, models.ErrUnchanged
		}
		return s.apply(official, &c.Case, p, move)
	})
	if models.Changed.Is(err) { // perhaps by this form, sent twice at once
		if again, read := s.within(official.Area).Get(ctx, id); read == nil && slices.Contains(again.Case.Acted, form) {
			return s.detail(ctx, again)
		}
	}
	if err != nil {
		return Detail{}, err
	}
	s.worked(official)
	if p.SameAs != nil {
		if changed, err = s.linked(ctx, official, found.Case.SameAs, changed); err != nil {
			return Detail{}, err
		}
	}
	return s.detail(ctx, changed)
}

// current gives a case that is to be changed, before anything is said of the change itself: outside the scope nothing else
// is said, and what was meant for another state of the case is Changed, right or wrong.
func (s *Service) current(ctx context.Context, official models.Official, id string, ifMatch []string) (models.CasePerson, error) {
	found, err := s.within(official.Area).Get(ctx, id)
	if err == nil && len(ifMatch) > 0 && !slices.Contains(ifMatch, found.Case.Rev) {
		err = models.Fail(models.Changed, "changed")
	}
	return found, err
}

// place is where a case moves to.
type place struct{ commune, province string }

// check names everything that is wrong with a patch and puts its texts in normal form.
func (s *Service) check(ctx context.Context, official models.Official, c *models.Case, p *Patch) (*place, error) {
	var problems []models.FieldError
	var move *place
	if p.Status != nil && !slices.Contains(models.CaseStatuses(), *p.Status) {
		problems = append(problems, models.FieldError{Field: "/status", Code: "unknown_option"})
	}
	if p.Note != nil {
		text, problem := freeText("/note", *p.Note, true)
		if problem != nil {
			problems = append(problems, *problem)
		}
		p.Note = &text
	}
	if p.Assessment != nil {
		text, problem := freeText("/assessment/reason", p.Assessment.Reason, true)
		if problem != nil {
			problems = append(problems, *problem)
		}
		p.Assessment = &AssessmentInput{p.Assessment.Level, text}
	}
	if p.Area != nil {
		commune, _, ok := s.areas.Commune(*p.Area)
		switch {
		case !ok:
			problems = append(problems, models.FieldError{Field: "/area", Code: "unknown_area"})
		case !s.areas.Holds(official.Area, models.Area(commune.Code)):
			problems = append(problems, models.FieldError{Field: "/area", Code: "area_out_of_scope"})
		default:
			move = &place{commune.Code, commune.Parent}
		}
	}
	if p.SameAs != nil && *p.SameAs != "" {
		if problem, err := s.mayLink(ctx, official, c, *p.SameAs); err != nil {
			return nil, err
		} else if problem != nil {
			problems = append(problems, *problem)
		}
	}
	if p.Assignee != nil && *p.Assignee != "" {
		to := models.Area(c.Commune)
		if move != nil {
			to = models.Area(move.commune)
		}
		switch other, err := s.taker(ctx, official, *p.Assignee); {
		case err != nil:
			return nil, err
		case other == nil:
			problems = append(problems, models.FieldError{Field: "/assignee", Code: "unknown_official"})
		case !s.areas.Holds(other.Area, to):
			problems = append(problems, models.FieldError{Field: "/assignee", Code: "not_their_area"})
		}
	}
	return move, models.InvalidFields(problems...)
}

// taker gives the official of a login who is active, works on cases and whose area meets the acting one's; nil when there
// is none. Which cases they may take depends on where the cases are.
func (s *Service) taker(ctx context.Context, acting models.Official, login string) (*models.Official, error) {
	other, err := s.store.Official(ctx, login)
	if models.NotFound.Is(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	near := s.areas.Holds(acting.Area, other.Area) || s.areas.Holds(other.Area, acting.Area)
	if !near || other.Disabled() || !other.Role.May(models.WorkCases) {
		return nil, nil
	}
	return other, nil
}

func (s *Service) apply(official models.Official, c *models.Case, p Patch, move *place) ([]models.Effect, error) {
	now := s.now()
	detail := map[string]string{}
	// The same status again is a contact too when a worse declaration has set a new deadline meanwhile.
	again := p.Status != nil && *p.Status == c.Status && c.Status != models.CaseNew && !c.DueAt.IsZero()
	if p.Status != nil && (*p.Status != c.Status || again) {
		detail["from"], detail["status"] = string(c.Status), string(*p.Status)
		s.setStatus(c, *p.Status)
	}
	if move != nil && move.commune != c.Commune {
		detail["from_area"], detail["area"] = c.Commune, move.commune
		moveTo(c, move.commune, move.province)
	}
	if p.Assignee != nil && *p.Assignee != c.Assignee {
		c.Assignee, detail["assignee"] = *p.Assignee, *p.Assignee
	}
	if p.SameAs != nil && *p.SameAs != c.SameAs {
		detail["from_same_as"], detail["same_as"] = c.SameAs, *p.SameAs
		c.SameAs = *p.SameAs
	}
	if p.Note != nil {
		c.Notes = append(c.Notes, models.Note{Text: *p.Note, By: official.Login, At: now})
		detail["note"] = "added"
	}
	if p.Assessment != nil {
		c.Assess(models.Assessment{Level: p.Assessment.Level, Reason: p.Assessment.Reason, By: official.Login, At: now})
		detail["assessment"] = p.Assessment.Level.String()
	}
	if len(detail) == 0 {
		return nil, models.ErrUnchanged
	}
	entry := s.entry(official, models.AuditChangeCase, c)
	entry.Detail = detail
	effects := []models.Effect{{Kind: models.EffectAudit, Audit: &entry}}
	if detail["status"] == string(models.CaseClosed) {
		effects = append(effects, closed(c))
	}
	if told := detail["status"]; told != detail["from"] && (told == string(models.CaseReferred) || told == string(models.CaseClosed)) {
		effects = append(effects, s.tell(c, told, func(m *models.Message) { m.Status = c.Status }))
	}
	return effects, nil
}

// closed is what follows from the closing of a case.
func closed(c *models.Case) models.Effect {
	return models.Effect{Kind: models.EffectCaseClosed, PersonID: c.PersonID, Program: c.Program, At: c.ClosedAt}
}

// setStatus moves a case on. The deadline is for the first contact, so anything but new ends it.
func (s *Service) setStatus(c *models.Case, status models.CaseStatus) {
	c.Status = status
	c.ClosedAt = time.Time{}
	switch status {
	case models.CaseNew:
		s.due(c, s.deadline(c.Program, c.Version, c.Level, s.now()))
	case models.CaseClosed: // a case may be closed without a word to anybody, such as one that was there twice
		c.ClosedAt = s.now()
		s.settled(c)
		s.due(c, time.Time{})
	default:
		s.spoke(c)
		s.due(c, time.Time{})
	}
}
