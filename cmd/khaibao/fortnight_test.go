package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// fortnightPeople is how many people the simulated fortnight follows up; KHAIBAO_SIM_PEOPLE says another number. A thousand
// took 274 s of processor on DocumentDB, the database with it, when the machine was busy, and 73 s on SQLite.
const fortnightPeople = 1000

// atOnce is how many people, or officials, speak at the same time.
const atOnce = 32

// TestFortnight lives through a fortnight of follow-up, and the days after it, with real server processes on a clock of
// the test's: people answer, come late, miss, get worse and better by a seeded plan, officials call and close, some leave;
// servers are killed, gateways are away, the clock jumps. What was sent, what the officials saw and how each plan ended is
// then held against a model that was written from the program's file alone.
func TestFortnight(t *testing.T) {
	t.Parallel()
	asked := 0
	if text := os.Getenv("KHAIBAO_SIM_PEOPLE"); text != "" {
		var err error
		if asked, err = strconv.Atoi(text); err != nil || asked < 10 {
			t.Fatalf("KHAIBAO_SIM_PEOPLE=%s is not a number of people", text)
		}
	}
	for name, address := range testStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			people, servers := cmp.Or(asked, fortnightPeople), 1
			if name == "mongo" { // which several processes may share
				servers = 2
			}
			f := newFortnight(t, address(t), people, servers)
			began := time.Now()
			f.live()
			f.stop()
			t.Logf("%d people lived through %d moments in %.0f s, %d said something, %d servers were killed",
				people, len(f.moments), time.Since(began).Seconds(), f.spoken.Load(), f.kills)
			f.check()
		})
	}
}

// moment is a point at which the domain's clock stands for a while.
type moment struct {
	at                time.Time
	pushDown, smsDown bool
	kill              bool // the servers, in the middle of it
	killFirst         bool // before anything else
	together          bool // people speak while the servers send what is due; otherwise after that
	still             bool // nobody says anything
	look              bool // at the officials' queue
	contact, closing  bool // officials work
}

// moments gives the points of 16 days from a local midnight on.
func momentsFrom(midnight time.Time) []moment {
	var out []moment
	for day := range 17 {
		for _, clock := range []string{"06:30", "07:00", "08:00", "09:15", "10:00", "12:00", "14:00", "16:30", "18:00", "20:00", "21:30", "23:30"} {
			at := onDay(midnight.AddDate(0, 0, day), clock)
			when := fmt.Sprintf("%d %s", day, clock)
			between := func(from, to string) bool {
				return from <= fmt.Sprintf("%02d %s", day, clock) && fmt.Sprintf("%02d %s", day, clock) < to
			}
			switch { // the servers and the world stood still, or the clock was set forward
			case between("05 10:00", "05 18:00"), between("09 21:30", "11 08:00"), between("16 12:00", "99"):
				continue
			}
			out = append(out, moment{
				at:       at,
				pushDown: between("03 09:15", "03 12:00") || between("06 10:00", "06 16:30"),
				smsDown:  between("04 14:00", "04 16:30") || between("08 12:00", "08 20:00"),
				kill: map[string]bool{
					"1 10:00": true, "2 14:00": true, "4 08:00": true, "6 20:00": true, "8 10:00": true, "11 08:00": true, "13 10:00": true, "14 12:00": true,
				}[when],
				// New servers know nothing of a gateway that was away; the old ones find out that it is back at the other times.
				killFirst: when == "3 12:00" || when == "4 16:30" || when == "8 20:00",
				together:  day >= 2 && day <= 12 && (clock == "10:00" || clock == "14:00" || clock == "20:00"),
				look:      clock == "23:30" || clock == "08:00",
				contact:   when == "1 16:30", closing: when == "4 12:00" || when == "8 09:15",
			})
			if when == "7 16:30" { // the clock is set back
				out = append(out, moment{at: at.Add(-20 * time.Minute), still: true})
			}
		}
	}
	return out
}

// live goes through all moments.
func (f *fortnight) live() {
	f.Helper()
	for i := range f.moments {
		m := &f.moments[i]
		f.gateways.fail(m.pushDown, m.smsDown)
		f.clock.set(f.T, m.at)
		if m.killFirst {
			f.kill()
		}
		if m.together {
			f.speak(i)
			f.settle(m)
		} else {
			f.settle(m)
			if f.speak(i) {
				f.settle(m)
			}
		}
		f.officials(i)
		if m.look {
			f.looks[i] = f.queue()
		}
	}
}

// speak lets everybody say what they have to say at a moment, many at once, and kills the servers in the middle of it. It
// tells whether anything happened.
func (f *fortnight) speak(i int) bool {
	f.Helper()
	before, spoken := f.spoken.Load(), make(chan struct{})
	go func() {
		defer close(spoken)
		var group errgroup.Group
		group.SetLimit(atOnce)
		for _, p := range f.people {
			if act, ok := p.acts[i]; ok && !f.moments[i].still {
				group.Go(func() error {
					f.act(p, i, act)
					return nil
				})
			}
		}
		_ = group.Wait() // what goes wrong is reported there
	}()
	if f.moments[i].kill {
		time.Sleep(50 * time.Millisecond) // anywhere in the middle will do
		f.kill()
	}
	<-spoken
	return f.spoken.Load() > before || f.moments[i].kill
}

// settle waits until the servers have nothing left to do at this moment.
func (f *fortnight) settle(m *moment) {
	f.Helper()
	now := store.At(m.at)
	exists := func(field string) store.Cond { return store.Cond{Field: field, Op: store.Exists, Value: true} }
	by := store.Cond{Field: "due", Op: store.Le, Value: now}
	type queued struct {
		collection string
		worker     int
		where      []store.Cond
	}
	waiting := []queued{
		{"declarations", formsWorker, []store.Cond{exists("todo.at")}}, {"health_updates", formsWorker, []store.Cond{exists("todo.at")}},
		{"accounts", effectsWorker, []store.Cond{exists("todo.at")}}, {"cases", effectsWorker, []store.Cond{exists("todo.at")}},
		{"follow_ups", followUpWorker, []store.Cond{exists("shard"), by}},
		{"cases", effectsWorker, []store.Cond{exists("todo.at")}}, // the end of a plan may have closed some
	}
	for route, down := range map[models.Route]bool{models.RoutePush: m.pushDown, models.RouteSMS: m.smsDown} {
		if !down { // a gateway that is away is left alone, and its messages wait
			waiting = append(waiting, queued{"outbox", outboxWorker, []store.Cond{exists("lane"), by, {Field: "route", Op: store.Eq, Value: string(route)}}})
		}
	}
	end, pause := time.Now().Add(storetest.Patience(f.T)), 5*time.Millisecond
	wait := func(q queued) (waited bool) {
		for asked := (time.Time{}); ; waited = true {
			n, err := f.beside.Count(f.Context(), q.collection, q.where)
			switch {
			case err != nil:
				f.Fatal(err)
			case n == 0:
				return waited
			case time.Now().After(end):
				f.Fatalf("at %s %d of %s still wait\n%s", m.at, n, q.collection, f.lastWords())
			case time.Since(asked) > 100*time.Millisecond:
				asked = time.Now()
				f.clock.ask(f.T, q.worker)
			}
			time.Sleep(pause) // the time is the servers'
			pause = min(2*pause, 40*time.Millisecond)
		}
	}
	for again := true; again; { // until one look finds all of them empty
		again = false
		for _, q := range waiting {
			again = wait(q) || again
		}
	}
}

// act is something that somebody does at a moment.
type act struct {
	kind     string // declare, update, remove, erase
	id       string
	happened time.Time
	level    string // that the answers aim at; the one that counts is in the answer
}

// person is somebody who is followed up, with what they do and what was acknowledged.
type person struct {
	*family
	id   string
	acts map[int]act
	said map[int]acknowledged
}

// acknowledged is what a server has answered at a moment.
type acknowledged struct {
	said
	kind string
	at   time.Time // real time: the answer was there
}

// family is a household with one phone.
type family struct {
	account, phone, token string
	device                bool
	members               []*person

	mu              sync.Mutex
	access, refresh string
}

// answers gives answers that aim at a level.
func answersOf(kind, level string) map[string]any {
	switch level {
	case "emergency":
		return map[string]any{"chest_pain": true}
	case "high":
		if kind == "declare" {
			return map[string]any{"fever": true, "contact_case": "yes"}
		}
		return map[string]any{"fever": true, "cough": true, "dyspnoea": true}
	case "moderate":
		return map[string]any{"cough": true}
	}
	return map[string]any{"fever": false, "cough": false}
}

// plan decides what somebody does through the whole time, by dice.
func (p *person) plan(t *testing.T, dice *rand.Rand, moments []moment) {
	p.acts, p.said = map[int]act{}, map[int]acknowledged{}
	first := 2 + dice.IntN(7) // on the first day
	level := []string{"moderate", "moderate", "high", "high", "emergency"}[dice.IntN(5)]
	p.acts[first] = act{kind: "declare", id: uuid7(t), happened: moments[first].at, level: level}
	willing := []int{95, 80, 50, 20, 0}[dice.IntN(5)] // in a hundred
	worse, well, again := dice.IntN(40), 3+dice.IntN(25), 100
	if dice.IntN(4) == 0 {
		again = well + 2 + dice.IntN(6)
	}
	silent := 6 + dice.IntN(30)
	for i := first + 1; i < len(moments); i++ {
		m := moments[i]
		day := int(m.at.Sub(moments[0].at).Hours() / 24)
		clock := m.at.In(models.Hanoi).Format("15:04")
		if m.still || day >= silent || dice.IntN(100) >= willing || (clock < "16" && dice.IntN(5) != 0) || (clock >= "16" && dice.IntN(7) != 0) {
			continue
		}
		says := level
		switch {
		case day >= again:
			says = "high"
		case day >= well:
			says = "low"
		case day >= worse && level == "moderate":
			says = "high"
		}
		posted := i
		if dice.IntN(12) == 0 { // there was no network
			posted = min(i+1+dice.IntN(10), len(moments)-1)
		}
		if _, taken := p.acts[posted]; !taken && !moments[posted].still {
			p.acts[posted] = act{kind: "update", id: uuid7(t), happened: m.at, level: says}
		}
	}
	leaves := map[int]string{0: "remove", 1: "erase"}[dice.IntN(60)]
	if leaves == "" || (leaves == "remove" && dice.IntN(2) == 0) {
		return
	}
	for last := first + 5 + dice.IntN(len(moments)-first-5); last < len(moments); last++ {
		if !moments[last].still {
			p.leave(last, leaves)
			return
		}
	}
}

func (p *person) leave(at int, kind string) {
	for i := range p.acts {
		if i >= at {
			delete(p.acts, i)
		}
	}
	p.acts[at] = act{kind: kind}
}

func fortnightClock(t *testing.T) *fileClock {
	midnight := onDay(time.Now().AddDate(0, 0, 1), "00:00")
	return newFileClock(t, filepath.Join(t.TempDir(), "clock"), midnight.Add(time.Hour))
}

func (f *fortnight) stop() {
	f.Helper()
	for _, s := range f.servers {
		if err := s.stop(); err != nil {
			f.Errorf("a server stopped with %v:\n%s", err, &s.said)
		}
	}
	if err := f.beside.Close(context.Background()); err != nil {
		f.Error(err)
	}
}
