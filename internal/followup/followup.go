package followup

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"khaibao/internal/rules"
	"khaibao/models"
)

// Store is what plans are kept in.
type Store interface {
	// UpsertFollowUp changes a plan, making it at need; change says whether it changed anything.
	UpsertFollowUp(ctx context.Context, account, person, program string, change func(*models.FollowUp) bool) error
	// SaveFollowUps writes plans that were read before; changed are the positions of those that somebody else wrote meanwhile.
	SaveFollowUps(ctx context.Context, plans []*models.FollowUp) (changed []int, err error)
	// DueShards gives the shards in which a plan needs somebody by a moment.
	DueShards(ctx context.Context, now time.Time) ([]int, error)
	// DueFollowUps gives plans of a shard that need somebody by a moment, the longest due first, beginning behind after.
	DueFollowUps(ctx context.Context, shard int, now time.Time, after *models.FollowUp, limit int) ([]models.FollowUp, error)
	// AdoptFollowUps gives a shard to plans that have none, and tells how many it found.
	AdoptFollowUps(ctx context.Context, limit int) (int, error)
	FollowUpsOf(ctx context.Context, account string) ([]models.FollowUp, error)
	// PendingOf gives declarations of an account that are kept and not yet carried into plans and cases.
	PendingOf(ctx context.Context, account string, form models.Form) ([]models.Declaration, error)
	Account(ctx context.Context, id string) (*models.Account, error)
	// CaseClosedAt gives when an official closed the person's case; zero when it is open or there is none.
	CaseClosedAt(ctx context.Context, account, person, program string) (time.Time, error)
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
	// Ended tells a person's case that the plan ended by itself: its days are over, or the level fell.
	Ended func(ctx context.Context, account, person, program string) error
	// Enqueued hears of messages that were kept.
	Enqueued func(...models.Message)
	Now      func() time.Time // the domain's clock
	Owner    string           // of the leases
	Log      *slog.Logger
	Idle     time.Duration // how long to wait before looking again; a second by default
}

// Service keeps plans and climbs ladders. It is safe for concurrent use.
type Service struct {
	Config
	wake   chan struct{}
	leases leases
}

// New gives a ready service.
func New(c Config) *Service {
	if c.Enqueued == nil {
		c.Enqueued = func(...models.Message) {}
	}
	if c.Idle == 0 {
		c.Idle = time.Second
	}
	return &Service{Config: c, wake: make(chan struct{}, 1), leases: leases{until: map[int]time.Time{}}}
}

// Apply carries a kept declaration or update into the person's plan. Applying the same one again changes nothing.
func (s *Service) Apply(ctx context.Context, d *models.Declaration) error {
	begun := false
	err := s.Store.UpsertFollowUp(ctx, d.Account, d.PersonID, d.Program, func(f *models.FollowUp) bool {
		ran := f.Running()
		changed := s.follow(f, d)
		begun = !ran && f.Running()
		return changed
	})
	if err != nil || !begun {
		return err
	}
	// A household may have been erased, or the person removed, before there was a plan that this could have ended.
	there, err := s.there(ctx, d.Account, d.PersonID)
	if err != nil || there {
		return err
	}
	return s.End(ctx, d.Account, d.PersonID, "", models.EndWithdrawn, s.Now())
}

// follow carries a declaration into a plan, by the program of each; without the former it cannot.
func (s *Service) follow(f *models.FollowUp, d *models.Declaration) bool {
	program, ok := s.Programs.Version(d.Program, d.Version)
	if !ok {
		return false
	}
	running, ok := s.Programs.Version(f.Program, f.Version)
	if !ok {
		running = program
	}
	return follow(running, program, f, d)
}

// there tells whether somebody still belongs to the household.
func (s *Service) there(ctx context.Context, account, person string) (bool, error) {
	a, err := s.Store.Account(ctx, account)
	if models.NotFound.Is(err) || (err == nil && a.Erased()) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, ok := a.Person(person)
	return ok, nil
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

// End ends the plans of a household, or those of one person when personID is not empty, or under one program. at is when
// what ends them happened: an official's closing of a case ends no plan of somebody who was flagged again since.
func (s *Service) End(ctx context.Context, account, personID, program string, reason models.EndReason, at time.Time) error {
	if at.IsZero() {
		at = s.Now()
	}
	all, err := s.Store.FollowUpsOf(ctx, account)
	if err != nil {
		return err
	}
	for _, f := range all {
		if (personID != "" && f.PersonID != personID) || (program != "" && f.Program != program) {
			continue
		}
		err := s.Store.UpsertFollowUp(ctx, account, f.PersonID, f.Program, func(f *models.FollowUp) bool {
			if !f.Running() || (reason == models.EndClosed && !closedBy(f, at)) {
				return false
			}
			end(f, at, reason)
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Wanted tells whether a reminder is still worth sending: somebody of the household owes the update that it asks for. It
// is asked right before the sending and looks at what was acknowledged, whether or not it has been carried into plans
// already: after an update, a removal or an official's closing of the case nothing more is sent.
func (s *Service) Wanted(ctx context.Context, m *models.Message) (bool, error) {
	plans, err := s.Store.FollowUpsOf(ctx, m.Account)
	if err != nil {
		return false, err
	}
	plans = slices.DeleteFunc(plans, func(f models.FollowUp) bool { return f.Program != m.Program || !s.owes(&f, m.Slot) })
	if len(plans) == 0 {
		return false, nil
	}
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		pending, err := s.Store.PendingOf(ctx, m.Account, form)
		if err != nil {
			return false, err
		}
		for i := range pending {
			for p := range plans {
				if f := &plans[p]; f.PersonID == pending[i].PersonID && f.Program == pending[i].Program {
					s.follow(f, &pending[i])
				}
			}
		}
	}
	for i := range plans {
		if wanted, err := s.wanted(ctx, &plans[i], m.Slot); wanted || err != nil {
			return wanted, err
		}
	}
	return false, nil
}

func (s *Service) wanted(ctx context.Context, f *models.FollowUp, slot time.Time) (bool, error) {
	if !s.owes(f, slot) {
		return false, nil
	}
	if there, err := s.there(ctx, f.Account, f.PersonID); !there || err != nil {
		return false, err
	}
	closed, err := s.Store.CaseClosedAt(ctx, f.Account, f.PersonID, f.Program)
	return err == nil && !closedBy(f, closed), err
}

func (s *Service) owes(f *models.FollowUp, slot time.Time) bool {
	_, plan, ok := s.plan(f)
	return ok && owes(plan, f, slot) && s.Now().Before(f.EndsAt)
}

// plan gives what a person is on: the plan of the version that decided or, when its file is gone, today's.
func (s *Service) plan(f *models.FollowUp) (*rules.Program, rules.Plan, bool) {
	program, ok := s.Programs.Version(f.Program, f.Version)
	if !ok {
		program, ok = s.Programs.Current(f.Program, s.Now())
	}
	if !ok {
		return nil, rules.Plan{}, false
	}
	plan, ok := program.Plan(f.Level)
	return program, plan, ok
}

// taken is a step that was taken, and what it does.
type taken struct {
	models.LadderPoint
	do      string
	expires time.Time // when its message is worth nothing any more
}

// lost is how long a plan rests whose program is gone: nobody is forgotten, and it goes on when the file is back.
const lost = 24 * time.Hour

// advance takes every step of a plan that is due, in order, and ends the plan when its days are over.
func (s *Service) advance(f *models.FollowUp) []taken {
	program, plan, ok := s.plan(f)
	if !ok {
		s.Log.Error("a follow-up has lost its plan", "program", f.Program, "version", f.Version)
		f.NextAt = s.Now().Add(lost)
		return nil
	}
	return climb(plan, program.Ladder(), f, s.Now())
}

// reminder asks for the update of a step. It speaks to the household: whoever of it owes the same update under the same
// program has the same message, so that a family is not reminded once for each of its members.
func reminder(f *models.FollowUp, t taken, kind models.MessageKind, route models.Route) models.Message {
	return models.Message{
		ID: models.TimeID(t.At, fmt.Sprintf("%s|%d|%d", f.Program, t.Slot.UnixMilli(), t.Step)), Account: f.Account, Kind: kind, Lane: models.LaneNormal, Route: route, Program: f.Program,
		Slot: t.Slot, State: models.MessagePending, CreatedAt: t.At, DueAt: t.At, ExpiresAt: t.expires,
	}
}
