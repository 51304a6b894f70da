package cases

import (
	"cmp"
	"context"
	"slices"

	"khaibao/models"
)

// mayLink tells what keeps a case from being named as one of the same person.
func (s *Service) mayLink(ctx context.Context, official models.Official, c *models.Case, other string) (*models.FieldError, error) {
	if other == c.ID {
		return &models.FieldError{Field: "/same_as", Code: "bad_value"}, nil
	}
	found, err := s.within(official.Area).Get(ctx, other)
	switch {
	case models.NotFound.Is(err):
		return &models.FieldError{Field: "/same_as", Code: "unknown_case"}, nil
	case err != nil:
		return nil, err
	case found.Case.Program != c.Program: // a person has a case in each program anyway
		return &models.FieldError{Field: "/same_as", Code: "other_program"}, nil
	case found.Case.SameAs != "": // links never make a chain or a ring
		return &models.FieldError{Field: "/same_as", Code: "linked_already"}, nil
	}
	linked, err := s.within(models.Nation).Count(ctx, models.CaseFilter{SameAs: c.ID}, s.now()) // wherever they are
	if err == nil && linked > 0 {
		return &models.FieldError{Field: "/same_as", Code: "linked_already"}, nil
	}
	return nil, err
}

// linked looks at a link once more when it was made, or was ended from was: of two officials who link at the same instant
// each finds the other's link missing before, and the later one finds it behind. Of two cases that name each other the one
// with the smaller id goes on naming the other, whoever looks. A link that makes a chain is taken back, and Changed.
func (s *Service) linked(ctx context.Context, official models.Official, was string, c models.CasePerson) (models.CasePerson, error) {
	id, same := c.Case.ID, c.Case.SameAs
	if same == "" {
		if was == "" {
			return c, nil
		}
		_, err := s.unlink(ctx, was, id) // whoever linked them may have had no time to look
		return c, err
	}
	other, err := s.within(models.Nation).Get(ctx, same)
	if err != nil {
		return c, err
	}
	if other.Case.SameAs == id {
		if same < id {
			return s.unlink(ctx, id, same)
		}
		if other, err = s.unlink(ctx, same, id); err != nil {
			return c, err
		}
	}
	naming, err := s.within(models.Nation).IDs(ctx, models.CaseFilter{SameAs: id}, s.now(), 2)
	if err != nil {
		return c, err
	}
	if other.Case.SameAs == "" && !slices.ContainsFunc(naming, func(n string) bool { return n != same }) {
		return c, nil // the other may name this one since: it is for whoever did that to look
	}
	nobody := ""
	_, err = s.within(models.Nation).Change(ctx, id, nil, func(c *models.CasePerson) ([]models.Effect, error) {
		if c.Case.SameAs != same {
			return nil, models.ErrUnchanged
		}
		return s.apply(official, &c.Case, Patch{SameAs: &nobody}, nil)
	})
	return c, cmp.Or(err, error(models.Fail(models.Changed, "changed")))
}

// unlink ends the link from one case to another, if it is there. Nobody has to be told: the other one says the same, or
// has just been parted.
func (s *Service) unlink(ctx context.Context, from, to string) (models.CasePerson, error) {
	return s.within(models.Nation).Change(ctx, from, nil, func(c *models.CasePerson) ([]models.Effect, error) {
		if c.Case.SameAs != to {
			return nil, models.ErrUnchanged
		}
		c.Case.SameAs = ""
		return nil, nil
	})
}
