package handlers

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"khaibao/internal/sitetest"
)

// Whatever a client sends, binding neither panics nor names a field that it does not know of; and what is accepted without
// a problem is accepted again the same way.
func FuzzBind(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"id":"a","program":"covid19","person_id":"p","answers":{"fever":true,"n":1e999}}`, `{"answers":{"a":[["x"]]},"occurred_at":"2026-11-23T08:00:00Z"}`,
		`{"id":{"$gt":""},"person_id":null,"program_version":1.5}`, `{"":0,"~":1,"/":2}`, `{"kind":"declaration","id":"\u0000"}`, `{"area":{"commune":5}}`,
	} {
		f.Add(seed)
	}
	b, err := newBinder()
	must(f, err)
	f.Fuzz(func(t *testing.T, body string) {
		for _, into := range []any{&syncDeclaration{}, &syncPerson{}, &casePatch{}, &syncRequest{}} {
			r := httptest.NewRequest("POST", "/", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			problems, err := b.body(r, bodyLimit, into)
			for _, p := range problems {
				if err == nil && (!strings.HasPrefix(p.Field, "/") || p.Code == "") {
					t.Errorf("%q: a problem without a field: %+v", body, p)
				}
			}
			if err == nil && len(problems) == 0 {
				if again := b.value(jsontext.Value(body), into); len(again) > 0 {
					t.Errorf("%q: accepted once, then not: %v", body, again)
				}
			}
		}
	})
}

func FuzzDeeper(f *testing.F) {
	f.Add(`{"a":[[["\"]"]]]}`)
	f.Fuzz(func(t *testing.T, text string) {
		value := jsontext.Value(text)
		if !value.IsValid() {
			return
		}
		if want := depthOf(t, value); deeper(value, 3) != (want > 3) {
			t.Errorf("%q is %d deep", text, want)
		}
	})
}

// depthOf measures with the JSON reader itself.
func depthOf(t *testing.T, value jsontext.Value) int {
	deepest, decoder := 0, jsontext.NewDecoder(strings.NewReader(string(value)))
	for {
		if _, err := decoder.ReadToken(); err != nil {
			return deepest
		}
		deepest = max(deepest, decoder.StackDepth())
	}
}

func FuzzRevisions(f *testing.F) {
	for _, seed := range []string{`"abc"`, `W/"abc"`, `*`, `"`, `""`, `"a","b"`, `"a" , W/"b"`, `,`, `"a",`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		revs, err := revisions(header)
		if err == nil && len(revs) == 0 && header != "" && header != "*" {
			t.Errorf("%q asks for no revision", header)
		}
		for _, rev := range revs {
			if !isID(rev) || !strings.Contains(header, `"`+rev+`"`) {
				t.Errorf("%q was read as %q", header, revs)
			}
		}
	})
}

// Whatever somebody sends to the gateways' address: without the secret it is refused or there is no such thing, with it
// nothing breaks, and no text is ever a fault.
func FuzzChannels(f *testing.F) {
	f.Add("GET", "/channels/sms", "from=0900000001&id=k&text=%00%ff&coding=2&charset=utf-16", "", "")
	f.Add("POST", "/channels/sms", "id=k", formType, "from=84900000001&text=%f0%9f%98%b7")
	f.Add("POST", "/channels/ussd", "ucs2=true", formType, "sessionId=s&phoneNumber=%2B84900000001&text=1**3*-1")
	f.Add("POST", "/channels/ussd/json", "", "application/json", `{"Mobile":"84900000001","SessionId":"s","Message":"*1#","Sequence":-1}`)
	f.Add("GET", "/channels/sms/report", "account=a&id=b&parts=9999999999999999999&state=1&mac=1:x", "", "")
	f.Add("DELETE", "/channels/../v1/me", "secret=&secret=x", "", "")
	loaded, err := sitetest.Load()
	must(f, err)
	handler, err := Channels(Config{
		Texts: loaded.Texts, Now: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Conversation: &parrot{},
		Gateways: Gateways{Secrets: []string{gatewaySecret}},
	})
	must(f, err)
	f.Fuzz(func(t *testing.T, method, path, query, kind, body string) {
		for _, secret := range []string{"", gatewaySecret} {
			r, err := http.NewRequest(method, "http://channels.test", strings.NewReader(body))
			if err != nil {
				return
			}
			r.URL.Path, r.URL.RawQuery = path, query
			r.Header.Set("Content-Type", kind)
			if secret != "" {
				r.Header.Set("Authorization", "Bearer "+secret)
			}
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, r)
			if recorder.Code >= http.StatusInternalServerError || (secret == "" && recorder.Code < http.StatusBadRequest && !strings.Contains(query, gatewaySecret)) {
				t.Errorf("%s %q ?%q %q: %d", method, path, query, body, recorder.Code)
			}
		}
	})
}
