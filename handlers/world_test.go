package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"khaibao/internal/auth"
	"khaibao/internal/contract"
	"khaibao/internal/sitetest"
	"khaibao/internal/store"
	"khaibao/internal/store/sqlite"
	"khaibao/models"
)

// Places of the tests: two communes of one province.
const (
	bacSon    = sitetest.BacSon
	langSon   = sitetest.LangSon
	otherHome = sitetest.DongKinh
)

var loadContract = sync.OnceValues(contract.Load)

// world is the whole API on a real store, with every exchange held against the contract.
type world struct {
	*testing.T
	*sitetest.Site
	engine   store.Engine
	contract *contract.Checker
	server   *Server
	client   *http.Client
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	engine, err := sqlite.Open(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { engine.Close(context.Background()) })
	return newWorldOn(t, engine, change...)
}

func newWorldOn(t *testing.T, engine store.Engine, change ...func(*Config)) *world {
	t.Helper()
	checker, err := loadContract()
	must(t, err)
	w := &world{T: t, Site: sitetest.New(t, engine), engine: engine, contract: checker}
	config := w.config()
	for _, c := range change {
		c(&config)
	}
	w.server, err = New(config)
	must(t, err)
	w.client = &http.Client{Transport: checker.Transport(t, local{w.server})}
	return w
}

func (w *world) config() Config {
	return Config{
		Tokens: w.Tokens, Citizens: w.Citizens, PINs: w.PINs, Officials: w.Officials, Cases: w.Cases, Privacy: w.Privacy, Broadcasts: w.Broadcasts,
		Intake: w.Intake, Inbox: w.Inbox, Devices: w.Devices, Programs: w.Programs, Areas: w.Areas, Texts: w.Texts,
		Now: w.Clock.Now, Log: w.Logged.JSON(), Metrics: prometheus.NewRegistry(),
		OperationsHere: true, Checks: []Check{{Name: "store", Ask: w.engine.Ping}},
	}
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
	waiting, err := w.Store.DueMessages(w.Context(), models.LaneOTP, models.RouteSMS, time.Now().Add(time.Second), 100)
	must(w, err)
	for _, m := range waiting {
		if strings.HasSuffix(m.To, strings.TrimPrefix(number, "0")) {
			m.State = models.MessageSent
			must(w, w.Store.SaveMessage(w.Context(), &m))
			return m.Text[:6]
		}
	}
	w.Fatal("no code was sent")
	return ""
}

// official adds an official and signs them in.
func (w *world) official(login string, role models.Role, area models.Area) string {
	w.Helper()
	return w.token(w.Site.Official(w, login, role, area))
}

// token signs an official in.
func (w *world) token(of auth.Credentials) string {
	w.Helper()
	pair := w.want(http.StatusOK, w.call("POST", "/v1/official/login", "", object{"login": of.Official.Login, "password": of.Password, "totp": w.Code(w, of)}))
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
	w.Settle(w)
}

func diff(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
