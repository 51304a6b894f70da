package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"khaibao/internal/store"
	"khaibao/models"
)

// The shards that are named are those in which a plan is due, no more and no fewer.
func TestDueShards(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		shards := func(now time.Time) []int {
			t.Helper()
			due, err := s.DueShards(t.Context(), now)
			if err != nil {
				t.Fatal(err)
			}
			return due
		}
		if got := shards(at); len(got) != 0 {
			t.Errorf("nobody is followed, and %v are due", got)
		}
		for i := range 60 {
			err := s.UpsertFollowUp(t.Context(), fmt.Sprint("a", i), "p", "covid19", func(f *models.FollowUp) bool {
				f.NextAt = at.Add(time.Duration(i%6) * time.Hour)
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for hours := -1; hours < 7; hours++ {
			now := at.Add(time.Duration(hours) * time.Hour)
			var want []int
			for shard := range models.FollowUpShards {
				if due, err := s.DueFollowUps(t.Context(), shard, now, nil, 1); err != nil {
					t.Fatal(err)
				} else if len(due) > 0 {
					want = append(want, shard)
				}
			}
			if got := shards(now); !slices.Equal(got, want) {
				t.Errorf("after %d hours %v are due, want %v", hours, got, want)
			}
		}
	})
}
