package broadcast_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"khaibao/internal/areas"
	"khaibao/internal/broadcast"
	"khaibao/internal/doubles"
	"khaibao/internal/lang"
	"khaibao/internal/rules"
	"khaibao/internal/seal"
	"khaibao/internal/sms"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
	"khaibao/programs"
	"khaibao/push"
)

// shared is what never changes and costs time to load.
var shared = sync.OnceValues(func() (s struct {
	areas    *areas.Directory
	texts    *lang.Texts
	programs *rules.Catalog
}, err error) {
	var errs [3]error
	s.areas, errs[0] = areas.Load()
	s.texts, errs[1] = lang.Load()
	s.programs, errs[2] = rules.Load(rules.Options{}, rules.Source{Name: "programs", FS: programs.FS})
	return s, errors.Join(errs[:]...)
})

// rig is broadcasts on a real engine, with a double of Firebase's sender and one of Kannel at the wire.
type rig struct {
	*testing.T
	store *store.Store
	fcm   *doubles.FCM
	smsc  *doubles.SMSC
	sms   push.Sender

	mu    sync.Mutex
	clock time.Time
	real  time.Duration // how far real time is ahead
}

// each runs a test on every engine.
func each(t *testing.T, test func(r *rig)) {
	t.Helper()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newRig(t, open(t)))
		})
	}
}

// morning is a moment outside the quiet hours: 09:00 in Vietnam.
var morning = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)

func newRig(t *testing.T, engine store.Engine) *rig {
	t.Helper()
	r := &rig{T: t, clock: morning}
	keys, err := seal.Generate()
	r.must(err)
	r.store, err = store.Open(t.Context(), engine, keys)
	r.must(err)
	r.fcm, err = doubles.NewFCM(nil)
	r.must(err)
	t.Cleanup(func() { r.fcm.Close() })
	r.smsc, err = doubles.NewSMSC("khaibao", "s3cret-of-sendsms", nil)
	r.must(err)
	t.Cleanup(func() { r.smsc.Close() })
	r.sms, err = sms.NewKannel(sms.KannelConfig{URL: r.smsc.SendURL(), Username: "khaibao", Password: "s3cret-of-sendsms", From: "KHAIBAO"})
	r.must(err)
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock
}

func (r *rig) forward(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
}

// rested lets real time go on while Firebase is left alone.
func (r *rig) rested(p *process) {
	if p.outbox.Open(models.RoutePush) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.real += time.Minute
	}
}

func (r *rig) realTime() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Add(r.real)
}

// households settles households in Bắc Sơn, each with as many devices as devices says; tokens are "<number>-<device>".
func (r *rig) households(n int, devices func(i int) int) {
	r.Helper()
	registered := push.NewDevices(r.store, r.now)
	group, ctx := errgroup.WithContext(r.Context())
	group.SetLimit(32)
	for i := range n {
		group.Go(func() error {
			id, err := r.store.ClaimPhone(ctx, fmt.Sprintf("+8491%07d", i))
			if err == nil {
				_, err = r.store.UpdateAccount(ctx, id, func(a *models.Account) ([]models.Effect, error) {
					a.People = []models.Person{{ID: "p", Relationship: models.Self, Province: "20", Commune: "06325", CreatedAt: morning}}
					return nil, nil
				})
			}
			for d := range devices(i) {
				if err == nil {
					err = registered.Register(ctx, models.Citizen{Account: id}, models.Device{ID: fmt.Sprint(d), Token: fmt.Sprintf("%d-%d", i, d), Platform: "android", Lang: models.Vietnamese})
				}
			}
			return err
		})
	}
	r.must(group.Wait())
}

// process is the product as far as broadcasts go; it runs until stop.
type process struct {
	broadcasts *broadcast.Service
	outbox     *push.Worker
	stop       func()
}

// start runs a process. change may put something between broadcasts and the outbox.
func (r *rig) start(owner string, change ...func(*broadcast.Config)) *process {
	r.Helper()
	known, err := shared()
	r.must(err)
	log := slog.New(slog.DiscardHandler)
	p := &process{}
	p.outbox = push.NewWorker(push.Config{
		Store: r.store, Push: r.fcm, SMS: r.sms, Programs: known.programs, Text: known.texts.Text, Now: r.now, Real: r.realTime, Owner: owner, Log: log,
		Broadcast: func(ctx context.Context, id string) (models.Words, error) { return p.broadcasts.Text(ctx, id) },
		Wanted: func(ctx context.Context, m *models.Message) (bool, error) {
			return p.broadcasts.Wanted(ctx, m.Broadcast)
		},
		PerDay: 6, Idle: 5 * time.Millisecond, LeaseLength: time.Minute, Jitter: func() float64 { return 0 },
	})
	config := broadcast.Config{
		Store: r.store, Areas: known.areas, Send: p.outbox.SendAll, Now: r.now, NewID: store.NewID, Owner: owner, Log: log,
		Chunk: 50, Idle: 5 * time.Millisecond, LeaseLength: time.Minute,
	}
	for _, c := range change {
		c(&config)
	}
	p.broadcasts = broadcast.New(config)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.outbox.Run(ctx) })
	running.Go(func() { p.broadcasts.Run(ctx) })
	p.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	r.Cleanup(p.stop)
	return p
}

var manager = models.Official{ID: "o", Login: "tinh.mot", Role: models.ProvinceManager, Area: "20"}

func draft(change ...func(*broadcast.Draft)) broadcast.Draft {
	d := broadcast.Draft{Text: models.Words{Vietnamese: "Chiều nay phun hóa chất.", English: "Spraying today."}, Area: "20", Purpose: models.BroadcastAlert}
	for _, c := range change {
		c(&d)
	}
	return d
}

// begin drafts and starts a broadcast.
func (r *rig) begin(p *process, d broadcast.Draft) string {
	r.Helper()
	v, _, err := p.broadcasts.Create(r.Context(), manager, d)
	r.must(err)
	_, err = p.broadcasts.Start(r.Context(), manager, v.ID)
	r.must(err)
	return v.ID
}

// until waits for a broadcast to be as wanted.
func (r *rig) until(p *process, id, what string, wanted func(v broadcast.View, progress models.Progress) bool) (broadcast.View, models.Progress) {
	r.Helper()
	deadline := time.Now().Add(storetest.Patience(r.T))
	for {
		v, progress, err := p.broadcasts.Get(r.Context(), manager, id)
		r.must(err)
		if wanted(v, progress) {
			return v, progress
		}
		if time.Now().After(deadline) {
			r.Fatalf("%s: it is %s, %v", what, v.Status, progress)
		}
		select {
		case <-r.Context().Done():
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func over(v broadcast.View, _ models.Progress) bool { return !v.Active }

// recount holds a broadcast's numbers against the outbox, message by message.
func (r *rig) recount(id string, progress models.Progress) {
	r.Helper()
	b, err := r.store.Broadcast(r.Context(), id)
	r.must(err)
	want := models.Progress{}
	for after := ""; ; {
		accounts, err := r.store.Recipients(r.Context(), b.Audience(), after, 500)
		r.must(err)
		if len(accounts) == 0 {
			break
		}
		after = accounts[len(accounts)-1]
		for _, account := range accounts {
			m, err := r.store.Message(r.Context(), account, b.MessageID())
			if models.NotFound.Is(err) {
				continue
			}
			r.must(err)
			want[m.State]++
		}
	}
	got := models.Progress{}
	for state, n := range progress {
		if n != 0 {
			got[state] = n
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("the numbers against a recount (-recount +numbers):\n%s", diff)
	}
}

// received counts what each token got.
func (r *rig) received() map[string]int {
	out := map[string]int{}
	for _, p := range r.fcm.All() {
		out[p.Token]++
	}
	return out
}
