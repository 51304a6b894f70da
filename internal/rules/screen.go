package rules

import (
	"slices"

	"khaibao/models"
)

// MostLines is how many lines a screen numbers: 8 and 9 have meanings of their own.
const MostLines = 7

// Screen is what a form asks at once on a feature phone: a group of yes-or-no questions, or one question.
type Screen struct {
	At, Next  int         // positions of its first question and of the first behind it
	Questions []*Question // those that apply; one where it is no group
	Group     *Group      // nil: a question of its own
}

// Worded is what has a text for keypads and SMS: in plain letters, and as it was written.
type Worded interface {
	Short(models.Lang) string
	Brief(models.Lang) string
}

// Screen gives the first screen at or behind a position; false when none follows. asks tells whether a question is put at
// all. A group is cut where a question hangs on an answer of the same screen.
func (f *Form) Screen(at int, asks func(*Question) bool) (Screen, bool) {
	for ; at < len(f.Questions) && !asks(&f.Questions[at]); at++ {
	}
	if at >= len(f.Questions) {
		return Screen{}, false
	}
	q := &f.Questions[at]
	s := Screen{At: at, Next: at + 1, Questions: []*Question{q}}
	g := slices.IndexFunc(f.Groups, func(g Group) bool { return g.ID == q.Group })
	if g < 0 {
		return s, true
	}
	s.Group = &f.Groups[g]
	for ; s.Next < len(f.Questions); s.Next++ {
		other := &f.Questions[s.Next]
		if other.Group != q.Group || other.hangsOn(f.Questions[at:s.Next]) {
			break
		}
		if asks(other) {
			s.Questions = append(s.Questions, other)
		}
	}
	return s, true
}

func (q *Question) hangsOn(on []Question) bool {
	return q.EnableWhen != nil && slices.ContainsFunc(q.EnableWhen.Conditions, func(c Condition) bool {
		return slices.ContainsFunc(on, func(o Question) bool { return o.ID == c.Question })
	})
}

// Only is the question of a screen that is no group.
func (s *Screen) Only() *Question { return s.Questions[0] }

// Many tells whether several numbers may be given.
func (s *Screen) Many() bool { return s.Group != nil || s.Only().Type == TypeChoices }

// Unsure tells whether "not sure" is an answer to the questions.
func (s *Screen) Unsure() bool {
	return slices.ContainsFunc(s.Only().Options, func(o Option) bool { return o.ID == "not_sure" })
}

// Heading is what stands above the lines.
func (s *Screen) Heading() Worded {
	if s.Group != nil {
		return s.Group
	}
	return s.Only()
}

// Lines are what is chosen by its number, counted from 1: the questions of a group, or the options of a choice. None where
// something is typed, nor for yes or no, which are no words of the program.
func (s *Screen) Lines() []Worded {
	var lines []Worded
	if s.Group != nil {
		for _, q := range s.Questions {
			lines = append(lines, q)
		}
		return lines
	}
	for i := range s.Only().Options {
		lines = append(lines, &s.Only().Options[i])
	}
	return lines
}
