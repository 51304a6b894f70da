package dialogue_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"khaibao/internal/areas"
	"khaibao/internal/auth"
	"khaibao/internal/cases"
	"khaibao/internal/dialogue"
	"khaibao/internal/intake"
	"khaibao/internal/lang"
	"khaibao/internal/privacy"
	"khaibao/internal/rules"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/models"
	"khaibao/programs"
)

// TestMain lets the heap grow further between collections: what these tests keep is small, and what they throw away is much.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// shared is what is costly to make and never changes.
type shared struct {
	texts   *lang.Texts
	areas   *areas.Directory
	keys    *seal.Keys
	shipped *rules.Catalog // the programs of the product
	wider   *rules.Catalog // and those of testdata
}

var loadShared = sync.OnceValues(func() (s shared, err error) {
	if s.texts, err = lang.Load(); err != nil {
		return s, err
	}
	if s.areas, err = areas.Load(); err != nil {
		return s, err
	}
	options, product := rules.Options{Commune: s.areas.Today}, rules.Source{Name: "the product's", FS: programs.FS}
	if s.shipped, err = rules.Load(options, product); err != nil {
		return s, err
	}
	if s.wider, err = rules.Load(options, product, rules.Source{Name: "the tests'", FS: os.DirFS("testdata/programs")}); err != nil {
		return s, err
	}
	s.keys, err = seal.Generate()
	return s, err
})

// rig is the dialogue on a real store, behind it the use-cases as they are.
type rig struct {
	testing.TB
	shared
	store    *store.Store
	catalog  *rules.Catalog
	intake   *intake.Service
	pins     *auth.PINs
	privacy  *privacy.Service
	dialogue *dialogue.Service
	clock    atomic.Int64 // how far real time has gone on
	seq      atomic.Int64
}

var start = time.Date(2026, 11, 24, 8, 0, 0, 0, models.Hanoi)

func (r *rig) now() time.Time          { return start.Add(time.Duration(r.clock.Load())) }
func (r *rig) wait(long time.Duration) { r.clock.Add(int64(long)) }

// newRig makes a rig with the programs of the product.
func newRig(t testing.TB, engine store.Engine) *rig {
	t.Helper()
	s, err := loadShared()
	must(t, err)
	return newRigWith(t, engine, s.shipped)
}

func newRigWith(t testing.TB, engine store.Engine, catalog *rules.Catalog) *rig {
	t.Helper()
	s, err := loadShared()
	must(t, err)
	r := &rig{TB: t, shared: s, catalog: catalog}
	r.store, err = store.Open(t.Context(), engine, s.keys)
	must(t, err)
	r.intake = intake.New(intake.Config{Store: r.store, Programs: r.catalog, Areas: s.areas, Now: r.now})
	r.pins, err = auth.NewPINs(r.store, auth.Argon2{Memory: 8, Time: 1, Threads: 1, Parallel: 4}, r.now)
	must(t, err)
	work := cases.New(cases.Config{
		Store: r.store, Within: func(scope models.Area) cases.Scoped { return r.store.Within(scope) }, Programs: r.catalog, Areas: s.areas, Now: r.now,
	})
	r.privacy = privacy.New(privacy.Config{
		Store: r.store, EndSessions: func(context.Context, string) error { return nil }, Follow: work.FollowPerson, Now: r.now,
	})
	r.dialogue = dialogue.New(dialogue.Config{
		Store: r.store, Outbox: r.store, Log: slog.New(slog.DiscardHandler), Intake: r.intake, Privacy: r.privacy, PINs: r.pins, Programs: r.catalog, Areas: s.areas, Text: s.texts.Text,
		Turns: dialogue.TurnBudgets{SMSHour: 1e9, SMSDay: 1e9, USSDHour: 1e9},
		Now:   r.now, Real: r.now, NewID: func() string { return fmt.Sprint("id-", r.seq.Add(1)) },
	})
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// phone is one of a handset.
type phone struct {
	*rig
	number  string
	session string
	typed   []string
	ended   bool
	ucs2    bool
}

func (r *rig) phone(n int) *phone { return &phone{rig: r, number: fmt.Sprintf("+849%08d", n)} }

// dial opens a USSD session.
func (p *phone) dial() string {
	p.Helper()
	p.session, p.typed = fmt.Sprintf("session-%d", p.seq.Add(1)), nil
	return p.ask()
}

// press types at the open screen, each input on its own, and gives the last screen.
func (p *phone) press(inputs ...string) (screen string) {
	p.Helper()
	for _, typed := range inputs {
		if p.ended {
			p.Fatalf("the session has ended before %q", typed)
		}
		p.typed = append(p.typed, typed)
		screen = p.ask()
	}
	return screen
}

// ask sends what a gateway like Africa's Talking does.
func (p *phone) ask() string {
	p.Helper()
	text := strings.Join(p.typed, "*")
	reply := p.hand(models.Inbound{
		Channel: models.ChannelUSSD, Phone: p.number, Session: p.session, ID: p.session + "|" + text, Text: text, Accumulated: true, UCS2: p.ucs2,
	})
	p.ended = reply.End
	return reply.Text
}

// sms sends messages, each under an id of its own, and gives the last reply.
func (p *phone) sms(messages ...string) (reply string) {
	p.Helper()
	for _, text := range messages {
		reply = p.hand(models.Inbound{Channel: models.ChannelSMS, Phone: p.number, ID: fmt.Sprintf("sms-%d", p.seq.Add(1)), Text: text}).Text
	}
	return reply
}

func (p *phone) hand(in models.Inbound) models.Reply {
	p.Helper()
	reply, err := p.dialogue.Answer(p.Context(), in)
	must(p, err)
	return reply
}

// account is the household of the number, nil when there is none.
func (p *phone) account() *models.Account {
	p.Helper()
	id, err := p.store.AccountOfPhone(p.Context(), p.number)
	if models.NotFound.Is(err) {
		return nil
	}
	must(p, err)
	account, err := p.store.Account(p.Context(), id)
	must(p, err)
	return account
}

// declared lists what the household declared, newest first.
func (p *phone) declared() []models.Declaration {
	p.Helper()
	account := p.account()
	if account == nil {
		return nil
	}
	var all []models.Declaration
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		found, _, err := p.store.Declarations(p.Context(), account.ID, form, "", models.Page{Limit: 200})
		must(p, err)
		all = append(all, found...)
	}
	return all
}
