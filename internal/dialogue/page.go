package dialogue

import (
	"strings"
	"unicode/utf16"

	"khaibao/internal/gsm"
)

// view is a screen before it is cut into pages.
type view struct {
	lead  string // before anything else, notes too: what to do about an emergency
	text  string
	items []item
	foot  string // on the last page: what else may be typed once everything was read
	back  string // on every page
	// entry: something is typed here, so that on the last page 8 is an answer.
	entry bool
	// chunks is of how many sevens of lines this is one.
	chunks int
	end    bool // the session ends with the last page
	stops  bool // a line stops SMS
}

// page is what is shown at once.
type page struct {
	text string
	keys string // the numbers of the lines that end on it
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

// line is one of a screen; key is its number, when it can be chosen.
type line struct{ text, key string }

// pages cuts a view into pages that fit. Lines stay whole where they can; no page is empty and nothing is lost.
func (t *turn) pages(v view, note string) []page {
	limit := t.limit(v)
	write := func(s string) string {
		if limit.UCS2 {
			return s
		}
		return gsm.Plain(s)
	}
	var lines []line
	for _, text := range []string{v.lead, note, v.text} {
		if text == "" {
			continue
		}
		for _, l := range strings.Split(write(text), "\n") {
			lines = append(lines, line{text: l})
		}
	}
	for _, i := range v.items {
		lines = append(lines, line{write(i.line()), i.key})
	}
	more, back := write(t.text("more", nil)), write(v.back)
	last := strings.TrimSpace(write(v.foot) + " " + back)
	if v.chunks > 1 {
		last = strings.TrimSpace(more + "  " + last)
	}
	if all := paged(lines, last); limit.Fits(all.text) {
		return []page{all}
	}
	bar := strings.TrimSpace(more + "  " + back)
	bodies := fill(lines, gsm.Limit{Units: limit.Units - units(limit, "\n"+bar), UCS2: limit.UCS2})
	var pages []page
	for _, body := range bodies[:len(bodies)-1] {
		pages = append(pages, paged(body, bar))
	}
	end := bodies[len(bodies)-1]
	if whole := paged(end, last); limit.Fits(whole.text) {
		return append(pages, whole)
	}
	cut := max(len(end)-1, 0) // the foot comes with the last line, where the two fit
	if cut == 0 || !limit.Fits(paged(end[cut:], last).text) {
		cut = len(end)
	}
	return append(pages, paged(end[:cut], bar), paged(end[cut:], last))
}

// paged makes a page of lines and what stands below them.
func paged(lines []line, below string) page {
	var p page
	for _, l := range lines {
		p.text, p.keys = p.text+"\n"+l.text, p.keys+l.key
	}
	if below != "" {
		p.text += "\n" + below
	}
	p.text = strings.TrimPrefix(p.text, "\n")
	return p
}

// fill puts lines onto pages, one after the other. A line that is too long for a page begins behind the one before it and is
// cut at words; it counts as read on the page where it ends.
func fill(lines []line, room gsm.Limit) [][]line {
	pages := [][]line{nil}
	for _, l := range lines {
		last := len(pages) - 1
		if together := append(pages[last][:len(pages[last]):len(pages[last])], l); room.Fits(paged(together, "").text) {
			pages[last] = together
			continue
		}
		rest := l.text
		if begun := paged(pages[last], "").text; begun != "" && !room.Fits(rest) {
			left := gsm.Limit{Units: room.Units - units(room, begun+"\n"), UCS2: room.UCS2}
			if head, behind := left.Cut(rest); strings.Contains(head, " ") {
				pages[last], rest = append(pages[last], line{text: head}), behind
			}
		}
		for rest != "" {
			var head string
			if head, rest = room.Cut(rest); head == "" {
				break // not even a letter fits, or only blanks are left
			}
			part := line{text: head}
			if rest == "" {
				part.key = l.key
			}
			if last := len(pages) - 1; pages[last] == nil {
				pages[last] = []line{part}
			} else {
				pages = append(pages, []line{part})
			}
		}
	}
	return pages
}

func units(limit gsm.Limit, text string) int {
	if limit.UCS2 {
		return len(utf16.Encode([]rune(text)))
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

// longestLabel is how much of a person's or a place's name a line of a menu shows, in units of UCS-2: a letter of two
// counts twice, so that a line always fits onto a page with its number.
const longestLabel = 40

// label shortens a name for a line of a menu, and shows that it did.
func label(name string) string {
	if (gsm.Limit{Units: longestLabel, UCS2: true}).Fits(name) {
		return name
	}
	used := 0
	for i, r := range name {
		if used += max(utf16.RuneLen(r), 1); used > longestLabel-2 {
			return strings.TrimSpace(name[:i]) + ".."
		}
	}
	return name
}
