// Package sitetest is the product short of its edges, on a real store: for the tests of those. What an edge's test adds is
// the edge.
package sitetest

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"khaibao/internal/areas"
	"khaibao/internal/auth"
	"khaibao/internal/broadcast"
	"khaibao/internal/cases"
	"khaibao/internal/effects"
	"khaibao/internal/followup"
	"khaibao/internal/intake"
	"khaibao/internal/lang"
	"khaibao/internal/privacy"
	"khaibao/internal/rules"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/models"
	"khaibao/programs"
	"khaibao/push"
)

// Known is what never changes and costs time to load: the areas, the texts and the shipped programs.
type Known struct {
	Areas    *areas.Directory
	Texts    *lang.Texts
	Programs *rules.Catalog
	Keys     *seal.Keys
}

// Load gives what is known, loaded once.
var Load = sync.OnceValues(func() (*Known, error) {
	k := &Known{}
	var err error
	if k.Areas, err = areas.Load(); err != nil {
		return nil, err
	}
	if k.Texts, err = lang.Load(); err != nil {
		return nil, err
	}
	if k.Programs, err = loadPrograms(k.Areas); err != nil {
		return nil, err
	}
	k.Keys, err = seal.Generate()
	return k, err
})

func loadPrograms(a *areas.Directory, more ...rules.Source) (*rules.Catalog, error) {
	return rules.Load(rules.Options{Commune: a.Today}, append(more, rules.Source{Name: "programs", FS: programs.FS})...)
}

// Site is every use-case on one store. Its workers do not run by themselves: Settle carries out what waits.
type Site struct {
	Known
	Store      *store.Store
	Tokens     *auth.Tokens
	Citizens   *auth.Citizens
	PINs       *auth.PINs
	Officials  *auth.Officials
	Intake     *intake.Service
	Cases      *cases.Service
	Broadcasts *broadcast.Service
	Privacy    *privacy.Service
	Inbox      *push.Inbox
	Devices    *push.Devices
	Effects    *effects.Worker

	Clock  Clock // the domain's
	SignIn Clock // that of officials' sign-ins, in place of real time
	Logged *Log

	households atomic.Int64
}

// ApproveAbove is for how many recipients of a broadcast one official is enough here.
const ApproveAbove = 2

// Lookups is how many households an official may look up here in a day.
const Lookups = 8

// New gives a site on an engine that is empty, with other programs beside the shipped ones if there are some.
func New(t testing.TB, engine store.Engine, more ...rules.Source) *Site {
	t.Helper()
	known, err := Load()
	must(t, err)
	s := &Site{Known: *known, Logged: &Log{}}
	if len(more) > 0 {
		s.Programs, err = loadPrograms(s.Areas, more...)
		must(t, err)
	}
	s.Store, err = store.Open(t.Context(), engine, s.Keys)
	must(t, err)
	s.signIns(t)
	s.work(s.Logged.JSON())
	return s
}

// quick makes passwords cheap to check.
var quick = auth.Argon2{Time: 1, Memory: 8, Threads: 1, Parallel: 2}

func (s *Site) signIns(t testing.TB) {
	t.Helper()
	var err error
	s.Tokens, err = auth.NewTokens(auth.Config{Keys: s.Keys.TokenKeys()})
	must(t, err)
	budgets := auth.DefaultBudgets()
	budgets.OTPResend = 0
	s.Citizens, err = auth.NewCitizens(auth.CitizensConfig{
		Store: s.Store, Keys: s.Keys, Tokens: s.Tokens, Outbox: s.Store, Text: s.Texts.Text, Budgets: budgets,
	})
	must(t, err)
	s.PINs, err = auth.NewPINs(s.Store, quick, nil)
	must(t, err)
	s.Officials, err = auth.NewOfficials(auth.OfficialsConfig{
		Store: s.Store, Keys: s.Keys, Tokens: s.Tokens, Argon2: quick,
		Budgets: auth.LoginBudgets{PerLoginHour: 100, PerAddressHour: 1000}, Areas: s.Areas, Now: s.SignIn.Now, Lookups: Lookups,
	})
	must(t, err)
}

func (s *Site) work(log *slog.Logger) {
	now := s.Clock.Now
	s.Intake = intake.New(intake.Config{Store: s.Store, Programs: s.Programs, Areas: s.Areas, Now: now, Looked: func(ctx context.Context, official models.Official, look models.AuditEntry) error {
		return s.Cases.NoteLooks(ctx, official, look)
	}})
	s.Cases = cases.New(cases.Config{
		Store: s.Store, Within: func(scope models.Area) cases.Scoped { return s.Store.Within(scope) },
		Programs: s.Programs, Areas: s.Areas, Now: now,
	})
	s.Broadcasts = broadcast.New(broadcast.Config{
		Store: s.Store, Areas: s.Areas, Now: now, NewID: store.NewID, Owner: "test", Log: log, ApproveAbove: ApproveAbove,
	})
	s.Devices = push.NewDevices(s.Store, now)
	s.Inbox = push.NewInbox(push.InboxConfig{Store: s.Store, Programs: s.Programs, Broadcast: s.Broadcasts.Text, Text: s.Texts.Text, Now: now})
	s.Privacy = privacy.New(privacy.Config{
		Store: s.Store, EndSessions: s.Citizens.EndSessions, Follow: s.Cases.FollowPerson, Now: now, Inbox: s.inbox,
		SeesCase: func(ctx context.Context, area models.Area, id string) error {
			_, err := s.Store.Within(area).Get(ctx, id)
			return err
		},
	})
	plans := followup.New(followup.Config{Store: s.Store, Programs: s.Programs, Missed: s.Cases.Missed, Ended: s.Cases.Ended, Now: now, Owner: "test", Log: log})
	s.Effects = effects.New(effects.Config{
		Store: s.Store,
		BeginCounting: func(ctx context.Context, form models.Form) (effects.Counting, error) {
			return s.Store.BeginCounting(ctx, form)
		},
		BeginBilling:      func(ctx context.Context) (effects.Billing, error) { return s.Store.BeginBilling(ctx) },
		BeginCaseCounting: func(ctx context.Context) (effects.CaseCounting, error) { return s.Store.BeginCaseCounting(ctx) },
		Planned:           plans.Planned, Plan: plans.Apply, EndPlans: plans.End,
		Flag: s.Cases.Apply, Follow: s.Cases.FollowPerson, Forget: s.Privacy.Forget, Release: s.Privacy.Release,
		SMSAfter: s.Programs.SMSAfter, Enqueued: func(...models.Message) {}, Now: now, Owner: "test", Log: log,
	})
}

func (s *Site) inbox(ctx context.Context, citizen models.Citizen, page models.Page) ([]privacy.ExportMessage, string, error) {
	items, next, err := s.Inbox.List(ctx, citizen, page)
	var out []privacy.ExportMessage
	for _, m := range items {
		out = append(out, privacy.ExportMessage{ID: m.ID, Kind: m.Kind, Title: m.Title, Text: m.Text, CreatedAt: m.CreatedAt})
	}
	return out, next, err
}

// Settle carries out every effect that waits.
func (s *Site) Settle(t testing.TB) {
	t.Helper()
	must(t, s.Effects.Drain(t.Context()))
}

// Clock is real time that can be moved on.
type Clock struct{ ahead atomic.Int64 }

// Now is the clock's time.
func (c *Clock) Now() time.Time { return time.Now().Add(c.Ahead()) }

// Forward moves the clock on.
func (c *Clock) Forward(d time.Duration) { c.ahead.Add(int64(d)) }

// Ahead is how far it was moved on.
func (c *Clock) Ahead() time.Duration { return time.Duration(c.ahead.Load()) }

// Log keeps what is logged. It is safe for concurrent use.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// JSON is a logger that writes a JSON object a line.
func (l *Log) JSON() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
