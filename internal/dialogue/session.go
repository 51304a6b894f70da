package dialogue

import (
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
		if t.bySMS() {
			t.note = t.text("sms.dropped", nil)
		}
	}
	t.st.Spoke, t.st.Nudged = now, false
	if t.bySMS() {
		return t.answerSMS(stale)
	}
	inputs, err := t.inputs()
	if err != nil {
		return models.Reply{}, err
	}
	for _, typed := range inputs {
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

// inputs lists what was typed since the last turn, and opens a session that is new.
func (t *turn) inputs() ([]string, error) {
	fresh := t.in.Session != t.st.Session
	if fresh {
		t.st.enter(t.in.Session)
	}
	before := t.st.Heard
	if t.in.Accumulated && len(t.in.Text) >= before.Length {
		t.st.Heard = heard{len(t.in.Text), digest(t.in.Text)}
	}
	if fresh {
		t.dial()
		if t.in.Text == "" || !t.in.Accumulated || t.st.Step == stepResume { // what is open is shown before it is answered
			return nil, nil
		}
		return t.replayed(strings.Split(t.in.Text, "*"))
	}
	switch {
	case t.in.Text == "", t.in.Accumulated && len(t.in.Text) <= before.Length: // or late, of a screen that is past: the open one again
		t.note = t.st.Note
		return nil, nil
	case !t.in.Accumulated:
		return []string{t.in.Text}, nil
	case before.covers(t.in.Text):
		return strings.Split(t.in.Text[before.Length+1:], "*"), nil
	}
	// The first input of the session, or a gateway that lost some on the way: the latest counts.
	parts := strings.Split(t.in.Text, "*")
	return parts[len(parts)-1:], nil
}

// longestDial is how many inputs may be dialled at once.
const longestDial = 12

// replayed takes inputs that were dialled all at once, *123*1*2#, or that came before we heard of the session. They lead as
// far as a confirmation and never through it: nobody has read what would be confirmed.
func (t *turn) replayed(inputs []string) ([]string, error) {
	for _, typed := range inputs[:min(len(inputs), longestDial)] {
		if t.st.Step.confirms() {
			break
		}
		if err := t.take(typed); err != nil {
			return nil, err
		}
	}
	t.note = ""
	return nil, nil
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
	t.note, typed = "", bare(typed)
	at := t.st.Step
	v, err := t.view()
	if err != nil {
		return err
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
	if err := t.steps[at].take(t, t.keyOf(at, v, strings.TrimSpace(typed))); err != nil {
		return err
	}
	if t.note == "" || t.st.Step != at {
		return nil
	}
	t.st.Page = 0
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
	t.st.Page = 0
	if t.st.Chunk++; t.st.Chunk >= chunks {
		t.st.Chunk = 0
	}
}

// view gives the open screen. A step that is not known any more, or whose form is gone, becomes the start.
func (t *turn) view() (view, error) {
	handling, ok := t.steps[t.st.Step]
	if !ok || (t.st.Step.ofForm() && !t.formStands()) {
		t.st.drop()
		t.st.to(stepHome)
		handling = t.steps[stepHome]
	}
	return handling.show(t)
}

// show gives the open page.
func (t *turn) show() (models.Reply, error) {
	v, err := t.view()
	if err != nil {
		return models.Reply{}, err
	}
	t.st.Note = strings.Trim(t.left+"\n"+t.note, "\n")
	pages := t.pages(v, t.st.Note)
	t.st.Page = min(t.st.Page, len(pages)-1)
	end := v.end && t.st.Page == len(pages)-1
	return models.Reply{Text: pages[t.st.Page], End: end && !t.bySMS()}, nil
}

// unclear asks again and says why.
func (t *turn) unclear(key string, args map[string]any) error {
	t.note = t.text("note."+key, args)
	return nil
}

// choice reads the number of one of n lines; 0 when it is none, and then it is said.
func (t *turn) choice(typed string, n int) int {
	digits := strings.Trim(areas.Fold(typed), " .,;:#()")
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
