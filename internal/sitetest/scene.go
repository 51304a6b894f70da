package sitetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"khaibao/internal/auth"
	"khaibao/internal/broadcast"
	"khaibao/internal/cases"
	"khaibao/internal/intake"
	"khaibao/models"
)

// Kind of what a route may be about.
type Kind string

// The kinds. An appointed official is one whom managers of the area manage.
const (
	Case      Kind = "case"
	Broadcast Kind = "broadcast"
	Appointed Kind = "official"
)

// thing lies in one area: who works elsewhere does not even learn that it is there.
type thing struct {
	kind   Kind
	id     string
	area   models.Area
	phone  string   // of a case's household
	person string   // of a case
	ids    []string // by which an answer may name it
	masked []string // those of the ids and marks that stand for a masked person
	marks  []string // what else an answer may say of it; no two things share one, but for those of one household
}

// scene is a site with something of every kind in several areas.
type scene struct {
	*Site
	things []*thing
}

// author wrote what officials have written before the scene begins.
var author = models.Official{ID: "soan.thao", Login: "soan.thao", Role: models.NationalManager, Area: models.Nation}

// twice is the identity number of somebody whom two households have declared.
const twice = "020158000011"

// newScene settles four households in three communes. The first has somebody who stays in another province; the third may
// be the first person again, by the identity number.
func newScene(t testing.TB, site *Site) *scene {
	t.Helper()
	s := &scene{Site: site}
	first := s.household(t)
	s.flagged(t, first, "Quách Xuân Vượng", BacSon, twice)
	s.flagged(t, first, "Ông Yến Khuê", BaDinh, "001158000022")
	s.flagged(t, s.household(t), "Ưng Gia Đoan", DongKinh, twice)
	s.flagged(t, s.household(t), "Iêng Ái Phương", BaDinh, "001158000044")
	s.flagged(t, s.household(t), "Tiêu Sáng Mỹ", BacSon, "020158000055")
	s.dropCommon()
	for _, area := range []models.Area{BacSon, LangSon, HaNoi, models.Nation} {
		s.broadcast(t, area)
	}
	for _, area := range []models.Area{BacSon, DongKinh, BaDinh} {
		login := "bo.nhiem." + string(area)
		given := s.Official(t, login, models.Officer, area)
		s.things = append(s.things, &thing{kind: Appointed, id: login, area: area, ids: []string{login}, marks: []string{given.Official.Name}})
	}
	s.Settle(t)
	return s
}

type household struct {
	models.Citizen
	phone string
}

func (s *scene) household(t testing.TB) household {
	citizen := s.Household(t)
	account, err := s.Store.Account(t.Context(), citizen.Account)
	must(t, err)
	return household{citizen, account.Phone}
}

// flagged puts a person with a case, and with a word of every kind that officials write, into the scene.
func (s *scene) flagged(t testing.TB, in household, name, commune, nationalID string) {
	t.Helper()
	n := len(s.things) + 1
	word := func(what string) string { return fmt.Sprintf("%s riêng số %d", what, n) }
	address := word("nhà")
	person := s.Person(t, in.Citizen, name, commune, func(p *intake.PersonInput) {
		p.NationalID, p.Address = &nationalID, &address
		if relation := models.Parent; n == 2 {
			p.Relationship = &relation
		}
	})
	declared := s.Declare(t, in.Citizen, person.ID, models.FormDeclaration, map[string]any{"fever": true, "contact_case": "yes"})
	found, _, err := s.Store.Within(models.Area(commune)).List(t.Context(), models.CaseFilter{}, s.Clock.Now(), models.Page{Limit: 10})
	must(t, err)
	local := "0" + strings.TrimPrefix(in.phone, "+84")
	one := &thing{kind: Case, area: models.Area(commune), person: person.ID, phone: local}
	for _, c := range found {
		if c.Case.PersonID == person.ID {
			one.id = c.Case.ID
		}
	}
	note, call, why, told := word("ghi chú"), word("cuộc gọi"), word("nhận định"), word("tin nhắn")
	_, err = s.Cases.Change(t.Context(), author, one.id, nil, cases.Patch{
		Note: &note, Assessment: &cases.AssessmentInput{Level: models.LevelModerate, Reason: why},
	})
	must(t, err)
	_, err = s.Cases.Contact(t.Context(), author, one.id, nil, cases.ContactInput{Outcome: models.NoAnswer, Note: call})
	must(t, err)
	_, err = s.Cases.Message(t.Context(), author, one.id, told, "")
	must(t, err)
	one.masked = []string{person.ID, cases.MaskName(name), cases.MaskPhone(in.phone)}
	one.ids = []string{one.id, person.ID, in.Account, declared}
	one.marks = []string{
		models.Receipt(declared), name, cases.MaskName(name), local[1:], cases.MaskPhone(in.phone), nationalID,
		address, note, call, why, told,
	}
	s.things = append(s.things, one)
}

// dropCommon leaves out of the marks what two households have in common: it says nothing of where it was read.
func (s *scene) dropCommon() {
	for _, one := range s.things {
		one.marks = slices.DeleteFunc(one.marks, func(mark string) bool { return mark == twice })
	}
}

func (s *scene) broadcast(t testing.TB, area models.Area) {
	t.Helper()
	text := "Thông báo riêng cho vùng " + string(area) + "."
	v, _, err := s.Broadcasts.Create(t.Context(), author, broadcast.Draft{Text: models.Words{Vietnamese: text}, Area: area, Purpose: models.BroadcastAlert})
	must(t, err)
	s.things = append(s.things, &thing{kind: Broadcast, id: v.ID, area: area, ids: []string{v.ID}, marks: []string{text}})
}

// sees tells whether an official's area holds another.
func (s *scene) sees(own, other models.Area) bool { return s.Areas.Holds(own, other) }

// caller is an official of the matrix.
type caller struct {
	name  string
	role  models.Role
	area  models.Area
	given auth.Credentials
}

// scopes are the areas of the matrix, seen from the first case.
var scopes = []struct {
	name string
	area models.Area
}{
	{"of its commune", BacSon}, {"of another commune of the province", DongKinh}, {"of its province", LangSon},
	{"of another province", HaNoi}, {"of the nation", models.Nation},
}

// callers are an official of every role in every area that the role can have.
func (s *scene) callers(t testing.TB) []caller {
	t.Helper()
	var out []caller
	for _, role := range models.Roles() {
		for i, scope := range scopes {
			fits := role != models.NationalManager && role != models.ProvinceManager ||
				role == models.NationalManager && scope.area == models.Nation || role == models.ProvinceManager && scope.area.IsProvince()
			if !fits {
				continue
			}
			login := strings.ReplaceAll(string(role), "_", ".") + fmt.Sprintf(".%d", i)
			out = append(out, caller{string(role) + " " + scope.name, role, scope.area, s.Official(t, login, role, scope.area)})
		}
	}
	return out
}

// audit is the key of how many entries the audit has.
const audit = "audit"

// state is what the store holds, by what it is: to see that nothing was changed.
func (s *scene) state(t testing.TB) map[string]string {
	t.Helper()
	ctx, all := t.Context(), models.Page{Limit: 1000}
	out := map[string]string{}
	keep := func(key string, value any) {
		text, err := json.Marshal(value)
		must(t, err)
		out[key] += string(text)
	}
	found, _, err := s.Store.Within(models.Nation).List(ctx, models.CaseFilter{}, s.Clock.Now(), all)
	must(t, err)
	accounts := map[string]bool{}
	for _, c := range found {
		keep(string(Case)+" "+c.Case.ID, c)
		accounts[c.Case.Account] = true
	}
	broadcasts, _, err := s.Store.Broadcasts(ctx, models.Nation, all)
	must(t, err)
	for _, b := range broadcasts {
		keep(string(Broadcast)+" "+b.ID, b)
	}
	officials, err := s.Store.Officials(ctx)
	must(t, err)
	for _, o := range officials {
		keep(string(Appointed)+" "+o.Login, o)
	}
	for account := range accounts {
		messages, _, err := s.Store.Inbox(ctx, account, all)
		must(t, err)
		for _, m := range messages {
			keep("messages "+m.PersonID, m)
		}
	}
	entries, _, err := s.Store.Audit(ctx, models.AuditFilter{}, models.Page{Limit: 10_000})
	must(t, err)
	out[audit] = fmt.Sprint(len(entries))
	return out
}

// keys are those of a state that belong to a thing.
func (one *thing) keys() []string {
	keys := []string{string(one.kind) + " " + one.id}
	if one.kind == Case {
		keys = append(keys, "messages "+one.person)
	}
	return keys
}
