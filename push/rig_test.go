package push_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"khaibao/internal/doubles"
	"khaibao/internal/lang"
	"khaibao/internal/rules"
	"khaibao/internal/seal"
	"khaibao/internal/sms"
	"khaibao/internal/store"
	"khaibao/internal/store/sqlite"
	"khaibao/internal/store/storetest"
	"khaibao/models"
	"khaibao/programs"
	"khaibao/push"
)

// shipped are the programs, loaded once: that takes a while.
var shipped = sync.OnceValues(func() (*rules.Catalog, error) {
	return rules.Load(rules.Options{}, rules.Source{Name: "programs", FS: programs.FS})
})

// rig is the outbox as it runs, on a real engine, with a double of Firebase's sender and one of Kannel at the wire.
type rig struct {
	store    *store.Store
	fcm      *doubles.FCM
	smsc     *doubles.SMSC
	texts    *lang.Texts
	programs *rules.Catalog
	clock    *clock
	log      *logBook
	steps    chan push.Outcome

	sms     push.Sender
	devices *push.Devices
	reports *push.Reports
}

func newRig(t testing.TB) *rig {
	t.Helper()
	engine, err := sqlite.Open(t.Context(), t.TempDir())
	fatal(t, err)
	t.Cleanup(func() { engine.Close(context.Background()) })
	keys, err := seal.Generate()
	fatal(t, err)
	r := &rig{clock: &clock{at: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}, log: &logBook{}, steps: make(chan push.Outcome, 10_000)}
	r.store, err = store.Open(t.Context(), engine, keys)
	fatal(t, err)
	r.fcm, err = doubles.NewFCM(r.clock.Now)
	fatal(t, err)
	t.Cleanup(func() { r.fcm.Close() })
	r.smsc, err = doubles.NewSMSC("khaibao", "s3cret-of-sendsms", r.clock.Now)
	fatal(t, err)
	t.Cleanup(func() { r.smsc.Close() })
	r.texts, err = lang.Load()
	fatal(t, err)
	r.programs, err = shipped()
	fatal(t, err)
	r.sms, err = sms.NewKannel(sms.KannelConfig{URL: r.smsc.SendURL(), Username: "khaibao", Password: "s3cret-of-sendsms", From: "KHAIBAO"})
	fatal(t, err)
	r.devices = push.NewDevices(r.store, r.clock.Now)
	r.reports = push.NewReports(r.store, r.clock.Now, func(o push.Outcome) { r.steps <- o })
	t.Cleanup(func() { r.log.check(t) })
	return r
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// config is that of a worker of the rig; tests change what they need.
func (r *rig) config(owner string) push.Config {
	return push.Config{
		Store: r.store, Push: r.fcm, SMS: r.sms, Programs: r.programs, Text: r.texts.Text, Now: r.clock.Now, Real: r.clock.Now, Owner: owner,
		Log: slog.New(slog.NewTextHandler(r.log, nil)), Observe: func(o push.Outcome) { r.steps <- o },
		Idle: 2 * time.Millisecond, LeaseLength: 30 * time.Second, Jitter: func() float64 { return 0 },
	}
}

// start runs a worker until the test ends or stop is called, which waits for it.
func (r *rig) start(t testing.TB, c push.Config) (w *push.Worker, stop func()) {
	t.Helper()
	w = push.NewWorker(c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return w, stop
}

// step waits for the next step that a worker wrote down.
func (r *rig) step(t testing.TB) push.Outcome {
	t.Helper()
	select {
	case o := <-r.steps:
		return o
	case <-storetest.Within(t).Done():
		t.Fatal("no step was written down in time")
		return push.Outcome{}
	}
}

// settled waits for a step that ends a message.
func (r *rig) settled(t testing.TB) push.Outcome {
	t.Helper()
	for {
		if o := r.step(t); o.State != models.MessagePending {
			return o
		}
	}
}

// household makes an account with devices "<name>-1", "<name>-2" ... whose tokens are "token-<device>".
func (r *rig) household(t testing.TB, name string, devices ...models.Lang) string {
	t.Helper()
	account, err := r.store.ClaimPhone(t.Context(), phoneOf(name))
	fatal(t, err)
	for i, l := range devices {
		id := fmt.Sprintf("%s-%d", name, i+1)
		r.register(t, account, models.Device{ID: id, Token: tokenOf(id), Platform: "android", Lang: l})
	}
	return account
}

func phoneOf(name string) string   { return fmt.Sprintf("+8490%07d", len(name)*1000+int(name[0])) }
func tokenOf(device string) string { return "token-" + device }

func (r *rig) register(t testing.TB, account string, d models.Device) {
	t.Helper()
	fatal(t, r.devices.Register(t.Context(), models.Citizen{Account: account, Channel: models.ChannelApp}, d))
}

// advice is a message as the effects worker makes them.
func (r *rig) advice(account, id string) models.Message {
	now := r.clock.Now()
	return models.Message{
		ID: id, Account: account, Kind: models.MessageAdvice, Lane: models.LaneNormal, Route: models.RoutePush, Program: "covid19", PersonID: "person-of-" + id,
		Declaration: models.DeclarationRef{Form: models.FormDeclaration, ID: id}, State: models.MessagePending,
		CreatedAt: now, DueAt: now, ExpiresAt: now.Add(24 * time.Hour),
	}
}

const otpText = "271828 la ma xac thuc Khai Bao cua ban."

func (r *rig) otp(id, phone string) models.Message {
	now := r.clock.Now()
	return models.Message{
		ID: id, Kind: models.MessageOTP, Lane: models.LaneOTP, Route: models.RouteSMS, To: phone, Text: otpText, State: models.MessagePending,
		CreatedAt: now, DueAt: now, ExpiresAt: now.Add(5 * time.Minute),
	}
}

func (r *rig) enqueue(t testing.TB, messages ...models.Message) {
	t.Helper()
	fatal(t, r.store.Enqueue(t.Context(), messages...))
}

// message reads one message of an account back.
func (r *rig) message(t testing.TB, account, id string) models.Message {
	t.Helper()
	all, _, err := r.store.Inbox(t.Context(), account, models.Page{Limit: 200})
	fatal(t, err)
	for _, m := range all {
		if m.ID == id {
			return m
		}
	}
	t.Fatalf("no message %q", id)
	return models.Message{}
}

// clock is a domain clock that only a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// logBook keeps what was logged; no test may leave anything personal in it.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) has(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(b.text.String(), text)
}

func (b *logBook) check(t testing.TB) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, secret := range []string{"token-", "+84", "%2B84", "8490", "271828", "s3cret", "person-of"} {
		if strings.Contains(b.text.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, b.text.String())
		}
	}
}
