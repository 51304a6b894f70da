// Package rules reads the programs, one YAML file a version of a disease, and decides by them: which questions a form
// asks, whether answers fit, how serious they are and why. Every channel decides here, so the same answers give the
// same decision everywhere.
//
// The package is pure: it reads the files once, when they load, and has no clock, no store and no network. A loaded
// Catalog and everything in it is immutable and safe for concurrent use.
package rules

import (
	"time"

	"khaibao/models"
)

// Program is one version of one disease: its forms, rules, texts and plans.
type Program struct {
	id         string
	version    int
	keyword    string
	name       texts
	short      briefs
	legalBasis texts
	disease    Codes
	from       string // local days, inclusive; until may be empty
	until      string
	content    []byte
	file       string

	factors    []factor
	forms      map[models.Form]*Form
	levels     map[models.Level]levelTexts
	ladder     Ladder
	delivery   Delivery
	callScript []texts
	examples   []Example
	commune    func(string) (string, *models.FieldError)
}

// factor is one thing worth knowing about a person, in words.
type factor struct {
	id    string
	text  texts
	short briefs
}

// levelTexts is what a program says about a level.
type levelTexts struct {
	name, advice       texts
	short, adviceShort briefs
	deadline           time.Duration
	plan               *Plan
}

// texts is one text in every language of the product.
type texts struct{ vi, en string }

func (t texts) in(lang models.Lang) string {
	if lang == models.English {
		return t.en
	}
	return t.vi
}

// ID is the program's code, such as "covid19".
func (p *Program) ID() string { return p.id }

// Version counts from 1; a version that has been answered never changes.
func (p *Program) Version() int { return p.version }

// Content is the file as it was read, byte by byte.
func (p *Program) Content() []byte { return append([]byte(nil), p.content...) }

// Keyword is what an SMS begins with to choose this program, in capitals; empty when it has none.
func (p *Program) Keyword() string { return p.keyword }

// Name is the program's name; a language that is not known is answered in Vietnamese, here and everywhere below.
func (p *Program) Name(lang models.Lang) string { return p.name.in(lang) }

// Short is the name for a keypad menu, in the plain letters that every SMS carries.
func (p *Program) Short(lang models.Lang) string { return p.short.plain.in(lang) }

// Brief is Short as it was written, with accents.
func (p *Program) Brief(lang models.Lang) string { return p.short.written.in(lang) }

// LegalBasis names what declaring under this program rests on.
func (p *Program) LegalBasis(lang models.Lang) string { return p.legalBasis.in(lang) }

// Disease gives the standard codes of the disease.
func (p *Program) Disease() Codes { return p.disease }

// ValidOn tells whether the version may be answered on the local day of a moment.
func (p *Program) ValidOn(at time.Time) bool {
	day := models.Day(at)
	return p.from <= day && (p.until == "" || day <= p.until)
}

// Form gives one of the program's forms; a program without a daily form answers false for it.
func (p *Program) Form(form models.Form) (*Form, bool) {
	f, ok := p.forms[form]
	return f, ok
}

// Deadline is how soon officials owe a person of that level a first contact; 0 means that they owe none.
func (p *Program) Deadline(level models.Level) time.Duration { return p.levels[level].deadline }

// CallScript is what an official says and asks on the phone, step by step; empty when the program has none.
func (p *Program) CallScript(lang models.Lang) []string {
	steps := make([]string, len(p.callScript))
	for i, step := range p.callScript {
		steps[i] = step.in(lang)
	}
	return steps
}

// Factors lists the codes of the factors in the program's order.
func (p *Program) Factors() []string {
	codes := make([]string, len(p.factors))
	for i, f := range p.factors {
		codes[i] = f.id
	}
	return codes
}

// FreeText lists the text questions of a form: their answers may name somebody and are sealed in a store.
func (p *Program) FreeText(form models.Form) []string {
	f, ok := p.forms[form]
	if !ok {
		return nil
	}
	var ids []string
	for i := range f.Questions {
		if f.Questions[i].Type == TypeText {
			ids = append(ids, f.Questions[i].ID)
		}
	}
	return ids
}
