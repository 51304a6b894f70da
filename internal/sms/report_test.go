package sms_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/seal"
	"khaibao/internal/sms"
	"khaibao/models"
)

func reports(t testing.TB) *sms.Reports {
	t.Helper()
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return reportsUnder(t, keys)
}

func reportsUnder(t testing.TB, keys *seal.Keys) *sms.Reports {
	t.Helper()
	r, err := sms.NewReports("http://127.0.0.1:8081/channels/sms/report", keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// calledBack gives what a gateway calls back with for a message, before it fills in the state.
func calledBack(t testing.TB, r *sms.Reports, e models.Envelope) url.Values {
	t.Helper()
	var at string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { at = r.URL.Query().Get("dlr-url") }))
	defer server.Close()
	k, err := sms.NewKannel(sms.KannelConfig{URL: server.URL, Reports: r})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Send(context.Background(), e); err != nil {
		t.Fatal(err)
	}
	parsed, err := url.Parse(strings.TrimSuffix(at, "%d"))
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Query()
}

func TestReports(t *testing.T) {
	t.Parallel()
	r := reports(t)
	for state, want := range map[string]sms.Report{
		"1":  {State: models.MessageDelivered},
		"2":  {State: models.MessageFailed, Reason: "undelivered"},
		"4":  {},
		"8":  {State: models.MessageSent},
		"16": {State: models.MessageFailed, Reason: "operator_refused"},
		"%d": {}, "": {}, "-1": {}, "32": {},
	} {
		q := calledBack(t, r, models.Envelope{ID: "m-1", Account: "a_-1", Text: strings.Repeat("a", 161)})
		q.Set("state", state)
		got, ours := r.Read(q)
		want.Account, want.ID, want.Parts = "a_-1", "m-1", 2
		if diff := cmp.Diff(want, got); diff != "" || !ours {
			t.Errorf("state %q: ours %t (-want +got):\n%s", state, ours, diff)
		}
	}
}

// An address says something about its own message only, also after the keys were rotated.
func TestReportsAreNotForged(t *testing.T) {
	t.Parallel()
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := keys.Rotate("hash")
	if err != nil {
		t.Fatal(err)
	}
	good := calledBack(t, reportsUnder(t, keys), models.Envelope{ID: "m-1", Account: "a", Text: "x"})
	good.Set("state", "1")
	if _, ours := reportsUnder(t, rotated).Read(good); !ours {
		t.Error("an address made before the rotation is refused")
	}
	for name, change := range map[string]func(url.Values){
		"another message": func(q url.Values) { q.Set("id", "m-2") },
		"another account": func(q url.Values) { q.Set("account", "b") },
		"more parts":      func(q url.Values) { q.Set("parts", "9") },
		"no MAC":          func(q url.Values) { q.Del("mac") },
		"an empty MAC":    func(q url.Values) { q.Set("mac", "") },
		"half the MAC":    func(q url.Values) { q.Set("mac", q.Get("mac")[:10]) },
	} {
		q := url.Values{}
		for name, values := range good {
			q[name] = append([]string(nil), values...)
		}
		change(q)
		if report, ours := reportsUnder(t, rotated).Read(q); ours || report != (sms.Report{}) {
			t.Errorf("%s was taken: %+v", name, report)
		}
	}
	if _, ours := reports(t).Read(good); ours {
		t.Error("an address of another installation was taken")
	}
}

func TestReportsNeedAnAddress(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "127.0.0.1:8081", "ftp://127.0.0.1/", "http://%zz/"} {
		if _, err := sms.NewReports(base, nil); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
}

// Nobody can write an address of ours.
func FuzzReports(f *testing.F) {
	r := reports(f)
	for _, seed := range []string{"account=a&id=m&parts=1&state=1&mac=", "mac=1:AAAAAAAAAAAAAAAAAAAAAAAA&id=%00", "mac=%00&mac=x&parts=-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, _ := url.ParseQuery(query)
		if report, ours := r.Read(q); ours {
			t.Errorf("%q was taken: %+v", query, report)
		}
	})
}
