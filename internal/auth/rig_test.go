package auth

import (
	"context"
	"errors"
	"regexp"
	"sync"
	"testing"
	"time"

	"khaibao/internal/areas"
	"khaibao/internal/lang"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/sqlite"
	"khaibao/models"
)

const (
	phone   = "+84900000001"
	other   = "+84900000002"
	address = "192.0.2.1"
)

// clock stands still until a test moves it. It begins at a round hour just ahead of real time, because an engine drops
// budgets by real time.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

type rig struct {
	*clock
	dir       string
	engine    store.Engine
	store     *store.Store
	keys      *seal.Keys
	tokens    *Tokens
	citizens  *Citizens
	officials *Officials
}

// wide budgets stay out of the way of tests that are not about them.
func wide() Budgets { return Budgets{1000, 1000, 1000, 1000, 0} }

var quickArgon2 = Argon2{Memory: 64, Time: 1, Threads: 1, Parallel: 2}

var loadAreas = sync.OnceValues(areas.Load)

func newRig(t testing.TB) *rig { return newRigWith(t, wide(), LoginBudgets{1000, 1000}, nil) }

func newRigWith(t testing.TB, budgets Budgets, logins LoginBudgets, firebase Verifier) *rig {
	t.Helper()
	r := &rig{clock: &clock{at: time.Now().UTC().Truncate(time.Hour).Add(time.Hour)}, dir: t.TempDir()}
	var err error
	if r.keys, err = seal.Generate(); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if r.engine, err = sqlite.Open(ctx, r.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.engine.Close(ctx) })
	if r.store, err = store.Open(ctx, r.engine, r.keys); err != nil {
		t.Fatal(err)
	}
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	if r.tokens, err = NewTokens(Config{Keys: r.keys.TokenKeys(), Now: r.now}); err != nil {
		t.Fatal(err)
	}
	r.citizens, err = NewCitizens(CitizensConfig{
		Store: r.store, Keys: r.keys, Tokens: r.tokens, Outbox: r.store, Text: texts.Text, Firebase: firebase, Budgets: budgets, Now: r.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	where, err := loadAreas()
	if err != nil {
		t.Fatal(err)
	}
	r.officials, err = NewOfficials(OfficialsConfig{
		Store: r.store, Keys: r.keys, Tokens: r.tokens, Argon2: quickArgon2, Budgets: logins,
		Areas: where, Now: r.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// request asks for a code and gives the request with the code that was sent.
func (r *rig) request(t testing.TB, phone string) (OTPRequest, string) {
	t.Helper()
	asked, err := r.citizens.RequestOTP(t.Context(), phone, models.English, address)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.outbox(t) {
		if m.ID == asked.ID {
			return asked, regexp.MustCompile(`\d{6}`).FindString(m.Text)
		}
	}
	t.Fatal("no code was sent")
	return asked, ""
}

func (r *rig) outbox(t testing.TB) []models.Message {
	t.Helper()
	messages, err := r.store.DueMessages(t.Context(), models.LaneOTP, models.RouteSMS, r.now(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func (r *rig) signIn(t testing.TB, phone string) Pair {
	t.Helper()
	asked, code := r.request(t, phone)
	pair, err := r.citizens.VerifyOTP(t.Context(), asked.ID, code, address)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (r *rig) subject(t testing.TB, p Pair) Subject {
	t.Helper()
	s, err := r.tokens.Check(p.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// codeOf is the code of an error, "" for none.
func codeOf(err error) string {
	var e *models.Error
	if err == nil {
		return ""
	}
	if !errors.As(err, &e) {
		return err.Error()
	}
	return e.Code
}

func wantCode(t testing.TB, what string, err error, kind models.Kind, code string) {
	t.Helper()
	if models.KindOf(err) != kind || codeOf(err) != code {
		t.Errorf("%s: got %v, want %s %s", what, err, kind, code)
	}
}

func wantWait(t testing.TB, what string, err error, code string, wait time.Duration) {
	t.Helper()
	var e *models.Error
	if !errors.As(err, &e) || e.Kind != models.TooMany || e.Code != code || e.RetryAfter != wait {
		t.Errorf("%s: got %+v, want %s after %v", what, err, code, wait)
	}
}
