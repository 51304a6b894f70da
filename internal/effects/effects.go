// Package effects carries out what kept documents still owe: a declaration its case, its message and its place in the
// numbers; an account or a case its audit entries and what follows from an erasure. Every effect can be carried out twice
// without harm, so a crash at any line only delays. A lease for each source lets several processes share the work.
package effects

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/models"
)

// Store is where documents owe effects.
type Store interface {
	PendingDeclarations(ctx context.Context, form models.Form, limit int) ([]models.Declaration, error)
	// WithCase tells for which of the declarations the person already has a case under the program.
	WithCase(ctx context.Context, ds []models.Declaration) (map[int]bool, error)
	// WithFollowUp tells for which of them the person has or had a plan under the program.
	WithFollowUp(ctx context.Context, ds []models.Declaration) (map[int]bool, error)
	Enqueue(ctx context.Context, messages ...models.Message) error
	PendingAccounts(ctx context.Context, limit int) ([]models.Pending, error)
	PendingCases(ctx context.Context, limit int) ([]models.Pending, error)
	DoneAccounts(ctx context.Context, done []models.Pending) error
	DoneCases(ctx context.Context, done []models.Pending) error
	PendingBroadcasts(ctx context.Context, limit int) ([]models.Pending, error)
	DoneBroadcasts(ctx context.Context, done []models.Pending) error
	PendingOfficials(ctx context.Context, limit int) ([]models.Pending, error)
	DoneOfficials(ctx context.Context, done []models.Pending) error
	WriteAudit(ctx context.Context, entries ...models.AuditEntry) error
	// Lease takes or renews the right to a piece of work for a while; false when somebody else has it.
	Lease(ctx context.Context, work, owner string, length time.Duration) (bool, error)
	Release(ctx context.Context, work, owner string) error
}

// Counting counts declarations and marks them as done, each exactly once. Models.Changed says that another worker
// counted in between.
type Counting interface {
	Settle(ctx context.Context, ds []models.Declaration) error
}

// Billing counts what messages cost, each exactly once. Models.Changed says that another worker counted in between.
type Billing interface {
	// Bill counts at most limit messages and gives how many it found.
	Bill(ctx context.Context, limit int) (int, error)
}

// CaseCounting counts cases as they are: once more changes nothing. Models.Changed says that another worker counted in
// between.
type CaseCounting interface {
	Count(ctx context.Context, ids []string) error
	// Adopt counts cases from before there were counters of cases, at most limit; 0: all are counted.
	Adopt(ctx context.Context, limit int) (int, error)
}

// Config is what a Worker is made of.
type Config struct {
	Store Store
	// BeginCounting finishes what a worker left under way and gives the right to go on counting a form.
	BeginCounting func(ctx context.Context, form models.Form) (Counting, error)
	// BeginBilling is BeginCounting for what messages cost.
	BeginBilling func(ctx context.Context) (Billing, error)
	// BeginCaseCounting is BeginCounting for cases.
	BeginCaseCounting func(ctx context.Context) (CaseCounting, error)
	// Flag carries a declaration into the person's case.
	Flag func(ctx context.Context, d *models.Declaration) error
	// Planned tells whether a declaration's level has a plan of follow-up.
	Planned func(d *models.Declaration) bool
	// Plan carries a declaration into the person's plan.
	Plan func(ctx context.Context, d *models.Declaration) error
	// EndPlans ends the plans of a person, of all people of an account, or of one program, when the others are empty. at is
	// when what ends them happened.
	EndPlans func(ctx context.Context, account, person, program string, reason models.EndReason, at time.Time) error
	// Follow carries a changed person into their cases.
	Follow func(ctx context.Context, account, person string) error
	// Forget carries out what an erasure leaves to be done.
	Forget func(ctx context.Context, account string) error
	// Release drops what was only kept for a case that is closed.
	Release func(ctx context.Context, account string) error
	// SMSAfter tells how long a push about a level is given before SMS takes over; false, and nil: it never does.
	SMSAfter func(program string, version int, level models.Level) (time.Duration, bool)
	// Enqueued hears of messages that were kept and are to be sent.
	Enqueued func(...models.Message)
	Now      func() time.Time // the domain's clock
	Owner    string           // unique for this process
	Log      *slog.Logger
	// Idle is how long to wait for a Wake before looking again; a second by default.
	Idle time.Duration
	// Rest is how long effects are let gather after a batch, at most; half a second by default.
	Rest time.Duration
}

// Worker carries effects out. Run it once.
type Worker struct {
	Config
	sources []*source
}

// source is one place where effects wait.
type source struct {
	name  string
	wake  chan struct{}
	batch func(ctx context.Context, w *Worker) (int, error)
	reset func()
}

const (
	leaseLength = 15 * time.Second
	batchSize   = 500
	caseWorkers = 64 // whose reads and writes an engine puts together

	shortRest     = 50 * time.Millisecond
	restPerEffect = 2 * time.Millisecond
)

// New gives a worker that is ready to run.
func New(c Config) *Worker {
	if c.Idle == 0 {
		c.Idle = time.Second
	}
	if c.Rest == 0 {
		c.Rest = 500 * time.Millisecond
	}
	if c.Enqueued == nil {
		c.Enqueued = func(...models.Message) {}
	}
	if c.SMSAfter == nil {
		c.SMSAfter = func(string, int, models.Level) (time.Duration, bool) { return 0, false }
	}
	w := &Worker{Config: c}
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		d := &declarations{form: form}
		w.sources = append(w.sources, &source{name: string(form), batch: d.batch, reset: d.reset})
	}
	accounts := pending{read: c.Store.PendingAccounts, done: c.Store.DoneAccounts}
	cases := pending{read: c.Store.PendingCases, done: c.Store.DoneCases, tallies: &tallies{}}
	broadcasts := pending{read: c.Store.PendingBroadcasts, done: c.Store.DoneBroadcasts}
	officials := pending{read: c.Store.PendingOfficials, done: c.Store.DoneOfficials}
	w.sources = append(w.sources,
		&source{name: "officials", batch: officials.batch, reset: func() {}},
		&source{name: "accounts", batch: accounts.batch, reset: func() {}},
		&source{name: "cases", batch: cases.batch, reset: cases.tallies.reset},
		&source{name: "broadcasts", batch: broadcasts.batch, reset: func() {}})
	bills := &bills{}
	w.sources = append(w.sources, &source{name: "costs", batch: bills.batch, reset: bills.reset})
	for _, s := range w.sources {
		s.wake = make(chan struct{}, 1)
	}
	return w
}

// Wake makes the worker look at once: for what was declared on forms, or everywhere when none is named.
func (w *Worker) Wake(forms ...models.Form) {
	for _, s := range w.sources {
		if len(forms) > 0 && !slices.Contains(forms, models.Form(s.name)) {
			continue
		}
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// Run works until ctx ends; what is under way then is finished by whoever comes next.
func (w *Worker) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, s := range w.sources {
		running.Go(func() { w.serve(ctx, s) })
	}
	running.Wait()
	return nil
}

func (w *Worker) serve(ctx context.Context, s *source) {
	work := "effects/" + s.name
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := w.Store.Release(ctx, work, w.Owner); err != nil {
			w.Log.Warn("lease not given back", "work", work, "error", err)
		}
	}()
	var until time.Time
	for ctx.Err() == nil {
		if time.Until(until) < leaseLength/2 {
			held, err := w.Store.Lease(ctx, work, w.Owner, leaseLength)
			if !held || err != nil {
				s.reset()
				w.stayAway(ctx, s, err)
				continue
			}
			until = time.Now().Add(leaseLength)
		}
		n, err := s.batch(ctx, w)
		if err != nil {
			s.reset()
		}
		if err == nil && n < batchSize {
			w.rest(ctx, n)
		}
		switch {
		case err != nil:
			w.stayAway(ctx, s, err)
		case n == 0:
			w.pause(ctx, s)
		}
	}
}

// rest lets effects gather, the longer the more there were: under load a batch of many costs little more than one of a
// few, and when little happens nobody is kept waiting for longer than a moment.
func (w *Worker) rest(ctx context.Context, n int) {
	select {
	case <-ctx.Done():
	case <-time.After(min(shortRest+time.Duration(n)*restPerEffect, w.Rest)):
	}
}

// stayAway waits, whoever wakes: somebody else does the work, or the store is dead, which delays and never fails what was
// acknowledged.
func (w *Worker) stayAway(ctx context.Context, s *source, err error) {
	if err != nil && ctx.Err() == nil && !models.Changed.Is(err) {
		w.Log.Warn("effects delayed", "source", s.name, "error", err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(w.Idle):
	}
}

// pause waits for a wake or a while.
func (w *Worker) pause(ctx context.Context, s *source) {
	select {
	case <-ctx.Done():
	case <-s.wake:
	case <-time.After(w.Idle):
	}
}

// Drain carries out everything that waits now, for tests and for tools that read the numbers right afterwards.
func (w *Worker) Drain(ctx context.Context) error {
	for {
		total := 0
		for _, s := range w.sources {
			n, err := s.batch(ctx, w)
			if err != nil {
				s.reset()
				return err
			}
			total += n
		}
		if total == 0 {
			return nil
		}
	}
}

// declarations is the source of one form.
type declarations struct {
	form     models.Form
	counting Counting
}

func (d *declarations) reset() { d.counting = nil }

func (d *declarations) batch(ctx context.Context, w *Worker) (int, error) {
	if d.counting == nil {
		counting, err := w.BeginCounting(ctx, d.form)
		if err != nil {
			return 0, err
		}
		d.counting = counting
	}
	ds, err := w.Store.PendingDeclarations(ctx, d.form, batchSize)
	if err != nil || len(ds) == 0 {
		return 0, err
	}
	if ds, err = w.flag(ctx, ds); err != nil {
		return 0, err
	}
	if err := w.note(ctx, ds); err != nil {
		return 0, err
	}
	if err := w.tell(ctx, ds); err != nil {
		return 0, err
	}
	return len(ds), d.counting.Settle(ctx, ds)
}

// flag carries into cases what is flagged and what belongs to a case already: people side by side, each in order. It
// gives the declarations that may be settled: one that cannot be carried out keeps owing and holds up nobody else.
func (w *Worker) flag(ctx context.Context, ds []models.Declaration) ([]models.Declaration, error) {
	known, err := w.Store.WithCase(ctx, ds)
	if err != nil {
		return nil, err
	}
	followed, err := w.Store.WithFollowUp(ctx, ds)
	if err != nil {
		return nil, err
	}
	type who struct{ account, person, program string }
	people := map[who][]*models.Declaration{}
	concerned := map[who]bool{}
	for i := range ds {
		key := who{ds[i].Account, ds[i].PersonID, ds[i].Program}
		people[key] = append(people[key], &ds[i])
		concerned[key] = concerned[key] || known[i] || followed[i] || ds[i].Decision.Level.Flagged() || w.Planned(&ds[i])
	}
	var mu sync.Mutex
	stuck := map[who]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(caseWorkers)
	for key, own := range people {
		if !concerned[key] {
			continue
		}
		group.Go(func() error {
			for _, d := range own {
				err := w.Flag(ctx, d)
				if err == nil {
					err = w.Plan(ctx, d)
				}
				if models.Unavailable.Is(err) || ctx.Err() != nil {
					return err
				}
				if err != nil {
					w.Log.Error("a flag is stuck", "form", d.Form, "program", d.Program, "version", d.Version, "error", err)
					mu.Lock()
					stuck[key] = true
					mu.Unlock()
					return nil
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(ds, func(d models.Declaration) bool { return stuck[who{d.Account, d.PersonID, d.Program}] }), nil
}

// adviceLasts is how long telling of a decision is worth it; the inbox keeps the message longer.
const adviceLasts = 24 * time.Hour

// tell leaves a message in the household's inbox for each decision.
func (w *Worker) tell(ctx context.Context, ds []models.Declaration) error {
	messages := make([]models.Message, len(ds))
	for i := range ds {
		messages[i] = w.advice(&ds[i])
	}
	if err := w.Store.Enqueue(ctx, messages...); err != nil {
		return err
	}
	w.Enqueued(messages...)
	return nil
}

// advice is the message about a decision. Who declared by USSD hears by SMS too, and so does who was declared for by an
// official and has no app; who declared by SMS has heard it in the reply; everybody else hears by push, with SMS as
// the second rung where the program says so. Without either it only waits in the inbox. An emergency and the answer to
// somebody who has just written or called wait for no morning.
func (w *Worker) advice(d *models.Declaration) models.Message {
	m := models.Message{
		ID: models.TimeID(d.ReceivedAt, string(d.Form)+"|"+d.ID), Account: d.Account, Kind: models.MessageAdvice, Lane: models.LaneNormal,
		Route: models.RoutePush, Program: d.Program, PersonID: d.PersonID, Declaration: models.DeclarationRef{Form: d.Form, ID: d.ID},
		Anytime: d.Decision.Level == models.LevelEmergency,
		State:   models.MessageStored, CreatedAt: d.ReceivedAt, DueAt: w.Now(), ExpiresAt: d.ReceivedAt.Add(adviceLasts),
	}
	if d.Decision.Level >= models.LevelHigh {
		m.Lane = models.LaneUrgent
	}
	after, bySMS := w.SMSAfter(d.Program, d.Version, d.Decision.Level)
	switch {
	case !m.DueAt.Before(m.ExpiresAt): // after a standstill it would come too late
	case d.Channel == models.ChannelSMS: // the reply to the confirmation has said it all
	case d.Channel == models.ChannelUSSD, d.Channel == models.ChannelOfficial && !d.Notify:
		m.Route, m.State, m.Anytime = models.RouteSMS, models.MessagePending, true
	case bySMS:
		m.SMSAt, m.State = m.DueAt.Add(after), models.MessagePending
	case d.Notify:
		m.State = models.MessagePending
	}
	return m
}
