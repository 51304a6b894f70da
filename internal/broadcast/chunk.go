package broadcast

import (
	"context"
	"time"

	"khaibao/models"
)

const (
	// chunkSize is how many households are read, told and counted together.
	chunkSize = 500
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
	accounts, err := s.Store.Recipients(ctx, b.Audience(), cursor, chunkSize)
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
// stops at the end, when the broadcast is cancelled, and when ctx ends.
func (s *Service) tell(ctx context.Context, b *models.Broadcast) (err error) {
	ctx, stop := context.WithCancel(ctx)
	var under []*chunk
	defer func() { // what is under way is sent or not, and counted by whoever goes on
		stop()
		for _, c := range under {
			<-c.sent
		}
	}()
	go s.watch(ctx, b.ID, stop)
	read, more := b.Cursor, true
	for {
		for more && len(under) < ahead {
			c, err := s.next(ctx, b, read)
			if err != nil {
				return err
			}
			if more = c != nil; !more {
				break
			}
			read = c.last
			under = append(under, c)
			go func() { c.sent <- s.Send(ctx, c.messages) }()
		}
		if len(under) == 0 {
			if err := s.passed(ctx, b, theEnd, nil); err != nil {
				return err
			}
			return s.settle(ctx, b)
		}
		first := under[0]
		if err := <-first.sent; err != nil {
			under = under[1:]
			return err
		}
		under = under[1:]
		if err := s.passed(ctx, b, first.last, first.numbers()); err != nil {
			return err
		}
		if s.mustWait(b) || !s.Now().Before(b.ExpiresAt) {
			return nil
		}
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
