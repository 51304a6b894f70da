package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"khaibao/models"
)

// Cases is what an official may see and change of the cases: those within a scope. What lies outside is NotFound.
type Cases struct {
	store *Store
	scope models.Area
}

// Within gives the cases of an area. An empty scope holds none.
func (s *Store) Within(scope models.Area) *Cases { return &Cases{s, scope} }

// Get gives one case with the identity behind it.
func (c *Cases) Get(ctx context.Context, id string) (models.CasePerson, error) {
	doc, err := c.read(ctx, id)
	if err != nil {
		return models.CasePerson{}, err
	}
	opened, err := c.store.openCases(ctx, []caseDoc{doc})
	if err != nil {
		return models.CasePerson{}, asError("opening a case", err)
	}
	return opened[0], nil
}

func (c *Cases) read(ctx context.Context, id string) (caseDoc, error) {
	var doc caseDoc
	err := c.store.engine.Get(ctx, colCases, id, &doc)
	if err == nil && !c.scope.Holds(doc.Commune, doc.Province) {
		err = ErrMissing
	}
	return doc, asError("reading a case", err)
}

// Change changes one case and writes it with the effects that follow. With ifMatch it is Changed when the case has none
// of those revs; without, it is tried again on the newer one. change may return models.ErrUnchanged.
func (c *Cases) Change(ctx context.Context, id string, ifMatch []string, change func(*models.CasePerson) ([]models.Effect, error)) (models.CasePerson, error) {
	var out models.CasePerson
	err := retryChanged(ctx, "changing a case", func() error {
		doc, err := c.read(ctx, id)
		if err != nil {
			return err
		}
		if len(ifMatch) > 0 && !slices.Contains(ifMatch, doc.Rev) {
			return models.Fail(models.Changed, "changed")
		}
		opened, err := c.store.openCases(ctx, []caseDoc{doc})
		if err != nil {
			return err
		}
		out = opened[0]
		effects, err := change(&out)
		if errors.Is(err, models.ErrUnchanged) {
			return nil
		}
		if err == nil {
			err = c.store.replaceCase(ctx, &out.Case, doc, effects, doc.Search)
		}
		if errors.Is(err, ErrChanged) && len(ifMatch) > 0 {
			return models.Fail(models.Changed, "changed")
		}
		return err
	})
	return out, err
}

// UpsertCase opens or changes the case of a person under a program, with the terms it is found by. change gets nil when
// there is no case yet and returns what to keep, nil for nothing; it also gets called again when somebody was faster.
func (s *Store) UpsertCase(ctx context.Context, account, person, program string, terms []models.SearchTerm,
	change func(*models.Case) (*models.Case, []models.Effect, error)) error {
	id := models.CaseID(account, person, program)
	return retryChanged(ctx, "keeping a case", func() error {
		var doc caseDoc
		var was *models.Case
		err := s.engine.Get(ctx, colCases, id, &doc)
		if err == nil {
			was, err = s.caseOf(ctx, &doc)
		}
		if err != nil && !errors.Is(err, ErrMissing) {
			return err
		}
		kept, effects, err := change(was)
		if errors.Is(err, models.ErrUnchanged) || (err == nil && kept == nil) {
			return nil
		}
		if err != nil {
			return err
		}
		kept.ID, kept.Account, kept.PersonID, kept.Program = id, account, person, program
		return s.replaceCase(ctx, kept, doc, effects, s.searchHashes(terms, false))
	})
}

// ChangeCase changes the case of a person under a program, if there is one, and writes it with the effects that follow;
// what it is found by stays. change may return models.ErrUnchanged.
func (s *Store) ChangeCase(ctx context.Context, account, person, program string, change func(*models.Case) ([]models.Effect, error)) error {
	id := models.CaseID(account, person, program)
	return retryChanged(ctx, "changing a case", func() error {
		var doc caseDoc
		err := s.engine.Get(ctx, colCases, id, &doc)
		if errors.Is(err, ErrMissing) {
			return nil
		}
		if err != nil {
			return err
		}
		c, err := s.caseOf(ctx, &doc)
		if err != nil {
			return err
		}
		effects, err := change(c)
		if errors.Is(err, models.ErrUnchanged) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.replaceCase(ctx, c, doc, effects, doc.Search)
	})
}

// CaseClosedAt gives when the case of a person under a program was closed; zero when it is open or there is none.
func (s *Store) CaseClosedAt(ctx context.Context, account, person, program string) (time.Time, error) {
	var doc struct {
		ClosedAt Time `bson:"closed_at" json:"closed_at"`
	}
	err := s.engine.Get(ctx, colCases, models.CaseID(account, person, program), &doc)
	if errors.Is(err, ErrMissing) {
		err = nil
	}
	return doc.ClosedAt.Time(), asError("reading a case", err)
}

// CasesOfAccount gives every case of a household, whatever its scope: for effects and the citizen's own export only.
func (s *Store) CasesOfAccount(ctx context.Context, account string) ([]models.Case, error) {
	var docs []caseDoc
	err := s.engine.FindBy(ctx, colCases, "account", account, func(raw Raw) error {
		var doc caseDoc
		err := raw.Decode(&doc)
		docs = append(docs, doc)
		return err
	})
	if err != nil {
		return nil, asError("reading the cases of a household", err)
	}
	slices.SortFunc(docs, func(a, b caseDoc) int { return cmp.Compare(a.ID, b.ID) })
	opened, err := s.openCases(ctx, docs)
	if err != nil {
		return nil, asError("opening the cases of a household", err)
	}
	out := make([]models.Case, len(opened))
	for i := range opened {
		out[i] = opened[i].Case
	}
	return out, nil
}

// HasOpenCase tells whether a person of the household has a case that is not closed, or a flag that is about to open one.
// An empty personID asks for the whole household.
func (s *Store) HasOpenCase(ctx context.Context, account, personID string) (bool, error) {
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		pending, err := s.PendingOf(ctx, account, form)
		if err != nil {
			return false, err
		}
		for i := range pending {
			if pending[i].Decision.Level.Flagged() && (personID == "" || pending[i].PersonID == personID) {
				return true, nil
			}
		}
	}
	all, err := s.CasesOfAccount(ctx, account)
	for i := range all {
		if all[i].Status != models.CaseClosed && (personID == "" || all[i].PersonID == personID) {
			return true, nil
		}
	}
	return false, err
}

// WithCase tells for which of the declarations the person already has a case under the program.
func (s *Store) WithCase(ctx context.Context, ds []models.Declaration) (map[int]bool, error) {
	return s.with(ctx, colCases, ds)
}

// WithFollowUp tells for which of the declarations the person has or had a plan under the program.
func (s *Store) WithFollowUp(ctx context.Context, ds []models.Declaration) (map[int]bool, error) {
	return s.with(ctx, colFollowUps, ds)
}

// with tells, by _id, for which of the declarations a collection of one document a person and program has it.
func (s *Store) with(ctx context.Context, collection string, ds []models.Declaration) (map[int]bool, error) {
	ids := make([]string, len(ds))
	for i := range ds {
		ids[i] = models.CaseID(ds[i].Account, ds[i].PersonID, ds[i].Program)
	}
	found := map[string]bool{}
	err := s.engine.GetAll(ctx, collection, slices.Compact(slices.Sorted(slices.Values(ids))), func(raw Raw) error {
		var doc pendingDoc
		err := raw.Decode(&doc)
		found[doc.ID] = true
		return err
	})
	with := map[int]bool{}
	for i, id := range ids {
		with[i] = found[id]
	}
	return with, asError("finding "+collection, err)
}

// searchHashes gives the keyed hashes of terms: under the newest key to be kept, under all keys to be looked up.
func (s *Store) searchHashes(terms []models.SearchTerm, every bool) []string {
	out := []string{}
	for _, t := range terms {
		if every {
			out = append(out, s.keys.Hashes("search."+t.Kind, t.Value)...)
		} else {
			out = append(out, s.keys.Hash("search."+t.Kind, t.Value))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// replaceCase writes a case: was is the document it came from, empty for a new case.
func (s *Store) replaceCase(ctx context.Context, c *models.Case, was caseDoc, effects []models.Effect, search []string) error {
	doc, err := s.sealCase(ctx, c)
	if err != nil {
		return err
	}
	doc.Search = search
	if doc.Todo, err = s.addEffects(colCases, doc.ID, was.Todo, append(effects, recounted(&was, &doc)...)); err != nil {
		return err
	}
	c.Rev = doc.Rev
	if was.ID != "" {
		return s.engine.Replace(ctx, colCases, doc, was.Rev)
	}
	err = s.engine.Insert(ctx, colCases, doc)
	if errors.Is(err, ErrExists) {
		return ErrChanged
	}
	return err
}
