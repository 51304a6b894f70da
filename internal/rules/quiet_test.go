package rules_test

import (
	"testing"
	"time"

	"khaibao/internal/rules"
	"khaibao/models"
)

func TestQuietHours(t *testing.T) {
	t.Parallel()
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, 11, day, hour, minute, 0, 0, models.Hanoi)
	}
	night, siesta, none := rules.Quiet{From: 21 * time.Hour, To: 7 * time.Hour}, rules.Quiet{From: 12 * time.Hour, To: 14 * time.Hour}, rules.Quiet{}
	for _, tt := range []struct {
		name  string
		quiet rules.Quiet
		at    time.Time
		end   time.Time
		next  time.Time // zero: not asked, or never
	}{
		{"by day", night, at(20, 9, 0), at(20, 9, 0), at(20, 21, 0)},
		{"the last minute", night, at(20, 20, 59), at(20, 20, 59), at(20, 21, 0)},
		{"the first minute", night, at(20, 21, 0), at(21, 7, 0), time.Time{}},
		{"before midnight", night, at(20, 23, 59), at(21, 7, 0), time.Time{}},
		{"after midnight", night, at(21, 0, 0), at(21, 7, 0), time.Time{}},
		{"the end", night, at(21, 7, 0), at(21, 7, 0), at(21, 21, 0)},
		{"over noon", siesta, at(20, 13, 0), at(20, 14, 0), time.Time{}},
		{"after noon", siesta, at(20, 15, 0), at(20, 15, 0), at(21, 12, 0)},
		{"none", none, at(20, 0, 0), at(20, 0, 0), time.Time{}},
		{"UTC", night, at(20, 23, 0).UTC(), at(21, 7, 0), time.Time{}},
	} {
		if got := tt.quiet.End(tt.at); !got.Equal(tt.end) {
			t.Errorf("%s: ends %s, want %s", tt.name, got, tt.end)
		}
		next, ok := tt.quiet.Next(tt.at)
		if ok != (tt.quiet != none) || !tt.next.IsZero() && !next.Equal(tt.next) {
			t.Errorf("%s: next %s, %v; want %s", tt.name, next, ok, tt.next)
		}
	}
	if got := program(t, small).Quiet(); got != night {
		t.Errorf("got %+v, want those of the ladder", got)
	}
}
