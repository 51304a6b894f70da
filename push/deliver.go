package push

import (
	"context"
	"errors"
	"slices"
	"time"

	"khaibao/models"
)

// errNotHeld: the lease is about to end or was won anew since the message was read. Whoever holds it next goes on.
var errNotHeld = errors.New("push: the outbox is not ours")

// deliver carries one message as far as it gets and writes down where it stands. An error means that it stays as it was.
func (w *Worker) deliver(ctx context.Context, m *models.Message, term int) error {
	reminder := m.Kind == models.MessageReminder || m.Kind == models.MessageReminderSMS
	bySMS := m.Kind == models.MessageOTP || m.Kind == models.MessageReminderSMS
	if !w.now(m).Before(m.ExpiresAt) {
		return w.settle(ctx, m, models.MessageExpired, m.Reason)
	}
	if reminder && w.Wanted != nil {
		wanted, err := w.Wanted(ctx, m)
		if err != nil {
			return err
		}
		if !wanted {
			return w.settle(ctx, m, models.MessageExpired, "answered")
		}
	}
	if !bySMS && w.Push == nil {
		return w.settle(ctx, m, models.MessageStored, "")
	}
	m.Attempts++
	if bySMS {
		return w.deliverSMS(ctx, m, term)
	}
	return w.deliverPush(ctx, m, term)
}

func (w *Worker) deliverSMS(ctx context.Context, m *models.Message, term int) error {
	if w.SMS == nil {
		return w.settle(ctx, m, models.MessageFailed, "no_gateway")
	}
	e := models.Envelope{ID: m.ID, To: m.To, Text: m.Text, TTL: m.ExpiresAt.Sub(w.now(m)), Urgent: m.Lane == models.LaneOTP}
	if m.Kind == models.MessageReminderSMS {
		account, err := w.Store.Account(ctx, m.Account)
		if models.NotFound.Is(err) || (err == nil && account.Erased()) {
			return w.settle(ctx, m, models.MessageFailed, "erased")
		}
		if err != nil {
			return err
		}
		e.To, e.Text = account.Phone, w.Text(account.Lang, "message.reminder_sms", nil)
	}
	err := w.send(ctx, w.SMS, term, e)
	var failure *models.SendError
	switch {
	case err == nil:
		return w.settle(ctx, m, models.MessageSent, "")
	case !errors.As(err, &failure):
		return err
	case failure.Retry:
		return w.postpone(ctx, m, failure)
	default:
		return w.settle(ctx, m, models.MessageFailed, failure.Reason)
	}
}

// send makes one try, within the lease.
func (w *Worker) send(ctx context.Context, sender Sender, term int, e models.Envelope) error {
	if now, held := w.lease.current(); !held || now != term {
		return errNotHeld
	}
	ctx, cancel := context.WithTimeout(ctx, w.lease.margin())
	defer cancel()
	err := sender.Send(ctx, e)
	var failure *models.SendError
	if err != nil && !errors.As(err, &failure) {
		return &models.SendError{Reason: "unavailable", Retry: true} // without a cause: nobody vouches for what it says
	}
	return err
}

// deliverPush tells each device of the household that a message waits. Devices that have it already are skipped.
func (w *Worker) deliverPush(ctx context.Context, m *models.Message, term int) error {
	account, err := w.Store.Account(ctx, m.Account)
	if models.NotFound.Is(err) || (err == nil && account.Erased()) {
		return w.settle(ctx, m, models.MessageFailed, "erased")
	}
	if err != nil {
		return err
	}
	waiting := slices.DeleteFunc(account.Devices, func(d models.Device) bool { return slices.Contains(m.Delivered, d.ID) })
	var again, refused *models.SendError
	for i, device := range waiting {
		err := w.pushTo(ctx, m, device, term)
		var failure *models.SendError
		switch {
		case err == nil:
			m.Delivered = append(m.Delivered, device.ID)
			if i < len(waiting)-1 { // the last one is written down with the final state
				err = w.save(ctx, m)
			}
		case !errors.As(err, &failure):
		case failure.Drop:
			err = w.forget(ctx, m.Account, device)
		case failure.Retry:
			err, again = nil, later(again, failure)
		default:
			err, refused = nil, failure
		}
		if err != nil {
			return err
		}
	}
	switch {
	case again != nil:
		return w.postpone(ctx, m, again)
	case len(m.Delivered) > 0:
		return w.settle(ctx, m, models.MessageSent, "")
	case refused != nil:
		return w.settle(ctx, m, models.MessageFailed, refused.Reason)
	default: // no device, or none any more: it waits in the inbox
		return w.settle(ctx, m, models.MessageStored, "")
	}
}

// later gives the failure that asks for the longer wait.
func later(a, b *models.SendError) *models.SendError {
	if a != nil && a.After >= b.After {
		return a
	}
	return b
}

// collapse lets a newer push take the place of an older one on the same device: both say the same, that a message waits,
// and Firebase keeps four different keys for a device at most.
const collapse = "message"

// pushTo tells one device, unless its token has moved to another household.
func (w *Worker) pushTo(ctx context.Context, m *models.Message, d models.Device, term int) error {
	holder, err := w.Store.TokenHolder(ctx, d.Token)
	if err != nil && !models.NotFound.Is(err) {
		return err
	}
	if err == nil && holder != m.Account {
		return &models.SendError{Reason: "moved", Drop: true}
	}
	return w.send(ctx, w.Push, term, models.Envelope{
		ID: m.ID, To: d.Token, CollapseKey: collapse,
		Title:  w.Text(d.Lang, "message.push_title", nil),
		Text:   w.Text(d.Lang, "message.push_body", nil),
		Data:   map[string]string{"message_id": m.ID, "kind": "message"},
		TTL:    m.ExpiresAt.Sub(w.now(m)),
		Urgent: m.Lane == models.LaneUrgent,
	})
}

// forget takes a dead token out of the household; a device that has registered a new one meanwhile stays.
func (w *Worker) forget(ctx context.Context, account string, dead models.Device) error {
	_, err := w.Store.UpdateAccount(ctx, account, func(a *models.Account) ([]models.Effect, error) {
		before := len(a.Devices)
		a.Devices = slices.DeleteFunc(a.Devices, func(d models.Device) bool { return d.ID == dead.ID && d.Token == dead.Token })
		if len(a.Devices) == before {
			return nil, models.ErrUnchanged
		}
		return nil, nil
	})
	if err != nil && !models.Unauthenticated.Is(err) { // erased meanwhile: nothing is left to drop
		return err
	}
	return w.Store.ReleaseToken(ctx, dead.Token, account)
}

// The first wait before a message is tried again, and the longest.
const (
	firstWait, longestWait       = 5 * time.Second, 10 * time.Minute
	firstOTPWait, longestOTPWait = time.Second, 20 * time.Second
)

// postpone leaves a message for later, or lets it expire when later is too late.
func (w *Worker) postpone(ctx context.Context, m *models.Message, failure *models.SendError) error {
	due := w.now(m).Add(max(w.wait(m), failure.After))
	if !due.Before(m.ExpiresAt) {
		return w.settle(ctx, m, models.MessageExpired, failure.Reason)
	}
	m.DueAt, m.Reason = due, failure.Reason
	w.Log.Info("message postponed", "kind", m.Kind, "attempt", m.Attempts, "error", failure)
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

// settle ends a message.
func (w *Worker) settle(ctx context.Context, m *models.Message, state models.MessageState, reason string) error {
	m.State, m.Reason = state, reason
	if state == models.MessageSent {
		m.SentAt = w.now(m)
	}
	if state == models.MessageFailed || state == models.MessageExpired {
		w.Log.Warn("message not sent", "kind", m.Kind, "state", state, "reason", reason, "attempt", m.Attempts)
	}
	return w.keep(ctx, m)
}

// keep writes a step down and tells of it.
func (w *Worker) keep(ctx context.Context, m *models.Message) error {
	if err := w.save(ctx, m); err != nil {
		return err
	}
	w.Observe(Outcome{Kind: m.Kind, State: m.State, Reason: m.Reason, Attempt: m.Attempts, Waited: w.now(m).Sub(m.CreatedAt)})
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
