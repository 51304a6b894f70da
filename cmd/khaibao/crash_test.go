package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/store/storetest"
	"khaibao/models"
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
			c.startAll()
			submitted := make(chan struct{})
			go func() {
				defer close(submitted)
				c.submitAll()
			}()
			for _, acknowledged := range []int64{600, 1900, 3400} {
				c.await("declarations are acknowledged", func() bool { return c.acked.Load() >= acknowledged })
				c.killAll(c.noteInFlight)
			}
			<-submitted
			told := len(c.fcm.All())
			c.await("pushes are under way", func() bool { return len(c.fcm.All()) > told || len(c.toldTimes()) == len(c.people) })
			c.killAll(c.noteInFlight)
			c.check()
		})
	}
}

// crash is a server that is killed, what is outside of it, and what it has promised.
type crash struct {
	*fleet
	people   []*declarer
	inFlight map[string]int // by message: kills at which it was sent and not yet written down as sent
	acked    atomic.Int64
}

// declarer is one of those who declare, with what they were answered.
type declarer struct {
	account, token, person, id string
	flagged                    bool
	answer                     []byte // of the acknowledgement; nil before
}

func newCrash(t *testing.T, address string) *crash {
	t.Helper()
	c := &crash{people: make([]*declarer, crashHouseholds*crashPeople), inFlight: map[string]int{}}
	c.fleet = newFleet(t, address, 1, func(ctx context.Context, a *app) error {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(crashAtOnce)
		for n := range crashHouseholds {
			group.Go(func() error { return c.household(t, ctx, a, n) })
		}
		return group.Wait()
	})
	c.fcm.Slow(2 * time.Millisecond)
	return c
}

// household signs one household in, with a phone and as many people as there may be.
func (c *crash) household(t *testing.T, ctx context.Context, a *app, n int) error {
	people := make([]string, crashPeople)
	for i := range people {
		people[i] = fmt.Sprintf("person-%d-%d", n, i)
	}
	account, tokens, err := settleHousehold(ctx, a, n, fmt.Sprintf("token-%d", n), people...)
	for i, person := range people {
		c.people[i*crashHouseholds+n] = &declarer{account: account, token: tokens.AccessToken, person: person, id: uuid7(t), flagged: (n+i)%3 == 0}
	}
	return err
}

// noteInFlight finds the messages that the other side has and the store still owes: those that may come again.
func (c *crash) noteInFlight() {
	c.Helper()
	engine := reopen(c.T, c.store)
	pending := map[string]bool{}
	c.outbox(engine, func(m outboxDoc) {
		if m.State == models.MessagePending {
			pending[m.message()] = true
		}
	})
	c.endLeases(engine)
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

// await waits for something that the server does.
func (c *crash) await(what string, happened func() bool) {
	c.Helper()
	for end := time.Now().Add(storetest.Patience(c.T)); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.Fatalf("never: %s\n%s", what, c.lastWords())
		}
	}
}

// submitAll declares for everybody, many at once. What was not acknowledged is sent again when the server is back.
func (c *crash) submitAll() {
	var group errgroup.Group
	group.SetLimit(crashAtOnce)
	at := time.Now().UTC().Format(time.RFC3339)
	for _, p := range c.people {
		group.Go(func() error {
			for end := time.Now().Add(storetest.Patience(c.T)); p.answer == nil; {
				if time.Now().After(end) {
					c.Error("a declaration was not taken in time")
					return nil
				}
				c.submit(p, at)
			}
			return nil
		})
	}
	_ = group.Wait() // no one fails: what is wrong is reported
}

// submit sends one declaration once, when the server is up.
func (c *crash) submit(p *declarer, at string) {
	contact := map[bool]string{true: "yes", false: "no"}[p.flagged]
	status, text := c.call(0, p.token, "POST", "/v1/declarations", map[string]any{
		"id": p.id, "program": rehearsal, "person_id": p.person, "occurred_at": at, "answers": map[string]any{"fever": p.flagged, "contact_case": contact},
	})
	switch status {
	case http.StatusCreated, http.StatusOK:
		p.answer = text
		c.acked.Add(1)
	case 0, http.StatusServiceUnavailable: // killed meanwhile, or asked to come again
	default:
		c.Errorf("%d %s", status, text)
		p.answer = []byte{}
	}
}
