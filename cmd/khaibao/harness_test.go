package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"

	"khaibao/internal/auth"
	"khaibao/internal/doubles"
	"khaibao/internal/rules"
	"khaibao/internal/seal"
	"khaibao/internal/sms"
	"khaibao/internal/store"
	"khaibao/push/fcm"
)

// world is the whole product in this process, with doubles outside, as its users meet it: over HTTP.
type world struct {
	*client
	app  *app
	fcm  *doubles.FCM
	smsc *doubles.SMSC
}

func newWorld(t *testing.T, engine store.Engine, more ...rules.Source) *world {
	t.Helper()
	w := &world{}
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
	pushes, err := fcm.New(t.Context(), fcm.Config{Project: "test", Endpoint: w.fcm.Endpoint()})
	must(err)
	w.app, err = assemble(t.Context(), parts{
		engine: engine, keys: keys, programs: more, now: time.Now, log: slog.New(slog.DiscardHandler), sms: gateway, pushes: pushes, oneAddress: true, plainHTTP: true, noQuiet: true,
		otp: budgetConfig{OTPPerPhoneHour: 100, OTPPerPhoneDay: 100, OTPPerAddressHour: 1000, OTPPerDay: 1000}, argon: auth.Argon2{Time: 1, Memory: 8, Threads: 1, Parallel: 4},
	})
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.app.work(ctx) }()
	server := httptest.NewServer(w.app.api)
	w.client = newClient(t, server.URL)
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

func uuid7(t *testing.T) string {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}
