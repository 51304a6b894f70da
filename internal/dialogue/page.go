package dialogue

import (
	"strings"

	"khaibao/internal/gsm"
)

// view is a screen before it is cut into pages.
type view struct {
	text  string
	items []item
	foot  string // on every page
	// entry: something is typed here, so that on the last page 8 is an answer.
	entry bool
	// chunks is of how many sevens of lines this is one.
	chunks int
	end    bool // the session ends with the last page
}

// item is a line that can be chosen.
type item struct{ key, label string }

func (i item) line() string { return i.key + " " + i.label }

// How many units an SMS may take: two parts without accents, three with; a result or an answer that ends something one
// part more. What is longer pages.
const (
	smsPlain, smsPlainEnd = 2 * 153, 3 * 153
	smsUCS2, smsUCS2End   = 3 * 67, 5 * 67
)

// limit is how much goes onto one page.
func (t *turn) limit(v view) gsm.Limit {
	switch {
	case !t.bySMS():
		return gsm.Screen(t.in.UCS2)
	case t.accents() && v.end:
		return gsm.Limit{Units: smsUCS2End, UCS2: true}
	case t.accents():
		return gsm.Limit{Units: smsUCS2, UCS2: true}
	case v.end:
		return gsm.Limit{Units: smsPlainEnd}
	}
	return gsm.Limit{Units: smsPlain}
}

// pages cuts a view into pages that fit. Lines stay whole where they can; no page is empty and nothing is lost.
func (t *turn) pages(v view, note string) []string {
	limit := t.limit(v)
	write := func(s string) string {
		if limit.UCS2 {
			return s
		}
		return gsm.Plain(s)
	}
	var lines []string
	for _, text := range []string{note, v.text} {
		if text != "" {
			lines = append(lines, strings.Split(write(text), "\n")...)
		}
	}
	for _, i := range v.items {
		lines = append(lines, write(i.line()))
	}
	foot, more := write(v.foot), write(t.text("more", nil))
	if foot != "" {
		more += "  " + foot
	}
	last := foot
	if v.chunks > 1 {
		last = more
	}
	if all := joined(lines, last); limit.Fits(all) {
		return []string{all}
	}
	room := gsm.Limit{Units: limit.Units - units(limit, "\n"+more), UCS2: limit.UCS2}
	bodies := fill(lines, room)
	for i := range bodies[:len(bodies)-1] {
		bodies[i] += "\n" + more
	}
	bodies[len(bodies)-1] = joined([]string{bodies[len(bodies)-1]}, last)
	return bodies
}

func joined(lines []string, foot string) string {
	if foot != "" {
		lines = append(lines[:len(lines):len(lines)], foot)
	}
	return strings.Join(lines, "\n")
}

// fill puts lines onto pages, one after the other; a line that is too long for a page is cut at a word.
func fill(lines []string, room gsm.Limit) []string {
	pages := []string{""}
	for _, line := range lines {
		last := &pages[len(pages)-1]
		if together := strings.TrimPrefix(*last+"\n"+line, "\n"); room.Fits(together) {
			*last = together
			continue
		}
		for rest := line; rest != ""; {
			var head string
			if head, rest = room.Cut(rest); head == "" {
				break // not even a letter fits, or only blanks are left
			}
			if pages[len(pages)-1] == "" {
				pages[len(pages)-1] = head
			} else {
				pages = append(pages, head)
			}
		}
	}
	return pages
}

func units(limit gsm.Limit, text string) int {
	if limit.UCS2 {
		return len([]rune(text)) // texts of ours have no letter of two units
	}
	return gsm.Measure(text).Units
}

// text gives one of the product's own texts.
func (t *turn) text(key string, args map[string]any) string {
	return t.Text(t.st.Lang, "dialogue."+key, args)
}

// back and back00 say how to go back. An SMS has no room for it; the keys do the same there.
func (t *turn) back() string   { return t.onKeypad("back") }
func (t *turn) back00() string { return t.onKeypad("back00") }

func (t *turn) onKeypad(key string) string {
	if t.bySMS() {
		return ""
	}
	return t.text(key, nil)
}

// longestLabel is how much of a person's or a place's name a line of a menu shows.
const longestLabel = 40

// label shortens a name for a line of a menu, and shows that it did.
func label(name string) string {
	runes := []rune(name)
	if len(runes) <= longestLabel {
		return name
	}
	return strings.TrimSpace(string(runes[:longestLabel-2])) + ".."
}
