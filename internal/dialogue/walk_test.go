package dialogue_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"khaibao/internal/dialogue"
	"khaibao/internal/rules"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// manner is a way in which the dialogue is spoken: a channel, a language and an alphabet.
type manner struct {
	name    string
	channel models.Channel
	lang    models.Lang
	ucs2    bool
	opening []string // what is typed first to be answered so
}

var manners = []manner{
	{"USSD, plain Vietnamese", models.ChannelUSSD, models.Vietnamese, false, nil},
	{"USSD, Vietnamese", models.ChannelUSSD, models.Vietnamese, true, nil},
	{"USSD, English", models.ChannelUSSD, models.English, false, []string{"9"}},
	{"USSD, English on a screen of UCS-2", models.ChannelUSSD, models.English, true, []string{"8", "9"}},
	{"SMS, plain Vietnamese", models.ChannelSMS, models.Vietnamese, false, nil},
	{"SMS, Vietnamese", models.ChannelSMS, models.Vietnamese, true, []string{"DAU"}},
	{"SMS, English", models.ChannelSMS, models.English, false, []string{"EN"}},
}

// TestEveryScreenFits walks the dialogue as a graph: every step, question, option and page of every program (those of the
// tests too), for a number that nobody knows, a small household and one that is nearly full, with the longest names. Each place is
// visited once and everything that can be typed there is typed, in a household that was erased by the app meanwhile as well. Each
// reply is held against its limit, each number that a screen offers must be taken and none that it has not shown yet, and at the end nothing of the dialogue and of the programs may have stayed unseen.
func TestEveryScreenFits(t *testing.T) {
	t.Parallel()
	s, err := loadShared()
	must(t, err)
	for _, m := range manners {
		if testing.Short() && m.name != manners[0].name {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			w := &walker{
				rig: newRigWith(t, storetest.Memory(t), s.wider), manner: m, visited: map[string]bool{}, steps: map[string]bool{},
				asked: map[string]bool{}, picked: map[string]bool{}, replies: map[string]bool{},
			}
			w.dialogues, w.tried = remember(w.rig), map[string]bool{}
			w.walk()
			if t.Failed() {
				return // and of course not everything was seen
			}
			w.missed()
			t.Logf("%d places, %d messages, %d different replies", len(w.visited), w.sent, len(w.replies))
		})
	}
}

// walker walks the dialogue in one manner.
type walker struct {
	*rig
	manner
	dialogues *memory
	queue     []*place
	visited   map[string]bool // keys of places
	replies   map[string]bool // their texts
	steps     map[string]bool // that were seen
	asked     map[string]bool // program|form|question
	picked    map[string]bool // program|form|question|option
	tried     map[string]bool // what need not be tried at every place
	sent      int
	numbers   int
	once      sync.Once
	commune   string
}

// place is where a dialogue stands, as it was left by a number. It can be taken up again any number of times.
type place struct {
	*phone
	dialogue.Stand
	state  []byte
	screen string
	path   []string // what was typed until here; for people
}

func (p *place) String() string { return fmt.Sprintf("%q, typed %q", p.screen, p.path) }

// large is a household with room for one more. Only its lists are walked: forms are the same as in a small one.
const large = models.HouseholdLimit - 1

// mostPlaces is where a walk gives up: the graph has grown in a way that its keys don't see.
const mostPlaces = 8_000

func (w *walker) walk() {
	for _, household := range []int{0, 3, large} {
		p := w.newPhone()
		w.fill(p, household)
		at := w.dial(&place{phone: p})
		for _, text := range w.opening {
			at = w.enter(at, text)
		}
		w.add(at)
	}
	for len(w.queue) > 0 && !w.Failed() {
		at := w.queue[0]
		w.queue = w.queue[1:]
		w.leave(at)
	}
}

// add notes a place that was not visited yet.
func (w *walker) add(at *place) {
	switch {
	case at == nil || at.Lang != w.lang: // of the other language there is a walk of its own
		return
	case at.OfForm && !at.Register && w.size(at.phone) >= large:
		return
	}
	key := w.key(at)
	if w.visited[key] {
		return
	}
	if len(w.visited) == mostPlaces {
		w.Fatalf("more than %d places; the newest is %s", mostPlaces, key)
	}
	w.visited[key] = true
	w.queue = append(w.queue, at)
}

// leave types everything that can be typed at a place.
func (w *walker) leave(from *place) {
	if from.ended {
		w.add(w.dial(from))
		return
	}
	offered := w.offered(from)
	complained := false
	for _, typed := range slices.Compact(append(w.typed(from), offered...)) {
		at := w.enter(w.beside(from, typed), typed)
		w.add(at)
		if at.Wrong <= from.Wrong || at.Step != from.Step {
			continue
		}
		if slices.Contains(offered, typed) {
			w.Errorf("%q is offered and not taken: %q at %v", typed, at.screen, from)
		}
		if !complained {
			complained = true
			w.complaint(from, at, typed)
		}
	}
	w.unseen(from)
	w.gone(from)
	if w.first(from.Step, from.Program) {
		w.add(w.dial(from)) // cut off
	}
}

// first tells whether something is tried for the first time.
func (w *walker) first(what ...any) bool {
	known := w.tried[fmt.Sprint(what...)]
	w.tried[fmt.Sprint(what...)] = true
	return !known
}

// complaint looks at a screen that says why an answer was not taken: all that stands on the screen can still be read, and
// at the third time help is offered.
func (w *walker) complaint(from, at *place, typed string) {
	if from.Page == 0 {
		want, got := w.lines(from), w.lines(at)
		for _, line := range want {
			if !slices.Contains(got, line) {
				w.Errorf("%q is not to be read any more once %q was not taken: %q instead of %q", line, typed, got, want)
			}
		}
	}
	if from.Step == "stuck" || w.visited["stuck "+from.Step] {
		return
	}
	for range 2 {
		at = w.enter(at, typed)
	}
	if at.Step != "stuck" {
		w.Errorf("after %q three times: %v", typed, at)
	}
	w.add(at)
}

// lines reads the numbered lines of a screen, from the page that is open to the last.
func (w *walker) lines(at *place) []string {
	var lines []string
	first := at
	for range 20 {
		for _, line := range strings.Split(at.screen, "\n") {
			if item.MatchString(line) {
				lines = append(lines, line)
			}
		}
		if !slices.Contains(w.offered(at), "8") {
			break
		}
		if at = w.enter(at, "8"); at.Chunk != first.Chunk || at.Page <= first.Page {
			break
		}
		first = at
	}
	return lines
}

// enter types something at a place and gives where that leads.
func (w *walker) enter(from *place, typed string) *place {
	w.dialogues.set(w.channel, from.number, from.state)
	return w.arrive(from, typed, w.say(from.phone, typed))
}

func (w *walker) dial(from *place) *place {
	w.dialogues.set(w.channel, from.number, from.state)
	from.session = fmt.Sprint("session-", w.seq.Add(1))
	typed := ""
	if w.channel == models.ChannelSMS {
		if typed = "TROGIUP"; from.state != nil {
			return nil // a message is never cut off
		}
	}
	return w.arrive(from, typed, w.say(from.phone, typed))
}

func (w *walker) say(p *phone, typed string) models.Reply {
	w.sent++
	reply := p.hand(models.Inbound{Channel: w.channel, Phone: p.number, Session: p.session, ID: fmt.Sprint("message-", w.seq.Add(1)), Text: typed, UCS2: w.ucs2})
	w.replies[reply.Text] = true
	if w.channel == models.ChannelSMS {
		p.fitsSMS(reply.Text)
	} else {
		p.fitsScreen(reply.Text)
	}
	return reply
}

// arrive gives the place that a reply leads to; a number of its own speaks there.
func (w *walker) arrive(from *place, typed string, reply models.Reply) *place {
	p := *from.phone
	p.ended = reply.End
	state := w.dialogues.get(w.channel, p.number)
	at := &place{phone: &p, Stand: dialogue.Where(state), state: state, screen: reply.Text, path: append(slices.Clone(from.path), typed)}
	w.see(at)
	return at
}

// beside gives the same place for another number with a copy of the household, where what is typed may change what is kept.
func (w *walker) beside(from *place, typed string) *place {
	if !from.Confirms && !slices.Contains(commands, typed) {
		return from
	}
	return w.copied(from)
}

// copied gives the same place for another number with a copy of the household.
func (w *walker) copied(from *place) *place {
	at := *from
	at.phone = w.newPhone()
	at.session, at.ended = from.session, from.ended
	w.copyHousehold(from.phone, at.phone)
	if account := at.account(); account != nil {
		at.state = dialogue.Rehoused(from.state, account.ID)
	}
	return &at
}

// unseen types the number of a line that is on a page further on: it is asked again.
func (w *walker) unseen(from *place) {
	if from.Whole || !w.first("unseen", from.Step, from.Page, from.Program, from.Form) {
		return
	}
	for _, line := range w.lines(from) {
		key := line[:1]
		if strings.Contains(from.Keys, key) || strings.Contains("089", key) {
			continue
		}
		if at := w.enter(w.beside(from, key), key); at.Step != "stuck" && (at.Step != from.Step || at.Wrong <= from.Wrong) {
			w.Errorf("%q was not shown and is taken: %q at %v", key, at.screen, from)
		}
	}
}

// gone erases the household by the app: what is typed then answers nothing of it, and a form is dropped.
func (w *walker) gone(from *place) {
	if w.size(from.phone) == 0 || !w.first("gone", from.Step, from.Program, from.Form) {
		return
	}
	at := w.copied(from)
	citizen := models.Citizen{Account: at.account().ID, Channel: models.ChannelApp}
	_, err := w.privacy.Erase(w.Context(), citizen)
	must(w, err)
	if at = w.enter(at, "1"); from.OfForm && at.Step != "home" && at.Step != "help" {
		w.Errorf("after the erasure of the household: %v", at)
	}
}

// key names a place by what decides which screen is shown and what can be typed at it. Whose form it is changes no question:
// it is told apart where everything is answered at length, so that the longest summary of each is seen.
func (w *walker) key(at *place) string {
	screen := fmt.Sprint(at.Step, " ", at.Page, " ", at.Chunk)
	form := w.form(at)
	switch {
	case at.Step == "stuck":
		return "stuck " + at.Stuck
	case at.Step == "done":
		return screen + at.screen
	case at.Step == "result":
		return screen + w.level(at)
	case at.Step == "person" || at.Step == "unlock":
		return fmt.Sprint(screen, " ", at.Parked, w.kind(at, at.Chosen))
	case !at.OfForm:
		return fmt.Sprint(screen, " ", w.size(at.phone), at.ended)
	case at.Step == "places" && at.Chunk > 0: // whatever was answered, the lines are the same
		return fmt.Sprint(screen, " ", at.Form, at.Program, w.found(at))
	case form == nil || at.Answers == nil:
		return fmt.Sprint(screen, " ", at.Form, at.Program, at.At, at.Register, at.Relationship, w.found(at))
	}
	who := ""
	full := w.full(form, at)
	if full {
		who = w.kind(at, at.Person)
	}
	return fmt.Sprint(screen, " ", w.question(at), full, at.Hurry, who, w.found(at))
}

// question names where in which path through a form a place is.
func (w *walker) question(at *place) string {
	of := fmt.Sprint(at.Program, " ", at.Form, " ", w.applies(w.form(at), at.Answers))
	if at.Step == "question" || at.Step == "places" {
		of += fmt.Sprint(" ", at.At, " ", at.Chunk)
	}
	return of
}

func (w *walker) found(at *place) string {
	if at.Step == "communes" || at.Step == "places" {
		return fmt.Sprint(at.Found)
	}
	return ""
}

func (w *walker) size(p *phone) int {
	if account := p.account(); account != nil {
		return len(account.People)
	}
	return 0
}

// kind tells whose form it is as far as screens differ by that.
func (w *walker) kind(at *place, person string) string {
	if person == "" {
		return "new"
	}
	if account := at.account(); account != nil {
		if p, ok := account.Person(person); ok {
			return fmt.Sprint(p.Relationship == models.Self, p.Name != "")
		}
	}
	return ""
}

// level is what tells results apart: the texts follow from the program, the level and how many reasons there are.
func (w *walker) level(at *place) string {
	for _, d := range at.declared() {
		if d.ID == at.Done {
			return fmt.Sprint(d.Program, d.Form, d.Decision.Level, len(d.Decision.Factors))
		}
	}
	return ""
}

func (w *walker) form(at *place) *rules.Form {
	program, ok := w.catalog.Current(at.Program, start)
	if !ok {
		return nil
	}
	form, _ := program.Form(at.Form)
	return form
}

// applies lists the questions that hang on others and are put by now: a path through the form is one such list.
func (w *walker) applies(form *rules.Form, answers models.Answers) []string {
	var ids []string
	for i := range form.Questions {
		if q := &form.Questions[i]; q.EnableWhen != nil && form.Enabled(q.ID, answers) {
			ids = append(ids, q.ID)
		}
	}
	return ids
}

// full tells whether everything that was answered was answered at length: only so a summary is as long as it can be.
func (w *walker) full(form *rules.Form, at *place) bool {
	if at.Picked < at.Chunk*rules.MostLines {
		return false
	}
	for id, answer := range at.Answers {
		q, _ := form.Question(id)
		switch a := answer.(type) {
		case bool:
			if !a && q.Group != "" {
				return false
			}
		case string:
			if a == "no" && q.Group != "" {
				return false
			}
		case []string:
			if len(a) < len(q.Options) {
				return false
			}
		}
	}
	return true
}

// see notes what a place shows of the dialogue and of the programs.
func (w *walker) see(at *place) {
	w.steps[at.Step] = true
	form := w.form(at)
	if form == nil {
		return
	}
	of := at.Program + "|" + string(at.Form) + "|"
	if at.Step == "question" {
		w.asked[of+form.Questions[at.At].ID] = true
	}
	for id, answer := range at.Answers {
		w.asked[of+id] = true
		switch a := answer.(type) {
		case []string:
			for _, option := range a {
				w.picked[of+id+"|"+option] = true
			}
		default:
			w.picked[of+id+"|"+fmt.Sprint(a)] = true
		}
	}
}

// missed wants to have seen every step, and every question and option of every program that the channel asks.
func (w *walker) missed() {
	want, wantPicked := map[string]bool{}, map[string]bool{}
	for _, p := range w.catalog.Active(start) {
		for _, id := range []models.Form{models.FormDeclaration, models.FormDaily} {
			form, ok := p.Form(id)
			if !ok {
				continue
			}
			for i := range form.Questions {
				q := &form.Questions[i]
				if q.Type == rules.TypeText && !q.Required && w.channel == models.ChannelUSSD {
					continue
				}
				name := p.ID() + "|" + string(id) + "|" + q.ID
				want[name] = true
				for _, o := range q.Options {
					wantPicked[name+"|"+o.ID] = true
				}
				if q.Type == rules.TypeBoolean {
					wantPicked[name+"|true"], wantPicked[name+"|false"] = true, true
				}
			}
		}
	}
	steps := map[string]bool{}
	for _, step := range dialogue.Steps() {
		steps[step] = true
	}
	for step := range elsewhere(w.channel) {
		delete(steps, step)
	}
	for what, sets := range map[string][2]map[string]bool{"step": {steps, w.steps}, "question": {want, w.asked}, "answer": {wantPicked, w.picked}} {
		for _, name := range slices.Sorted(maps.Keys(sets[0])) {
			if !sets[1][name] {
				w.Errorf("the %s %s was never seen", what, name)
			}
		}
	}
}

// elsewhere lists the steps that the other channel has.
func elsewhere(channel models.Channel) map[string]bool {
	if channel == models.ChannelSMS {
		return map[string]bool{"home": true, "pin": true, "erase": true, "privacy": true}
	}
	return map[string]bool{"erase_code": true}
}
