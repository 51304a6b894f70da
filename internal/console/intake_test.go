package console

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"khaibao/internal/intake"
	"khaibao/internal/sitetest"
	"khaibao/models"
)

const caller = "0901234999"

// find goes through the first step.
func (b *browser) find(phone, what string) page {
	b.Helper()
	return b.submit("/console/intake/household", "phone", phone, "what", what)
}

// newcomer goes through the steps until the form about somebody who was never heard of.
func (b *browser) newcomer(phone, what, commune string) page {
	b.Helper()
	got := b.want(http.StatusOK, b.find(phone, what))
	form := with(got.formAt(b, "/console/intake/person"), "name", "Nông Văn Khách", "born", "1958", "sex", "male", "relationship", "self", "commune", commune, "do", "send")
	return b.want(http.StatusOK, b.post("/console/intake/person", form))
}

const covid = "covid19/declaration"

// audited lists what the officials did with an account, oldest first.
func (w *world) audited(account string) []string {
	w.Helper()
	entries, _, err := w.Store.Audit(w.Context(), models.AuditFilter{Account: account, ByOfficials: true}, models.Page{Limit: 50})
	must(w, err)
	var out []string
	for _, e := range slices.Backward(entries) {
		out = append(out, fmt.Sprintf("%s by %s %s %s: %v", e.Action, e.Login, e.Role, e.Area, e.Detail))
	}
	return out
}

// A call from somebody nobody has heard of: the number, the person, the form, and what to read out. The source is told.
func TestIntake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	got := b.newcomer("090 123 4999", covid, bacSon)
	if !strings.Contains(got.words(), "N*** V*** K***") || strings.Contains(got.body, "Nông Văn Khách") {
		t.Errorf("the form's person: %s", got.words())
	}
	form := with(got.formAt(t, "/console/intake/declare"), "a.fever", "yes", "a.contact_case", "yes", "agreed", "yes", "do", "send")
	form["a.chronic_conditions"] = []string{"diabetes", "cancer"}
	sent := b.want(http.StatusOK, b.post("/console/intake/declare", form))
	for _, want := range []string{"Nguy cơ cao", "Có sốt trong 14 ngày qua.", "Trạm y tế xã, phường sẽ gọi", "trong hàng chờ của bạn"} {
		if !strings.Contains(sent.words(), want) {
			t.Errorf("the result does not say %q: %s", want, sent.words())
		}
	}
	again := b.want(http.StatusOK, b.post("/console/intake/declare", form))
	receipt := regexp.MustCompile(`[2-9A-Z]{4}-[2-9A-Z]{3}`)
	diff(t, "the receipt of a second click", receipt.FindString(again.words()), receipt.FindString(sent.words()))

	account, err := w.Store.AccountOfPhone(t.Context(), "+84901234999")
	must(t, err)
	kept, _, err := w.Store.Declarations(t.Context(), account, models.FormDeclaration, "", models.Page{Limit: 10})
	must(t, err)
	if len(kept) != 1 {
		t.Fatalf("%d declarations, want 1", len(kept))
	}
	d := kept[0]
	diff(t, "the answers", d.Answers, models.Answers{"fever": true, "contact_case": "yes", "chronic_conditions": []string{"cancer", "diabetes"}})
	diff(t, "the channel", d.Channel, models.ChannelOfficial)
	official, err := w.Store.Official(t.Context(), "an.nguyen")
	must(t, err)
	diff(t, "who entered it", d.By, &models.Behalf{Official: official.ID, Login: "an.nguyen", Role: models.Officer, Area: bacSon, Province: langSon, TextVersion: statementVersion})

	w.Settle(t)
	w.Settle(t)
	diff(t, "the audit", w.audited(account), []string{
		"intake by an.nguyen officer 06325: map[person:added]",
		"intake by an.nguyen officer 06325: map[form:declaration receipt:" + models.Receipt(d.ID) + " text_version:" + statementVersion + "]",
	})
	nobody, _, err := w.Store.Audit(t.Context(), models.AuditFilter{Login: "an.nguyen", Actions: []models.AuditAction{models.AuditSearch}}, models.Page{Limit: 10})
	must(t, err)
	if len(nobody) != 1 || nobody[0].Account != "" || nobody[0].Detail["found"] != "no" {
		t.Errorf("the look that found nobody: %+v", nobody)
	}
	manager := w.official("tinh.ls", models.ProvinceManager, langSon)
	read := manager.want(http.StatusOK, manager.get("/console/audit?login=an.nguyen"))
	if n := strings.Count(read.body, "<td>an.nguyen"); n != 3 {
		t.Errorf("the province's manager reads %d entries, want the look, the person and the declaration: %s", n, read.words())
	}
	link := regexp.MustCompile(`/console/cases/[A-Za-z0-9_-]{22}`).FindString(sent.body)
	story := b.want(http.StatusOK, b.get(link)).words()
	if !strings.Contains(story, "Khai báo (cán bộ khai hộ) · an.nguyen") {
		t.Errorf("the timeline: %s", story)
	}
	inbox, _, err := w.Store.Inbox(t.Context(), account, models.Page{Limit: 10})
	must(t, err)
	if len(inbox) != 1 || inbox[0].Route != models.RouteSMS || inbox[0].State != models.MessagePending {
		t.Errorf("what the citizen is told: %+v", inbox)
	}
	stats, err := w.Store.Stats(t.Context(), "covid19", bacSon, false, models.Day(w.Clock.Now()), models.Day(w.Clock.Now()))
	must(t, err)
	if len(stats) != 1 || stats[0].Channel != models.ChannelOfficial || stats[0].Count != 1 {
		t.Errorf("the numbers: %+v", stats)
	}
	if log := w.Logged.String(); strings.Contains(log, "1234999") {
		t.Errorf("the log holds the number: %s", log)
	}
}

// A household that is there: masked people, one look in the citizen's own log, and the place where they stay now.
func TestIntakeOfAHousehold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen, person := w.declared("Nông Thị Lan", dongKinh, map[string]any{"fever": false})
	b := w.official("an.nguyen", models.Officer, bacSon)
	got := b.want(http.StatusOK, b.find("+84 901 230 001", covid))
	if !strings.Contains(got.words(), "N*** T*** L***") || strings.Contains(got.body, "Nông Thị") || !strings.Contains(got.words(), "0901***001") {
		t.Errorf("the household: %s", got.words())
	}
	diff(t, "the look", w.audited(citizen.Account), []string{"search by an.nguyen officer 06325: map[for:intake found:yes]"})
	for _, link := range regexp.MustCompile(`(?:href|action)="([^"]*)"`).FindAllStringSubmatch(got.body, -1) {
		if strings.Contains(link[1], "230001") {
			t.Errorf("a link holds the number: %s", link[1])
		}
	}
	form := with(got.formAt(t, "/console/intake/form"), "person", person)
	asked := b.want(http.StatusOK, b.post("/console/intake/form", form))
	answers := with(asked.formAt(t, "/console/intake/declare"), "a.fever", "yes", "agreed", "yes")
	diff(t, "where they are known to stay", answers.Get("commune"), dongKinh)

	found := b.want(http.StatusOK, b.post("/console/intake/declare", with(answers, "find.commune", "that khe", "do", "find")))
	answers = found.formAt(t, "/console/intake/declare")
	diff(t, "what was ticked survives", answers.Get("a.fever"), "yes")
	diff(t, "one place of that name is offered", answers.Get("commune"), "06040")
	sent := b.want(http.StatusOK, b.post("/console/intake/declare", with(answers, "do", "send")))
	if !strings.Contains(sent.words(), "Ca nằm ngoài phạm vi của bạn") || strings.Contains(sent.body, "/console/cases/") {
		t.Errorf("a case of another area: %s", sent.words())
	}
	w.Settle(t)
	account, err := w.Store.Account(t.Context(), citizen.Account)
	must(t, err)
	diff(t, "where they stay", account.People[0].Commune, "06040")
	if n := len(b.get("/console/cases").ids()); n != 0 {
		t.Errorf("the official sees %d cases of another area", n)
	}
	stranger := b.post("/console/intake/form", with(form, "phone", caller))
	if stranger.status != http.StatusNotFound {
		t.Errorf("a person of another number: got %d", stranger.status)
	}
}

// What is wrong is said on top with a link and beside its field; nothing is kept, and nothing that was typed is lost.
func TestIntakeErrors(t *testing.T) {
	t.Parallel()
	w := newRiver(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	for name, c := range map[string]struct{ phone, what, say string }{
		"no number": {"", covid, "Chưa trả lời"}, "a landline": {"0243 825 5555", covid, "di động"}, "letters": {"abc", covid, "không hợp lệ"},
		"no program": {caller, "plague/declaration", "không có"}, "no such form": {caller, "covid19/weekly", "không có"},
	} {
		if got := b.want(http.StatusUnprocessableEntity, b.find(c.phone, c.what)); !strings.Contains(got.words(), c.say) {
			t.Errorf("%s: %s", name, got.words())
		}
	}
	got := b.want(http.StatusOK, b.find(caller, "river/declaration"))
	form := with(got.formAt(t, "/console/intake/person"), "name", "Lan 2", "born", "31/02/1958", "national_id", "12", "relationship", "", "commune", "", "find.commune", "Bắc", "do", "send")
	refused := b.want(http.StatusUnprocessableEntity, b.post("/console/intake/person", form))
	diff(t, "what is wrong with a person", refused.wrong(), []string{"name", "born", "sex", "relationship", "commune", "national_id"})
	if kept := refused.formAt(t, "/console/intake/person"); kept.Get("born") != "31/02/1958" || kept.Get("find.commune") != "Bắc" {
		t.Errorf("what was typed is gone: %v", kept)
	}
	if _, err := w.Store.AccountOfPhone(t.Context(), "+84901234999"); !models.NotFound.Is(err) {
		t.Errorf("a person with whom everything is wrong left a household behind: %v", err)
	}

	asked := b.newcomer(caller, "river/declaration", bacSon)
	answers := with(asked.formAt(t, "/console/intake/declare"), "a.fever", "no", "a.shivers", "yes", "a.swam_on", "2020-01-01", "a.temperature", "rất nóng", "a.bites", "1.000",
		"a.change", "-9", "a.work", "king", "find.a.place", "zzzz", "a.remark", strings.Repeat("ă", 201), "find.commune", "hoang mai", "commune", "")
	answers["a.animals"] = []string{"bee", "-"}
	again := b.want(http.StatusUnprocessableEntity, b.post("/console/intake/declare", answers))
	diff(t, "what is wrong with the answers", again.wrong(), []string{
		"commune", "q-shivers", "q-swam", "q-swam_on", "q-temperature", "q-bites", "q-change", "q-place", "q-work", "q-animals", "q-boat_name", "q-remark", "agreed",
	})
	kept := again.formAt(t, "/console/intake/declare")
	for name, want := range map[string]string{"a.temperature": "rất nóng", "a.bites": "1.000", "a.shivers": "yes", "find.a.place": "zzzz", "id": answers.Get("id")} {
		diff(t, name+" as typed", kept.Get(name), want)
	}
	diff(t, "animals as ticked", kept["a.animals"], []string{"bee", "-"})
	account, err := w.Store.AccountOfPhone(t.Context(), "+84901234999")
	must(t, err)
	if kept, _, _ := w.Store.Declarations(t.Context(), account, models.FormDeclaration, "", models.Page{Limit: 1}); len(kept) != 0 {
		t.Error("a refused form was kept")
	}
}

var linkOnTop = regexp.MustCompile(`<li><a href="#([^"]+)">`)

// wrong lists the fields that are named on top of a page; each is there, and says itself what is wrong with it.
func (p page) wrong() []string {
	var out []string
	for _, m := range linkOnTop.FindAllStringSubmatch(p.body, -1) {
		at := m[1]
		if !strings.Contains(p.body, ` id="`+at+`"`) {
			at += " (which is not on the page)"
		}
		if !strings.Contains(p.body, ` id="`+m[1]+`-wrong"`) {
			at += " (which says nothing itself)"
		}
		out = append(out, at)
	}
	return out
}

// A form that was sent and then changed makes another declaration only when that is what somebody wants.
func TestIntakeSentBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	form := with(b.newcomer(caller, covid, bacSon).formAt(t, "/console/intake/declare"), "a.fever", "yes", "agreed", "yes", "do", "send")
	b.want(http.StatusOK, b.post("/console/intake/declare", form))
	other := b.want(http.StatusConflict, b.post("/console/intake/declare", with(form, "a.fever", "no", "a.cough", "yes")))
	if !strings.Contains(other.words(), "đã được gửi với nội dung khác") {
		t.Errorf("%s", other.words())
	}
	b.want(http.StatusOK, b.post("/console/intake/declare", with(other.formAt(t, "/console/intake/declare"), "do", "send")))
	account, err := w.Store.AccountOfPhone(t.Context(), "+84901234999")
	must(t, err)
	kept, _, err := w.Store.Declarations(t.Context(), account, models.FormDeclaration, "", models.Page{Limit: 10})
	must(t, err)
	if len(kept) != 2 || kept[0].Answers["cough"] != true {
		t.Errorf("%d declarations: %+v", len(kept), kept)
	}
}

// A form outlives the visit; nobody but its own page sends one; and a day has so many looks.
func TestIntakeIsGuarded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	form := with(b.newcomer(caller, covid, bacSon).formAt(t, "/console/intake/declare"), "a.fever", "yes", "agreed", "yes", "do", "send")
	for name, send := range map[string]func() page{
		"another site":      func() page { return b.post("/console/intake/declare", form, "Sec-Fetch-Site", "cross-site") },
		"no token":          func() page { return b.post("/console/intake/declare", without(form, "csrf")) },
		"a look from there": func() page { return b.post("/console/intake/household", form, "Sec-Fetch-Site", "cross-site") },
	} {
		if got := send(); got.status != http.StatusForbidden {
			t.Errorf("%s: got %d", name, got.status)
		}
	}
	w.SignIn.Forward(time.Hour)
	ended := b.want(http.StatusUnauthorized, b.post("/console/intake/declare", form))
	signIn := ended.formAt(t, "/console/sign-in")
	for name, values := range b.credentials() {
		signIn[name] = values
	}
	resume := b.want(http.StatusOK, b.post("/console/sign-in", signIn))
	kept := resume.formAt(t, "/console/intake/declare")
	diff(t, "the form behind the sign-in", without(kept, "csrf"), without(form, "csrf"))
	b.want(http.StatusOK, b.post("/console/intake/declare", kept))

	for range sitetest.Lookups - 1 {
		b.want(http.StatusOK, b.find(caller, covid))
	}
	if got := b.want(http.StatusTooManyRequests, b.find(caller, covid)); strings.Contains(got.body, "N***") {
		t.Errorf("a look too many: %s", got.words())
	}
	b.want(http.StatusOK, w.official("binh.tran", models.Officer, bacSon).find(caller, covid))
}

func without(form url.Values, name string) url.Values {
	out := url.Values{}
	for n, values := range form {
		if n != name {
			out[n] = values
		}
	}
	return out
}

// Who goes back to correct somebody they have just added changes that person; a colleague does not, and nobody once
// something was declared.
func TestCorrectingSomebodyNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, other := w.official("an.nguyen", models.Officer, bacSon), w.official("binh.tran", models.Officer, bacSon)
	form := with(b.find(caller, covid).formAt(t, "/console/intake/person"), "name", "Nông Văn Khách", "born", "1980", "sex", "male", "relationship", "self",
		"commune", bacSon, "national_id", "020080000017", "do", "send")
	send := func(b *browser, pairs ...string) page {
		t.Helper()
		return b.post("/console/intake/person", with(maps.Clone(form), append([]string{"csrf", b.csrf()}, pairs...)...))
	}
	account := func() *models.Account {
		t.Helper()
		id, err := w.Store.AccountOfPhone(t.Context(), "+84901234999")
		must(t, err)
		account, err := w.Store.Account(t.Context(), id)
		must(t, err)
		return account
	}
	want := func(what, born, nationalID, commune string) {
		t.Helper()
		people := account().People
		if len(people) != 1 || people[0].BirthDate != born || people[0].NationalID != nationalID || people[0].Commune != commune || people[0].Relationship != models.Self {
			t.Errorf("%s: %+v", what, people)
		}
	}
	b.want(http.StatusOK, send(b))
	asked := b.want(http.StatusOK, send(b, "born", "1981", "national_id", "", "commune", dongKinh, "find.commune", "Đông Kinh"))
	has(t, "the form's person", asked, "sinh 1981")
	b.want(http.StatusOK, send(b, "born", "1981", "national_id", "", "commune", dongKinh, "find.commune", "Đông Kinh"))
	want("corrected", "1981", "", dongKinh)
	b.want(http.StatusOK, send(b, "born", "1982"))
	want("corrected again", "1982", "020080000017", bacSon)
	refused := other.want(http.StatusConflict, send(other, "born", "1990"))
	has(t, "a colleague", refused, "Người này đã được thêm", "Khai cho ai")
	want("after a colleague", "1982", "020080000017", bacSon)
	w.Settle(t)
	diff(t, "the audit", w.audited(account().ID), []string{
		"intake by an.nguyen officer 06325: map[person:added]", "intake by an.nguyen officer 06325: map[person:changed]", "intake by an.nguyen officer 06325: map[person:changed]",
	})

	b.want(http.StatusOK, b.post("/console/intake/declare", with(asked.formAt(t, "/console/intake/declare"), "a.fever", "yes", "agreed", "yes", "commune", bacSon, "do", "send")))
	late := b.want(http.StatusConflict, send(b, "born", "1983"))
	has(t, "declared", late, "Người này đã được thêm")
	hasNot(t, "words of a developer", late, "Mã định danh")
	want("declared", "1982", "020080000017", bacSon)
}

// What the citizen has changed meanwhile, and what is long past, an official does not change by going back.
func TestCorrectingTooLate(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*world, models.Citizen, string){
		"an hour later": func(w *world, _ models.Citizen, _ string) { w.Clock.Forward(time.Hour) },
		"changed by the citizen": func(w *world, citizen models.Citizen, person string) {
			name := "Nông Văn Khánh"
			_, _, err := w.Intake.ChangePerson(w.Context(), citizen, person, intake.PersonInput{Name: &name})
			must(w, err)
		},
		"taken out": func(w *world, citizen models.Citizen, person string) {
			_, err := w.Intake.RemovePerson(w.Context(), citizen, person)
			must(w, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.official("an.nguyen", models.Officer, bacSon)
			form := with(b.find(caller, covid).formAt(t, "/console/intake/person"), "name", "Nông Văn Khách", "born", "1980", "sex", "male", "relationship", "self", "commune", bacSon, "do", "send")
			b.want(http.StatusOK, b.post("/console/intake/person", form))
			id, err := w.Store.AccountOfPhone(t.Context(), "+84901234999")
			must(t, err)
			meanwhile(w, models.Citizen{Account: id, Channel: models.ChannelApp}, form.Get("id"))
			b.want(http.StatusConflict, b.post("/console/intake/person", with(form, "born", "1981")))
			account, err := w.Store.Account(t.Context(), id)
			must(t, err)
			if len(account.People) != 1 || account.People[0].BirthDate == "1981" {
				t.Errorf("%+v", account.People)
			}
		})
	}
}
