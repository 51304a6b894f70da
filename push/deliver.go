package push

import (
	"context"
	"errors"
	"slices"
	"time"

	"khaibao/internal/gsm"
	"khaibao/models"
)

// errNotHeld: the lease is about to end or was won anew since the message was read. Whoever holds it next goes on.
var errNotHeld = errors.New("push: the outbox is not ours")

// errLeftAlone: the channel does not work and is not tried now.
var errLeftAlone = errors.New("push: the channel is left alone")

// deliver carries one message as far as it gets and writes down where it stands. An error means that it stays as it was.
// sent is how many messages the household has had today.
func (w *Worker) deliver(ctx context.Context, m *models.Message, sent, term int) error {
	if over, err := w.over(ctx, m); over || err != nil {
		return err
	}
	if held, err := w.hold(ctx, m, sent); held || err != nil {
		return err
	}
	account, err := w.recipient(ctx, m)
	switch {
	case err != nil:
		return err
	case account.Erased():
		m.Text = ""
		return w.fail(ctx, m, &models.SendError{Reason: "erased"})
	case m.Route == models.RouteSMS:
		return w.deliverSMS(ctx, m, account, term)
	default:
		return w.deliverPush(ctx, m, account, term)
	}
}

// over ends a message that has become pointless: it would come too late, or what it asks for was done.
func (w *Worker) over(ctx context.Context, m *models.Message) (bool, error) {
	if !w.now(m).Before(m.ExpiresAt) {
		return true, w.expire(ctx, m, m.Reason)
	}
	unwanted, err := w.unwanted(ctx, m)
	if err != nil || unwanted == "" {
		return false, err
	}
	return true, w.expire(ctx, m, unwanted)
}

// answered is why a reminder is not sent: the update came first.
const answered = "answered"

// unwanted gives why a message is not worth sending any more; empty when it is.
func (w *Worker) unwanted(ctx context.Context, m *models.Message) (reason string, err error) {
	switch m.Kind {
	case models.MessageReminder, models.MessageReminderSMS:
		reason = answered
	case models.MessageBroadcast:
		reason = "cancelled"
	}
	if reason == "" || w.Wanted == nil {
		return "", nil
	}
	wanted, err := w.Wanted(ctx, m)
	if err != nil || wanted {
		return "", err
	}
	return reason, nil
}

// recipient gives the household that a message is for, erased when it is gone; for a message that knows its number and
// language itself, one that has just these.
func (w *Worker) recipient(ctx context.Context, m *models.Message) (*models.Account, error) {
	if m.Account == "" {
		return &models.Account{Phone: m.To, Lang: m.Lang}, nil
	}
	account, err := w.Store.Account(ctx, m.Account)
	if models.NotFound.Is(err) {
		return &models.Account{ErasedAt: w.now(m)}, nil
	}
	return account, err
}

// deliverSMS hands the whole text to the gateway.
func (w *Worker) deliverSMS(ctx context.Context, m *models.Message, account *models.Account, term int) error {
	switch {
	case w.SMS == nil:
		return w.fail(ctx, m, &models.SendError{Reason: "no_gateway"})
	case !account.SMSOptOut.IsZero() && m.Kind != models.MessageOTP:
		return w.fail(ctx, m, &models.SendError{Reason: "opted_out"})
	}
	text, err := w.words.sms(ctx, m, account)
	if err != nil {
		return err
	}
	m.Attempts++
	err = w.try(ctx, m.Route, w.SMS, term, models.Envelope{
		ID: m.ID, Account: m.Account, To: account.Phone, Text: text, TTL: m.ExpiresAt.Sub(w.now(m)), Urgent: m.Lane <= models.LaneUrgent,
	})
	var failure *models.SendError
	switch {
	case err == nil:
		m.Parts = gsm.Measure(text).Parts
		return w.sent(ctx, m, account)
	case !errors.As(err, &failure):
		return err
	case failure.Retry:
		return w.postpone(ctx, m, failure)
	default:
		return w.fail(ctx, m, failure)
	}
}

// deliverPush tells each device of the household that a message waits. Devices that have it already are skipped.
func (w *Worker) deliverPush(ctx context.Context, m *models.Message, account *models.Account, term int) error {
	if w.Push == nil {
		return w.giveUpPush(ctx, m, models.MessageStored, "")
	}
	waiting := slices.DeleteFunc(account.Devices, func(d models.Device) bool { return slices.Contains(m.Delivered, d.ID) })
	again, refused, err := w.pushAll(ctx, m, account.Lang, waiting, term)
	switch {
	case err != nil:
		return err
	case again != nil:
		return w.postpone(ctx, m, again)
	case len(m.Delivered) > 0:
		return w.sent(ctx, m, account)
	case refused != nil:
		return w.giveUpPush(ctx, m, models.MessageFailed, refused.Reason)
	default: // no device, or none any more: it waits in the inbox
		return w.giveUpPush(ctx, m, models.MessageStored, "no_device")
	}
}

// giveUpPush lets SMS take over where the message has a second rung, and ends it otherwise.
func (w *Worker) giveUpPush(ctx context.Context, m *models.Message, state models.MessageState, reason string) error {
	if m.SMSAt.IsZero() {
		m.Retryable = state == models.MessageFailed && retryable[reason]
		return w.settle(ctx, m, state, reason)
	}
	return w.takeOver(ctx, m, reason)
}

// takeOver makes a push an SMS, and wakes the queue that it waits in now.
func (w *Worker) takeOver(ctx context.Context, m *models.Message, reason string) error {
	m.Route, m.SMSAt, m.DueAt, m.Attempts, m.Reason = models.RouteSMS, time.Time{}, w.now(m), 0, reason
	if err := w.keep(ctx, m); err != nil {
		return err
	}
	w.Wake(*m)
	return nil
}

// pushAll tells the devices one after the other. It gives the failure that asks for the longest wait, and one that no
// waiting helps. An error means that nothing more is to be tried.
func (w *Worker) pushAll(ctx context.Context, m *models.Message, lang models.Lang, devices []models.Device, term int) (again, refused *models.SendError, err error) {
	m.Attempts++
	for i, device := range devices {
		if i > 0 { // telling the one before took its time
			unwanted, err := w.unwanted(ctx, m)
			if err != nil {
				return nil, nil, err
			}
			if unwanted != "" {
				if len(m.Delivered) == 0 { // the next look ends it
					again = &models.SendError{Reason: unwanted, Retry: true}
				}
				return again, refused, nil
			}
		}
		err := w.pushTo(ctx, m, lang, device, term)
		var failure *models.SendError
		switch {
		case err == nil:
			m.Delivered, m.SMSAt = append(m.Delivered, device.ID), time.Time{} // somebody knows now
			if i < len(devices)-1 {                                            // the last one is written down with the final state
				err = w.save(ctx, m)
			}
		case errors.Is(err, errLeftAlone) && again != nil: // it was this message that found out
			return again, refused, nil
		case !errors.As(err, &failure):
		case failure.Drop:
			err = w.forget(ctx, m.Account, device)
		case failure.Retry:
			err, again = nil, later(again, failure)
		default:
			err, refused = nil, failure
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return again, refused, nil
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
func (w *Worker) pushTo(ctx context.Context, m *models.Message, lang models.Lang, d models.Device, term int) error {
	holder, err := w.Store.TokenHolder(ctx, d.Token)
	if err != nil && !models.NotFound.Is(err) {
		return err
	}
	if err == nil && holder != m.Account {
		return &models.SendError{Reason: "moved", Drop: true}
	}
	return w.try(ctx, models.RoutePush, w.Push, term, models.Envelope{
		ID: m.ID, Account: m.Account, To: d.Token, CollapseKey: collapse,
		Title:  w.Text(lang, "message.push_title", nil),
		Text:   w.Text(lang, "message.push_body", nil),
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

// try makes one try, within the lease and unless the channel is left alone.
func (w *Worker) try(ctx context.Context, route models.Route, sender Sender, term int, e models.Envelope) error {
	if now, held := w.lease.current(); !held || now != term {
		return errNotHeld
	}
	probe, granted := w.breakers[route].begin()
	if !granted {
		return errLeftAlone
	}
	ctx, cancel := context.WithTimeout(ctx, w.lease.margin())
	defer cancel()
	err := sender.Send(ctx, e)
	var failure *models.SendError
	if err != nil && !errors.As(err, &failure) {
		err = &models.SendError{Reason: "unavailable", Retry: true} // without a cause: nobody vouches for what it says
	}
	w.breakers[route].end(probe, err)
	return err
}
