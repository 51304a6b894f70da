package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
	"khaibao/internal/broadcast"
	"khaibao/internal/cases"
	"khaibao/internal/contract"
	"khaibao/internal/effects"
	"khaibao/internal/followup"
	"khaibao/internal/intake"
	"khaibao/internal/lang"
	"khaibao/internal/privacy"
	"khaibao/internal/rules"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/sqlite"
	"khaibao/models"
	"khaibao/programs"
	"khaibao/push"
)

// Places of the tests: two communes of one province, and one of another.
const (
	bacSon    = "06325" // in Lạng Sơn
	langSon   = "20"
	otherHome = "06004" // another commune of Lạng Sơn
)

// shared is what never changes and costs time to load.
type shared struct {
	areas    *areas.Directory
	texts    *lang.Texts
	programs *rules.Catalog
	contract *contract.Checker
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
	if s.keys, err = seal.Generate(); err != nil {
		return nil, err
	}
	s.contract, err = contract.Load()
	return s, err
})

// world is the whole API on a real store, with every exchange held against the contract.
type world struct {
	*testing.T
	shared
	server     *Server
	store      *store.Store
	engine     *sqlite.Engine
	officials  *auth.Officials
	broadcasts *broadcast.Service
	effects    *effects.Worker
	client     *http.Client
	log        *bytes.Buffer
	clock      atomic.Int64 // how far the domain's clock is ahead of real time
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	loaded, err := loadShared()
	must(t, err)
	w := &world{T: t, shared: *loaded, log: &bytes.Buffer{}}
	w.engine, err = sqlite.Open(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { w.engine.Close(context.Background()) })
	w.store, err = store.Open(t.Context(), w.engine, w.keys)
	must(t, err)
	config := w.config()
	for _, c := range change {
		c(&config)
	}
	w.server, err = New(config)
	must(t, err)
	w.client = &http.Client{Transport: w.contract.Transport(t, local{w.server})}
	return w
}

// now is the domain's clock.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.clock.Load())) }

func (w *world) config() Config {
	tokens, err := auth.NewTokens(auth.Config{Keys: w.keys.TokenKeys()})
	must(w, err)
	budgets := auth.DefaultBudgets()
	budgets.OTPResend = 0
	citizens, err := auth.NewCitizens(auth.CitizensConfig{
		Store: w.store, Keys: w.keys, Tokens: tokens, Outbox: w.store, Text: w.texts.Text, Budgets: budgets,
	})
	must(w, err)
	w.officials, err = auth.NewOfficials(auth.OfficialsConfig{
		Store: w.store, Keys: w.keys, Tokens: tokens, Argon2: auth.Argon2{Time: 1, Memory: 8, Threads: 1, Parallel: 2},
		Budgets: auth.LoginBudgets{PerLoginHour: 100, PerAddressHour: 1000}, ValidArea: w.areas.ValidScope,
	})
	must(w, err)
	pins, err := auth.NewPINs(w.store, auth.Argon2{Time: 1, Memory: 8, Threads: 1, Parallel: 2}, nil)
	must(w, err)
	caseWork := cases.New(cases.Config{
		Store: w.store, Within: func(scope models.Area) cases.Scoped { return w.store.Within(scope) },
		Programs: w.programs, Areas: w.areas, Now: w.now,
	})
	log := slog.New(slog.NewJSONHandler(&locked{w: w.log}, nil))
	w.broadcasts = broadcast.New(broadcast.Config{
		Store: w.store, Areas: w.areas, Now: w.now, NewID: store.NewID, Owner: "test", Log: log, ApproveAbove: 2,
	})
	inbox := push.NewInbox(push.InboxConfig{Store: w.store, Programs: w.programs, Broadcast: w.broadcasts.Text, Text: w.texts.Text, Now: w.now})
	rights := privacy.New(privacy.Config{
		Store: w.store, EndSessions: citizens.EndSessions, Follow: caseWork.FollowPerson, Now: w.now,
		Inbox: func(ctx context.Context, citizen models.Citizen, page models.Page) ([]privacy.ExportMessage, string, error) {
			items, next, err := inbox.List(ctx, citizen, page)
			var out []privacy.ExportMessage
			for _, m := range items {
				out = append(out, privacy.ExportMessage{ID: m.ID, Kind: m.Kind, Title: m.Title, Text: m.Text, CreatedAt: m.CreatedAt})
			}
			return out, next, err
		},
	})
	plans := followup.New(followup.Config{Store: w.store, Programs: w.programs, Missed: caseWork.Missed, Ended: caseWork.Ended, Now: w.now, Owner: "test", Log: log})
	w.effects = effects.New(effects.Config{
		Store: w.store,
		BeginCounting: func(ctx context.Context, form models.Form) (effects.Counting, error) {
			return w.store.BeginCounting(ctx, form)
		},
		BeginBilling: func(ctx context.Context) (effects.Billing, error) { return w.store.BeginBilling(ctx) },
		Planned:      plans.Planned, Plan: plans.Apply, EndPlans: plans.End,
		Flag: caseWork.Apply, Follow: caseWork.FollowPerson, Forget: rights.Forget, Release: rights.Release,
		SMSAfter: w.programs.SMSAfter, Enqueued: func() {}, Now: w.now, Owner: "test", Log: log,
	})
	return Config{
		Tokens: tokens, Citizens: citizens, PINs: pins, Officials: w.officials, Cases: caseWork, Privacy: rights, Broadcasts: w.broadcasts,
		Intake: intake.New(intake.Config{Store: w.store, Programs: w.programs, Areas: w.areas, Now: w.now}),
		Inbox:  inbox, Devices: push.NewDevices(w.store, w.now),
		Programs: w.programs, Areas: w.areas, Texts: w.texts, Now: w.now, Log: log, Metrics: prometheus.NewRegistry(),
		OperationsHere: true, Checks: []Check{{Name: "store", Ask: w.engine.Ping}},
	}
}

// locked lets requests of one test log at the same time.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// local answers requests in the process.
type local struct{ handler http.Handler }

func (l local) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	in := httptest.NewRequest(r.Method, r.URL.String(), r.Body).WithContext(r.Context())
	in.Header, in.ContentLength = r.Header, r.ContentLength
	l.handler.ServeHTTP(recorder, in)
	return recorder.Result(), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reply is what the API answered.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// object reads the body.
func (r reply) object(t testing.TB) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(r.body, &out); err != nil {
		t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
	return out
}

// items reads the items of a list.
func (r reply) items(t testing.TB) []map[string]any {
	t.Helper()
	var out []map[string]any
	list, _ := r.object(t)["items"].([]any)
	for _, item := range list {
		out = append(out, item.(map[string]any))
	}
	return out
}

// wrong lists the fields that a problem document names, with their codes.
func (r reply) wrong(t testing.TB) map[string]string {
	t.Helper()
	var p struct {
		Errors []struct{ Field, Code string }
	}
	must(t, json.Unmarshal(r.body, &p))
	out := map[string]string{}
	for _, e := range p.Errors {
		out[e.Field] = e.Code
	}
	return out
}

type object = map[string]any

// call sends a request; a body that is no string is sent as JSON. Headers are pairs.
func (w *world) call(method, path, token string, body any, headers ...string) reply {
	w.Helper()
	var content io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(body)
	default:
		raw, err := json.Marshal(body)
		must(w, err)
		content = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(w.Context(), method, "http://api.test"+path, content)
	must(w, err)
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return exchange(w, w.client, r)
}

func exchange(t testing.TB, client *http.Client, r *http.Request) reply {
	t.Helper()
	answer, err := client.Do(r)
	must(t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	must(t, err)
	return reply{answer.StatusCode, answer.Header, raw}
}

// want fails unless the status is the one that was expected.
func (w *world) want(status int, got reply) reply {
	w.Helper()
	if got.status != status {
		w.Fatalf("got %d, want %d: %s", got.status, status, got.body)
	}
	return got
}

// phone makes a synthetic mobile number, a different one for every n below 10,000.
func phone(n int) string { return fmt.Sprintf("09%08d", 12340000+n) }

// signIn signs a citizen in by a code and gives the access token.
func (w *world) signIn(number string) string {
	w.Helper()
	return w.tokens(number)["access_token"].(string)
}

func (w *world) tokens(number string) object {
	w.Helper()
	asked := w.want(http.StatusAccepted, w.call("POST", "/v1/auth/otp", "", object{"phone": number})).object(w)
	return w.want(http.StatusOK, w.call("POST", "/v1/auth/otp/verify", "", object{"request_id": asked["request_id"], "code": w.code(number)})).object(w)
}

// code takes the newest code for a number out of the outbox, as the SMS gateway would.
func (w *world) code(number string) string {
	w.Helper()
	waiting, err := w.store.DueMessages(w.Context(), models.LaneOTP, models.RouteSMS, time.Now().Add(time.Second), 100)
	must(w, err)
	for _, m := range waiting {
		if strings.HasSuffix(m.To, strings.TrimPrefix(number, "0")) {
			m.State = models.MessageSent
			must(w, w.store.SaveMessage(w.Context(), &m))
			return m.Text[:6]
		}
	}
	w.Fatal("no code was sent")
	return ""
}

// official adds an official and signs them in.
func (w *world) official(login string, role models.Role, area models.Area) string {
	w.Helper()
	credentials, err := w.officials.Add(w.Context(), auth.NewOfficial{Login: login, Name: "Cán bộ " + login, Role: role, Area: area})
	must(w, err)
	code, err := totp.GenerateCode(credentials.TOTPSecret, time.Now())
	must(w, err)
	pair := w.want(http.StatusOK, w.call("POST", "/v1/official/login", "", object{"login": login, "password": credentials.Password, "totp": code}))
	return pair.object(w)["access_token"].(string)
}

// newID makes an id as an app does.
func newID(t testing.TB) string {
	t.Helper()
	id, err := uuid.NewV7()
	must(t, err)
	return id.String()
}

// person adds a person of Bắc Sơn and gives the id.
func (w *world) person(token, name, relationship string) string {
	w.Helper()
	added := w.want(http.StatusCreated, w.call("POST", "/v1/people", token, object{
		"name": name, "birth_date": "1958-03-21", "sex": "female", "relationship": relationship, "area": object{"commune": bacSon},
	}))
	return added.object(w)["id"].(string)
}

// declare sends a declaration and gives the answer.
func (w *world) declare(token, person string, answers object) reply {
	w.Helper()
	return w.want(http.StatusCreated, w.call("POST", "/v1/declarations", token, object{
		"id": newID(w), "program": "covid19", "person_id": person, "answers": answers,
	}))
}

// settle carries out every effect that waits.
func (w *world) settle() {
	w.Helper()
	must(w, w.effects.Drain(w.Context()))
}

func diff(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
