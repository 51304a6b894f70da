package followup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"khaibao/internal/rules"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
	"khaibao/programs"
)

// site is plans on an engine, looked after by services as processes of one site would.
type site struct {
	*testing.T
	engine  store.Engine
	store   *store.Store
	catalog *rules.Catalog
	now     time.Time

	mu     sync.Mutex
	missed map[string]int // by account: how often it was put into the officials' queue
	broken string         // an account for which that fails
}

func eachSite(t *testing.T, test func(s *site)) {
	t.Helper()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, err := seal.Generate()
			if err != nil {
				t.Fatal(err)
			}
			s := &site{T: t, engine: open(t), now: local(10, 12, 0), missed: map[string]int{}}
			if s.store, err = store.Open(t.Context(), s.engine, keys); err != nil {
				t.Fatal(err)
			}
			if s.catalog, err = rules.Load(rules.Options{}, rules.Source{Name: "programs", FS: programs.FS}); err != nil {
				t.Fatal(err)
			}
			test(s)
		})
	}
}

// peopled is a store in which every account has the person p.
type peopled struct{ Store }

func (peopled) Account(_ context.Context, id string) (*models.Account, error) {
	return &models.Account{ID: id, People: []models.Person{{ID: "p"}}}, nil
}

func (s *site) service(owner string, on Store) *Service {
	on = peopled{on}
	return New(Config{
		Store: on, Programs: s.catalog, Now: func() time.Time { return s.now }, Owner: owner, Log: slog.New(slog.DiscardHandler), Idle: time.Millisecond,
		Missed: func(_ context.Context, account, _, _ string, _ time.Time) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if account == s.broken {
				return errors.New("a case that nobody can read")
			}
			s.missed[account]++
			return nil
		},
		Ended: func(context.Context, string, string, string) error { return nil },
	})
}

// follow puts n people, each of a household of its own, on the plan of a level at this moment.
func (s *site) follow(n int, level models.Level) []string {
	s.Helper()
	accounts := make([]string, n)
	service := s.service("apply", s.store)
	var group errgroup.Group
	group.SetLimit(16)
	for i := range accounts {
		accounts[i] = fmt.Sprintf("account-%d", i)
		group.Go(func() error {
			return service.Apply(s.Context(), &models.Declaration{
				Account: accounts[i], PersonID: "p", Program: "covid19", Version: 1, OccurredAt: s.now, ReceivedAt: s.now, Decision: models.Decision{Level: level},
			})
		})
	}
	if err := group.Wait(); err != nil {
		s.Fatal(err)
	}
	return accounts
}

// messages gives how many messages each account has.
func (s *site) messages(accounts []string) map[string]int {
	s.Helper()
	out := map[string]int{}
	for _, account := range accounts {
		found, _, err := s.store.Inbox(s.Context(), account, models.Page{Limit: 200})
		if err != nil {
			s.Fatal(err)
		}
		out[account] = len(found)
	}
	return out
}

func (s *site) round(service *Service) int {
	s.Helper()
	n, err := service.Round(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return n
}

func eachOf(accounts []string, n int) map[string]int {
	out := map[string]int{}
	for _, account := range accounts {
		out[account] = n
	}
	return out
}

// Processes that run side by side take every step once, together.
func TestProcessesShareTheWork(t *testing.T) {
	t.Parallel()
	eachSite(t, func(s *site) {
		const people = 200
		accounts := s.follow(people, models.LevelModerate)
		s.now = local(12, 14, 30) // the officials have to know of the 11th, and an SMS is still worth sending
		services := []*Service{s.service("one", s.store), s.service("two", s.store), s.service("three", s.store)}
		var all sync.WaitGroup
		var moved atomic.Int64
		for _, service := range services {
			all.Go(func() {
				for range 3 {
					n, err := service.Round(s.Context())
					moved.Add(int64(n))
					if err != nil {
						s.Error(err)
					}
				}
			})
		}
		all.Wait()
		if moved.Load() != people {
			s.Errorf("%d plans moved on, want each of %d once", moved.Load(), people)
		}
		if diff := cmp.Diff(eachOf(accounts, 1), s.missed); diff != "" {
			s.Errorf("the officials' queue:\n%s", diff)
		}
		if diff := cmp.Diff(eachOf(accounts, 1), s.messages(accounts)); diff != "" { // the push at 10:00 has expired
			s.Errorf("messages:\n%s", diff)
		}
	})
}

// The shard of a process that was killed waits for the end of its lease, and for nothing else.
func TestAKilledProcessIsReplaced(t *testing.T) {
	t.Parallel()
	eachSite(t, func(s *site) {
		accounts := s.follow(100, models.LevelModerate)
		s.now = local(11, 10, 30)
		lease := func(length time.Duration) {
			for shard := range models.FollowUpShards / 2 {
				if held, err := s.store.Lease(s.Context(), fmt.Sprintf("followup/%d", shard), "killed", length); err != nil || !held {
					s.Fatal(held, err)
				}
			}
		}
		lease(time.Hour)
		survivor := s.service("survivor", s.store)
		first := s.round(survivor)
		if first == 0 || first == len(accounts) {
			s.Fatalf("%d of %d plans moved on while half of the shards were another's", first, len(accounts))
		}
		lease(-time.Second) // it ends
		if second := s.round(survivor); first+second != len(accounts) {
			s.Errorf("%d and %d plans moved on, want %d", first, second, len(accounts))
		}
		if diff := cmp.Diff(eachOf(accounts, 1), s.messages(accounts)); diff != "" {
			s.Error(diff)
		}
	})
}

// forgetful is a store that loses its connection right before plans are saved, after their messages were kept.
type forgetful struct {
	*store.Store
	failures atomic.Int32
}

func (f *forgetful) SaveFollowUps(ctx context.Context, plans []*models.FollowUp) ([]int, error) {
	if f.failures.Add(-1) >= 0 {
		return nil, models.Down("saving follow-ups", errors.New("gone"))
	}
	return f.Store.SaveFollowUps(ctx, plans)
}

func TestACrashBeforePlansAreSavedRepeatsNothing(t *testing.T) {
	t.Parallel()
	eachSite(t, func(s *site) {
		accounts := s.follow(50, models.LevelModerate)
		s.now = local(12, 10, 0)
		on := &forgetful{Store: s.store}
		on.failures.Store(models.FollowUpShards)
		service := s.service("one", on)
		if n, err := service.Round(s.Context()); !models.Unavailable.Is(err) || n != 0 {
			s.Fatalf("%d plans moved on although none was saved (%v)", n, err)
		}
		if n := s.round(service); n != len(accounts) {
			s.Errorf("%d plans moved on, want %d", n, len(accounts))
		}
		if diff := cmp.Diff(eachOf(accounts, 1), s.messages(accounts)); diff != "" {
			s.Error(diff)
		}
	})
}

func TestAStuckPlanHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	eachSite(t, func(s *site) {
		accounts := s.follow(40, models.LevelModerate)
		s.broken = accounts[7]
		s.now = local(12, 8, 0)
		service := s.service("one", s.store)
		if n := s.round(service); n != len(accounts)-1 {
			s.Errorf("%d plans moved on, want all but one of %d", n, len(accounts))
		}
		if n := s.round(service); n != 0 {
			s.Errorf("%d plans moved on, want none: the stuck one is no progress", n)
		}
		s.broken = ""
		if n := s.round(service); n != 1 {
			s.Errorf("%d plans moved on, want the one that was stuck", n)
		}
		if diff := cmp.Diff(eachOf(accounts, 1), s.missed); diff != "" {
			s.Error(diff)
		}
	})
}

// oldPlan is a plan as it was kept before there were shards.
type oldPlan struct {
	ID      string     `bson:"_id" json:"_id"`
	Rev     string     `bson:"rev" json:"rev"`
	Account string     `bson:"account" json:"account"`
	Person  string     `bson:"person" json:"person"`
	Program string     `bson:"program" json:"program"`
	Version int        `bson:"version" json:"version"`
	Level   int        `bson:"level" json:"level"`
	Started store.Time `bson:"started_at" json:"started_at"`
	Ends    store.Time `bson:"ends_at" json:"ends_at"`
	Answer  store.Time `bson:"answered_to" json:"answered_to"`
	Next    store.Time `bson:"next" json:"next"`
}

func (o oldPlan) Key() string      { return o.ID }
func (o oldPlan) Revision() string { return o.Rev }

func TestPlansWithoutAShardAreAdopted(t *testing.T) {
	t.Parallel()
	eachSite(t, func(s *site) {
		accounts := s.follow(20, models.LevelModerate)
		for _, account := range accounts {
			var doc oldPlan
			err := s.engine.Find(s.Context(), "follow_ups", store.Query{
				Where: []store.Cond{{Field: "account", Op: store.Eq, Value: account}}, Sort: []store.Order{{Field: "_id"}},
			}, func(raw store.Raw) error { return raw.Decode(&doc) })
			if err != nil {
				s.Fatal(err)
			}
			doc.Next = store.At(local(11, 10, 0))
			if err := s.engine.Replace(s.Context(), "follow_ups", doc, doc.Rev); err != nil {
				s.Fatal(err)
			}
		}
		s.now = local(11, 10, 30)
		ctx, stop := context.WithCancel(s.Context())
		ended := make(chan error, 1)
		sent := make(chan struct{}, len(accounts))
		service := s.service("one", s.store)
		service.Enqueued = func(...models.Message) { sent <- struct{}{} }
		go func() { ended <- service.Run(ctx) }()
		for done := false; !done; {
			select {
			case <-sent:
			case <-storetest.Within(s.T).Done():
				s.Fatalf("the plans are not looked after: %v", s.messages(accounts))
			}
			done = cmp.Equal(eachOf(accounts, 1), s.messages(accounts))
		}
		stop()
		if err := <-ended; err != nil {
			s.Error(err)
		}
		for shard := range models.FollowUpShards {
			if free, err := s.store.Lease(s.Context(), fmt.Sprintf("followup/%d", shard), "two", time.Minute); err != nil || !free {
				s.Errorf("shard %d was not given back (%v)", shard, err)
			}
		}
		left, err := s.engine.Count(s.Context(), "follow_ups", []store.Cond{{Field: "next", Op: store.Exists, Value: true}})
		if err != nil || left != 0 {
			s.Errorf("%d plans are left as they were (%v)", left, err)
		}
	})
}

// Nothing is written while nothing is due.
func TestLookingCostsNoLease(t *testing.T) {
	t.Parallel()
	eachSite(t, func(s *site) {
		s.follow(5, models.LevelHigh)
		if n := s.round(s.service("one", s.store)); n != 0 {
			s.Errorf("%d plans moved on before anything was due", n)
		}
		leases, err := s.engine.Count(s.Context(), "leases", nil)
		if err != nil || leases != 0 {
			s.Errorf("%d leases were written for nothing (%v)", leases, err)
		}
	})
}
