package dialogue_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/gsm"
	"khaibao/internal/intake"
	"khaibao/internal/rules"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

var paritySets = flag.Int("parity", 2000, "answer sets a program that go through every channel; a fortieth with -short")

// TestParity sends answer sets of every program through the app's JSON, USSD and SMS: level, factors, reasons, program
// version and answers are the same in all three, also where rules look at what was said before.
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
			all := cells(p)
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
			if total < sets {
				t.Errorf("%d sets were compared, want %d", total, sets)
			}
			t.Logf("%d sets, %d of them cells of tables and bounds", total, min(total, len(all)))
		})
	}
}

// trio is three households with the same person and the same history, one for each channel.
type trio struct {
	*rig
	program    *rules.Program
	dice       *rand.Rand
	app        string // account
	person     string
	ussd, sms  *phone
	size       int // how many sets were compared
	households int
}

// history is how many sets one person declares before others take their place: rules look back, and each look reads it all.
const history = 25

var years = []string{"1960", "1961", "1990", "2021"} // 66, 65, 36 and 5 years old

func newTrio(t *testing.T, p *rules.Program, crew int) *trio {
	t.Helper()
	s, err := loadShared()
	must(t, err)
	r := newRigWith(t, storetest.Memory(t), s.wider)
	x := &trio{rig: r, program: p, dice: rand.New(rand.NewPCG(uint64(crew), 7)), households: crew}
	x.settle()
	return x
}

// settle makes the next three households, of the next age.
func (x *trio) settle() {
	x.Helper()
	year, sex, relationship, commune := years[x.households%len(years)], models.Female, models.Self, "06325"
	x.households++
	app := x.phone(3 * x.households)
	x.ussd, x.sms = x.phone(3*x.households+1), x.phone(3*x.households+2)
	for channel, number := range map[models.Channel]string{models.ChannelApp: app.number, models.ChannelUSSD: x.ussd.number, models.ChannelSMS: x.sms.number} {
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
			x.app, x.person = account, person.ID
		}
	}
}

// run compares this crew's share of the cells, and random sets until there are n.
func (x *trio) run(cells []set, crew, crews, n int) int {
	x.Helper()
	for i := crew; i < len(cells) && x.size < n; i += crews {
		x.compare(cells[i])
	}
	for x.size < n {
		form := models.FormDeclaration
		if _, ok := x.program.Form(models.FormDaily); ok && x.dice.IntN(2) == 0 {
			form = models.FormDaily
		}
		f, _ := x.program.Form(form)
		x.compare(set{form, x.random(f)})
	}
	return x.size
}

// compare sends one set through all three channels.
func (x *trio) compare(s set) {
	x.Helper()
	if x.size > 0 && x.size%history == 0 {
		x.settle()
	}
	x.size++
	x.wait(10 * time.Minute)
	want := x.byApp(s)
	for channel, got := range map[string]models.Declaration{"USSD": x.byUSSD(s), "SMS": x.bySMS(s)} {
		if diff := cmp.Diff(fate(want), fate(got)); diff != "" {
			x.Fatalf("%s %s differs for %v\n%s", channel, s.form, s.answers, diff)
		}
	}
}

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
	raw, err := json.Marshal(s.answers)
	must(x, err)
	var answers map[string]any
	must(x, json.Unmarshal(raw, &answers))
	_, _, err = x.intake.Submit(x.Context(), models.Citizen{Account: x.app, Channel: models.ChannelApp}, intake.Submission{
		Form: s.form, ID: models.TimeID(x.now(), fmt.Sprint("app", x.size)), Program: x.program.ID(), PersonID: x.person, Answers: answers,
	})
	if err != nil {
		x.Fatalf("the app cannot send %v: %v", s.answers, err)
	}
	return x.last(x.app, s.form)
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

// set is one form as answered.
type set struct {
	form    models.Form
	answers models.Answers
}

// cells lists what tables and bounds call for: every example of the program, every question alone at each of its values,
// and every combination of the yes-or-no questions of the first group with each answer to the others.
func cells(p *rules.Program) []set {
	var all []set
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		f, ok := p.Form(form)
		if !ok {
			continue
		}
		for i := range f.Questions {
			for _, value := range values(&f.Questions[i]) {
				all = append(all, set{form, complete(f, models.Answers{f.Questions[i].ID: value})})
			}
		}
		if len(f.Groups) == 0 {
			continue
		}
		first := f.Groups[0].Questions
		for bits := range 1 << len(first) {
			for i := range f.Questions {
				q := &f.Questions[i]
				if slices.Contains(first, q.ID) || q.Group == "" || q.Emergency {
					continue
				}
				answers := models.Answers{q.ID: values(q)[0]}
				for n, id := range first {
					answers[id] = bits>>n&1 == 1
				}
				all = append(all, set{form, complete(f, answers)})
			}
		}
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// values lists the values of a question that matter: all of few, the bounds and what lies next to what rules name.
func values(q *rules.Question) []any {
	switch q.Type {
	case rules.TypeBoolean:
		return []any{true, false}
	case rules.TypeChoice:
		var out []any
		for _, o := range q.Options {
			out = append(out, o.ID)
		}
		return out
	case rules.TypeChoices:
		out := []any{[]string{}}
		var every []string
		for _, o := range q.Options {
			out, every = append(out, []string{o.ID}), append(every, o.ID)
		}
		slices.Sort(every)
		return append(out, every)
	case rules.TypeInteger:
		out := []any{*q.Min, *q.Max}
		for _, n := range []float64{0, 1, 8, 9, 10, 89, 90, 93, 94, 95, 120, 121} {
			if n > *q.Min && n < *q.Max {
				out = append(out, n)
			}
		}
		return out
	case rules.TypeDecimal:
		out := []any{*q.Min, *q.Max}
		for _, n := range []float64{-2.6, -2.5, 0, 8, 37.9, 38, 38.4, 38.5, 39.25} {
			if n > *q.Min && n < *q.Max {
				out = append(out, n)
			}
		}
		return out
	case rules.TypeDate:
		var out []any
		for _, back := range []int{0, 1, 2, 3, 6, 7, 8, 14} {
			out = append(out, models.Day(start.AddDate(0, 0, -back)))
		}
		return out
	case rules.TypeArea:
		return []any{"06325", "05977", "00004"}
	}
	return []any{"Bến Đò 2, bên trái"}
}

// complete answers what must be answered and what a keypad cannot leave out, with no wherever that is an answer.
func complete(f *rules.Form, answers models.Answers) models.Answers {
	out := models.Answers{}
	for i := range f.Questions {
		q := &f.Questions[i]
		if !f.Enabled(q.ID, out) {
			continue
		}
		if value, ok := answers[q.ID]; ok {
			out[q.ID] = value
			continue
		}
		unsure := slices.ContainsFunc(q.Options, func(o rules.Option) bool { return o.ID == "not_sure" })
		switch {
		case q.Type == rules.TypeBoolean && (q.Group != "" || q.Required):
			out[q.ID] = false
		case q.Type == rules.TypeChoice && (q.Group != "" || q.Required || unsure):
			out[q.ID] = "no"
		case q.Required:
			out[q.ID] = values(q)[0]
		}
	}
	return out
}

// random answers a form at random.
func (x *trio) random(f *rules.Form) models.Answers {
	answers := models.Answers{}
	for i := range f.Questions {
		q := &f.Questions[i]
		if q.Group == "" && x.dice.IntN(4) == 0 || q.Emergency && x.dice.IntN(8) > 0 {
			continue
		}
		all := values(q)
		answers[q.ID] = all[x.dice.IntN(len(all))]
		if q.Type == rules.TypeChoices {
			var some []string
			for _, o := range q.Options {
				if x.dice.IntN(3) == 0 {
					some = append(some, o.ID)
				}
			}
			slices.Sort(some)
			answers[q.ID] = append([]string{}, some...)
		}
	}
	return complete(f, answers)
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
	all := set{models.FormDeclaration, complete(f, models.Answers{"fever": true, "shivers": true, "met_case": "not_sure", "swam": true, "work": "sand", "place": "06325", "animals": []string{"bee", "cow"}, "bites": 9.0, "change": 0.0, "temperature": 38.5, "remark": "không"})}
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
