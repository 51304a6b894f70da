package push

import (
	"context"
	"log/slog"
	"time"

	"khaibao/models"
)

// The first wait before a message is tried again, and the longest.
const (
	firstWait, longestWait       = 5 * time.Second, 10 * time.Minute
	firstOTPWait, longestOTPWait = time.Second, 20 * time.Second
)

// postpone leaves a message for later, or lets it expire when later is too late.
func (w *Worker) postpone(ctx context.Context, m *models.Message, failure *models.SendError) error {
	due := w.now(m).Add(max(w.wait(m), failure.After))
	if !due.Before(m.ExpiresAt) && m.SMSAt.IsZero() {
		return w.expire(ctx, m, failure.Reason)
	}
	m.DueAt, m.Reason = due, failure.Reason
	w.Log.Info("message postponed", "kind", m.Kind, "route", m.Route, "attempt", m.Attempts, "error", failure)
	return w.keep(ctx, m)
}

// wait doubles with each attempt; half of it is left to chance, so that what failed together does not come back together.
func (w *Worker) wait(m *models.Message) time.Duration {
	first, longest := firstWait, longestWait
	if m.Lane == models.LaneOTP {
		first, longest = firstOTPWait, longestOTPWait
	}
	full := min(first<<min(m.Attempts-1, 16), longest)
	return full/2 + time.Duration(w.Jitter()*float64(full/2))
}

// expire ends a message that would come too late. One that some device of the household has is sent all the same.
func (w *Worker) expire(ctx context.Context, m *models.Message, reason string) error {
	if len(m.Delivered) > 0 {
		return w.settle(ctx, m, models.MessageSent, reason)
	}
	return w.settle(ctx, m, models.MessageExpired, reason)
}

// retryable are the reasons for which the same message may go through another time, once somebody has put them right.
var retryable = map[string]bool{"no_gateway": true, "opted_out": true, "apns_credentials": true}

// sent ends a message that went out. What it shows of the household is noted first: a crash repeats that without harm.
func (w *Worker) sent(ctx context.Context, m *models.Message, account *models.Account) error {
	if err := w.reach.sent(ctx, m, account); err != nil {
		w.Log.Warn("not noted that a household can be reached", "error", err)
	}
	return w.settle(ctx, m, models.MessageSent, "")
}

// fail ends a message that was refused for good.
func (w *Worker) fail(ctx context.Context, m *models.Message, failure *models.SendError) error {
	if m.Route == models.RouteSMS {
		if err := w.reach.failed(ctx, m, failure.Reason); err != nil {
			return err
		}
	}
	m.Retryable = retryable[failure.Reason]
	return w.settle(ctx, m, models.MessageFailed, failure.Reason)
}

// settle ends a message.
func (w *Worker) settle(ctx context.Context, m *models.Message, state models.MessageState, reason string) error {
	m.State, m.Reason = state, reason
	if state == models.MessageSent {
		m.SentAt = w.now(m)
	}
	// Those of a broadcast, which may be a million, are told by its own numbers.
	if (state == models.MessageFailed || state == models.MessageExpired) && m.Kind != models.MessageBroadcast {
		level := slog.LevelWarn
		if reason == answered { // that is how it should end
			level = slog.LevelInfo
		}
		w.Log.Log(ctx, level, "message not sent", "kind", m.Kind, "route", m.Route, "state", state, "reason", reason, "attempt", m.Attempts)
	}
	return w.keep(ctx, m)
}

// keep writes a step down and tells of it.
func (w *Worker) keep(ctx context.Context, m *models.Message) error {
	if err := w.save(ctx, m); err != nil {
		return err
	}
	w.Observe(outcome(m, w.now(m)))
	return nil
}

// save writes down where a message stands, and does not give up while the store is away: what was sent must not be
// sent again because nobody wrote it down.
func (w *Worker) save(ctx context.Context, m *models.Message) error {
	for failures := 0; ; failures++ {
		err := w.Store.SaveMessage(ctx, m)
		if !models.Unavailable.Is(err) {
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		if failures == 0 {
			w.Log.Warn("message state not kept yet", "kind", m.Kind, "error", err)
		}
		pause(ctx, w.backoff(failures))
	}
}
