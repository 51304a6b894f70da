package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"khaibao/internal/rules"
	"khaibao/models"
)

// typedIn writes answers as an official types them: 37,5 and 21/3/2026.
func typedIn(f *rules.Form, answers map[string]any) url.Values {
	out := url.Values{}
	for id, answer := range answers {
		name := answerPrefix + id
		switch a := answer.(type) {
		case bool:
			out.Set(name, map[bool]string{true: "yes", false: "no"}[a])
		case []string:
			out[name] = append([]string{}, a...)
			if len(a) == 0 {
				out[name] = []string{noneOfThem}
			}
		case string:
			q, _ := f.Question(id)
			if day, err := time.Parse(time.DateOnly, a); err == nil && q != nil && q.Type == rules.TypeDate {
				a = day.Format("2/1/2006")
			}
			out.Set(name, a)
		case int64:
			out.Set(name, strconv.FormatInt(a, 10))
		case float64:
			out.Set(name, strings.Replace(strconv.FormatFloat(a, 'f', -1, 64), ".", ",", 1))
		}
	}
	return out
}

// valuesOf are answers to a question that differ in kind: what is chosen, none, and the bounds.
func valuesOf(q *rules.Question, day time.Time) []any {
	ids := []string{}
	for _, o := range q.Options {
		ids = append(ids, o.ID)
	}
	switch q.Type {
	case rules.TypeBoolean:
		return []any{true, false}
	case rules.TypeChoice:
		return []any{ids[0], ids[len(ids)-1]}
	case rules.TypeChoices:
		slices.Sort(ids)
		return []any{[]string{}, ids[:1], ids}
	case rules.TypeInteger:
		return []any{*q.Min, *q.Max, *q.Max + 1}
	case rules.TypeDecimal:
		return []any{*q.Min, *q.Max, *q.Min + 0.25, *q.Max + 0.5}
	case rules.TypeDate:
		return []any{models.Day(day.AddDate(0, 0, int(*q.Min))), models.Day(day), models.Day(day.AddDate(0, 0, int(*q.Max)+1))}
	case rules.TypeArea:
		return []any{bacSon, dongKinh}
	}
	return []any{"Bến Đò 2, \"bên trái\" & phải\ndòng hai", strings.Repeat("ă", int(*q.Max)+1)}
}

// What is typed into the form becomes what the app sends as JSON, right or wrong: the same answers, the same field errors.
func TestIntakeReadsWhatTheAppSends(t *testing.T) {
	t.Parallel()
	w := newRiver(t)
	now := w.Clock.Now()
	r := &request{Request: httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/console/intake/declare", nil), s: w.console, lang: models.Vietnamese}
	compared := 0
	for _, p := range w.Programs.Active(now) {
		for _, name := range []models.Form{models.FormDeclaration, models.FormDaily} {
			f, ok := p.Form(name)
			if !ok {
				continue
			}
			check := func(answers map[string]any) {
				t.Helper()
				d := &declaring{r: r, program: p, form: f, given: typedIn(f, answers)}
				read, wrong := d.answers()
				got, gotWrong := p.Check(name, read, now)
				want, wantWrong := p.Check(name, asJSON(t, answers), now)
				diff(t, fmt.Sprintf("%s %s %v", p.ID(), name, answers), []any{got, append(wrong, gotWrong...)}, []any{want, append([]models.FieldError(nil), wantWrong...)})
				compared++
			}
			for i := range f.Questions {
				for _, value := range valuesOf(&f.Questions[i], now) {
					check(map[string]any{f.Questions[i].ID: value})
				}
			}
			for _, e := range p.Examples() {
				if e.Form == name {
					answers, problems := p.Check(name, e.Answers, now)
					if len(problems) == 0 { // days of an example are counted from its own day
						check(answers)
					}
				}
			}
		}
	}
	if compared < 200 {
		t.Errorf("only %d answers were compared", compared)
	}
}

// asJSON is answers as the app's JSON brings them.
func asJSON(t testing.TB, answers map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(answers)
	must(t, err)
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var out map[string]any
	must(t, decoder.Decode(&out))
	return out
}

// Every example of every program comes out of the official's form as its author expects it of the app.
func TestIntakeDecidesAsTheExamplesSay(t *testing.T) {
	t.Parallel()
	w := newRiver(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	token := b.csrf()
	now := w.Clock.Now()
	tried, decided := 0, 0
	for _, p := range w.Programs.Active(now) {
		for _, e := range p.Examples() {
			f, _ := p.Form(e.Form)
			answers, problems := p.Check(e.Form, e.Answers, now)
			if len(e.Earlier) > 0 || len(problems) > 0 || !e.Day.IsZero() && usesDays(f, answers) {
				continue
			}
			tried++
			phone := fmt.Sprintf("0912%06d", tried)
			sex := e.Sex
			if sex == "" {
				sex = models.Female
			}
			person := b.want(http.StatusOK, b.post("/console/intake/person", url.Values{
				"csrf": {token}, "phone": {phone}, "what": {p.ID() + "/" + string(e.Form)}, "id": {newUUID()}, "name": {"Nông Thị Thử"},
				"born": {strconv.Itoa(now.In(models.Hanoi).Year() - e.Age)}, "sex": {string(sex)}, "relationship": {"self"}, "commune": {bacSon}, "do": {"send"},
			}))
			form := with(person.formAt(t, "/console/intake/declare"), "agreed", "yes", "do", "send")
			for name, values := range typedIn(f, answers) {
				form[name] = values
			}
			if got := b.post("/console/intake/declare", form); got.status != http.StatusOK {
				t.Errorf("%s, %s: %d %v", p.ID(), e.Name, got.status, got.wrong())
				continue
			}
			account, err := w.Store.AccountOfPhone(t.Context(), "+84"+phone[1:])
			must(t, err)
			kept, _, err := w.Store.Declarations(t.Context(), account, e.Form, "", models.Page{Limit: 2})
			must(t, err)
			if len(kept) != 1 || kept[0].Decision.Level != e.Level {
				t.Errorf("%s, %s: got %+v, want %s", p.ID(), e.Name, kept, e.Level)
				continue
			}
			diff(t, p.ID()+", "+e.Name+": factors", append([]string{}, kept[0].Decision.Factors...), append([]string{}, e.Factors...))
			decided++
		}
	}
	if decided < 60 {
		t.Errorf("only %d examples were decided", decided)
	}
}

func usesDays(f *rules.Form, answers models.Answers) bool {
	return slices.ContainsFunc(f.Questions, func(q rules.Question) bool { return q.Type == rules.TypeDate && answers[q.ID] != nil })
}

// Every question of a program that was never seen before stands on the page once, as fields that take its answers, and
// those that tell an emergency come first.
func TestIntakeShowsEveryQuestion(t *testing.T) {
	t.Parallel()
	w := newRiver(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	for _, l := range []models.Lang{models.Vietnamese, models.English} {
		b.lang = string(l)
		got := b.want(http.StatusOK, b.submit("/console/intake/person", "phone", caller, "what", "river/declaration", "id", newUUID(), "name", "Nông Văn Khách", "born", "1958",
			"sex", "male", "relationship", map[models.Lang]string{models.Vietnamese: "self", models.English: "child"}[l], "commune", bacSon, "do", "send"))
		p, _ := w.Programs.Current("river", w.Clock.Now())
		f, _ := p.Form(models.FormDeclaration)
		root, err := html.Parse(strings.NewReader(got.body))
		must(t, err)
		shown := map[string]*html.Node{}
		var order []string
		for n := range root.Descendants() {
			if name := attr(n, "data-question"); name != "" {
				shown[strings.TrimPrefix(name, answerPrefix)] = n
				order = append(order, strings.TrimPrefix(name, answerPrefix))
			}
		}
		if len(order) != len(f.Questions) || order[0] != "confusion" {
			t.Errorf("%s: %d questions of %d, first %v", l, len(order), len(f.Questions), order)
		}
		for i := range f.Questions {
			q := &f.Questions[i]
			box := shown[q.ID]
			if box == nil || !strings.Contains(textOf(box), q.Text(l)) {
				t.Errorf("%s: %s is not asked", l, q.ID)
				continue
			}
			for _, o := range q.Options {
				if !strings.Contains(textOf(box), o.Text(l)) {
					t.Errorf("%s: %s cannot be answered with %s", l, q.ID, o.ID)
				}
			}
			if conditional := q.EnableWhen != nil; conditional != carries(box, "data-when") || conditional != strings.Contains(textOf(box), map[models.Lang]string{models.Vietnamese: "Chỉ hỏi khi", models.English: "Only asked when"}[l]) {
				t.Errorf("%s: when %s is asked: %s", l, q.ID, textOf(box))
			}
		}
	}
}

// The text that citizens agree to belongs to its version: who changes one changes the other.
func TestIntakeStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var texts []string
	for _, l := range []models.Lang{models.Vietnamese, models.English} {
		texts = append(texts, w.Texts.Text(l, "console.intake.agreed", nil))
	}
	diff(t, "the text of "+statementVersion, texts, map[string][]string{"official-1": {
		"Tôi đã nói rõ tên, đơn vị của tôi và mục đích khai báo; người dân đồng ý để tôi khai thay, và các câu trả lời trên là lời của họ.",
		"I have said my name, my unit and what the declaration is for; the citizen agrees that I declare for them, and the answers above are theirs.",
	}}[statementVersion])
}

// Whatever is in a field, reading it neither fails nor makes more of it than was typed.
func FuzzAnswerOf(f *testing.F) {
	for _, seed := range []string{"yes", "no", "", "-", "37,5", "37.5", "1.000", "1e9", "0x1F", "NaN", "+5", "21/3/1958", "2026-02-31", "\xff", "ă\u202e", strings.Repeat("9", 400)} {
		for kind := range 8 {
			f.Add(kind, seed)
		}
	}
	kinds := []rules.QuestionType{rules.TypeBoolean, rules.TypeChoice, rules.TypeChoices, rules.TypeInteger, rules.TypeDecimal, rules.TypeDate, rules.TypeText, rules.TypeArea}
	f.Fuzz(func(t *testing.T, kind int, text string) {
		q := kinds[(kind%len(kinds)+len(kinds))%len(kinds)]
		switch a := answerOf(q, []string{text}).(type) {
		case bool:
			if q != rules.TypeBoolean || (text != "yes" && text != "no" && strings.TrimSpace(text) != "yes" && strings.TrimSpace(text) != "no") {
				t.Errorf("%s %q became %t", q, text, a)
			}
		case json.Number:
			if strings.Replace(strings.TrimSpace(text), ",", ".", 1) != a.String() {
				t.Errorf("%s %q became %s", q, text, a)
			}
		case string:
			if again := dayOf(dayOf(text)); again != dayOf(text) {
				t.Errorf("%q is %q, then %q", text, dayOf(text), again)
			}
		case []any:
			if q != rules.TypeChoices || len(a) > 1 {
				t.Errorf("%s %q became %v", q, text, a)
			}
		default:
			t.Errorf("%s %q became %T", q, text, a)
		}
	})
}
