package dialogue

import (
	"errors"
	"slices"
	"time"

	"khaibao/internal/auth"
	"khaibao/models"
)

// update begins a health update, of a program where it was named: at once where only one is asked for, and by asking for
// whom otherwise.
func (t *turn) update(program string) error {
	if len(t.people()) == 0 {
		t.say("nobody", nil)
		return nil
	}
	t.leave()
	t.st.Form, t.st.Program, t.st.Chunk = models.FormDaily, program, 0
	asked, err := t.asked()
	if err != nil {
		return err
	}
	asked = slices.DeleteFunc(asked, func(f models.FollowUp) bool { return program != "" && f.Program != program })
	if len(asked) == 1 {
		t.st.Program = asked[0].Program
		return t.about(asked[0].PersonID)
	}
	if people := t.people(); len(people) == 1 {
		return t.about(people[0].ID)
	}
	t.st.to(stepUpdate)
	return nil
}

// asked lists the running plans of people of the household.
func (t *turn) asked() ([]models.FollowUp, error) {
	if t.account == nil {
		return nil, nil
	}
	plans, err := t.Store.FollowUpsOf(t.ctx, t.account.ID)
	return t.account.Asked(plans), err
}

func (t *turn) householdLabels() (ids, labels []string) {
	for _, p := range t.people() {
		ids, labels = append(ids, p.ID), append(labels, t.personLabel(p))
	}
	return ids, labels
}

func showUpdate(t *turn) (view, error) {
	_, labels := t.householdLabels()
	return t.sevenOf(t.text("update.title", nil), labels), nil
}

func takeUpdate(t *turn, typed string) error {
	ids, _ := t.householdLabels()
	id := t.chosen(typed, ids)
	if id == "" {
		return nil
	}
	plans, err := t.asked()
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(plans, func(f models.FollowUp) bool { return f.PersonID != id })
	if len(own) == 1 && t.st.Program == "" {
		t.st.Program = own[0].Program
	}
	return t.about(id)
}

// results shows the newest decision: the owner's at once when there is nobody else, and whose by choice otherwise.
func (t *turn) results() error {
	people := t.people()
	t.st.Chunk = 0
	switch {
	case len(people) == 0:
		t.say("nobody", nil)
		return nil
	case len(people) == 1 && people[0].Relationship == models.Self:
		return t.resultOf(people[0].ID)
	}
	t.st.to(stepResults)
	return nil
}

func showResults(t *turn) (view, error) {
	_, labels := t.householdLabels()
	return t.sevenOf(t.text("results.title", nil), labels), nil
}

func takeResults(t *turn, typed string) error {
	ids, _ := t.householdLabels()
	id := t.chosen(typed, ids)
	if id == "" {
		return nil
	}
	return t.resultOf(id)
}

// resultOf shows somebody's newest decision. A relative's asks for the PIN: a phone is held by many hands.
func (t *turn) resultOf(person string) error {
	p, ok := t.account.Person(person)
	if !ok {
		t.st.to(stepHome)
		return nil
	}
	if p.Relationship != models.Self && !t.unlocked() {
		return t.unlock(stepResult, person)
	}
	newest, err := t.newest(person)
	if err != nil {
		return err
	}
	t.st.Done = newest
	t.st.to(stepResult)
	return nil
}

// newest finds the declaration or update of a person that happened last; nil when there is none.
func (t *turn) newest(person string) (*models.DeclarationRef, error) {
	var ref *models.DeclarationRef
	var at time.Time
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		found, _, err := t.Intake.Declarations(t.ctx, t.citizen(), form, person, models.Page{Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(found) > 0 && !found[0].OccurredAt.Before(at) {
			ref, at = &models.DeclarationRef{Form: form, ID: found[0].ID}, found[0].OccurredAt
		}
	}
	return ref, nil
}

// How long the PIN need not be asked again within a dialogue; an SMS may be on its way for minutes.
const (
	unlockedFor     = 3 * time.Minute
	unlockedTexting = 10 * time.Minute
)

func (t *turn) unlocked() bool { return t.Real().Before(t.st.Unlocked) }

// unlock asks for the PIN and goes on to a step about somebody.
func (t *turn) unlock(then step, about string) error {
	if t.account == nil || t.account.PIN.Hash == "" {
		t.say("pin.none", nil)
		return nil
	}
	t.st.to(stepUnlock)
	t.st.Parked, t.st.Chosen = then, about
	return nil
}

func showUnlock(t *turn) (view, error) {
	return view{text: t.text("pin.ask", nil), back: t.back()}, nil
}

func takeUnlock(t *turn, typed string) error {
	if !auth.LooksLikePIN(typed) { // a key was missed: that costs no try
		return t.unclear("pin_digits", nil)
	}
	err := t.PINs.Check(t.ctx, t.account.ID, typed, t.in.ID)
	var e *models.Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.Kind == models.TooMany:
		t.say("pin.locked", nil)
		return nil
	case models.Unauthenticated.Is(err):
		return t.unclear("wrong_pin", nil)
	case models.NotFound.Is(err):
		t.say("pin.none", nil)
		return nil
	default:
		return err
	}
	lasts := unlockedFor
	if t.bySMS() {
		lasts = unlockedTexting
	}
	t.st.Unlocked = t.Real().Add(lasts)
	switch then, about := t.st.Parked, t.st.Chosen; then {
	case stepResult:
		return t.resultOf(about)
	case stepPerson:
		return t.removePerson(about)
	default:
		return t.readyToErase()
	}
}

func showPeople(t *turn) (view, error) {
	_, labels := t.householdLabels()
	if len(labels) < models.HouseholdLimit {
		labels = append(labels, t.text("people.add", nil))
	}
	return t.sevenOf(t.text("people.title", nil), labels), nil
}

func takePeople(t *turn, typed string) error {
	ids, _ := t.householdLabels()
	if len(ids) < models.HouseholdLimit {
		ids = append(ids, somebodyNew)
	}
	id := t.chosen(typed, ids)
	switch {
	case id == "":
		return nil
	case id == somebodyNew:
		t.leave()
		t.st.Form, t.st.Register = models.FormDeclaration, true
		t.begin()
		if len(t.people()) == 0 {
			t.meet(models.Self)
			return nil
		}
		t.st.to(stepRelation)
		return nil
	}
	t.st.Chosen = id
	t.st.to(stepPerson)
	return nil
}

func showPerson(t *turn) (view, error) {
	p := t.chosenPerson()
	if p == nil {
		return view{}, nil
	}
	lines := []string{t.text("home.declare", nil), t.text("home.result", nil)}
	if p.Relationship != models.Self {
		lines = append(lines, t.text("people.remove", nil))
	}
	args := map[string]any{"who": t.personLabel(*p)}
	if len(p.BirthDate) >= 4 {
		args["year"] = p.BirthDate[:4]
	}
	if p.Commune != "" {
		args["place"] = t.placeLabel(p.Commune)
	}
	return view{text: t.text("people.person", args), items: numbered(lines...), back: t.back()}, nil
}

func (t *turn) chosenPerson() *models.Person {
	if t.account == nil {
		return nil
	}
	p, _ := t.account.Person(t.st.Chosen)
	return p
}

func takePerson(t *turn, typed string) error {
	p := t.chosenPerson()
	if p == nil {
		if digits(typed) == "3" && t.unlocked() { // this message has removed them already
			t.say("people.removed", nil)
		}
		return nil
	}
	choices := 3
	if p.Relationship == models.Self {
		choices = 2
	}
	switch t.choice(typed, choices) {
	case 1:
		t.leave()
		t.st.Form = models.FormDeclaration
		return t.about(p.ID)
	case 2:
		return t.resultOf(p.ID)
	case 3:
		if !t.unlocked() {
			return t.unlock(stepPerson, p.ID)
		}
		return t.removePerson(p.ID)
	}
	return nil
}

func (t *turn) removePerson(id string) error {
	if _, err := t.Intake.RemovePerson(t.ctx, t.citizen(), id); err != nil && !models.NotFound.Is(err) {
		return err
	}
	t.say("people.removed", nil)
	return nil
}

// speak changes the language, of the household too when there is one.
func (t *turn) speak(lang models.Lang) error {
	t.st.Lang = lang
	t.st.unread() // whoever changes it could not read the screen
	if t.account == nil || t.account.Lang == lang {
		return nil
	}
	return t.keepLang()
}

func (t *turn) keepLang() error {
	_, err := t.Store.UpdateAccount(t.ctx, t.account.ID, func(a *models.Account) ([]models.Effect, error) {
		if a.Lang == t.st.Lang {
			return nil, models.ErrUnchanged
		}
		a.Lang = t.st.Lang
		return nil, nil
	})
	return err
}

func otherLanguage(lang models.Lang) models.Lang {
	if lang == models.English {
		return models.Vietnamese
	}
	return models.English
}
