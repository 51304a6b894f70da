package dialogue

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"khaibao/internal/areas"
	"khaibao/internal/rules"
	"khaibao/models"
)

// words gives a text of the program: with accents as it was written, or in plain letters.
func (t *turn) words(w rules.Worded) string {
	if t.accents() {
		return w.Brief(t.st.Lang)
	}
	return w.Short(t.st.Lang)
}

// lines puts lines of a screen into words.
func (t *turn) lines(s *screen) []string {
	var labels []string
	for _, line := range s.Lines() {
		labels = append(labels, t.words(line))
	}
	return labels
}

func showQuestion(t *turn) (view, error) {
	s := t.open()
	if s.Group != nil {
		return t.groupView(s), nil
	}
	q := s.Only()
	v := view{text: t.words(q), foot: t.foot(q), back: t.back00()}
	switch q.Type {
	case rules.TypeBoolean:
		v.items = numbered(t.text("yes", nil), t.text("no", nil))
	case rules.TypeChoice:
		lines := t.sevenOf(v.text, t.lines(s))
		v.items, v.chunks = lines.items, lines.chunks
	case rules.TypeChoices:
		for i, o := range t.shownOptions(q) {
			v.items = append(v.items, item{string(rune('1' + i)), t.words(o)})
		}
	default:
		v.entry = true
		v.text += "\n" + t.hint(q)
	}
	return v, nil
}

func (t *turn) groupView(s *screen) view {
	v := view{text: t.words(s.Group), items: numbered(t.lines(s)...)}
	v.foot = t.text("foot.none", nil)
	if s.Unsure() {
		v.foot += " " + t.text("foot.unsure", nil)
	}
	v.back = t.back00()
	return v
}

// skippable tells whether a question may stay without an answer. One that has "not sure" among its options has an answer
// for everybody.
func (s *screen) skippable() bool { return s.Group == nil && !s.Only().Required && !s.Unsure() }

// skipKey is what is typed to leave a question unanswered: a number that is no answer to it.
func skipKey(q *rules.Question) string {
	switch q.Type {
	case rules.TypeInteger, rules.TypeDecimal:
		key := "0"
		for fits(q, key) {
			key = strings.Replace(key, "0", "", 1) + "9"
		}
		return key
	case rules.TypeText, rules.TypeArea:
		return "0"
	}
	return "9"
}

func (t *turn) foot(q *rules.Question) string {
	s := &screen{rules.Screen{Questions: []*rules.Question{q}}}
	var parts []string
	if q.Type == rules.TypeChoices {
		parts = append(parts, t.text("foot.none", nil))
	}
	if s.skippable() {
		parts = append(parts, t.text("foot.skip", map[string]any{"key": skipKey(q)}))
	}
	return strings.Join(parts, " ")
}

// hint says how to type an answer.
func (t *turn) hint(q *rules.Question) string {
	switch q.Type {
	case rules.TypeInteger:
		return t.text("hint.integer", map[string]any{"min": *q.Min, "max": *q.Max})
	case rules.TypeDecimal:
		return t.text("hint.decimal", decimalHint(q))
	case rules.TypeDate:
		return t.text("hint.date", nil)
	case rules.TypeArea:
		return t.text("hint.area", nil)
	}
	return t.text("hint.text", map[string]any{"max": *q.Max})
}

// decimalHint gives an example in the middle, also without a point where that is understood.
func decimalHint(q *rules.Question) map[string]any {
	example := math.Round(5*(*q.Min+*q.Max)) / 10
	args := map[string]any{"min": *q.Min, "max": *q.Max, "example": example}
	if n, ok := readNumber(q, strconv.FormatFloat(10*example, 'f', 0, 64)); ok && n == example {
		args["digits"] = 10 * example
	}
	return args
}

// shownOptions gives the seven options of a choices question that are open.
func (t *turn) shownOptions(q *rules.Question) []*rules.Option {
	from := min(t.st.Chunk*perScreen, len(q.Options)-1)
	var out []*rules.Option
	for i := from; i < min(from+perScreen, len(q.Options)); i++ {
		out = append(out, &q.Options[i])
	}
	return out
}

func takeQuestion(t *turn, typed string) error {
	s := t.open()
	if s.skippable() && areas.Fold(typed) == skipKey(s.Only()) {
		return t.skip(s.Only())
	}
	if s.Many() {
		return t.takeMany(s, typed)
	}
	switch q := s.Only(); q.Type {
	case rules.TypeBoolean:
		return t.takeBoolean(q, typed)
	case rules.TypeChoice:
		return t.takeChoice(q, typed)
	case rules.TypeInteger, rules.TypeDecimal:
		return t.takeNumber(q, typed)
	case rules.TypeDate:
		return t.takeDate(q, typed)
	case rules.TypeArea:
		if t.search(typed) {
			t.st.to(stepPlaces)
		}
		return nil
	default:
		return t.keepAnswer(q, typed)
	}
}

func (t *turn) skip(q *rules.Question) error {
	delete(t.st.Answers, q.ID)
	if !slices.Contains(t.st.Skipped, q.ID) {
		t.st.Skipped = append(t.st.Skipped, q.ID)
	}
	return t.onward()
}

// set notes an answer without going on.
func (t *turn) set(id string, answer any) {
	if t.st.Answers == nil {
		t.st.Answers = models.Answers{}
	}
	t.st.Answers[id] = answer
	t.st.Skipped = slices.DeleteFunc(t.st.Skipped, func(s string) bool { return s == id })
}

// keepAnswer notes an answer when the rules take it and goes on; otherwise it says what is wrong.
func (t *turn) keepAnswer(q *rules.Question, answer any) error {
	if wrong := t.wrong(q.ID, answer); wrong != nil {
		t.note = t.Text(t.st.Lang, "field."+wrong.Code, wrong.Args)
		return nil
	}
	t.set(q.ID, answer)
	return t.warned()
}

// wrong tells what the rules find wrong with one answer by itself.
func (t *turn) wrong(id string, answer any) *models.FieldError {
	program, _ := t.form()
	_, problems := program.Check(t.st.Form, map[string]any{id: answer}, t.Now())
	for _, p := range problems {
		if p.Field == "/answers/"+id && p.Code != "required" && p.Code != "disabled" {
			return &p
		}
	}
	return nil
}

// warned goes on, by way of what to do at once when an emergency sign was just named; for one that comes later, again.
func (t *turn) warned() error {
	_, form := t.form()
	known := t.st.Warned
	t.st.Warned = nil
	for _, q := range form.Questions {
		if q.Emergency && t.st.Answers[q.ID] == true {
			t.st.Warned = append(t.st.Warned, q.ID)
		}
	}
	if slices.ContainsFunc(t.st.Warned, func(id string) bool { return !slices.Contains(known, id) }) {
		if len(t.st.Waiting) == 0 {
			t.st.to(stepEmergency)
			return nil
		}
		t.alarm = t.urgent() // with the rest already said, the reply begins with it, whatever that asks
	}
	return t.onward()
}

// takeMany takes the numbers of a group or of a choices question; what is not named is an explicit no.
func (t *turn) takeMany(s *screen, typed string) error {
	var names [][]string
	if s.Group != nil {
		for _, q := range s.Questions {
			names = append(names, namesOf(q, q.Words))
		}
	} else {
		for _, o := range t.shownOptions(s.Only()) {
			names = append(names, namesOf(o, nil))
		}
	}
	seen := t.seen(len(names))
	got, problem := readPicks(typed, names[:seen], s.Group != nil && s.Unsure())
	if problem != nil {
		if problem.between != [2]int{} {
			return t.unclear("between", map[string]any{"one": t.lineOf(s, problem.between[0]), "other": t.lineOf(s, problem.between[1])})
		}
		return t.unclear(problem.code, problem.args)
	}
	for i, said := range t.st.Part { // of the pages before, unless it is said anew here
		if got[i] == pickNo || areas.Fold(typed) == "9" {
			got[i] = said
		}
	}
	if seen < len(names) { // a no to what nobody has read is none: the next page asks on
		t.st.Part, t.st.Wrong, t.left = got, 0, t.st.Note
		t.st.Page++
		return nil
	}
	t.st.Part = nil
	if s.Group == nil {
		return t.takePicked(s.Only(), got)
	}
	for i, q := range s.Questions {
		answer := got[i]
		if q.Type == rules.TypeBoolean {
			t.set(q.ID, answer == pickYes)
		} else {
			t.set(q.ID, map[pick]string{pickNo: "no", pickYes: "yes", pickUnsure: "not_sure"}[answer])
		}
	}
	return t.warned()
}

// seen is how many of a screen's lines were shown, from the first on.
func (t *turn) seen(lines int) int {
	for i := range lines {
		if !t.ahead && !t.st.Whole && !strings.Contains(t.st.Keys, allLines[i:i+1]) {
			return i
		}
	}
	return lines
}

// lineOf gives a line of the screen as it stands there.
func (t *turn) lineOf(s *screen, i int) string {
	if s.Group != nil {
		return numbered(t.lines(s)...)[i].line()
	}
	return item{string(rune('1' + i)), t.words(t.shownOptions(s.Only())[i])}.line()
}

// takePicked notes the options of one screen of a choices question, and opens the next seven where there are more.
func (t *turn) takePicked(q *rules.Question, got []pick) error {
	for i, o := range t.shownOptions(q) {
		if got[i] == pickYes {
			t.st.Picked = append(t.st.Picked, o.ID)
		}
	}
	if (t.st.Chunk+1)*perScreen < len(q.Options) {
		t.st.Wrong = 0
		t.st.turnTo(t.st.Chunk + 1)
		return nil
	}
	chosen := append([]string{}, t.st.Picked...)
	slices.Sort(chosen)
	t.st.Picked = nil
	return t.keepAnswer(q, chosen)
}

func (t *turn) takeBoolean(q *rules.Question, typed string) error {
	switch folded := strings.Trim(areas.Fold(typed), " .!"); {
	case oneOf(folded, yesWords...):
		typed = "1"
	case oneOf(folded, noWords...):
		typed = "2"
	}
	if n := t.choice(typed, 2); n > 0 {
		return t.keepAnswer(q, n == 1)
	}
	return nil
}

func (t *turn) takeChoice(q *rules.Question, typed string) error {
	ids := make([]string, len(q.Options))
	var meant []string
	folded := strings.Trim(areas.Fold(typed), " .!")
	for i := range q.Options {
		ids[i] = q.Options[i].ID
		if slices.Contains(namesOf(&q.Options[i], nil), folded) || namesYesNo(ids[i], folded) {
			meant = append(meant, ids[i])
		}
	}
	if folded == "9" && slices.Contains(ids, "not_sure") {
		meant = []string{"not_sure"}
	}
	if len(meant) == 1 {
		return t.keepAnswer(q, meant[0])
	}
	if id := t.chosen(typed, ids); id != "" {
		return t.keepAnswer(q, id)
	}
	return nil
}

func namesYesNo(option, folded string) bool {
	return (option == "yes" && oneOf(folded, yesWords...)) || (option == "no" && oneOf(folded, noWords...))
}

func (t *turn) takeNumber(q *rules.Question, typed string) error {
	n, ok := readNumber(q, typed)
	if !ok {
		return t.unclear("bounds", map[string]any{"min": *q.Min, "max": *q.Max})
	}
	return t.keepAnswer(q, n)
}

func (t *turn) takeDate(q *rules.Question, typed string) error {
	day, ok := readDay(typed, t.Now())
	if !ok {
		return t.unclear("date", nil)
	}
	return t.keepAnswer(q, day)
}

func showPlaces(t *turn) (view, error) { return t.showFound(), nil }

func takePlaces(t *turn, typed string) error {
	if strings.IndexFunc(areas.Fold(typed), func(r rune) bool { return r >= 'a' && r <= 'z' }) >= 0 {
		if t.search(typed) {
			t.st.to(stepPlaces)
		}
		return nil
	}
	if code := t.chosen(typed, t.st.Found); code != "" {
		t.st.Chunk = 0
		return t.keepAnswer(t.open().Only(), code)
	}
	return nil
}
