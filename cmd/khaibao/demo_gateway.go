package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"khaibao/internal/auth"
	"khaibao/internal/doubles"
)

// demoGateway plays the gateways of the mobile networks: what the handset writes or dials goes to the product's own channel
// address in the forms of Kannel and of Africa's Talking, and what comes back is shown.
type demoGateway struct {
	url    string // of the channel address
	secret string
	smsc   *doubles.SMSC
	now    func() time.Time

	mu      sync.Mutex
	screens map[string][]received // by number
}

// mostScreens is how many screens of a number are kept.
const mostScreens = 100

func (g *demoGateway) mount(mux *http.ServeMux) {
	mux.HandleFunc("POST /demo/sms", g.sms)
	mux.HandleFunc("POST /demo/ussd", g.ussd)
}

// handsetInput is what a handset does: write an SMS, or type at a USSD screen. Text of USSD holds all inputs so far.
type handsetInput struct {
	Phone   string `json:"phone"`
	Session string `json:"session"`
	Text    string `json:"text"`
}

// read reads what a handset does; it answers by itself what cannot be.
func (g *demoGateway) read(w http.ResponseWriter, r *http.Request) (in handsetInput, ok bool) {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"title": "the body must be {phone, session, text}"})
		return in, false
	}
	phone, problem := auth.ParsePhone(in.Phone)
	if problem != "" {
		answer(w, http.StatusUnprocessableEntity, map[string]string{"title": "phone must be a Vietnamese mobile number, such as +84900000001"})
		return in, false
	}
	in.Phone = phone
	return in, true
}

// sms hands an SMS on as Kannel does, and delivers the reply.
func (g *demoGateway) sms(w http.ResponseWriter, r *http.Request) {
	in, ok := g.read(w, r)
	if !ok {
		return
	}
	query := url.Values{"from": {in.Phone}, "id": {rand.Text()}, "text": {in.Text}, "secret": {g.secret}}
	reply, err := g.call(r.Context(), http.MethodGet, "/channels/sms?"+query.Encode(), "")
	if err != nil {
		answer(w, http.StatusBadGateway, map[string]string{"title": "the product did not answer the gateway"})
		return
	}
	if reply != "" {
		g.smsc.Reply(in.Phone, reply)
	}
	answer(w, http.StatusOK, map[string]string{"reply": reply})
}

// ussd hands a step on as Africa's Talking does.
func (g *demoGateway) ussd(w http.ResponseWriter, r *http.Request) {
	in, ok := g.read(w, r)
	if !ok {
		return
	}
	form := url.Values{"phoneNumber": {in.Phone}, "sessionId": {in.Session}, "serviceCode": {"*123#"}, "networkCode": {"45200"}, "text": {in.Text}}
	reply, err := g.call(r.Context(), http.MethodPost, "/channels/ussd", form.Encode())
	kind, screen, found := strings.Cut(reply, " ")
	if err != nil || !found {
		answer(w, http.StatusBadGateway, map[string]string{"title": "the product did not answer the gateway"})
		return
	}
	g.mu.Lock()
	kept := append(g.screens[in.Phone], received{"ussd", in.Phone, screen, g.now()})
	g.screens[in.Phone] = kept[max(0, len(kept)-mostScreens):]
	g.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"screen": screen, "end": kind == "END"})
}

// shown lists the screens that a number has seen.
func (g *demoGateway) shown(phone string) []received {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]received(nil), g.screens[phone]...)
}

func (g *demoGateway) call(ctx context.Context, method, path, form string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, g.url+path, strings.NewReader(form))
	if err != nil {
		return "", errors.New("making the request")
	}
	request.Header.Set("Authorization", "Bearer "+g.secret)
	if form != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", errors.New("calling the channel address") // err would hold the number and the text
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the channel address answered %d", response.StatusCode)
	}
	return string(body), err
}
