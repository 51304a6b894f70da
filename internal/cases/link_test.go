package cases_test

import (
	"sync"
	"testing"

	"khaibao/internal/cases"
	"khaibao/internal/sitetest"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// flagged gives a site with some cases, and an official who may link them.
func flagged(t *testing.T, n int) (*sitetest.Site, models.Official, []string) {
	t.Helper()
	w := sitetest.New(t, storetest.Memory(t))
	for range n {
		citizen := w.Household(t)
		w.Declare(t, citizen, w.Person(t, citizen, "Nông Thị Lan", sitetest.BacSon).ID, models.FormDeclaration, map[string]any{"fever": true})
	}
	w.Official(t, "an.nguyen", models.Officer, sitetest.BacSon)
	official, err := w.Store.Official(t.Context(), "an.nguyen")
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := w.Cases.List(t.Context(), *official, models.CaseFilter{}, "", models.Page{Limit: n})
	if err != nil || len(found) != n {
		t.Fatalf("%d cases, %v", len(found), err)
	}
	ids := make([]string, n)
	for i := range found {
		ids[i] = found[i].ID
	}
	return w, *official, ids
}

// Officials who link the same cases at the same instant make no ring and no chain, and parting parts both.
func TestLinksAtTheSameInstant(t *testing.T) {
	t.Parallel()
	w, official, ids := flagged(t, 3)
	link := func(from, to string) error {
		_, err := w.Cases.Change(t.Context(), official, from, nil, cases.Patch{SameAs: &to})
		return err
	}
	named := func(id string) string {
		t.Helper()
		c, err := w.Cases.Get(t.Context(), official, id)
		if err != nil {
			t.Fatal(err)
		}
		return c.SameAs
	}
	for name, pairs := range map[string][][2]int{
		"each other": {{0, 1}, {1, 0}}, "one after the other": {{0, 1}, {1, 2}}, "round": {{0, 1}, {1, 2}, {2, 0}},
	} {
		for round := range 100 {
			errs := make([]error, len(pairs))
			begin := make(chan struct{})
			var all sync.WaitGroup
			for i, pair := range pairs {
				all.Go(func() {
					<-begin
					errs[i] = link(ids[pair[0]], ids[pair[1]])
				})
			}
			close(begin)
			all.Wait()
			for i, pair := range pairs {
				from, to := ids[pair[0]], ids[pair[1]]
				there := named(from) == to || named(to) == from
				switch {
				case errs[i] != nil && !models.Invalid.Is(errs[i]) && !models.Changed.Is(errs[i]):
					t.Fatalf("%s: %v", name, errs[i])
				case errs[i] == nil && !there:
					t.Fatalf("%s, round %d: a link that was made is not there", name, round)
				case name != "each other" && errs[i] != nil && there:
					t.Fatalf("%s, round %d: a link that was refused is there", name, round)
				}
			}
			for _, id := range ids {
				if same := named(id); same != "" && named(same) != "" {
					t.Fatalf("%s, round %d: a chain or a ring", name, round)
				}
			}
			for _, id := range ids {
				if named(id) == "" {
					continue
				}
				if err := link(id, ""); err != nil {
					t.Fatal(err)
				}
			}
			w.Settle(t) // what waits to be carried out stands in the cases
		}
	}
}

// Two cases that name each other, as they can since before that was prevented, are parted from either.
func TestPartingParts(t *testing.T) {
	t.Parallel()
	w, official, ids := flagged(t, 2)
	for i := range ids {
		if _, err := w.Store.Within(models.Nation).Change(t.Context(), ids[i], nil, func(c *models.CasePerson) ([]models.Effect, error) {
			c.Case.SameAs = ids[1-i]
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	nobody := ""
	if _, err := w.Cases.Change(t.Context(), official, ids[0], nil, cases.Patch{SameAs: &nobody}); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if c, err := w.Cases.Get(t.Context(), official, id); err != nil || c.SameAs != "" {
			t.Errorf("still linked with %q, %v", c.SameAs, err)
		}
	}
}
