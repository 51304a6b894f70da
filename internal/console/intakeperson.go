package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"khaibao/internal/intake"
	"khaibao/internal/problems"
	"khaibao/models"
)

// personForm asks for somebody who is new.
type personForm struct {
	State    intakeState
	First    bool // nobody is behind the number yet
	ID       string
	Name     string
	Born     string
	Sexes    []option
	Relation []option
	Place    placeField
	National string
	Address  string
	Problems []problem
}

// At gives what is wrong with a field.
func (v personForm) At(field string) string { return problemAt(v.Problems, field) }

var (
	sexes         = []models.Sex{models.Male, models.Female, models.Other}
	relationships = []models.Relationship{models.Self, models.Spouse, models.Child, models.Parent, models.OtherRelated}
)

// personFields are the fields of a person from the top of the page.
var personFields = []string{"name", "born", "sex", "relationship", "commune", "national_id", "address"}

func optionsOf[T ~string](values []T, chosen string, text func(string) string) []option {
	var out []option
	for _, v := range values {
		out = append(out, option{string(v), text(string(v)), string(v) == chosen})
	}
	return out
}

func (r *request) newPerson() error {
	state, _, done, err := r.begun()
	if done || err != nil {
		return err
	}
	return r.showPerson(http.StatusOK, personForm{State: state, ID: newUUID()}, url.Values{})
}

// addPerson adds somebody to the household, or makes one of them, and goes on to the form. Sent again from the page before,
// with something corrected, it is about the same person.
func (r *request) addPerson() error {
	state, phone, done, err := r.begun()
	if done || err != nil {
		return err
	}
	form := r.PostForm
	v := personForm{
		State: state, First: form.Has("first"), ID: form.Get("id"), Name: form.Get("name"), Born: form.Get("born"),
		National: form.Get("national_id"), Address: form.Get("address"),
	}
	if form.Get("do") == "find" {
		return r.showPerson(http.StatusOK, v, form)
	}
	person, doubts, err := r.s.Intake.AddPersonFor(r.Context(), r.official, phone, r.personInput(v, form))
	switch {
	case models.Invalid.Is(err):
		v.Problems = inOrder(r.wrong(fieldsOf(err), r.personField), personFields)
		return r.showPerson(http.StatusUnprocessableEntity, v, form)
	case models.Conflict.Is(err):
		status, detail := r.explain(err)
		if e, _ := problems.Of(err); e.Code == "id_taken" { // they are in the household, which the page leads to
			v.First, detail = false, r.say("intake.added_before")
		}
		v.ID, v.Problems = newUUID(), []problem{{Text: detail}}
		return r.showPerson(status, v, form)
	case err != nil:
		return err
	}
	state.Person = person.ID
	declaring, err := r.declaring(state, phone)
	if err != nil {
		return err
	}
	for _, doubt := range doubts {
		_, label := r.personField(doubt.Field)
		declaring.doubts = append(declaring.doubts, label+": "+r.wrongText(doubt))
	}
	return r.showForm(http.StatusOK, declaring)
}

// personInput is what the form says, with what cannot be said by a value alone as field errors.
func (r *request) personInput(v personForm, form url.Values) intake.PersonInput {
	in := intake.PersonInput{ID: v.ID}
	text := func(value string, into **string) {
		if value = strings.TrimSpace(value); value != "" {
			*into = &value
		}
	}
	text(v.Name, &in.Name)
	text(dayOf(v.Born), &in.BirthDate)
	text(v.National, &in.NationalID)
	text(v.Address, &in.Address)
	if sex := models.Sex(form.Get("sex")); slices.Contains(sexes, sex) {
		in.Sex = &sex
	}
	if relation := models.Relationship(form.Get("relationship")); slices.Contains(relationships, relation) {
		in.Relationship = &relation
	}
	place := r.readPlace(form, "commune", r.ownCommune())
	commune, wrong := place.given(form)
	if wrong == "" && commune == "" {
		wrong = "required"
	}
	if wrong != "" {
		in.Wrong = append(in.Wrong, models.FieldError{Field: "/area/commune", Code: wrong})
		return in
	}
	in.Commune = &commune
	return in
}

// dayOf reads a day as it is written here, 21/3/1958, and gives it as 1958-03-21; anything else it leaves as it is.
func dayOf(text string) string {
	text = strings.TrimSpace(text)
	for _, layout := range []string{"2/1/2006", "2-1-2006", "2.1.2006"} {
		if day, err := time.Parse(layout, text); err == nil {
			return day.Format(time.DateOnly)
		}
	}
	return text
}

// personField gives a field of a person its place on the page.
func (r *request) personField(field string) (at, label string) {
	at = map[string]string{"/birth_date": "born", "/area/commune": "commune"}[field]
	if at == "" {
		at = strings.TrimPrefix(field, "/")
	}
	if at == "id" { // no field of the page: somebody has changed what is hidden in it
		return "", ""
	}
	return at, r.say("intake.person." + at)
}

func (r *request) showPerson(status int, v personForm, form url.Values) error {
	text := func(section string) func(string) string {
		return func(value string) string { return r.s.Texts.Text(r.lang, section+"."+value, nil) }
	}
	v.Sexes = optionsOf(sexes, form.Get("sex"), text("sex"))
	relation := form.Get("relationship")
	if v.First && relation == "" {
		relation = string(models.Self)
	}
	v.Relation = optionsOf(relationships, relation, text("relationship"))
	v.Place = r.readPlace(form, "commune", r.ownCommune())
	v.Place.Problem = v.At("commune")
	return r.show(status, "intake_person", v)
}
