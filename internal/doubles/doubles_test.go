package doubles

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func post(t *testing.T, f *FCM, body string) (int, string) {
	t.Helper()
	response, err := http.Post(f.Endpoint()+"/projects/demo/messages:send", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Name  string `json:"name"`
		Error struct {
			Details []struct {
				Code string `json:"errorCode"`
			} `json:"details"`
		} `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Error.Details) > 0 {
		return response.StatusCode, answer.Error.Details[0].Code
	}
	return response.StatusCode, answer.Name
}

// Scripted answers come first and in order; a refused token is refused for good; nothing but valid requests is kept.
func TestFCMScript(t *testing.T) {
	t.Parallel()
	f, err := NewFCM(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	f.Fail(Failure{Status: 503, Code: "UNAVAILABLE"}, Failure{Status: 500, Code: "INTERNAL"})
	f.Unregister("dead")
	for _, tt := range []struct {
		body   string
		status int
		answer string
	}{
		{`{"message":{"token":"a"}}`, 503, "UNAVAILABLE"},
		{`{"message":{"token":"a"}}`, 500, "INTERNAL"},
		{`{"message":{"token":"a","notification":{"title":"t","body":"b"},"data":{"k":"v"}}}`, 200, "projects/demo/messages/1"},
		{`{"message":{"token":"dead"}}`, 404, "UNREGISTERED"},
		{`{"message":{}}`, 400, "INVALID_ARGUMENT"},
		{`{`, 400, "INVALID_ARGUMENT"},
	} {
		if status, answer := post(t, f, tt.body); status != tt.status || answer != tt.answer {
			t.Errorf("%s: got %d %q, want %d %q", tt.body, status, answer, tt.status, tt.answer)
		}
	}
	if got := f.To("a"); len(got) != 1 || got[0].Title != "t" || got[0].Body != "b" || got[0].Data["k"] != "v" {
		t.Errorf("got %+v, want the one accepted push", got)
	}
	if len(f.All()) != 1 || f.Tries() != 6 {
		t.Errorf("kept %d of %d requests, want 1 of 6", len(f.All()), f.Tries())
	}
}

// The double refuses as smsbox does, and keeps what it accepted by number.
func TestSMSCAnswers(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	s, err := NewSMSC("u", "p", func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, tt := range []struct {
		query string
		want  int
	}{
		{"username=u&password=wrong&to=1&text=x", 403},
		{"username=u&password=p&text=x", 400},
		{"username=u&password=p&to=1", 400},
		{"username=u&password=p&to=%2B1&text=" + url.QueryEscape("ạ") + "&coding=2&charset=UTF-8", 202},
	} {
		response, err := http.Get(s.SendURL() + "?" + tt.query)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != tt.want {
			t.Errorf("%s: got %d, want %d", tt.query, response.StatusCode, tt.want)
		}
	}
	if got := s.To("+1"); len(got) != 1 || got[0] != (SMS{To: "+1", Text: "ạ", SentAt: at, UCS2: true}) {
		t.Errorf("got %+v, want the one accepted SMS", got)
	}
}

// A double that runs for weeks keeps the newest only.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var all []int
	for i := range 3 * remembered {
		all = remember(all, i)
	}
	if len(all) > remembered || all[len(all)-1] != 3*remembered-1 {
		t.Errorf("kept %d, the last %d; want at most %d with the newest", len(all), all[len(all)-1], remembered)
	}
}
