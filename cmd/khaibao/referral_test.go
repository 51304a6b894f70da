package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"khaibao/internal/cases"
	"khaibao/internal/intake"
	"khaibao/internal/rules"
	"khaibao/internal/store/sqlite"
	"khaibao/models"
)

// TestLongestReferral prints the note that has most on it, of each program and in each language: every question is answered
// with what alarms most, again and again, and every text is as long as it may be. It is one page of A4.
func TestLongestReferral(t *testing.T) {
	t.Parallel()
	slow(t)
	engine, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	w := &consoleWorld{world: newWorld(t, engine)}
	communes, _ := w.app.areas.Communes("20")
	commune := models.Area(communes[0].Code)
	var worst []string
	for n, program := range w.app.catalog.IDs() {
		worst = append(worst, w.worstCase(t, fmt.Sprintf("+8490123450%d", n), program, string(commune)))
	}
	for _, l := range []models.Lang{models.Vietnamese, models.English} {
		c := w.browser(t, "longest-"+string(l), l, true)
		c.audited = false // by the mornings
		c.screen(1440, 900)
		c.signInAs(models.Officer, commune)
		for _, id := range worst {
			c.do(chromedp.Navigate(c.base + "/console/cases/" + id))
			for name, text := range map[string]string{"to": longText("Trung tâm Y tế khu vực ", 150), "reason": longText("Khó thở tăng nhanh, SpO2 giảm ", 300)} {
				quoted, _ := json.Marshal(text)
				c.js(fmt.Sprintf(`document.querySelector('form[action$="/referral"] input[name=%s]').value = %s`, name, quoted))
			}
			c.click(`form[action$="/referral"] button`)
			c.shows(c.say("referral.dear"))
			c.page("referral-" + id)
			c.onePage()
		}
	}
}

func longText(words string, n int) string { return string([]rune(strings.Repeat(words, n))[:n]) }

// worstCase makes the longest case of a program and gives its id.
func (w *consoleWorld) worstCase(t *testing.T, phone, program, commune string) string {
	t.Helper()
	ctx, clean := t.Context(), func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	account, err := w.app.store.ClaimPhone(ctx, phone)
	clean(err)
	citizen := models.Citizen{Account: account, Channel: models.ChannelApp, Lang: models.Vietnamese}
	name, born, sex, relation := longText("Nguyễn Thị Phương Thảo ", 100), "1958-03-21", models.Female, models.Self
	national, address := "020158001234", longText("Số 12, ngõ 345 đường Trần Hưng Đạo, ", 300)
	person, _, _, err := w.app.intake.AddPerson(ctx, citizen, intake.PersonInput{
		Name: &name, BirthDate: &born, Sex: &sex, Relationship: &relation, Commune: &commune, NationalID: &national, Address: &address,
	})
	clean(err)
	p, _ := w.app.catalog.Current(program, time.Now())
	forms := []models.Form{models.FormDeclaration, models.FormDaily, models.FormDaily, models.FormDaily, models.FormDaily, models.FormDaily}
	for n, form := range forms {
		at := time.Now().Add(time.Duration(n-10) * time.Hour)
		newest := n == len(forms)-1 // is no emergency, so that it stands beside the one that the level comes from
		_, _, err := w.app.intake.Submit(ctx, citizen, intake.Submission{
			Form: form, ID: uuid7(t), Program: program, PersonID: person.ID, Answers: mostAlarming(t, p, form, at, !newest), OccurredAt: at,
		})
		clean(err)
		w.app.effects.Wake()
	}
	id := models.CaseID(account, person.ID, program)
	official := models.Official{Login: "ghi.chu", Role: models.Officer, Area: models.Area(commune)}
	w.eventuallyIn(t, "the case is there", func() bool {
		_, err := w.app.cases.Change(ctx, official, id, nil, cases.Patch{Assessment: &cases.AssessmentInput{Level: models.LevelEmergency, Reason: longText("Thở nhanh, môi tím, ", 2000)}})
		return err == nil
	})
	return id
}

// mostAlarming answers every question with yes, with all there is to choose and with the highest number, as far as the
// answers go together.
func mostAlarming(t *testing.T, p *rules.Program, form models.Form, at time.Time, emergency bool) map[string]any {
	t.Helper()
	f, ok := p.Form(form)
	if !ok {
		t.Fatalf("%s has no %s", p.ID(), form)
	}
	given := map[string]any{}
	for i := range f.Questions {
		q := &f.Questions[i]
		var all []any
		for _, o := range q.Options {
			all = append(all, o.ID)
		}
		switch q.Type {
		case rules.TypeBoolean:
			given[q.ID] = emergency || !q.Emergency
		case rules.TypeChoice:
			given[q.ID] = all[0]
		case rules.TypeChoices:
			given[q.ID] = all
		case rules.TypeInteger, rules.TypeDecimal:
			given[q.ID] = *q.Max
		case rules.TypeDate:
			given[q.ID] = models.Day(at)
		case rules.TypeText:
			given[q.ID] = longText("mệt nhiều ", int(*q.Max))
		}
	}
	_, problems := p.Check(form, given, at)
	for _, problem := range problems {
		delete(given, strings.TrimPrefix(problem.Field, "/answers/"))
	}
	if _, left := p.Check(form, given, at); len(left) > 0 {
		t.Fatalf("%s: %v", p.ID(), left)
	}
	return given
}

var printedPage = regexp.MustCompile(`/Type\s*/Page[^s]`)

// onePage wants the page to print on one sheet of A4.
func (c *consoleBrowser) onePage() {
	c.Helper()
	printed, err := chromedp.Call(c.ctx, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69})
	if err != nil {
		c.fail(err)
	}
	if n := len(printedPage.FindAll(printed.Data, -1)); n != 1 {
		c.Errorf("%s prints on %d pages", c.js("location.pathname"), n)
	}
	if *screenshots != "" {
		if err := os.WriteFile(filepath.Join(*screenshots, c.name+"-"+c.js("location.pathname.split(\"/\")[3]")+".pdf"), printed.Data, 0o600); err != nil {
			c.Fatal(err)
		}
	}
}
