package effects

import "context"

// bills is the source of messages whose parts are not in the numbers yet.
type bills struct{ billing Billing }

func (b *bills) reset() { b.billing = nil }

func (b *bills) batch(ctx context.Context, w *Worker) (int, error) {
	if b.billing == nil {
		billing, err := w.BeginBilling(ctx)
		if err != nil {
			return 0, err
		}
		b.billing = billing
	}
	return b.billing.Bill(ctx, batchSize)
}
