package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/auth"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
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

func (c *crash) acknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acked
}

// await waits for something that the server does.
func (c *crash) await(what string, happened func() bool) {
	c.Helper()
	for end := time.Now().Add(storetest.Patience(c.T)); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.Fatalf("never: %s\n%s", what, &c.server.said)
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
			for end := time.Now().Add(storetest.Patience(c.T)); p.answer == nil; {
				if time.Now().After(end) {
					c.Error("a declaration was not taken in time")
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
	body := fmt.Sprintf(`{"id":%q,"program":%q,"person_id":%q,"occurred_at":%q,"answers":{"fever":%v,"contact_case":%q}}`, p.id, rehearsal, p.person, at, p.flagged, contact)
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
