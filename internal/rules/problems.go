package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong in a program file. Line and Column count from 1, in characters; both are 0 when
// the file as a whole is meant. Hint says what to do and may be empty.
type Problem struct {
	File         string
	Line, Column int
	Message      string
	Hint         string
}

// String is the problem on one line, in the form that editors jump to: file:line:column: message (hint).
func (p Problem) String() string {
	place := p.File
	if p.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	if p.Hint == "" {
		return place + ": " + p.Message
	}
	return place + ": " + p.Message + " (" + p.Hint + ")"
}

// Problems is the error of Load: everything that is wrong, by file and place.
type Problems struct{ List []Problem }

// Error lists the problems, one a line.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, problem := range p.List {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// sort brings the problems into order, each once.
func (p *Problems) sort() {
	// What stands behind an alias may be found wrong once for every use.
	seen := map[Problem]bool{}
	p.List = slices.DeleteFunc(p.List, func(problem Problem) bool {
		known := seen[problem]
		seen[problem] = true
		return known
	})
	slices.SortStableFunc(p.List, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// didYouMean is a hint with the known name nearest to what was written; empty when none is near.
func didYouMean(written string, known []string) string {
	best, distance := "", max(2, len(written)/3)+1
	for _, name := range known {
		if d := editDistance(written, name); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %s?", best)
}

// oneOf is the nearest known name, or else the whole choice.
func oneOf(written string, known []string) string {
	if hint := didYouMean(written, known); hint != "" {
		return hint
	}
	if len(known) == 0 {
		return "there is none"
	}
	return "one of: " + strings.Join(known, ", ")
}

// editDistance counts the letters to insert, delete or replace to turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
