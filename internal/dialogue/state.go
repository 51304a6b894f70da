package dialogue

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	json "github.com/go-json-experiment/json/v1" // means the same as encoding/json and reads twice as fast

	"khaibao/models"
)

// state is where a dialogue stands. It is sealed in the store.
type state struct {
	Phone   string    `json:"phone,omitempty"`   // whom to speak to by ourselves
	Session string    `json:"session,omitempty"` // of USSD, that is open
	Ended   bool      `json:"ended,omitempty"`   // it was told that it is over
	Past    []string  `json:"past,omitempty"`    // digests of the sessions before it, the newest last
	Heard   heard     `json:"heard,omitzero"`
	Spoke   time.Time `json:"spoke,omitzero"`  // real time of the last turn
	Said    []said    `json:"said,omitempty"`  // the newest last
	Known   []string  `json:"known,omitempty"` // digests of the SMS before those, or of the last call under this name

	Spent []window  `json:"spent,omitempty"` // turns, by budget
	Told  time.Time `json:"told,omitzero"`   // until when it needs no telling that none are left

	Lang    models.Lang `json:"lang,omitempty"`
	Accents bool        `json:"accents,omitempty"`

	Step   step   `json:"step,omitempty"`
	Note   string `json:"note,omitempty"`   // on top of the screen, as long as its pages are turned
	Wrong  int    `json:"wrong,omitempty"`  // answers in a row that were not understood
	Stuck  step   `json:"stuck,omitempty"`  // the step to go back to from the offer of help
	Parked step   `json:"parked,omitempty"` // the step that waits for the PIN
	Nudged bool   `json:"nudged,omitempty"` // the open question was repeated by ourselves

	reading
	draft
	Found    []string               `json:"found,omitempty"` // communes that were found last, by code
	Done     *models.DeclarationRef `json:"done,omitempty"`  // whose result is shown
	Chosen   string                 `json:"chosen,omitempty"`
	Unlocked time.Time              `json:"unlocked,omitzero"` // until when the PIN need not be asked again
	Code     string                 `json:"code,omitempty"`    // that confirms an erasure by SMS
}

// reading is what was seen of the open screen.
type reading struct {
	Page  int    `json:"page,omitempty"`
	Keys  string `json:"keys,omitempty"`  // the numbers of the lines that were shown so far
	Whole bool   `json:"whole,omitempty"` // all pages were
	Lines string `json:"lines,omitempty"` // digest of the people that were listed
	Stops bool   `json:"stops,omitempty"` // its line about SMS stops them
	Part  []pick `json:"part,omitempty"`  // answers to the first lines, given before the others were shown
}

// draft is a form that is being filled, and the person it is about when they are new.
type draft struct {
	Conv  string    `json:"conv,omitempty"`  // the ids of what will be kept follow from it
	Began time.Time `json:"began,omitzero"`  // by the domain's clock
	House string    `json:"house,omitempty"` // the household it was begun in; empty when the number had none
	Open  step      `json:"open,omitempty"`  // where it stands; empty: nothing is open

	Person   string     `json:"person,omitempty"` // empty: New
	New      *newPerson `json:"new,omitempty"`
	Register bool       `json:"register,omitempty"` // only the person is to be kept
	PIN      string     `json:"pin,omitempty"`

	Form    models.Form    `json:"form,omitempty"`
	Program string         `json:"program,omitempty"`
	Version int            `json:"version,omitempty"`
	Answers models.Answers `json:"answers,omitempty"`
	Skipped []string       `json:"skipped,omitempty"` // ids of questions that are to stay unanswered
	At      int            `json:"at,omitempty"`      // position of the question whose screen is open
	Chunk   int            `json:"chunk,omitempty"`   // which seven of many options are shown
	Picked  []string       `json:"picked,omitempty"`  // of the sevens before
	Warned  []string       `json:"signs,omitempty"`   // the emergency signs for which it was said what to do
	Hurry   bool           `json:"hurry,omitempty"`   // only what must be answered is still asked
	Waiting []string       `json:"waiting,omitempty"` // answers that came ahead of their questions, in one SMS
	Slot    int            `json:"slot,omitempty"`    // how many of these were taken
}

// formID and newID are the ids of what will be kept: the form, and the person it is about when they are new.
func (d *draft) formID() string { return models.TimeID(d.Began, d.Conv+"|declaration") }
func (d *draft) newID() string  { return models.TimeID(d.Began, d.Conv+"|person") }

// newPerson is somebody who is not in the household yet.
type newPerson struct {
	Relationship models.Relationship `json:"relationship"`
	Year         string              `json:"year,omitempty"`
	Sex          models.Sex          `json:"sex,omitempty"`
	Commune      string              `json:"commune,omitempty"`
}

// said is what was answered to one message.
type said struct {
	To   string `json:"to"` // digest of its id
	Text string `json:"text"`
	End  bool   `json:"end,omitempty"`
}

// heard tells which accumulated inputs of a session were taken already, without keeping what was typed.
type heard struct {
	Length int    `json:"length"`
	Sum    string `json:"sum"`
}

// sessions is how many sessions back a gateway's late request is known to be of one that is over.
const sessions = 16

// enter makes a session the open one; the one before is over, whatever a gateway still sends of it.
func (st *state) enter(session string) {
	st.Known = nil
	if st.Session == session { // its messages may be named as before
		for _, s := range st.Said {
			st.Known = append(st.Known, s.To)
		}
		st.Said = nil
	} else if st.Session != "" {
		st.Past = append(st.Past, digest(st.Session))
		st.Past = slices.Delete(st.Past, 0, max(0, len(st.Past)-sessions))
	}
	st.Session, st.Heard, st.Ended = session, heard{}, false
}

// redialled tells whether a message opens the session once more under its old name, after its end or a cut: it repeats
// nothing then, whatever it is named.
func (st *state) redialled(in models.Inbound) bool {
	if in.Channel != models.ChannelUSSD || in.Session != st.Session || len(st.Said) == 0 {
		return false
	}
	if st.Ended {
		return in.Dialled || in.Text == ""
	}
	return in.Dialled && st.Said[len(st.Said)-1].To != digest(in.ID)
}

// strays tells whether an accumulated text is a late one of the last call under this name: it does not go on by one input
// from what was heard of this one.
func (st *state) strays(in models.Inbound) bool {
	if !in.Accumulated || !slices.Contains(st.Known, digest(in.ID)) {
		return false
	}
	added := in.Text
	if st.Heard.covers(in.Text) {
		added = in.Text[st.Heard.Length+1:]
	} else if st.Heard.Length > 0 {
		return true
	}
	return strings.Contains(added, "*")
}

// displaced tells whether a session was left for a newer one.
func (st *state) displaced(session string) bool {
	return session != st.Session && slices.Contains(st.Past, digest(session))
}

// A gateway that repeats one of the newest messages gets the reply again. Of SMS, which may lie in a queue, older ones are
// known too: more than a number's turns in the hour for which Kannel tries again.
const (
	repeats = 6
	known   = 64
)

func readState(raw []byte) *state {
	st := &state{}
	if json.Unmarshal(raw, st) != nil {
		return &state{} // of another version of the product: the dialogue begins anew
	}
	for id, answer := range st.Answers {
		if list, ok := answer.([]any); ok {
			st.Answers[id] = texts(list)
		}
	}
	return st
}

// texts makes a list of option ids of what JSON gives.
func texts(list []any) []string {
	out := make([]string, 0, len(list))
	for _, entry := range list {
		if s, ok := entry.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func (st *state) bytes() []byte {
	raw, err := json.Marshal(st)
	if err != nil {
		panic("dialogue: a state that is not JSON: " + err.Error())
	}
	return raw
}

// digest names a message without keeping what it holds: an accumulated text is part of its id.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawStdEncoding.EncodeToString(sum[:12])
}

func (st *state) saidTo(id string) (models.Reply, bool) {
	to := digest(id)
	for _, s := range st.Said {
		if s.To == to {
			return models.Reply{Text: s.Text, End: s.End}, true
		}
	}
	return models.Reply{}, false
}

func (st *state) remember(in models.Inbound, reply models.Reply) {
	st.Said = append(st.Said, said{digest(in.ID), reply.Text, reply.End})
	st.Ended = reply.End && !reply.OverBudget
	older := max(0, len(st.Said)-repeats)
	for _, s := range st.Said[:older] {
		if in.Channel == models.ChannelSMS {
			st.Known = append(st.Known, s.To)
		}
	}
	st.Said = slices.Delete(st.Said, 0, older)
	st.Known = slices.Delete(st.Known, 0, max(0, len(st.Known)-known))
}

// passed tells whether an SMS was answered so long ago that its reply is not remembered any more.
func (st *state) passed(in models.Inbound) bool {
	return in.Channel == models.ChannelSMS && slices.Contains(st.Known, digest(in.ID))
}

func (h heard) covers(text string) bool {
	return h.Length > 0 && len(text) > h.Length && text[h.Length] == '*' && digest(text[:h.Length]) == h.Sum
}

// to opens a step at its first page.
func (st *state) to(s step) {
	st.Step, st.Wrong = s, 0
	st.unread()
	if s.ofForm() {
		st.Open = s
	}
}

// unread begins a screen whose lines nobody has seen yet.
func (st *state) unread() { st.reading = reading{} }

// fromTheTop shows the first page again. What confirms is to be read again then: the offer is not on the screen.
func (st *state) fromTheTop() {
	if st.Page = 0; st.Step.confirms() {
		st.unread()
	}
}

// turnTo opens another seven of a screen's lines.
func (st *state) turnTo(chunk int) {
	st.Chunk = chunk
	st.unread()
}

// begun tells whether something would be lost with the open form.
func (d *draft) begun() bool { return len(d.Answers) > 0 || (d.New != nil && d.New.Year != "") }

// forget lets go of what was answered: it is about somebody else now, or to other questions.
func (st *state) forget() {
	st.Answers, st.Skipped, st.Warned, st.Picked, st.Hurry = nil, nil, nil, nil, false
}

// drop forgets the open form.
func (st *state) drop() {
	st.draft, st.Found, st.Nudged = draft{}, nil, false
}
