package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"khaibao/internal/rules"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// TestIntake is an official who declares for somebody on the phone, in a real browser: the program is one that was never
// seen before, with every kind of question. Each pair of screen, language and script comes once.
func TestIntake(t *testing.T) {
	t.Parallel()
	slow(t)
	engine := storetest.Memory(t)
	w := &consoleWorld{world: newWorld(t, engine, rules.Source{Name: "river", FS: os.DirFS("../../internal/dialogue/testdata/programs")}), axe: readAxe(t)}
	for i, c := range []struct {
		name          string
		width, height int64
		lang          models.Lang
		script        bool
	}{
		{"1440-vi", 1440, 900, models.Vietnamese, true}, {"1440-en-noscript", 1440, 900, models.English, false},
		{"390-vi-noscript", 390, 844, models.Vietnamese, false}, {"390-en", 390, 844, models.English, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := w.browser(t, c.name, c.lang, c.script)
			b.do(chromedp.EmulateViewport(c.width, c.height))
			b.commune = "06325"
			b.expect("status of 422")
			b.signInAs(models.Officer, b.commune)
			phone := fmt.Sprintf("091200000%d", i)
			b.takeCall(phone)
			b.declareRiver()
			b.hearOfIt(phone)
		})
	}
}

// takeCall finds the number, which nobody knows, and adds who calls: with something wrong first.
func (c *consoleBrowser) takeCall(phone string) {
	c.Helper()
	c.click(`header nav a[href="/console/intake"]`)
	c.shows(c.say("intake.title"))
	c.page("intake")
	c.do(chromedp.SetValue(chromedp.CSS("#what"), "river/declaration", chromedp.NodeVisible))
	c.fill("#phone", phone)
	c.click("main button.main")
	c.shows(c.say("intake.first"))
	c.fill("#name", "Nông Văn 2")
	c.fill("#born", "21/3/1958")
	c.tick(`input[name=sex][value=male]`)
	c.fill(`input[name="find.commune"]`, "that khe")
	c.click("button[value=find]")
	c.holds("one place is found and offered", `document.querySelector("input[name=commune]:checked").value === "06040"`)
	c.click("main button.main")
	c.holds("what is wrong, on top and beside", `document.querySelector("#problems a").hash === "#name" && !!document.querySelector("#name-wrong")`)
	c.page("intake-person")
	c.do(chromedp.SetValue(chromedp.CSS("#name"), "Nông Văn Khách", chromedp.NodeVisible))
	c.click("main button.main")
	c.shows(c.say("intake.agreed"))
}

// tick clicks what needs no new page.
func (c *consoleBrowser) tick(selector string) {
	c.Helper()
	c.holds("there is "+selector, fmt.Sprintf(`!!document.querySelector(%q)`, selector))
	c.do(chromedp.Click(chromedp.CSS(selector)))
}

// declareRiver fills the form: sent too early it says what is missing, and keeps the rest.
func (c *consoleBrowser) declareRiver() {
	c.Helper()
	c.page("intake-form")
	if c.script {
		c.onlyAskedWhatApplies()
	}
	c.holds("every question is there without a script", fmt.Sprintf(`%t || document.querySelectorAll(".question").length === [...document.querySelectorAll(".question")].filter(q => q.checkVisibility()).length`, c.script))
	c.tick(`[name="a.fever"][value=yes]`)
	c.tick(`[name="a.shivers"][value=yes]`)
	c.tick(`[name="a.confusion"][value=yes]`)
	c.tick(`[name="a.swam"][value=yes]`)
	c.fill(`[name="a.temperature"]`, "38,5")
	c.tick(`[name="a.animals"][value=bee]`)
	c.fill(`[name="find.a.place"]`, "bac son lang son")
	c.click("main button.main")
	c.holds("what is missing, in the order of the page", `[...document.querySelectorAll("#problems a")].map(a => a.hash).join() === "#q-swam_on,#q-place,#q-boat_name,#agreed"`)
	c.page("intake-form-wrong")
	c.do(chromedp.Click(chromedp.CSS(`#problems a[href="#q-boat_name"]`)))
	c.holds("the link leads to the field", `document.activeElement.id === "q-boat_name" || location.hash === "#q-boat_name"`)
	c.js(fmt.Sprintf(`document.getElementById("q-swam_on").value = %q`, models.Day(time.Now())))
	c.fill("#q-boat_name", "Bến Đò")
	c.tick(`[name="a.place"][value="06325"]`)
	c.tick("#agreed")
	c.click("main button.main")
	c.shows(c.say("intake.result"))
}

// onlyAskedWhatApplies holds the script against the rules: for every answer to the questions that others hang on, the same
// ones are asked.
func (c *consoleBrowser) onlyAskedWhatApplies() {
	c.Helper()
	program, _ := c.world.app.catalog.Current("river", time.Now())
	form, _ := program.Form(models.FormDeclaration)
	yesOrNo := map[string]any{"": nil, "yes": true, "no": false}
	for fever, isFever := range yesOrNo {
		for swam, didSwim := range yesOrNo {
			for _, met := range []string{"", "yes", "no", "not_sure"} {
				answers := models.Answers{}
				for id, value := range map[string]any{"fever": isFever, "swam": didSwim, "met_case": met} {
					if value != nil && value != "" {
						answers[id] = value
					}
				}
				var want []string
				for i := range form.Questions {
					if id := form.Questions[i].ID; form.Enabled(id, answers) {
						want = append(want, id)
					}
				}
				text, _ := json.Marshal(map[string]string{"a.fever": fever, "a.swam": swam, "a.met_case": met})
				got := strings.Split(c.js(`(() => {
					for (const [name, value] of Object.entries(`+string(text)+`))
						for (const f of document.getElementsByName(name)) f.checked = f.value === value;
					document.querySelector("#q-fever").dispatchEvent(new Event("change", {bubbles: true}));
					return [...document.querySelectorAll(".question")].filter(q => q.checkVisibility()).map(q => q.dataset.question.slice(2)).join();
				})()`), ",")
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					c.Errorf("with %s asked are %v, want %v", text, got, want)
				}
			}
		}
	}
	c.js(`document.querySelector(".intake form.stack").reset(), document.querySelector("#q-fever").dispatchEvent(new Event("change", {bubbles: true}))`)
}

// hearOfIt reads the result out; the case is another area's, and the citizen has the advice by SMS. Then the household is
// there for the next form.
func (c *consoleBrowser) hearOfIt(phone string) {
	c.Helper()
	c.holds("call 115 first", `document.querySelector(".problem a").getAttribute("href") === "tel:115"`)
	c.page("intake-result")
	c.holds("the case is in another commune", `!document.querySelector('main a[href^="/console/cases/"]')`)
	c.world.eventuallyIn(c.T, "the advice comes by SMS", func() bool { return len(c.world.smsc.To("+84"+phone[1:])) == 1 })
	c.click(`form[action="/console/intake/household"] button`)
	c.shows(c.say("intake.audited"))
	c.page("intake-household")
	c.click(`main a[href="/console/intake"]`)
	c.do(chromedp.SetValue(chromedp.CSS("#what"), "covid19/declaration", chromedp.NodeVisible))
	c.fill("#phone", phone)
	c.click("main button.main")
	c.click(`button[name=person]`)
	c.shows("COVID-19")
	c.page("intake-covid19")
}
