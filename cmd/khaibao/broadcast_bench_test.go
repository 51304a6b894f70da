package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/broadcast"
	"khaibao/internal/doubles"
	"khaibao/internal/seal"
	"khaibao/internal/sms"
	"khaibao/internal/store/storetest"
	"khaibao/models"
	"khaibao/push/fcm"
)

// fcmLatency is what Firebase takes for an answer in the measurement.
const fcmLatency = 50 * time.Millisecond

// BenchmarkBroadcast sends one broadcast to KHAIBAO_BENCH_DEVICES devices (20,000 by default), one a household, through the
// whole product: the outbox, the Firebase SDK, and a double of FCM that takes 50 ms for each, all in this process. From the
// middle on a one-time password is asked for every half second. It reports messages a second from start to done, the
// longest that a password took to the SMS gateway, and the memory of the process (resident, MB) in each third.
// KHAIBAO_BENCH_STORE names an empty store; without it, SQLite in a temporary directory.
func BenchmarkBroadcast(b *testing.B) {
	devices := 20_000
	if text := os.Getenv("KHAIBAO_BENCH_DEVICES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			b.Fatalf("KHAIBAO_BENCH_DEVICES: %q is not a number of devices", text)
		}
		devices = n
	}
	collectSeldom()
	for range b.N {
		m := measureBroadcast(b, devices)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(devices)/m.took.Seconds(), "messages/s")
		b.ReportMetric(float64(m.cpu.Microseconds())/float64(devices), "cpu-us/message")
		b.ReportMetric(m.slowestOTP.Seconds()*1000, "slowest-otp-ms")
		for third, mb := range m.memory {
			b.ReportMetric(mb, fmt.Sprintf("MB-third-%d", third+1))
		}
	}
}

// TestBroadcastUnderLoad is the benchmark at a size that every machine bears: nobody is left out or told twice, and a
// one-time password does not wait behind them.
func TestBroadcastUnderLoad(t *testing.T) {
	t.Parallel()
	m := measureBroadcast(t, 3000)
	if m.otps < 1 || m.slowestOTP > 2*time.Second {
		t.Errorf("%d one-time passwords, the slowest in %v", m.otps, m.slowestOTP)
	}
}

// broadcastMeasure is what one broadcast took.
type broadcastMeasure struct {
	took, cpu, slowestOTP time.Duration
	otps                  int
	memory                [3]float64 // the most resident in each third of the messages, MB
}

// bulkSite is the product with a double of FCM that remembers who was told how often.
type bulkSite struct {
	app  *app
	smsc *doubles.SMSC
	fcm  *doubles.LeanFCM
	told []atomic.Int32 // by the number of the device
	stop func() error
}

func measureBroadcast(t testing.TB, devices int) broadcastMeasure {
	t.Helper()
	site := openBulkSite(t, devices)
	defer func() {
		if err := site.stop(); err != nil {
			t.Error(err)
		}
	}()
	id := site.approved(t)
	cpu, begun := cpuTime(t), time.Now()
	ctx := t.Context()
	if _, err := site.app.broadcasts.Start(ctx, nationalOfficial("trung.uong.mot"), id); err != nil {
		t.Fatal(err)
	}
	m := site.watch(t, id, int64(devices))
	m.took, m.cpu = time.Since(begun), cpuTime(t)-cpu
	for n := range site.told {
		if times := site.told[n].Load(); times != 1 {
			t.Fatalf("device %d was told %d times", n, times)
		}
	}
	return m
}

func openBulkSite(t testing.TB, devices int) *bulkSite {
	t.Helper()
	site := &bulkSite{told: make([]atomic.Int32, devices)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	site.fcm, err = doubles.NewLeanFCM(fcmLatency, func(token []byte) {
		if n, err := strconv.Atoi(strings.TrimPrefix(string(token), benchToken)); err == nil && n < len(site.told) {
			site.told[n].Add(1)
		}
	})
	must(err)
	site.smsc, err = doubles.NewSMSC("khaibao", "s3cret-of-sendsms", nil)
	must(err)
	address := os.Getenv("KHAIBAO_BENCH_STORE")
	if address == "" {
		address = "sqlite:" + t.TempDir()
	}
	engine, err := openEngine(t.Context(), address)
	must(err)
	keys, err := seal.Generate()
	must(err)
	must(refuseUsed(t.Context(), engine, keys))
	p := loadParts(engine, keys, nil)
	p.log = slog.New(slog.DiscardHandler)
	// The quiet hours are none of this measurement's: its day begins at 09:00 in Vietnam.
	ahead := time.Until(time.Now().In(models.Hanoi).Truncate(24 * time.Hour).Add(26 * time.Hour))
	p.now = func() time.Time { return time.Now().Add(ahead) }
	p.pushes, err = fcm.New(t.Context(), fcm.Config{Project: "demo-khaibao", Endpoint: site.fcm.Endpoint()})
	must(err)
	p.sms, err = sms.NewKannel(sms.KannelConfig{URL: site.smsc.SendURL(), Username: "khaibao", Password: "s3cret-of-sendsms", From: "KHAIBAO"})
	must(err)
	site.app, err = assemble(t.Context(), p)
	must(err)
	must(site.settle(t.Context(), devices))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- site.app.work(ctx) }()
	site.stop = func() error {
		cancel()
		return errors.Join(<-ended, engine.Close(context.Background()), site.fcm.Close(), site.smsc.Close())
	}
	return site
}

// benchToken is about as long as a registration token of Firebase.
var benchToken = strings.Repeat("t0ken-", 25)

// settle makes households of one person with one device each.
func (s *bulkSite) settle(ctx context.Context, devices int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(128)
	now := s.app.now()
	for n := range devices {
		group.Go(func() error {
			account, err := s.app.store.ClaimPhone(ctx, fmt.Sprintf("+8498%07d", n))
			token := benchToken + strconv.Itoa(n)
			if err == nil {
				err = s.app.store.ClaimToken(ctx, token, account)
			}
			if err == nil {
				_, err = s.app.store.UpdateAccount(ctx, account, func(a *models.Account) ([]models.Effect, error) {
					a.People = []models.Person{{ID: "p", Name: "Người Thử", Relationship: models.Self, BirthDate: "1980-01-01", Sex: models.Female, Province: "20", Commune: "06325", CreatedAt: now}}
					a.Devices = []models.Device{{ID: "d", Token: token, Platform: "android", Lang: models.Vietnamese, UpdatedAt: now}}
					return nil, nil
				})
			}
			return err
		})
	}
	return group.Wait()
}

func nationalOfficial(login string) models.Official {
	return models.Official{ID: login, Login: login, Role: models.NationalManager, Area: models.Nation}
}

// approved drafts a broadcast to everybody and has it approved.
func (s *bulkSite) approved(t testing.TB) (id string) {
	t.Helper()
	v, _, err := s.app.broadcasts.Create(t.Context(), nationalOfficial("trung.uong.mot"), broadcast.Draft{
		Text: models.Words{Vietnamese: "Từ ngày mai, vui lòng đeo khẩu trang nơi công cộng."}, Area: models.Nation, Purpose: models.BroadcastAlert,
	})
	if err == nil {
		_, err = s.app.broadcasts.Approve(t.Context(), nationalOfficial("trung.uong.hai"), v.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v.ID
}

// watch waits for the end, asks for passwords on the way, and notes the memory.
func (s *bulkSite) watch(t testing.TB, id string, devices int64) (m broadcastMeasure) {
	t.Helper()
	var lastOTP time.Time
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		done := s.fcm.Accepted()
		third := min(3*done/devices, 2)
		m.memory[third] = max(m.memory[third], residentMB(t))
		if done >= devices/2 && time.Since(lastOTP) > 500*time.Millisecond {
			lastOTP = time.Now()
			m.slowestOTP = max(m.slowestOTP, s.otp(t, m.otps))
			m.otps++
		}
		v, progress, err := s.app.broadcasts.Get(t.Context(), nationalOfficial("trung.uong.mot"), id)
		if err != nil {
			t.Fatal(err)
		}
		if !v.Active {
			if v.Status != models.BroadcastDone || progress[models.MessageSent] != devices {
				t.Fatalf("it is %s: %v", v.Status, progress)
			}
			return m
		}
		<-tick.C
	}
}

// otp asks for a one-time password and waits until the gateway has it.
func (s *bulkSite) otp(t testing.TB, n int) time.Duration {
	t.Helper()
	phone := fmt.Sprintf("+8497%07d", n)
	begun := time.Now()
	if _, err := s.app.citizens.RequestOTP(t.Context(), phone, models.Vietnamese, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.smsc.Await(storetest.Within(t), n+1); err != nil {
		t.Fatalf("a one-time password did not come: %v", err)
	}
	return time.Since(begun)
}

// residentMB is the memory that the process holds, from Linux, without the pages of files, which are the system's cache to drop
// (SQLite's readers map its file); elsewhere what Go has of the system.
func residentMB(t testing.TB) float64 {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/statm")
	if fields := strings.Fields(string(raw)); err == nil && len(fields) > 2 {
		all, err := strconv.Atoi(fields[1])
		ofFiles, e := strconv.Atoi(fields[2])
		if err == nil && e == nil {
			return float64((all-ofFiles)*os.Getpagesize()) / (1 << 20)
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.Sys) / (1 << 20)
}
