package followup

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/models"
)

// roundPeople is how many people TestRoundAtScale follows up; KHAIBAO_ROUND_PEOPLE says another number.
const roundPeople = 2000

// flatMemory is how much the heap may grow in a round, however many people there are.
const flatMemory = 128 << 20

// TestRoundAtScale plans a full round of due reminders: everybody under follow-up, each in a household of their own, has
// missed the update of the morning, and it is ten o'clock. It says how fast that went, and holds the memory to a bound
// that does not depend on how many there are.
func TestRoundAtScale(t *testing.T) {
	t.Parallel()
	people := roundPeople
	if text := os.Getenv("KHAIBAO_ROUND_PEOPLE"); text != "" {
		var err error
		if people, err = strconv.Atoi(text); err != nil || people < 1 {
			t.Fatalf("KHAIBAO_ROUND_PEOPLE=%s is not a number of people", text)
		}
	}
	eachSite(t, func(s *site) {
		began := time.Now()
		s.enter(people)
		entered := time.Since(began)
		s.now = local(11, 10, 0)
		peak := watchHeap()
		began = time.Now()
		moved := s.round(s.service("one", s.store))
		took := time.Since(began)
		start, most := peak()
		s.Logf("%d reminders planned in %.1f s, %.0f/s; heap %d MB before, %d MB at most; entered in %.0f s",
			moved, took.Seconds(), float64(moved)/took.Seconds(), start>>20, most>>20, entered.Seconds())
		if moved != people {
			s.Errorf("%d plans moved on, want %d", moved, people)
		}
		if made, err := s.engine.Count(s.Context(), "outbox", nil); err != nil || made != int64(people) {
			s.Errorf("%d reminders for %d people (%v)", made, people, err)
		}
		if os.Getenv("KHAIBAO_ROUND_PEOPLE") != "" && most > start+flatMemory { // beside other tests the heap is not ours
			s.Errorf("the heap grew from %d to %d MB", start>>20, most>>20)
		}
	})
}

// enter puts people on a plan whose next step is due at 10:00 on the 11th.
func (s *site) enter(people int) {
	s.Helper()
	began := local(10, 12, 0)
	var group errgroup.Group
	group.SetLimit(64)
	for i := range people {
		group.Go(func() error {
			return s.store.UpsertFollowUp(s.Context(), fmt.Sprintf("%022d", i), "019ac000-0000-7000-8000-000000000001", "covid19", func(f *models.FollowUp) bool {
				f.Version, f.Level, f.StartedAt, f.EndsAt = 1, models.LevelModerate, began, began.AddDate(0, 0, 14)
				f.LastAt, f.LastReceived, f.RenewedAt, f.AnsweredTo, f.NextAt = began, began, began, local(10, 8, 0), local(11, 10, 0)
				return true
			})
		})
	}
	if err := group.Wait(); err != nil {
		s.Fatal(err)
	}
}

// watchHeap looks at the heap until its result is called: what was in use at the beginning, and at most, with the collector as
// Go sets it.
func watchHeap() func() (start, most uint64) {
	collector := debug.SetGCPercent(100)
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	start := inUse()
	ctx, cancel := context.WithCancel(context.Background())
	found := make(chan uint64, 1)
	go func() {
		most := start
		for ctx.Err() == nil {
			most = max(most, inUse())
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
		found <- most
	}()
	return func() (uint64, uint64) {
		cancel()
		debug.SetGCPercent(collector)
		return start, <-found
	}
}
