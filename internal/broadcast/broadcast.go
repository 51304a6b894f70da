// Package broadcast lets officials write one text to many households of their area: drafted with the number of its
// recipients, approved by a second official when there are many, started, watched, cancelled while it runs. A worker
// carries it out chunk by chunk; what it has done and where it goes on is one document.
package broadcast

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"khaibao/internal/areas"
	"khaibao/models"
)

// Store is what broadcasts are kept in.
type Store interface {
	// AddBroadcast keeps a draft: models.Conflict when the id is taken.
	AddBroadcast(ctx context.Context, b *models.Broadcast, effects []models.Effect) error
	Broadcast(ctx context.Context, id string) (models.Broadcast, error)
	// ChangeBroadcast changes a broadcast; change may return models.ErrUnchanged.
	ChangeBroadcast(ctx context.Context, id string, change func(*models.Broadcast) ([]models.Effect, error)) (models.Broadcast, error)
	// Broadcasts lists those whose area lies in a scope, newest first.
	Broadcasts(ctx context.Context, scope models.Area, page models.Page) ([]models.Broadcast, string, error)
	// Progress gives what became of the messages of the chunks that are done.
	Progress(ctx context.Context, b *models.Broadcast) (models.Progress, error)
	CountRecipients(ctx context.Context, audience models.Audience) (int64, error)
	// Recipients gives the accounts of an audience that come after one, in order; none at the end.
	Recipients(ctx context.Context, audience models.Audience, after string, limit int) ([]string, error)
	// BroadcastStates gives, of the accounts that have the message, the state that it is counted in. At most 1,000 accounts.
	BroadcastStates(ctx context.Context, b *models.Broadcast, accounts []string) (map[string]models.MessageState, error)
	// ActiveBroadcasts gives those that a worker has something to do for.
	ActiveBroadcasts(ctx context.Context) ([]models.Broadcast, error)
	// Lease takes or renews the right to a piece of work for a while; false when somebody else has it.
	Lease(ctx context.Context, work, owner string, length time.Duration) (bool, error)
	Release(ctx context.Context, work, owner string) error
}

// Config is what a Service is made of.
type Config struct {
	Store Store
	Areas *areas.Directory
	// Send carries messages that are not in the outbox yet as far as they get and keeps each there with where it stands,
	// which it also writes into the slice. After an error some are kept and others not.
	Send func(ctx context.Context, messages []models.Message) error
	// Changed is called after a change, so that its effects need not wait for the next look.
	Changed func()
	Now     func() time.Time // the domain's clock
	NewID   func() string
	Owner   string // of the leases
	Log     *slog.Logger
	// NoQuiet lets quiet hours hold nothing back: for demonstrations.
	NoQuiet bool
	// ApproveAbove is for how many recipients one official is enough; 10,000 by default.
	ApproveAbove int64
	// Chunk is how many households are read, told and counted together; 500 by default, 1,000 at most.
	Chunk int
	// Backlog is how many messages of a broadcast may wait in the outbox before more are made; 20,000 by default.
	Backlog int64
	// Idle is how long to wait before looking again; a second by default.
	Idle time.Duration
	// LeaseLength is how long a broadcast stays ours after a crash; 20 seconds by default.
	LeaseLength time.Duration
}

// Service writes to many. It is safe for concurrent use; run its worker once.
type Service struct {
	Config
	wake chan struct{}

	mu    sync.Mutex
	known map[string]known // what was read lately
}

// New gives a ready service.
func New(c Config) *Service {
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.ApproveAbove == 0 {
		c.ApproveAbove = 10_000
	}
	if c.Chunk == 0 {
		c.Chunk = 500
	}
	if c.Backlog == 0 {
		c.Backlog = 20_000
	}
	if c.Idle == 0 {
		c.Idle = time.Second
	}
	if c.LeaseLength == 0 {
		c.LeaseLength = 20 * time.Second
	}
	return &Service{Config: c, wake: make(chan struct{}, 1), known: map[string]known{}}
}

// View is a broadcast as officials see it.
type View struct {
	models.Broadcast
	ApprovalNeeded bool // it cannot start before a second official has approved it
}

func (s *Service) view(b models.Broadcast) View {
	return View{b, b.Status == models.BroadcastDraft && b.ApprovedBy == "" && b.Recipients > s.ApproveAbove}
}

// Preview counts the recipients that a draft would have, and says whether a second official would have to approve it.
func (s *Service) Preview(ctx context.Context, official models.Official, d Draft) (recipients int64, approval bool, err error) {
	b, err := s.audience(official, d)
	if err != nil {
		return 0, false, err
	}
	n, err := s.Store.CountRecipients(ctx, b.Audience())
	return n, n > s.ApproveAbove, err
}

// Create keeps a draft and tells whether it is new: the same official's same draft under the same id gives it as it is now.
func (s *Service) Create(ctx context.Context, official models.Official, d Draft) (View, bool, error) {
	b, err := s.Check(official, d)
	if err != nil {
		return View{}, false, err
	}
	if b.Recipients, err = s.Store.CountRecipients(ctx, b.Audience()); err != nil {
		return View{}, false, err
	}
	b.ID, b.Status, b.CreatedAt = d.ID, models.BroadcastDraft, s.Now()
	if b.ID == "" {
		b.ID = s.NewID()
	}
	err = s.Store.AddBroadcast(ctx, &b, s.audited(official, models.AuditDraftBroadcast, &b))
	if models.Conflict.Is(err) {
		return s.again(ctx, &b)
	}
	if err == nil {
		s.Changed()
	}
	return s.view(b), true, err
}

// again answers a draft whose id is there already.
func (s *Service) again(ctx context.Context, b *models.Broadcast) (View, bool, error) {
	known, err := s.Store.Broadcast(ctx, b.ID)
	if err != nil {
		return View{}, false, err
	}
	if !known.SameRequest(b) {
		return View{}, false, models.Fail(models.Conflict, "id_taken")
	}
	return s.view(known), false, nil
}

// Get gives a broadcast of the official's scope and what became of its messages so far.
func (s *Service) Get(ctx context.Context, official models.Official, id string) (View, models.Progress, error) {
	b, err := s.Store.Broadcast(ctx, id)
	if err == nil && !s.Areas.Holds(official.Area, b.Area) {
		err = models.ErrNotFound
	}
	if err != nil {
		return View{}, nil, err
	}
	progress, err := s.Store.Progress(ctx, &b)
	return s.view(b), progress, err
}

// List gives the broadcasts of the official's scope, newest first.
func (s *Service) List(ctx context.Context, official models.Official, page models.Page) ([]View, string, error) {
	found, next, err := s.Store.Broadcasts(ctx, official.Area, page)
	views := make([]View, len(found))
	for i, b := range found {
		views[i] = s.view(b)
	}
	return views, next, err
}

// Approve is a second official's consent to what it says and whom it goes to, which do not change after it was drafted.
func (s *Service) Approve(ctx context.Context, official models.Official, id string) (View, error) {
	return s.change(ctx, official, id, models.AuditApproveBroadcast, func(b *models.Broadcast) error {
		switch {
		case b.Author == official.Login:
			return models.Fail(models.Forbidden, "own_broadcast")
		case b.ApprovedBy != "":
			return models.ErrUnchanged
		case b.Status != models.BroadcastDraft:
			return models.Fail(models.Conflict, "broadcast_not_draft")
		}
		b.ApprovedBy, b.ApprovedAt = official.Login, s.Now()
		return nil
	})
}

// Start counts the recipients again and lets the worker begin.
func (s *Service) Start(ctx context.Context, official models.Official, id string) (View, error) {
	b, err := s.Store.Broadcast(ctx, id)
	if err == nil && !s.Areas.Holds(official.Area, b.Area) {
		err = models.ErrNotFound
	}
	if err != nil {
		return View{}, err
	}
	recipients, err := s.Store.CountRecipients(ctx, b.Audience())
	if err != nil {
		return View{}, err
	}
	return s.change(ctx, official, id, models.AuditStartBroadcast, func(b *models.Broadcast) error {
		switch {
		case b.Status == models.BroadcastRunning:
			return models.ErrUnchanged
		case b.Status != models.BroadcastDraft:
			return models.Fail(models.Conflict, "broadcast_not_draft")
		case recipients > s.ApproveAbove && b.ApprovedBy == "":
			return &models.Error{Kind: models.Conflict, Code: "approval_needed", Args: map[string]any{"recipients": recipients, "max": s.ApproveAbove}}
		}
		b.Status, b.Active, b.Recipients = models.BroadcastRunning, true, recipients
		b.StartedBy, b.StartedAt = official.Login, s.Now()
		b.ExpiresAt = b.StartedAt.Add(b.Lasts)
		return nil
	})
}

// Cancel ends a draft, or a broadcast that runs: what has not gone out by then does not.
func (s *Service) Cancel(ctx context.Context, official models.Official, id string) (View, error) {
	return s.change(ctx, official, id, models.AuditCancelBroadcast, func(b *models.Broadcast) error {
		switch b.Status {
		case models.BroadcastCancelled:
			return models.ErrUnchanged
		case models.BroadcastDraft:
			b.EndedAt = s.Now()
		case models.BroadcastRunning: // the worker ends it
		default:
			return models.Fail(models.Conflict, "broadcast_over")
		}
		b.Status, b.CancelledBy = models.BroadcastCancelled, official.Login
		return nil
	})
}

// change makes one step of a broadcast in the official's scope, audited.
func (s *Service) change(ctx context.Context, official models.Official, id string, action models.AuditAction, step func(*models.Broadcast) error) (View, error) {
	b, err := s.Store.ChangeBroadcast(ctx, id, func(b *models.Broadcast) ([]models.Effect, error) {
		if !s.Areas.Holds(official.Area, b.Area) {
			return nil, models.ErrNotFound
		}
		if err := step(b); err != nil {
			return nil, err
		}
		return s.audited(official, action, b), nil
	})
	if err != nil {
		return View{}, err
	}
	s.forget(id)
	s.Changed()
	s.Wake()
	return s.view(b), nil
}

// audited is the effect that a step owes. The audit says what and for whom, never the text.
func (s *Service) audited(official models.Official, action models.AuditAction, b *models.Broadcast) []models.Effect {
	detail := map[string]string{
		"broadcast": b.ID, "area": string(b.Area), "purpose": string(b.Purpose),
		"recipients": strconv.FormatInt(b.Recipients, 10), "sms": strconv.FormatBool(b.SMS), "urgent": strconv.FormatBool(b.Urgent),
	}
	if len(b.Levels) > 0 {
		detail["levels"] = strings.Trim(fmt.Sprint(b.Levels), "[]")
	}
	entry := official.Act(s.Now(), action)
	entry.Detail = detail
	return []models.Effect{{Kind: models.EffectAudit, Audit: &entry}}
}
