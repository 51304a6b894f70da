package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"khaibao/internal/sitetest"
	"khaibao/internal/sms"
	"khaibao/models"
	"khaibao/push"
)

// reportAddress sends a message and gives the path at which its gateway was told to report, without the state.
func (g *gate) reportAddress(e models.Envelope) string {
	g.Helper()
	var at string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { at = r.URL.Query().Get("dlr-url") }))
	defer server.Close()
	kannel, err := sms.NewKannel(sms.KannelConfig{URL: server.URL, Reports: g.server.Reports})
	must(g, err)
	must(g, kannel.Send(g.Context(), e))
	return strings.TrimSuffix(strings.TrimPrefix(at, "http://channels.test"), "%d")
}

func newReportedGate(t *testing.T) *gate {
	return newGate(t, func(c *Config) {
		loaded, err := sitetest.Load()
		must(t, err)
		c.Reports, err = sms.NewReports("http://channels.test/channels/sms/report", loaded.Keys)
		must(t, err)
	})
}

// Reports move a message forward only, in whatever order they come; each is answered 200.
func TestSMSReports(t *testing.T) {
	t.Parallel()
	g := newReportedGate(t)
	g.server.Reported = push.NewReports(g.Store, g.Clock.Now, func(push.Outcome) {})
	account, err := g.Store.ClaimPhone(t.Context(), "+84900000001")
	must(t, err)
	now := time.Now()
	must(t, g.Store.Enqueue(t.Context(), models.Message{
		ID: "m-1", Account: account, Kind: models.MessageAdvice, Route: models.RouteSMS, State: models.MessagePending, CreatedAt: now, DueAt: now, ExpiresAt: now.Add(time.Hour),
	}))
	at := g.reportAddress(models.Envelope{ID: "m-1", Account: account, To: "+84900000001", Text: strings.Repeat("a", 161)})
	for _, step := range []struct {
		state string
		want  models.MessageState
	}{
		{"4", models.MessagePending}, {"8", models.MessageSent}, {"8", models.MessageSent}, {"1", models.MessageDelivered},
		{"8", models.MessageDelivered}, {"2", models.MessageDelivered}, {"nonsense", models.MessageDelivered},
	} {
		g.want(http.StatusOK, g.send("GET", at+step.state, "", ""))
		m, err := g.Store.Message(t.Context(), account, "m-1")
		must(t, err)
		if m.State != step.want {
			t.Errorf("after report %s: %s, want %s", step.state, m.State, step.want)
		}
	}
	m, err := g.Store.Message(t.Context(), account, "m-1")
	must(t, err)
	diff(t, "parts", m.Parts, 2)
	g.want(http.StatusOK, g.send("GET", g.reportAddress(models.Envelope{ID: "gone", Account: account, To: "+84900000001", Text: "x"})+"1", "", ""))
}

// A report that we gave nobody the address for is refused and changes nothing; the gateways' secret does not help.
func TestForgedReportIsRefused(t *testing.T) {
	t.Parallel()
	g := newReportedGate(t)
	at, err := url.Parse(g.reportAddress(models.Envelope{ID: "m-1", Account: "a", To: "+84900000001", Text: "x"}) + "1")
	must(t, err)
	q := at.Query()
	q.Set("id", "m-2")
	for _, forged := range []string{q.Encode(), "account=a&id=m-1&parts=1&state=1&secret=" + gatewaySecret, ""} {
		g.want(http.StatusForbidden, g.send("GET", "/channels/sms/report?"+forged, "", ""))
	}
	diff(t, "counted", testutil.ToFloat64(g.server.gates.refused.WithLabelValues("mac")), 3.0)
	if strings.Contains(g.Logged.String(), "m-1") {
		t.Errorf("the log holds a link:\n%s", g.Logged)
	}
}

// What SMS cost stands in the numbers of a national manager.
func TestMessageStats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.official("chi.phi", models.NationalManager, models.Nation)
	now := w.Clock.Now()
	for _, m := range []models.Message{
		{ID: "o", Kind: models.MessageOTP, To: "+84900000001", Text: "1", Parts: 1},
		{ID: "a", Account: "a", Kind: models.MessageAdvice, Program: "covid19", Parts: 2},
	} {
		m.Route, m.State, m.CreatedAt, m.SentAt = models.RouteSMS, models.MessageSent, now, now
		must(t, w.Store.Enqueue(t.Context(), m))
	}
	w.settle()
	got := w.want(http.StatusOK, w.call("GET", "/v1/stats/messages", manager, nil)).items(t)
	day := models.Day(now)
	diff(t, "costs", got, []object{
		{"day": day, "program": nil, "channel": "sms", "kind": "otp", "messages": 1.0, "parts": 1.0},
		{"day": day, "program": "covid19", "channel": "sms", "kind": "advice", "messages": 1.0, "parts": 2.0},
	})
	w.want(http.StatusBadRequest, w.call("GET", "/v1/stats/messages?from=yesterday", manager, nil))
}
