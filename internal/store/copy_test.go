package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/sqlite"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

func open(t *testing.T, dir string) store.Engine {
	t.Helper()
	e, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e
}

// fill puts something into every collection.
func fill(t *testing.T, s *store.Store) *models.Account {
	t.Helper()
	ctx := t.Context()
	account := household(t, s)
	for i := range 1203 { // more than two pages
		if err := s.InsertDeclaration(ctx, declaration(account.ID, fmt.Sprintf("019ac000-0000-7000-8000-%012d", i), models.LevelHigh)); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	update := declaration(account.ID, "019ac000-0000-7000-8000-000000000001", models.LevelLow)
	update.Form = models.FormDaily
	must(s.InsertDeclaration(ctx, update))
	must(s.UpsertCase(ctx, account.ID, "p1", "covid19", []models.SearchTerm{{Kind: "phone", Value: phone}}, func(*models.Case) (*models.Case, []models.Effect, error) {
		return &models.Case{Level: models.LevelHigh, Status: models.CaseNew, Commune: "06325", Province: "20", Notes: []models.Note{{Text: "ghi chú", At: at}}, LastDeclaredAt: at},
			[]models.Effect{{Kind: models.EffectAudit, Audit: &models.AuditEntry{Action: "x", Reason: "vì"}}}, nil
	}))
	must(s.Enqueue(ctx, models.Message{ID: "m", Account: account.ID, Kind: models.MessageAdvice, Route: models.RoutePush, State: models.MessagePending, CreatedAt: time.Now(), DueAt: at}))
	must(s.WriteAudit(ctx, models.AuditEntry{ID: "a1", At: at, Action: "reveal", Account: account.ID, Reason: "vì sao"}))
	must(s.KeepProgram(ctx, "covid19", 1, []byte("id: covid19")))
	must(s.ClaimToken(ctx, "token-1", account.ID))
	must(s.AddOfficial(ctx, models.Official{ID: "o", Login: "o", Role: models.Officer, Area: "06325", TOTPSecret: "ABC"}, nil))
	counting, err := s.BeginCounting(ctx, models.FormDaily)
	must(err)
	pending, err := s.PendingDeclarations(ctx, models.FormDaily, 10)
	must(err)
	must(counting.Settle(ctx, pending))
	_, err = s.Take(ctx, "budget", time.Now().Add(time.Hour))
	must(err)
	return account
}

func TestCopyMovesEverythingBetweenEngines(t *testing.T) {
	t.Parallel()
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	first := open(t, t.TempDir())
	s, err := store.Open(t.Context(), first, keys)
	if err != nil {
		t.Fatal(err)
	}
	account := fill(t, s)
	from := first
	for name, empty := range storetest.Engines(t) {
		to := empty(t)
		counts := map[string]int64{}
		copied := func(c store.Copied) { counts[c.Collection] = c.Documents }
		if err := store.Copy(t.Context(), from, to, copied); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if counts["declarations"] != 1203 || counts["health_updates"] != 1 || counts["cases"] != 1 || counts["phones"] != 1 || counts["officials"] != 1 {
			t.Errorf("%s: %v", name, counts)
		}
		there, err := store.Open(t.Context(), to, keys)
		if err != nil {
			t.Fatal(err)
		}
		read, err := there.Account(t.Context(), account.ID)
		if err != nil || read.Phone != phone || read.People[0] != account.People[0] {
			t.Errorf("%s: %+v, %v", name, read, err)
		}
		if err := store.Copy(t.Context(), to, open(t, t.TempDir()), copied); err != nil {
			t.Errorf("%s: and back: %v", name, err)
		}
		if err := store.Copy(t.Context(), from, to, copied); err == nil || !strings.Contains(err.Error(), "no migration brought") {
			t.Errorf("%s: a target that is in use: %v", name, err)
		}
	}
}

// A copy that was cut off is finished by the next one, although the source has run on meanwhile; nobody opens what it left.
func TestCopyGoesOnAfterACut(t *testing.T) {
	t.Parallel()
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, empty := range storetest.Engines(t) {
		to := empty(t)
		t.Run(name, func(t *testing.T) {
			from := open(t, t.TempDir())
			s, err := store.Open(t.Context(), from, keys)
			if err != nil {
				t.Fatal(err)
			}
			account := fill(t, s)
			cutAfter(t, from, to, "declarations")
			if _, err := store.Open(t.Context(), to, keys); err == nil || !strings.Contains(err.Error(), "not finished") {
				t.Errorf("half a store opens: %v", err)
			}
			if err := store.Copy(t.Context(), to, open(t, t.TempDir()), func(store.Copied) {}); err == nil || !strings.Contains(err.Error(), "the source") {
				t.Errorf("half a store is copied on: %v", err)
			}

			const first, late, gone = "019ac000-0000-7000-8000-000000000000", "019abfff-0000-7000-8000-000000000000", "019ac000-0000-7000-8000-000000000007"
			if err := s.InsertDeclaration(t.Context(), declaration(account.ID, late, models.LevelLow)); err != nil { // before all others
				t.Fatal(err)
			}
			if _, err := s.UpdateAccount(t.Context(), account.ID, func(a *models.Account) ([]models.Effect, error) {
				a.People[0].Name = "Nguyễn Thị Mới"
				return nil, nil
			}); err != nil {
				t.Fatal(err)
			}
			if err := from.Delete(t.Context(), "declarations", account.ID+"|"+gone); err != nil {
				t.Fatal(err)
			}
			counts := map[string]int64{}
			if err := store.Copy(t.Context(), from, to, func(c store.Copied) { counts[c.Collection] = c.Documents }); err != nil {
				t.Fatal(err)
			}
			if counts["declarations"] != 1203 {
				t.Errorf("%d declarations, want 1203: one more and one less", counts["declarations"])
			}
			there, err := store.Open(t.Context(), to, keys)
			if err != nil {
				t.Fatal(err)
			}
			if read, err := there.Account(t.Context(), account.ID); err != nil || read.People[0].Name != "Nguyễn Thị Mới" {
				t.Errorf("the account is the old one: %v", err)
			}
			for id, want := range map[string]bool{first: true, late: true, gone: false} {
				if _, err := there.Declaration(t.Context(), account.ID, models.FormDeclaration, id); (err == nil) != want {
					t.Errorf("declaration %s: %v, want it there: %v", id, err, want)
				}
			}
		})
	}
}

// cutAfter copies until a collection is done and stops there.
func cutAfter(t *testing.T, from, to store.Engine, collection string) {
	t.Helper()
	cut, stop := context.WithCancel(t.Context())
	defer stop()
	err := store.Copy(cut, from, to, func(c store.Copied) {
		if c.Collection == collection {
			stop()
		}
	})
	if err == nil {
		t.Fatal("a copy that was cut off says it is done")
	}
}

func TestEveryCollectionCanBeCopied(t *testing.T) {
	t.Parallel()
	for _, c := range store.Collections() {
		if !store.Copyable(c.Name) {
			t.Errorf("collection %s has no document for Copy", c.Name)
		}
	}
}
