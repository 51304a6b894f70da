package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/models"
)

// check holds the server and then the store against everything that was acknowledged.
func (c *crash) check() {
	c.Helper()
	api := newClient(c.T, c.server(0))
	token := api.login(c.official, &c.codes).Access
	c.checkReadable(api)
	var counted map[string]int64
	c.await("everything is counted", func() bool {
		counted = api.statsOf(token, rehearsal)
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
	if err := c.servers[0].stop(); err != nil {
		c.Errorf("the server stopped with %v:\n%s", err, c.lastWords())
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
	c.checkOwed(engine)
	if got := recount(c.T, engine, rehearsal); !maps.Equal(got, counted) {
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
	if diff := cmp.Diff(recountCases(c.T, engine, rehearsal), countedCases(c.T, engine, rehearsal)); diff != "" {
		c.Errorf("the numbers of cases (-recount +counters):\n%s", diff)
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
}

// checkOwed wants nothing to be owed any more but that cases are counted, a moment after their declarations: the stop may
// have come before. Whoever comes next does that.
func (c *crash) checkOwed(engine store.Engine) {
	c.Helper()
	for _, collection := range store.Collections() {
		if !slices.ContainsFunc(collection.Indexes, func(i store.Index) bool { return i.Name == "todo" }) || collection.Name == "cases" {
			continue
		}
		owed, err := engine.Count(c.Context(), collection.Name, []store.Cond{{Field: "todo.at", Op: store.Exists, Value: true}})
		if err != nil || owed != 0 {
			c.Errorf("%s still owe %d effects (%v)", collection.Name, owed, err)
		}
	}
	keys, err := seal.ReadFile(c.keys)
	if err != nil {
		c.Fatal(err)
	}
	log, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		c.Fatal(err)
	}
	defer log.Close()
	next, err := assemble(c.Context(), loadParts(engine, keys, log))
	if err != nil {
		c.Fatal(err)
	}
	if err := next.effects.Drain(c.Context()); err != nil {
		c.Fatal(err)
	}
}
