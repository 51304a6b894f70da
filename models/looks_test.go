package models

import (
	"testing"
	"time"
)

func TestUsualLooks(t *testing.T) {
	t.Parallel()
	for before, want := range map[int64]int64{0: 20, 14: 20, 14 * 7: 21, 14 * 20: 60, 14 * 33: 99, 14 * 100: 100} {
		if got := UsualLooks(before); got != want {
			t.Errorf("after %d in 14 days: %d, want %d", before, got, want)
		}
	}
}

func TestNight(t *testing.T) {
	t.Parallel()
	for clock, want := range map[string]bool{"00:00": true, "05:59": true, "06:00": false, "12:00": false, "20:59": false, "21:00": true, "23:59": true} {
		at, err := time.ParseInLocation("2006-01-02 15:04", "2026-11-23 "+clock, Hanoi)
		if err != nil {
			t.Fatal(err)
		}
		early, late := Night(at.UTC())
		if got := early.Holds(at) || late.Holds(at); got != want {
			t.Errorf("%s: %v", clock, got)
		}
	}
}

func TestLook(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		entry AuditEntry
		want  bool
	}{
		{AuditEntry{Action: AuditReveal}, true},
		{AuditEntry{Action: AuditSearch}, true},
		{AuditEntry{Action: AuditExport, Detail: map[string]string{"identified": "yes"}}, true},
		{AuditEntry{Action: AuditExport, Detail: map[string]string{"identified": "no"}}, false},
		{AuditEntry{Action: AuditChangeCase}, false},
	} {
		if got := test.entry.Look(); got != test.want {
			t.Errorf("%+v: %v", test.entry, got)
		}
	}
}

// A manager appoints nobody above, and no manager appoints an auditor.
func TestManages(t *testing.T) {
	t.Parallel()
	for role, want := range map[Role][]Role{
		Viewer: nil, Officer: nil, Auditor: nil, ProvinceManager: {Viewer, Officer, ProvinceManager}, NationalManager: {Viewer, Officer, ProvinceManager, NationalManager},
	} {
		var got []Role
		for _, other := range Roles() {
			if role.Manages(other) {
				got = append(got, other)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s manages %v, want %v", role, got, want)
		}
	}
}
