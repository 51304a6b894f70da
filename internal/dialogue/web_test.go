package dialogue_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"khaibao/handlers"
	"khaibao/internal/auth"
	"khaibao/models"
)

// The addresses of apps and of gateways, in front of a rig's use-cases.

// app is the API with one citizen signed in.
type app struct {
	*rig
	server http.Handler
	token  string
}

// api gives the API, and the citizens who sign in there.
func (r *rig) api() (http.Handler, *auth.Citizens) {
	r.Helper()
	tokens, err := auth.NewTokens(auth.Config{Keys: r.keys.TokenKeys()})
	must(r, err)
	citizens, err := auth.NewCitizens(auth.CitizensConfig{
		Store: r.store, Keys: r.keys, Tokens: tokens, Outbox: r.store, Text: r.texts.Text,
		Budgets: auth.Budgets{OTPPerPhoneHour: 1e6, OTPPerPhoneDay: 1e6, OTPPerAddressHour: 1e6, OTPPerDay: 1e6},
	})
	must(r, err)
	server, err := handlers.New(handlers.Config{
		Tokens: tokens, Citizens: citizens, PINs: r.pins, Intake: r.intake, Privacy: r.privacy, Programs: r.catalog, Areas: r.areas, Texts: r.texts,
		Now: r.now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	must(r, err)
	return server, citizens
}

// signIn signs the owner of a number in with a code, as an app does.
func (r *rig) signIn(server http.Handler, citizens *auth.Citizens, number string) *app {
	r.Helper()
	asked, err := citizens.RequestOTP(r.Context(), number, models.Vietnamese, "192.0.2.1")
	must(r, err)
	waiting, err := r.store.DueMessages(r.Context(), models.LaneOTP, models.RouteSMS, time.Now().Add(time.Second), 1)
	must(r, err)
	if len(waiting) != 1 || waiting[0].To != number {
		r.Fatalf("the code for %s: %+v", number, waiting)
	}
	pair, err := citizens.VerifyOTP(r.Context(), asked.ID, waiting[0].Text[:6], "192.0.2.1")
	must(r, err)
	waiting[0].State = models.MessageSent
	must(r, r.store.SaveMessage(r.Context(), &waiting[0]))
	return &app{r, server, pair.AccessToken}
}

// post sends JSON and wants it taken.
func (a *app) post(path string, body any) {
	a.Helper()
	raw, err := json.Marshal(body)
	must(a, err)
	in := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(raw)).WithContext(a.Context())
	in.Header.Set("Content-Type", "application/json")
	in.Header.Set("Authorization", "Bearer "+a.token)
	out := httptest.NewRecorder()
	a.server.ServeHTTP(out, in)
	if out.Code != http.StatusCreated {
		a.Fatalf("%s %s: %d %s", path, raw, out.Code, out.Body)
	}
}

const gatewaySecret = "a-secret-of-the-gateway-01"

// gateways gives the address that gateways call.
func (r *rig) gateways() http.Handler {
	r.Helper()
	server, err := handlers.Channels(handlers.Config{
		Texts: r.texts, Now: r.now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Conversation: r.dialogue,
		Gateways: handlers.Gateways{Secrets: []string{gatewaySecret}},
	})
	must(r, err)
	return server
}

// callback hands a message on as its gateway posts it, and reads what it gets back. Whatever the message, that is 200 and a
// reply.
func (r *rig) callback(server http.Handler, in models.Inbound) models.Reply {
	r.Helper()
	path, kind, body := "/channels/sms", "application/x-www-form-urlencoded", url.Values{"from": {in.Phone}, "id": {in.ID}, "text": {in.Text}}.Encode()
	form := url.Values{"phoneNumber": {in.Phone}, "sessionId": {in.Session}, "text": {in.Text}}
	switch {
	case in.Channel == models.ChannelSMS:
	case in.Accumulated:
		path, body = "/channels/ussd", form.Encode()
	case len(in.ID)%2 == 0:
		form.Set("requestId", in.ID)
		path, body = "/channels/ussd/latest", form.Encode()
	default:
		raw, err := json.Marshal(map[string]any{"Type": "Response", "Mobile": in.Phone, "SessionId": in.Session, "Message": in.Text, "Sequence": r.seq.Add(1)})
		must(r, err)
		path, kind, body = "/channels/ussd/json", "application/json", string(raw)
	}
	request := httptest.NewRequest(http.MethodPost, fmt.Sprintf("%s?ucs2=%t", path, in.UCS2), strings.NewReader(body)).WithContext(r.Context())
	request.Header.Set("Content-Type", kind)
	request.Header.Set("Authorization", "Bearer "+gatewaySecret)
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, request)
	said := recorder.Body.String()
	if recorder.Code != http.StatusOK || strings.Contains(said, r.texts.Text(models.Vietnamese, "channel.broken", nil)) {
		r.Fatalf("%s %q: %d %s", path, body, recorder.Code, said)
	}
	switch {
	case in.Channel == models.ChannelSMS:
		return models.Reply{Text: said}
	case kind == "application/json":
		var answer struct{ Type, Message string }
		must(r, json.Unmarshal(recorder.Body.Bytes(), &answer))
		return models.Reply{Text: answer.Message, End: answer.Type == "Release"}
	}
	mark, text, _ := strings.Cut(said, " ")
	return models.Reply{Text: text, End: mark == "END"}
}
