package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/store"
	"khaibao/models"
)

// letter is what the check needs of a message as it is stored.
type letter struct {
	ID        string              `bson:"_id" json:"_id"`
	Account   string              `bson:"account" json:"account"`
	Kind      models.MessageKind  `bson:"kind" json:"kind"`
	Route     models.Route        `bson:"route" json:"route"`
	State     models.MessageState `bson:"state" json:"state"`
	Reason    string              `bson:"reason" json:"reason"`
	Slot      store.Time          `bson:"slot" json:"slot"`
	ExpiresAt store.Time          `bson:"expires_at" json:"expires_at"`
	SentAt    store.Time          `bson:"sent_at" json:"sent_at"`
	Anytime   bool                `bson:"anytime" json:"anytime"`
}

// key names a message as the gateways know it: a push by its id, an SMS by its number alone.
func (l letter) key() string {
	if l.Route == models.RouteSMS {
		return l.Account + "|sms"
	}
	return l.ID
}

// officeView is what the officials see of each person, by account and person.
type officeView map[string]officeCase

type officeCase struct {
	Status string
	Missed time.Time
}

// queue reads the officials' cases, and wants the number that the API gives of those who missed an update to be theirs.
func (f *fortnight) queue() officeView {
	f.Helper()
	view, missed := officeView{}, 0
	everyDocument(f.T, f.beside, "cases", func(raw store.Raw) error {
		var doc struct {
			Account string     `bson:"account" json:"account"`
			Person  string     `bson:"person" json:"person"`
			Status  string     `bson:"status" json:"status"`
			Missed  store.Time `bson:"missed_since" json:"missed_since"`
		}
		err := raw.Decode(&doc)
		view[doc.Account+"|"+doc.Person] = officeCase{doc.Status, doc.Missed.Time()}
		if doc.Missed != 0 {
			missed++
		}
		return err
	})
	api := newClient(f.T, f.server(0))
	var counted struct{ Count int }
	api.want(http.StatusOK, "GET", "/v1/cases/count?missed=true", f.asOfficial(api), nil).into(f.T, &counted)
	if counted.Count != missed {
		f.Errorf("the API counts %d who missed an update, there are %d", counted.Count, missed)
	}
	return view
}

func (f *fortnight) asOfficial(api *client) string {
	f.Helper()
	if f.token == "" || time.Since(f.tokenAt) > 10*time.Minute {
		f.token, f.tokenAt = api.login(f.official, &f.codes).Access, time.Now()
	}
	return f.token
}

// officials contact and close cases at their moments: of every tenth person, and of every twentieth.
func (f *fortnight) officials(i int) {
	f.Helper()
	m, status, every, from := f.moments[i], "", 0, 0
	switch {
	case m.contact:
		status, every, from = "contacted", 3, 0
	case m.closing:
		status, every, from = "closed", 20, i%20
	default:
		return
	}
	ids := map[string]string{}
	everyDocument(f.T, f.beside, "cases", func(raw store.Raw) error {
		var doc struct {
			ID      string `bson:"_id" json:"_id"`
			Account string `bson:"account" json:"account"`
			Person  string `bson:"person" json:"person"`
			Status  string `bson:"status" json:"status"`
		}
		err := raw.Decode(&doc)
		if doc.Status != "closed" {
			ids[doc.Account+"|"+doc.Person] = doc.ID
		}
		return err
	})
	api := newClient(f.T, f.server(i))
	token := f.asOfficial(api)
	var group errgroup.Group
	group.SetLimit(atOnce)
	for n := from; n < len(f.people); n += every {
		p := f.people[n]
		id, ok := ids[p.account+"|"+p.id]
		if !ok {
			continue
		}
		if f.worked[p] == nil {
			f.worked[p] = map[int]string{}
		}
		f.worked[p][i] = status
		group.Go(func() error {
			got, err := api.try("PATCH", "/v1/cases/"+id, token, map[string]any{"status": status})
			if err == nil && got.status != http.StatusOK {
				err = fmt.Errorf("%d %s", got.status, got.body)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		f.Fatalf("a case was not %s: %v", status, err)
	}
	f.settle(&f.moments[i])
}

// reminderKey names one reminder of a household: what kind of which due update.
type reminderKey struct {
	account string
	kind    models.MessageKind
	slot    int64
}

// outcome is what must have become of a reminder.
type outcome struct {
	rung
	push     bool
	optional bool      // an answer came at the moment it was made: it may not have been
	pending  bool      // no gateway so far
	mayBe    []string  // sent, stored, expired
	sentAt   time.Time // the moment, when sent
	answered time.Time // real time: the last of those who owed the update was acknowledged at that moment
}

// replay lets the model live through the same time as a household did.
func (f *fortnight) replay(rules *followUpRules, h *family) (map[reminderKey]*outcome, []expectation) {
	f.Helper()
	want := map[reminderKey]*outcome{}
	members := h.members
	people := make([]expectation, len(members))
	for i := range people {
		people[i].rules = rules
	}
	clock := time.Time{}
	for i, m := range f.moments {
		if i == 0 {
			clock = m.at
			continue
		}
		for n := range people {
			for _, step := range people[n].pass(clock, m.at) {
				if step.do != "official" && m.at.Before(step.expires) {
					key := reminderKey{h.account, map[string]models.MessageKind{"push": models.MessageReminder, "sms": models.MessageReminderSMS}[step.do], step.slot.UnixMilli()}
					if want[key] == nil {
						want[key] = &outcome{rung: step, push: step.do == "push", pending: true, optional: m.together}
					}
				}
			}
		}
		before := slices.Clone(people)
		f.hear(i, members, people)
		for _, o := range want {
			if o.pending {
				f.judge(i, h, o, members, before, people)
			}
		}
		f.compareLook(i, members, people)
		if m.at.After(clock) {
			clock = m.at
		}
	}
	return want, people
}

// hear lets the model take in what was acknowledged at a moment.
func (f *fortnight) hear(i int, members []*person, people []expectation) {
	for n, p := range members {
		said, ok := p.said[i]
		switch {
		case !ok:
		case said.kind == "declare" || said.kind == "update":
			people[n].hear(said.said)
		case said.kind == "remove":
			people[n].end(f.moments[i].at, "withdrawn")
		case said.kind == "erase":
			for other := range people {
				people[other].end(f.moments[i].at, "withdrawn")
			}
		}
	}
	for n, p := range members {
		switch f.worked[p][i] {
		case "closed":
			people[n].end(f.moments[i].at, "case_closed")
			people[n].status = "closed"
		case "contacted":
			people[n].status = "contacted"
		}
	}
}

// judge decides what becomes of a reminder at a moment: the states before and after what was said at it.
func (f *fortnight) judge(i int, h *family, o *outcome, members []*person, before, after []expectation) {
	m := f.moments[i]
	owed := func(e expectation) bool { return e.owes(o.slot) }
	still := slices.ContainsFunc(after, owed)
	o.optional = o.optional && !still
	reached := "sent"
	if o.push && !h.device {
		reached = "stored"
	}
	down := reached == "sent" && (o.push && m.pushDown || !o.push && m.smsDown)
	switch {
	case reached == "stored" && m.pushDown: // at once, or when pushes go again
		o.pending, o.mayBe = false, []string{"stored", "expired"}
	case !m.at.Before(o.expires), !slices.ContainsFunc(before, owed):
		o.pending, o.mayBe = false, []string{"expired"}
	case down && m.together && !still:
		o.pending, o.mayBe = false, []string{"expired"}
	case down:
	case m.together && !still:
		o.pending, o.mayBe, o.sentAt = false, []string{reached, "expired"}, m.at
		for n, p := range members {
			if said, ok := p.said[i]; ok && before[n].owes(o.slot) && said.at.After(o.answered) {
				o.answered = said.at
			}
		}
	default:
		o.pending, o.mayBe, o.sentAt, o.optional = false, []string{reached}, m.at, false
	}
}

func (f *fortnight) compareLook(i int, members []*person, people []expectation) {
	f.Helper()
	view := f.looks[i]
	if view == nil {
		return
	}
	for n, p := range members {
		got, want := view[p.account+"|"+p.id], officeCase{people[n].status, people[n].missed}
		if got.Status != want.Status || !got.Missed.Equal(want.Missed) {
			f.complain("at %s the officials see %s of %s, the model %s\n%s", local(f.moments[i].at), got, p.id, want, p.story(f))
		}
	}
}

func (c officeCase) String() string {
	return fmt.Sprintf("%q, missed since %s", c.Status, local(c.Missed))
}

func local(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.In(models.Hanoi).Format("02 15:04")
}

// story tells what somebody did, for whoever looks into a difference.
func (p *person) story(f *fortnight) string {
	var out strings.Builder
	for i, m := range f.moments {
		if said, ok := p.said[i]; ok {
			fmt.Fprintf(&out, "  %s %s, happened %s: %s\n", local(m.at), said.kind, local(said.happened), said.level)
		}
		if work := f.worked[p][i]; work != "" {
			fmt.Fprintf(&out, "  %s %s\n", local(m.at), work)
		}
	}
	return out.String()
}

// complain reports a difference; the first of them say enough.
func (f *fortnight) complain(format string, args ...any) {
	f.Helper()
	if f.complaints++; f.complaints <= 10 {
		f.Errorf(format, args...)
	}
}

// check holds everything that happened against the model.
func (f *fortnight) check() {
	f.Helper()
	rules := readFollowUpRules(f.T)
	engine := reopen(f.T, f.store)
	defer engine.Close(context.Background())
	letters := map[string][]letter{}
	everyDocument(f.T, engine, "outbox", func(raw store.Raw) error {
		var l letter
		err := raw.Decode(&l)
		letters[l.Account] = append(letters[l.Account], l)
		return err
	})
	plans := f.endings(engine)
	f.repeatable = f.inFlight()
	came := map[string][]arrival{}
	for _, a := range f.gateways.arrivals {
		came[a.to] = append(came[a.to], a)
	}
	for _, h := range f.families {
		want, people := f.replay(rules, h)
		erased := slices.ContainsFunc(h.members, (*person).erased)
		f.checkReminders(h, want, letters[h.account], came, erased)
		for n, p := range h.members {
			got, want := plans[p.account+"|"+p.id], ending{people[n].reason, people[n].ended}
			if got.reason != want.reason || !got.at.Equal(want.at) {
				f.complain("the plan of %s ended %q at %s, by the model %q at %s\n%s", p.id, got.reason, local(got.at), want.reason, local(want.at), p.story(f))
			}
			f.ended[want.reason]++
		}
	}
	if f.complaints > 10 {
		f.Errorf("and %d more", f.complaints-10)
	}
	f.Logf("reminders: %v; plans ended: %v; %d sends were in flight at a kill", f.became, f.ended, len(f.repeatable))
	for _, must := range []string{"sent", "stored", "expired", "over the daily cap"} {
		if f.became[must] == 0 {
			f.Errorf("no reminder was %s: the fortnight shows nothing of that", must)
		}
	}
	for _, must := range []string{"period_over", "level_fell", "case_closed", "withdrawn"} {
		if f.ended[must] == 0 {
			f.Errorf("no plan ended by %s: the fortnight shows nothing of that", must)
		}
	}
}

func (p *person) erased() bool {
	for _, said := range p.said {
		if said.kind == "erase" {
			return true
		}
	}
	return false
}

// ending is how a plan ended.
type ending struct {
	reason string
	at     time.Time
}

func (f *fortnight) endings(engine store.Engine) map[string]ending {
	f.Helper()
	out := map[string]ending{}
	everyDocument(f.T, engine, "follow_ups", func(raw store.Raw) error {
		var doc struct {
			Account string     `bson:"account" json:"account"`
			Person  string     `bson:"person" json:"person"`
			Reason  string     `bson:"end_reason" json:"end_reason"`
			Ended   store.Time `bson:"ended_at" json:"ended_at"`
			Due     store.Time `bson:"due" json:"due"`
		}
		err := raw.Decode(&doc)
		out[doc.Account+"|"+doc.Person] = ending{doc.Reason, doc.Ended.Time()}
		if doc.Reason != "" && doc.Due != 0 {
			f.complain("an ended plan still needs somebody at %s", local(doc.Due.Time()))
		}
		return err
	})
	return out
}
