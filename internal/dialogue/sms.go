package dialogue

import (
	"slices"
	"strings"
	"unicode"

	"khaibao/internal/areas"
	"khaibao/internal/gsm"
	"khaibao/internal/rules"
	"khaibao/models"
)

// answerSMS answers one message: a command, an answer to the open question, or the beginning of something.
func (t *turn) answerSMS(stale, gone bool) (models.Reply, error) {
	text := strings.TrimSpace(t.in.Text)
	if !gsm.Carries(text) && gsm.Carries(gsm.Unaccented(text)) {
		t.st.Accents = true // whoever writes with accents is answered with them
	}
	if stale || t.st.Step == "" {
		t.st.to(stepHome)
	}
	at, read := t.st.Step, t.st.reading
	handled, err := t.command(text)
	if err != nil {
		if err := t.refused(err); err != nil {
			return models.Reply{}, err
		}
		handled = true
	}
	switch {
	case handled || gone: // what answers a question that is gone answers nothing
	case t.listens():
		note := t.note
		if err := t.take(text); err != nil {
			return models.Reply{}, err
		}
		if t.note == "" {
			t.note = note
		}
	default:
		if err := t.unasked(text); err != nil {
			return models.Reply{}, err
		}
	}
	if err := t.aside(at, read, handled); err != nil {
		return models.Reply{}, err
	}
	return t.show()
}

// aside says help, a result or what a command did on top of the question that is open, and leaves that open: the next
// message is an answer to it. at is where the message came in, and read what was seen there.
func (t *turn) aside(at step, read reading, command bool) error {
	back := t.st.Open
	if back != "" && (at == stepResume || at == stepStuck) { // what those ask stays asked as well
		back = at
	}
	if back == "" && command && (at == stepWho || at == stepUpdate) && t.st.Form != "" { // asked before a form is open
		back = at
	}
	said := t.st.Step == stepHelp || t.st.Step == stepResult || (t.st.Step == stepDone && command)
	if back == "" || !said {
		return nil
	}
	v, err := t.view()
	if err != nil {
		return err
	}
	t.note = v.text
	t.st.to(back)
	if back == at && !at.confirms() {
		read.Page = 0
		t.st.reading = read
	}
	return nil
}

// unasked takes a message that answers no open question: numbers alone are the health update that is asked for, where there
// is one only, as an answer to its reminder; anything else gets help.
func (t *turn) unasked(text string) error {
	t.st.to(stepHelp)
	numbers := areas.Fold(text)
	if strings.Trim(numbers, "0123456789 .,;?") != "" || !strings.ContainsFunc(numbers, unicode.IsDigit) {
		return nil
	}
	asked, err := t.asked()
	if err != nil || len(asked) != 1 || t.st.Open != "" {
		return err
	}
	words := strings.Fields(numbers)
	if len(words) > 1 && !slices.ContainsFunc(words, func(w string) bool { return !oneLine(w) }) {
		words = []string{numbers} // "1 3" names two lines of the screen that the reminder shows, not two screens
	}
	return t.updateBySMS(words)
}

// oneLine tells whether a word is the number of one line of a screen, perhaps in doubt.
func oneLine(word string) bool {
	word = strings.Trim(word, ".,;?")
	return len(word) == 1 && word[0] >= '1' && word[0] <= '0'+perScreen
}

// listens tells whether a question is open, so that a message is an answer to it.
func (t *turn) listens() bool {
	return !t.rests() || t.st.Page > 0 || t.morePages()
}

// rests tells whether the open step only says something.
func (t *turn) rests() bool {
	return slices.Contains([]step{stepHome, stepHelp, stepDone, stepResult}, t.st.Step)
}

// morePages tells whether the open screen has more to say, and the message asks for it.
func (t *turn) morePages() bool {
	if strings.TrimSpace(t.in.Text) != "8" {
		return false
	}
	v, err := t.view()
	return err == nil && len(t.pages(v, t.st.Note)) > 1
}

// stops tells whether a message wants no SMS any more. "dung" does not: it is "right" as well.
func stops(text string) bool {
	return oneOf(plainWords(text), "stop", "tu choi", "ngung", "dung lai")
}

// plainWords are the words of a message as commands are read.
func plainWords(text string) string { return strings.Trim(areas.Fold(text), " .!,;:") }

// command carries out a message that is a command as a whole, whatever is open.
func (t *turn) command(text string) (bool, error) {
	folded := plainWords(text)
	words := strings.Fields(folded)
	if len(words) == 0 {
		return false, nil
	}
	if stops(text) {
		t.leave()
		return true, t.optOut(true)
	}
	switch folded {
	case "huy", "huy bo", "cancel", "thoi":
		t.st.drop()
		t.say("cancelled", nil)
	case "start", "bat dau", "batdau":
		return true, t.optOut(false)
	case "trogiup", "tro giup", "help", "giup", "hd":
		t.st.to(stepHelp)
	case "en", "english", "vi", "tieng viet", "dau", "co dau", "khong dau":
		return true, t.tongue(folded)
	case "xoa", "erase", "delete":
		return true, t.erase()
	case "kq", "ket qua", "ketqua", "result":
		t.st.Picked = nil // whose result may be a list: one of many options begins again with its first seven
		return true, t.results()
	case "nha", "nguoi nha", "household":
		if t.st.Step == stepWho && folded == "nguoi nha" { // a line of that menu
			return false, nil
		}
		t.st.Chunk = 0
		t.st.to(stepPeople)
	default:
		return t.begins(words)
	}
	return true, nil
}

// tongue changes the language or the way it is written, and shows what is open once more.
func (t *turn) tongue(word string) error {
	switch word {
	case "dau", "co dau":
		t.st.Accents, t.st.Page = true, 0
	case "khong dau":
		t.st.Accents, t.st.Page = false, 0
	case "en", "english":
		if err := t.speak(models.English); err != nil {
			return err
		}
	default:
		if err := t.speak(models.Vietnamese); err != nil {
			return err
		}
	}
	if t.st.Open == "" && t.rests() {
		t.st.to(stepHelp)
	}
	return nil
}

// begins starts a form: "KB", "KB COVID", "COVID 13 1", "KB NHA", "CN SXH 1 38.5". What follows the keyword are answers, one a
// screen, in the order that help tells.
func (t *turn) begins(words []string) (bool, error) {
	switch {
	case words[0] == "kb" || words[0] == "khaibao" || words[0] == "declare":
		words = words[1:]
	case len(words) > 1 && words[0] == "khai" && words[1] == "bao":
		words = words[2:]
	case words[0] == "cn" || words[0] == "capnhat" || words[0] == "update":
		return true, t.updateBySMS(words[1:])
	case len(words) > 1 && words[0] == "cap" && words[1] == "nhat":
		return true, t.updateBySMS(words[2:])
	case t.keyword(words[0]) == nil || t.st.Step == stepProgram:
		return false, nil
	}
	program, again := "", len(words) == 0
	if len(words) > 0 {
		if p := t.keyword(words[0]); p != nil {
			program, words = p.ID(), words[1:]
			again = len(words) == 0 && program == t.st.Program
		}
	}
	t.note = ""
	if again && t.resumes(models.FormDeclaration) {
		return true, nil
	}
	relatives := len(words) > 0 && oneOf(words[0], "nha", "ho", "family")
	if relatives {
		words = words[1:]
	}
	t.leave()
	t.st.Form, t.st.Program, t.st.Waiting = models.FormDeclaration, program, words
	return true, t.declareBySMS(relatives)
}

// resumes asks whether to go on with the form that is open when its keyword comes once more, and there is something to lose.
func (t *turn) resumes(form models.Form) bool {
	if t.st.Open == "" || t.st.Form != form || !t.st.begun() {
		return false
	}
	t.st.to(stepResume)
	return true
}

// againBySMS begins a form that was dropped anew.
func (t *turn) againBySMS(form models.Form, program string) error {
	if form == models.FormDaily {
		return t.updateBySMS(nil)
	}
	t.st.Form, t.st.Program = models.FormDeclaration, program
	return t.declareBySMS(false)
}

func (t *turn) keyword(word string) *rules.Program {
	t.st.Form = cmpForm(t.st.Form)
	return byKeyword(t.active(), word)
}

// cmpForm is the form that is open, or the declaration.
func cmpForm(f models.Form) models.Form {
	if f == "" {
		return models.FormDeclaration
	}
	return f
}

// declareBySMS declares for the owner of the number; for whom is asked at the first use and for relatives.
func (t *turn) declareBySMS(relatives bool) error {
	people := t.people()
	if !relatives && len(people) > 0 && people[0].Relationship == models.Self {
		return t.about(people[0].ID)
	}
	t.foresee()
	return t.declare()
}

// foresee looks for emergency signs in answers that wait until it is known whom they are about: what to do comes first.
func (t *turn) foresee() {
	program, ok := t.Programs.Current(t.st.Program, t.Now())
	if !ok {
		return
	}
	form, ok := program.Form(t.st.Form)
	if !ok {
		return
	}
	for i, s := range oneByOne(form) {
		for n, q := range s.Questions {
			if i < len(t.st.Waiting) && q.Emergency && n < 9 && strings.Contains(t.st.Waiting[i], string(rune('1'+n))) {
				t.alarm = t.urgentOf(program, form.ID)
				return
			}
		}
	}
}

// updateBySMS takes a health update, with its answers when they follow.
func (t *turn) updateBySMS(words []string) error {
	t.note = ""
	program := ""
	if len(words) > 0 {
		if p := byKeyword(t.with(models.FormDaily), words[0]); p != nil {
			program, words = p.ID(), words[1:]
		}
	}
	if len(words) == 0 && (program == "" || program == t.st.Program) && t.resumes(models.FormDaily) {
		return nil
	}
	if err := t.update(program); err != nil || t.st.Step == stepDone {
		return err
	}
	t.st.Waiting = words
	if t.st.Step != stepQuestion {
		t.foresee()
		return nil
	}
	return t.onward()
}

// smsHelp says what to write, with the one-message form of what is open, or of the only program.
func (t *turn) smsHelp() string {
	declared := t.with(models.FormDeclaration)
	var keywords []string
	for _, p := range declared {
		if p.Keyword() != "" {
			keywords = append(keywords, p.Keyword())
		}
	}
	help := t.text("help.sms", map[string]any{"keywords": strings.Join(keywords, ", ")})
	if program, ok := t.Programs.Current(t.st.Program, t.Now()); ok {
		return help + " " + t.oneShot(program, cmpForm(t.st.Form))
	}
	if len(declared) == 1 {
		help += " " + t.oneShot(declared[0], models.FormDeclaration)
	}
	return help
}

// oneShot says how a whole form goes into one message: what each word answers, in order.
func (t *turn) oneShot(p *rules.Program, of models.Form) string {
	form, ok := p.Form(of)
	if !ok {
		return ""
	}
	var asked []string
	sometimes := false
	for _, s := range oneByOne(form) {
		asked = append(asked, t.words(s.Heading()))
		sometimes = sometimes || s.Only().EnableWhen != nil
	}
	begins := map[models.Form]string{models.FormDeclaration: "KB", models.FormDaily: "CN"}[of]
	if p.Keyword() != "" {
		begins += " " + p.Keyword()
	}
	key := "help.one_shot"
	if sometimes {
		key = "help.one_shot_none"
	}
	return t.text(key, map[string]any{"begins": begins, "questions": strings.Join(asked, " | ")})
}
