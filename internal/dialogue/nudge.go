package dialogue

import (
	"context"
	"time"

	"khaibao/models"
)

// An open question of an SMS dialogue is repeated once by ourselves after a day; after another one the form is dropped, and
// that is said.
const (
	nudgeAfter = 24 * time.Hour
	dropAfter  = smsResumes

	nudgeLasts = 12 * time.Hour // how long such an SMS is worth sending
	nudgeBatch = 100
	nudgeEvery = time.Minute
)

// due is when we are to speak by ourselves next; never while nothing is open.
func (t *turn) due() (time.Time, error) {
	if !t.bySMS() || t.st.Open == "" {
		return time.Time{}, nil
	}
	stopped, err := t.stopped()
	switch {
	case err != nil || stopped:
		return time.Time{}, err
	case t.st.Nudged:
		return t.st.Spoke.Add(dropAfter), nil
	}
	return t.st.Spoke.Add(nudgeAfter), nil
}

// Run repeats open questions until ctx ends. Several processes may do so: a message has the same id whoever makes it.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(nudgeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.Nudge(ctx); err != nil && ctx.Err() == nil {
				s.Log.Warn("open questions are not repeated for now", "error", err)
			}
		}
	}
}

// Nudge repeats or drops what is due now.
func (s *Service) Nudge(ctx context.Context) error {
	for {
		due, err := s.Store.DueDialogues(ctx, s.Real(), nudgeBatch)
		if err != nil {
			return err
		}
		for i := range due {
			if err := s.nudge(ctx, &due[i]); err != nil && !models.Changed.Is(err) { // the citizen spoke meanwhile
				return err
			}
		}
		if len(due) < nudgeBatch {
			return nil
		}
	}
}

// nudge says what is due in one dialogue, and then notes that it did: done twice it says it once.
func (s *Service) nudge(ctx context.Context, d *models.Dialogue) error {
	st := readState(d.State)
	t, err := s.turn(ctx, models.Inbound{Channel: models.ChannelSMS, Phone: st.Phone}, st)
	if err != nil {
		return err
	}
	t.settle(false) // a household that is gone is asked nothing
	if d.DueAt, err = t.due(); err != nil {
		return err
	}
	if d.DueAt.After(s.Real()) || d.DueAt.IsZero() {
		d.State = st.bytes()
		return s.Store.RewriteDialogue(ctx, d)
	}
	about, text := st.Conv+"|dropped", t.pages(view{text: t.text("sms.dropped", nil), end: true}, "")[0].text
	if st.Nudged {
		st.drop()
		st.to(stepHome)
	} else {
		st.to(st.Open)
		t.note = t.text("sms.reminded", nil)
		reply, err := t.show()
		if err != nil {
			return err
		}
		about, text = st.Conv+"|"+st.Spoke.Format(time.RFC3339Nano), reply.Text
		st.Nudged = true
	}
	now := s.Now()
	err = s.Outbox.Enqueue(ctx, models.Message{
		ID: models.TimeID(st.Spoke, about+"|"+d.ID), Kind: models.MessageDialogue, Lane: models.LaneNormal, Route: models.RouteSMS, Lang: st.Lang,
		To: st.Phone, Text: text, State: models.MessagePending, CreatedAt: now, DueAt: now, ExpiresAt: now.Add(nudgeLasts),
	})
	if err != nil {
		return err
	}
	d.State = st.bytes()
	if d.DueAt, err = t.due(); err != nil {
		return err
	}
	return s.Store.RewriteDialogue(ctx, d)
}
