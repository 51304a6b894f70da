package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"
	"github.com/prometheus/client_golang/prometheus"

	"khaibao/internal/areas"
	"khaibao/internal/auth"
	"khaibao/internal/cases"
	"khaibao/internal/effects"
	"khaibao/internal/followup"
	"khaibao/internal/intake"
	"khaibao/internal/lang"
	"khaibao/internal/rules"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/sqlite"
	"khaibao/models"
	"khaibao/programs"
)

// Places of the tests: two communes of one province, and another province.
const (
	bacSon    = "06325"
	dongKinh  = "05977"
	langSon   = "20"
	elsewhere = "01"
)

type shared struct {
	areas    *areas.Directory
	texts    *lang.Texts
	programs *rules.Catalog
	keys     *seal.Keys
}

var loadShared = sync.OnceValues(func() (*shared, error) {
	s := &shared{}
	var err error
	if s.areas, err = areas.Load(); err != nil {
		return nil, err
	}
	if s.texts, err = lang.Load(); err != nil {
		return nil, err
	}
	if s.programs, err = rules.Load(rules.Options{Commune: s.areas.Today}, rules.Source{Name: "programs", FS: programs.FS}); err != nil {
		return nil, err
	}
	s.keys, err = seal.Generate()
	return s, err
})

// world is the console on a real store.
type world struct {
	*testing.T
	shared
	console   *Console
	store     *store.Store
	officials *auth.Officials
	cases     *cases.Service
	intake    *intake.Service
	effects   *effects.Worker
	log       *log
	clock     atomic.Int64 // how far the domain's clock is ahead of real time
	realClock atomic.Int64 // how far the clock of sign-ins is
	people    atomic.Int64
}

type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	loaded, err := loadShared()
	must(t, err)
	engine, err := sqlite.Open(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { engine.Close(context.Background()) })
	w := &world{T: t, shared: *loaded, log: &log{}}
	w.store, err = store.Open(t.Context(), engine, w.keys)
	must(t, err)
	tokens, err := auth.NewTokens(auth.Config{Keys: w.keys.TokenKeys()})
	must(t, err)
	w.officials, err = auth.NewOfficials(auth.OfficialsConfig{
		Store: w.store, Keys: w.keys, Tokens: tokens, Argon2: auth.Argon2{Time: 1, Memory: 8, Threads: 1, Parallel: 2},
		Budgets: auth.LoginBudgets{PerLoginHour: 100, PerAddressHour: 1000}, ValidArea: w.areas.ValidScope,
		Now: func() time.Time { return time.Now().Add(time.Duration(w.realClock.Load())) },
	})
	must(t, err)
	w.cases = cases.New(cases.Config{
		Store: w.store, Within: func(scope models.Area) cases.Scoped { return w.store.Within(scope) },
		Programs: w.programs, Areas: w.areas, Now: w.now,
	})
	w.intake = intake.New(intake.Config{Store: w.store, Programs: w.programs, Areas: w.areas, Now: w.now})
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	plans := followup.New(followup.Config{Store: w.store, Programs: w.programs, Missed: w.cases.Missed, Now: w.now, Owner: "test", Log: logger})
	w.effects = effects.New(effects.Config{
		Store: w.store,
		BeginCounting: func(ctx context.Context, form models.Form) (effects.Counting, error) {
			return w.store.BeginCounting(ctx, form)
		},
		BeginBilling: func(ctx context.Context) (effects.Billing, error) { return w.store.BeginBilling(ctx) },
		Planned:      plans.Planned, Plan: plans.Apply, EndPlans: plans.End, Flag: w.cases.Apply, Follow: w.cases.FollowPerson,
		Forget:   func(context.Context, string) error { return nil },
		Release:  func(context.Context, string) error { return nil },
		Enqueued: func() {}, Now: w.now, Owner: "test", Log: logger,
	})
	w.console, err = New(Config{
		Officials: w.officials, Cases: w.cases, Programs: w.programs, Areas: w.areas, Texts: w.texts, Now: w.now, Log: logger,
		Metrics: prometheus.NewRegistry(),
		Audit: func(ctx context.Context, _ models.Official, f models.AuditFilter, page models.Page) ([]models.AuditEntry, string, error) {
			return w.store.Audit(ctx, f, page)
		},
	})
	must(t, err)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func diff(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.clock.Load())) }

// declared enters a household of one in a commune with a declaration, and gives the citizen and the person.
func (w *world) declared(name, commune string, answers map[string]any) (models.Citizen, string) {
	w.Helper()
	n := w.people.Add(1)
	account, err := w.store.ClaimPhone(w.Context(), fmt.Sprintf("+8490%07d", 1230000+n))
	must(w, err)
	citizen := models.Citizen{Account: account, Channel: models.ChannelApp, Lang: models.Vietnamese}
	born, sex, relation := "1958-03-21", models.Female, models.Self
	person, _, _, err := w.intake.AddPerson(w.Context(), citizen, intake.PersonInput{
		Name: &name, BirthDate: &born, Sex: &sex, Relationship: &relation, Commune: &commune,
	})
	must(w, err)
	w.declare(citizen, person.ID, models.FormDeclaration, answers)
	return citizen, person.ID
}

func (w *world) declare(citizen models.Citizen, person string, form models.Form, answers map[string]any) {
	w.Helper()
	id, err := uuid.NewV7()
	must(w, err)
	_, _, err = w.intake.Submit(w.Context(), citizen, intake.Submission{
		Form: form, ID: id.String(), Program: "covid19", PersonID: person, Answers: answers, OccurredAt: w.now(),
	})
	must(w, err)
	must(w, w.effects.Drain(w.Context()))
}

// browser is an official's: it keeps cookies and sends what a browser sends.
type browser struct {
	*world
	cookies map[string]*http.Cookie
	lang    string
	given   auth.Credentials
}

func (w *world) browser() *browser {
	return &browser{world: w, cookies: map[string]*http.Cookie{}, lang: "vi"}
}

// official adds an official and signs them in.
func (w *world) official(login string, role models.Role, area models.Area) *browser {
	w.Helper()
	b := w.browser()
	var err error
	b.given, err = w.officials.Add(w.Context(), auth.NewOfficial{Login: login, Name: "Cán bộ " + login, Role: role, Area: area})
	must(w, err)
	if got := b.post("/console/sign-in", b.credentials()); got.status != http.StatusSeeOther {
		w.Fatalf("signing in: %d %s", got.status, got.words())
	}
	return b
}

// credentials fills the sign-in with the code of the next half minute: each works once.
func (b *browser) credentials() url.Values {
	b.Helper()
	b.realClock.Add(int64(30 * time.Second))
	code, err := totp.GenerateCode(b.given.TOTPSecret, time.Now().Add(time.Duration(b.realClock.Load())))
	must(b, err)
	return url.Values{"login": {b.given.Official.Login}, "password": {b.given.Password}, "totp": {code}}
}

// page is what a browser got.
type page struct {
	status int
	header http.Header
	body   string
}

var (
	tags  = regexp.MustCompile(`(?s)<(script|style|head).*?</(script|style|head)>|<[^>]*>`)
	space = regexp.MustCompile(`\s+`)
	csrf  = regexp.MustCompile(`name="csrf" value="([^"]+)"`)
)

// words is the text of the page alone.
func (p page) words() string { return space.ReplaceAllString(tags.ReplaceAllString(p.body, " "), " ") }

func (p page) location() string { return p.header.Get("Location") }

func (b *browser) send(r *http.Request) page {
	b.Helper()
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	r.Header.Set("Accept-Language", b.lang)
	out := httptest.NewRecorder()
	b.console.ServeHTTP(out, r)
	reply := out.Result()
	for _, c := range reply.Cookies() {
		b.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return page{reply.StatusCode, reply.Header, out.Body.String()}
}

func (b *browser) get(path string) page {
	b.Helper()
	return b.send(httptest.NewRequestWithContext(b.Context(), http.MethodGet, "https://khaibao.test"+path, nil))
}

// post sends a form as a page of ours would.
func (b *browser) post(path string, form url.Values, headers ...string) page {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "https://khaibao.test"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.send(r)
}

// submit sends a form with what the visit's forms carry.
func (b *browser) submit(path string, pairs ...string) page {
	b.Helper()
	form := url.Values{"csrf": {b.csrf()}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.post(path, form)
}

func (b *browser) csrf() string {
	b.Helper()
	found := csrf.FindStringSubmatch(b.get("/console/cases").body)
	if found == nil {
		found = csrf.FindStringSubmatch(b.get("/console/audit").body)
	}
	if found == nil {
		b.Fatal("no form of this visit")
	}
	return found[1]
}

func (b *browser) want(status int, got page) page {
	b.Helper()
	if got.status != status {
		b.Fatalf("got %d, want %d: %s", got.status, status, got.words())
	}
	return got
}

// follow goes where an answer sends the browser.
func (b *browser) follow(got page) page {
	b.Helper()
	b.want(http.StatusSeeOther, got)
	return b.want(http.StatusOK, b.get(got.location()))
}
