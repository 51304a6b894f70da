package dialogue

import (
	"errors"
	"slices"
	"strings"

	"khaibao/internal/areas"
	"khaibao/internal/intake"
	"khaibao/internal/rules"
	"khaibao/models"
)

// active lists the programs that have the form which is to be filled, today.
func (t *turn) active() []*rules.Program { return t.with(t.st.Form) }

// with lists the programs that have a form, today.
func (t *turn) with(form models.Form) []*rules.Program {
	return slices.DeleteFunc(t.Programs.Active(t.Now()), func(p *rules.Program) bool {
		_, ok := p.Form(form)
		return !ok
	})
}

// toProgram asks which program where there is a choice.
func (t *turn) toProgram() error {
	active := t.active()
	if i := slices.IndexFunc(active, func(p *rules.Program) bool { return p.ID() == t.st.Program }); i >= 0 {
		return t.fill(active[i])
	}
	switch len(active) {
	case 0:
		t.say("no_program", nil)
		return nil
	case 1:
		return t.fill(active[0])
	}
	t.st.Chunk = 0
	t.st.to(stepProgram)
	return nil
}

// fill begins to ask what a program asks; what was answered for another one is left behind.
func (t *turn) fill(p *rules.Program) error {
	if t.st.Program != p.ID() || t.st.Version != p.Version() {
		t.st.forget()
	}
	t.st.Program, t.st.Version, t.st.At, t.st.Slot = p.ID(), p.Version(), 0, 0
	return t.onward()
}

func showProgram(t *turn) (view, error) {
	var labels []string
	for _, p := range t.active() {
		labels = append(labels, label(t.words(p)))
	}
	return t.sevenOf(t.text("program.title", nil), labels), nil
}

func takeProgram(t *turn, typed string) error {
	active := t.active()
	if p := byKeyword(active, typed); p != nil {
		return t.fill(p)
	}
	ids := make([]string, len(active))
	for i, p := range active {
		ids[i] = p.ID()
	}
	if id := t.chosen(typed, ids); id != "" {
		return t.fill(active[slices.Index(ids, id)])
	}
	return nil
}

func byKeyword(programs []*rules.Program, typed string) *rules.Program {
	word := strings.ToUpper(areas.Fold(typed))
	i := slices.IndexFunc(programs, func(p *rules.Program) bool { return p.Keyword() != "" && p.Keyword() == word })
	if i < 0 {
		return nil
	}
	return programs[i]
}

func backFromProgram(t *turn) error {
	switch {
	case t.st.Form == models.FormDaily:
		t.st.drop()
		return goTo(stepHome)(t)
	case t.st.New != nil:
		t.st.to(stepCommune)
		return nil
	}
	t.st.Open = ""
	return goTo(stepWho)(t)
}

// urgent is what to do at once about an emergency sign.
func (t *turn) urgent() string {
	program, form := t.form()
	return t.urgentOf(program, form.ID)
}

func (t *turn) urgentOf(program *rules.Program, form models.Form) string {
	words := program.Explain(form, models.Decision{Level: models.LevelEmergency}, t.st.Lang)
	if t.accents() {
		return words.AdviceBrief
	}
	return words.AdviceShort
}

func showEmergency(t *turn) (view, error) {
	return view{lead: t.urgent(), items: numbered(t.text("emergency.go_on", nil), t.text("emergency.review", nil)), back: t.back00()}, nil
}

func takeEmergency(t *turn, typed string) error {
	switch t.choice(typed, 2) {
	case 1:
		return t.onward()
	case 2:
		t.st.Hurry = true
		return t.onward()
	}
	return nil
}

// summary says what will be declared: what was named, and every answer that stands alone.
func (t *turn) summary() string {
	_, form := t.form()
	answers := t.enabled(form)
	var said []string
	named := false
	for _, s := range t.screens(form) {
		if part := t.summaryOf(s, answers); part != "" {
			said, named = append(said, part), named || s.Group != nil || answers[s.Only().ID] == true
		}
	}
	if !named {
		said = append([]string{t.text("review.nothing", nil)}, said...)
	}
	return strings.Join(said, "; ")
}

func (t *turn) summaryOf(s *screen, answers models.Answers) string {
	if s.Group == nil {
		return t.answerWords(s.Only(), answers[s.Only().ID])
	}
	var yes, unsure []string
	for _, q := range s.Questions {
		switch answers[q.ID] {
		case true, "yes":
			yes = append(yes, rules.LowerFirst(t.words(q)))
		case "not_sure":
			unsure = append(unsure, rules.LowerFirst(t.words(q)))
		}
	}
	out := strings.Join(yes, ", ")
	if len(unsure) > 0 {
		out = strings.TrimPrefix(out+"; "+t.text("review.unsure", map[string]any{"questions": strings.Join(unsure, ", ")}), "; ")
	}
	return out
}

// answerWords says the answer to a question that stands alone: "Temperature (C)? 38.5".
func (t *turn) answerWords(q *rules.Question, answer any) string {
	var words string
	switch a := answer.(type) {
	case nil:
		return ""
	case bool:
		words = t.text(map[bool]string{true: "yes", false: "no"}[a], nil)
	case []string:
		var chosen []string
		for i := range q.Options {
			if slices.Contains(a, q.Options[i].ID) {
				chosen = append(chosen, rules.LowerFirst(t.words(&q.Options[i])))
			}
		}
		if words = strings.Join(chosen, ", "); len(chosen) == 0 {
			words = t.text("review.none", nil)
		}
	case string:
		words = t.stringWords(q, a)
	default:
		words = t.text("review.number", map[string]any{"number": answer})
	}
	return t.words(q) + " " + words
}

func (t *turn) stringWords(q *rules.Question, answer string) string {
	switch q.Type {
	case rules.TypeChoice:
		i := slices.IndexFunc(q.Options, func(o rules.Option) bool { return o.ID == answer })
		return rules.LowerFirst(t.words(&q.Options[i]))
	case rules.TypeArea:
		return t.placeLabel(answer)
	case rules.TypeDate:
		return answer[8:] + "/" + answer[5:7] + "/" + answer[:4]
	}
	return answer
}

// whoLabel names whom the form is about.
func (t *turn) whoLabel() string {
	if t.st.New != nil {
		return t.personLabel(models.Person{Relationship: t.st.New.Relationship, Sex: t.st.New.Sex})
	}
	person, ok := t.account.Person(t.st.Person)
	if !ok {
		return ""
	}
	return t.personLabel(*person)
}

func (t *turn) self() bool {
	if t.st.New != nil {
		return t.st.New.Relationship == models.Self
	}
	person, ok := t.account.Person(t.st.Person)
	return ok && person.Relationship == models.Self
}

func showReview(t *turn) (view, error) {
	args := map[string]any{"answers": t.summary()}
	if !t.self() {
		args["who"] = t.whoLabel()
	}
	v := view{text: t.text("review.title", args)}
	if len(t.st.Warned) > 0 && t.bySMS() { // what to do first, also when the whole form came in one message
		v.lead = t.urgent()
	}
	if t.bySMS() {
		v.foot = t.text("review.sms", nil)
		return v, nil
	}
	v.items = numbered(t.text("review.send", nil), t.text("review.change", nil), t.text("review.cancel", nil))
	return v, nil
}

func takeReview(t *turn, typed string) error {
	switch folded := strings.Trim(areas.Fold(typed), " .!"); {
	case oneOf(folded, "ok", "gui", "send", "dong y", "yes", "co", "oke", "okay"):
		typed = "1"
	case oneOf(folded, "sua", "change", "edit"):
		typed = "2"
	}
	if digits(typed) == "1" && !t.ahead && !t.st.Whole && !strings.Contains(t.st.Keys, "1") {
		return t.unclear("read_on", nil)
	}
	lines := 3 // 0 is none of them: whoever answered 0 to the last questions presses it once more
	if t.bySMS() {
		lines = 2 // there a word cancels
	}
	switch t.choice(typed, lines) {
	case 1:
		return t.send()
	case 2:
		t.st.Chunk = 0
		t.st.to(stepEdit)
	case 3:
		t.st.drop()
		t.say("cancelled", nil)
	}
	return nil
}

func showEdit(t *turn) (view, error) {
	_, form := t.form()
	var labels []string
	for _, s := range t.screens(form) {
		labels = append(labels, t.words(s.Heading()))
	}
	return t.sevenOf(t.text("edit.title", nil), labels), nil
}

func takeEdit(t *turn, typed string) error {
	_, form := t.form()
	screens := t.screens(form)
	ids := make([]string, len(screens))
	for i, s := range screens {
		ids[i] = s.Only().ID
	}
	if id := t.chosen(typed, ids); id != "" {
		t.st.At, t.st.Chunk, t.st.Picked = screens[slices.Index(ids, id)].At, 0, nil
		t.st.to(stepQuestion)
	}
	return nil
}

// send declares. Who is new is kept first; all ids follow from the dialogue, so that doing it again changes nothing.
func (t *turn) send() error {
	person := t.st.Person
	if t.st.New != nil {
		added, err := t.addPerson()
		if err != nil {
			return t.refused(err)
		}
		person = added.ID
	}
	_, form := t.form()
	d, _, err := t.Intake.Submit(t.ctx, t.citizen(), intake.Submission{
		Form: t.st.Form, ID: t.st.formID(), Program: t.st.Program, Version: t.st.Version,
		PersonID: person, Answers: t.enabled(form),
	})
	if err != nil {
		return t.refused(err)
	}
	t.st.drop()
	t.st.Done = &models.DeclarationRef{Form: d.Form, ID: d.ID}
	t.st.to(stepResult)
	return t.readAccount()
}

// addPerson keeps somebody new, in a household that is made for them when the number has none.
func (t *turn) addPerson() (models.Person, error) {
	if t.account == nil {
		if _, err := t.Store.ClaimPhone(t.ctx, t.in.Phone); err != nil {
			return models.Person{}, err
		}
		if err := t.readAccount(); err != nil {
			return models.Person{}, err
		}
	}
	if len(t.people()) == 0 {
		if err := t.settleAccount(); err != nil {
			return models.Person{}, err
		}
	}
	n := t.st.New
	person, _, _, err := t.Intake.AddPerson(t.ctx, t.citizen(), intake.PersonInput{
		ID: t.st.newID(), BirthDate: &n.Year, Sex: &n.Sex, Relationship: &n.Relationship, Commune: &n.Commune,
	})
	return person, err
}

// settleAccount gives a household that nobody lives in yet its language and, if it has none, its PIN.
func (t *turn) settleAccount() error {
	if t.account == nil {
		return models.Down("reading a household that was just made", errors.New("it is not there"))
	}
	if t.st.Lang != t.account.Lang {
		if err := t.keepLang(); err != nil {
			return err
		}
	}
	if t.st.PIN != "" {
		return t.PINs.Choose(t.ctx, t.account.ID, t.st.PIN)
	}
	return nil
}

// refused says why something was not kept: at the question that is wrong, where there is one. Whoever went away meanwhile is
// let go of; only a fault stays an error.
func (t *turn) refused(err error) error {
	var e *models.Error
	if !errors.As(err, &e) || e.Kind == models.Unavailable || e.Kind == models.Internal || e.Kind == models.Changed {
		return err
	}
	if err := t.readAccount(); err != nil {
		return err
	}
	if t.settle(false) {
		return nil
	}
	key := "error." + e.Code + ".detail"
	args := e.Args
	for _, f := range e.Fields {
		key, args = "field."+f.Code, f.Args
		if id, ok := strings.CutPrefix(f.Field, "/answers/"); ok && t.reopen(id) {
			break
		}
	}
	t.note = t.Text(t.st.Lang, key, args)
	if t.st.Step != stepQuestion {
		t.st.drop()
		t.st.to(stepHome)
	}
	return nil
}

// reopen opens the screen of a question.
func (t *turn) reopen(id string) bool {
	_, form := t.form()
	for _, s := range t.screens(form) {
		if slices.ContainsFunc(s.Questions, func(q *rules.Question) bool { return q.ID == id }) {
			t.st.At, t.st.Chunk, t.st.Picked = s.At, 0, nil
			t.st.to(stepQuestion)
			return true
		}
	}
	return false
}

func showResult(t *turn) (view, error) {
	if t.st.Done == nil || t.account == nil {
		return view{text: t.text("result.none", nil), end: true}, nil
	}
	d, err := t.Intake.Declaration(t.ctx, t.citizen(), t.st.Done.Form, t.st.Done.ID)
	if models.NotFound.Is(err) {
		return view{text: t.text("result.none", nil), end: true}, nil
	}
	if err != nil {
		return view{}, err
	}
	return view{text: t.resultText(d), end: true}, nil
}

// resultText says level, why, what to do, and the receipt code; in an emergency what to do comes first.
func (t *turn) resultText(d *models.Declaration) string {
	program, ok := t.Programs.Version(d.Program, d.Version)
	if !ok {
		return t.text("result.none", nil)
	}
	words := program.Explain(d.Form, d.Decision, t.st.Lang)
	args := map[string]any{"level": words.LevelShort, "advice": words.AdviceShort, "receipt": models.Receipt(d.ID)}
	var factors []string
	for _, f := range words.Factors {
		factors = append(factors, f.Short)
	}
	if t.accents() {
		args["level"], args["advice"] = words.LevelBrief, words.AdviceBrief
		for i, f := range words.Factors {
			factors[i] = f.Brief
		}
	}
	if len(factors) > 0 {
		args["factors"] = strings.Join(factors, ", ")
	}
	if d.Decision.Level == models.LevelEmergency {
		return t.text("result.urgent", args)
	}
	return t.text("result.text", args)
}
