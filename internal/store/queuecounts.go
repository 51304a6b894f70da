package store

import (
	"context"
	"time"

	"khaibao/models"
)

// counted are the fields that say on which tabs of the queue a case stands.
var counted = []string{"status", "due_at", "raised_at", "unreached", "missed_since", "assignee"}

// QueueCounts sums the open cases of the scope, those of login as Mine. When there are more than limit, whole is false and the
// sums are worth nothing.
func (c *Cases) QueueCounts(ctx context.Context, login string, now time.Time, limit int) (t models.QueueCounts, whole bool, err error) {
	if c.scope == "" {
		return t, true, nil
	}
	q := Query{Where: c.where(models.CaseFilter{Statuses: models.OpenStatuses()}, now), Limit: limit + 1, Fields: counted}
	err = c.store.engine.Find(ctx, colCases, q, func(raw Raw) error {
		var doc caseDoc
		err := raw.Decode(&doc)
		for sum, counts := range map[*int64]bool{
			&t.Open: true, &t.New: doc.Status == models.CaseNew, &t.Raised: doc.RaisedAt != 0, &t.Overdue: doc.DueAt < At(now),
			&t.Unreached: doc.Unreached != 0, &t.Missed: doc.MissedSince != 0, &t.Mine: doc.Assignee == login,
		} {
			if counts {
				*sum++
			}
		}
		return err
	})
	return t, t.Open <= int64(limit), asError("counting cases", err)
}
