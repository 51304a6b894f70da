package followup

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/rules"
	"khaibao/models"
)

const (
	batchSize   = 500
	turnsAtOnce = 2  // shards that one process works on side by side
	hands       = 64 // cases that one batch changes side by side: an engine puts their reads and writes together
	adoptEvery  = time.Minute
	// reminderLasts is how long a reminder is worth sending; the next step comes later than that or quiet hours begin.
	reminderLasts = 4 * time.Hour
)

// Run climbs ladders until ctx ends, and gives its shards back then. Processes share the work shard by shard; the shard of
// one that was killed is free when its lease ends.
func (s *Service) Run(ctx context.Context) error {
	defer s.leases.giveBack(ctx, s)
	var adopted time.Time
	for ctx.Err() == nil {
		var err error
		if time.Since(adopted) > adoptEvery { // at the start, and again while a server of an older version may still write
			err = s.adopt(ctx)
			adopted = time.Now()
		}
		n := 0
		if err == nil {
			n, err = s.Round(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("follow-up delayed", "error", err)
		}
		if err != nil || n == 0 {
			s.pause(ctx)
		}
	}
	return nil
}

// Wake makes the scheduler look at once: the domain's clock was moved.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Service) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.wake:
	case <-time.After(s.Idle):
	}
}

func (s *Service) adopt(ctx context.Context) error {
	for {
		n, err := s.Store.AdoptFollowUps(ctx, batchSize)
		if err != nil || n == 0 {
			return err
		}
	}
}

// Round goes once through the shards in which something is due, in any order, takes the steps that are due there, and
// tells how many plans moved on. What goes wrong in one shard holds up no other. Looking costs one read, and a lease is
// only asked for where there is something to do.
func (s *Service) Round(ctx context.Context) (int, error) {
	shards, err := s.Store.DueShards(ctx, s.Now())
	if err != nil {
		return 0, err
	}
	rand.Shuffle(len(shards), func(i, j int) { shards[i], shards[j] = shards[j], shards[i] }) // other processes begin elsewhere
	var moved atomic.Int64
	var group errgroup.Group
	group.SetLimit(turnsAtOnce)
	for _, shard := range shards {
		group.Go(func() error {
			n, err := s.turn(ctx, shard)
			moved.Add(int64(n))
			return err
		})
	}
	err = group.Wait()
	return int(moved.Load()), err
}

// turn works on one shard until nothing is due in it, unless another process does.
func (s *Service) turn(ctx context.Context, shard int) (moved int, err error) {
	var last *models.FollowUp // what was read is left behind, so that one plan that is stuck holds up no other
	for ctx.Err() == nil {
		if held, err := s.leases.hold(ctx, s, shard); err != nil || !held {
			return moved, err
		}
		due, err := s.Store.DueFollowUps(ctx, shard, s.Now(), last, batchSize)
		if err != nil || len(due) == 0 {
			return moved, err
		}
		end := due[len(due)-1] // before it moves on
		last = &end
		n, err := s.batch(ctx, due)
		moved += n
		if err != nil || len(due) < batchSize {
			return moved, err
		}
	}
	return moved, ctx.Err()
}

// batch takes the steps of plans that are due. Their consequences come first, and each bears to come again: a crash
// before the plans are written repeats them without harm.
func (s *Service) batch(ctx context.Context, due []models.FollowUp) (moved int, err error) {
	var reminders []models.Message
	heard := map[*models.FollowUp][]func(context.Context) error{} // what the plan's case has to hear, in order
	for i := range due {
		f := &due[i]
		if !f.Running() {
			heard[f] = append(heard[f], func(ctx context.Context) error { return s.Ended(ctx, f.Account, f.PersonID, f.Program) })
			f.NextAt = time.Time{}
			continue
		}
		for _, t := range s.advance(f) {
			switch {
			case t.do == rules.StepOfficial:
				heard[f] = append(heard[f], func(ctx context.Context) error { return s.Missed(ctx, f.Account, f.PersonID, f.Program, t.Slot) })
			case !f.Running(): // nobody is reminded after the end
			case t.do == rules.StepSMS:
				reminders = s.remind(reminders, f, t, models.MessageReminderSMS, models.RouteSMS)
			default:
				reminders = s.remind(reminders, f, t, models.MessageReminder, models.RoutePush)
			}
		}
	}
	if len(reminders) > 0 {
		if err := s.Store.Enqueue(ctx, reminders...); err != nil {
			return 0, err
		}
		s.Enqueued(reminders...)
	}
	stuck, err := s.tellCases(ctx, heard)
	if err != nil {
		return 0, err
	}
	after := make([]*models.FollowUp, 0, len(due))
	for i := range due {
		if !stuck[&due[i]] {
			after = append(after, &due[i])
		}
	}
	changed, err := s.Store.SaveFollowUps(ctx, after) // one that changed was answered or ended: it is looked at again
	if err != nil {
		return 0, err
	}
	return len(after) - len(changed), nil
}

// tellCases carries what happened to plans into their cases. It gives the plans for which that cannot be done: they stay due.
func (s *Service) tellCases(ctx context.Context, heard map[*models.FollowUp][]func(context.Context) error) (stuck map[*models.FollowUp]bool, err error) {
	stuck = map[*models.FollowUp]bool{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(hands)
	for f, steps := range heard {
		group.Go(func() error {
			for _, step := range steps {
				err := step(ctx)
				if models.Unavailable.Is(err) || ctx.Err() != nil {
					return err
				}
				if err != nil {
					s.Log.Error("a case cannot be told of its follow-up", "program", f.Program, "version", f.Version, "error", err)
					mu.Lock()
					stuck[f] = true
					mu.Unlock()
					return nil
				}
			}
			return nil
		})
	}
	return stuck, group.Wait()
}

// remind adds the message of a step, unless it comes too late: after a standstill an old one is skipped, not sent late.
func (s *Service) remind(to []models.Message, f *models.FollowUp, t taken, kind models.MessageKind, route models.Route) []models.Message {
	m := reminder(f, t, kind, route)
	if !s.Now().Before(m.ExpiresAt) {
		return to
	}
	return append(to, m)
}
