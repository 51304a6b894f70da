package handlers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"khaibao/internal/gsm"
	"khaibao/models"
)

const gatewaySecret = "a-secret-of-the-gateway-01"

// parrot is a conversation of the tests: it says what it heard, and keeps what it was asked.
type parrot struct {
	mu    sync.Mutex
	heard []models.Inbound
	fail  error
	throw any
}

func (p *parrot) Answer(_ context.Context, in models.Inbound) (models.Reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, in)
	if p.throw != nil {
		panic(p.throw)
	}
	if in.Text == "quiet" {
		return models.Reply{}, p.fail
	}
	return models.Reply{Text: "Nghe: " + in.Text}, p.fail
}

// gate is a server of the channels with its parrot, each exchange held against the contract.
type gate struct {
	*world
	parrot *parrot
	server *Server
	client *http.Client
}

func newGate(t *testing.T, change ...func(*Config)) *gate {
	t.Helper()
	g := &gate{world: newWorld(t), parrot: &parrot{}}
	config := g.world.config()
	config.Conversation, config.Gateways = g.parrot, Gateways{Secrets: []string{gatewaySecret}}
	for _, c := range change {
		c(&config)
	}
	handler, err := Channels(config)
	must(t, err)
	g.server = handler.(*Server)
	g.client = &http.Client{Transport: g.contract.Transport(t, local{handler})}
	return g
}

// sms sends one as Kannel does.
func (g *gate) sms(from, id, text string) reply {
	g.Helper()
	return g.send("GET", "/channels/sms?"+url.Values{"secret": {gatewaySecret}, "from": {from}, "id": {id}, "text": {text}}.Encode(), "", "")
}

func (g *gate) send(method, path, kind, body string, headers ...string) reply {
	g.Helper()
	r, err := http.NewRequestWithContext(g.Context(), method, "http://channels.test"+path, strings.NewReader(body))
	must(g, err)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return exchange(g.T, g.client, r)
}

// A citizen's number becomes E.164, the text arrives as it was written, and the reply says how it must travel.
func TestReceiveSMS(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	got := g.want(http.StatusOK, g.sms("84900000001", "k-1", "Sốt"))
	diff(t, "reply", string(got.body), "Nghe: Sốt")
	diff(t, "coding", got.header.Get("X-Kannel-Coding"), "2")
	got = g.want(http.StatusOK, g.send("POST", "/channels/sms?from=0900000001&id=k-2&secret="+gatewaySecret, "text/plain; charset=UTF-8", "KB 13"))
	diff(t, "reply", string(got.body), "Nghe: KB 13")
	diff(t, "coding", got.header.Get("X-Kannel-Coding"), "")
	got = g.want(http.StatusOK, g.send("POST", "/channels/sms", "application/x-www-form-urlencoded", "from=%2B84900000001&id=k-3&text=quiet", "Authorization", "Bearer "+gatewaySecret))
	diff(t, "no reply", string(got.body), "")
	want := []models.Inbound{
		{Channel: models.ChannelSMS, Phone: "+84900000001", ID: "k-1", Text: "Sốt"},
		{Channel: models.ChannelSMS, Phone: "+84900000001", ID: "k-2", Text: "KB 13"},
		{Channel: models.ChannelSMS, Phone: "+84900000001", ID: "k-3", Text: "quiet"},
	}
	diff(t, "heard", g.parrot.heard, want)
	diff(t, "parts", testutil.ToFloat64(g.server.gates.replyParts), 2.0)
}

// A reply that Kannel would cut is a fault of ours, like any other: the citizen is told, and the log says what it was.
func TestFaultsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	told := g.Texts.Text(models.Vietnamese, "channel.broken", nil)
	if size := gsm.Measure(told); size.Parts != 1 || size.UCS2 {
		t.Errorf("%q: %+v", told, size)
	}
	g.want(http.StatusOK, g.sms("0900000001", "k1", strings.Repeat("a", 5*153-6)))
	diff(t, "too long", string(g.want(http.StatusOK, g.sms("0900000001", "k2", strings.Repeat("a", 5*153-5))).body), told)
	g.parrot.fail = models.Fail(models.Internal, "internal")
	diff(t, "broken", string(g.want(http.StatusOK, g.sms("0900000001", "k3", "a")).body), told)
	g.parrot.fail, g.parrot.throw = nil, "Nguyen Van A 0900000001"
	diff(t, "a panic", string(g.want(http.StatusOK, g.sms("0900000001", "k4", "a")).body), told)
	for path, want := range map[string]string{
		"/channels/ussd": "END " + told, "/channels/ussd/latest": "END " + told, "/channels/ussd/json": `{"SessionId":"s","Type":"Release","Message":"` + told + `"}`,
	} {
		kind, body := formType, "sessionId=s&phoneNumber=0900000001&text=1"
		if strings.HasSuffix(path, "json") {
			kind, body = "application/json", `{"Type":"Response","SessionId":"s","Mobile":"0900000001","Message":"1","Sequence":2}`
		}
		diff(t, "a panic at "+path, strings.TrimSpace(string(g.want(http.StatusOK, g.ussd(path, kind, body)).body)), want)
		g.parrot.throw, g.parrot.fail = nil, models.ErrSignedOut // no citizen has a session that could be over
		diff(t, "an error at "+path, strings.TrimSpace(string(g.want(http.StatusOK, g.ussd(path, kind, body)).body)), want)
	}
	if strings.Contains(g.Logged.String(), "Nguyen") || !strings.Contains(g.Logged.String(), "panic: a string") {
		t.Errorf("the log of a panic:\n%s", g.Logged)
	}
	if !strings.Contains(g.Logged.String(), "a reply of 6 parts") || !strings.Contains(g.Logged.String(), `"level":"ERROR"`) {
		t.Errorf("the log says nothing of it:\n%s", g.Logged)
	}
}

// Operators' own senders and foreign numbers get no answer: theirs would come back.
func TestOnlyCitizensAreAnswered(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	for _, from := range []string{"VIETTEL", "195", "+14155550100", "+842438250000"} {
		if got := g.want(http.StatusOK, g.sms(from, "k", "KB")); len(got.body) > 0 {
			t.Errorf("%s was answered %q", from, got.body)
		}
	}
	if len(g.parrot.heard) > 0 {
		t.Errorf("heard %+v", g.parrot.heard)
	}
	diff(t, "counted", testutil.ToFloat64(g.server.gates.turns.WithLabelValues("sms", "not_mobile")), 4.0)
}

// Whoever is no gateway of ours is refused, counted, and heard by nobody.
func TestSpoofedCallbackIsRefused(t *testing.T) {
	t.Parallel()
	networks := func(text string) func(*Config) {
		return func(c *Config) { c.Gateways.Networks = []netip.Prefix{netip.MustParsePrefix(text)} }
	}
	const good = "/channels/sms?from=0900000001&id=k&text=KB&secret=" + gatewaySecret
	for _, tt := range []struct {
		name    string
		change  func(*Config)
		path    string
		headers []string
		want    string // why it is refused; empty when it is not
	}{
		{"its secret", func(*Config) {}, good, nil, ""},
		{"as a password", func(*Config) {}, "/channels/sms?from=0900000001&id=k", []string{"Authorization", basic("kannel", gatewaySecret)}, ""},
		{"the one being replaced", func(c *Config) { c.Gateways.Secrets = []string{"a-newer-secret-of-the-gate", gatewaySecret} }, good, nil, ""},
		{"one that was replaced", func(c *Config) { c.Gateways.Secrets = []string{"a-newer-secret-of-the-gate"} }, good, nil, "secret"},
		{"none", func(*Config) {}, "/channels/sms?from=0900000001&id=k&text=KB", nil, "secret"},
		{"an empty one", func(*Config) {}, "/channels/sms?from=0900000001&id=k&secret=", nil, "secret"},
		{"twice", func(*Config) {}, good + "&secret=" + gatewaySecret, nil, "secret"},
		{"another one beside it", func(*Config) {}, good + "&secret=x", nil, "secret"},
		{"the beginning of it", func(*Config) {}, strings.TrimSuffix(good, "1"), nil, "secret"},
		{"an app's token", func(*Config) {}, "/channels/sms?from=0900000001&id=k", []string{"Authorization", "Bearer x"}, "secret"},
		{"from its network", networks("192.0.2.0/24"), good, nil, ""},
		{"from another network", networks("198.51.100.7/32"), good, nil, "network"},
		{"that says it is there", networks("198.51.100.7/32"), good, []string{"X-Forwarded-For", "198.51.100.7"}, "network"},
		{"without its certificate", func(c *Config) { c.Gateways.Certificates = true }, good, nil, "certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t, tt.change)
			status, heard := http.StatusOK, 1
			if tt.want != "" {
				status, heard = http.StatusForbidden, 0
			}
			g.want(status, g.send("GET", tt.path, "", "", tt.headers...))
			diff(t, "turns heard", len(g.parrot.heard), heard)
			if tt.want != "" {
				diff(t, "counted", testutil.ToFloat64(g.server.gates.refused.WithLabelValues(tt.want)), 1.0)
			}
			if strings.Contains(g.Logged.String(), gatewaySecret) || strings.Contains(g.Logged.String(), "900000001") {
				t.Errorf("the log holds too much:\n%s", g.Logged)
			}
		})
	}
}

// A HEAD must not be a turn, nor OPTIONS look like one.
func TestHeadIsNoTurn(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	for _, method := range []string{"HEAD", "OPTIONS"} {
		recorder := httptest.NewRecorder()
		g.server.ServeHTTP(recorder, httptest.NewRequest(method, "/channels/sms?from=0900000001&id=k&secret="+gatewaySecret, nil))
		if recorder.Code != http.StatusMethodNotAllowed || len(g.parrot.heard) > 0 {
			t.Errorf("%s: got %d, heard %+v", method, recorder.Code, g.parrot.heard)
		}
	}
}

func TestCallbackErrors(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	diff(t, "missing fields", g.want(http.StatusBadRequest, g.send("GET", "/channels/sms?secret="+gatewaySecret, "", "")).wrong(t), map[string]string{"from": "required", "id": "required"})
	g.want(http.StatusRequestEntityTooLarge, g.send("POST", "/channels/sms?from=0900000001&id=k&secret="+gatewaySecret, "text/plain", strings.Repeat("a", callbackLimit+1)))
	g.parrot.fail = models.Down("reading", context.DeadlineExceeded)
	g.want(http.StatusServiceUnavailable, g.sms("0900000001", "k", "a"))
	must(t, g.engine.Close(context.Background()))
	g.want(http.StatusServiceUnavailable, g.sms("0900000001", "k", "a"))
}

// The API's address does not answer gateways, nor the gateways' address apps.
func TestChannelsAreApart(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	for path, server := range map[string]*Server{"/v1/programs": g.server, "/channels/sms?from=0900000001&id=k&secret=" + gatewaySecret: g.world.server} {
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, httptest.NewRequest("GET", path, nil))
		diff(t, path, recorder.Code, http.StatusNotFound)
	}
}

// Nothing is open because something is not set.
func TestChannelsNeedAGuard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config := w.config()
	for name, change := range map[string]func(*Config){
		"no guard":        func(c *Config) { c.Conversation = &parrot{} },
		"an empty secret": func(c *Config) { c.Conversation, c.Gateways.Secrets = &parrot{}, []string{""} },
		"no conversation": func(c *Config) { c.Gateways.Secrets = []string{gatewaySecret} },
	} {
		c := config
		change(&c)
		if _, err := Channels(c); err == nil {
			t.Errorf("%s: it opened", name)
		}
	}
}

func basic(user, password string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}
