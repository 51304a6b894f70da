package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/mongo"
	"khaibao/internal/store/sqlite"
)

// benchRound is how long one side declares before the other has its turn.
const benchRound = 4 * time.Second

// BenchmarkSubmit sets the product against the floor on the same engine: both take the same declarations from the same
// client, in turns of benchRound, b.N turns each (-benchtime 6x), the first to go changing. It reports the median rate of
// each and the median of their ratios. The product carries effects out all the while; "sustained" counts the time that
// the rest of them takes afterwards too. KHAIBAO_TEST_MONGO names a MongoDB server.
func BenchmarkSubmit(b *testing.B) {
	collectSeldom()
	b.Run("sqlite", func(b *testing.B) {
		for _, connections := range []int{16, 64} {
			b.Run(fmt.Sprint(connections), func(b *testing.B) {
				engine, err := sqlite.Open(b.Context(), b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				defer engine.Close(context.Background())
				compare(b, engine, floorSQLite(b), connections)
			})
		}
	})
	address := os.Getenv("KHAIBAO_TEST_MONGO")
	if address == "" {
		b.Log("KHAIBAO_TEST_MONGO is not set: MongoDB is left out")
		return
	}
	b.Run("mongo", func(b *testing.B) {
		for _, connections := range []int{16, 64} {
			b.Run(fmt.Sprint(connections), func(b *testing.B) {
				engine, err := mongo.Open(b.Context(), strings.TrimSuffix(address, "/")+"/"+benchDatabase("product"))
				if err != nil {
					b.Fatal(err)
				}
				defer func() {
					if err := errors.Join(engine.Drop(context.Background()), engine.Close(context.Background())); err != nil {
						b.Error(err)
					}
				}()
				compare(b, engine, floorMongo(b, address), connections)
			})
		}
	})
}

func benchDatabase(of string) string { return fmt.Sprintf("kb_bench_%s_%d", of, time.Now().UnixNano()) }

// compare lets both sides declare in turns.
func compare(b *testing.B, engine store.Engine, insert func(context.Context, *floorDocument) error, connections int) {
	keys, err := seal.Generate()
	if err != nil {
		b.Fatal(err)
	}
	product, err := openLoadSite(b.Context(), engine, keys, 1000)
	if err != nil {
		b.Fatal(err)
	}
	floor := serveFloor(b, keys, insert)
	var rates [2][]float64
	var ratios, sustained []float64
	var worst, cpu [2]time.Duration
	var total [2]int
	b.ResetTimer()
	for n := range b.N {
		var met [2]attack
		for turn := range 2 {
			before := cpuTime(b)
			if (n+turn)%2 == 0 {
				met[0] = declareFor(b.Context(), floor, product.citizens, connections, benchRound)
				cpu[0] += cpuTime(b) - before
				continue
			}
			round, err := product.round(b.Context(), connections, benchRound, 0)
			if err != nil {
				b.Fatal(err)
			}
			cpu[1] += cpuTime(b) - before
			met[1] = round.attack
			sustained = append(sustained, round.sustained())
		}
		for side, a := range met {
			if a.Failed > 0 {
				b.Errorf("%d of %d requests failed: %s", a.Failed, a.Failed+a.Accepted, a.Why)
			}
			rates[side] = append(rates[side], a.rate())
			worst[side] = max(worst[side], a.P99)
			total[side] += a.Accepted
		}
		ratios = append(ratios, met[1].rate()/met[0].rate())
	}
	b.StopTimer()
	if err := product.close(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rates[0]), "floor/s")
	b.ReportMetric(median(rates[1]), "khaibao/s")
	b.ReportMetric(median(sustained), "sustained/s")
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(worst[0].Seconds()*1000, "floor-p99-ms")
	b.ReportMetric(worst[1].Seconds()*1000, "khaibao-p99-ms")
	b.ReportMetric(float64(cpu[0].Microseconds())/float64(total[0]), "floor-cpu-us")
	b.ReportMetric(float64(cpu[1].Microseconds())/float64(total[1]), "khaibao-cpu-us")
}

// cpuTime is what this process has used so far: the client, the server and SQLite, but no MongoDB server.
func cpuTime(b testing.TB) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}
