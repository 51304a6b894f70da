package dialogue

import (
	"slices"
	"strings"
	"time"

	"khaibao/internal/areas"
	"khaibao/internal/auth"
	"khaibao/internal/gsm"
	"khaibao/internal/rules"
	"khaibao/models"
)

// declare begins a declaration by asking for whom.
func (t *turn) declare() error {
	program, waiting := t.st.Program, t.st.Waiting
	t.st.drop()
	t.st.Program, t.st.Waiting, t.st.Form = program, waiting, models.FormDeclaration
	t.st.Chunk = 0
	t.st.to(stepWho)
	return nil
}

// leave drops the open form for something else, and says so where answers go with it.
func (t *turn) leave() {
	if t.st.begun() {
		t.left = t.text("left", nil)
	}
	t.st.drop()
}

// people lists the household, its owner first, then by age.
func (t *turn) people() []models.Person {
	if t.account == nil {
		return nil
	}
	people := slices.DeleteFunc(slices.Clone(t.account.People), func(p models.Person) bool { return !p.RemovedAt.IsZero() })
	slices.SortStableFunc(people, func(a, b models.Person) int {
		if (a.Relationship == models.Self) != (b.Relationship == models.Self) {
			if a.Relationship == models.Self {
				return -1
			}
			return 1
		}
		return strings.Compare(a.BirthDate, b.BirthDate)
	})
	return people
}

// named tells whether somebody has a name that the screen can show: one in another script has no plain letters.
func (t *turn) named(p models.Person) bool {
	return p.Name != "" && (t.accents() || gsm.Carries(gsm.Unaccented(p.Name)))
}

// personLabel names somebody: "me", by name, or as long as there is none "mother", "child 2".
func (t *turn) personLabel(p models.Person) string {
	switch {
	case p.Relationship == models.Self:
		return t.text("person.self", nil)
	case t.named(p):
		return label(p.Name)
	}
	kind := kindOfRelative(p.Relationship, p.Sex)
	alike, number := 0, 0
	for _, other := range t.people() {
		if !t.named(other) && kindOfRelative(other.Relationship, other.Sex) == kind {
			alike++
			if other.ID == p.ID {
				number = alike
			}
		}
	}
	args := map[string]any{}
	if alike > 1 {
		args["number"] = number
	}
	return t.text("person."+kind, args)
}

func kindOfRelative(r models.Relationship, s models.Sex) string {
	switch {
	case r == models.Parent && s == models.Female:
		return "mother"
	case r == models.Parent && s == models.Male:
		return "father"
	case r == models.Spouse && s == models.Female:
		return "wife"
	case r == models.Spouse && s == models.Male:
		return "husband"
	}
	return string(r)
}

// The line for somebody who is not in the household yet stands behind its people.
const somebodyNew = "+"

// whom lists what the question for whom offers: ids, and what the lines say.
func (t *turn) whom() (ids, labels []string) {
	people := t.people()
	if len(people) == 0 || people[0].Relationship != models.Self {
		ids, labels = append(ids, string(models.Self)), append(labels, t.text("person.self", nil))
	}
	for _, p := range people {
		ids, labels = append(ids, p.ID), append(labels, t.personLabel(p))
	}
	if len(people) < models.HouseholdLimit {
		key := "who.relative"
		if len(ids) > 1 {
			key = "who.other"
		}
		ids, labels = append(ids, somebodyNew), append(labels, t.text(key, nil))
	}
	return ids, labels
}

// sevenOf shows seven lines of however many.
func (t *turn) sevenOf(title string, labels []string) view {
	from := t.st.Chunk * perScreen
	if from >= len(labels) {
		from, t.st.Chunk = 0, 0
	}
	return view{
		text: title, items: numbered(labels[from:min(from+perScreen, len(labels))]...), back: t.back(),
		chunks: (len(labels) + perScreen - 1) / perScreen,
	}
}

func showWho(t *turn) (view, error) {
	_, labels := t.whom()
	return t.sevenOf(t.text("who.title", nil), labels), nil
}

func takeWho(t *turn, typed string) error {
	ids, _ := t.whom()
	switch id := t.chosen(typed, ids); id {
	case "":
		return nil
	case string(models.Self):
		t.meet(models.Self)
		return nil
	case somebodyNew:
		t.begin()
		t.st.forget()
		t.st.to(stepRelation)
		return nil
	default:
		return t.about(id)
	}
}

// about begins the form for somebody of the household. Who only went back finds what was answered, and nobody else does.
func (t *turn) about(person string) error {
	if t.st.New != nil || t.st.Person != person {
		t.st.forget()
	}
	t.begin()
	t.st.Person = person
	return t.toProgram()
}

// begin gives the form its identity, from which the ids of what will be kept follow.
func (t *turn) begin() {
	t.st.Conv, t.st.Began, t.st.Chunk = t.NewID(), t.Now(), 0
	t.st.Person, t.st.New, t.st.House = "", nil, ""
	if t.account != nil {
		t.st.House = t.account.ID
	}
}

// meet begins the questions about somebody new.
func (t *turn) meet(r models.Relationship) {
	if t.st.Conv == "" {
		t.begin()
	}
	t.st.forget()
	t.st.Person, t.st.New = "", &newPerson{Relationship: r}
	t.st.to(stepYear)
}

func showRelation(t *turn) (view, error) {
	return view{
		text:  t.text("relation.title", nil),
		items: numbered(t.text("relation.spouse", nil), t.text("relation.child", nil), t.text("relation.parent", nil), t.text("relation.other", nil)),
		back:  t.back(),
	}, nil
}

func takeRelation(t *turn, typed string) error {
	if n := t.choice(typed, 4); n > 0 {
		t.meet([]models.Relationship{models.Spouse, models.Child, models.Parent, models.OtherRelated}[n-1])
	}
	return nil
}

func backFromRelation(t *turn) error {
	t.st.Open = ""
	if t.st.Register {
		t.st.drop()
		return goTo(stepPeople)(t)
	}
	return goTo(stepWho)(t)
}

func backFromYear(t *turn) error {
	if t.st.New == nil || t.st.New.Relationship == models.Self {
		t.st.Open = ""
		return goTo(stepWho)(t)
	}
	t.st.to(stepRelation)
	return nil
}

// ofWhom chooses between the words for oneself and for somebody else.
func (t *turn) ofWhom() string {
	if t.st.New != nil && t.st.New.Relationship == models.Self {
		return "self"
	}
	return "other"
}

func showYear(t *turn) (view, error) {
	return view{text: t.text("year."+t.ofWhom(), nil), back: t.back00(), entry: true}, nil
}

func takeYear(t *turn, typed string) error {
	year := strings.Trim(areas.Fold(typed), " .,;#")
	born, err := time.ParseInLocation("2006", year, models.Hanoi)
	if err != nil || born.Year() < 1900 || born.After(t.Now()) {
		return t.unclear("year", map[string]any{"max": t.Now().In(models.Hanoi).Year()})
	}
	t.st.New.Year = year
	t.st.to(stepSex)
	return nil
}

func showSex(t *turn) (view, error) {
	return view{
		text:  t.text("sex.title", nil),
		items: numbered(t.text("sex.male", nil), t.text("sex.female", nil), t.text("sex.other", nil)), back: t.back(),
	}, nil
}

func takeSex(t *turn, typed string) error {
	switch folded := areas.Fold(typed); {
	case oneOf(folded, "nam", "male", "m"):
		typed = "1"
	case oneOf(folded, "nu", "female", "f"):
		typed = "2"
	}
	if n := t.choice(typed, 3); n > 0 {
		t.st.New.Sex = []models.Sex{models.Male, models.Female, models.Other}[n-1]
		t.st.to(stepCommune)
	}
	return nil
}

func showCommune(t *turn) (view, error) {
	return view{text: t.text("commune."+t.ofWhom(), nil), back: t.back()}, nil
}

func takeCommune(t *turn, typed string) error {
	if !t.search(typed) {
		return nil
	}
	t.st.to(stepCommunes)
	return nil
}

// mostFound is how many communes a search shows; more letters find fewer.
const mostFound = 42

// search looks for communes; false, and said why, when there are none: what was found before stays then.
func (t *turn) search(typed string) bool {
	var found []string
	for _, a := range t.Areas.Search(typed, 4*mostFound) {
		if a.Level == areas.LevelCommune && len(found) < mostFound {
			found = append(found, a.Code)
		}
	}
	if len(found) == 0 {
		t.unclear("no_commune", nil)
		return false
	}
	t.st.Found, t.st.Chunk = found, 0
	return true
}

// showFound lists what was found, and says so when there may be more.
func (t *turn) showFound() view {
	labels := make([]string, len(t.st.Found))
	for i, code := range t.st.Found {
		labels[i] = t.placeLabel(code)
	}
	key := "commune.found"
	if len(labels) == mostFound {
		key = "commune.many"
	}
	return t.sevenOf(t.text(key, nil), labels)
}

// placeLabel names a commune with its province: "Xa Bac Son, Lang Son".
func (t *turn) placeLabel(code string) string {
	commune, _ := t.Areas.Get(code)
	province, _ := t.Areas.Get(commune.Parent)
	name := commune.In(t.st.Lang) + ", " + province.In(t.st.Lang)
	for _, unit := range []string{"Tỉnh ", "Thành phố "} {
		name = strings.Replace(name, ", "+unit, ", ", 1)
	}
	return label(strings.TrimSuffix(strings.TrimSuffix(name, " Province"), " City"))
}

func showCommunes(t *turn) (view, error) { return t.showFound(), nil }

func takeCommunes(t *turn, typed string) error {
	if strings.IndexFunc(areas.Fold(typed), func(r rune) bool { return r >= 'a' && r <= 'z' }) >= 0 { // another name
		return takeCommune(t, typed)
	}
	if code := t.chosen(typed, t.st.Found); code != "" {
		t.st.New.Commune, t.st.Chunk = code, 0
		return t.known()
	}
	return nil
}

// known goes on once everything about somebody new was asked.
func (t *turn) known() error {
	switch {
	case t.st.Register:
		t.st.to(stepRegister)
	case t.account == nil && !t.bySMS():
		t.st.to(stepPIN)
	default:
		return t.toProgram()
	}
	return nil
}

// showPIN lets a household that is new choose its PIN. Later only the app can, so that whoever borrows the phone cannot.
func showPIN(t *turn) (view, error) {
	return view{text: t.text("pin.choose", nil), foot: t.text("pin.skip", nil), entry: true}, nil
}

func takePIN(t *turn, typed string) error {
	if typed != "0" && !auth.ValidPIN(typed) {
		return t.unclear("pin", nil)
	}
	t.st.PIN = ""
	if typed != "0" {
		t.st.PIN = typed
	}
	return t.toProgram()
}

// newLabel describes somebody new: "mother, born 1958, female, Xa Bac Son, Lang Son".
func (t *turn) newLabel() string {
	n := t.st.New
	who := t.personLabel(models.Person{Relationship: n.Relationship, Sex: n.Sex})
	return t.text("register.person", map[string]any{"who": who, "year": n.Year, "sex": rules.LowerFirst(t.text("sex."+string(n.Sex), nil)), "place": t.placeLabel(n.Commune)})
}

func showRegister(t *turn) (view, error) {
	return view{
		text:  t.text("register.title", map[string]any{"person": t.newLabel()}),
		items: numbered(t.text("register.save", nil)), back: t.back(),
	}, nil
}

func takeRegister(t *turn, typed string) error {
	if t.choice(typed, 1) == 0 {
		return nil
	}
	if _, err := t.addPerson(); err != nil {
		return t.refused(err)
	}
	t.st.drop()
	t.note = ""
	t.st.to(stepPeople)
	return t.readAccount()
}
