package rules

import (
	"slices"
	"strings"

	"khaibao/models"
)

// Explanation is a decision in words.
type Explanation struct {
	Level       string // the level's word
	LevelShort  string // the same in plain letters
	LevelBrief  string // LevelShort as it was written, with accents
	Factors     []Text
	Reasons     []Text // by rule
	Advice      string // what to do, for the app
	AdviceShort string // the same for SMS and USSD, in plain letters
	AdviceBrief string // AdviceShort as it was written, with accents
}

// Text is the text of a code.
type Text struct {
	Code  string
	Text  string
	Short string // in plain letters; empty for reasons
	Brief string // Short as it was written, with accents
}

// Explain puts a decision of the form into words of a language. Codes that this version does not know are left out.
func (p *Program) Explain(form models.Form, d models.Decision, lang models.Lang) Explanation {
	level := p.levels[d.Level]
	e := Explanation{
		Level: level.name.in(lang), LevelShort: level.short.plain.in(lang), LevelBrief: level.short.written.in(lang),
		Advice: level.advice.in(lang), AdviceShort: level.adviceShort.plain.in(lang), AdviceBrief: level.adviceShort.written.in(lang),
	}
	for _, code := range d.Factors {
		if f := p.factor(code); f != nil {
			e.Factors = append(e.Factors, Text{code, f.text.in(lang), f.short.plain.in(lang), f.short.written.in(lang)})
		}
	}
	f, ok := p.forms[form]
	if !ok {
		return e
	}
	for _, reason := range d.Reasons {
		i := slices.IndexFunc(f.rules, func(r rule) bool { return r.id == reason.Rule })
		if i >= 0 {
			e.Reasons = append(e.Reasons, Text{Code: reason.Rule, Text: f.fill(f.rules[i].text.in(lang), reason.Questions, lang)})
		}
	}
	return e
}

// FactorText is a factor in words, the code itself when the program does not know it.
func (p *Program) FactorText(code string, lang models.Lang) string {
	if f := p.factor(code); f != nil {
		return f.text.in(lang)
	}
	return code
}

func (p *Program) factor(code string) *factor {
	i := slices.IndexFunc(p.factors, func(f factor) bool { return f.id == code })
	if i < 0 {
		return nil
	}
	return &p.factors[i]
}

// answersPlaceholder in a rule's text stands for the questions whose answers made it true.
const answersPlaceholder = "{answers}"

func (f *Form) fill(text string, questions []string, lang models.Lang) string {
	if !strings.Contains(text, answersPlaceholder) {
		return text
	}
	var names []string
	for _, id := range questions {
		q, ok := f.Question(id)
		if !ok {
			continue
		}
		if name := LowerFirst(q.Finding(lang)); !slices.Contains(names, name) { // two answers may say the same
			names = append(names, name)
		}
	}
	return strings.ReplaceAll(text, answersPlaceholder, strings.Join(names, ", "))
}
