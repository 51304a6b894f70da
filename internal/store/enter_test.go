package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/store"
	"khaibao/models"
)

// What is entered reads like what the use-cases keep: opened, found, counted, and with nothing owed.
func TestEnter(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		d := declaration("a1", "019ac000-0000-7000-8000-000000000001", models.LevelHigh)
		terms := []models.SearchTerm{{Kind: "phone", Value: phone}}
		h := store.Household{
			Account: models.Account{ID: "a1", Phone: phone, Lang: models.Vietnamese, CreatedAt: at, People: []models.Person{{
				ID: "p1", Name: "Nguyễn Thị Thử", Relationship: models.Self, Sex: models.Female, Commune: "06325", Province: "20", CreatedAt: at,
			}}},
			Forms: []models.Declaration{*d},
			Cases: []models.Case{{
				PersonID: "p1", Program: "covid19", Level: models.LevelHigh, LatestLevel: models.LevelHigh, Status: models.CaseNew, Commune: "06325", Province: "20",
				OpenedAt: at, LastDeclaredAt: at, LastReceivedAt: at, Notes: []models.Note{{Text: "gọi lại", By: "bs.lan", At: at}},
			}},
			Terms:    [][]models.SearchTerm{terms},
			Messages: []models.Message{{ID: "m1", Account: "a1", Kind: models.MessageAdvice, Route: models.RoutePush, State: models.MessageStored, CreatedAt: time.Now()}},
		}
		entering := s.BeginEntering()
		for range 2 { // the second time everything is there
			if err := entering.Enter(ctx, []store.Household{h}); err != nil {
				t.Fatal(err)
			}
		}
		if err := entering.Finish(ctx); err != nil {
			t.Fatal(err)
		}
		if account, err := s.AccountOfPhone(ctx, phone); account != "a1" || err != nil {
			t.Errorf("the number is that of %q, %v", account, err)
		}
		found, _, err := s.Within("06325").List(ctx, models.CaseFilter{Search: terms}, at, models.Page{Limit: 5})
		if err != nil || len(found) != 1 || found[0].Person.Name != "Nguyễn Thị Thử" || found[0].Case.Notes[0].Text != "gọi lại" {
			t.Errorf("by the number: %+v, %v", found, err)
		}
		kept, err := s.Declaration(ctx, "a1", models.FormDeclaration, d.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, kept); diff != "" {
			t.Error(diff)
		}
		if inbox, _, err := s.Inbox(ctx, "a1", models.Page{Limit: 5}); len(inbox) != 1 || err != nil {
			t.Errorf("the inbox: %+v, %v", inbox, err)
		}
		stats, err := s.Stats(ctx, "covid19", models.Nation, false, d.Day(), d.Day())
		if err != nil || len(stats) != 1 || stats[0].Count != 2 || stats[0].Level != models.LevelHigh {
			t.Errorf("entered twice, counted %+v, %v", stats, err)
		}
		if owed, err := s.Backlog(ctx, models.FormDeclaration); owed != 0 || err != nil {
			t.Errorf("%d are owed, %v", owed, err)
		}
	})
}
