package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"khaibao/models"
)

// A log line says what was asked of which route and how it went, and nothing about anybody.
func TestLogHoldsNoPersonalData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.signIn(phone(60))
	person := w.person(token, "Đặng Thị Cúc", "self")
	declared := w.declare(token, person, object{"fever": true}).object(t)
	w.settle()
	officer := w.official("nhat.ky", models.Officer, bacSon)
	w.want(http.StatusOK, w.call("GET", "/v1/cases?q=0912340060", officer, nil))
	id := w.call("GET", "/v1/cases", officer, nil).items(t)[0]["id"].(string)
	w.want(http.StatusOK, w.call("POST", "/v1/cases/"+id+"/reveal", officer, object{"reason": "lý do riêng"}))
	w.call("GET", "/v1/people/0912340060", token, nil)
	w.call("GET", "/Đặng/0912340060", token, nil, "X-Request-ID", "0912340060")
	w.call("BREW"+strings.Repeat("X", 40), "/v1/people", token, nil)
	logged := w.Logged.String()
	for _, secret := range []string{"0912340060", "912340060", "Đặng", "Cúc", token, person, declared["id"].(string), "fever", "lý do", "nhat.ky", "BREW"} {
		if strings.Contains(logged, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	lines := strings.Split(strings.TrimSpace(logged), "\n")
	var line object
	must(t, json.Unmarshal([]byte(lines[2]), &line))
	delete(line, "time")
	delete(line, "ms")
	delete(line, "bytes")
	delete(line, "request_id")
	diff(t, "a line", line, object{"level": "INFO", "msg": "request", "method": "POST", "route": "/v1/people", "status": 201.0, "subject": "citizen"})
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for sent, taken := range map[string]bool{"": false, "short": false, "0123456789abcdef": true, "with blank 0123456789": false, strings.Repeat("a", 65): false} {
		got := w.call("GET", "/healthz", "", nil, "X-Request-ID", sent).header.Get("X-Request-ID")
		if (got == sent) != taken || len(got) < 16 {
			t.Errorf("%q: got %q", sent, got)
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(http.StatusNotFound, w.call("GET", "/v1/nothing", "", nil))
	w.want(http.StatusNotFound, w.call("GET", "/v1/programs/", "", nil))
	got := w.want(http.StatusMethodNotAllowed, w.call("PUT", "/v1/programs", "", nil, "Accept-Language", "en"))
	options := w.want(http.StatusMethodNotAllowed, w.call("OPTIONS", "/v1/programs", "", nil))
	w.want(http.StatusNotFound, w.call("OPTIONS", "/v1/nothing", "", nil))
	for _, allow := range []string{got.header.Get("Allow"), options.header.Get("Allow")} {
		if !strings.Contains(allow, "GET") || strings.Contains(allow, "OPTIONS") {
			t.Errorf("Allow: %q", allow)
		}
	}
	diff(t, "title", got.object(t)["title"], any("Method not allowed"))
	diff(t, "language", got.header.Get("Content-Language"), "en")
	head, err := local{w.server}.RoundTrip(httptest.NewRequest("HEAD", "/v1/programs", nil))
	if err != nil || head.StatusCode != http.StatusOK || head.Header.Get("ETag") == "" {
		t.Errorf("HEAD: %+v, %v", head, err)
	}
}

// A dead store: a clear 503 everywhere, no wrong success, and nothing of the inside.
func TestDeadStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.signIn(phone(61))
	person := w.person(token, "Dương Văn Minh", "self")
	official := w.official("mat.mang", models.Officer, bacSon)
	must(t, w.engine.Close(context.Background()))
	calls := map[string]reply{
		"code":        w.call("POST", "/v1/auth/otp", "", object{"phone": phone(62)}),
		"people":      w.call("GET", "/v1/people", token, nil),
		"add":         w.call("POST", "/v1/people", token, object{"name": "Ai Đó", "birth_date": "1990-01-01", "sex": "male", "relationship": "other"}),
		"declare":     w.call("POST", "/v1/declarations", token, object{"id": newID(t), "program": "covid19", "person_id": person, "answers": object{"fever": true}}),
		"declaration": w.call("GET", "/v1/declarations/"+newID(t), token, nil),
		"messages":    w.call("GET", "/v1/messages", token, nil),
		"export":      w.call("GET", "/v1/me/export", token, nil),
		"erase":       w.call("DELETE", "/v1/me", token, nil),
		"device":      w.call("PUT", "/v1/devices/d", token, object{"token": "t", "platform": "ios", "locale": "vi"}),
		"consent":     w.call("PUT", "/v1/consents/news", token, object{"granted": true, "text_version": "v1"}),
		"cases":       w.call("GET", "/v1/cases", official, nil),
		"stats":       w.call("GET", "/v1/stats/declarations?program=covid19", official, nil),
		"login":       w.call("POST", "/v1/official/login", "", object{"login": "mat.mang", "password": "x", "totp": "123456"}),
		"ready":       w.call("GET", "/readyz", "", nil),
	}
	for name, got := range calls {
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: got %d, Retry-After %q: %s", name, got.status, got.header.Get("Retry-After"), got.body)
		}
		if strings.Contains(string(got.body), "sqlite") {
			t.Errorf("%s tells the inside: %s", name, got.body)
		}
	}
	batch := w.want(http.StatusOK, w.call("POST", "/v1/sync", token, object{"items": []any{object{"kind": "person"}, object{
		"kind": "declaration", "id": newID(t), "program": "covid19", "person_id": person, "answers": object{"fever": true},
	}}})).items(t)
	diff(t, "each item says so", []any{batch[0]["status"], batch[1]["status"]}, []any{422.0, 503.0})
	w.want(http.StatusOK, w.call("GET", "/healthz", "", nil))
	w.want(http.StatusOK, w.call("GET", "/v1/programs", "", nil))
	diff(t, "which one is down", calls["ready"].object(t), object{"status": "down", "checks": object{"store": "down"}})
	if !strings.Contains(w.Logged.String(), `"level":"ERROR"`) {
		t.Error("the log does not tell the operator")
	}
}

// What must never happen still answers as a problem, and the log says where.
func TestFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var nothing map[string]int
	faults := map[string]struct {
		answer echo.HandlerFunc
		status int
		code   string
	}{
		"panic":   {func(echo.Context) error { nothing["x"] = 1; return nil }, 500, "internal"},
		"secret":  {func(echo.Context) error { panic("0912340063") }, 500, "internal"},
		"unknown": {func(echo.Context) error { return errors.New("the inside") }, 500, "internal"},
		"late":    {func(c echo.Context) error { <-c.Request().Context().Done(); return c.Request().Context().Err() }, 503, "timeout"},
		"too many": {func(echo.Context) error {
			return &models.Error{Kind: models.TooMany, Code: "too_many", RetryAfter: 1500 * time.Millisecond}
		}, 429, "too_many"},
	}
	w.server.Timeout = 5 * time.Millisecond
	for name, fault := range faults {
		w.server.mount([]route{{method: "GET", path: "/fault/" + strings.ReplaceAll(name, " ", "-"), access: anybody(fault.answer)}})
	}
	for name, fault := range faults {
		recorder := httptest.NewRecorder()
		w.server.ServeHTTP(recorder, httptest.NewRequest("GET", "/fault/"+strings.ReplaceAll(name, " ", "-"), nil))
		var p problem
		must(t, json.Unmarshal(recorder.Body.Bytes(), &p))
		diff(t, name, []any{recorder.Code, p.Code}, []any{fault.status, fault.code})
		if name == "too many" {
			diff(t, "rounded up", recorder.Header().Get("Retry-After"), "2")
		}
		if strings.Contains(recorder.Body.String(), "inside") {
			t.Errorf("%s tells the inside", name)
		}
	}
	if logged := w.Logged.String(); strings.Contains(logged, "0912340063") || !strings.Contains(logged, "assignment to entry in nil map") {
		t.Errorf("the log: %s", logged)
	}
}

// The address that budgets count is that of the connection, unless a trusted proxy says more.
func TestAddress(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	tests := map[string]struct {
		trusted         []netip.Prefix
		from, forwarded string
		want            string
	}{
		"no proxy":               {nil, "203.0.113.9:1", "198.51.100.1", "203.0.113.9"},
		"trusted":                {trusted, "10.1.2.3:1", "198.51.100.1", "198.51.100.1"},
		"trusted, v6":            {trusted, "[2001:db8::1]:1", "198.51.100.1", "198.51.100.1"},
		"two proxies":            {trusted, "10.1.2.3:1", "198.51.100.1, 10.9.9.9", "198.51.100.1"},
		"forged before a proxy":  {trusted, "10.1.2.3:1", "1.1.1.1, 198.51.100.1", "198.51.100.1"},
		"not trusted":            {trusted, "203.0.113.9:1", "198.51.100.1", "203.0.113.9"},
		"loopback is no proxy":   {trusted, "127.0.0.1:1", "198.51.100.1", "127.0.0.1"},
		"private is not trusted": {trusted, "192.168.0.1:1", "198.51.100.1", "192.168.0.1"},
	}
	for name, test := range tests {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.from
		r.Header.Set("X-Forwarded-For", test.forwarded)
		if got := addressOf(test.trusted)(r); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}
