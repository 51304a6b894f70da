package fcm_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/doubles"
	"khaibao/internal/sitetest"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
	"khaibao/push"
	"khaibao/push/fcm"
)

// answers is everything that Firebase's HTTP v1 API may answer: the error codes of its reference
// (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode), what our own credentials may meet, and answers
// that are none.
var answers = []struct {
	name   string
	answer doubles.Failure
}{
	{"`UNSPECIFIED_ERROR` (500)", doubles.Failure{Status: 500, Code: "UNSPECIFIED_ERROR"}},
	{"`INVALID_ARGUMENT` (400)", doubles.Failure{Status: 400, Code: "INVALID_ARGUMENT"}},
	{"`UNREGISTERED` (404)", doubles.Failure{Status: 404, Code: "UNREGISTERED"}},
	{"`SENDER_ID_MISMATCH` (403)", doubles.Failure{Status: 403, Code: "SENDER_ID_MISMATCH"}},
	{"`QUOTA_EXCEEDED` (429)", doubles.Failure{Status: 429, Code: "QUOTA_EXCEEDED"}},
	{"`UNAVAILABLE` (503)", doubles.Failure{Status: 503, Code: "UNAVAILABLE"}},
	{"`INTERNAL` (500)", doubles.Failure{Status: 500, Code: "INTERNAL"}},
	{"`THIRD_PARTY_AUTH_ERROR` (401)", doubles.Failure{Status: 401, Code: "THIRD_PARTY_AUTH_ERROR"}},
	{"401 without a code", doubles.Failure{Status: 401}},
	{"403 without a code", doubles.Failure{Status: 403}},
	{"404 without a code", doubles.Failure{Status: 404}},
	{"no answer", doubles.Failure{}},
	{"an answer that cannot be read", doubles.Failure{Status: 200}},
}

// treatment is what the worker does about an answer, as the columns of the table say it.
type treatment struct{ reason, message, token, channel string }

// treated lets the only push of a household meet an answer and tells what becomes of it.
func treated(t *testing.T, answer doubles.Failure) (o treatment, wait time.Duration, open bool) {
	t.Helper()
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	known, err := sitetest.Load()
	fatal(t, err)
	kept, err := store.Open(t.Context(), storetest.Memory(t), known.Keys)
	fatal(t, err)
	account := household(t, kept, now)
	double, err := doubles.NewFCM(nil)
	fatal(t, err)
	t.Cleanup(func() { double.Close() })
	double.Fail(answer)
	sender, err := fcm.New(t.Context(), fcm.Config{Project: "demo", Endpoint: double.Endpoint(), Real: clock})
	fatal(t, err)

	steps := make(chan push.Outcome, 10)
	worker := push.NewWorker(push.Config{
		Store: kept, Push: sender, Programs: known.Programs, Text: known.Texts.Text, Now: clock, Real: clock, Owner: "one",
		Log: slog.New(slog.DiscardHandler), Observe: func(o push.Outcome) { steps <- o }, Jitter: func() float64 { return 0 },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	var step push.Outcome
	select {
	case step = <-steps:
	case <-storetest.Within(t).Done():
		t.Error("no step was written down in time")
	}
	cancel()
	fatal(t, <-ended)

	m, err := kept.Message(t.Context(), account, "d1")
	fatal(t, err)
	a, err := kept.Account(t.Context(), account)
	fatal(t, err)
	o = treatment{reason: "`" + m.Reason + "`", token: "kept"}
	if len(a.Devices) == 0 {
		o.token = "dropped"
	}
	switch step.State {
	case models.MessagePending:
		wait = m.DueAt.Sub(now)
	case models.MessageFailed:
		o.message = "fails, or goes by SMS"
	case models.MessageStored:
		o.message = "waits in the inbox, or goes by SMS"
	default:
		t.Errorf("%+v ends as %s", answer, step.State)
	}
	return o, wait, worker.Open(models.RoutePush)
}

// household makes an account with one device, for which an advice waits.
func household(t *testing.T, s *store.Store, now time.Time) string {
	t.Helper()
	account, err := s.ClaimPhone(t.Context(), "+84900000001")
	fatal(t, err)
	device := models.Device{ID: "an-1", Token: "token-an-1", Platform: "android", Lang: models.Vietnamese}
	citizen := models.Citizen{Account: account, Channel: models.ChannelApp}
	fatal(t, push.NewDevices(s, func() time.Time { return now }).Register(t.Context(), citizen, device))
	fatal(t, s.Enqueue(t.Context(), models.Message{
		ID: "d1", Account: account, Kind: models.MessageAdvice, Lane: models.LaneNormal, Route: models.RoutePush, Program: "covid19", PersonID: "p",
		Declaration: models.DeclarationRef{Form: models.FormDeclaration, ID: "d1"}, State: models.MessagePending,
		CreatedAt: now, DueAt: now, ExpiresAt: now.Add(24 * time.Hour),
	}))
	return account
}

// table tries every answer, without and with a Retry-After of 90 seconds, and gives the rows of the table.
func table(t *testing.T) []string {
	t.Helper()
	rows := make([]string, len(answers))
	t.Run("answers", func(t *testing.T) {
		for i, a := range answers {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				got, bare, openBare := treated(t, a.answer)
				asked := a.answer
				asked.RetryAfter = 90 * time.Second
				_, told, openTold := treated(t, asked)
				switch { // half of 5 s is the first of the growing pauses when chance adds nothing
				case bare == 2500*time.Millisecond && told == 90*time.Second:
					got.message = "is tried again: growing pauses, or `Retry-After`"
				case bare == time.Minute && told == 90*time.Second:
					got.message = "is tried again: after a minute, or `Retry-After`"
				case bare == 2500*time.Millisecond && told == bare:
					got.message = "is tried again: growing pauses"
				case bare != 0 || told != 0:
					t.Errorf("%s: waits %s, or %s of 90 s", a.name, bare, told)
				}
				switch {
				case openBare && openTold:
					got.channel = "left alone at once"
				case openTold:
					got.channel = "left alone after five in a row, or at once for `Retry-After`"
				case bare > 0:
					got.channel = "left alone after five in a row"
				default:
					got.channel = "goes on"
				}
				rows[i] = fmt.Sprintf("| %s | %s | %s | %s | %s |", a.name, got.reason, got.message, got.token, got.channel)
			})
		}
	})
	return rows
}

// What the documentation says of every answer of Firebase is what the worker does.
func TestTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/messages.md")
	fatal(t, err)
	_, section, _ := strings.Cut(string(text), "\n## What Firebase answers\n")
	var documented []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "## ") {
			break
		}
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| answer ") {
			documented = append(documented, line)
		}
	}
	if diff := cmp.Diff(documented, table(t)); diff != "" {
		t.Errorf("docs/messages.md against what happens (-documented +happens):\n%s", diff)
	}
}
