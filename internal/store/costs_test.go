package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// sendSMS writes a message down as sent in so many parts, as the outbox does.
func sendSMS(t *testing.T, s *store.Store, m models.Message, parts int, sent time.Time) {
	t.Helper()
	m.Route, m.State, m.CreatedAt, m.DueAt, m.ExpiresAt = models.RouteSMS, models.MessagePending, sent, sent, sent.Add(time.Hour)
	if err := s.Enqueue(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	_, moved, err := s.AdvanceMessage(t.Context(), m.Account, m.ID, func(m *models.Message) { m.State, m.Parts, m.SentAt = models.MessageSent, parts, sent })
	if err != nil || !moved {
		t.Fatal(moved, err)
	}
}

func bill(t *testing.T, s *store.Store, limit int) int {
	t.Helper()
	billing, err := s.BeginBilling(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := billing.Bill(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func costs(t *testing.T, s *store.Store) []models.MessageStat {
	t.Helper()
	out, err := s.MessageStats(t.Context(), "2026-11-01", "2026-11-30")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Each part counts once, on the local day of its sending, however often a worker begins anew or loses to another.
func TestCostsAreExact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		night := time.Date(2026, 11, 20, 17, 30, 0, 0, time.UTC) // half past midnight in Vietnam
		for i := range 5 {
			sendSMS(t, s, models.Message{ID: fmt.Sprintf("a%d", i), Account: "a", Kind: models.MessageAdvice, Program: "covid19"}, 2, at)
		}
		sendSMS(t, s, models.Message{ID: "o1", Kind: models.MessageOTP, To: phone, Text: "1"}, 1, at)
		sendSMS(t, s, models.Message{ID: "r1", Account: "a", Kind: models.MessageReminderSMS, Program: "covid19"}, 3, night)
		if err := s.Enqueue(t.Context(), models.Message{ID: "push", Account: "a", Kind: models.MessageAdvice, Route: models.RoutePush, State: models.MessageStored, CreatedAt: at}); err != nil {
			t.Fatal(err)
		}
		other, err := s.BeginBilling(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := bill(t, s, 4); n != 4 {
			t.Errorf("%d messages in the first batch, want 4", n)
		}
		if _, err := other.Bill(t.Context(), 100); !models.Changed.Is(err) {
			t.Errorf("a second worker billed: %v", err)
		}
		if n := bill(t, s, 100); n != 3 {
			t.Errorf("%d messages in the second batch, want 3", n)
		}
		if n := bill(t, s, 100); n != 0 {
			t.Errorf("%d messages were billed again", n)
		}
		want := []models.MessageStat{
			{Day: "2026-11-20", Route: models.RouteSMS, Kind: models.MessageOTP, Messages: 1, Parts: 1},
			{Day: "2026-11-20", Program: "covid19", Route: models.RouteSMS, Kind: models.MessageAdvice, Messages: 5, Parts: 10},
			{Day: "2026-11-21", Program: "covid19", Route: models.RouteSMS, Kind: models.MessageReminderSMS, Messages: 1, Parts: 3},
		}
		if diff := cmp.Diff(want, costs(t, s)); diff != "" {
			t.Errorf("costs (-want +got):\n%s", diff)
		}
	})
}

// cutOff is an engine whose process dies before the marks are written.
type cutOff struct {
	store.Engine
	dead bool
}

func (c *cutOff) ReplaceAll(ctx context.Context, collection string, docs []store.Document, was []string) ([]int, error) {
	if c.dead {
		return nil, store.ErrClosed
	}
	return c.Engine.ReplaceAll(ctx, collection, docs, was)
}

// A worker that dies after counting and before marking counts nothing twice: whoever comes next only marks.
func TestCostsAfterACrash(t *testing.T) {
	t.Parallel()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			engine := &cutOff{Engine: open(t), dead: true}
			keys, err := seal.Generate()
			if err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(t.Context(), engine, keys)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				sendSMS(t, s, models.Message{ID: fmt.Sprint(i), Account: "a", Kind: models.MessageAdvice, Program: "covid19"}, 2, at)
			}
			billing, err := s.BeginBilling(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := billing.Bill(t.Context(), 100); err == nil {
				t.Fatal("nothing was cut off")
			}
			for range 2 {
				if _, err := s.BeginBilling(t.Context()); err == nil {
					t.Fatal("a batch that cannot be finished was passed over")
				}
			}
			engine.dead = false
			for bill(t, s, 100) > 0 {
			}
			want := []models.MessageStat{{Day: "2026-11-20", Program: "covid19", Route: models.RouteSMS, Kind: models.MessageAdvice, Messages: 5, Parts: 10}}
			if diff := cmp.Diff(want, costs(t, s)); diff != "" {
				t.Errorf("costs (-want +got):\n%s", diff)
			}
		})
	}
}

// Reports that come while a message is being counted neither count it twice nor are they lost.
func TestCostsBesideReports(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		const messages = 60
		for i := range messages {
			sendSMS(t, s, models.Message{ID: fmt.Sprintf("m%02d", i), Account: "a", Kind: models.MessageAdvice, Program: "covid19"}, 1, at)
		}
		var reports sync.WaitGroup
		for i := range messages {
			reports.Go(func() {
				if _, _, err := s.AdvanceMessage(t.Context(), "a", fmt.Sprintf("m%02d", i), func(m *models.Message) { m.State = models.MessageDelivered }); err != nil {
					t.Error(err)
				}
			})
		}
		for bill(t, s, 7) > 0 {
		}
		reports.Wait()
		for bill(t, s, 7) > 0 { // what a report might have brought back
		}
		want := []models.MessageStat{{Day: "2026-11-20", Program: "covid19", Route: models.RouteSMS, Kind: models.MessageAdvice, Messages: messages, Parts: messages}}
		if diff := cmp.Diff(want, costs(t, s)); diff != "" {
			t.Errorf("costs (-want +got):\n%s", diff)
		}
		for i := range messages {
			m, err := s.Message(t.Context(), "a", fmt.Sprintf("m%02d", i))
			if err != nil || m.State != models.MessageDelivered || !m.Billed {
				t.Errorf("%+v, %v", m, err)
			}
		}
	})
}
