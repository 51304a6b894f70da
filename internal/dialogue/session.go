package dialogue

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"khaibao/internal/areas"
	"khaibao/internal/rules"
	"khaibao/models"
)

// answer makes one turn: what is new is taken in, and the screen that is open then is shown.
func (t *turn) answer() (models.Reply, error) {
	now := t.Real()
	stale := now.Sub(t.st.Spoke) > t.patience()
	if stale && t.st.Open != "" {
		t.st.drop()
		if t.bySMS() || t.in.Session != t.st.Session {
			t.st.to(stepHome)
		}
		if t.bySMS() {
			t.note = t.text("sms.dropped", nil)
		}
	}
	t.st.Spoke, t.st.Nudged = now, false
	gone := t.settle(true)
	if t.bySMS() {
		return t.answerSMS(stale, gone)
	}
	typed, err := t.typed()
	if err != nil {
		return models.Reply{}, err
	}
	if typed != "" && !gone { // what answers a screen that is gone answers nothing
		if err := t.take(typed); err != nil {
			return models.Reply{}, err
		}
	}
	return t.show()
}

func (t *turn) patience() time.Duration {
	if t.bySMS() {
		return smsResumes
	}
	return ussdResumes
}

// typed gives what was typed at the open screen, and opens a session that is new. One request answers one screen: a * that
// was typed stays in the answer, since nobody has seen a screen behind this one yet.
func (t *turn) typed() (string, error) {
	fresh := t.in.Session != t.st.Session || t.st.redialled(t.in)
	if fresh {
		t.st.enter(t.in.Session)
	}
	before := t.st.Heard
	if !fresh && t.st.strays(t.in) {
		t.stray, t.note = true, t.st.Note
		return "", nil
	}
	if t.in.Accumulated && len(t.in.Text) >= before.Length {
		t.st.Heard = heard{len(t.in.Text), digest(t.in.Text)}
	}
	if fresh {
		t.dial()
		if t.in.Text == "" || !t.in.Accumulated || t.st.Step == stepResume { // what is open is shown before it is answered
			return "", nil
		}
		return "", t.replay(strings.Split(t.in.Text, "*"))
	}
	switch {
	case t.in.Text == "", t.in.Accumulated && len(t.in.Text) <= before.Length: // or late, of a screen that is past: the open one again
		t.note = t.st.Note
		return "", nil
	case !t.in.Accumulated || before.Length == 0:
		return t.in.Text, nil
	case before.covers(t.in.Text):
		return t.in.Text[before.Length+1:], nil
	case t.st.Step.confirms(): // which screen it answers is not known
		t.note = t.st.Note
		return "", nil
	}
	// A gateway that lost some on the way: the latest counts.
	return t.in.Text[strings.LastIndexByte(t.in.Text, '*')+1:], nil
}

// longestDial is how many inputs may be dialled at once.
const longestDial = 12

// replay takes inputs that were dialled all at once, *123*1*2#, or that came before we heard of the session. They lead as
// far as a confirmation and never through it: nobody has read what would be confirmed. Nor do they pass what to do about
// an emergency, which stands where a dial ahead expects the next question.
func (t *turn) replay(inputs []string) error {
	t.ahead = true
	defer func() { t.ahead, t.note = false, "" }()
	for _, typed := range inputs[:min(len(inputs), longestDial)] {
		if t.st.Step.confirms() || t.st.Step == stepEmergency {
			break
		}
		if err := t.take(typed); err != nil {
			return err
		}
	}
	return nil
}

// dial opens a session: with the question where the last one was cut off, or at the start.
func (t *turn) dial() {
	t.st.Unlocked, t.st.Parked, t.st.Stuck = time.Time{}, "", ""
	if t.st.Open != "" {
		t.st.to(stepResume)
		return
	}
	t.st.to(stepHome)
}

// mostWrong is after how many answers in a row that were not understood help is offered.
const mostWrong = 3

// take takes one input at the open screen.
func (t *turn) take(typed string) error {
	if t.settle(true) {
		return nil
	}
	t.note, typed = "", bare(typed)
	at := t.st.Step
	v, err := t.view()
	if err != nil {
		return err
	}
	if at.people() && !t.ahead && t.st.Lines != peopleOf(v) { // the numbers mean others by now
		t.st.unread()
		return t.unclear("changed", nil)
	}
	plain := areas.Fold(typed)
	pages := len(t.pages(v, t.st.Note))
	switch {
	case plain == "000":
		t.st.to(stepHome)
		return nil
	case plain == "8" && (pages > 1 || v.chunks > 1) && (!v.entry || t.st.Page < pages-1):
		t.turnPage(pages, v.chunks)
		return nil
	case plain == "00" || (plain == "0" && !v.entry && t.steps[at].back != nil && !t.steps[at].zero):
		if back := t.steps[at].back; back != nil {
			return back(t)
		}
		t.st.to(stepHome)
		return nil
	}
	if typed = t.keyOf(at, v, strings.TrimSpace(typed)); t.unseen(v, typed) {
		t.unclear("no_number", map[string]any{"number": digits(typed)})
	} else if err := t.steps[at].take(t, typed); err != nil {
		if err := t.refused(err); err != nil {
			return err
		}
	}
	if t.note == "" || t.st.Step != at {
		return nil
	}
	t.st.fromTheTop()
	if t.st.Wrong++; t.st.Wrong >= mostWrong && at != stepStuck {
		t.st.Stuck = at
		t.st.to(stepStuck)
		t.note = ""
	}
	return nil
}

// keyOf gives the number of the one line of a menu that was typed in words: all of it, or one of what it offers ("me" of
// "Cha/me"). Questions read words by themselves.
func (t *turn) keyOf(at step, v view, typed string) string {
	word := strings.Trim(areas.Fold(typed), " .!")
	if at == stepQuestion || word == "" {
		return typed
	}
	var keys []string
	for _, i := range v.items {
		if name := areas.Fold(i.label); name == word || slices.Contains(strings.Split(name, "/"), word) {
			keys = append(keys, i.key)
		}
	}
	if len(keys) != 1 {
		return typed
	}
	return keys[0]
}

// turnPage shows more: the next page, the next seven lines, and after the last ones the first again. A note stays where it
// is as long as its pages are turned, or lines would move past whoever reads.
func (t *turn) turnPage(pages, chunks int) {
	if t.st.Page++; t.st.Page < pages {
		t.note = t.st.Note
		return
	}
	if chunks <= 1 {
		t.st.fromTheTop()
		return
	}
	t.st.turnTo((t.st.Chunk + 1) % chunks)
}

// settle lets go of what went away since it was shown: the person or the household that the open form is about, by another
// channel or an erasure. It tells whether the open screen went with it, so that what was typed there answers nothing. Where an
// answer is taken, a screen stays whose own action makes its subject go: this message may have done it already.
func (t *turn) settle(taking bool) bool {
	at := t.st.Step
	again := t.adopt()
	if _, known := t.steps[at]; !known {
		t.st.drop()
		t.st.to(stepHome)
		return at != ""
	}
	open := cmp.Or(t.st.Open, at)
	lost := open.ofForm() && !t.formStands(open)
	if lost {
		t.left = t.text("gone", nil)
		t.st.drop()
	}
	if (lost && (at.ofForm() || at == stepResume || at == stepStuck)) || !(t.stands(at) || (taking && at.removes())) {
		t.left = t.text("gone", nil)
		t.st.to(stepHome)
	}
	return again || t.st.Step != at
}

// adopt takes the owner of the number for the one that a form meets as somebody new, when another channel was faster to
// register them. What was answered stays; a review is to be read again then, since it is about somebody that it did not name.
// An owner whom this form registered itself, in a turn that got no further or is made side by side with this one, is no news.
func (t *turn) adopt() (again bool) {
	people := t.people()
	if t.st.New == nil || t.st.New.Relationship != models.Self || len(people) == 0 || people[0].Relationship != models.Self ||
		t.st.Open.meets() || people[0].ID == t.st.newID() {
		return false
	}
	t.st.Person, t.st.New, t.st.PIN, t.st.House = people[0].ID, nil, "", t.account.ID
	args := map[string]any{}
	if len(people[0].BirthDate) >= 4 {
		args["year"] = people[0].BirthDate[:4]
	}
	t.left = t.text("met", args)
	if again = t.st.Step == stepReview; again {
		t.st.unread()
	}
	return again
}

// stands tells whether the household still has what a step outside of forms is about.
func (t *turn) stands(s step) bool {
	switch s {
	case stepUpdate, stepResults:
		return len(t.people()) > 0
	case stepPerson:
		return t.chosenPerson() != nil
	case stepUnlock, stepWithdraw, stepErase, stepEraseCode:
		return t.account != nil
	}
	return true
}

// view gives the open screen.
func (t *turn) view() (view, error) { return t.steps[t.st.Step].show(t) }

// show gives the open page, and notes what is read on it.
func (t *turn) show() (models.Reply, error) {
	t.settle(false)
	v, err := t.view()
	if err != nil {
		if err := t.refused(err); err != nil {
			return models.Reply{}, err
		}
		if v, err = t.view(); err != nil {
			return models.Reply{}, err
		}
	}
	if v.lead != "" { // says it already
		t.alarm = ""
	}
	t.st.Note = strings.Trim(t.alarm+"\n"+strings.Trim(t.left+"\n"+t.note, "\n"), "\n")
	pages := t.pages(v, t.st.Note)
	t.st.Page = min(t.st.Page, len(pages)-1)
	last := t.st.Page == len(pages)-1
	for _, key := range strings.Split(pages[t.st.Page].keys, "") {
		if !strings.Contains(t.st.Keys, key) {
			t.st.Keys += key
		}
	}
	t.st.Whole, t.st.Stops = t.st.Whole || last, v.stops
	if t.st.Step.people() {
		t.st.Lines = peopleOf(v)
	}
	return models.Reply{Text: pages[t.st.Page].text, End: v.end && last && !t.bySMS()}, nil
}

// unseen tells whether an answer is the number of a line that no page has shown yet. Who types ahead knows the lines.
func (t *turn) unseen(v view, typed string) bool {
	if t.ahead || t.st.Whole {
		return false
	}
	key := digits(typed)
	return !strings.Contains(t.st.Keys, key) && slices.ContainsFunc(v.items, func(i item) bool { return i.key == key })
}

// peopleOf names the lines of a screen, whichever alphabet they are written in.
func peopleOf(v view) string {
	var names []string
	for _, i := range v.items {
		names = append(names, areas.Fold(i.label))
	}
	return digest(strings.Join(names, "|"))
}

// digits takes off what people put around a number.
func digits(typed string) string { return strings.Trim(areas.Fold(typed), " .,;:#()") }

// unclear asks again and says why.
func (t *turn) unclear(key string, args map[string]any) error {
	t.note = t.text("note."+key, args)
	return nil
}

// choice reads the number of one of n lines; 0 when it is none, and then it is said.
func (t *turn) choice(typed string, n int) int {
	digits := digits(typed)
	if len(digits) == 1 && digits[0] >= '1' && int(digits[0]-'0') <= n {
		return int(digits[0] - '0')
	}
	if digits != "" && strings.Trim(digits, "0123456789") == "" && len(digits) <= 4 {
		t.unclear("no_number", map[string]any{"number": digits})
	} else {
		t.unclear("numbers", nil)
	}
	return 0
}

// chosen reads the number of a line of the open page: lines are numbered from 1 on each page of seven.
func (t *turn) chosen(typed string, all []string) string {
	from := t.st.Chunk * perScreen
	if from >= len(all) {
		from = 0
	}
	shown := all[from:min(from+perScreen, len(all))]
	if n := t.choice(typed, len(shown)); n > 0 {
		return shown[n-1]
	}
	return ""
}

// perScreen is how many lines a screen numbers.
const perScreen = rules.MostLines

// numbered makes lines of a menu.
func numbered(labels ...string) []item {
	items := make([]item, len(labels))
	for i, l := range labels {
		items[i] = item{string(rune('1' + i)), l}
	}
	return items
}

// oneOf tells whether a folded text is one of several words.
func oneOf(folded string, words ...string) bool { return slices.Contains(words, folded) }
