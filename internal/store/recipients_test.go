package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/store"
	"khaibao/models"
)

// settle makes a household whose people live in the communes, each "<province>/<commune>"; one that begins with "-" has
// been removed.
func settle(t *testing.T, s *store.Store, n int, news bool, communes ...string) string {
	t.Helper()
	id, err := s.ClaimPhone(t.Context(), fmt.Sprintf("+849000001%02d", n))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.UpdateAccount(t.Context(), id, func(a *models.Account) ([]models.Effect, error) {
		for i, place := range communes {
			p := models.Person{ID: fmt.Sprint("p", i), Name: "Trần Văn Thử", Relationship: models.OtherRelated, CreatedAt: at}
			if place[0] == '-' {
				p.RemovedAt, place = at, place[1:]
			}
			p.Province, p.Commune = place[:2], place[3:]
			a.People = append(a.People, p)
		}
		a.Consents = []models.Consent{{Purpose: models.News, Granted: news, At: at}}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestRecipientsLiveInTheArea(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		alone := settle(t, s, 1, true, "20/06325")
		family := settle(t, s, 2, false, "20/06325", "20/06325", "20/06001", "01/00004")
		moved := settle(t, s, 3, true, "-20/06325", "01/00004", "01/00008")
		settle(t, s, 4, true) // nobody yet
		settle(t, s, 5, true, "-20/06325")
		erased := settle(t, s, 6, true, "20/06325")
		if _, err := s.Tombstone(t.Context(), erased, func(a *models.Account) ([]models.Effect, error) {
			a.ErasedAt, a.KeyUntilClosed = at, true
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			audience models.Audience
			want     []string
		}{
			"the nation":                {models.Audience{Area: models.Nation}, []string{alone, family, moved}},
			"a province":                {models.Audience{Area: "20"}, []string{alone, family}},
			"where somebody else lives": {models.Audience{Area: "01"}, []string{family, moved}},
			"a commune":                 {models.Audience{Area: "06325"}, []string{alone, family}},
			"the commune of another":    {models.Audience{Area: "06001"}, []string{family}},
			"of somebody of the second": {models.Audience{Area: "00008"}, []string{moved}},
			"a commune of nobody":       {models.Audience{Area: "00010"}, nil},
			"news, the nation":          {models.Audience{Area: models.Nation, News: true}, []string{alone, moved}},
			"news, a province":          {models.Audience{Area: "01", News: true}, []string{moved}},
			"no area":                   {models.Audience{}, nil},
		} {
			expectRecipients(t, s, name, c.audience, c.want)
		}
	})
}

func TestRecipientsHaveAnOpenCase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		open := func(account, person, program string, latest models.Level, status models.CaseStatus, commune string) {
			t.Helper()
			err := s.UpsertCase(t.Context(), account, person, program, nil, func(*models.Case) (*models.Case, []models.Effect, error) {
				return &models.Case{
					Account: account, PersonID: person, Program: program, Level: models.LevelHigh, LatestLevel: latest, Status: status,
					Commune: commune, Province: "20", LastDeclaredAt: at,
				}, nil, nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		two := settle(t, s, 1, true, "20/06325", "20/06325")
		other := settle(t, s, 2, false, "20/06001")
		closed := settle(t, s, 3, true, "20/06325")
		gone := settle(t, s, 4, true, "20/06325")
		settle(t, s, 5, true, "20/06325") // well
		open(two, "p0", "covid19", models.LevelHigh, models.CaseNew, "06325")
		open(two, "p0", "dengue", models.LevelModerate, models.CaseNew, "06325")
		open(two, "p1", "covid19", models.LevelHigh, models.CaseContacted, "06325")
		open(other, "p0", "covid19", models.LevelHigh, models.CaseMonitoring, "06001")
		open(closed, "p0", "covid19", models.LevelHigh, models.CaseClosed, "06325")
		open(gone, "p0", "covid19", models.LevelHigh, models.CaseNew, "06325")
		if _, err := s.Tombstone(t.Context(), gone, func(a *models.Account) ([]models.Effect, error) {
			a.ErasedAt, a.KeyUntilClosed = at, true
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
		high, moderate := []models.Level{models.LevelHigh, models.LevelEmergency}, []models.Level{models.LevelModerate}
		for name, c := range map[string]struct {
			audience models.Audience
			want     []string
		}{
			"the nation":       {models.Audience{Area: models.Nation, Levels: high}, []string{two, other}},
			"a province":       {models.Audience{Area: "20", Levels: high}, []string{two, other}},
			"another province": {models.Audience{Area: "01", Levels: high}, nil},
			"a commune":        {models.Audience{Area: "06325", Levels: high}, []string{two}},
			"another level":    {models.Audience{Area: "20", Levels: moderate}, []string{two}},
			"several levels":   {models.Audience{Area: "20", Levels: append(moderate, high...)}, []string{two, other}},
			"news":             {models.Audience{Area: "20", Levels: high, News: true}, []string{two}},
		} {
			expectRecipients(t, s, name, c.audience, c.want)
		}
	})
}

// expectRecipients goes through an audience by pages of every size, and counts it.
func expectRecipients(t *testing.T, s *store.Store, name string, audience models.Audience, want []string) {
	t.Helper()
	slices.Sort(want)
	for _, size := range []int{1, 2, 100} {
		var got []string
		for after := ""; ; after = got[len(got)-1] {
			page, err := s.Recipients(t.Context(), audience, after, size)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(page) > size {
				t.Errorf("%s: a page of %d has %d", name, size, len(page))
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s by %d: %s", name, size, diff)
		}
	}
	if n, err := s.CountRecipients(t.Context(), audience); err != nil || int(n) != len(want) {
		t.Errorf("%s: counted %d, want %d (%v)", name, n, len(want), err)
	}
}
