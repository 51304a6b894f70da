package dialogue

import (
	"slices"

	"khaibao/internal/areas"
	"khaibao/internal/rules"
	"khaibao/models"
)

// screen is what a form asks at once.
type screen struct{ rules.Screen }

// form gives the program and the form that are being filled.
func (t *turn) form() (*rules.Program, *rules.Form) {
	program, ok := t.Programs.Version(t.st.Program, t.st.Version)
	if !ok {
		return nil, nil
	}
	form, ok := program.Form(t.st.Form)
	if !ok {
		return nil, nil
	}
	return program, form
}

// formStands tells whether what a step of the open form needs is still there: the household, the person, and the program's version.
func (t *turn) formStands(at step) bool {
	if t.st.House != "" && (t.account == nil || t.account.ID != t.st.House) {
		return false
	}
	if at == stepRelation {
		return t.st.Conv != ""
	}
	if at.meets() {
		people := t.people() // of whom one is the owner already
		return t.st.New != nil && (t.st.New.Relationship != models.Self || len(people) == 0 || people[0].Relationship != models.Self || people[0].ID == t.st.newID())
	}
	if t.st.New == nil {
		if t.account == nil {
			return false
		}
		if _, ok := t.account.Person(t.st.Person); !ok {
			return false
		}
	}
	if at == stepProgram {
		return true
	}
	_, form := t.form()
	return form != nil
}

// asks tells whether a question is put at all: those that apply, but not what is typed at length where a keypad would have
// to and nobody requires it.
func (t *turn) asks(form *rules.Form, q *rules.Question, answers models.Answers) bool {
	if q.Type == rules.TypeText && !q.Required && !t.bySMS() {
		return false
	}
	return form.Enabled(q.ID, answers)
}

// screenFrom gives the first screen at or behind a position; false when none follows.
func (t *turn) screenFrom(form *rules.Form, at int) (*screen, bool) {
	answers := t.enabled(form)
	s, ok := form.Screen(at, func(q *rules.Question) bool { return t.asks(form, q, answers) })
	return &screen{s}, ok
}

// screens lists every screen that applies by now.
func (t *turn) screens(form *rules.Form) []*screen {
	var all []*screen
	for at := 0; ; {
		s, ok := t.screenFrom(form, at)
		if !ok {
			return all
		}
		all, at = append(all, s), s.Next
	}
}

// enabled gives the answers that count: those of questions that apply. What was answered before a change of another answer
// stays with the dialogue, in case it applies again.
func (t *turn) enabled(form *rules.Form) models.Answers {
	answers := models.Answers{}
	for i := range form.Questions {
		q := &form.Questions[i]
		if answer, ok := t.st.Answers[q.ID]; ok && form.Enabled(q.ID, answers) {
			answers[q.ID] = answer
		}
	}
	return answers
}

// answered tells whether every question of a screen has an answer, or is to stay without one.
func (t *turn) answered(s *screen) bool {
	return !slices.ContainsFunc(s.Questions, func(q *rules.Question) bool {
		_, ok := t.st.Answers[q.ID]
		return !ok && !slices.Contains(t.st.Skipped, q.ID)
	})
}

// open gives the screen that is asked now.
func (t *turn) open() *screen {
	_, form := t.form()
	if s, ok := t.screenFrom(form, t.st.At); ok {
		return s
	}
	s, _ := t.screenFrom(form, 0) // an answer changed what applies
	return s
}

// onward opens the next screen that is not answered, and the review after the last. Answers that came ahead are taken
// first.
func (t *turn) onward() error {
	_, form := t.form()
	if form == nil {
		t.st.drop()
		t.st.to(stepHome)
		return nil
	}
	if len(t.st.Waiting) > 0 {
		return t.takeWaiting()
	}
	for _, s := range t.screens(form) {
		hurried := t.st.Hurry && !slices.ContainsFunc(s.Questions, func(q *rules.Question) bool { return q.Required })
		if t.answered(s) || hurried {
			continue
		}
		t.st.At, t.st.Chunk, t.st.Picked = s.At, 0, nil
		t.st.to(stepQuestion)
		return nil
	}
	t.st.to(stepReview)
	return nil
}

// oneByOne lists the screens that one word each answers when a whole form comes in one SMS: in the order of the form, whether
// or not they come to be asked. It is the order that help tells.
func oneByOne(form *rules.Form) []*screen {
	var all []*screen
	for at := 0; ; {
		s, ok := form.Screen(at, func(*rules.Question) bool { return true })
		if !ok {
			return all
		}
		if one := (&screen{s}); one.takesToken() {
			all = append(all, one)
		}
		at = s.Next
	}
}

// takeWaiting answers the next screen of an SMS that holds several answers. For one that the answers before leave out, only
// "none" is right: anything else belongs to another screen, and then nothing is taken.
func (t *turn) takeWaiting() error {
	_, form := t.form()
	all := oneByOne(form)
	if t.st.Slot == len(all) { // one more than screens: which of them is the wrong one?
		return t.misplaced("too_many", nil)
	}
	place, typed := all[t.st.Slot], bare(t.st.Waiting[0])
	t.st.Slot, t.st.Waiting = t.st.Slot+1, t.st.Waiting[1:]
	s, ok := t.screenFrom(form, place.At)
	if !ok || s.At >= place.Next {
		if !place.leftOut(typed) {
			return t.misplaced("not_asked", map[string]any{"question": t.words(place.Heading())})
		}
		return t.onward()
	}
	t.st.At, t.st.Chunk, t.st.Picked = s.At, 0, nil
	t.st.to(stepQuestion)
	t.ahead = true
	defer func() { t.ahead = false }()
	if err := takeQuestion(t, typed); err != nil {
		return err
	}
	if t.note != "" { // what follows would be taken for answers to the wrong questions
		t.st.Waiting = nil
	}
	return nil
}

// misplaced takes nothing of an SMS whose answers do not fit the form, says what belongs there and asks the first screen.
func (t *turn) misplaced(why string, args map[string]any) error {
	program, form := t.form()
	t.st.forget()
	t.st.Waiting, t.st.Slot = nil, 0
	t.note = t.text("note."+why, args) + " " + t.oneShot(program, form.ID)
	return t.onward()
}

// takesToken tells whether one word can answer the screen.
func (s *screen) takesToken() bool {
	q := s.Only()
	return s.Group != nil || (q.Type != rules.TypeText && q.Type != rules.TypeArea && len(q.Options) <= perScreen)
}

// leftOut tells whether a word says nothing where nothing is asked.
func (s *screen) leftOut(typed string) bool {
	folded := areas.Fold(typed)
	return folded == "0" || oneOf(folded, noWords...) || (s.skippable() && folded == skipKey(s.Only()))
}

// lastBefore gives the position of the last screen before one; -1 when it is the first.
func (t *turn) lastBefore(form *rules.Form, at int) int {
	last := -1
	for _, s := range t.screens(form) {
		if s.At >= at {
			break
		}
		last = s.At
	}
	return last
}

func backFromQuestion(t *turn) error {
	_, form := t.form()
	if t.st.Chunk > 0 || len(t.st.Part) > 0 { // of many lines: begin again with the first
		t.st.Chunk, t.st.Picked = 0, nil
		t.st.to(stepQuestion)
		return nil
	}
	at := t.lastBefore(form, t.open().At)
	if at < 0 {
		if len(t.active()) > 1 && t.st.Form == models.FormDeclaration {
			t.st.to(stepProgram)
			return nil
		}
		return backFromProgram(t)
	}
	t.st.At = at
	t.st.to(stepQuestion)
	return nil
}

func backToLastQuestion(t *turn) error {
	_, form := t.form()
	t.st.At, t.st.Chunk, t.st.Picked, t.st.Hurry = max(t.lastBefore(form, len(form.Questions)), 0), 0, nil, false
	t.st.to(stepQuestion)
	return nil
}
