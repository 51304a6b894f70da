package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"khaibao/internal/store"
	"khaibao/models"
)

// The audit is narrowed by area, case, login, looks, marks and time, in pages, newest first; looks are counted by official.
func TestAuditFilter(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		entry := func(id string, minute int, login string, area models.Area, province string, action models.AuditAction, unusual bool) models.AuditEntry {
			return models.AuditEntry{
				ID: id, At: at.Add(time.Duration(minute) * time.Minute), Action: action, Official: login, Login: login, Area: area, Province: province,
				Case: "case-" + login, Reason: "vì sao", Unusual: unusual,
			}
		}
		if err := s.WriteAudit(ctx,
			entry("a", 1, "an", "06325", "20", models.AuditReveal, false), entry("b", 2, "an", "06325", "20", models.AuditSearch, true),
			entry("c", 3, "an", "06325", "20", models.AuditChangeCase, false), entry("d", 4, "binh", "05977", "20", models.AuditReveal, false),
			entry("e", 5, "nuoc", models.Nation, "", models.AuditReveal, true), entry("f", 6, "hanoi", "01", "01", models.AuditReveal, false),
		); err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			filter models.AuditFilter
			want   string
		}{
			"all":       {models.AuditFilter{}, "f e d c b a"},
			"nation":    {models.AuditFilter{Within: models.Nation}, "f e d c b a"},
			"province":  {models.AuditFilter{Within: "20", Province: "20"}, "d c b a"},
			"commune":   {models.AuditFilter{Within: "06325", Province: "20"}, "c b a"},
			"elsewhere": {models.AuditFilter{Within: "79", Province: "79"}, ""},
			"login":     {models.AuditFilter{Login: "an"}, "c b a"},
			"both":      {models.AuditFilter{Login: "an", Within: "01", Province: "01"}, ""},
			"case":      {models.AuditFilter{Case: "case-binh"}, "d"},
			"unusual":   {models.AuditFilter{Unusual: true}, "e b"},
			"since":     {models.AuditFilter{Since: at.Add(4 * time.Minute)}, "f e d"},
			"before":    {models.AuditFilter{Before: at.Add(3 * time.Minute)}, "b a"},
			"marked of": {models.AuditFilter{Unusual: true, Within: "20", Province: "20", Since: at, Before: at.Add(time.Hour)}, "b"},
			"one login": {models.AuditFilter{Unusual: true, Login: "nuoc"}, "e"},
		} {
			var got []string
			for cursor, more := "", true; more; more = cursor != "" {
				var entries []models.AuditEntry
				var err error
				if entries, cursor, err = s.Audit(ctx, test.filter, models.Page{Limit: 2, Cursor: cursor}); err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					got = append(got, e.ID)
					if marked := slices.Contains([]string{"b", "e"}, e.ID); e.Unusual != marked || e.Reason != "vì sao" {
						t.Errorf("%s: %+v", name, e)
					}
				}
			}
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("%s: got %q, want %q", name, got, test.want)
			}
		}
		for _, test := range []struct {
			login    string
			from, to int
			want     int64
		}{{"an", 0, 60, 2}, {"an", 2, 60, 1}, {"an", 0, 2, 1}, {"binh", 0, 60, 1}, {"nobody", 0, 60, 0}} {
			during := models.Span{From: at.Add(time.Duration(test.from) * time.Minute), Before: at.Add(time.Duration(test.to) * time.Minute)}
			if got, err := s.CountLooks(ctx, test.login, during); err != nil || got != test.want {
				t.Errorf("%s from %d before %d: %d %v, want %d", test.login, test.from, test.to, got, err, test.want)
			}
		}
	})
}
