package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"khaibao/internal/auth"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/models"
	"khaibao/push"
)

const (
	crashHouseholds = 250
	crashPeople     = models.HouseholdLimit // in each household, and each of them declares once
	crashAtOnce     = 64
)

// TestKilled kills the real server again and again while 5,000 people declare and are told, and wants every promise
// kept: nothing acknowledged is lost, every flag has its case, every number is true, nobody is told twice.
func TestKilled(t *testing.T) {
	t.Parallel()
	for name, address := range testStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrash(t, address(t))
			c.startServer()
			submitted := make(chan struct{})
			go func() {
				defer close(submitted)
				c.submitAll()
			}()
			for _, acknowledged := range []int{600, 1900, 3400} {
				c.await("declarations are acknowledged", func() bool { return c.acknowledged() >= acknowledged })
				c.crash()
			}
			<-submitted
			told := len(c.fcm.All())
			c.await("pushes are under way", func() bool { return len(c.fcm.All()) > told || len(c.toldTimes()) == len(c.people) })
			c.crash()
			c.check()
		})
	}
}

// crash is a server that is killed, what is outside of it, and what it has promised.
type crash struct {
	*deployment
	official demoOfficial
	codes    authenticator
	people   []*declarer
	inFlight map[string]int // by message: kills at which it was sent and not yet written down as sent

	mu     sync.Mutex
	server *process
	url    string        // of the running server
	up     chan struct{} // closed while the server is up
	acked  int
}

// declarer is one of those who declare, with what they were answered.
type declarer struct {
	account, token, person, id string
	flagged                    bool
	answer                     []byte // of the acknowledgement; nil before
}

func newCrash(t *testing.T, address string) *crash {
	t.Helper()
	c := &crash{deployment: deploy(t, address), up: make(chan struct{}), inFlight: map[string]int{}}
	c.fcm.Slow(2 * time.Millisecond)
	if err := c.enter(); err != nil {
		t.Fatal(err)
	}
	return c
}

// enter makes keys, an official and signed-in households by the use-cases, before any server runs.
func (c *crash) enter() error {
	ctx := c.Context()
	keys, err := seal.ReadFile(c.keys)
	if err != nil {
		return err
	}
	engine, err := openEngine(ctx, c.store)
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
	c.official = demoOfficial{Login: "national", Password: made.Password, TOTPSecret: made.TOTPSecret}
	c.people = make([]*declarer, crashHouseholds*crashPeople)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(crashAtOnce)
	for n := range crashHouseholds {
		group.Go(func() error { return c.household(ctx, a, n) })
	}
	return group.Wait()
}

// household signs one household in, with a phone and as many people as there may be.
func (c *crash) household(ctx context.Context, a *app, n int) error {
	phone := seedPhone(n)
	signedIn, err := a.citizens.Firebase(ctx, phone, "127.0.0.1")
	if err != nil {
		return err
	}
	subject, err := a.tokens.Check(signedIn.AccessToken)
	if err != nil {
		return err
	}
	citizen := models.Citizen{Account: subject.ID, Channel: models.ChannelApp, Lang: models.Vietnamese}
	device := models.Device{ID: "phone", Token: fmt.Sprintf("token-%d", n), Platform: "android", Lang: models.Vietnamese}
	if err := push.NewDevices(a.store, time.Now).Register(ctx, citizen, device); err != nil {
		return err
	}
	commune := demoCommunes[n%len(demoCommunes)]
	_, err = a.store.UpdateAccount(ctx, subject.ID, func(account *models.Account) ([]models.Effect, error) {
		account.People = nil
		for i := range crashPeople {
			account.People = append(account.People, models.Person{
				ID: fmt.Sprintf("person-%d-%d", n, i), Relationship: models.OtherRelated, Name: fmt.Sprintf("Nguyễn Văn %c", 'A'+i),
				BirthDate: "1980-01-02", Sex: models.Male, Commune: commune, Province: "20", CreatedAt: time.Now(),
			})
		}
		return nil, nil
	})
	for i := range crashPeople {
		c.people[i*crashHouseholds+n] = &declarer{
			account: subject.ID, token: signedIn.AccessToken, person: fmt.Sprintf("person-%d-%d", n, i), id: uuid7(c.T), flagged: (n+i)%3 == 0,
		}
	}
	return err
}

// startServer starts the server and lets those who wait for it go on.
func (c *crash) startServer() {
	c.Helper()
	server := start(c.T, nil, c.flags()...)
	address := server.await(`"msg":"serving","addr":"([^"]+)"`)[1]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server, c.url = server, "http://"+address
	close(c.up)
}

// crash kills the server without any warning, notes what was in flight, and starts it again.
func (c *crash) crash() {
	c.Helper()
	c.mu.Lock()
	c.up = make(chan struct{})
	c.mu.Unlock()
	c.server.kill()
	c.noteInFlight()
	c.startServer()
}

// noteInFlight finds the messages that the other side has and the store still owes: those that may come again. Leases of
// the dead are ended here instead of waiting for their time to pass.
func (c *crash) noteInFlight() {
	c.Helper()
	engine := reopen(c.T, c.store)
	pending := map[string]bool{}
	c.outbox(engine, func(m outboxDoc) {
		if m.State == models.MessagePending {
			pending[m.message()] = true
		}
	})
	var leases []string
	everyDocument(c.T, engine, "leases", func(raw store.Raw) error {
		var lease struct {
			ID string `bson:"_id" json:"_id"`
		}
		err := raw.Decode(&lease)
		leases = append(leases, lease.ID)
		return err
	})
	if err := engine.Delete(context.Background(), "leases", leases...); err != nil {
		c.Fatal(err)
	}
	if err := engine.Close(context.Background()); err != nil {
		c.Fatal(err)
	}
	sent := map[string]bool{}
	for _, p := range c.fcm.All() {
		sent[p.Data["message_id"]] = true
	}
	for id := range sent {
		if pending[id] {
			c.inFlight[id]++
		}
	}
}

// outboxDoc is what the test needs of a message as it is stored.
type outboxDoc struct {
	ID    string              `bson:"_id" json:"_id"`
	State models.MessageState `bson:"state" json:"state"`
}

func (m outboxDoc) message() string {
	_, id, _ := strings.Cut(m.ID, "|")
	return id
}

func (c *crash) outbox(engine store.Engine, each func(outboxDoc)) {
	c.Helper()
	everyDocument(c.T, engine, "outbox", func(raw store.Raw) error {
		var m outboxDoc
		if err := raw.Decode(&m); err != nil {
			return err
		}
		each(m)
		return nil
	})
}

func (c *crash) acknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acked
}

// await waits for something that the server does.
func (c *crash) await(what string, happened func() bool) {
	c.Helper()
	for end := time.Now().Add(2 * time.Minute); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.Fatalf("not in two minutes: %s\n%s", what, &c.server.said)
		}
	}
}

// submitAll declares for everybody, many at once. What was not acknowledged is sent again when the server is back.
func (c *crash) submitAll() {
	var group errgroup.Group
	group.SetLimit(crashAtOnce)
	transport := &http.Transport{MaxIdleConnsPerHost: crashAtOnce}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	at := time.Now().UTC().Format(time.RFC3339)
	for _, p := range c.people {
		group.Go(func() error {
			for end := time.Now().Add(2 * time.Minute); p.answer == nil; {
				if time.Now().After(end) {
					c.Error("a declaration was not taken in two minutes")
					return nil
				}
				c.submit(client, p, at)
			}
			return nil
		})
	}
	_ = group.Wait() // no one fails: what is wrong is reported
}

// submit sends one declaration once, when the server is up.
func (c *crash) submit(client *http.Client, p *declarer, at string) {
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	<-up
	c.mu.Lock()
	url := c.url
	c.mu.Unlock()
	contact := "no"
	if p.flagged {
		contact = "yes"
	}
	body := fmt.Sprintf(`{"id":%q,"program":"covid19","person_id":%q,"occurred_at":%q,"answers":{"fever":%v,"contact_case":%q}}`, p.id, p.person, at, p.flagged, contact)
	request, err := http.NewRequestWithContext(c.Context(), "POST", url+"/v1/declarations", strings.NewReader(body))
	if err != nil {
		c.Error(err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+p.token)
	response, err := client.Do(request)
	if err != nil { // killed meanwhile
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return
	}
	switch response.StatusCode {
	case http.StatusCreated, http.StatusOK:
		p.answer = text
		c.mu.Lock()
		c.acked++
		c.mu.Unlock()
	case http.StatusServiceUnavailable: // asked to come again
	default:
		c.Errorf("%d %s", response.StatusCode, text)
		p.answer = []byte{}
	}
}

// check holds the server and then the store against everything that was acknowledged.
func (c *crash) check() {
	c.Helper()
	api := newClient(c.T, c.url)
	token := api.login(c.official, &c.codes).Access
	c.checkReadable(api)
	var counted map[string]int64
	c.await("everything is counted", func() bool {
		counted = api.statsOf(token, "covid19")
		return total(counted) >= int64(len(c.people))
	})
	c.await("everybody is told", func() bool { return len(c.toldTimes()) >= len(c.people) })
	listed := map[string]bool{}
	for _, item := range api.cases(token, url.Values{}) {
		if item.Level != "high" || listed[item.ID] {
			c.Errorf("the list shows %+v, want each case once and high", item)
		}
		listed[item.ID] = true
	}
	if err := c.server.stop(); err != nil {
		c.Errorf("the server stopped with %v:\n%s", err, &c.server.said)
	}
	c.checkTold()
	c.checkStore(counted, listed)
}

// checkReadable reads every declaration back as its owner: what was acknowledged and what was answered.
func (c *crash) checkReadable(api *client) {
	c.Helper()
	var group errgroup.Group
	group.SetLimit(crashAtOnce)
	for _, p := range c.people {
		group.Go(func() error {
			got, err := api.try("GET", "/v1/declarations/"+p.id, p.token, nil)
			if err != nil || got.status != http.StatusOK {
				return fmt.Errorf("an acknowledged declaration reads %d %s (%w)", got.status, got.body, err)
			}
			var want, read map[string]any
			if err := errors.Join(json.Unmarshal(p.answer, &want), json.Unmarshal(got.body, &read)); err != nil {
				return err
			}
			want["answers"] = map[string]any{"fever": p.flagged, "contact_case": map[bool]string{true: "yes", false: "no"}[p.flagged]}
			if diff := cmp.Diff(want, read); diff != "" {
				return fmt.Errorf("an acknowledged declaration reads otherwise:\n%s", diff)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		c.Error(err)
	}
}

// toldTimes gives how often each message reached the other side.
func (c *crash) toldTimes() map[string]int {
	out := map[string]int{}
	for _, p := range c.fcm.All() {
		out[p.Data["message_id"]]++
	}
	return out
}

// checkTold wants every message once, and only what was in flight at a kill again.
func (c *crash) checkTold() {
	c.Helper()
	again := 0
	for id, times := range c.toldTimes() {
		if times > 1+c.inFlight[id] {
			c.Errorf("message %s was sent %d times, and was in flight at %d kills", id, times, c.inFlight[id])
		}
		again += times - 1
	}
	c.Logf("%d messages were in flight at a kill, %d came twice", len(c.inFlight), again)
}

// checkStore recounts the documents and looks for anything that is still owed.
func (c *crash) checkStore(counted map[string]int64, listed map[string]bool) {
	c.Helper()
	engine := reopen(c.T, c.store)
	defer engine.Close(context.Background())
	if got := recount(c.T, engine, "covid19"); !maps.Equal(got, counted) {
		c.Errorf("the counters say %v, a recount %v", counted, got)
	}
	var flagged, cases []string
	for _, p := range c.people {
		if p.flagged {
			flagged = append(flagged, p.account+" "+p.person)
		}
	}
	everyDocument(c.T, engine, "cases", func(raw store.Raw) error {
		var doc struct {
			ID      string `bson:"_id" json:"_id"`
			Account string `bson:"account" json:"account"`
			Person  string `bson:"person" json:"person"`
		}
		err := raw.Decode(&doc)
		if cases = append(cases, doc.Account+" "+doc.Person); !listed[doc.ID] {
			c.Errorf("case %s is not in the officials' list", doc.ID)
		}
		return err
	})
	slices.Sort(flagged)
	slices.Sort(cases)
	if !slices.Equal(flagged, cases) {
		c.Errorf("%d people were flagged, %d have a case", len(flagged), len(cases))
	}
	messages := 0
	c.outbox(engine, func(m outboxDoc) {
		if messages++; m.State != models.MessageSent {
			c.Errorf("message %s is %s, want sent", m.message(), m.State)
		}
	})
	if messages != len(c.people) {
		c.Errorf("%d messages for %d declarations", messages, len(c.people))
	}
	for _, collection := range store.Collections() {
		owed, err := engine.Count(c.Context(), collection.Name, []store.Cond{{Field: "todo.at", Op: store.Exists, Value: true}})
		if collection.Name != "outbox" && slices.ContainsFunc(collection.Indexes, func(i store.Index) bool { return i.Name == "todo" }) && (err != nil || owed != 0) {
			c.Errorf("%s still owe %d effects (%v)", collection.Name, owed, err)
		}
	}
}
