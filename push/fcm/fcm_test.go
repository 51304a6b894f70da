package fcm_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"khaibao/internal/doubles"
	"khaibao/models"
	"khaibao/push/fcm"
)

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func envelope() models.Envelope {
	return models.Envelope{
		ID: "d1", To: "token-an-1", Title: "Khai Báo", Text: "Bạn có một tin nhắn mới.",
		Data: map[string]string{"message_id": "d1"}, CollapseKey: "message", TTL: time.Hour,
	}
}

// Every answer of Firebase, through the real SDK, says what the outbox can do about it.
func TestErrors(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		answer doubles.Failure
		want   models.SendError
	}{
		{"unregistered", doubles.Failure{Status: 404, Code: "UNREGISTERED"}, models.SendError{Reason: "unregistered", Drop: true}},
		{"sender id mismatch", doubles.Failure{Status: 403, Code: "SENDER_ID_MISMATCH"}, models.SendError{Reason: "sender_mismatch", Drop: true}},
		{"invalid argument", doubles.Failure{Status: 400, Code: "INVALID_ARGUMENT"}, models.SendError{Reason: "rejected"}},
		{"project not found", doubles.Failure{Status: 404}, models.SendError{Reason: "credentials", Retry: true}},
		{"quota", doubles.Failure{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: 7 * time.Second}, models.SendError{Reason: "throttled", Retry: true, After: 7 * time.Second}},
		{"quota without a time", doubles.Failure{Status: 429, Code: "QUOTA_EXCEEDED"}, models.SendError{Reason: "throttled", Retry: true, After: time.Minute}},
		{"429 without a code", doubles.Failure{Status: 429}, models.SendError{Reason: "throttled", Retry: true, After: time.Minute}},
		{"internal", doubles.Failure{Status: 500, Code: "INTERNAL"}, models.SendError{Reason: "unavailable", Retry: true}},
		{"unavailable", doubles.Failure{Status: 503, Code: "UNAVAILABLE", RetryAfter: time.Hour}, models.SendError{Reason: "unavailable", Retry: true, After: time.Hour}},
		{"unavailable without a time", doubles.Failure{Status: 503, Code: "UNAVAILABLE"}, models.SendError{Reason: "unavailable", Retry: true}},
		{"bad gateway", doubles.Failure{Status: 502}, models.SendError{Reason: "unavailable", Retry: true}},
		{"third party auth", doubles.Failure{Status: 401, Code: "THIRD_PARTY_AUTH_ERROR"}, models.SendError{Reason: "apns_credentials"}},
		{"our credentials", doubles.Failure{Status: 401}, models.SendError{Reason: "credentials", Retry: true}},
		{"our permission", doubles.Failure{Status: 403}, models.SendError{Reason: "credentials", Retry: true}},
		{"no answer", doubles.Failure{RetryAfter: time.Hour}, models.SendError{Reason: "unavailable", Retry: true}},
		{"an answer that cannot be read", doubles.Failure{Status: 200, RetryAfter: time.Hour}, models.SendError{Reason: "unavailable", Retry: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			double, err := doubles.NewFCM(nil)
			fatal(t, err)
			t.Cleanup(func() { double.Close() })
			sender, err := fcm.New(t.Context(), fcm.Config{Project: "demo-khaibao", Endpoint: double.Endpoint(), Real: func() time.Time { return now }})
			fatal(t, err)
			double.Fail(tt.answer, tt.answer)
			err = sender.Send(t.Context(), envelope())
			var got *models.SendError
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want a SendError", err)
			}
			if diff := cmp.Diff(&tt.want, got, cmpopts.IgnoreFields(models.SendError{}, "Cause")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "token-") || strings.Contains(err.Error(), "scripted") {
				t.Errorf("the error repeats what it must not: %v", err)
			}
			if n := double.Tries(); n != 1 {
				t.Errorf("got %d requests, want one: retries are the outbox's", n)
			}
			if diff := cmp.Diff(error(&tt.want), double.Send(t.Context(), envelope())); diff != "" {
				t.Errorf("the double's own sender, which other tests go by (-want +got):\n%s", diff)
			}
		})
	}
}

// A date in Retry-After is as good as seconds; no answer at all is as good as 503 and does not keep the slot.
func TestWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	tries := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries++; tries > 1 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Retry-After", now.Add(5*time.Minute).Format(http.TimeFormat))
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	sender, err := fcm.New(t.Context(), fcm.Config{Project: "demo", Endpoint: server.URL + "/v1", Real: func() time.Time { return now }})
	fatal(t, err)
	for _, want := range []models.SendError{
		{Reason: "unavailable", Retry: true, After: 5 * time.Minute},
		{Reason: "unavailable", Retry: true},
	} {
		var got *models.SendError
		if err := sender.Send(t.Context(), envelope()); !errors.As(err, &got) {
			t.Fatalf("got %v, want a SendError", err)
		}
		if diff := cmp.Diff(&want, got, cmpopts.IgnoreFields(models.SendError{}, "Cause")); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var got *models.SendError
	if err := sender.Send(ended, envelope()); !errors.As(err, &got) || !got.Retry {
		t.Errorf("got %v after the caller gave up, want an error that may be tried again", err)
	}
}

// What Firebase is told about delivery follows from the envelope's life and urgency.
func TestExpiryAndUrgency(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	double, err := doubles.NewFCM(nil)
	fatal(t, err)
	t.Cleanup(func() { double.Close() })
	sender, err := fcm.New(t.Context(), fcm.Config{Project: "demo", Endpoint: double.Endpoint(), Real: func() time.Time { return now }})
	fatal(t, err)
	usual, urgent := envelope(), envelope()
	usual.TTL, urgent.Urgent = 24*time.Hour, true
	for _, e := range []models.Envelope{usual, urgent} {
		fatal(t, sender.Send(t.Context(), e))
	}
	for i, want := range [][]string{
		{`"ttl":"86400s"`, `"priority":"normal"`, `"apns-priority":"5"`, `"apns-expiration":"1795489200"`, `"TTL":"86400"`, `"collapse_key":"message"`},
		{`"ttl":"3600s"`, `"priority":"high"`, `"apns-priority":"10"`, `"Urgency":"high"`},
	} {
		for _, part := range want {
			if raw := string(double.All()[i].Raw); !strings.Contains(raw, part) {
				t.Errorf("no %s in %s", part, raw)
			}
		}
	}
}

// Firebase's limit on the payload is checked before anything is sent.
func TestPayloadLimit(t *testing.T) {
	t.Parallel()
	double, err := doubles.NewFCM(nil)
	fatal(t, err)
	t.Cleanup(func() { double.Close() })
	sender, err := fcm.New(t.Context(), fcm.Config{Project: "demo", Endpoint: double.Endpoint()})
	fatal(t, err)
	e := envelope()
	e.Text = strings.Repeat("x", 4096)
	var got *models.SendError
	if err := sender.Send(t.Context(), e); !errors.As(err, &got) || got.Reason != "too_long" || got.Retry {
		t.Errorf("got %v, want too_long", err)
	}
	if n := double.Tries(); n != 0 {
		t.Errorf("%d requests went out", n)
	}
	e.Text = strings.Repeat("x", 3000)
	if err := sender.Send(t.Context(), e); err != nil {
		t.Errorf("3,000 bytes: %v", err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	secret := "what-the-key-file-holds"
	broken, err := json.Marshal(map[string]string{"type": "service_account", "project_id": "demo", "private_key": secret})
	fatal(t, err)
	for _, tt := range []struct {
		name   string
		config fcm.Config
	}{
		{"nothing", fcm.Config{}},
		{"no credentials", fcm.Config{Project: "demo"}},
		{"not JSON", fcm.Config{Credentials: []byte(secret)}},
		{"another kind of JSON", fcm.Config{Project: "demo", Credentials: []byte(`{"type": "` + secret + `"}`)}},
		{"no project", fcm.Config{Credentials: []byte(`{}`)}},
		{"a broken key", fcm.Config{Credentials: broken}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sender, err := fcm.New(t.Context(), tt.config)
			if tt.name == "a broken key" && err == nil { // the SDK reads the key at the first send
				err = sender.Send(t.Context(), envelope())
			}
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error repeats the credentials: %v", err)
			}
		})
	}
}

// The service account's key signs for a token, and the token goes with every push.
func TestServiceAccount(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	fatal(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	fatal(t, err)
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/token" {
			_, err := jwt.Parse(r.FormValue("assertion"), func(*jwt.Token) (any, error) { return &key.PublicKey, nil }, jwt.WithValidMethods([]string{"RS256"}))
			seen = append(seen, fmt.Sprintf("assertion: %v", err))
			io.WriteString(w, `{"access_token": "of-the-project", "token_type": "Bearer", "expires_in": 3600}`)
			return
		}
		seen = append(seen, r.URL.Path+" "+r.Header.Get("Authorization"))
		io.WriteString(w, `{"name": "projects/demo-khaibao/messages/1"}`)
	}))
	t.Cleanup(server.Close)
	credentials, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "demo-khaibao", "client_email": "push@demo-khaibao.example", "token_uri": server.URL + "/token",
		"private_key_id": "1", "private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	fatal(t, err)
	sender, err := fcm.New(t.Context(), fcm.Config{Credentials: credentials, Endpoint: server.URL + "/v1"})
	fatal(t, err)
	for range 2 {
		fatal(t, sender.Send(t.Context(), envelope()))
	}
	sent := "/v1/projects/demo-khaibao/messages:send Bearer of-the-project"
	if diff := cmp.Diff([]string{"assertion: <nil>", sent, sent}, seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
