package followup

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/rules"
	"khaibao/models"
)

// Store is what plans are kept in.
type Store interface {
	// UpsertFollowUp changes a plan, making it at need; change says whether it changed anything.
	UpsertFollowUp(ctx context.Context, account, person, program string, change func(*models.FollowUp) bool) error
	// SaveFollowUps writes plans that were read before; changed are the positions of those that somebody else wrote meanwhile.
	SaveFollowUps(ctx context.Context, plans []*models.FollowUp) (changed []int, err error)
	FollowUp(ctx context.Context, account, person, program string) (models.FollowUp, error)
	// DueFollowUps gives plans that need somebody by a moment, the longest due first.
	DueFollowUps(ctx context.Context, now time.Time, limit int) ([]models.FollowUp, error)
	FollowUpsOf(ctx context.Context, account string) ([]models.FollowUp, error)
	Enqueue(ctx context.Context, messages ...models.Message) error
	Lease(ctx context.Context, work, owner string, length time.Duration) (bool, error)
	Release(ctx context.Context, work, owner string) error
}

// Config is what a Service is made of.
type Config struct {
	Store    Store
	Programs *rules.Catalog
	// Missed puts a person into the officials' queue: an update that was due then has not come.
	Missed func(ctx context.Context, account, person, program string, since time.Time) error
	// Enqueued is called after messages were kept.
	Enqueued func()
	Now      func() time.Time // the domain's clock
	Owner    string           // of the leases
	Log      *slog.Logger
	Idle     time.Duration // how long to wait before looking again; a second by default
}

// Service keeps plans and climbs ladders. It is safe for concurrent use.
type Service struct{ Config }

// New gives a ready service.
func New(c Config) *Service {
	if c.Enqueued == nil {
		c.Enqueued = func() {}
	}
	if c.Idle == 0 {
		c.Idle = time.Second
	}
	return &Service{c}
}

// Apply carries a kept declaration or update into the person's plan. Applying the same one again changes nothing.
func (s *Service) Apply(ctx context.Context, d *models.Declaration) error {
	program, ok := s.Programs.Version(d.Program, d.Version)
	if !ok {
		return nil
	}
	return s.Store.UpsertFollowUp(ctx, d.Account, d.PersonID, d.Program, func(f *models.FollowUp) bool {
		if running, ok := s.Programs.Version(f.Program, f.Version); ok && f.Running() {
			return follow(running, f, d)
		}
		return follow(program, f, d)
	})
}

// Planned tells whether a declaration's level has a plan.
func (s *Service) Planned(d *models.Declaration) bool {
	program, ok := s.Programs.Version(d.Program, d.Version)
	if !ok {
		return false
	}
	_, planned := program.Plan(d.Decision.Level)
	return planned
}

// End ends the plans of a household, or those of one person when personID is not empty, or under one program.
func (s *Service) End(ctx context.Context, account, personID, program string, reason models.EndReason) error {
	all, err := s.Store.FollowUpsOf(ctx, account)
	if err != nil {
		return err
	}
	for _, f := range all {
		if !f.Running() || (personID != "" && f.PersonID != personID) || (program != "" && f.Program != program) {
			continue
		}
		err := s.Store.UpsertFollowUp(ctx, account, f.PersonID, f.Program, func(f *models.FollowUp) bool {
			if !f.Running() {
				return false
			}
			end(f, s.Now(), reason)
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Wanted tells whether a reminder is still worth sending: the update has not come and the plan runs. It is asked right
// before the sending, so that an answer in between stops it.
func (s *Service) Wanted(ctx context.Context, m *models.Message) (bool, error) {
	f, err := s.Store.FollowUp(ctx, m.Account, m.PersonID, m.Program)
	if models.NotFound.Is(err) {
		return false, nil
	}
	return err == nil && f.Running() && f.AnsweredTo.Before(m.Slot), err
}

const (
	lease       = "followup"
	leaseLength = 15 * time.Second
	batchSize   = 256
	hands       = 8
	// reminderLasts is how long a reminder is worth sending; the next step comes later than that or quiet hours begin.
	reminderLasts = 4 * time.Hour
)

// Run climbs ladders until ctx ends; one process at a time does.
func (s *Service) Run(ctx context.Context) error {
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := s.Store.Release(ctx, lease, s.Owner); err != nil {
			s.Log.Warn("lease not given back", "work", lease, "error", err)
		}
	}()
	for ctx.Err() == nil {
		held, err := s.Store.Lease(ctx, lease, s.Owner, leaseLength)
		n := 0
		if held && err == nil {
			n, err = s.Round(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("follow-up delayed", "error", err)
		}
		if err != nil || n == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(s.Idle):
			}
		}
	}
	return nil
}

// Round takes the steps of one batch of plans that are due and tells how many.
func (s *Service) Round(ctx context.Context) (int, error) {
	due, err := s.Store.DueFollowUps(ctx, s.Now(), batchSize)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	var mu sync.Mutex
	var reminders []models.Message
	var after []*models.FollowUp
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(hands)
	for i := range due {
		group.Go(func() error {
			message, err := s.step(inner, &due[i])
			mu.Lock()
			defer mu.Unlock()
			if message != nil && s.Now().Before(message.ExpiresAt) { // after a standstill an old one is skipped, not sent late
				reminders = append(reminders, *message)
			}
			after = append(after, &due[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	// The messages come first, under ids of their own: a crash before the plans are written repeats them without harm.
	if len(reminders) > 0 {
		if err := s.Store.Enqueue(ctx, reminders...); err != nil {
			return 0, err
		}
		s.Enqueued()
	}
	// A plan that changed meanwhile was answered or ended: it is looked at again.
	_, err = s.Store.SaveFollowUps(ctx, after)
	return len(due), err
}

// step takes the next step of one plan, or ends it. What is to be sent is given back.
func (s *Service) step(ctx context.Context, f *models.FollowUp) (*models.Message, error) {
	program, ok := s.Programs.Version(f.Program, f.Version)
	plan, has := rules.Plan{}, false
	if ok {
		plan, has = program.Plan(f.Level)
	}
	if !has {
		s.Log.Error("a follow-up has lost its plan", "program", f.Program, "version", f.Version)
		end(f, s.Now(), models.EndPeriodOver)
		return nil, nil
	}
	point, ok := next(plan, program.Ladder(), f)
	if !ok || point.At.After(s.Now()) {
		if !s.Now().Before(f.EndsAt) {
			end(f, f.EndsAt, models.EndPeriodOver)
			return nil, nil
		}
		schedule(program, f)
		return nil, nil
	}
	f.Climbed = point
	schedule(program, f)
	switch program.Ladder().Steps[point.Step].Do {
	case rules.StepOfficial:
		return nil, s.Missed(ctx, f.Account, f.PersonID, f.Program, point.Slot)
	case rules.StepSMS:
		return s.reminder(f, program, point, models.MessageReminderSMS, models.RouteSMS), nil
	default:
		return s.reminder(f, program, point, models.MessageReminder, models.RoutePush), nil
	}
}

// reminder asks for the update of a step. It expires before the quiet hours: nobody is disturbed by a late one.
func (s *Service) reminder(f *models.FollowUp, program *rules.Program, point models.LadderPoint, kind models.MessageKind, route models.Route) *models.Message {
	expires := point.At.Add(reminderLasts)
	if quiet := quietAfter(program.Ladder(), point.At); quiet.Before(expires) {
		expires = quiet
	}
	return &models.Message{
		ID: models.TimeID(point.At, fmt.Sprintf("%s|%s|%d|%d", f.PersonID, f.Program, point.Slot.UnixMilli(), point.Step)), Account: f.Account, Kind: kind, Lane: models.LaneNormal, Route: route, Program: f.Program, PersonID: f.PersonID,
		Slot: point.Slot, State: models.MessagePending, CreatedAt: point.At, DueAt: point.At, ExpiresAt: expires,
	}
}
