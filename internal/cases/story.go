package cases

import (
	"context"
	"slices"

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
}

// How much of a long history one page shows.
const (
	storyForms = 120
	storyOther = 200
)

// Story gives a case of the official's area with its history. What lies outside the area is left out, the household's
// other people too.
func (s *Service) Story(ctx context.Context, official models.Official, id string) (Story, error) {
	d, err := s.Get(ctx, official, id)
	if err != nil {
		return Story{}, err
	}
	out := Story{Detail: d}
	if out.Forms, err = s.formsOf(ctx, &d.Case); err != nil {
		return out, err
	}
	inbox, _, err := s.store.Inbox(ctx, d.Account, models.Page{Limit: storyOther})
	if err != nil {
		return out, err
	}
	out.Messages = slices.DeleteFunc(inbox, func(m models.Message) bool {
		return m.PersonID != d.PersonID || (m.Program != "" && m.Program != d.Program)
	})
	for i := range out.Messages {
		out.Messages[i].Text, out.Messages[i].To = "", ""
	}
	if out.Audit, _, err = s.store.Audit(ctx, models.AuditFilter{Account: d.Account, Case: d.ID, ByOfficials: true}, models.Page{Limit: storyOther}); err != nil {
		return out, err
	}
	if out.Household, err = s.household(ctx, official, &d.Case); err != nil {
		return out, err
	}
	out.Same, err = s.same(ctx, official, &d.Case)
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

// Alike gives cases of the area under the same program that may be about the same person: of another household, with the
// same identity number or the same full name.
func (s *Service) Alike(ctx context.Context, official models.Official, id string) ([]View, error) {
	found, err := s.within(official.Area).Get(ctx, id)
	if err != nil {
		return nil, err
	}
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
		if c := &alike[i].Case; c.Account != found.Case.Account && c.SameAs != id && found.Case.SameAs != c.ID && len(out) < maxAlike {
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
