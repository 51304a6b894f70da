package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"khaibao/internal/auth"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
	"khaibao/push"
)

// fleet is the servers of a deployment, which are killed and started again while people go on.
type fleet struct {
	*deployment
	launch   func() *process // starts one server
	official demoOfficial
	codes    authenticator
	client   *http.Client
	kills    int

	mu      sync.Mutex
	up      chan struct{} // closed while the servers are up
	servers []*process
	urls    []string
}

// newFleet makes a fleet that has not started yet, with a national manager. settle brings its people in by the use-cases.
func newFleet(t *testing.T, address string, servers int, settle func(ctx context.Context, a *app) error) *fleet {
	t.Helper()
	f := &fleet{
		deployment: deploy(t, address), up: make(chan struct{}), servers: make([]*process, servers), urls: make([]string, servers),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: storetest.Patience(t)},
	}
	t.Cleanup(f.client.CloseIdleConnections)
	f.launch = func() *process { return start(t, nil, f.flags()...) }
	if err := f.enter(settle); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fleet) enter(settle func(ctx context.Context, a *app) error) error {
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
	return settle(ctx, a)
}

// settleHousehold signs a number in, with a phone that gets pushes when device is its token, and with people, who need no
// more than an id. Each household has an address of its own: sign-ins are counted by it.
func settleHousehold(ctx context.Context, a *app, n int, device string, people ...string) (account string, tokens auth.Pair, err error) {
	if tokens, err = a.citizens.Firebase(ctx, seedPhone(n), fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255)); err != nil {
		return "", tokens, err
	}
	subject, err := a.tokens.Check(tokens.AccessToken)
	if err != nil {
		return "", tokens, err
	}
	if device != "" {
		citizen := models.Citizen{Account: subject.ID, Channel: models.ChannelApp, Lang: models.Vietnamese}
		phone := models.Device{ID: "phone", Token: device, Platform: "android", Lang: models.Vietnamese}
		if err := push.NewDevices(a.store, time.Now).Register(ctx, citizen, phone); err != nil {
			return "", tokens, err
		}
	}
	_, err = a.store.UpdateAccount(ctx, subject.ID, func(account *models.Account) ([]models.Effect, error) {
		account.People = nil
		for _, id := range people {
			account.People = append(account.People, models.Person{
				ID: id, Relationship: models.OtherRelated, Name: "Nguyễn Văn Thử", BirthDate: "1980-01-02", Sex: models.Male,
				Commune: demoCommunes[n%len(demoCommunes)], Province: "20", CreatedAt: time.Now(),
			})
		}
		return nil, nil
	})
	return subject.ID, tokens, err
}

// startAll starts the servers and lets those who wait for them go on.
func (f *fleet) startAll() {
	f.Helper()
	for i := range f.servers {
		f.servers[i] = f.launch()
	}
	for i, s := range f.servers {
		f.urls[i] = "http://" + s.await(`"msg":"serving","addr":"([^"]+)"`)[1]
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.up)
}

// killAll kills the servers without any warning, lets note see what they leave behind, and starts them again.
func (f *fleet) killAll(note func()) {
	f.Helper()
	f.mu.Lock()
	f.up = make(chan struct{})
	f.mu.Unlock()
	for _, s := range f.servers {
		s.kill()
		f.kills++
	}
	note()
	f.startAll()
}

// endLeases ends those of the dead instead of waiting for their time to pass.
func (f *fleet) endLeases(engine store.Engine) {
	f.Helper()
	var ids []string
	everyDocument(f.T, engine, "leases", func(raw store.Raw) error {
		var lease struct {
			ID string `bson:"_id" json:"_id"`
		}
		err := raw.Decode(&lease)
		ids = append(ids, lease.ID)
		return err
	})
	if err := engine.Delete(context.Background(), "leases", ids...); err != nil {
		f.Fatal(err)
	}
}

// server gives the address of one of the servers, when they are up.
func (f *fleet) server(n int) string {
	f.mu.Lock()
	up := f.up
	f.mu.Unlock()
	<-up
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.urls[n%len(f.urls)]
}

// call sends one request to one of the servers, when they are up; status 0: no answer came.
func (f *fleet) call(n int, token, method, path string, body any) (status int, text []byte) {
	content, err := json.Marshal(body)
	if err != nil {
		f.Error(err)
	}
	request, err := http.NewRequestWithContext(f.Context(), method, f.server(n)+path, bytes.NewReader(content))
	if err != nil {
		f.Error(err)
		return 0, nil
	}
	request.Header = jsonHeader(token)
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

// lastWords is what the first server has said, for whoever looks into a failure.
func (f *fleet) lastWords() string { return f.servers[0].said.String() }
