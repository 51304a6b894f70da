package push

import (
	"context"
	"slices"
	"time"

	"khaibao/models"
)

// reach remembers in an account whether messages find a way to it, for the officials who work on its cases.
type reach struct {
	store interface {
		UpdateAccount(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error)
	}
	now func() time.Time
}

// failed hears that an SMS was refused for good: no way is left when the household has no device either. Reasons that lie
// with us or with one text say nothing.
func (r reach) failed(ctx context.Context, m *models.Message, why string) error {
	reason := models.UnreachableReason(why)
	if m.Account == "" || !slices.Contains(models.UnreachableReasons(), reason) {
		return nil
	}
	return r.update(ctx, m.Account, func(a *models.Account) {
		if len(a.Devices) > 0 {
			return
		}
		if a.Unreachable.Since.IsZero() {
			a.Unreachable.Since = r.now()
		}
		a.Unreachable.Reason = reason
	})
}

// sent hears that a message went out to a household, as it was read before. That the network has taken an SMS proves
// nothing about a handset that could not be reached before: then only a report does.
func (r reach) sent(ctx context.Context, m *models.Message, account *models.Account) error {
	if account.Unreachable.Reason == models.Undelivered && m.Route == models.RouteSMS || account.Unreachable.Since.IsZero() {
		return nil
	}
	return r.arrived(ctx, m)
}

// arrived hears that somebody has a message.
func (r reach) arrived(ctx context.Context, m *models.Message) error {
	if m.Account == "" {
		return nil
	}
	return r.update(ctx, m.Account, func(a *models.Account) { a.Unreachable = models.Unreachable{} })
}

// update writes the account once, with the effect that carries it into the cases of its people.
func (r reach) update(ctx context.Context, account string, change func(*models.Account)) error {
	_, err := r.store.UpdateAccount(ctx, account, func(a *models.Account) ([]models.Effect, error) {
		was := a.Unreachable
		if change(a); a.Unreachable == was {
			return nil, models.ErrUnchanged
		}
		return []models.Effect{{Kind: models.EffectPerson}}, nil
	})
	if models.Unauthenticated.Is(err) || models.NotFound.Is(err) { // erased: nobody is left to be reached
		return nil
	}
	return err
}
