package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"khaibao/internal/auth"
	"khaibao/internal/cases"
	"khaibao/internal/rules"
	"khaibao/models"
)

// statementVersion names the text that an official reads out and the citizen agrees to (console.intake.agreed). Another
// text is another version.
const statementVersion = "official-1"

// intakeState is how far an intake has come. It travels in forms and never in a link: a phone number is in it.
type intakeState struct {
	Phone  string // as it was typed
	What   string // program and form: "covid19/declaration"
	Person string
}

func (r *request) intakeState() intakeState {
	form := r.PostForm
	return intakeState{strings.TrimSpace(form.Get("phone")), form.Get("what"), idOrNone(form.Get("person"))}
}

// number gives the phone in E.164, or what is wrong with it.
func (s intakeState) number() (string, *models.FieldError) {
	if s.Phone == "" {
		return "", &models.FieldError{Field: "/phone", Code: "required"}
	}
	phone, code := auth.ParsePhone(s.Phone)
	if code != "" {
		return "", &models.FieldError{Field: "/phone", Code: code}
	}
	return phone, nil
}

// form finds the program of the day and its form.
func (s intakeState) form(c *rules.Catalog, now time.Time) (*rules.Program, *rules.Form, *models.FieldError) {
	id, name, _ := strings.Cut(s.What, "/")
	if p, ok := c.Current(id, now); ok {
		if f, ok := p.Form(models.Form(name)); ok {
			return p, f, nil
		}
	}
	return nil, nil, &models.FieldError{Field: "/what", Code: "unknown_program"}
}

// problem is something wrong, said on top of a page and beside its field.
type problem struct {
	At, Label, Text string // At is the id of the field; empty: it is about no single one
}

// wrong puts field errors into words. name gives a field's place on the page and what it is called there.
func (r *request) wrong(fields []models.FieldError, name func(field string) (at, label string)) []problem {
	var out []problem
	for _, f := range fields {
		at, label := name(f.Field)
		out = append(out, problem{at, label, r.wrongText(f)})
	}
	return out
}

// inOrder brings what is wrong into the order of the page.
func inOrder(all []problem, fields []string) []problem {
	slices.SortStableFunc(all, func(a, b problem) int { return slices.Index(fields, a.At) - slices.Index(fields, b.At) })
	return all
}

// wrongText says it for somebody at a form, where the text for a program's author would say it in codes.
func (r *request) wrongText(f models.FieldError) string {
	code := f.Code
	if kind, ok := f.Args["type"].(string); ok {
		code += "_" + kind
	}
	if key := "intake.wrong." + code; r.s.Texts.Has("console." + key) {
		return r.say(key)
	}
	return r.fieldText(f)
}

// startView is the first step: what is declared, and under which number.
type startView struct {
	State    intakeState
	Whats    []option
	Problems []problem
}

// At gives what is wrong with a field.
func (v startView) At(field string) string { return problemAt(v.Problems, field) }

func problemAt(all []problem, at string) string {
	for _, p := range all {
		if p.At == at {
			return p.Text
		}
	}
	return ""
}

func (r *request) intakeStart() error { return r.showStart(http.StatusOK, intakeState{}, nil) }

func (r *request) showStart(status int, state intakeState, problems []problem) error {
	v := startView{State: state, Problems: problems}
	for _, p := range r.s.Programs.Active(r.s.Now()) {
		for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
			if _, ok := p.Form(form); ok {
				what := p.ID() + "/" + string(form)
				v.Whats = append(v.Whats, option{what, p.Name(r.lang) + " · " + r.say("intake.form."+string(form)), what == state.What})
			}
		}
	}
	return r.show(status, "intake", v)
}

// startAgain shows the first step with what is wrong in it.
func (r *request) startAgain(state intakeState, fields ...models.FieldError) error {
	return r.showStart(http.StatusUnprocessableEntity, state, r.wrong(fields, func(field string) (string, string) {
		at := strings.TrimPrefix(field, "/")
		return at, r.say("intake." + at)
	}))
}

// begun reads what every step behind the first needs; done says that the answer was given: the first step once more.
func (r *request) begun() (state intakeState, phone string, done bool, err error) {
	state = r.intakeState()
	var wrong []models.FieldError
	if _, _, problem := state.form(r.s.Programs, r.s.Now()); problem != nil {
		wrong = append(wrong, *problem)
	}
	phone, problem := state.number()
	if problem != nil {
		wrong = append(wrong, *problem)
	}
	if len(wrong) > 0 {
		return state, "", true, r.startAgain(state, wrong...)
	}
	return state, phone, false, nil
}

// householdView is the second step: for whom of the household.
type householdView struct {
	State  intakeState
	Phone  string // masked
	People []personView
}

// personView is somebody of the household, masked.
type personView struct {
	ID, Name, About, Place string
}

// intakeHousehold looks a number up, once: the look is in the audit, and a day has so many.
func (r *request) intakeHousehold() error {
	state, phone, done, err := r.begun()
	if done || err != nil {
		return err
	}
	err = r.s.Officials.MayLookUp(r.Context(), r.official.Login)
	if models.TooMany.Is(err) {
		status, detail := r.explain(err)
		return r.showStart(status, state, []problem{{Text: detail}})
	}
	if err != nil {
		return err
	}
	people, err := r.s.Intake.FindHousehold(r.Context(), r.official, phone)
	if err != nil {
		return err
	}
	if len(people) == 0 {
		return r.showPerson(http.StatusOK, personForm{State: state, First: true, ID: newUUID()}, nil)
	}
	v := householdView{State: state, Phone: cases.MaskPhone(phone)}
	for i := range people {
		v.People = append(v.People, r.personView(&people[i]))
	}
	return r.show(http.StatusOK, "intake_household", v)
}

func (r *request) personView(p *models.Person) personView {
	v := personView{ID: p.ID, Name: r.say("no_name"), Place: r.placeName(p.Commune)}
	if p.Name != "" {
		v.Name = cases.MaskName(p.Name)
	}
	about := []string{r.s.Texts.Text(r.lang, "relationship."+string(p.Relationship), nil), r.s.Texts.Text(r.lang, "sex."+string(p.Sex), nil)}
	if len(p.BirthDate) >= 4 {
		about = append(about, r.say("intake.born", "year", p.BirthDate[:4]))
	}
	v.About = strings.Join(about, " · ")
	return v
}

// resultView is what comes of it: for the official's eyes, and to be read to the citizen.
type resultView struct {
	State     intakeState
	Who       personView
	Program   string
	Version   int
	Level     models.Level
	Emergency bool
	Reasons   []string
	Advice    string
	Receipt   string
	At        time.Time
	Place     string
	Flagged   bool
	CaseLink  string
}

// declare hands the form in. Sending it again gives the same result.
func (r *request) declare() error {
	state, phone, done, err := r.begun()
	if done || err != nil {
		return err
	}
	form, err := r.declaring(state, phone)
	if err != nil {
		return err
	}
	form.read(r.PostForm)
	if r.PostForm.Get("do") == "find" {
		return r.showForm(http.StatusOK, form)
	}
	d, _, err := r.s.Intake.Submit(r.Context(), form.citizen, form.submission())
	switch {
	case models.Invalid.Is(err):
		return r.showForm(http.StatusUnprocessableEntity, form.refused(err))
	case models.Conflict.Is(err): // sent before, and changed since
		form.ID = newUUID()
		form.problems = []problem{{Text: r.say("intake.sent_before")}}
		return r.showForm(http.StatusConflict, form)
	case err != nil:
		return err
	}
	return r.showResult(state, form, d)
}

func (r *request) showResult(state intakeState, form *declaring, d *models.Declaration) error {
	words := form.program.Explain(d.Form, d.Decision, r.lang)
	v := resultView{
		State: state, Who: r.personView(&form.person), Program: form.program.Name(r.lang), Version: d.Version, Level: d.Decision.Level,
		Emergency: d.Decision.Level == models.LevelEmergency, Advice: words.Advice, Receipt: models.Receipt(d.ID), At: d.OccurredAt,
		Place: r.placeName(d.Commune), Flagged: d.Decision.Level.Flagged(),
	}
	v.Who.Place = v.Place
	for _, reason := range words.Reasons {
		v.Reasons = append(v.Reasons, reason.Text)
	}
	id := models.CaseID(d.Account, d.PersonID, d.Program)
	_, err := r.s.Cases.Get(r.Context(), r.official, id)
	switch {
	case err == nil, models.NotFound.Is(err) && v.Flagged && r.official.Area.Holds(d.Commune, d.Province): // there in a moment
		v.CaseLink = "/console/cases/" + id
	case !models.NotFound.Is(err):
		return err
	}
	r.back = "/console/intake"
	return r.show(http.StatusOK, "intake_result", v)
}

// newUUID names what a form is about to make, so that sending it twice makes it once.
func newUUID() string { return uuid.Must(uuid.NewV7()).String() }

func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
