package push_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// readStore counts how often each queue looked for what is due, and writes one message down at a time.
type readStore struct {
	*store.Store
	next  chan struct{}
	mu    sync.Mutex
	looks map[string]int
}

func (s *readStore) SaveMessage(ctx context.Context, m *models.Message) error {
	<-s.next
	return s.Store.SaveMessage(ctx, m)
}

func (s *readStore) DueMessages(ctx context.Context, lane models.Lane, route models.Route, now time.Time, limit int) ([]models.Message, error) {
	s.mu.Lock()
	s.looks[fmt.Sprint(lane, " ", route)]++
	s.mu.Unlock()
	return s.Store.DueMessages(ctx, lane, route, now, limit)
}

func (s *readStore) all() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, looks := range s.looks {
		n += looks
	}
	return n
}

// What is under way is no reason to look again, however many messages end, and a wake is for the queue of what was kept.
func TestLooksAreFew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n = 40
	for i := range n {
		r.enqueue(t, r.advice(r.household(t, strings.Repeat("x", i+1), models.Vietnamese), "d"))
	}
	counted := &readStore{Store: r.store, next: make(chan struct{}), looks: map[string]int{}}
	c := r.config("one")
	c.Store, c.Idle = counted, time.Hour
	w, _ := r.start(t, c)
	if err := r.fcm.AwaitTries(storetest.Within(t), n); err != nil {
		t.Fatal(err)
	}
	before := counted.all()
	for range n {
		counted.next <- struct{}{}
		r.settled(t)
	}
	if looks := counted.all() - before; looks > 2 {
		t.Errorf("%d looks while %d messages ended", looks, n)
	}
	otp := r.otp("o1", "+84900000001")
	r.enqueue(t, otp)
	counted.mu.Lock()
	clear(counted.looks)
	counted.mu.Unlock()
	close(counted.next)
	w.Wake(otp)
	if o := r.settled(t); o.Kind != models.MessageOTP {
		t.Errorf("got %+v, want the code", o)
	}
	counted.mu.Lock()
	defer counted.mu.Unlock()
	if len(counted.looks) != 1 {
		t.Errorf("one code was kept, and these looked: %v", counted.looks)
	}
}

// slowStore lets a look at the bulk queue begin before a message is claimed, read it half sent, and see it when it is over.
type slowStore struct {
	*store.Store
	once                             sync.Once
	looking, added, read, sent, next chan struct{}
}

func (s *slowStore) DueMessages(ctx context.Context, lane models.Lane, route models.Route, now time.Time, limit int) ([]models.Message, error) {
	if lane != models.LaneBulk || route != models.RoutePush {
		return s.Store.DueMessages(ctx, lane, route, now, limit)
	}
	first := false
	s.once.Do(func() { first = true })
	if first {
		close(s.looking)
		<-s.added
	}
	due, err := s.Store.DueMessages(ctx, lane, route, now, limit)
	if first {
		close(s.read)
		<-s.sent
		return due, err
	}
	select {
	case <-s.next:
	default:
		close(s.next)
	}
	return due, err
}

func (s *slowStore) AddMessage(ctx context.Context, m *models.Message) error {
	defer close(s.added)
	return s.Store.AddMessage(ctx, m)
}

func (s *slowStore) SaveMessage(ctx context.Context, m *models.Message) error {
	<-s.read
	return s.Store.SaveMessage(ctx, m)
}

// A broadcast's message that was kept after its first phone and sent to the second is not sent again by a look that read
// it in between, although the household has nothing under way any more.
func TestALookIsOldNews(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "an", models.Vietnamese, models.Vietnamese)
	slow := &slowStore{Store: r.store, looking: make(chan struct{}), added: make(chan struct{}), read: make(chan struct{}), sent: make(chan struct{}), next: make(chan struct{})}
	c := r.config("one")
	c.Store = slow
	c.Broadcast = func(context.Context, string) (models.Words, error) { return models.Words{}, nil }
	w, stop := r.start(t, c)
	<-slow.looking
	m := r.advice(account, "b1")
	m.Kind, m.Lane, m.Broadcast = models.MessageBroadcast, models.LaneBulk, "b1"
	fatal(t, w.SendAll(t.Context(), []models.Message{m}))
	close(slow.sent)
	<-slow.next
	stop()
	told := map[string]int{}
	for _, p := range r.fcm.All() {
		told[p.Token]++
	}
	if diff := cmp.Diff(map[string]int{tokenOf("an-1"): 1, tokenOf("an-2"): 1}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
