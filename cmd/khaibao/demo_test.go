package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/store"
	"khaibao/internal/store/mongo"
	"khaibao/internal/store/storetest"
)

// runningDemo is a demo in this process, as its users meet it.
type runningDemo struct {
	*client
	file   demoFile
	data   string
	said   *output
	codes  map[string]*authenticator
	cancel context.CancelFunc
	ended  chan error
}

// openDemo starts a demo and waits until it serves. It ends with the test or at stop.
func openDemo(t *testing.T, c demoCommand) *runningDemo {
	t.Helper()
	d := &runningDemo{data: c.Data, said: &output{}, codes: map[string]*authenticator{}, ended: make(chan error, 1)}
	c.Addr, c.out = "127.0.0.1:0", d.said
	var ctx context.Context
	ctx, d.cancel = context.WithCancel(context.Background())
	path := filepath.Join(c.Data, "demo.json")
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) { // an earlier start's
		t.Fatal(err)
	}
	go func() { d.ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		if d.cancel != nil {
			d.stop(t)
		}
	})
	for end := time.Now().Add(storetest.Patience(t)); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if err == nil {
			if err := json.Unmarshal(text, &d.file); err != nil {
				t.Fatal(err)
			}
			break
		}
		select {
		case err := <-d.ended:
			d.cancel = nil
			t.Fatalf("the demo ended: %v", err)
		default:
		}
		if time.Now().After(end) {
			t.Fatal("the demo never serves")
		}
	}
	d.client = newClient(t, d.file.BaseURL)
	d.want(http.StatusOK, "GET", "/readyz", "", nil)
	return d
}

// stop ends the demo; nothing may have gone wrong in it.
func (d *runningDemo) stop(t *testing.T) {
	t.Helper()
	d.cancel()
	d.cancel = nil
	if err := <-d.ended; err != nil {
		t.Errorf("the demo ended with %v", err)
	}
}

// official signs one of the demo's officials in and gives the access token.
func (d *runningDemo) official(login string) string {
	d.Helper()
	i := slices.IndexFunc(d.file.Officials, func(o demoOfficial) bool { return o.Login == login })
	if i < 0 {
		d.Fatalf("demo.json has no official %s", login)
	}
	if d.codes[login] == nil {
		d.codes[login] = &authenticator{}
	}
	return d.login(d.file.Officials[i], d.codes[login]).Access
}

// demoStores gives the demo's flags for every engine, by name.
func demoStores(t *testing.T) map[string]func(t *testing.T) demoCommand {
	t.Helper()
	slow(t)
	return map[string]func(*testing.T) demoCommand{
		"sqlite": func(t *testing.T) demoCommand { return demoCommand{Data: t.TempDir()} },
		"mongo":  func(t *testing.T) demoCommand { return demoCommand{Data: t.TempDir(), Store: mongoDatabase(t)} },
	}
}

const tourPhone = "+84900000001"

// decided is what a declaration answers.
type decided struct {
	ID       string `json:"id"`
	Decision struct {
		Level   string   `json:"level"`
		Factors []string `json:"factors"`
		Reasons []struct {
			Rule string `json:"rule"`
			Text string `json:"text"`
		} `json:"reasons"`
		Advice string `json:"advice"`
	} `json:"decision"`
}

// declaration makes the body of a declaration of the tour: fever and contact with a case.
func declaration(t *testing.T, person string) map[string]any {
	return map[string]any{
		"id": uuid7(t), "program": "covid19", "person_id": person, "occurred_at": time.Now().UTC().Format(time.RFC3339),
		"answers": map[string]any{"fever": true, "contact_case": "yes"},
	}
}

// addParent adds the tour's parent, who lives in Bắc Sơn.
func (c *client) addParent(token string) string {
	c.Helper()
	var made struct {
		ID string `json:"id"`
	}
	c.want(http.StatusCreated, "POST", "/v1/people", token, map[string]any{
		"name": "Nguyễn Thị Thử", "birth_date": "1958-03-21", "sex": "female", "relationship": "parent", "area": map[string]any{"commune": "06325"},
	}).into(c.T, &made)
	return made.ID
}

// TestDemoTour goes the way of README's tour: declare, decide, flag, see.
func TestDemoTour(t *testing.T) {
	t.Parallel()
	for name, flags := range demoStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := flags(t)
			settings.households = 20
			d := openDemo(t, settings)
			me, _ := d.signIn(tourPhone)
			d.want(http.StatusOK, "PUT", "/v1/devices/my-phone", me.Access, map[string]any{"token": "a-push-token", "platform": "android", "locale": "vi"})
			parent := d.addParent(me.Access)

			made := d.declares(me.Access, parent)
			flagged := d.seenByOfficials(made)
			d.revealed(me.Access, flagged)
			d.told(me.Access, made)
		})
	}
}

// declares declares for the parent: once, again, in English, and with other answers.
func (d *runningDemo) declares(token, person string) decided {
	d.Helper()
	body := declaration(d.T, person)
	first := d.want(http.StatusCreated, "POST", "/v1/declarations", token, body)
	var made decided
	first.into(d.T, &made)
	if made.Decision.Level != "high" || !slices.Equal(made.Decision.Factors, []string{"fever", "contact_case"}) {
		d.Errorf("decided %s %v, want high with fever and contact_case", made.Decision.Level, made.Decision.Factors)
	}
	var english decided
	d.want(http.StatusOK, "GET", "/v1/declarations/"+made.ID, token, nil, "Accept-Language", "en").into(d.T, &english)
	for i, want := range []struct{ rule, vi, en string }{
		{"fever", "Có sốt", "Fever"}, {"contact_case", "tiếp xúc với người mắc COVID-19", "Contact with a COVID-19 case"},
	} {
		vi, en := made.Decision.Reasons[i], english.Decision.Reasons[i]
		if vi.Rule != want.rule || !strings.Contains(vi.Text, want.vi) || !strings.Contains(en.Text, want.en) {
			d.Errorf("reason %d is %+v, in English %+v; want %s", i, vi, en, want.rule)
		}
	}
	again := d.want(http.StatusOK, "POST", "/v1/declarations", token, body)
	if !bytes.Equal(again.body, first.body) {
		d.Errorf("sent again it answers\n%s\nwant\n%s", again.body, first.body)
	}
	body["answers"] = map[string]any{"fever": false, "contact_case": "yes"}
	d.want(http.StatusConflict, "POST", "/v1/declarations", token, body)
	return made
}

// seenByOfficials finds the case as the commune's officer, masked, and not as another commune's.
func (d *runningDemo) seenByOfficials(made decided) (flagged caseItem) {
	d.Helper()
	officer, other := d.official("bacson"), d.official("dongkinh")
	search := func(token string) []caseItem { return d.cases(token, url.Values{"q": {"nguyen thi thu"}}) }
	d.eventually("the officer sees the case", func() bool { return len(search(officer)) == 1 })
	flagged = search(officer)[0]
	if flagged.Level != "high" || flagged.Area.Commune != "06325" {
		d.Errorf("the case is %+v, want high in 06325", flagged)
	}
	if flagged.Person.Name != "N*** T*** T***" || flagged.Person.Phone != "0900***001" {
		d.Errorf("the officer sees %+v, want it masked", flagged.Person)
	}
	d.want(http.StatusOK, "GET", "/v1/cases/"+flagged.ID, officer, nil)
	d.want(http.StatusNotFound, "GET", "/v1/cases/"+flagged.ID, other, nil)
	if got := search(other); len(got) != 0 {
		d.Errorf("the other commune's officer finds %+v", got)
	}
	for _, c := range d.cases(other, url.Values{}) {
		if c.ID == flagged.ID || c.Area.Commune != "05977" {
			d.Errorf("the other commune's officer lists %+v", c)
		}
	}
	d.want(http.StatusNotFound, "GET", "/v1/stats/declarations?program=covid19&area=06325", other, nil)
	return flagged
}

// revealed reveals the person with a reason, which the citizen then reads.
func (d *runningDemo) revealed(token string, flagged caseItem) {
	d.Helper()
	officer := d.official("bacson")
	d.want(http.StatusUnprocessableEntity, "POST", "/v1/cases/"+flagged.ID+"/reveal", officer, map[string]any{"reason": ""})
	var who struct {
		Person struct {
			Name  string `json:"name"`
			Phone string `json:"phone"`
			Born  string `json:"birth_date"`
		} `json:"person"`
	}
	d.want(http.StatusOK, "POST", "/v1/cases/"+flagged.ID+"/reveal", officer, map[string]any{"reason": "gọi điện hỏi thăm"}).into(d.T, &who)
	if p := who.Person; p.Name != "Nguyễn Thị Thử" || p.Phone != tourPhone || p.Born != "1958-03-21" {
		d.Errorf("revealed %+v", p)
	}
	var log struct {
		Items []struct{ Action, Role, Area, Reason string } `json:"items"`
	}
	d.eventually("the citizen sees who looked", func() bool {
		d.want(http.StatusOK, "GET", "/v1/me/access-log", token, nil).into(d.T, &log)
		return len(log.Items) == 1
	})
	want := struct{ Action, Role, Area, Reason string }{"reveal", "officer", "06325", "gọi điện hỏi thăm"}
	if log.Items[0] != want {
		d.Errorf("the access log says %+v, want %+v", log.Items[0], want)
	}
}

// told checks the push, which says nothing of health, and the advice in the inbox.
func (d *runningDemo) told(token string, made decided) {
	d.Helper()
	var pushes []received
	d.eventually("the push arrives", func() bool {
		pushes = d.received(tourPhone, "push")
		return len(pushes) > 0
	})
	if len(pushes) != 1 || pushes[0].Text != "Khai Báo: Bạn có một tin nhắn mới." {
		d.Errorf("the phone got %+v, want one push that says only that a message waits", pushes)
	}
	var inbox struct {
		Items []struct {
			Text string `json:"text"`
			Of   string `json:"declaration_id"`
		} `json:"items"`
	}
	d.want(http.StatusOK, "GET", "/v1/messages", token, nil).into(d.T, &inbox)
	if len(inbox.Items) != 1 || inbox.Items[0].Text != made.Decision.Advice || inbox.Items[0].Of != made.ID {
		d.Errorf("the inbox has %+v, want the advice of %s", inbox.Items, made.ID)
	}
}

// A restart keeps everything; --fresh begins anew.
func TestDemoRestart(t *testing.T) {
	t.Parallel()
	for name, flags := range demoStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := flags(t)
			settings.households = 5
			first := openDemo(t, settings)
			me, _ := first.signIn(tourPhone)
			parent := first.addParent(me.Access)
			officer := first.official("bacson")
			first.want(http.StatusOK, "POST", "/demo/clock", "", map[string]any{"advance_days": 3})
			first.entered()
			first.stop(t)

			second := openDemo(t, settings)
			second.want(http.StatusOK, "GET", "/v1/people/"+parent, me.Access, nil)
			second.want(http.StatusOK, "GET", "/v1/official/me", officer, nil)
			if diff := cmp.Diff(first.file.Officials, second.file.Officials); diff != "" {
				t.Errorf("other officials after a restart:\n%s", diff)
			}
			second.entered()
			if got, want := second.clockOffset(), int64(3*24*60*60); got != want {
				t.Errorf("the clock is %d s ahead, want %d", got, want)
			}
			second.stop(t)

			settings.Fresh = true
			third := openDemo(t, settings)
			third.want(http.StatusUnauthorized, "GET", "/v1/people/"+parent, me.Access, nil)
			third.want(http.StatusUnauthorized, "GET", "/v1/official/me", officer, nil)
			third.official("bacson")
			if got := third.clockOffset(); got != 0 {
				t.Errorf("the clock is %d s ahead after --fresh, want 0", got)
			}
		})
	}
}

// entered waits until the demo's people are entered.
func (d *runningDemo) entered() {
	d.Helper()
	d.eventually("the people are entered", func() bool { return strings.Contains(d.said.String(), "households are entered") })
}

func (d *runningDemo) clockOffset() int64 {
	d.Helper()
	var got struct {
		Seconds int64 `json:"offset_seconds"`
	}
	d.want(http.StatusOK, "GET", "/demo/clock", "", nil).into(d.T, &got)
	return got.Seconds
}

// Both stores of one directory work in turn, as somebody does who tries the one and then the other.
func TestDemoTwoStoresOfOneDirectory(t *testing.T) {
	t.Parallel()
	slow(t)
	embedded := demoCommand{Data: t.TempDir(), households: 1}
	wire := embedded
	wire.Store = mongoDatabase(t)
	for _, turn := range []struct {
		settings demoCommand
		login    string // a TOTP works once, so each turn signs in as somebody else
	}{{embedded, "langson"}, {wire, "langson"}, {embedded, "national"}, {wire, "national"}} {
		d := openDemo(t, turn.settings)
		d.official(turn.login)
		d.stop(t)
	}
}

// A demo refuses what is not its own, a second demo on its directory, and any address but loopback.
func TestDemoRefuses(t *testing.T) {
	t.Parallel()
	slow(t)
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.txt"), []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	wire := mongoDatabase(t)
	engine, err := mongo.Open(t.Context(), wire)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	if err := engine.Ensure(t.Context(), []store.Collection{{Name: "theses"}}); err != nil {
		t.Fatal(err)
	}
	running := openDemo(t, demoCommand{Data: t.TempDir(), households: 1})
	for _, tt := range []struct {
		name     string
		settings demoCommand
		want     string
	}{
		{"a foreign directory", demoCommand{Data: foreign, Fresh: true}, "not a demo's"},
		{"a foreign database", demoCommand{Data: t.TempDir(), Store: wire, Fresh: true}, "not a demo's"},
		{"a directory in use", demoCommand{Data: running.data}, "another demo runs"},
		{"a directory in use, anew", demoCommand{Data: running.data, Fresh: true}, "another demo runs"},
		{"the whole network", demoCommand{Data: t.TempDir(), Addr: "0.0.0.0:0"}, "loopback only"},
		{"another machine's name", demoCommand{Data: t.TempDir(), Addr: "example.org:0"}, "loopback only"},
	} {
		if tt.settings.Addr == "" {
			tt.settings.Addr = "127.0.0.1:0"
		}
		tt.settings.out = io.Discard
		if err := tt.settings.Run(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want a refusal that says %q", tt.name, err, tt.want)
		}
	}
	if _, err := os.Stat(filepath.Join(foreign, "thesis.txt")); err != nil {
		t.Error(err)
	}
	if names, err := engine.Collections(t.Context()); err != nil || !slices.Contains(names, "theses") {
		t.Errorf("the foreign database has %v (%v), want its collection still", names, err)
	}
	running.want(http.StatusOK, "GET", "/readyz", "", nil)
	running.official("viewer")
}
