package dialogue

import (
	"maps"
	"slices"

	"khaibao/models"
)

// Stand is where a kept dialogue stands, for tests that look inside.
type Stand struct {
	Step, Stuck, Parked  string
	OfForm, Confirms     bool
	Page, Chunk, At      int
	Keys                 string // the lines seen so far
	Whole                bool
	Wrong                int
	Lang                 models.Lang
	Form                 models.Form
	Program              string
	Person, Chosen, Done string
	Relationship         models.Relationship // of somebody new
	Register, Hurry      bool
	Answers              models.Answers
	Found                []string
	Picked               int // options of the screens before
	Code                 string
}

// Where reads a state.
func Where(raw []byte) Stand {
	st := readState(raw)
	s := Stand{
		Step: string(st.Step), Stuck: string(st.Stuck), Parked: string(st.Parked), OfForm: st.Step.ofForm(), Confirms: st.Step.confirms(), Page: st.Page, Keys: st.Keys, Whole: st.Whole, Chunk: st.Chunk, At: st.At,
		Wrong: st.Wrong, Lang: st.Lang, Form: st.Form, Program: st.Program, Person: st.Person, Chosen: st.Chosen, Register: st.Register, Hurry: st.Hurry,
		Answers: st.Answers, Found: st.Found, Code: st.Code, Picked: len(st.Picked),
	}
	if st.Done != nil {
		s.Done = st.Done.ID
	}
	if st.New != nil {
		s.Relationship = st.New.Relationship
	}
	return s
}

// Steps lists all there are.
func Steps() []string {
	var names []string
	for _, s := range slices.Sorted(maps.Keys(allSteps())) {
		names = append(names, string(s))
	}
	return names
}

// Rehoused gives a state whose form was begun in another household.
func Rehoused(raw []byte, house string) []byte {
	st := readState(raw)
	if st.House != "" {
		st.House = house
	}
	return st.bytes()
}
