package areas

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// entry is an area as the search sees it.
type entry struct {
	area     Area
	written  string // the name in lower case, with diacritics
	name     phrase
	together string // the bare name without spaces: "hanoi"
	initials string // of a province's bare name: "hcm"
	province *entry // nil for a province
}

// phrase is a folded text, such as "phuong 2 bao loc".
type phrase struct {
	words []string
	text  string
	unit  string // "phuong"; empty when it does not begin with a unit word
	bare  string // "2 bao loc"
}

// How well a text fits an area; lower is better.
const (
	fitExact = iota
	fitPrefix
	fitWords
	fitNone
)

// maxQueryWords is more than the longest name of a commune with its province has.
const maxQueryWords = 16

func (d *Directory) makeIndex() []entry {
	index := make([]entry, 0, len(d.byCode))
	at := map[string]int{}
	for _, p := range d.provinces {
		at[p.Code] = len(index)
		index = append(index, newEntry(p))
	}
	for _, p := range d.provinces {
		for _, c := range d.communes[p.Code] {
			e := newEntry(c)
			e.province = &index[at[p.Code]]
			index = append(index, e)
		}
	}
	return index
}

func newEntry(a Area) entry {
	e := entry{
		area:    a,
		written: strings.ToLower(norm.NFC.String(a.Name)),
		name:    newPhrase(splitWords(a.Name)),
	}
	e.together = strings.ReplaceAll(e.name.bare, " ", "")
	if a.Level == LevelProvince {
		for _, w := range strings.Fields(e.name.bare) {
			e.initials += w[:1]
		}
	}
	return e
}

// newPhrase sets apart the words that say what kind of unit it is: tỉnh, thành phố, phường, xã, đặc khu.
func newPhrase(words []string) phrase {
	p := phrase{words: words, text: strings.Join(words, " ")}
	p.bare = p.text
	for _, unit := range []string{"tinh", "thanh pho", "phuong", "xa", "dac khu"} {
		if rest, ok := strings.CutPrefix(p.text, unit); ok && (rest == "" || rest[0] == ' ') {
			p.unit, p.bare = unit, strings.TrimSpace(rest)
		}
	}
	return p
}

// splitWords folds a text and cuts it into words. An apostrophe joins ("Ea H'Leo" is "ea hleo"), other punctuation cuts.
func splitWords(s string) []string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("'’‘ʼ`´", r) {
			return -1
		}
		return r
	}, s)
	words := strings.FieldsFunc(Fold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, w := range words {
		if w == "tp" {
			words = slices.Replace(words, i, i+1, "thanh", "pho")
			break
		}
	}
	return words
}

// Search finds provinces and communes by name, best first and at most limit of them: the whole name, then names that
// begin with q, then names in which every word of q begins a word. Unit words may be left out, diacritics and case do
// not matter (but rank what is written alike first), and a commune may be followed by its province: "bac son lang son".
func (d *Directory) Search(q string, limit int) []Area {
	return d.search(q, limit, func(*entry) bool { return true })
}

// SearchIn is Search among the communes of one province.
func (d *Directory) SearchIn(province, q string, limit int) []Area {
	return d.search(q, limit, func(e *entry) bool { return e.area.Parent == province })
}

func (d *Directory) search(q string, limit int, among func(*entry) bool) []Area {
	words := splitWords(q)
	if limit <= 0 || len(words) == 0 || len(words) > maxQueryWords {
		return nil
	}
	query := newQuery(words)
	written := strings.ToLower(norm.NFC.String(strings.TrimSpace(q)))
	type hit struct {
		area Area
		rank int
	}
	var hits []hit
	for i := range d.index {
		e := &d.index[i]
		if !among(e) {
			continue
		}
		if fit := e.fitQuery(query); fit < fitNone {
			rank := 2 * fit
			if !strings.Contains(e.written, written) {
				rank++
			}
			hits = append(hits, hit{e.area, rank})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.rank, b.rank) })
	out := make([]Area, min(limit, len(hits)))
	for i := range out {
		out[i] = hits[i].area
	}
	return out
}

// query is what is looked for: as one name, or cut into a commune's name and its province's in every possible way.
type query struct {
	whole phrase
	cuts  [][2]phrase
}

func newQuery(words []string) query {
	q := query{whole: newPhrase(words)}
	for cut := 1; cut < len(words); cut++ {
		q.cuts = append(q.cuts, [2]phrase{newPhrase(words[:cut]), newPhrase(words[cut:])})
	}
	return q
}

// fitQuery is the best fit of the whole query, or of a commune's part when the rest fits its province.
func (e *entry) fitQuery(q query) int {
	best := e.fit(q.whole)
	if e.province == nil {
		return best
	}
	for _, cut := range q.cuts {
		if fit := e.fit(cut[0]); fit < best && e.province.fit(cut[1]) < fitNone {
			best = fit
		}
	}
	return best
}

func (e *entry) fit(p phrase) int {
	text := p.text
	if p.unit == e.name.unit {
		text = p.bare
	}
	switch {
	case text == e.name.bare, text == e.together, text != "" && text == e.initials:
		return fitExact
	case text != "" && strings.HasPrefix(e.name.bare, text):
		return fitPrefix
	case allBegin(p.words, e.name.words):
		return fitWords
	default:
		return fitNone
	}
}

// allBegin tells whether every one of the words begins a word of the name.
func allBegin(q, name []string) bool {
	for _, w := range q {
		if !slices.ContainsFunc(name, func(n string) bool { return strings.HasPrefix(n, w) }) {
			return false
		}
	}
	return true
}
