package cases

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"khaibao/models"
)

// ContactInput is an attempt to reach the person, as an official logs it.
type ContactInput struct {
	Outcome models.Outcome
	Note    string // may be empty
	// Form names what it came in: the same form with the same content, sent again by the same official, logs nothing. May be
	// empty.
	Form string
}

func (in *ContactInput) check() error {
	var problems []models.FieldError
	if !slices.Contains(models.Outcomes(), in.Outcome) {
		problems = append(problems, models.FieldError{Field: "/outcome", Code: "unknown_option"})
	}
	text, problem := freeText("/note", in.Note, false)
	if problem != nil {
		problems = append(problems, *problem)
	}
	in.Note = text
	return models.InvalidFields(problems...)
}

// Contact logs an attempt to reach the person. Somebody spoken to ends the deadline of the first contact; anything else
// leaves it running. With ifMatch it is Changed when somebody was faster.
func (s *Service) Contact(ctx context.Context, official models.Official, id string, ifMatch []string, in ContactInput) (Detail, error) {
	if _, err := s.current(ctx, official, id, ifMatch); err != nil {
		return Detail{}, err
	}
	if err := in.check(); err != nil {
		return Detail{}, err
	}
	form := formOf(official, in.Form, in)
	changed, err := s.within(official.Area).Change(ctx, id, ifMatch, func(c *models.CasePerson) ([]models.Effect, error) {
		if c.Case.ActedBy(form) {
			return nil, models.ErrUnchanged
		}
		return s.contacted(official, &c.Case, in), nil
	})
	if err != nil {
		return Detail{}, err
	}
	s.worked(official)
	return s.detail(ctx, changed)
}

// formOf gives the key by which a case knows a form and what was in it; none for no name.
func formOf(official models.Official, name string, content any) string {
	if name == "" {
		return ""
	}
	text, _ := json.Marshal(content) // plain structs of texts
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s", official.Login, name, text))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

func (s *Service) contacted(official models.Official, c *models.Case, in ContactInput) []models.Effect {
	now := s.now()
	detail := map[string]string{"contact": string(in.Outcome)}
	c.Contacts = append(c.Contacts, models.Contact{Outcome: in.Outcome, Note: in.Note, By: official.Login, At: now})
	switch {
	case in.Outcome.Spoke():
		if c.Status == models.CaseNew {
			detail["from"], detail["status"] = string(c.Status), string(models.CaseContacted)
			c.Status = models.CaseContacted
		}
		s.due(c, time.Time{})
		s.spoke(c)
	case c.Status != models.CaseClosed && c.UnreachedSince.IsZero():
		c.UnreachedSince = now
	}
	entry := s.entry(official, "change_case", c)
	entry.Detail = detail
	return []models.Effect{{Kind: models.EffectAudit, Audit: &entry}}
}

// due gives a case another deadline; none for a zero time.
func (s *Service) due(c *models.Case, at time.Time) {
	c.EndWait(models.WaitOverdue, c.DueAt, s.now())
	c.DueAt = at
}

// settled ends what waits for a call.
func (s *Service) settled(c *models.Case) {
	c.EndWait(models.WaitUnreached, c.UnreachedSince, s.now())
	c.RaisedAt, c.UnreachedSince = time.Time{}, time.Time{}
}

// spoke notes that somebody was spoken to.
func (s *Service) spoke(c *models.Case) {
	s.settled(c)
	if c.FirstContactAt.IsZero() {
		c.FirstContactAt = s.now()
	}
}

// Selection is the cases of an action: those that are named, or all that a filter and a search hold.
type Selection struct {
	IDs    []string
	All    bool
	Filter models.CaseFilter
	Search string
	// Told is of how many cases the official was told with All, 0 for unknown: of more nothing is done.
	Told int
}

// MaxSelection is how many cases one action changes.
const MaxSelection = 2000

// Action is what is done to every case of a selection; nil fields do nothing.
type Action struct {
	Assignee *string
	// FreeOnly leaves cases that a colleague has to the colleague, and Assigned those that somebody else has than the
	// official saw, by id.
	FreeOnly bool
	Assigned map[string]string
	Contact  *ContactInput
}

// Done is what an action did.
type Done struct {
	Changed int
	Left    int    // cases of the selection that stayed as they were
	Again   int    // those of them that the same form had changed before
	Undo    string // takes it back within UndoFor; empty when nothing changed
}

// UndoFor is how long an action can be taken back.
const UndoFor = 30 * time.Minute

// Act does one thing to many cases, each as one audited change, in shared round trips. Cases that are closed are left out,
// and so are those that have nothing to change and those that the assignee could not see.
func (s *Service) Act(ctx context.Context, official models.Official, sel Selection, do Action) (Done, error) {
	taker, err := s.checkAction(ctx, official, do)
	if err != nil {
		return Done{}, err
	}
	ids := slices.Compact(slices.Sorted(slices.Values(sel.IDs)))
	if sel.All {
		if ids, err = s.within(official.Area).IDs(ctx, searching(sel.Filter, sel.Search), s.now(), MaxSelection+1); err != nil {
			return Done{}, err
		}
	}
	switch {
	case len(ids) == 0:
		return Done{}, models.InvalidField("/cases", "nothing_chosen", nil)
	case sel.All && sel.Told > 0 && len(ids) > sel.Told:
		return Done{}, models.InvalidField("/cases", "list_grew", map[string]any{"told": sel.Told})
	case len(ids) > MaxSelection:
		return Done{}, models.InvalidField("/cases", "too_many_items", map[string]any{"max": MaxSelection})
	}
	form := ""
	if do.Contact != nil {
		form = formOf(official, do.Contact.Form, do.Contact)
	}
	again := map[string]bool{}
	items, err := s.within(official.Area).ChangeMany(ctx, ids, func(c *models.Case) ([]models.Effect, error) {
		if c.Status != models.CaseClosed && c.ActedBy(form) {
			again[c.ID] = true
			return nil, models.ErrUnchanged
		}
		return s.act(official, c, do, taker)
	})
	if len(items) > 0 {
		s.worked(official)
	}
	done := Done{Changed: len(items), Left: len(ids) - len(items), Again: len(again)}
	if err != nil || len(items) == 0 {
		return done, err
	}
	undo := models.Undo{ID: newID(), Login: official.Login, ExpiresAt: time.Now().Add(UndoFor), Items: items}
	done.Undo = undo.ID
	return done, s.store.KeepUndo(ctx, undo)
}

// checkAction tells what is wrong with an action, and gives the official who is to have the cases, if anybody is.
func (s *Service) checkAction(ctx context.Context, official models.Official, do Action) (taker *models.Official, err error) {
	if do.Contact != nil {
		return nil, do.Contact.check()
	}
	if do.Assignee == nil || *do.Assignee == "" {
		return nil, nil
	}
	taker, err = s.taker(ctx, official, *do.Assignee)
	if err == nil && taker == nil {
		err = models.InvalidField("/assignee", "unknown_official", nil)
	}
	return taker, err
}

func (s *Service) act(official models.Official, c *models.Case, do Action, taker *models.Official) ([]models.Effect, error) {
	seen, known := do.Assigned[c.ID]
	switch {
	case c.Status == models.CaseClosed, known && seen != c.Assignee, taker != nil && !s.areas.Holds(taker.Area, models.Area(c.Commune)),
		do.FreeOnly && c.Assignee != "":
		return nil, models.ErrUnchanged
	case do.Contact != nil:
		return s.contacted(official, c, *do.Contact), nil
	}
	return s.apply(official, c, Patch{Assignee: do.Assignee}, nil)
}

// Undo takes an action of the same official back, for every case that nobody has changed since, and tells how many, and how
// many stay as they are. Once it took something back it is used up, and so it is when somebody has gone on with every
// case; for cases that only lie outside the area by now it is kept while UndoFor lasts.
func (s *Service) Undo(ctx context.Context, official models.Official, id string) (Done, error) {
	undo, err := s.store.Undo(ctx, id, official.Login, time.Now())
	if err != nil {
		return Done{}, err
	}
	before, ids := map[string]models.UndoItem{}, []string{}
	wentOn := map[string]bool{}
	for _, item := range undo.Items {
		before[item.Case] = item
		ids = append(ids, item.Case)
	}
	items, err := s.within(official.Area).ChangeMany(ctx, ids, func(c *models.Case) ([]models.Effect, error) {
		item := before[c.ID]
		if c.Rev != item.Rev { // and it never has that rev again, so that an undo that is sent twice at once does its work once
			wentOn[c.ID] = true
			return nil, models.ErrUnchanged
		}
		c.Restore(item.Before)
		entry := s.entry(official, "change_case", c)
		entry.Detail = map[string]string{"undo": "yes", "status": string(c.Status), "assignee": c.Assignee}
		return []models.Effect{{Kind: models.EffectAudit, Audit: &entry}}, nil
	})
	if len(items) > 0 {
		s.worked(official)
	}
	if err == nil && (len(items) > 0 || len(wentOn) == len(ids)) {
		err = s.store.ForgetUndo(ctx, id)
	}
	return Done{Changed: len(items), Left: len(ids) - len(items)}, err
}

// maxColleagues is how many officials a list names: from more nobody chooses.
const maxColleagues = 100

// Colleagues gives the officials who may take a case of the official's area: active, working, and near. Of an area with
// more than a hundred it gives none, and many is true. With more than twenty the list may be 30 s old, and nobody may write to it.
func (s *Service) Colleagues(ctx context.Context, official models.Official) (near []models.Official, many bool, err error) {
	area := string(official.Area)
	if known, ok := s.near.get(area, s.now()); ok {
		return known.near, known.many, nil
	}
	near, err = s.store.OfficialsOf(ctx, s.areas.Near(official.Area), maxColleagues+1)
	if err != nil {
		return nil, false, err
	}
	read := len(near)
	if many = read > maxColleagues; many {
		near = nil
	}
	near = slices.DeleteFunc(near, func(o models.Official) bool { return o.Disabled() || !o.Role.May(models.WorkCases) })
	if read > fewColleagues {
		s.near.set(area, colleagues{near, many}, s.now())
	}
	return near, many, nil
}

// fewColleagues is up to how many are read anew at each look.
const fewColleagues = 20

type colleagues struct {
	near []models.Official
	many bool
}

func newID() string {
	raw := make([]byte, 16)
	rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}
