package broadcast

import (
	"context"
	"errors"
	"sync"
	"time"

	"khaibao/internal/rules"
	"khaibao/models"
)

// Wake makes the worker look at once.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run carries broadcasts out until ctx ends, each beside the others, so that a commune's alert does not wait for the
// nation's. Several processes share them by leases.
func (s *Service) Run(ctx context.Context) error {
	var carrying sync.WaitGroup
	defer carrying.Wait()
	here := &inHand{ids: map[string]bool{}}
	for round := 0; ctx.Err() == nil; round++ {
		active, err := s.Store.ActiveBroadcasts(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("broadcasts delayed", "error", err)
		}
		for _, b := range active {
			rests := b.Cursor == theEnd && round%restRounds != 0
			if rests || s.mustWait(&b) || !here.take(b.ID) {
				continue
			}
			carrying.Go(func() {
				defer here.release(b.ID)
				s.carry(ctx, b.ID)
			})
		}
		s.idle(ctx)
	}
	return nil
}

const (
	// together is how many broadcasts a process carries out at the same time.
	together = 16
	// restRounds is how many looks pass between two at a broadcast that only waits for its last messages.
	restRounds = 10
)

// inHand are the broadcasts that this process carries out now.
type inHand struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (h *inHand) take(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ids[id] || len(h.ids) >= together {
		return false
	}
	h.ids[id] = true
	return true
}

func (h *inHand) release(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.ids, id)
}

func (s *Service) idle(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.wake:
	case <-time.After(s.Idle):
	}
}

// mustWait tells whether a broadcast rests now: in quiet hours nothing is begun, and nothing is kept for the morning but
// the cursor.
func (s *Service) mustWait(b *models.Broadcast) bool {
	now := s.Now()
	free := b.Urgent || s.NoQuiet || b.Status != models.BroadcastRunning || b.Cursor == theEnd || !now.Before(b.ExpiresAt)
	return !free && rules.DefaultQuiet.End(now).After(now)
}

// carry does for one broadcast what is to be done now, while its lease is held.
func (s *Service) carry(ctx context.Context, id string) {
	work := "broadcast/" + id
	held, err := s.Store.Lease(ctx, work, s.Owner, s.LeaseLength)
	if err == nil && held {
		err = s.whileHeld(ctx, work, func(ctx context.Context) error { return s.step(ctx, id) })
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		err = errors.Join(err, s.Store.Release(release, work, s.Owner))
	}
	if err != nil && !errors.Is(err, errLost) && !errors.Is(err, context.Canceled) {
		s.Log.Warn("broadcast delayed", "broadcast", id, "error", err)
	}
}

// errLost: the broadcast is no longer ours, or no longer runs.
var errLost = errors.New("broadcast: somebody else goes on with it")

// whileHeld runs do and renews the lease beside it. Do's context ends when the lease may end within a third of its
// length, which is longer than a send may take.
func (s *Service) whileHeld(ctx context.Context, work string, do func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	lost := time.AfterFunc(s.LeaseLength*2/3, func() { stop(errLost) })
	defer lost.Stop()
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	renew := time.NewTicker(s.LeaseLength / 5)
	defer renew.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-renew.C:
			asked := time.Now()
			held, err := s.Store.Lease(ctx, work, s.Owner, s.LeaseLength)
			if err == nil && !held {
				stop(errLost)
			} else if err == nil {
				lost.Reset(s.LeaseLength*2/3 - time.Since(asked))
			}
		}
	}
}

// step goes on with a broadcast as far as it gets now: until the end, or until it has to wait.
func (s *Service) step(ctx context.Context, id string) error {
	b, err := s.Store.Broadcast(ctx, id)
	switch {
	case err != nil || !b.Active:
		return err
	case b.Status == models.BroadcastCancelled:
		return s.close(ctx, &b, models.BroadcastCancelled)
	case b.Cursor == theEnd:
		return s.settle(ctx, &b)
	case !s.Now().Before(b.ExpiresAt):
		return s.close(ctx, &b, models.BroadcastExpired)
	}
	return s.tell(ctx, &b)
}

// theEnd is the cursor of a broadcast whose audience has been gone through; it sorts behind every account.
const theEnd = "~"

// settle ends a broadcast none of whose messages waits any more. None waits for longer than the broadcast lasts.
func (s *Service) settle(ctx context.Context, b *models.Broadcast) error {
	if b.Counted[models.MessagePending] > 0 {
		progress, err := s.Store.Progress(ctx, b)
		if err != nil || progress[models.MessagePending] > 0 {
			return err
		}
	}
	return s.end(ctx, b.ID, models.BroadcastDone, nil)
}

// close ends a broadcast that does not go on. What the chunks that were under way have sent is counted first.
func (s *Service) close(ctx context.Context, b *models.Broadcast, status models.BroadcastStatus) error {
	counted := models.Progress{}
	cursor := b.Cursor
	for range ahead + 1 { // one more, should the audience have grown meanwhile
		c, err := s.next(ctx, b, cursor)
		if err != nil {
			return err
		}
		if c == nil {
			break
		}
		cursor = c.last
		for state, n := range c.there {
			counted[state] += n
		}
	}
	return s.end(ctx, b.ID, status, counted)
}

// end writes the last word.
func (s *Service) end(ctx context.Context, id string, status models.BroadcastStatus, counted models.Progress) error {
	_, err := s.Store.ChangeBroadcast(ctx, id, func(b *models.Broadcast) ([]models.Effect, error) {
		if !b.Active {
			return nil, models.ErrUnchanged
		}
		if b.Status == models.BroadcastRunning {
			b.Status = status
		}
		b.Active, b.EndedAt = false, s.Now()
		count(b, counted)
		return nil, nil
	})
	return err
}

func count(b *models.Broadcast, more models.Progress) {
	if b.Counted == nil && len(more) > 0 {
		b.Counted = map[models.MessageState]int64{}
	}
	for state, n := range more {
		b.Counted[state] += n
	}
}
