package dialogue_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"khaibao/internal/intake"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// TestEveryScreenFits walks the programs breadth first, in both languages, on both kinds of screen, in a household with the
// longest names, and holds each page against its limit. It visits the first screens that it meets, each once: w.most bounds it.
func TestEveryScreenFits(t *testing.T) {
	t.Parallel()
	for _, lang := range []models.Lang{models.Vietnamese, models.English} {
		for _, ucs2 := range []bool{false, true} {
			for _, household := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, UCS-2 %t, household %t", lang, ucs2, household), func(t *testing.T) {
					t.Parallel()
					shared, err := loadShared()
					must(t, err)
					w := &walker{rig: newRigWith(t, storetest.Memory(t), shared.wider), lang: lang, ucs2: ucs2, household: household, seen: map[string]bool{}}
					w.most = 300
					if testing.Short() {
						w.most = 80
					}
					w.walk()
				})
			}
		}
	}
}

type walker struct {
	*rig
	lang      models.Lang
	ucs2      bool
	household bool
	seen      map[string]bool
	most      int
	phones    int
}

// walk goes breadth first. Each path is typed anew by a number of its own, since a dialogue cannot be copied.
func (w *walker) walk() {
	paths := [][]string{nil}
	for len(paths) > 0 && len(w.seen) < w.most {
		path := paths[0]
		paths = paths[1:]
		screen, ended := w.type_(path)
		if ended || w.seen[screen] {
			continue
		}
		w.seen[screen] = true
		for _, next := range offered(screen) {
			paths = append(paths, append(slices.Clone(path), next))
		}
	}
	if len(w.seen) < 60 {
		w.Errorf("only %d screens were seen", len(w.seen))
	}
}

func (w *walker) type_(path []string) (screen string, ended bool) {
	w.phones++
	p := w.phone(w.phones)
	p.ucs2 = w.ucs2
	if w.household {
		w.fill(p)
	}
	screen = p.dial()
	if w.lang == models.English {
		screen = p.press("9")
	}
	p.fitsScreen(screen)
	for _, typed := range path {
		if p.ended {
			return screen, true
		}
		screen = p.press(typed)
		p.fitsScreen(screen)
	}
	return screen, p.ended
}

// fill makes a household with names as long as they may be.
func (w *walker) fill(p *phone) {
	account, err := w.store.ClaimPhone(w.Context(), p.number)
	must(w, err)
	commune := "06325"
	for i, relationship := range []models.Relationship{models.Self, models.Parent, models.Child} {
		name, sex, born := strings.Repeat("Nguyễn ", 13)+"Ẩn", models.Female, fmt.Sprint(1950+20*i)
		if relationship == models.Child {
			name = strings.Repeat("Ư", 100)
		}
		_, _, _, err := w.intake.AddPerson(w.Context(), models.Citizen{Account: account, Channel: models.ChannelUSSD}, intake.PersonInput{
			Name: &name, Sex: &sex, BirthDate: &born, Relationship: &relationship, Commune: &commune,
		})
		must(w, err)
	}
}

// offered lists what a screen lets one type: its numbers, and where something is to be typed an example of each kind.
func offered(screen string) []string {
	var keys []string
	for _, line := range strings.Split(screen, "\n") {
		for _, word := range strings.Split(line, "  ") {
			if number, _, ok := strings.Cut(word, " "); ok && number != "" && strings.Trim(number, "0123456789") == "" {
				keys = append(keys, number)
			}
		}
	}
	has := func(n string) bool { return slices.Contains(keys, n) }
	switch {
	case !has("1"): // a year, a place, a number, a day, a text
		keys = append(keys, "1958", "thi tran hoa binh", "bac", "38.5", "97", "2111", "ben do")
	case has("2"):
		keys = append(keys, "12", "xyz")
	}
	return append(keys, "0", "00")
}
