package effects

import (
	"context"

	"khaibao/models"
)

// tallies are the right to count cases, taken when it is first needed.
type tallies struct{ counting CaseCounting }

func (t *tallies) reset() { t.counting = nil }

func (t *tallies) begin(ctx context.Context, w *Worker) (err error) {
	if t.counting == nil {
		t.counting, err = w.BeginCaseCounting(ctx)
	}
	return err
}

// count counts the cases among documents that owe it.
func (t *tallies) count(ctx context.Context, w *Worker, waiting []models.Pending) error {
	var ids []string
	for _, doc := range waiting {
		for _, e := range doc.Effects {
			if e.Kind == models.EffectCount {
				ids = append(ids, doc.ID)
				break
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := t.begin(ctx, w); err != nil {
		return err
	}
	return t.counting.Count(ctx, ids)
}

// adopt counts cases from before there were counters of cases, while nothing else is to be done.
func (t *tallies) adopt(ctx context.Context, w *Worker) (int, error) {
	if err := t.begin(ctx, w); err != nil {
		return 0, err
	}
	return t.counting.Adopt(ctx, batchSize)
}
