package cases

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/areas"
	"khaibao/models"
)

// Story is everything that an official sees of a case on one page.
type Story struct {
	Detail
	Forms     []models.Declaration // of the person under the program, newest first
	Messages  []models.Message     // about the person; newest first, without their texts
	Audit     []models.AuditEntry  // what officials did with the case, newest first
	Household []View               // the other cases of the household that lie within the scope
	Same      []View               // the cases of the same person that this one is linked with
	Alike     []View               // cases that may be about the same person, for those who may link them
}

// How much of a long history one page shows.
const (
	storyForms = 120
	storyOther = 200
)

// Story gives a case of the official's area with its history. What lies outside the area is left out, the household's
// other people too. Its parts are read at the same time.
func (s *Service) Story(ctx context.Context, official models.Official, id string) (Story, error) {
	found, err := s.within(official.Area).Get(ctx, id)
	if err != nil {
		return Story{}, err
	}
	out, c := Story{Detail: Detail{View: s.view(found)}}, &found.Case
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		if out.Forms, err = s.formsOf(ctx, c); err == nil {
			out.Answers, out.DecidedAt, err = s.decidedBy(ctx, c, out.Forms)
		}
		return err
	})
	group.Go(func() (err error) {
		out.Messages, err = s.messagesOf(ctx, c)
		return err
	})
	group.Go(func() (err error) {
		out.Audit, _, err = s.store.Audit(ctx, models.AuditFilter{Account: c.Account, Case: c.ID, ByOfficials: true}, models.Page{Limit: storyOther})
		return err
	})
	group.Go(func() (err error) {
		out.Household, err = s.household(ctx, official, c)
		return err
	})
	group.Go(func() (err error) {
		out.Same, err = s.same(ctx, official, c)
		return err
	})
	if official.Role.May(models.WorkCases) {
		group.Go(func() (err error) {
			out.Alike, err = s.alike(ctx, official, &found)
			return err
		})
	}
	return out, group.Wait()
}

// decidedBy gives the answers that led to the level, and when they were given: mostly in one of the forms that are read already.
func (s *Service) decidedBy(ctx context.Context, c *models.Case, forms []models.Declaration) (models.Answers, time.Time, error) {
	if i := slices.IndexFunc(forms, func(d models.Declaration) bool { return ref(&d) == c.DecidedBy }); i >= 0 {
		return forms[i].Answers, forms[i].OccurredAt, nil
	}
	d, err := s.store.Declaration(ctx, c.Account, c.DecidedBy.Form, c.DecidedBy.ID)
	if err != nil {
		return nil, time.Time{}, err
	}
	return d.Answers, d.OccurredAt, nil
}

// messagesOf are the household's messages about the case's person, without their texts.
func (s *Service) messagesOf(ctx context.Context, c *models.Case) ([]models.Message, error) {
	inbox, _, err := s.store.Inbox(ctx, c.Account, models.Page{Limit: storyOther})
	out := slices.DeleteFunc(inbox, func(m models.Message) bool {
		return m.PersonID != c.PersonID || (m.Program != "" && m.Program != c.Program)
	})
	for i := range out {
		out[i].Text, out[i].To = "", ""
	}
	return out, err
}

// formsOf lists the declarations and updates of a case's person under its program, newest first.
func (s *Service) formsOf(ctx context.Context, c *models.Case) ([]models.Declaration, error) {
	var out []models.Declaration
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		found, _, err := s.store.Declarations(ctx, c.Account, form, c.PersonID, models.Page{Limit: storyForms})
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(found, func(d models.Declaration) bool { return d.Program != c.Program })...)
	}
	slices.SortStableFunc(out, func(a, b models.Declaration) int { return b.OccurredAt.Compare(a.OccurredAt) })
	return out[:min(len(out), storyForms)], nil
}

func (s *Service) household(ctx context.Context, official models.Official, c *models.Case) ([]View, error) {
	all, err := s.store.CasesOfAccount(ctx, c.Account)
	if err != nil {
		return nil, err
	}
	var ids []string
	for i := range all {
		if all[i].ID != c.ID {
			ids = append(ids, all[i].ID)
		}
	}
	return s.views(ctx, official, ids)
}

// views gives the cases of the ids that lie within the scope.
func (s *Service) views(ctx context.Context, official models.Official, ids []string) ([]View, error) {
	var out []View
	for _, id := range ids {
		found, err := s.within(official.Area).Get(ctx, id)
		if models.NotFound.Is(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s.view(found))
	}
	return out, nil
}

func (s *Service) same(ctx context.Context, official models.Official, c *models.Case) ([]View, error) {
	linked, err := s.within(official.Area).IDs(ctx, models.CaseFilter{SameAs: c.ID}, s.now(), storyOther)
	if err != nil {
		return nil, err
	}
	if c.SameAs != "" {
		linked = append(linked, c.SameAs)
	}
	return s.views(ctx, official, linked)
}

// maxAlike is how many cases are shown that may be about the same person.
const maxAlike = 10

// alike gives cases of the area under the same program that may be about the same person: of another household, with the
// same identity number or the same full name.
func (s *Service) alike(ctx context.Context, official models.Official, found *models.CasePerson) ([]View, error) {
	var terms []models.SearchTerm
	if found.Person.NationalID != "" {
		terms = append(terms, models.SearchTerm{Kind: termNationalID, Value: found.Person.NationalID})
	}
	if name := areas.Fold(found.Person.Name); name != "" {
		terms = append(terms, models.SearchTerm{Kind: termName, Value: name})
	}
	alike, _, err := s.within(official.Area).List(ctx, models.CaseFilter{Program: found.Case.Program, Search: nonNil(terms)}, s.now(), models.Page{Limit: 4 * maxAlike})
	var out []View
	for i := range alike {
		if c := &alike[i].Case; c.Account != found.Case.Account && c.SameAs != found.Case.ID && found.Case.SameAs != c.ID && len(out) < maxAlike {
			out = append(out, s.view(alike[i]))
		}
	}
	return out, err
}

// nonNil lets a search without terms find nothing instead of everything.
func nonNil(terms []models.SearchTerm) []models.SearchTerm {
	if terms == nil {
		return []models.SearchTerm{}
	}
	return terms
}
