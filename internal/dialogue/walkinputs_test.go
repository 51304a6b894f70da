package dialogue_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"khaibao/internal/areas"
	"khaibao/internal/dialogue"
	"khaibao/internal/intake"
	"khaibao/internal/rules"
	"khaibao/internal/store"
	"khaibao/models"
)

// memory keeps dialogues where a test can take them up again.
type memory struct {
	*store.Store
	mu   sync.Mutex
	kept map[string]models.Dialogue
}

// remember lets a rig keep its dialogues in memory; everything else stays in its store.
func remember(r *rig) *memory {
	m := &memory{Store: r.store, kept: map[string]models.Dialogue{}}
	config := r.dialogue.Config
	config.Store = m
	r.dialogue = dialogue.New(config)
	return m
}

func (m *memory) Dialogue(_ context.Context, channel models.Channel, phone string) (models.Dialogue, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d, ok := m.kept[string(channel)+phone]; ok {
		return d, nil
	}
	return models.Dialogue{}, models.Fail(models.NotFound, "not_found")
}

func (m *memory) SaveDialogue(_ context.Context, channel models.Channel, phone string, d *models.Dialogue) error {
	m.set(channel, phone, d.State)
	return nil
}

func (m *memory) get(channel models.Channel, phone string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[string(channel)+phone].State
}

func (m *memory) set(channel models.Channel, phone string, state []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[string(channel)+phone] = models.Dialogue{State: state}
}

func (w *walker) newPhone() *phone {
	w.numbers++
	p := w.phone(w.numbers)
	p.ucs2 = w.ucs2
	return p
}

// fill makes a household of n: names as long as they may be, and then people who have none yet.
func (w *walker) fill(p *phone, n int) {
	w.Helper()
	if n == 0 {
		return
	}
	account, err := w.store.ClaimPhone(w.Context(), p.number)
	must(w, err)
	relationships := []models.Relationship{models.Child, models.Spouse, models.Parent, models.OtherRelated}
	_, err = w.store.UpdateAccount(w.Context(), account, func(a *models.Account) ([]models.Effect, error) {
		for i := range n {
			person := models.Person{
				ID: models.TimeID(start, fmt.Sprint("person", i)), Relationship: models.Self, Name: strings.Repeat("Nguyễn ", 13) + "Ẩn", Sex: models.Female,
				BirthDate: fmt.Sprint(1950 + i), Commune: w.longest(), CreatedAt: start,
			}
			if commune, ok := w.areas.Get(person.Commune); ok {
				person.Province = commune.Parent
			}
			switch {
			case i >= n/2 && i > 1:
				person.Name, person.Relationship, person.Sex = "", relationships[i%4], []models.Sex{models.Female, models.Male}[i/4%2]
			case i > 0:
				person.Name, person.Relationship = strings.Repeat("Ư", 100), relationships[i%4]
			}
			a.People = append(a.People, person)
		}
		return nil, nil
	})
	must(w, err)
	must(w, w.pins.Choose(w.Context(), account, "2580"))
	people := p.account().People
	for _, person := range []models.Person{people[0], people[n-1]} {
		_, _, err := w.intake.Submit(w.Context(), models.Citizen{Account: account, Channel: models.ChannelApp}, intake.Submission{
			Form: models.FormDeclaration, ID: models.TimeID(start, person.ID), Program: "measles", PersonID: person.ID, Answers: map[string]any{
				"fever": true, "rash": true, "cough": true, "runny_nose": false, "conjunctivitis": false, "contact_case": "no",
			},
		})
		must(w, err)
	}
}

// copyHousehold gives a number the same household as another: the same people, PIN and declarations, under the same ids.
func (w *walker) copyHousehold(from, to *phone) {
	w.Helper()
	theirs := from.account()
	if theirs == nil {
		return
	}
	account, err := w.store.ClaimPhone(w.Context(), to.number)
	must(w, err)
	_, err = w.store.UpdateAccount(w.Context(), account, func(a *models.Account) ([]models.Effect, error) {
		a.People, a.PIN, a.Lang, a.SMSOptOut = theirs.People, theirs.PIN, theirs.Lang, theirs.SMSOptOut
		return nil, nil
	})
	must(w, err)
	declared := from.declared()
	slices.Reverse(declared)
	for _, d := range declared {
		_, _, err := w.intake.Submit(w.Context(), models.Citizen{Account: account, Channel: d.Channel}, intake.Submission{
			Form: d.Form, ID: d.ID, Program: d.Program, Version: d.Version, PersonID: d.PersonID, Answers: d.Answers,
		})
		must(w, err)
	}
}

var (
	item  = regexp.MustCompile(`^([0-9]) \S`)
	keyed = regexp.MustCompile(`(?:^|\s)([0-9]{1,4}) \p{Lu}`)
)

// offered lists the numbers that a screen names: those of its lines, and what its last line says of others.
func (w *walker) offered(at *place) []string {
	lines := strings.Split(at.screen, "\n")
	var keys []string
	for _, line := range lines {
		if found := item.FindStringSubmatch(line); found != nil {
			keys = append(keys, found[1])
		}
	}
	for _, found := range keyed.FindAllStringSubmatch(lines[len(lines)-1], -1) {
		if !slices.Contains(keys, found[1]) {
			keys = append(keys, found[1])
		}
	}
	return keys
}

// commands change what is kept, wherever they are typed.
var commands = []string{"STOP", "START", "XOA", "EN", "VI", "9"}

// typed lists what else is typed at a place: a good answer of every kind and length, and bad ones.
func (w *walker) typed(at *place) []string {
	inputs := []string{"0", "00", "xyz"}
	if w.first("bad", at.Step, at.Program) {
		inputs = append(inputs, "000", "77", "97.", "", strings.Repeat("9", 200))
	}
	switch at.Step {
	case "year":
		inputs = append(inputs, "1958", "1899")
	case "commune":
		inputs = append(inputs, w.searches()...)
	case "communes", "places":
		if w.first(at.Step, at.Program, at.Form) {
			inputs = append(inputs, w.searches()...)
		}
	case "pin", "unlock":
		inputs = append(inputs, "2580", "1111")
	case "erase_code":
		inputs = append(inputs, "XOA "+at.Code)
	case "review":
		inputs = append(inputs, "OK", "SUA", "2")
	case "question":
		inputs = append(inputs, w.answers(at)...)
		if w.channel == models.ChannelSMS && len(at.Answers) > 0 && w.first("commands", at.Program, at.Form) {
			inputs = append(inputs, "KB", "CN", "NHA", "XOA", "STOP", "TROGIUP", at.keyword())
		}
	case "help", "done", "result":
		if w.channel == models.ChannelSMS {
			inputs = append(inputs, "KB", "KB NHA", "CN", "KQ", "NHA", "HUY", "STOP", "START", "XOA", "TROGIUP", "EN", "VI", "DAU", "KHONG DAU", "8")
			for _, p := range w.catalog.Active(start) {
				inputs = append(inputs, p.Keyword())
			}
		}
	}
	return inputs
}

// keyword is one that begins another program's form.
func (p *place) keyword() string {
	if p.Program == "measles" {
		return "SXH"
	}
	return "SOI"
}

// answers lists what may be typed at a question. In each path every single answer is given once, whoever it is about;
// the shortest and the longest always.
func (w *walker) answers(at *place) []string {
	q, first := &w.form(at).Questions[at.At], w.first(w.question(at), at.Page)
	switch {
	case q.Group != "" || q.Type == rules.TypeChoices:
		return w.picks(at, first)
	case q.Type == rules.TypeInteger || q.Type == rules.TypeDecimal:
		return []string{fmt.Sprint(*q.Max), fmt.Sprint(*q.Min), fmt.Sprint((*q.Min + *q.Max) / 2), "99999"}
	case q.Type == rules.TypeDate:
		return []string{"21112026", "2", "31/02/2026", "01/01/2027"}
	case q.Type == rules.TypeArea:
		return w.searches()
	case q.Type == rules.TypeText:
		return []string{strings.Repeat("ben do ", 300)[:int(*q.Max)], "Bến Đò", strings.Repeat("m", 2+int(*q.Max))}
	}
	return nil
}

// picks lists answers to a screen of which several lines may be named: all that were seen, each alone, each in doubt, none.
func (w *walker) picks(at *place, first bool) []string {
	lines := strings.Split(strings.Trim(at.Keys, "89"), "")
	inputs := []string{strings.Join(lines, "")}
	if !first {
		return inputs
	}
	inputs = append(inputs, "?"+strings.Join(lines, "?"), "9", "0 1", "1?", "?12")
	for _, key := range lines {
		inputs = append(inputs, key, "?"+key)
	}
	return inputs
}

// searches are names of communes: of the longest, of many and of none.
func (w *walker) searches() []string {
	commune, _ := w.areas.Get(w.longest())
	return []string{areas.Fold(commune.Name), "bac", "zzzz"}
}

// longest is the commune with the longest name.
func (w *walker) longest() string {
	w.once.Do(func() {
		most := 0
		for _, province := range w.areas.Provinces() {
			communes, _ := w.areas.Communes(province.Code)
			for _, c := range communes {
				if n := len([]rune(c.Name + province.Name)); n > most {
					most, w.commune = n, c.Code
				}
			}
		}
	})
	return w.commune
}
