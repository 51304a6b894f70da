package dialogue_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/auth"
	"khaibao/internal/gsm"
	"khaibao/internal/intake"
	"khaibao/internal/rules"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

var paritySets = flag.Int("parity", 2000, "answer sets a program that go through every channel; a fortieth with -short")

// TestParity sends answer sets of every program through the app's API, as JSON over HTTP, through USSD and through SMS: level,
// factors, reasons, program version and answers are the same in all three, also where rules look at what was said before.
func TestParity(t *testing.T) {
	t.Parallel()
	sets := *paritySets
	if testing.Short() {
		sets /= 40
	}
	s, err := loadShared()
	must(t, err)
	for _, p := range s.wider.Active(start) {
		sets := sets
		if _, shipped := s.shipped.Current(p.ID(), start); !shipped { // the tests' own: its cells and bounds, and some others
			sets /= 4
		}
		t.Run(p.ID(), func(t *testing.T) {
			t.Parallel()
			const crews = 4
			var compared sync.Map
			all := append(cells(p), examples(t, p)...)
			least := max(sets, len(all))
			if testing.Short() {
				all, least = all[len(all)-min(len(all), sets):], sets
			}
			t.Run("crews", func(t *testing.T) {
				for crew := range crews {
					t.Run(fmt.Sprint(crew), func(t *testing.T) {
						t.Parallel()
						n := newTrio(t, p, crew).run(all, crew, crews, (sets+crews-1)/crews)
						compared.Store(crew, n)
					})
				}
			})
			total := 0
			compared.Range(func(_, n any) bool { total += n.(int); return true })
			if total < least {
				t.Errorf("%d sets were compared, want %d", total, least)
			}
			t.Logf("%d sets, %d of them cells of tables, bounds and examples", total, len(all))
		})
	}
}

// trio is three households with the same person and the same history, one for each channel.
type trio struct {
	*rig
	program    *rules.Program
	dice       *rand.Rand
	api        http.Handler
	citizens   *auth.Citizens
	app        *app
	account    string // the app's
	person     string
	ussd, sms  *phone
	age        int
	sex        models.Sex
	size       int // how many sets were compared
	declared   int // by this person
	households int
}

// history is how many sets one person declares before others take their place: rules look back, and each look reads it all.
const history = 25

var ages = []int{66, 65, 36, 5}

func newTrio(t *testing.T, p *rules.Program, crew int) *trio {
	t.Helper()
	s, err := loadShared()
	must(t, err)
	r := newRigWith(t, storetest.Memory(t), s.wider)
	x := &trio{rig: r, program: p, dice: rand.New(rand.NewPCG(uint64(crew), 7)), households: crew}
	x.api, x.citizens = r.api()
	x.settle(ages[crew], models.Female)
	return x
}

// settle makes the next three households, of somebody who has declared nothing yet.
func (x *trio) settle(age int, sex models.Sex) {
	x.Helper()
	x.households++
	x.age, x.sex, x.declared = age, sex, 0
	year, relationship, commune := fmt.Sprint(start.Year()-age), models.Self, "06325"
	phone := x.phone(3 * x.households)
	x.ussd, x.sms = x.rig.phone(3*x.households+1), x.rig.phone(3*x.households+2)
	x.app = x.signIn(x.api, x.citizens, phone.number)
	for channel, number := range map[models.Channel]string{models.ChannelApp: phone.number, models.ChannelUSSD: x.ussd.number, models.ChannelSMS: x.sms.number} {
		account, err := x.store.ClaimPhone(x.Context(), number)
		must(x, err)
		born, name := year, "Nguyễn Thị Thử"
		if channel == models.ChannelApp {
			born += "-01-01"
		}
		person, _, _, err := x.intake.AddPerson(x.Context(), models.Citizen{Account: account, Channel: channel}, intake.PersonInput{
			Name: &name, BirthDate: &born, Sex: &sex, Relationship: &relationship, Commune: &commune,
		})
		must(x, err)
		if channel == models.ChannelApp {
			x.account, x.person = account, person.ID
		}
	}
}

// run compares this crew's share of the cells and examples, and random sets in between until there are n.
func (x *trio) run(all []set, crew, crews, n int) int {
	x.Helper()
	var own []set
	for i := crew; i < len(all); i += crews {
		own = append(own, all[i])
	}
	examples := slices.IndexFunc(own, func(s set) bool { return s.example != nil }) // they come last: days pass between their forms
	if examples < 0 {
		examples = len(own)
	}
	for _, s := range own[:examples] {
		x.compare(s)
	}
	for x.size < n-(len(own)-examples) {
		form := models.FormDeclaration
		if _, ok := x.program.Form(models.FormDaily); ok && x.dice.IntN(2) == 0 {
			form = models.FormDaily
		}
		f, _ := x.program.Form(form)
		x.compare(set{form: form, answers: x.random(f)})
	}
	for _, s := range own[examples:] {
		if len(x.program.Earlier(s.form)) > 0 && x.declared > 0 { // rules that look back must find what the example says, and no more
			x.settle(s.age, s.sex)
		}
		if s.before != nil {
			x.compare(*s.before)
			x.wait(time.Duration(s.days) * 24 * time.Hour)
		}
		got := x.compare(s).Decision
		if e := s.example; s.whole && !s.decides(got) {
			x.Errorf("example %q: %s %v, want %s %v", e.Name, got.Level, got.Factors, e.Level, e.Factors)
		}
	}
	return x.size
}

// compare sends one set through all three channels and gives what the app declared.
func (x *trio) compare(s set) models.Declaration {
	x.Helper()
	switch {
	case s.age > 0 && (x.age != s.age || x.sex != s.sex || x.declared == history):
		x.settle(s.age, s.sex)
	case x.declared == history:
		x.settle(ages[x.households%len(ages)], models.Female)
	}
	x.size++
	x.declared++
	x.wait(10 * time.Minute)
	s.answers = maps.Clone(s.answers)
	for id, answer := range s.answers {
		if ago, ok := answer.(daysAgo); ok {
			s.answers[id] = models.Day(x.now().AddDate(0, 0, -int(ago)))
		}
	}
	want := x.byApp(s)
	for channel, got := range map[string]models.Declaration{"USSD": x.byUSSD(s), "SMS": x.bySMS(s)} {
		if diff := cmp.Diff(fate(want), fate(got)); diff != "" {
			x.Fatalf("%s %s differs for %v\n%s", channel, s.form, s.answers, diff)
		}
	}
	return want
}

// daysAgo is the answer to a question for a day.
type daysAgo int

// fate is all of a declaration that must not depend on the channel. Optional texts are not asked on a keypad.
func fate(d models.Declaration) models.Declaration {
	d.Account, d.ID, d.PersonID, d.Channel = "", "", "", ""
	d.Previous.Declaration.ID, d.Private = "", nil
	d.Answers = copyWithout(d.Answers, "remark")
	return d
}

func copyWithout(answers models.Answers, drop string) models.Answers {
	out := models.Answers{}
	for id, a := range answers {
		if id != drop {
			out[id] = a
		}
	}
	return out
}

func (x *trio) byApp(s set) models.Declaration {
	x.Helper()
	path := map[models.Form]string{models.FormDeclaration: "/v1/declarations", models.FormDaily: "/v1/health-updates"}[s.form]
	x.app.post(path, map[string]any{
		"id": models.TimeID(x.now(), fmt.Sprint("app", x.size)), "program": x.program.ID(), "person_id": x.person, "answers": s.answers,
	})
	return x.last(x.account, s.form)
}

func (x *trio) reader(s set, send func(string) string) *reader {
	f, _ := x.program.Form(s.form)
	return &reader{TB: x.TB, program: x.program, form: f, answers: s.answers, dice: x.dice, send: send}
}

func (x *trio) byUSSD(s set) models.Declaration {
	x.Helper()
	x.ussd.dial()
	screen := ""
	if s.form == models.FormDeclaration {
		screen = x.ussd.press("1", "1")
	} else {
		screen = x.ussd.press("2")
	}
	x.reader(s, func(typed string) string { return x.ussd.press(typed) }).confirm(screen, "1 Gui", "1")
	return x.last(x.ussd.account().ID, s.form)
}

func (x *trio) bySMS(s set) models.Declaration {
	x.Helper()
	send := func(text string) string { return x.sms.sms(text) }
	screen := ""
	if s.form == models.FormDeclaration {
		screen = send("KB " + x.program.Keyword())
	} else {
		screen = send("CN")
	}
	x.reader(s, send).confirm(screen, "Tra loi OK", "OK")
	return x.last(x.sms.account().ID, s.form)
}

// last gives what a household declared just now.
func (x *trio) last(account string, form models.Form) models.Declaration {
	x.Helper()
	found, _, err := x.store.Declarations(x.Context(), account, form, "", models.Page{Limit: 1})
	must(x, err)
	if len(found) == 0 || !found[0].OccurredAt.Equal(x.now()) {
		x.Fatalf("nothing was declared")
	}
	return found[0]
}

// A program that was never seen before is asked whole: every question has its place in the dialogue.
func TestParityReadsEveryQuestion(t *testing.T) {
	t.Parallel()
	s, err := loadShared()
	must(t, err)
	river, ok := s.wider.Current("river", start)
	if !ok {
		t.Fatal("the program of testdata is not there")
	}
	x := newTrio(t, river, 0)
	f, _ := x.program.Form(models.FormDeclaration)
	var asked []string
	all := set{form: models.FormDeclaration, answers: complete(f, models.Answers{"fever": true, "shivers": true, "met_case": "not_sure", "swam": true, "work": "sand", "place": "06325", "animals": []string{"bee", "cow"}, "bites": 9.0, "change": 0.0, "temperature": 38.5, "remark": "không"})}
	x.reader(all, func(text string) string {
		screen := x.sms.sms(text)
		asked = append(asked, screen)
		return screen
	}).say(x.sms.sms("KB SONG"))
	said := gsm.Unaccented(strings.Join(asked, "\n"))
	for i := range f.Questions {
		q := &f.Questions[i]
		if q.Group == "" && !strings.Contains(said, q.Short(models.Vietnamese)) {
			t.Errorf("%s is never asked", q.ID)
		}
	}
}
