package rules

import (
	"fmt"
	"math"
	"slices"

	"cel.dev/cel-go/common/types"

	"khaibao/models"
)

// maxOnScreen is how many questions one screen of a keypad holds: 8 and 9 have meanings of their own.
const maxOnScreen = 7

func (b *builder) forms(file *programFile) {
	past := past{}
	forms := make([]*Form, len(file.Forms.list))
	for i := range file.Forms.list {
		e := &file.Forms.list[i]
		id := models.Form(b.choice(e.key, "form", formNames))
		forms[i] = b.form(id, &e.value)
		b.p.forms[id] = forms[i]
		past.add(forms[i])
	}
	for i, f := range forms { // rules may name the questions of both
		b.emergency(f, &file.Forms.list[i].value, file)
		b.rules(f, past, &file.Forms.list[i].value)
	}
	if file.Forms.line > 0 && !slices.Contains(file.Forms.keys(), formNames[0]) {
		b.problem(file.Forms.mark, `add "declaration:"`, "the form declaration is missing")
	}
	b.sameTypes(file)
}

// sameTypes holds that a question means the same in both forms, so that its answers can be followed over time.
func (b *builder) sameTypes(file *programFile) {
	known := map[string]string{}
	for _, e := range file.Forms.list {
		for _, q := range e.value.Questions {
			if before, ok := known[q.ID.value]; ok && before != q.Type.value && q.Type.line > 0 {
				b.problem(q.Type.mark, "use another id, or the same type", "%s is %s in the other form", q.ID.value, before)
			}
			if _, ok := known[q.ID.value]; !ok {
				known[q.ID.value] = q.Type.value
			}
		}
	}
}

func (b *builder) form(id models.Form, n *formNode) *Form {
	f := &Form{ID: id, base: b.level(n.Base), index: map[string]int{}, names: map[string]int{}}
	b.groups(f, n.Groups)
	seen := map[string]bool{}
	for i := range n.Questions {
		b.code(n.Questions[i].ID, seen)
		if w := n.Questions[i].ID; slices.Contains(reserved, w.value) {
			b.problem(w.mark, "choose another id", "%q has a meaning of its own in rules", w.value)
		}
		b.question(f, &n.Questions[i])
	}
	b.screens(f, n)
	f.layOut()
	return f
}

func (b *builder) groups(f *Form, nodes []groupNode) {
	seen := map[string]bool{}
	for i := range nodes {
		n := &nodes[i]
		b.code(n.ID, seen)
		text := b.texts(&n.Text, maxText)
		f.Groups = append(f.Groups, Group{ID: n.ID.value, text: text, short: b.brief(n.Short, text, n.Text.mark, maxShort)})
	}
}

func (b *builder) question(f *Form, n *questionNode) {
	q := Question{
		ID: n.ID.value, Type: QuestionType(b.choice(n.Type, "question type", questionTypes)), Required: n.Required.value,
		Emergency: n.Emergency.value, Group: n.Group.value, Codes: b.codes(n.Codes), text: b.texts(&n.Text, maxText),
	}
	q.short = b.brief(n.Short, q.text, n.Text.mark, maxShort)
	q.finding = q.text
	if n.Finding != nil {
		q.finding = b.texts(n.Finding, maxText)
	}
	for _, w := range n.Words {
		b.filled(w)
		q.Words = append(q.Words, w.value)
	}
	b.options(&q, n)
	b.bounds(&q, n)
	if q.Emergency && q.Type != TypeBoolean {
		b.problem(n.Emergency.mark, "ask it as a boolean", "an emergency sign is a yes or no")
	}
	if n.EnableWhen != nil {
		q.EnableWhen = b.enableWhen(f, n.EnableWhen)
		if q.Emergency {
			b.problem(n.EnableWhen.mark, "take enable_when out", "an emergency sign is always asked")
		}
	}
	if _, twice := f.index[q.ID]; !twice {
		f.index[q.ID] = len(f.Questions)
	}
	f.Questions = append(f.Questions, q)
}

func (b *builder) options(q *Question, n *questionNode) {
	takes := q.Type == TypeChoice || q.Type == TypeChoices
	switch {
	case takes && len(n.Options) < 1:
		b.problem(n.mark, "add options: with an id and a text each", "%s has no options to choose from", q.ID)
	case !takes && len(n.Options) > 0:
		b.problem(n.Options[0].mark, "only choice and choices have options", "a question of type %s has no options", q.Type)
	}
	seen := map[string]bool{}
	for i := range n.Options {
		o := &n.Options[i]
		b.code(o.ID, seen)
		text := b.texts(&o.Text, maxText)
		q.Options = append(q.Options, Option{o.ID.value, text, b.brief(o.Short, text, o.Text.mark, maxShort)})
	}
}

// A date that says nothing else lies within the year before the declared day; none lies further away than a lifetime.
const (
	usualDaysBack = 365
	maxDaysAway   = 45_000
)

// bounds checks min and max: both for numbers, either for dates, max for a text, none for the rest.
func (b *builder) bounds(q *Question, n *questionNode) {
	if !slices.Contains(questionTypes, string(q.Type)) {
		return
	}
	takesMin := q.Type == TypeInteger || q.Type == TypeDecimal || q.Type == TypeDate
	if n.Min.set && !takesMin {
		b.problem(n.Min.mark, "take min out", "a question of type %s has no min", q.Type)
	}
	if n.Max.set && !takesMin && q.Type != TypeText {
		b.problem(n.Max.mark, "take max out", "a question of type %s has no max", q.Type)
	}
	switch q.Type {
	case TypeInteger, TypeDecimal:
		if n.Min.line == 0 || n.Max.line == 0 {
			b.problem(n.mark, "the least and the greatest plausible value", "%s needs min and max", q.ID)
		}
		b.plausible(n, q.Type == TypeInteger, maxNumber)
	case TypeDate:
		if !n.Min.set {
			n.Min.value = -usualDaysBack
		}
		b.plausible(n, true, maxDaysAway)
	case TypeText:
		if n.Max.line == 0 {
			b.problem(n.mark, "how many characters an answer may have, such as max: 200", "%s needs max", q.ID)
		}
		most := float64(b.whole(n.Max, 1, 2000))
		q.Max = &most
		return
	default:
		return
	}
	least, most := n.Min.value, n.Max.value
	q.Min, q.Max = &least, &most
}

func (b *builder) plausible(n *questionNode, whole bool, limit float64) {
	for _, bound := range []number{n.Min, n.Max} {
		if math.Abs(bound.value) > limit || (whole && !bound.isWhole()) {
			b.problem(bound.mark, fmt.Sprintf("bounds lie within %s; those of an integer or a date are whole", plainNumber(limit)), "%s does not fit", plainNumber(bound.value))
		}
	}
	if (n.Min.set || n.Max.set) && n.Min.value > n.Max.value {
		at := n.Min.mark
		if !n.Min.set {
			at = n.Max.mark
		}
		b.problem(at, "exchange them", "min is greater than max")
	}
}

// screens fills the groups and holds that each fits on one screen of a keypad.
func (b *builder) screens(f *Form, n *formNode) {
	for i := range f.Questions {
		q, at := &f.Questions[i], n.Questions[i].Group.mark
		if q.Group == "" {
			continue
		}
		g := slices.IndexFunc(f.Groups, func(g Group) bool { return g.ID == q.Group })
		if g < 0 {
			var known []string
			for _, group := range f.Groups {
				known = append(known, group.ID)
			}
			b.problem(at, oneOf(q.Group, known), "no group %q", q.Group)
			continue
		}
		group := &f.Groups[g]
		if !q.yesOrNo() {
			b.problem(at, "take group out: the question gets a screen of its own", "only boolean questions and choices of yes, no, not_sure stand in a group")
			continue
		}
		if len(group.Questions) > 0 && f.Questions[i-1].Group != q.Group {
			b.problem(at, "put the questions of a group next to each other", "the group %s is interrupted before %s", q.Group, q.ID)
		}
		if len(group.Questions) > 0 && !f.Questions[f.index[group.Questions[0]]].answeredLike(q) {
			b.problem(at, "one screen takes one kind of answer", "%s is not answered like the other questions of its group", q.ID)
		}
		group.Questions = append(group.Questions, q.ID)
	}
	for i := range f.Groups {
		if k := len(f.Groups[i].Questions); k == 0 || k > maxOnScreen {
			b.problem(n.Groups[i].mark, "a keypad screen has 1 to 7 questions", "the group %s has %d questions", f.Groups[i].ID, k)
		}
	}
}

func (q *Question) yesOrNo() bool {
	ids := q.optionIDs()
	slices.Sort(ids)
	return q.Type == TypeBoolean || (q.Type == TypeChoice &&
		(slices.Equal(ids, []string{"no", "not_sure", "yes"}) || slices.Equal(ids, []string{"no", "yes"})))
}

func (q *Question) answeredLike(other *Question) bool {
	return q.Type == other.Type && slices.Equal(q.optionIDs(), other.optionIDs())
}

// layOut gives the variables of the form's rules their positions: the questions, then the person, the day and the level.
// Earlier values get theirs when a rule names them.
func (f *Form) layOut() {
	f.blank = make([]any, len(f.Questions), len(f.Questions)+4)
	for id, i := range f.index {
		f.names[id] = i
		f.blank[i] = unknownValue(id, i)
	}
	for _, name := range []string{varAge, varSex, varToday, varLevel} {
		f.position(name)
	}
}

// position gives the place of a variable in a valuation, a new one when it has none yet.
func (f *Form) position(name string) int {
	i, ok := f.names[name]
	if !ok {
		i = len(f.blank)
		f.names[name] = i
		f.blank = append(f.blank, unknownValue(name, i))
	}
	return i
}

func unknownValue(name string, position int) *types.Unknown {
	return types.NewUnknown(int64(position+1), types.NewAttributeTrail(name))
}

// emergency makes the rule of the emergency signs, the first of every form.
func (b *builder) emergency(f *Form, n *formNode, file *programFile) {
	when := &condition{op: anyOf}
	for i := range f.Questions {
		if !f.Questions[i].Emergency {
			continue
		}
		when.parts = append(when.parts, &condition{op: isLeaf, leaf: len(f.leaves)})
		f.leaves = append(f.leaves, leaf{variable: i, variables: []int{i}})
	}
	if len(when.parts) == 0 && n.line > 0 {
		b.problem(n.mark, "ask for the signs, such as trouble breathing at rest, and mark each with emergency: true",
			"the form %s has no emergency signs", f.ID)
	}
	f.rules = append(f.rules, rule{
		id: EmergencySign, when: when, level: models.LevelEmergency, factors: b.factorPositions([]word{{value: EmergencySign}}),
		text: b.reason(&file.Emergency.Reason),
	})
}

func (b *builder) rules(f *Form, past past, n *formNode) {
	env, err := newEnv(f, past)
	if err != nil {
		b.problem(n.mark, "", "the questions cannot be used in rules: %v", err)
		return
	}
	c := &compiler{d: b.decoder, form: f, past: past, env: env, leaves: map[string]int{}}
	for i := range f.leaves {
		c.leaves[f.Questions[f.leaves[i].variable].ID] = i
	}
	seen := map[string]bool{EmergencySign: true}
	for i := range n.Rules {
		r := &n.Rules[i]
		b.code(r.ID, seen)
		if r.Level.line == 0 && len(r.Factors) == 0 {
			b.problem(r.mark, "add level: or factors:", "the rule %s gives neither a level nor a factor", r.ID.value)
		}
		made := rule{id: r.ID.value, level: b.level(r.Level), factors: b.factorPositions(r.Factors), text: b.reason(&r.Text)}
		if r.When.line > 0 {
			made.when = c.compile(r.When)
			made.second = made.when.namesLevel(f)
			f.second = f.second || made.second
		}
		f.rules = append(f.rules, made)
	}
}

func (b *builder) factorPositions(words []word) []int {
	var list []int
	for _, w := range words {
		i := slices.IndexFunc(b.p.factors, func(f factor) bool { return f.id == w.value })
		if i < 0 {
			if w.line > 0 {
				b.problem(w.mark, oneOf(w.value, b.p.Factors()), "no factor %q", w.value)
			}
			continue
		}
		list = append(list, i)
	}
	return list
}

// reason is the text of a rule; its only placeholder is {answers}.
func (b *builder) reason(n *textsNode) texts {
	for _, w := range []word{n.VI, n.EN} {
		for _, found := range placeholder.FindAllString(w.value, -1) {
			if found != answersPlaceholder {
				b.problem(w.mark, "the only one is {answers}", "%s is not a placeholder", found)
			}
		}
	}
	return b.texts(n, maxText)
}
