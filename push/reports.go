package push

import (
	"context"
	"time"

	"khaibao/models"
)

// ReportStore is where reports find the messages that they are about.
type ReportStore interface {
	// AdvanceMessage moves a message on and tells whether it did: never back, and never twice to the same state.
	AdvanceMessage(ctx context.Context, account, id string, change func(*models.Message)) (models.Message, bool, error)
	UpdateAccount(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error)
}

// Reports hears from gateways what became of messages after they had accepted them. It is safe for concurrent use.
type Reports struct {
	store   ReportStore
	reach   reach
	now     func() time.Time
	observe func(Outcome)
}

// NewReports gives ready reports; now is the domain's clock, observe hears of every message that moved on.
func NewReports(store ReportStore, now func() time.Time, observe func(Outcome)) *Reports {
	return &Reports{store, reach{store, now}, now, observe}
}

// SMS says what became of an SMS of so many parts: sent (the network has it), delivered (the handset has it) or failed for good, with a
// reason in a code. Account and id are those of its models.Envelope; account is empty for an OTP. Reports may come twice
// and in any order: one that is older than what is known changes nothing, and so does one about a message that is not
// there (any more).
func (r *Reports) SMS(ctx context.Context, account, id string, parts int, state models.MessageState, reason string) error {
	m, moved, err := r.store.AdvanceMessage(ctx, account, id, func(m *models.Message) {
		if m.Route != models.RouteSMS {
			return
		}
		m.State, m.Reason, m.Parts = state, reason, parts // the report may be faster than whoever sent it
		if state != models.MessageFailed && m.SentAt.IsZero() {
			m.SentAt = r.now()
		}
	})
	if models.NotFound.Is(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if moved {
		r.observe(outcome(&m, r.now()))
	}
	return r.noteReach(ctx, &m)
}

// noteReach follows from where the message stands now, moved or not, so that a report that comes again after a crash
// finishes what the first one began.
func (r *Reports) noteReach(ctx context.Context, m *models.Message) error {
	switch {
	case m.Route != models.RouteSMS:
		return nil
	case m.State == models.MessageFailed:
		return r.reach.failed(ctx, m, m.Reason)
	case m.State == models.MessageDelivered:
		return r.reach.arrived(ctx, m)
	}
	return nil
}
