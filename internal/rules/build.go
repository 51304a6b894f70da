package rules

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"khaibao/models"
)

// builder makes a program from its file, noting every problem on the way.
type builder struct {
	*decoder
	p *Program
}

// EmergencySign is the rule and the factor that every program has: a yes to any question marked as an emergency sign.
const EmergencySign = "emergency_sign"

var (
	codePattern    = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	keywordPattern = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,9}$`)
	placeholder    = regexp.MustCompile(`\{[^{}]*\}?`)
	codePatterns   = map[string]*regexp.Regexp{
		"SNOMED CT": regexp.MustCompile(`^[1-9][0-9]{5,17}$`),
		"ICD-10":    regexp.MustCompile(`^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$`),
		"LOINC":     regexp.MustCompile(`^[0-9]{1,7}-[0-9]$`),
	}
	// reserved are the names that no question can have: rules use them for something else.
	reserved = []string{varAge, varSex, varToday, varLevel, varEarlier, earlierDays, "none", "low", "moderate", "high", "emergency", "true", "false", "null", "in", "as", "break", "const", "continue", "else",
		"for", "function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
		"bool", "int", "uint", "double", "string", "bytes", "list", "map", "type", "null_type", "size", "dyn", fnAtLeast, fnDaysSince}
	levelNames = []string{"none", "low", "moderate", "high", "emergency"}
	formNames  = []string{string(models.FormDeclaration), string(models.FormDaily)}
	sexes      = []string{string(models.Male), string(models.Female), string(models.Other)}
)

// build makes the program; it is usable only if no problem was noted.
func build(d *decoder, file *programFile, content []byte, opts Options) *Program {
	b := &builder{decoder: d, p: &Program{
		id: file.ID.value, version: int(file.Version.value), keyword: file.Keyword.value,
		content: content, file: d.file, commune: opts.Commune,
		forms: map[models.Form]*Form{}, levels: map[models.Level]levelTexts{},
	}}
	b.head(file)
	b.factors(file.Factors)
	b.forms(file)
	b.levels(file)
	b.p.ladder = b.ladder(file.Ladder)
	b.p.delivery = b.delivery(file.Delivery)
	for i := range file.CallScript {
		b.p.callScript = append(b.p.callScript, b.texts(&file.CallScript[i], maxText))
	}
	b.examples(file.Examples)
	return b.p
}

func (b *builder) head(file *programFile) {
	p := b.p
	b.code(file.ID, nil)
	b.whole(file.Version, 1, 1_000_000)
	if w := file.Keyword; w.line > 0 && !keywordPattern.MatchString(w.value) {
		b.problem(w.mark, "such as COVID", "a keyword has 2 to 10 capital letters and digits, the first a letter")
	}
	p.name = b.texts(&file.Name, maxText)
	p.short = b.brief(file.Short, p.name, file.Name.mark, maxShort)
	p.legalBasis = b.texts(&file.LegalBasis, maxText)
	p.disease = b.codes(&file.Disease)
	if file.Disease.line > 0 && len(p.disease.ICD10) == 0 {
		b.problem(file.Disease.mark, "such as icd10: [A90]", "the disease has no ICD-10 code")
	}
	p.from, p.until = b.day(file.Valid.From), b.day(file.Valid.Until)
	if p.until != "" && p.until < p.from {
		b.problem(file.Valid.Until.mark, "until is the last day, from the first", "the program ends before it begins")
	}
}

func (b *builder) factors(nodes []factorNode) {
	seen := map[string]bool{}
	for i := range nodes {
		n := &nodes[i]
		b.code(n.ID, seen)
		text := b.texts(&n.Text, maxText)
		b.p.factors = append(b.p.factors, factor{n.ID.value, text, b.brief(n.Short, text, n.Text.mark, maxShort)})
	}
	if len(nodes) > 0 && !seen[EmergencySign] {
		b.problem(nodes[0].mark, "list its text among the factors", "the factor %s is missing: emergency signs give it in every program", EmergencySign)
	}
}

func (b *builder) levels(file *programFile) {
	for i := range file.Levels.list {
		e := &file.Levels.list[i]
		level, err := models.ParseLevel(e.key.value)
		if err != nil {
			b.problem(e.key.mark, oneOf(e.key.value, levelNames), "%q is no level", e.key.value)
			continue
		}
		n := &e.value
		t := levelTexts{name: b.texts(&n.Name, maxShort), advice: b.texts(&n.Advice.App, maxAdvice), plan: b.plan(n.FollowUp)}
		t.short = b.brief(n.Short, t.name, n.Name.mark, maxShort)
		t.adviceShort = b.brief(&n.Advice.SMS, texts{}, n.Advice.SMS.mark, maxAdviceShort)
		if n.Deadline != nil {
			t.deadline = b.duration(n.Deadline.Within)
			b.day(n.Deadline.Since)
			b.filled(n.Deadline.Source)
		}
		b.p.levels[level] = t
	}
	b.reachable(file)
	b.callsForHelp(file)
}

// reachable holds that every level that can come out has its texts.
func (b *builder) reachable(file *programFile) {
	for _, level := range models.Levels() {
		if _, ok := b.p.levels[level]; ok || file.Levels.line == 0 {
			continue
		}
		for _, form := range b.p.forms {
			gives := func(r rule) bool { return r.level == level && level != models.LevelNone }
			if form.base == level || slices.ContainsFunc(form.rules, gives) {
				b.problem(file.Levels.mark, fmt.Sprintf("add %q with name and advice", level.String()+":"), "the level %s can come out but has no texts", level)
				break
			}
		}
	}
}

// callsForHelp holds that whoever has an emergency sign reads first of all to call 115, in every channel and language.
func (b *builder) callsForHelp(file *programFile) {
	for i := range file.Levels.list {
		e := &file.Levels.list[i]
		if e.key.value != models.LevelEmergency.String() {
			continue
		}
		for _, w := range []word{e.value.Advice.App.VI, e.value.Advice.App.EN, e.value.Advice.SMS.VI, e.value.Advice.SMS.EN} {
			first, _, _ := strings.Cut(w.value, ".")
			if w.line > 0 && !strings.Contains(first, "115") {
				b.problem(w.mark, "begin with it: Gọi ngay 115 ...", "the first sentence of the emergency advice does not say to call 115")
			}
		}
	}
}

func (b *builder) codes(n *codesNode) Codes {
	if n == nil {
		return Codes{}
	}
	return Codes{
		SNOMED: b.codeList(n.SNOMED, "SNOMED CT"), ICD10: b.codeList(n.ICD10, "ICD-10"), LOINC: b.codeList(n.LOINC, "LOINC"),
		Unit: n.Unit.value,
	}
}

func (b *builder) codeList(words []word, system string) []string {
	var list []string
	for _, w := range words {
		if !codePatterns[system].MatchString(w.value) {
			b.problem(w.mark, "copy it from the published list", "%q does not look like a code of %s", w.value, system)
		}
		list = append(list, w.value)
	}
	return list
}

// code checks an id and, with seen, that it stands once.
func (b *builder) code(w word, seen map[string]bool) {
	switch {
	case w.line == 0: // missing: said already
		return
	case !codePattern.MatchString(w.value) || len(w.value) > 64:
		b.problem(w.mark, "lower-case letters, digits and single _ between them, the first a letter", "%q is not an id", w.value)
	case seen[w.value]:
		b.problem(w.mark, "each id stands once", "%q is there twice", w.value)
	}
	if seen != nil {
		seen[w.value] = true
	}
}

func (b *builder) filled(w word) {
	if w.line > 0 && w.empty() {
		b.problem(w.mark, "write something", "the text is empty")
	}
}

// choice checks that a word is one of those known.
func (b *builder) choice(w word, what string, known []string) string {
	if w.line > 0 && !slices.Contains(known, w.value) {
		b.problem(w.mark, oneOf(w.value, known), "%q is no %s", w.value, what)
	}
	return w.value
}

// level reads a level; none when it is left out, and no level at all when it is wrong.
func (b *builder) level(w word) models.Level {
	if w.line == 0 {
		return models.LevelNone
	}
	level, err := models.ParseLevel(b.choice(w, "level", levelNames))
	if err != nil {
		return -1
	}
	return level
}

// day checks a calendar day; an empty one is left alone.
func (b *builder) day(w word) string {
	if _, ok := parseDate(w.value); !ok && w.line > 0 {
		b.problem(w.mark, "write year-month-day, such as 2026-01-31", "%q is not a date", w.value)
	}
	return w.value
}

// whole checks a whole number within bounds.
func (b *builder) whole(n number, least, most int) int {
	if n.set && (n.value != math.Trunc(n.value) || n.value < float64(least) || n.value > float64(most)) {
		b.problem(n.mark, fmt.Sprintf("a whole number from %d to %d", least, most), "%s does not fit", plainNumber(n.value))
		return least
	}
	return int(n.value)
}

// localDay is the first moment of a day.
func localDay(day string) time.Time {
	at, _ := time.ParseInLocation(time.DateOnly, day, models.Hanoi)
	return at
}
