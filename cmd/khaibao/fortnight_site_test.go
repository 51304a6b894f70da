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

	"khaibao/internal/auth"
	"khaibao/internal/doubles"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
	"khaibao/push"
)

// fortnight is a site whose servers run by the test's clock, its people, and what they did and were sent.
type fortnight struct {
	*deployment
	clock    *fileClock
	gateways *gateways
	moments  []moment
	families []*family
	people   []*person
	official demoOfficial
	codes    authenticator
	beside   store.Engine       // a second look into the store
	looks    map[int]officeView // by moment
	worked   map[*person]map[int]string
	inFlight map[string]int // by message: kills at which it was sent and not written down as sent
	spoken   atomic.Int64
	kills    int
	token    string // of the official
	tokenAt  time.Time

	quiet      func(time.Time) bool
	complaints int
	became     map[string]int // reminders, by state
	ended      map[string]int // plans, by reason
	client     *http.Client

	mu      sync.Mutex
	up      chan struct{} // closed while the servers are up
	servers []*process
	urls    []string
}

func newFortnight(t *testing.T, address string, people, servers int) *fortnight {
	t.Helper()
	f := &fortnight{
		deployment: deploy(t, address), clock: fortnightClock(t), looks: map[int]officeView{}, worked: map[*person]map[int]string{},
		inFlight: map[string]int{}, up: make(chan struct{}), servers: make([]*process, servers), urls: make([]string, servers),
		became: map[string]int{}, ended: map[string]int{}, quiet: readFollowUpRules(t).quiet,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute},
	}
	t.Cleanup(f.client.CloseIdleConnections)
	f.moments = momentsFrom(f.clock.Now().Add(-time.Hour))
	f.gateways = newGateways(f)
	if err := f.enter(people); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.beside, err = openBeside(t.Context(), address); err == nil {
		err = f.beside.Ensure(t.Context(), store.Collections())
	}
	if err != nil {
		t.Fatal(err)
	}
	f.startAll()
	return f
}

// enter signs everybody in by the use-cases, before any server runs: most live alone, one household in ten has three.
func (f *fortnight) enter(people int) error {
	ctx := f.Context()
	keys, err := seal.ReadFile(f.keys)
	if err != nil {
		return err
	}
	engine, err := openEngine(ctx, f.store)
	if err != nil {
		return err
	}
	defer engine.Close(context.WithoutCancel(ctx))
	log, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	a, err := assemble(ctx, loadParts(engine, keys, log))
	if err != nil {
		return err
	}
	made, err := a.officials.Add(ctx, auth.NewOfficial{Login: "national", Name: "Trần Minh", Role: models.NationalManager, Area: models.Nation})
	if err != nil {
		return err
	}
	f.official = demoOfficial{Login: "national", Password: made.Password, TOTPSecret: made.TOTPSecret}
	dice := rand.New(rand.NewPCG(2026, 14))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for n := 0; len(f.people) < people; n++ {
		home := &family{phone: seedPhone(n), token: fmt.Sprintf("token-%d", n), device: dice.IntN(7) > 0}
		f.families = append(f.families, home)
		size := 1
		if n%10 == 9 {
			size = 3
		}
		for i := range size {
			p := &person{family: home, id: fmt.Sprintf("person-%d-%d", n, i)}
			p.plan(f.T, dice, f.moments)
			f.people = append(f.people, p)
		}
		members := f.people[len(f.people)-size:]
		for _, p := range members { // who erases the account takes everybody along
			for i, a := range p.acts {
				if a.kind == "erase" {
					for _, other := range members {
						if other != p {
							other.leave(i, "")
						}
					}
				}
			}
		}
		group.Go(func() error { return home.signIn(ctx, a, n, members) })
	}
	return group.Wait()
}

func (h *family) signIn(ctx context.Context, a *app, n int, members []*person) error {
	signedIn, err := a.citizens.Firebase(ctx, h.phone, fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255))
	if err != nil {
		return err
	}
	h.access, h.refresh = signedIn.AccessToken, signedIn.RefreshToken
	subject, err := a.tokens.Check(signedIn.AccessToken)
	if err != nil {
		return err
	}
	h.account = subject.ID
	if h.device {
		citizen := models.Citizen{Account: h.account, Channel: models.ChannelApp, Lang: models.Vietnamese}
		device := models.Device{ID: "phone", Token: h.token, Platform: "android", Lang: models.Vietnamese}
		if err := push.NewDevices(a.store, time.Now).Register(ctx, citizen, device); err != nil {
			return err
		}
	}
	_, err = a.store.UpdateAccount(ctx, h.account, func(account *models.Account) ([]models.Effect, error) {
		account.People = nil
		for _, p := range members {
			account.People = append(account.People, models.Person{
				ID: p.id, Relationship: models.OtherRelated, Name: "Nguyễn Văn Thử", BirthDate: "1980-01-02", Sex: models.Male,
				Commune: demoCommunes[n%len(demoCommunes)], Province: "20", CreatedAt: time.Now(),
			})
		}
		return nil, nil
	})
	return err
}

// startAll starts the servers and lets those who wait for them go on.
func (f *fortnight) startAll() {
	f.Helper()
	self, err := os.Executable()
	if err != nil {
		f.Fatal(err)
	}
	for i := range f.servers {
		f.servers[i] = startProgram(f.T, self, []string{testClock + "=" + f.clock.file.Name()},
			f.flags("--sms-url", f.gateways.smsURL, "--firebase-endpoint", f.gateways.pushURL, "--messages-per-day", strconv.Itoa(messagesPerDay))...)
	}
	for i, s := range f.servers {
		f.urls[i] = "http://" + s.await(`"msg":"serving","addr":"([^"]+)"`)[1]
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.up)
}

// killAll kills the servers without any warning and starts them again. Leases of the dead are ended here instead of
// waiting for their time to pass.
func (f *fortnight) killAll() {
	f.mu.Lock()
	f.up = make(chan struct{})
	f.mu.Unlock()
	for _, s := range f.servers {
		s.kill()
		f.kills++
	}
	time.Sleep(50 * time.Millisecond) // what had reached the gateways is taken
	sent := f.accepted()
	var leases []string
	err := f.beside.Find(context.Background(), "outbox", store.Query{
		Where: []store.Cond{{Field: "lane", Op: store.Exists, Value: true}}, Sort: []store.Order{{Field: "_id"}},
	}, func(raw store.Raw) error {
		var doc letter
		err := raw.Decode(&doc)
		if sent[doc.key()] > 0 {
			f.inFlight[doc.key()]++
		}
		return err
	})
	if err == nil {
		err = f.beside.Find(context.Background(), "leases", store.Query{Sort: []store.Order{{Field: "_id"}}}, func(raw store.Raw) error {
			var doc struct {
				ID string `bson:"_id" json:"_id"`
			}
			err := raw.Decode(&doc)
			leases = append(leases, doc.ID)
			return err
		})
	}
	if err == nil {
		err = f.beside.Delete(context.Background(), "leases", leases...)
	}
	if err != nil {
		f.Error(err)
	}
	f.startAll()
}

// server gives the address of a server that is up.
func (f *fortnight) server(n int) string {
	f.mu.Lock()
	up := f.up
	f.mu.Unlock()
	<-up
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.urls[n%len(f.urls)]
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
		status, text := f.call(p.family, n, method, path, body)
		switch {
		case status == http.StatusUnauthorized && a.kind != "erase":
			f.renew(p.family, n)
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

// call sends one request; status 0: no answer came.
func (f *fortnight) call(h *family, n int, method, path string, body any) (status int, text []byte) {
	content, err := json.Marshal(body)
	if err != nil {
		f.Error(err)
	}
	request, err := http.NewRequestWithContext(f.Context(), method, f.server(n)+path, bytes.NewReader(content))
	if err != nil {
		f.Error(err)
		return 0, nil
	}
	h.mu.Lock()
	request.Header = jsonHeader(h.access)
	h.mu.Unlock()
	response, err := f.client.Do(request)
	if err != nil { // killed meanwhile
		return 0, nil
	}
	defer response.Body.Close()
	if text, err = io.ReadAll(response.Body); err != nil {
		return 0, nil
	}
	return response.StatusCode, text
}

// renew gets a new pair of tokens, which live by real time.
func (f *fortnight) renew(h *family, n int) {
	h.mu.Lock()
	body := map[string]any{"refresh_token": h.refresh, "request_id": "renewal"}
	h.mu.Unlock()
	status, text := f.call(h, n, "POST", "/v1/auth/refresh", body)
	var tokens pair
	if status == http.StatusOK && json.Unmarshal(text, &tokens) == nil {
		h.mu.Lock()
		h.access, h.refresh = tokens.Access, tokens.Refresh
		h.mu.Unlock()
	}
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
