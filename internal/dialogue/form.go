package dialogue

import (
	"slices"

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

// formStands tells whether what the open step needs is still there: the person, and the program's version.
func (t *turn) formStands() bool {
	switch t.st.Step {
	case stepRelation:
		return t.st.Conv != ""
	case stepYear, stepSex, stepCommune, stepCommunes, stepPIN, stepRegister:
		return t.st.New != nil
	}
	if t.st.New == nil {
		if t.account == nil {
			return false
		}
		if _, ok := t.account.Person(t.st.Person); !ok {
			return false
		}
	}
	if t.st.Step == stepProgram {
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

// onward opens the next screen that is not answered, and the review after the last. Answers that came ahead are taken on
// the way.
func (t *turn) onward() error {
	program, form := t.form()
	if form == nil {
		t.st.drop()
		t.st.to(stepHome)
		return nil
	}
	for _, s := range t.screens(form) {
		hurried := t.st.Hurry && !slices.ContainsFunc(s.Questions, func(q *rules.Question) bool { return q.Required })
		if t.answered(s) || hurried {
			continue
		}
		t.st.At, t.st.Chunk, t.st.Picked = s.At, 0, nil
		t.st.to(stepQuestion)
		return t.takeWaiting(s)
	}
	if len(t.st.Waiting) > 0 { // one more than questions: which of them is the wrong one?
		t.st.Answers, t.st.Skipped, t.st.Warned, t.st.Waiting = nil, nil, nil, nil
		t.note = t.text("note.too_many", nil) + " " + t.oneShot(program, form.ID)
		return t.onward()
	}
	t.st.to(stepReview)
	return nil
}

// takeWaiting answers a screen with what came ahead in the same SMS.
func (t *turn) takeWaiting(s *screen) error {
	if len(t.st.Waiting) == 0 || !s.takesToken() {
		t.st.Waiting = nil
		return nil
	}
	typed := bare(t.st.Waiting[0])
	t.st.Waiting = t.st.Waiting[1:]
	if err := takeQuestion(t, typed); err != nil {
		return err
	}
	if t.note != "" { // what follows would be taken for answers to the wrong questions
		t.st.Waiting = nil
	}
	return nil
}

// takesToken tells whether one word can answer the screen.
func (s *screen) takesToken() bool {
	q := s.Only()
	return s.Group != nil || (q.Type != rules.TypeText && q.Type != rules.TypeArea && len(q.Options) <= perScreen)
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
	if t.st.Chunk > 0 { // of many options: begin again with the first seven
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
