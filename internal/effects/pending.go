package effects

import (
	"context"
	"errors"

	"khaibao/models"
)

// pending is a source whose documents list their effects.
type pending struct {
	read func(ctx context.Context, limit int) ([]models.Pending, error)
	done func(ctx context.Context, done []models.Pending) error
	// tallies are there for documents that are counted.
	tallies *tallies
}

func (p pending) batch(ctx context.Context, w *Worker) (int, error) {
	waiting, err := p.read(ctx, batchSize)
	if err == nil && len(waiting) == 0 && p.tallies != nil {
		return p.tallies.adopt(ctx, w)
	}
	if err != nil || len(waiting) == 0 {
		return 0, err
	}
	var audit []models.AuditEntry
	var messages []models.Message
	for _, doc := range waiting {
		for _, e := range doc.Effects {
			switch {
			case e.Kind == models.EffectAudit && e.Audit != nil:
				audit = append(audit, *e.Audit)
			case e.Kind == models.EffectMessage && e.Message != nil:
				messages = append(messages, *e.Message)
			case e.Kind == models.EffectCount: // all of them together, below
			default:
				if err := w.carryOut(ctx, doc.Account, e); err != nil {
					return 0, err
				}
			}
		}
	}
	if len(audit) > 0 {
		if err := w.Store.WriteAudit(ctx, audit...); err != nil {
			return 0, err
		}
	}
	if len(messages) > 0 {
		if err := w.Store.Enqueue(ctx, messages...); err != nil {
			return 0, err
		}
		w.Enqueued(messages...)
	}
	if p.tallies != nil {
		if err := p.tallies.count(ctx, w, waiting); err != nil {
			return 0, err
		}
	}
	return len(waiting), p.done(ctx, waiting)
}

func (w *Worker) carryOut(ctx context.Context, account string, e models.Effect) error {
	switch e.Kind {
	case models.EffectPerson:
		return w.Follow(ctx, account, e.PersonID)
	case models.EffectRemoved:
		return errors.Join(w.Follow(ctx, account, e.PersonID), w.EndPlans(ctx, account, e.PersonID, "", models.EndWithdrawn, w.Now()))
	case models.EffectErased:
		return errors.Join(w.EndPlans(ctx, account, "", "", models.EndWithdrawn, w.Now()), w.Forget(ctx, account))
	case models.EffectCaseClosed:
		return errors.Join(w.EndPlans(ctx, account, e.PersonID, e.Program, models.EndClosed, e.At), w.Release(ctx, account))
	}
	return errors.New("no such effect: " + string(e.Kind))
}
