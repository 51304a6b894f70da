package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"

	"khaibao/internal/auth"
	"khaibao/internal/doubles"
	"khaibao/internal/seal"
	"khaibao/internal/sms"
	"khaibao/internal/store"
	"khaibao/push"
)

// world is the whole product in this process, with doubles outside, as its users meet it: over HTTP.
type world struct {
	*testing.T
	app  *app
	fcm  *doubles.FCM
	smsc *doubles.SMSC
	url  string
}

func newWorld(t *testing.T, engine store.Engine) *world {
	t.Helper()
	w := &world{T: t}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := seal.Generate()
	must(err)
	w.fcm, err = doubles.NewFCM(nil)
	must(err)
	w.smsc, err = doubles.NewSMSC("u", "p", nil)
	must(err)
	gateway, err := sms.NewKannel(sms.KannelConfig{URL: w.smsc.SendURL(), Username: "u", Password: "p", From: "KHAIBAO"})
	must(err)
	pushes, err := push.NewFCM(t.Context(), push.FCMConfig{Project: "test", Endpoint: w.fcm.Endpoint()})
	must(err)
	w.app, err = assemble(t.Context(), parts{
		engine: engine, keys: keys, now: time.Now, log: slog.New(slog.DiscardHandler), sms: gateway, pushes: pushes, oneAddress: true,
		otp: budgetConfig{OTPPerPhoneHour: 100, OTPPerPhoneDay: 100, OTPPerAddressHour: 1000, OTPPerDay: 1000}, argon: auth.Argon2{Time: 1, Memory: 8, Threads: 1, Parallel: 4},
	})
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.app.work(ctx) }()
	server := httptest.NewServer(w.app.api)
	w.url = server.URL
	t.Cleanup(func() {
		server.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.fcm.Close()
		w.smsc.Close()
	})
	return w
}

// reply is what the API answered.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
}

// call sends a request as JSON and returns whatever comes back.
func (w *world) call(method, path, token string, body any) reply {
	w.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			w.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(w.Context(), method, w.url+path, content)
	if err != nil {
		w.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, text}
}

// want is call that fails the test for any other status.
func (w *world) want(status int, method, path, token string, body any) reply {
	w.Helper()
	r := w.call(method, path, token, body)
	if r.status != status {
		w.Fatalf("%s %s: %d, want %d: %s", method, path, r.status, status, r.body)
	}
	return r
}

var sixDigits = regexp.MustCompile(`[0-9]{6}`)

// signIn signs a number in by the code that its SMS brought and gives the access token.
func (w *world) signIn(phone string) string {
	w.Helper()
	var asked struct {
		ID string `json:"request_id"`
	}
	before := len(w.smsc.To(phone))
	w.want(http.StatusAccepted, "POST", "/v1/auth/otp", "", map[string]any{"phone": phone}).into(w.T, &asked)
	var got []doubles.SMS
	w.eventually("the code arrives", func() bool {
		got = w.smsc.To(phone)
		return len(got) > before
	})
	var pair struct {
		Token string `json:"access_token"`
	}
	code := sixDigits.FindString(got[len(got)-1].Text)
	w.want(http.StatusOK, "POST", "/v1/auth/otp/verify", "", map[string]any{"request_id": asked.ID, "code": code}).into(w.T, &pair)
	return pair.Token
}

// eventually waits for something that a worker does; it fails after a time that only a hanging worker needs.
func (w *world) eventually(what string, true_ func() bool) {
	w.Helper()
	for end := time.Now().Add(30 * time.Second); !true_(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatal("not in 30 s: " + what)
		}
	}
}

func uuid7(t *testing.T) string {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}
