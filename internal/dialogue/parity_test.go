package dialogue_test

import (
	stdcmp "cmp"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
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

// set is one form as answered, by somebody of an age and a sex where it matters.
type set struct {
	form    models.Form
	answers models.Answers
	age     int
	sex     models.Sex
	example *rules.Example
	whole   bool // a keypad can say all of the example, whose decision it has then
	before  *set // what the same person sent some days before
	days    int
}

// cells lists what tables and bounds call for: every question alone at each of its values; every combination of the yes-or-no
// questions of the first group alone, at every age that the program's examples name; and each of these with a yes to every
// one question of the other groups.
func cells(p *rules.Program) []set {
	var all []set
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		f, ok := p.Form(form)
		if !ok {
			continue
		}
		for i := range f.Questions {
			for _, value := range values(&f.Questions[i]) {
				all = append(all, set{form: form, answers: complete(f, models.Answers{f.Questions[i].ID: value})})
			}
		}
		if len(f.Groups) == 0 {
			continue
		}
		first := f.Groups[0].Questions
		for bits := range 1 << len(first) {
			symptoms := models.Answers{}
			for n, id := range first {
				symptoms[id] = bits>>n&1 == 1
			}
			for _, age := range agesOf(p) {
				all = append(all, set{form: form, answers: complete(f, symptoms), age: age, sex: models.Female})
			}
			for i := range f.Questions {
				q := &f.Questions[i]
				if slices.Contains(first, q.ID) || q.Group == "" || q.Emergency {
					continue
				}
				answers := maps.Clone(symptoms)
				answers[q.ID] = values(q)[0]
				all = append(all, set{form: form, answers: complete(f, answers)})
			}
		}
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	slices.SortStableFunc(all, func(a, b set) int { return a.age - b.age }) // one person for many of them
	return all
}

// agesOf lists the ages that a program's examples name.
func agesOf(p *rules.Program) []int {
	var ages []int
	for _, e := range p.Examples() {
		ages = append(ages, e.Age)
	}
	slices.Sort(ages)
	return slices.Compact(ages)
}

// examples lists every example of the program. What a keypad cannot leave open is answered with no, or so that the rules decide
// the same: the decision must be the example's then, and else only the same in every channel. An example that looks back comes
// behind a form by which its decision comes out.
func examples(t *testing.T, p *rules.Program) []set {
	t.Helper()
	var all []set
	whole := 0
	for _, e := range p.Examples() {
		f, _ := p.Form(e.Form)
		answers, problems := p.Check(e.Form, e.Answers, e.Day)
		if len(problems) > 0 {
			t.Fatalf("example %q: %v", e.Name, problems)
		}
		s := set{form: e.Form, answers: complete(f, answers), age: e.Age, sex: stdcmp.Or(e.Sex, models.Female), example: &e}
		for _, more := range append([]models.Answers{{}}, singles(f)...) { // what a keypad has to ask may be answered in a way that changes nothing
			maps.Copy(more, answers)
			tried := set{answers: complete(f, more), example: &e}
			if tried.decides(p.Decide(rules.Input{Form: s.form, Answers: tried.answers, Age: s.age, Sex: s.sex, Day: e.Day, Earlier: e.Earlier})) {
				s.answers, s.whole = tried.answers, true
				break
			}
		}
		if len(e.Earlier) > 0 {
			s.whole = s.whole && s.lookBack(p)
		}
		if s.whole {
			whole++
		}
		for id, answer := range s.answers {
			if q, _ := f.Question(id); q.Type == rules.TypeDate {
				day, err := time.ParseInLocation(time.DateOnly, answer.(string), models.Hanoi)
				must(t, err)
				s.answers[id] = daysAgo(e.Day.Sub(day).Hours() / 24)
			}
		}
		all = append(all, s)
	}
	if t.Logf("%d of %d examples can be said whole on a keypad", whole, len(all)); whole < len(all)*9/10 {
		t.Errorf("only %d of %d examples can be said on a keypad", whole, len(all))
	}
	return all
}

// decides tells whether a decision is the example's.
func (s *set) decides(d models.Decision) bool {
	sorted := func(words []string) []string { return slices.Sorted(slices.Values(words)) }
	return d.Level == s.example.Level && slices.Equal(sorted(d.Factors), sorted(s.example.Factors))
}

// lookBack finds a form that says before what the example says of earlier, so that its decision comes out.
func (s *set) lookBack(p *rules.Program) bool {
	e := s.example
	days, _ := strconv.Atoi(fmt.Sprint(e.Earlier["days"]))
	at := e.Day.AddDate(0, 0, -days)
	for _, form := range []models.Form{models.FormDaily, models.FormDeclaration} {
		f, ok := p.Form(form)
		if !ok {
			continue
		}
		said := models.Answers{}
		for id, answer := range e.Earlier {
			if _, asked := f.Question(id); asked {
				said[id] = answer
			}
		}
		for _, more := range append([]models.Answers{{}}, singles(f)...) {
			answers := maps.Clone(more)
			maps.Copy(answers, said)
			answers = complete(f, answers)
			before := p.Decide(rules.Input{Form: form, Answers: answers, Age: s.age, Sex: s.sex, Day: at})
			now := p.Decide(rules.Input{Form: s.form, Answers: s.answers, Age: s.age, Sex: s.sex, Day: e.Day, Earlier: p.Recall(s.form, e.Day, []models.Declaration{
				{Form: form, Answers: answers, OccurredAt: at, Decision: before},
			})})
			if s.decides(now) {
				s.before, s.days = &set{form: form, answers: answers, age: s.age, sex: s.sex}, days
				return true
			}
		}
	}
	return false
}

// singles lists every single answer to a form.
func singles(f *rules.Form) []models.Answers {
	var all []models.Answers
	for i := range f.Questions {
		for _, value := range values(&f.Questions[i]) {
			all = append(all, models.Answers{f.Questions[i].ID: value})
		}
	}
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
