package sitetest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khaibao/models"
)

// Hold holds every route of an edge against its decision, for officials of every role in areas around what the route
// could show, for one who was disabled meanwhile, and for strangers.
func Hold(t *testing.T, site *Site, open func(*testing.T) Edge) {
	t.Helper()
	m := &matrix{scene: newScene(t, site), Edge: open(t), sends: map[string]Send{}}
	m.who = m.callers(t)
	for _, c := range m.who {
		m.sends[c.name] = m.SignIn(c.given)
	}
	disabled := m.Official(t, "nghi.viec", models.NationalManager, models.Nation)
	m.Strangers["an official who was disabled"] = m.SignIn(disabled)
	must(t, m.Officials.Operator().Disable(t.Context(), "nghi.viec"))
	routes := slices.Clone(m.Routes)
	slices.SortStableFunc(routes, func(a, b Route) int { return rank(m.Decisions[a.String()].Last) - rank(m.Decisions[b.String()].Last) })
	for _, r := range routes {
		t.Run(r.String(), func(t *testing.T) { m.route(t, r) })
	}
	for name := range m.Decisions {
		if !slices.ContainsFunc(routes, func(r Route) bool { return r.String() == name }) {
			t.Errorf("there is no route %s, and a decision about it", name)
		}
	}
	t.Logf("%d routes, %d officials, %d requests", len(routes), len(m.who), m.asked)
}

func rank(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

type matrix struct {
	*scene
	Edge
	who   []caller
	sends map[string]Send

	asked, filled int
}

func (m *matrix) route(t *testing.T, r Route) {
	d, decided := m.Decisions[r.String()]
	if !decided {
		t.Fatalf("nobody has decided who may, and what of: add a sitetest.Decision for %q to the edge's scope_test.go", r)
	}
	if d.About == "" {
		d.About = Case
	}
	if len(d.Asks) == 0 {
		d.Asks = []Ask{{}}
	}
	before := m.state(t)
	for name, send := range m.Strangers {
		m.eachAsk(t, r, d, false, func(a asked) {
			got := m.send(send, r, a)
			if d.Scope != Public && !m.Refused(r, got) {
				t.Errorf("%s at %s: got %d", name, a, got.Status)
			}
			m.holdsNone(t, name, a, got, marks(m.things, true))
		})
	}
	m.unchanged(t, "a stranger", before, true)
	if d.Scope == Public {
		return
	}
	for _, c := range m.who {
		if r.Method != http.MethodGet {
			before = m.state(t)
		}
		m.call(t, r, d, c)
		if r.Method != http.MethodGet {
			m.unchanged(t, c.name, m.kept(d, c, before), !slices.Contains(d.Who, c.role))
		}
	}
	if r.Method == http.MethodGet { // a look may be written down, and nothing else
		delete(before, audit)
		m.unchanged(t, "somebody who only looked", before, false)
	}
	m.Settle(t)
}

// call asks a route as an official for everything that it can be asked for.
func (m *matrix) call(t *testing.T, r Route, d Decision, c caller) {
	t.Helper()
	m.eachAsk(t, r, d, slices.Contains(d.Who, c.role), func(a asked) {
		got := m.send(m.sends[c.name], r, a)
		want, secrets := m.expected(d, c, a)
		if got.Status != want {
			t.Errorf("%s at %s: got %d, want %d: %.300s", c.name, a, got.Status, want, got.Body)
			return
		}
		m.holdsNone(t, c.name, a, got, secrets)
		if got.Status < 300 {
			m.counts(t, d, c, a, got)
		}
	})
}

// kept is the part of a state that an official must leave as it is: all of it, or what lies outside the official's area.
func (m *matrix) kept(d Decision, c caller, before map[string]string) map[string]string {
	if !slices.Contains(d.Who, c.role) {
		return before
	}
	out := map[string]string{}
	for _, one := range m.things {
		if !m.sees(c.area, one.area) {
			for _, key := range one.keys() {
				out[key] = before[key]
			}
		}
	}
	return out
}

// expected is the answer's status, and what it must not hold.
func (m *matrix) expected(d Decision, c caller, a asked) (status int, secrets []string) {
	if !slices.Contains(d.Who, c.role) || (a.Needs != "" && !c.role.May(a.Needs)) {
		return http.StatusForbidden, marks(m.things, true)
	}
	switch d.Scope {
	case Own, National:
		secrets = marks(m.things, true)
	case Trail:
		secrets = append(marks(m.things, false), m.outside(c.area)...)
	case ByNumber:
		secrets = m.notMasked(a)
	default:
		secrets = m.outside(c.area)
	}
	status = or(a.Status, http.StatusOK)
	switch {
	case m.within(c, a):
		return status, secrets
	case d.Scope == ByID, d.Scope == ByArea:
		return or(a.Outside, http.StatusNotFound), secrets
	}
	return or(a.Outside, status), secrets
}

// within tells whether what is asked for lies in the caller's area, or something that is found by the same.
func (m *matrix) within(c caller, a asked) bool {
	return a.area == "" || m.sees(c.area, a.area) || a.about != nil && slices.ContainsFunc(m.things, func(one *thing) bool {
		return m.sees(c.area, one.area) && a.holds(m, one)
	})
}

// marks are those of things, with their ids or without.
func marks(things []*thing, withIDs bool) (out []string) {
	for _, one := range things {
		out = append(out, one.marks...)
		if withIDs {
			out = append(out, one.ids...)
		}
	}
	return out
}

// outside are the marks of what lies outside an area, without those that something inside has too: a household has one phone.
func (m *matrix) outside(area models.Area) []string {
	var in, out []*thing
	for _, one := range m.things {
		if m.sees(area, one.area) {
			in = append(in, one)
		} else {
			out = append(out, one)
		}
	}
	shown := marks(in, true)
	return slices.DeleteFunc(marks(out, true), func(mark string) bool { return slices.Contains(shown, mark) })
}

// notMasked are all marks but those by which the people behind a number are shown.
func (m *matrix) notMasked(a asked) []string {
	return slices.DeleteFunc(marks(m.things, true), func(mark string) bool {
		return slices.ContainsFunc(m.things, func(one *thing) bool {
			return a.about != nil && one.phone == a.about.phone && slices.Contains(one.masked, mark)
		})
	})
}

func or(value, otherwise int) int {
	if value == 0 {
		return otherwise
	}
	return value
}

// counts holds the numbers of an answer against the things of the caller's area as the store has them.
func (m *matrix) counts(t *testing.T, d Decision, c caller, a asked, got Answer) {
	t.Helper()
	all, matching := 0, 0
	for _, one := range m.things {
		if one.kind != d.About || !m.sees(c.area, one.area) {
			continue
		}
		all++
		if a.holds(m, one) {
			matching++
		}
	}
	for what, numbers := range map[int]func(Answer) []int{matching: a.Count, all: a.Total} {
		if numbers == nil {
			continue
		}
		found := numbers(got)
		if len(found) == 0 {
			t.Errorf("%s at %s: there is no number in %.300s", c.name, a, got.Body)
		}
		for _, n := range found {
			if n != what {
				t.Errorf("%s at %s: counts %v, want %d", c.name, a, found, what)
				break
			}
		}
	}
}

// unchanged wants the store to have what was kept and, if that is everything, nothing else.
func (m *matrix) unchanged(t *testing.T, who string, kept map[string]string, everything bool) {
	t.Helper()
	now := m.state(t)
	maps.DeleteFunc(now, func(key, _ string) bool {
		_, ok := kept[key]
		return !ok && !everything
	})
	if diff := cmp.Diff(kept, now); diff != "" {
		t.Errorf("%s has changed something (-before +after):\n%s", who, diff)
	}
}

// holdsNone wants nothing of the secrets in an answer, but what the request itself named.
func (m *matrix) holdsNone(t *testing.T, who string, a asked, got Answer, secrets []string) {
	t.Helper()
	text, err := got.text()
	if err != nil {
		t.Errorf("%s at %s: %v", who, a, err)
	}
	for _, secret := range secrets {
		if strings.Contains(text, secret) && !strings.Contains(a.path+a.body, secret) {
			t.Errorf("%s at %s: the answer (%d) holds %q", who, a, got.Status, secret)
		}
	}
}

// asked is an Ask about one thing, or one area, or nothing in particular.
type asked struct {
	Ask
	method, path, body string
	area               models.Area // that it is about; empty for none
	about              *thing
}

func (a asked) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", a.method, a.path, a.body))
}

// holds tells whether a thing matches what is asked for.
func (a asked) holds(m *matrix, one *thing) bool {
	switch {
	case a.about != nil && strings.Contains(a.Query+a.Body, "{phone}"):
		return one.phone == a.about.phone
	case a.about != nil:
		return one == a.about
	case a.area != "":
		return m.sees(a.area, one.area)
	}
	return true
}

func (m *matrix) send(send Send, r Route, a asked) Answer {
	m.asked++
	return send(r.Method, a.path, a.body)
}

// eachAsk gives every ask of a decision, about everything that it can be about or, for whoever may not ask at all, about
// the first.
func (m *matrix) eachAsk(t *testing.T, r Route, d Decision, everything bool, do func(asked)) {
	t.Helper()
	for _, ask := range d.Asks {
		template := r.Path + ask.Query + ask.Body
		kind := m.kindOf(template, d)
		about := slices.DeleteFunc(slices.Clone(m.things), func(one *thing) bool { return one.kind != kind })
		switch {
		case strings.Contains(template, "{area}") && everything:
			for _, scope := range scopes {
				do(m.fill(t, r, ask, nil, scope.area))
			}
		case strings.Contains(template, "{area}"):
			do(m.fill(t, r, ask, nil, scopes[0].area))
		case kind == "":
			do(m.fill(t, r, ask, nil, ""))
		case everything:
			for _, one := range about {
				do(m.fill(t, r, ask, one, one.area))
			}
		default:
			do(m.fill(t, r, ask, about[0], about[0].area))
		}
	}
}

// kindOf is the kind of thing that a template stands for.
func (m *matrix) kindOf(template string, d Decision) Kind {
	switch {
	case strings.Contains(template, "{case}"), strings.Contains(template, "{phone}"):
		return Case
	case strings.Contains(template, "{broadcast}"):
		return Broadcast
	case strings.Contains(template, "{login}"):
		return Appointed
	case d.Scope == ByID:
		return d.About
	}
	return ""
}

func (m *matrix) fill(t *testing.T, r Route, ask Ask, one *thing, area models.Area) asked {
	t.Helper()
	m.filled++
	pairs := []string{"{area}", string(area), "{n}", strconv.Itoa(m.filled)}
	if one != nil {
		pairs = append(pairs, "{id}", one.id, "{login}", one.id, "{"+string(one.kind)+"}", one.id, "{phone}", one.phone, "{person}", one.person)
	}
	if one != nil && one.kind == Case {
		found, err := m.Store.Within(models.Nation).Get(t.Context(), one.id)
		must(t, err)
		pairs = append(pairs, "{rev}", found.Case.Rev)
	}
	filled := strings.NewReplacer(pairs...)
	out := asked{Ask: ask, method: r.Method, path: filled.Replace(r.Path), body: filled.Replace(ask.Body), area: area, about: one}
	if ask.Query != "" {
		out.path += "?" + filled.Replace(ask.Query)
	}
	return out
}
