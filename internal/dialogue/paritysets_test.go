package dialogue_test

import (
	stdcmp "cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"khaibao/internal/rules"
	"khaibao/models"
)

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
