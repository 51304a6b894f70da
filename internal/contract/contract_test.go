package contract

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The checker must see every way in which an answer can break the contract; otherwise all the tests that use it prove nothing.
func TestCheckSeesBreaches(t *testing.T) {
	t.Parallel()
	checker, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	const (
		isJSON  = "application/json"
		problem = "application/problem+json"
		person  = `{"granted": true, "text_version": "v1"}`
		consent = `{"purpose":"news","granted":true,"text_version":"v1","at":"2026-11-23T01:00:00.000Z","channel":"app"}`
	)
	tests := map[string]struct {
		method, path, request string
		status                int
		kind, body            string
		want                  string // a part of the error; empty for none
	}{
		"good":               {"PUT", "/v1/consents/news", person, 200, isJSON, consent, ""},
		"unknown status":     {"PUT", "/v1/consents/news", person, 202, isJSON, consent, "does not know this status"},
		"unknown type":       {"PUT", "/v1/consents/news", person, 200, "text/plain", consent, "does not know the content type"},
		"member missing":     {"PUT", "/v1/consents/news", person, 200, isJSON, `{"purpose":"news"}`, "missing"},
		"member unknown":     {"PUT", "/v1/consents/news", person, 200, isJSON, strings.Replace(consent, "{", `{"more":1,`, 1), "more"},
		"wrong type":         {"PUT", "/v1/consents/news", person, 200, isJSON, strings.Replace(consent, "true", `"yes"`, 1), "granted"},
		"bad request taken":  {"PUT", "/v1/consents/news", `{"granted": 1}`, 200, isJSON, consent, "although the contract refuses it"},
		"text missing":       {"PUT", "/v1/consents/news", person, 404, problem, `{"type":"about:blank","title":"error.x.title","status":404,"detail":"d","code":"x"}`, "is not one"},
		"status differs":     {"PUT", "/v1/consents/news", person, 404, problem, `{"type":"about:blank","title":"t","status":400,"detail":"d","code":"x"}`, "says 400"},
		"unknown path":       {"GET", "/v1/nothing", "", 404, problem, `{"type":"about:blank","title":"t","status":404,"detail":"d","code":"not_found"}`, ""},
		"unknown path, 200":  {"GET", "/v1/nothing", "", 200, isJSON, `{}`, "no such operation"},
		"unknown path, bare": {"GET", "/v1/nothing", "", 404, problem, ``, "without a problem document"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.request))
			r.Header.Set("Content-Type", isJSON)
			got := checker.Check(Exchange{
				Request: r, RequestBody: []byte(test.request), Status: test.status, Header: http.Header{"Content-Type": {test.kind}}, Body: []byte(test.body),
			})
			if (got == nil) != (test.want == "") || (got != nil && !strings.Contains(got.Error(), test.want)) {
				t.Errorf("got %v, want %q", got, test.want)
			}
		})
	}
}
