package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/store"
	"khaibao/models"
)

// A history is found by who, what and when, the newest first, whole but for the free text: by ids that carry the time,
// as apps make them, and by ids that do not.
func TestHistory(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]time.Time{"ids of their time": at, "ids of another year": at.AddDate(-2, 0, 0)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, s *store.Store) { history(t, s, first) })
		})
	}
}

func history(t *testing.T, s *store.Store, first time.Time) {
	ctx, account := t.Context(), household(t, s).ID
	id := func(n int) string { return models.TimeID(first.Add(time.Duration(n)*time.Second), fmt.Sprint(n)) }
	keep := func(n int, change func(*models.Declaration)) *models.Declaration {
		t.Helper()
		d := declaration(account, id(n), models.LevelModerate)
		change(d)
		if err := s.InsertDeclaration(ctx, d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	newest := keep(8, func(d *models.Declaration) {
		d.OccurredAt = at.Add(time.Hour)
		d.Earlier = models.Earlier{"spo2": int64(97), "temperature": 38.5, "level": "low", "days": int64(1), "chronic_conditions": []string{"asthma"}}
		d.Previous = models.LevelAt{At: at, Level: models.LevelLow, Declaration: models.DeclarationRef{Form: models.FormDaily, ID: id(1)}}
		d.Measures = map[string]float64{"temperature": 38.5}
	})
	keep(1, func(d *models.Declaration) {})
	keep(2, func(d *models.Declaration) { d.PersonID = "p2" })
	keep(3, func(d *models.Declaration) { d.Program = "dengue" })
	keep(4, func(d *models.Declaration) { d.OccurredAt = at.Add(-time.Millisecond) })
	keep(5, func(d *models.Declaration) { d.OccurredAt = at.Add(2 * time.Hour) })
	keep(6, func(d *models.Declaration) { d.Form, d.OccurredAt = models.FormDaily, at.Add(time.Minute) })
	keep(7, func(d *models.Declaration) { d.Form, d.ReceivedAt = models.FormDaily, at.Add(time.Hour) })
	got, err := s.History(ctx, account, "p1", "covid19", at, at.Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, d := range got {
		ids = append(ids, d.ID)
	}
	if diff := cmp.Diff([]string{id(8), id(6), id(7), id(1)}, ids); diff != "" {
		t.Fatal(diff)
	}
	delete(newest.Answers, "remark")
	newest.Private = nil
	if diff := cmp.Diff(*newest, got[0]); diff != "" {
		t.Error(diff)
	}
	if others, err := s.History(ctx, account, "p3", "covid19", at, at.Add(2*time.Hour)); err != nil || len(others) > 0 {
		t.Errorf("of somebody else: %v, %v", others, err)
	}
	owed, err := s.PendingDeclarations(ctx, models.FormDeclaration, 10)
	if err != nil || len(owed) != 6 {
		t.Fatalf("%d owe effects, %v", len(owed), err)
	}
	for _, d := range owed {
		if d.ID == id(8) && (!d.Previous.At.Equal(at) || d.Measures["temperature"] != 38.5) {
			t.Errorf("what its effects need: %+v", d)
		}
	}
}
