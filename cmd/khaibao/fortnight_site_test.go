package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/doubles"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// fortnight is a fleet whose servers run by the test's clock, its people, and what they did and were sent.
type fortnight struct {
	*fleet
	clock    *fileClock
	gateways *gateways
	moments  []moment
	families []*family
	people   []*person
	beside   store.Engine       // a second look into the store
	looks    map[int]officeView // by moment
	worked   map[*person]map[int]string
	killings []killing
	spoken   atomic.Int64
	token    string // of the official
	tokenAt  time.Time

	repeatable map[string]int // by message: how often it may come again
	quiet      func(time.Time) bool
	complaints int
	became     map[string]int // reminders, by state
	ended      map[string]int // plans, by reason
}

func newFortnight(t *testing.T, address string, people, servers int) *fortnight {
	t.Helper()
	f := &fortnight{
		clock: fortnightClock(t), looks: map[int]officeView{}, worked: map[*person]map[int]string{},
		became: map[string]int{}, ended: map[string]int{}, quiet: readFollowUpRules(t).quiet,
	}
	f.moments = momentsFrom(f.clock.Now().Add(-time.Hour))
	f.imagine(t, people)
	f.fleet = newFleet(t, address, servers, func(ctx context.Context, a *app) error {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(atOnce)
		for n, home := range f.families {
			group.Go(func() error { return home.signIn(ctx, a, n) })
		}
		return group.Wait()
	})
	f.gateways = newGateways(f)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f.launch = func() *process {
		return startProgram(t, self, []string{testClock + "=" + f.clock.file.Name()},
			f.flags("--sms-url", f.gateways.smsURL, "--firebase-endpoint", f.gateways.pushURL, "--messages-per-day", strconv.Itoa(messagesPerDay))...)
	}
	if f.beside, err = openBeside(t.Context(), address); err == nil {
		err = f.beside.Ensure(t.Context(), store.Collections())
	}
	if err != nil {
		t.Fatal(err)
	}
	f.startAll()
	return f
}

// imagine makes up the people and what they will do, by dice that always fall the same: most live alone, one household in
// ten has three.
func (f *fortnight) imagine(t *testing.T, people int) {
	dice := rand.New(rand.NewPCG(2026, 14))
	for n := 0; len(f.people) < people; n++ {
		home := &family{phone: seedPhone(n), token: fmt.Sprintf("token-%d", n), device: dice.IntN(7) > 0}
		f.families = append(f.families, home)
		size := 1
		if n%10 == 9 {
			size = 3
		}
		for i := range size {
			p := &person{family: home, id: fmt.Sprintf("person-%d-%d", n, i)}
			p.plan(t, dice, f.moments)
			home.members = append(home.members, p)
		}
		f.people = append(f.people, home.members...)
		for _, p := range home.members { // who erases the account takes everybody along
			for i, a := range p.acts {
				if a.kind == "erase" {
					for _, other := range home.members {
						if other != p {
							other.leave(i, "")
						}
					}
				}
			}
		}
	}
}

func (h *family) signIn(ctx context.Context, a *app, n int) error {
	var people []string
	for _, p := range h.members {
		people = append(people, p.id)
	}
	device := ""
	if h.device {
		device = h.token
	}
	account, tokens, err := settleHousehold(ctx, a, n, device, people...)
	h.account, h.access, h.refresh = account, tokens.AccessToken, tokens.RefreshToken
	return err
}

// killing is what a kill left behind.
type killing struct {
	pending []string  // messages, by key
	until   time.Time // what came to a gateway by then, in real time, was sent by the dead
}

// kill kills the servers and starts them again.
func (f *fortnight) kill() {
	f.Helper()
	f.killAll(func() {
		k := killing{until: time.Now().Add(50 * time.Millisecond)} // no server starts in less
		everyDocument(f.T, f.beside, "outbox", func(raw store.Raw) error {
			var l letter
			err := raw.Decode(&l)
			if l.State == models.MessagePending {
				k.pending = append(k.pending, l.key())
			}
			return err
		})
		f.killings = append(f.killings, k)
		f.endLeases(f.beside)
	})
}

// act does what somebody does at a moment, again and again until it is acknowledged.
func (f *fortnight) act(p *person, i int, a act) {
	method, path, body := "POST", "/v1/health-updates", map[string]any{
		"id": a.id, "program": "covid19", "person_id": p.id, "occurred_at": a.happened.UTC().Format(time.RFC3339), "answers": answersOf(a.kind, a.level),
	}
	switch a.kind {
	case "":
		return
	case "declare":
		path = "/v1/declarations"
	case "remove":
		method, path, body = "DELETE", "/v1/people/"+p.id, nil
	case "erase":
		method, path, body = "DELETE", "/v1/me", nil
	}
	for n, end := 0, time.Now().Add(storetest.Patience(f.T)); ; n++ {
		if time.Now().After(end) {
			f.Errorf("%s was not taken in time", path)
			return
		}
		status, text := f.call(n, p.family.bearer(), method, path, body)
		if status == http.StatusUnauthorized && (a.kind != "erase" || bytes.Contains(text, []byte(`"token_expired"`))) {
			if f.renew(p.family, n) != http.StatusUnauthorized {
				continue
			} // the household is gone: its erasure was acknowledged to nobody
		}
		switch {
		case status == http.StatusOK || status == http.StatusCreated || status == http.StatusNoContent,
			n > 0 && a.kind == "remove" && status == http.StatusNotFound, n > 0 && a.kind == "erase" && status == http.StatusUnauthorized:
			var answer struct {
				Decision struct{ Level string } `json:"decision"`
			}
			_ = json.Unmarshal(text, &answer) // a removal has none
			f.mu.Lock()
			p.said[i] = acknowledged{said{a.happened, f.moments[i].at, answer.Decision.Level}, a.kind, time.Now()}
			f.mu.Unlock()
			f.spoken.Add(1)
			return
		case status != 0 && status != http.StatusServiceUnavailable:
			f.Errorf("%s %s: %d %s", method, path, status, text)
			return
		}
	}
}

// bearer is the token that a household's requests carry now.
func (h *family) bearer() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.access
}

// renew gets a new pair of tokens, which live by real time, and gives the status of the answer.
func (f *fortnight) renew(h *family, n int) int {
	h.mu.Lock()
	body := map[string]any{"refresh_token": h.refresh, "request_id": "renewal"}
	h.mu.Unlock()
	status, text := f.call(n, "", "POST", "/v1/auth/refresh", body)
	var tokens pair
	if status == http.StatusOK && json.Unmarshal(text, &tokens) == nil {
		h.mu.Lock()
		h.access, h.refresh = tokens.Access, tokens.Refresh
		h.mu.Unlock()
	}
	return status
}

// gateways stand before the doubles: they can be away, and they note what was accepted, by the domain's clock.
type gateways struct {
	clock           *fileClock
	pushURL, smsURL string

	mu                sync.Mutex
	pushDown, smsDown bool
	arrivals          []arrival
}

// arrival is a message that a gateway accepted.
type arrival struct {
	push     bool
	to, id   string // token and message of a push; number and text of an SMS
	at, real time.Time
}

func newGateways(f *fortnight) *gateways {
	g := &gateways{clock: f.clock}
	pushes := httptest.NewServer(g.before(f.fcm.Handler(), true))
	texts := httptest.NewServer(g.before(f.smsc.Handler(), false))
	f.Cleanup(func() { pushes.Close(); texts.Close() })
	g.pushURL = pushes.URL + "/v1"
	g.smsURL = texts.URL + strings.TrimPrefix(f.smsc.SendURL(), f.smsc.URL())
	return g
}

func (g *gateways) fail(push, sms bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pushDown, g.smsDown = push, sms
}

func (g *gateways) before(double http.Handler, push bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came := arrival{push: push, to: r.URL.Query().Get("to"), id: r.URL.Query().Get("text"), at: g.clock.Now(), real: time.Now()}
		g.mu.Lock()
		down := push && g.pushDown || !push && g.smsDown
		g.mu.Unlock()
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if push {
			body, err := io.ReadAll(r.Body)
			var m struct {
				Message doubles.Push `json:"message"`
			}
			if err != nil || json.Unmarshal(body, &m) != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			came.to, came.id = m.Message.Token, m.Message.Data["message_id"]
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		answer := httptest.NewRecorder()
		double.ServeHTTP(answer, r)
		if answer.Code < 300 {
			g.mu.Lock()
			g.arrivals = append(g.arrivals, came)
			g.mu.Unlock()
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the server may have been killed
	})
}
