package broadcast

import (
	"context"
	"time"

	"khaibao/models"
)

const (
	// ahead is how many chunks are under way at once: while the last sends of one end, the next are read and begun.
	ahead = 3
	// smsAfter is how long a push is given before SMS takes over, where the broadcast goes by SMS too.
	smsAfter = 30 * time.Minute
)

// chunk is a part of an audience.
type chunk struct {
	last     string           // its last account
	there    models.Progress  // those that have the message already, counted by its state
	messages []models.Message // for the others
	sent     chan error
}

// next reads the chunk after a cursor; nil at the end.
func (s *Service) next(ctx context.Context, b *models.Broadcast, cursor string) (*chunk, error) {
	accounts, err := s.Store.Recipients(ctx, b.Audience(), cursor, s.Chunk)
	if err != nil || len(accounts) == 0 {
		return nil, err
	}
	have, err := s.Store.BroadcastStates(ctx, b, accounts)
	if err != nil {
		return nil, err
	}
	c := &chunk{last: accounts[len(accounts)-1], there: models.Progress{}, sent: make(chan error, 1)}
	now := s.Now()
	for _, account := range accounts {
		if state, told := have[account]; told {
			c.there[state]++
			continue
		}
		c.messages = append(c.messages, message(b, account, now))
	}
	return c, nil
}

// message is what one household gets. Its id follows from the broadcast, so that a household has it once.
func message(b *models.Broadcast, account string, now time.Time) models.Message {
	m := models.Message{
		ID: b.MessageID(), Account: account, Kind: models.MessageBroadcast, Lane: models.LaneBulk, Route: models.RoutePush,
		Broadcast: b.ID, Anytime: b.Urgent, State: models.MessagePending, CreatedAt: b.StartedAt, DueAt: now, ExpiresAt: b.ExpiresAt,
	}
	if b.SMS {
		m.SMSAt = now.Add(smsAfter)
	}
	return m
}

// tell sends chunk after chunk, several at once, and writes down each in its turn: cursor and numbers in one write. It
// stops at the end, when the broadcast is cancelled or has to wait, and when ctx ends.
func (s *Service) tell(ctx context.Context, b *models.Broadcast) error {
	ctx, stop := context.WithCancel(ctx)
	t := &telling{Service: s, b: b, read: b.Cursor, more: true}
	defer t.drop() // what is under way is sent or not, and counted by whoever goes on
	defer stop()
	go s.watch(ctx, b.ID, stop)
	for {
		if err := t.begin(ctx); err != nil {
			return err
		}
		switch {
		case len(t.under) > 0:
			if err := t.finish(ctx); err != nil {
				return err
			}
		case t.more: // enough SMS wait
			return nil
		default:
			if err := s.passed(ctx, b, theEnd, nil); err != nil {
				return err
			}
			return s.settle(ctx, b)
		}
		if s.mustWait(b) || !s.Now().Before(b.ExpiresAt) {
			return nil
		}
	}
}

// telling is a broadcast on its way through its audience.
type telling struct {
	*Service
	b     *models.Broadcast
	under []*chunk // being sent, in order
	read  string   // the last account that was read
	more  bool     // there may be others behind it
	gone  int64    // how many of those that were counted as pending have gone since
}

// begin reads and sends chunks until enough are under way.
func (t *telling) begin(ctx context.Context) error {
	for t.more && len(t.under) < ahead {
		if crowded, err := t.crowded(ctx); crowded || err != nil {
			return err
		}
		c, err := t.next(ctx, t.b, t.read)
		if err != nil {
			return err
		}
		if t.more = c != nil; t.more {
			t.read, t.under = c.last, append(t.under, c)
			go func() { c.sent <- t.Send(ctx, c.messages) }()
		}
	}
	return nil
}

// crowded tells whether as many of the broadcast's messages wait in the outbox as may: those that go by SMS, at the
// gateway's pace. Pushes do not wait there.
func (t *telling) crowded(ctx context.Context) (bool, error) {
	if t.b.Counted[models.MessagePending]-t.gone <= t.Backlog {
		return false, nil
	}
	progress, err := t.Store.Progress(ctx, t.b)
	t.gone = t.b.Counted[models.MessagePending] - progress[models.MessagePending]
	return progress[models.MessagePending] > t.Backlog, err
}

// finish waits for the first of the chunks under way and writes it down.
func (t *telling) finish(ctx context.Context) error {
	c := t.under[0]
	err := <-c.sent
	t.under = t.under[1:]
	if err != nil {
		return err
	}
	return t.passed(ctx, t.b, c.last, c.numbers())
}

func (t *telling) drop() {
	for _, c := range t.under {
		<-c.sent
	}
}

// numbers counts a chunk that is done.
func (c *chunk) numbers() models.Progress {
	for i := range c.messages {
		c.there[c.messages[i].State]++
	}
	return c.there
}

// passed moves the cursor on, and the numbers with it.
func (s *Service) passed(ctx context.Context, b *models.Broadcast, cursor string, counted models.Progress) error {
	now, err := s.Store.ChangeBroadcast(ctx, b.ID, func(now *models.Broadcast) ([]models.Effect, error) {
		if now.Cursor != b.Cursor || now.Status != models.BroadcastRunning {
			return nil, errLost
		}
		now.Cursor = cursor
		count(now, counted)
		return nil, nil
	})
	if err == nil {
		*b = now
	}
	return err
}

// watch ends what is under way soon after the broadcast was cancelled, by whatever process.
func (s *Service) watch(ctx context.Context, id string, stop func()) {
	tick := time.NewTicker(s.Idle)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if b, err := s.Store.Broadcast(ctx, id); err == nil && b.Status != models.BroadcastRunning {
			stop()
			return
		}
	}
}
