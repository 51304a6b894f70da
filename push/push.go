// Package push brings messages to people: a worker empties the outbox into Firebase Cloud Messaging and an SMS gateway,
// households list their inbox, and apps register the devices that pushes go to. A push says only that a message waits;
// what it is about is read in the app.
package push

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"khaibao/internal/rules"
	"khaibao/models"
)

// Sender sends one rendered message to one address. It returns when the other side has accepted it; the error is a
// *models.SendError. It is called by many goroutines at once.
type Sender interface {
	Send(ctx context.Context, e models.Envelope) error
}

// Store is where the worker finds messages and whom they go to.
type Store interface {
	// DueMessages gives pending messages of a lane and route that are due, the longest due first.
	DueMessages(ctx context.Context, lane models.Lane, route models.Route, now time.Time, limit int) ([]models.Message, error)
	// OverdueForSMS gives pending pushes of a lane for which SMS takes over by now, the longest waiting first.
	OverdueForSMS(ctx context.Context, lane models.Lane, now time.Time, limit int) ([]models.Message, error)
	// SaveMessage writes where a message stands: models.Changed when somebody else did meanwhile.
	SaveMessage(ctx context.Context, m *models.Message) error
	// AddMessage keeps a message that is not there yet: models.Conflict when it is.
	AddMessage(ctx context.Context, m *models.Message) error
	Account(ctx context.Context, id string) (*models.Account, error)
	// AccountsToReach gives households, in any order, with what it takes to reach them and without their people.
	AccountsToReach(ctx context.Context, ids []string) ([]models.Account, error)
	UpdateAccount(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error)
	// Declaration gives the one that an advice is about, models.NotFound when it is gone.
	Declaration(ctx context.Context, account string, form models.Form, id string) (*models.Declaration, error)
	// FollowUpsOf lists the plans of a household.
	FollowUpsOf(ctx context.Context, account string) ([]models.FollowUp, error)
	// Dialogue gives where the dialogue with a number stands, models.NotFound when there is none.
	Dialogue(ctx context.Context, channel models.Channel, phone string) (models.Dialogue, error)
	// SentOn tells how many messages accounts were sent on a local day; those that were sent none are left out.
	SentOn(ctx context.Context, day string, accounts []string) (map[string]int, error)
	// TokenHolder gives the account that claimed a push token last, models.NotFound when nobody holds it.
	TokenHolder(ctx context.Context, token string) (string, error)
	// TokenHolders is TokenHolder for many; tokens that nobody holds are left out.
	TokenHolders(ctx context.Context, tokens []string) (map[string]string, error)
	ReleaseToken(ctx context.Context, token, account string) error
	// Lease takes or renews the right to a piece of work for a while; false when somebody else has it.
	Lease(ctx context.Context, work, owner string, length time.Duration) (bool, error)
	Release(ctx context.Context, work, owner string) error
}

// Outcome is one step of one message, for metrics. It names nobody.
type Outcome struct {
	Kind    models.MessageKind
	Route   models.Route
	State   models.MessageState // pending: it will be tried again
	Reason  string              // a code; empty when it went well
	Attempt int
	Waited  time.Duration // since the message was made
}

func outcome(m *models.Message, now time.Time) Outcome {
	return Outcome{Kind: m.Kind, Route: m.Route, State: m.State, Reason: m.Reason, Attempt: m.Attempts, Waited: now.Sub(m.CreatedAt)}
}

// Config is what a Worker is made of. Store, Programs, Text, Now and Log are required.
type Config struct {
	Store Store
	// Push carries pushes; nil when Firebase is not configured: messages then wait in the inbox only.
	Push Sender
	// SMS carries what goes by SMS; nil when there is no gateway: it then fails.
	SMS Sender
	// Programs puts decisions into words.
	Programs *rules.Catalog
	// Wanted tells right before the sending whether a reminder or a broadcast's message is still worth it; nil sends every one.
	Wanted func(ctx context.Context, m *models.Message) (bool, error)
	// PerDay is how many messages a day may disturb a household; the others wait in its inbox. 0: any number.
	PerDay int
	// NoQuiet lets quiet hours hold nothing back: for demonstrations, which people look at when they are awake.
	NoQuiet bool
	// Broadcast gives what a broadcast says.
	Broadcast func(ctx context.Context, id string) (models.Words, error)
	// Text renders one of the product's own texts.
	Text func(lang models.Lang, key string, args map[string]any) string
	// Now is the domain's clock. One-time passwords live by real time.
	Now func() time.Time
	// Real is real time; time.Now by default.
	Real func() time.Time
	// Owner is unique for this process: who holds the lease.
	Owner string
	Log   *slog.Logger
	// Observe hears of every step; it must be quick and safe for concurrent use.
	Observe func(Outcome)
	// Slots is how many messages of each lane and route are under way at once; 64 by default.
	Slots int
	// BulkSlots is how many messages of SendAll are under way at once; 512 by default.
	BulkSlots int
	// Idle is how long a lane waits for a Wake before it looks again; a second by default.
	Idle time.Duration
	// LeaseLength is how long the outbox stays ours after a crash; 20 seconds by default. A send ends within a third of it.
	LeaseLength time.Duration
	// Jitter gives a number from 0 to 1 that spreads retries; random by default.
	Jitter func() float64
}

// Worker empties the outbox. Run it once; Wake may be called at any time.
type Worker struct {
	Config
	words    smsWords
	reach    reach
	breakers map[models.Route]*breaker
	claims   claims
	queues   []*queue
	bulk     chan struct{} // a slot for each message of SendAll
	lease    *lease
}

// NewWorker gives a worker that is ready to run.
func NewWorker(c Config) *Worker {
	c.setDefaults()
	w := &Worker{
		Config: c, words: smsWords{words{c.Store, c.Programs, c.Text, c.Broadcast}, c.Store, c.Now}, reach: reach{c.Store, c.Now},
		breakers: map[models.Route]*breaker{}, claims: claims{held: map[string]string{}, looks: map[*look]struct{}{}}, bulk: make(chan struct{}, c.BulkSlots),
	}
	for _, route := range models.Routes() {
		w.breakers[route] = &breaker{route: route, now: c.Real, log: c.Log, wake: func() { w.wakeRoute(route) }}
	}
	w.lease = &lease{store: c.Store, owner: c.Owner, length: c.LeaseLength, log: c.Log, gained: func() { w.Wake() }}
	for _, lane := range models.Lanes() {
		for _, route := range models.Routes() {
			if lane != models.LaneOTP || route == models.RouteSMS {
				w.queues = append(w.queues, newQueue(w, lane, route))
			}
		}
	}
	return w
}

func (c *Config) setDefaults() {
	if c.Real == nil {
		c.Real = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(Outcome) {}
	}
	if c.Slots == 0 {
		c.Slots = 64
	}
	if c.BulkSlots == 0 {
		c.BulkSlots = 512
	}
	if c.Idle == 0 {
		c.Idle = time.Second
	}
	if c.LeaseLength == 0 {
		c.LeaseLength = 20 * time.Second
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
}

// now is the clock that a message's times were made by.
func (w *Worker) now(m *models.Message) time.Time { return w.clock(m.Lane) }

func (w *Worker) clock(lane models.Lane) time.Time {
	if lane == models.LaneOTP {
		return w.Real()
	}
	return w.Now()
}
