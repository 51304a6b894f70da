package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"khaibao/internal/seal"
	"khaibao/models"
)

// How much of a history is looked at.
const (
	mostForms  = 56             // of a kind: four a day for a fortnight
	mostOthers = 200            // of a kind, in an account whose ids say nothing of time
	wrongClock = 48 * time.Hour // how far an id may lie before its form: clocks of phones differ
)

// History gives a person's declarations and health updates under a program that happened from a moment until before
// another, the newest first, without their free text. It reads the newest of the account by the time in their ids; when
// that finds none, the last ones whose ids are older, because an app may make ids that say nothing of time.
func (s *Store) History(ctx context.Context, account, personID, program string, from, before time.Time) ([]models.Declaration, error) {
	recent := declarationID(account, firstID(from.Add(-wrongClock)))
	wanted := []Cond{
		{"person", Eq, personID}, {"program", Eq, program}, {"occurred_at", Ge, At(from)}, {"occurred_at", Lt, At(before)},
	}
	found, err := s.forms(ctx, append([]Cond{{"_id", Ge, recent}, {"_id", Lt, account + "}"}}, wanted...), mostForms)
	if err == nil && len(found) == 0 {
		found, err = s.forms(ctx, []Cond{{"_id", Gt, account + "|"}, {"_id", Lt, recent}}, mostOthers)
		found = slices.DeleteFunc(found, func(d models.Declaration) bool {
			return d.PersonID != personID || d.Program != program || d.OccurredAt.Before(from) || !d.OccurredAt.Before(before)
		})
	}
	slices.SortStableFunc(found, func(a, b models.Declaration) int {
		return cmp.Or(b.OccurredAt.Compare(a.OccurredAt), b.ReceivedAt.Compare(a.ReceivedAt))
	})
	return found, asError("reading a history", err)
}

// forms reads forms of both kinds, of each kind those with the newest ids.
func (s *Store) forms(ctx context.Context, where []Cond, limit int) ([]models.Declaration, error) {
	var out []models.Declaration
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		docs, err := s.findDeclarations(ctx, form, Query{Where: where, Sort: []Order{{"_id", true}}, Limit: limit})
		if err != nil {
			return nil, err
		}
		for i := range docs {
			d, err := docs[i].model(form, seal.DataKey{})
			if err != nil {
				return nil, err
			}
			out = append(out, d)
		}
	}
	return out, nil
}

// firstID begins like every UUIDv7 of a moment, and lies before all of them.
func firstID(at time.Time) string {
	ms := max(at.UnixMilli(), 0)
	return fmt.Sprintf("%08x-%04x", ms>>16, ms&0xffff)
}
