package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/store"
	"khaibao/models"
)

// Each sum says what the list behind it counts, and that it is worth nothing beyond its limit.
func TestQueueCounts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx, now := t.Context(), at.Add(time.Hour)
		account := household(t, s)
		for n, c := range []models.Case{
			{Status: models.CaseNew, DueAt: at},
			{Status: models.CaseNew, DueAt: now.Add(time.Hour), RaisedAt: at},
			{Status: models.CaseContacted, Assignee: "bs.lan", MissedSince: at},
			{Status: models.CaseMonitoring, Assignee: "bs.hoa", UnreachedSince: at},
			{Status: models.CaseReferred, Commune: "06001"},
			{Status: models.CaseClosed, Assignee: "bs.lan", MissedSince: at},
		} {
			if c.Commune == "" {
				c.Commune = "06325"
			}
			c.Province, c.LastDeclaredAt, c.OpenedAt = "20", at, at
			if err := s.UpsertCase(ctx, account.ID, fmt.Sprint("p", n), "covid19", nil, func(*models.Case) (*models.Case, []models.Effect, error) {
				return &c, nil, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		commune := s.Within("06325")
		got, whole, err := commune.QueueCounts(ctx, "bs.lan", now, 4)
		want := models.QueueCounts{Open: 4, New: 2, Raised: 1, Overdue: 1, Unreached: 1, Missed: 1, Mine: 1}
		if diff := cmp.Diff(want, got); diff != "" || !whole || err != nil {
			t.Errorf("%s whole %v, %v", diff, whole, err)
		}
		yes, open := true, models.OpenStatuses()
		for name, c := range map[string]struct {
			f    models.CaseFilter
			want int64
		}{
			"open": {models.CaseFilter{}, got.Open}, "raised": {models.CaseFilter{Raised: &yes}, got.Raised}, "overdue": {models.CaseFilter{Overdue: &yes}, got.Overdue},
			"unreached": {models.CaseFilter{Unreached: &yes}, got.Unreached}, "missed": {models.CaseFilter{Missed: &yes}, got.Missed}, "mine": {models.CaseFilter{Assignee: "bs.lan"}, got.Mine},
		} {
			c.f.Statuses = open
			all, err := commune.Count(ctx, c.f, now)
			if err != nil || all != c.want {
				t.Errorf("%s: %d are listed, %d summed, %v", name, all, c.want, err)
			}
			for _, limit := range []int64{1, 3, 10} {
				if n, err := commune.CountUpTo(ctx, c.f, now, int(limit)); err != nil || n != min(limit, c.want) {
					t.Errorf("%s: %d up to %d, %v", name, n, limit, err)
				}
			}
		}
		if _, whole, err := s.Within("20").QueueCounts(ctx, "bs.lan", now, 4); whole || err != nil {
			t.Errorf("five cases up to four are whole: %v %v", whole, err)
		}
		none, whole, err := s.Within("").QueueCounts(ctx, "bs.lan", now, 4)
		if n, countErr := s.Within("").CountUpTo(ctx, models.CaseFilter{}, now, 4); none != (models.QueueCounts{}) || !whole || err != nil || n != 0 || countErr != nil {
			t.Errorf("an empty scope: %+v %v %v, %d %v", none, whole, err, n, countErr)
		}
	})
}
