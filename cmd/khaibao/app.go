package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"khaibao/handlers"
	"khaibao/internal/areas"
	"khaibao/internal/auth"
	"khaibao/internal/broadcast"
	"khaibao/internal/cases"
	"khaibao/internal/console"
	"khaibao/internal/dialogue"
	"khaibao/internal/effects"
	"khaibao/internal/followup"
	"khaibao/internal/intake"
	"khaibao/internal/lang"
	"khaibao/internal/privacy"
	"khaibao/internal/rules"
	"khaibao/internal/seal"
	"khaibao/internal/sms"
	"khaibao/internal/store"
	"khaibao/models"
	"khaibao/programs"
	"khaibao/push"
)

// parts are what differs between serve, the demo and a measurement; assemble makes an app of them.
type parts struct {
	engine   store.Engine
	keys     *seal.Keys
	programs []rules.Source
	now      func() time.Time // the domain's clock
	log      *slog.Logger
	sms      push.Sender       // nil without a gateway
	pushes   push.Sender       // nil without Firebase
	perDay   int               // messages a day that may disturb a household; 0: any number
	noQuiet  bool              // quiet hours hold nothing back
	firebase auth.Verifier     // nil without Firebase sign-in
	otp      budgetConfig      // nothing set: the defaults
	logins   auth.LoginBudgets // nothing set: the defaults
	argon    auth.Argon2       // nothing set: the defaults
	proxies  []netip.Prefix
	gateways *handlers.Gateways   // nil: no SMS and USSD come in
	turns    dialogue.TurnBudgets // nothing set: the defaults
	reports  *sms.Reports         // nil: the SMS gateway is asked for none
	// plainHTTP: nothing encrypts what officials' browsers send, which loopback alone may do.
	plainHTTP bool
	// oneAddress serves the operators' pages beside the API.
	oneAddress bool
}

// app is the product, wired and ready to run.
type app struct {
	parts
	store      *store.Store
	texts      *lang.Texts
	catalog    *rules.Catalog
	areas      *areas.Directory
	metrics    *prometheus.Registry
	tokens     *auth.Tokens
	citizens   *auth.Citizens
	pins       *auth.PINs
	officials  *auth.Officials
	intake     *intake.Service
	cases      *cases.Service
	privacy    *privacy.Service
	observe    func(push.Outcome)
	inbox      *push.Inbox
	reported   *push.Reports
	followup   *followup.Service
	broadcasts *broadcast.Service
	owner      string // of leases
	effects    *effects.Worker
	outbox     *push.Worker
	api        http.Handler
	operators  http.Handler
	channels   http.Handler // nil when no gateway may call

	dialogue *dialogue.Service // answers SMS and USSD
}

// assemble wires the product: programs and areas, the store, the use-cases, the workers, the pages. It starts nothing.
func assemble(ctx context.Context, p parts) (*app, error) {
	a := &app{parts: p, metrics: prometheus.NewRegistry()}
	var err error
	if a.texts, err = lang.Load(); err != nil {
		return nil, err
	}
	if a.areas, err = areas.Load(); err != nil {
		return nil, err
	}
	if a.catalog, err = loadPrograms(a.areas, p.programs...); err != nil {
		return nil, err
	}
	if a.store, err = store.Open(ctx, p.engine, p.keys); err != nil {
		return nil, err
	}
	for _, program := range a.catalog.All() {
		if err := a.store.KeepProgram(ctx, program.ID(), program.Version(), program.Content()); err != nil {
			return nil, err
		}
	}
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := a.useCases(); err != nil {
		return nil, err
	}
	a.workers()
	return a, a.pages()
}

// loadPrograms loads the shipped programs and those of other sources.
func loadPrograms(directory *areas.Directory, more ...rules.Source) (*rules.Catalog, error) {
	sources := append([]rules.Source{{Name: "programs", FS: programs.FS}}, more...)
	catalog, err := rules.Load(rules.Options{Commune: directory.Today}, sources...)
	if err != nil {
		return nil, fmt.Errorf("the programs are wrong:\n%w", err)
	}
	return catalog, nil
}

// useCases wires what citizens and officials do. The workers are made after them, so they are woken by closures.
func (a *app) useCases() (err error) {
	wake := func() { a.effects.Wake() }
	a.observe = observeOutbox(a.metrics)
	a.owner = leaseOwner(a.engine)
	a.broadcasts = broadcast.New(broadcast.Config{
		Store: a.store, Areas: a.areas, Send: func(ctx context.Context, all []models.Message) error { return a.outbox.SendAll(ctx, all) },
		Changed: wake, Now: a.now, NewID: store.NewID, Owner: a.owner, Log: a.log, NoQuiet: a.noQuiet,
	})
	a.inbox = push.NewInbox(push.InboxConfig{
		Store: a.store, Programs: a.catalog, Broadcast: a.broadcasts.Text, Text: a.texts.Text, Now: a.now, Observe: a.observe,
	})
	a.reported = push.NewReports(a.store, a.now, a.observe)
	a.intake = intake.New(intake.Config{
		Store: a.store, Programs: a.catalog, Areas: a.areas, Now: a.now, Accepted: func() { a.effects.Wake(models.FormDeclaration, models.FormDaily) },
		Looked: func(ctx context.Context, official models.Official, look models.AuditEntry) error {
			return a.cases.NoteLooks(ctx, official, look)
		},
	})
	a.cases = cases.New(cases.Config{
		Store: a.store, Within: func(scope models.Area) cases.Scoped { return a.store.Within(scope) },
		Programs: a.catalog, Areas: a.areas, Now: a.now, Changed: wake,
	})
	if err = a.signIn(); err != nil {
		return err
	}
	a.privacy = privacy.New(privacy.Config{
		Store: a.store, EndSessions: a.citizens.EndSessions, Follow: a.cases.FollowPerson, Now: a.now, Changed: wake,
		Inbox: a.messages,
		SeesCase: func(ctx context.Context, area models.Area, id string) error {
			_, err := a.store.Within(area).Get(ctx, id)
			return err
		},
	})
	a.dialogue = dialogue.New(dialogue.Config{
		Store: a.store, Outbox: a.store, Intake: a.intake, Privacy: a.privacy, PINs: a.pins, Programs: a.catalog, Areas: a.areas,
		Turns: a.turns, Text: a.texts.Text, Log: a.log, Now: a.now,
	})
	return nil
}

// messages lists a household's inbox for its export.
func (a *app) messages(ctx context.Context, citizen models.Citizen, page models.Page) ([]privacy.ExportMessage, string, error) {
	items, next, err := a.inbox.List(ctx, citizen, page)
	out := make([]privacy.ExportMessage, len(items))
	for i, m := range items {
		out[i] = privacy.ExportMessage{ID: m.ID, Kind: m.Kind, Title: m.Title, Text: m.Text, CreatedAt: m.CreatedAt}
	}
	return out, next, err
}

func (a *app) workers() {
	a.outbox = push.NewWorker(push.Config{
		Store: a.store, Push: a.pushes, SMS: a.sms, Programs: a.catalog, Text: a.texts.Text, Now: a.now, Owner: a.owner, Log: a.log,
		PerDay: a.perDay, NoQuiet: a.noQuiet, Observe: a.observe,
		Broadcast: a.broadcasts.Text, Wanted: a.wanted,
	})
	gaugeOutbox(a.metrics, a.outbox)
	a.followup = followup.New(followup.Config{
		Store: a.store, Programs: a.catalog, Missed: a.cases.Missed, Ended: a.cases.Ended, Enqueued: a.outbox.Wake, Now: a.now, Owner: a.owner, Log: a.log,
	})
	a.effects = effects.New(effects.Config{
		Store: a.store,
		BeginCounting: func(ctx context.Context, form models.Form) (effects.Counting, error) {
			return a.store.BeginCounting(ctx, form)
		},
		BeginBilling:      func(ctx context.Context) (effects.Billing, error) { return a.store.BeginBilling(ctx) },
		BeginCaseCounting: func(ctx context.Context) (effects.CaseCounting, error) { return a.store.BeginCaseCounting(ctx) },
		Planned:           a.followup.Planned, Plan: a.followup.Apply, EndPlans: a.followup.End,
		Flag: a.cases.Apply, Follow: a.cases.FollowPerson, Forget: a.privacy.Forget, Release: a.privacy.Release,
		SMSAfter: a.catalog.SMSAfter, Enqueued: a.outbox.Wake, Now: a.now, Owner: a.owner, Log: a.log,
	})
}

// wanted tells right before the sending whether a message is still worth it.
func (a *app) wanted(ctx context.Context, m *models.Message) (bool, error) {
	if m.Kind == models.MessageBroadcast {
		return a.broadcasts.Wanted(ctx, m.Broadcast)
	}
	return a.followup.Wanted(ctx, m)
}

// observeOutbox counts every step of every message, by what it is and how it went.
func observeOutbox(metrics *prometheus.Registry) func(push.Outcome) {
	steps := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "khaibao_messages_total", Help: "Steps of messages, by kind, channel, state and reason; pending is a try that will be repeated.",
	}, []string{"kind", "channel", "state", "reason"})
	waited := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "khaibao_message_wait_seconds", Help: "From making a message to sending it.", Buckets: []float64{.01, .05, .1, .5, 1, 5, 30, 120, 600, 3600},
	}, []string{"kind", "channel"})
	metrics.MustRegister(steps, waited)
	return func(o push.Outcome) {
		steps.WithLabelValues(string(o.Kind), string(o.Route), string(o.State), o.Reason).Inc()
		if o.State == models.MessageSent {
			waited.WithLabelValues(string(o.Kind), string(o.Route)).Observe(o.Waited.Seconds())
		}
	}
}

// gaugeOutbox shows which channels are left alone and how late each queue is.
func gaugeOutbox(metrics *prometheus.Registry, outbox *push.Worker) {
	for _, route := range models.Routes() {
		labels := prometheus.Labels{"channel": string(route)}
		metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "khaibao_channel_open", Help: "1 while the breaker of a channel is open: it does not work and is left alone but for probes.", ConstLabels: labels,
		}, func() float64 {
			if outbox.Open(route) {
				return 1
			}
			return 0
		}))
		for _, lane := range models.Lanes() {
			labels := prometheus.Labels{"channel": string(route), "lane": lane.String()}
			metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "khaibao_messages_late_seconds", Help: "For how long the message that is due longest has waited.", ConstLabels: labels,
			}, func() float64 { return outbox.Late(lane, route).Seconds() }))
		}
	}
}

func (a *app) pages() error {
	config := handlers.Config{
		Tokens: a.tokens, Citizens: a.citizens, PINs: a.pins, Officials: a.officials, Intake: a.intake, Cases: a.cases, Privacy: a.privacy, Broadcasts: a.broadcasts,
		Inbox:   a.inbox,
		Devices: push.NewDevices(a.store, a.now), Programs: a.catalog, Areas: a.areas, Texts: a.texts,
		Now: a.now, Log: a.log, Metrics: a.metrics, TrustedProxies: a.proxies, OperationsHere: a.oneAddress,
		Checks: []handlers.Check{{Name: "store", Ask: a.engine.Ping}},
	}
	var err error
	config.Console, err = console.New(console.Config{
		Officials: a.officials, Cases: a.cases, Intake: a.intake, Privacy: a.privacy, Broadcasts: a.broadcasts, Programs: a.catalog, Areas: a.areas, Texts: a.texts, Keys: a.keys,
		Now: a.now, Log: a.log, Metrics: a.metrics, PlainHTTP: a.plainHTTP,
	})
	if err != nil {
		return err
	}
	api, err := handlers.New(config)
	if err != nil {
		return err
	}
	a.api = api
	if a.operators, err = handlers.Operations(config); err != nil || a.gateways == nil {
		return err
	}
	config.Conversation, config.Gateways = a.dialogue, *a.gateways
	config.Reports, config.Reported = a.reports, a.reported
	a.channels, err = handlers.Channels(config)
	return err
}

// purgeEvery is how often an engine without TTL of its own is asked to delete what has expired.
const purgeEvery = time.Minute

// work runs the workers until ctx ends.
func (a *app) work(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.effects.Run(ctx) })
	group.Go(func() error { return a.outbox.Run(ctx) })
	group.Go(func() error { return a.followup.Run(ctx) })
	group.Go(func() error { return a.dialogue.Run(ctx) })
	group.Go(func() error { return a.broadcasts.Run(ctx) })
	group.Go(func() error {
		tick := time.NewTicker(purgeEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				if err := a.engine.Purge(ctx, time.Now()); err != nil && ctx.Err() == nil {
					a.log.Warn("expired documents stay for now", "error", err)
				}
			}
		}
	})
	return group.Wait()
}
