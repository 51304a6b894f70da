package dialogue

import "khaibao/models"

// step names what is asked.
type step string

// The steps.
const (
	stepHome   step = "home"
	stepResume step = "resume"
	stepStuck  step = "stuck"
	stepHelp   step = "help"

	stepWho      step = "who"
	stepRelation step = "relation"
	stepYear     step = "year"
	stepSex      step = "sex"
	stepCommune  step = "commune"
	stepCommunes step = "communes"
	stepPIN      step = "pin"
	stepRegister step = "register"

	stepProgram   step = "program"
	stepQuestion  step = "question"
	stepPlaces    step = "places" // what an area question found
	stepEmergency step = "emergency"
	stepReview    step = "review"
	stepEdit      step = "edit"
	stepResult    step = "result"

	stepUpdate  step = "update"
	stepResults step = "results"
	stepPeople  step = "people"
	stepPerson  step = "person"
	stepUnlock  step = "unlock"

	stepPrivacy   step = "privacy"
	stepWithdraw  step = "withdraw"
	stepErase     step = "erase"
	stepEraseCode step = "erase_code"
	stepDone      step = "done" // says what was done; the session ends
)

// handling is what a step does.
type handling struct {
	show func(*turn) (view, error)
	// take takes what was typed: it opens another step, or leaves a note and the step as it is.
	take func(t *turn, typed string) error
	back func(*turn) error // nil: to the start
	zero bool              // 0 is an answer here, and only 00 goes back
}

// allSteps is the dialogue as a whole.
func allSteps() map[step]handling {
	return map[step]handling{
		stepHome:   {showHome, takeHome, nil, true},
		stepResume: {showResume, takeResume, nil, false},
		stepStuck:  {showStuck, takeStuck, nil, true},
		stepHelp:   {showHelp, takeHelp, goTo(stepHome), false},

		stepWho:      {showWho, takeWho, goTo(stepHome), false},
		stepRelation: {showRelation, takeRelation, backFromRelation, false},
		stepYear:     {showYear, takeYear, backFromYear, true},
		stepSex:      {showSex, takeSex, goTo(stepYear), false},
		stepCommune:  {showCommune, takeCommune, goTo(stepSex), false},
		stepCommunes: {showCommunes, takeCommunes, goTo(stepCommune), false},
		stepPIN:      {showPIN, takePIN, goTo(stepCommune), true},
		stepRegister: {showRegister, takeRegister, goTo(stepCommune), false},

		stepProgram:   {showProgram, takeProgram, backFromProgram, false},
		stepQuestion:  {showQuestion, takeQuestion, backFromQuestion, true},
		stepPlaces:    {showPlaces, takePlaces, goTo(stepQuestion), false},
		stepEmergency: {showEmergency, takeEmergency, goTo(stepQuestion), true}, // pressed twice, 0 would deny the sign
		stepReview:    {showReview, takeReview, backToLastQuestion, true},
		stepEdit:      {showEdit, takeEdit, goTo(stepReview), false},
		stepResult:    {showResult, takeHomeAgain, goTo(stepHome), false},

		stepUpdate:  {showUpdate, takeUpdate, goTo(stepHome), false},
		stepResults: {showResults, takeResults, goTo(stepHome), false},
		stepPeople:  {showPeople, takePeople, goTo(stepHome), false},
		stepPerson:  {showPerson, takePerson, goTo(stepPeople), false},
		stepUnlock:  {showUnlock, takeUnlock, goTo(stepHome), false},

		stepPrivacy:   {showPrivacy, takePrivacy, goTo(stepHome), false},
		stepWithdraw:  {showWithdraw, takeWithdraw, goTo(stepPrivacy), false},
		stepErase:     {showErase, takeErase, goTo(stepPrivacy), false},
		stepEraseCode: {showEraseCode, takeEraseCode, goTo(stepPrivacy), false},
		stepDone:      {showDone, takeHomeAgain, goTo(stepHome), false},
	}
}

// ofForm tells whether the step belongs to a form that is being filled, which a cut session takes up again.
func (s step) ofForm() bool {
	switch s {
	case stepRelation, stepYear, stepSex, stepCommune, stepCommunes, stepPIN, stepRegister,
		stepProgram, stepQuestion, stepPlaces, stepEmergency, stepReview, stepEdit:
		return true
	}
	return false
}

// meets tells whether the step asks who somebody new is.
func (s step) meets() bool {
	switch s {
	case stepYear, stepSex, stepCommune, stepCommunes, stepPIN, stepRegister:
		return true
	}
	return false
}

// people tells whether the step lists the household, which the other channel or the app may change while it is read.
func (s step) people() bool {
	return s == stepWho || s == stepUpdate || s == stepResults || s == stepPeople
}

// removes tells whether an answer at the step takes away what the step is about.
func (s step) removes() bool { return s == stepErase || s == stepEraseCode || s == stepPerson }

// confirms tells whether an answer at the step may change what is kept.
func (s step) confirms() bool {
	switch s {
	case stepReview, stepRegister, stepErase, stepEraseCode, stepPrivacy, stepWithdraw, stepPerson, stepUnlock:
		return true
	}
	return false
}

func goTo(s step) func(*turn) error {
	return func(t *turn) error {
		t.st.Chunk = 0
		t.st.to(s)
		return nil
	}
}

func showHome(t *turn) (view, error) {
	if t.bySMS() { // there "1" may be the answer to a reminder, so words begin everything
		t.st.to(stepHelp)
		return showHelp(t)
	}
	return view{
		text: t.text("home.title", nil),
		items: append(numbered(t.text("home.declare", nil), t.text("home.update", nil), t.text("home.result", nil),
			t.text("home.people", nil), t.text("home.privacy", nil), t.text("home.help", nil)), item{"9", t.text("home.language", nil)}),
	}, nil
}

func takeHome(t *turn, typed string) error {
	if typed == "9" {
		return t.speak(otherLanguage(t.st.Lang))
	}
	switch t.choice(typed, 6) {
	case 1:
		if t.st.Open != "" {
			t.st.to(stepResume)
			return nil
		}
		return t.declare()
	case 2:
		if t.st.Open != "" && t.st.Form == models.FormDaily {
			t.st.to(stepResume)
			return nil
		}
		return t.update("")
	case 3:
		return t.results()
	case 4:
		t.st.Chunk = 0
		t.st.to(stepPeople)
	case 5:
		t.st.to(stepPrivacy)
	case 6:
		t.st.to(stepHelp)
	}
	return nil
}

func showResume(t *turn) (view, error) {
	return view{text: t.text("resume.title", nil), items: numbered(t.text("resume.go_on", nil), t.text("resume.anew", nil))}, nil
}

func takeResume(t *turn, typed string) error {
	switch t.choice(typed, 2) {
	case 1:
		t.st.to(t.st.Open)
	case 2:
		form, program := t.st.Form, t.st.Program
		t.st.drop()
		t.st.to(stepHome)
		if t.bySMS() {
			return t.againBySMS(form, program)
		}
	}
	return nil
}

// showStuck helps whoever was not understood three times, with an exit.
func showStuck(t *turn) (view, error) {
	return view{
		text:  t.text("stuck.title", nil),
		items: append(numbered(t.text("stuck.again", nil), t.text("stuck.start", nil)), item{"0", t.text("stuck.exit", nil)}),
	}, nil
}

func takeStuck(t *turn, typed string) error {
	if typed == "0" {
		t.say("stuck.bye", nil)
		return nil
	}
	switch t.choice(typed, 2) {
	case 1:
		t.st.to(t.st.Stuck)
	case 2:
		t.st.to(stepHome)
	}
	return nil
}

func showHelp(t *turn) (view, error) {
	text := t.text("help.ussd", nil)
	if t.bySMS() {
		text = t.smsHelp()
	}
	return view{text: text, back: t.back()}, nil
}

func takeHelp(t *turn, typed string) error {
	t.choice(typed, 0)
	return nil
}

// say ends the session with a text of ours.
func (t *turn) say(key string, args map[string]any) {
	t.st.to(stepDone)
	t.st.Chosen = t.text(key, args)
}

func showDone(t *turn) (view, error) { return view{text: t.st.Chosen, end: true}, nil }

func takeHomeAgain(t *turn, typed string) error {
	t.st.to(stepHome)
	return nil
}
