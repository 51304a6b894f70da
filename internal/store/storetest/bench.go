package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"khaibao/internal/store"
)

// Bench measures what a declaration costs an engine, inserts of documents of about 900 bytes with two secondary indexes
// and reads by _id, from 1, 16 and 64 callers at once.
func Bench(b *testing.B, open func(b *testing.B) store.Engine) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("Insert/%d", n), func(b *testing.B) {
			e := startBench(b, open)
			Concurrently(b, n, func(ctx context.Context, i int) error { return e.Insert(ctx, things, sample(i)) })
		})
	}
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("Get/%d", n), func(b *testing.B) {
			e := startBench(b, open)
			const kept = 10_000
			Concurrently(b, n, func(ctx context.Context, i int) error {
				var doc thing
				return e.Get(ctx, things, sample(i*7919%kept).ID, &doc)
			}, func() {
				docs := make([]store.Document, kept)
				for i := range docs {
					docs[i] = sample(i)
				}
				for some := range slices.Chunk(docs, 1000) {
					if err := e.InsertAll(b.Context(), things, some); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func startBench(b *testing.B, open func(b *testing.B) store.Engine) store.Engine {
	b.Helper()
	e := open(b)
	if err := e.Ensure(b.Context(), Collections()); err != nil {
		b.Fatal(err)
	}
	return e
}

// Concurrently runs do b.N times from a number of callers, after what is to be prepared, and reports the rate and how
// long the middle and the slowest in a hundred took.
func Concurrently(b *testing.B, callers int, do func(ctx context.Context, i int) error, prepare ...func()) {
	b.Helper()
	for _, first := range prepare {
		first()
	}
	ctx := b.Context()
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				begun := time.Now()
				if err := do(ctx, i); err != nil {
					b.Error(err)
				}
				took[i] = time.Since(begun)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	slices.SortFunc(took, cmp.Compare)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "p99-ms")
}

// Sample is a document such as the benchmarks insert, for comparisons that go past the engine.
func Sample(i int) store.Document { return sample(i) }

// sample has an _id that grows with i, as those of declarations do with time; one in ten is pending.
func sample(i int) thing {
	doc := thing{
		ID: fmt.Sprintf("019ac000-0000-7000-8000-%012d", i), Rev: "1", Kind: "declaration", Level: int64(i % 5), At: store.Time(1763625600000 + i),
		Name: strings.Repeat("x", 500), Marks: []string{"fever", "cough"}, Numbers: map[string]int64{"temperature": 385, "pulse": 90},
	}
	if i%10 == 0 {
		doc.Todo = &part{At: doc.At, Text: strings.Repeat("y", 100)}
	}
	return doc
}
