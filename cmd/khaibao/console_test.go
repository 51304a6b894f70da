package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"khaibao/internal/auth"
	"khaibao/internal/intake"
	"khaibao/internal/store/sqlite"
	"khaibao/models"
)

// TestConsole is the morning of a commune's official and of a province's manager in a real browser, on a phone's screen and
// on a desk's, in both languages, with and without a script: whole, without a word from the content security policy, and
// by axe-core without a violation of WCAG's levels A and AA.
func TestConsole(t *testing.T) {
	t.Parallel()
	slow(t)
	w := newConsoleWorld(t)
	for _, screen := range []struct {
		name          string
		width, height int64
	}{{"390", 390, 844}, {"1440", 1440, 900}} {
		for _, l := range []models.Lang{models.Vietnamese, models.English} {
			for _, script := range []bool{true, false} {
				commune := models.Area(w.communes[0]) // nobody else's, so that each morning is quiet
				w.communes = w.communes[1:]
				name := screen.name + "-" + string(l) + map[bool]string{true: "", false: "-noscript"}[script]
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					desk, vietnamese := screen.name == "1440", l == models.Vietnamese
					c := w.browser(t, name, l, script)
					c.commune, c.audited = commune, script && desk == vietnamese // each width and each language once
					c.tablets = c.audited && desk
					c.screen(screen.width, screen.height)
					c.officersMorning()
					c.signOut()
					c.managersMorning()
					if script == (desk == vietnamese) { // each pair of the three once
						official := w.browser(t, name, l, script)
						official.audited = c.audited
						official.screen(screen.width, screen.height)
						c.newColleague(official)
					} else {
						colleague := w.browser(t, name+"-2", l, script)
						colleague.audited = script // these pages are here alone
						colleague.screen(screen.width, screen.height)
						c.signOut()
						c.twoOnOneCase(colleague)
					}
					c.signOut()
					c.nationsMorning()
					w.noneRefused(t)
				})
			}
		}
	}
}

// consoleWorld is the product with some households in it.
type consoleWorld struct {
	*world
	axe      string
	communes []string
}

func newConsoleWorld(t *testing.T) *consoleWorld {
	t.Helper()
	engine, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	w := &consoleWorld{world: newWorld(t, engine), axe: readAxe(t)}
	communes, _ := w.app.areas.Communes("20")
	for _, c := range communes[:8] {
		w.communes = append(w.communes, c.Code)
	}
	s := &seeder{
		claim: w.app.store.ClaimPhone, programs: w.app.catalog, areas: w.app.areas, communes: w.communes, start: time.Now(), households: 300,
		intake: func(now func() time.Time) *intake.Service {
			return intake.New(intake.Config{Store: w.app.store, Programs: w.app.catalog, Areas: w.app.areas, Now: now})
		},
	}
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.app.effects.Wake()
	w.eventually("the cases are there", func() bool {
		for _, commune := range w.communes {
			if n, err := w.app.store.Within(models.Area(commune)).Count(t.Context(), models.CaseFilter{}, time.Now()); err != nil || n < 2 {
				return false
			}
		}
		return true
	})
	return w
}

func readAxe(t *testing.T) string {
	t.Helper()
	axe, err := os.ReadFile(os.Getenv("KHAIBAO_TEST_AXE"))
	if err != nil {
		t.Fatalf("KHAIBAO_TEST_AXE names axe-core, scripts/test sets it: %v", err)
	}
	return string(axe)
}

// consoleBrowser is an official's browser.
type consoleBrowser struct {
	*browser
	world   *consoleWorld
	lang    models.Lang
	script  bool
	audited bool // by axe-core
	tablets bool // pages are tried at a tablet's widths, too
	width   int64
	height  int64
	commune models.Area

	given         auth.Credentials // of who is signed in
	authenticator *authenticator
}

func (w *consoleWorld) browser(t *testing.T, name string, l models.Lang, script bool) *consoleBrowser {
	t.Helper()
	b := openBrowser(t, w.url)
	b.name = name
	c := &consoleBrowser{browser: b, world: w, lang: l, script: script, audited: script}
	if !script {
		if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// screen gives the browser a size.
func (c *consoleBrowser) screen(width, height int64) {
	c.Helper()
	c.width, c.height = width, height
	c.do(chromedp.EmulateViewport(width, height))
}

// say is a text of the console in the browser's language.
func (c *consoleBrowser) say(key string) string {
	return c.world.app.texts.Text(c.lang, "console."+key, nil)
}

// js evaluates in the page, which works with the page's own scripts off, too.
func (c *consoleBrowser) js(expression string) string {
	c.Helper()
	out, err := chromedp.Run(c.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		return "" // the page is on its way
	}
	return out
}

// holds waits until an expression is true in the page.
func (c *consoleBrowser) holds(what, expression string) {
	c.Helper()
	c.world.eventuallyIn(c.T, what+": "+expression, func() bool { return c.js(expression) == "true" })
}

// onThePage is how long what is to be seen in a page may take: less than a hang, since a page that shows something else is
// what these tests find.
const onThePage = 2 * time.Minute

// eventuallyIn waits for something in a test that goes on beside others.
func (w *consoleWorld) eventuallyIn(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(onThePage); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// shows waits until the page's main part shows a text.
func (c *consoleBrowser) shows(text string) {
	c.Helper()
	quoted, _ := json.Marshal(text)
	c.world.eventuallyIn(c.T, "the page shows "+text+"; it shows\n"+c.js(`document.body.innerText`), func() bool {
		return c.js(fmt.Sprintf(`document.readyState === "complete" && document.body.innerText.includes(%s)`, quoted)) == "true"
	})
}

// click clicks what a selector finds, and waits until the next page is there.
func (c *consoleBrowser) click(selector string) {
	c.Helper()
	c.holds("there is "+selector, fmt.Sprintf(`document.readyState === "complete" && !!document.querySelector(%q)`, selector))
	c.js(`document.documentElement.setAttribute("data-old", "yes")`)
	c.do(chromedp.Click(chromedp.CSS(selector)))
	c.holds("a new page after "+selector, `document.readyState === "complete" && !document.documentElement.hasAttribute("data-old")`)
}

func (c *consoleBrowser) fill(selector, text string) {
	c.Helper()
	c.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// signInAs adds an official of the test's own and signs in by the form.
func (c *consoleBrowser) signInAs(role models.Role, area models.Area) {
	c.Helper()
	login := strings.ReplaceAll(string(role), "_", ".") + "." + c.name
	given, err := c.world.app.officials.Add(c.Context(), auth.NewOfficial{Login: login, Name: "Nông Thị Bắc", Role: role, Area: area})
	if err != nil {
		c.Fatal(err)
	}
	c.do(chromedp.Navigate(c.base + "/console"))
	c.holds("the sign-in", `!!document.querySelector("input[name=totp]")`)
	if c.js(`document.documentElement.lang`) != string(c.lang) {
		c.click(`.who form[action="/console/language"] button`)
	}
	c.page("sign-in")
	c.given, c.authenticator = given, &authenticator{}
	c.signIn()
}

// signIn fills the sign-in.
func (c *consoleBrowser) signIn() {
	c.Helper()
	c.fill("input[name=login]", c.given.Official.Login)
	c.fill("input[name=password]", c.given.Password)
	c.fill("input[name=totp]", c.authenticator.code(c.T, c.given.TOTPSecret))
	c.click("main form button.main")
}

func (c *consoleBrowser) signOut() {
	c.Helper()
	c.click(`form[action="/console/sign-out"] button`)
	c.holds("the sign-in", `!!document.querySelector("input[name=totp]")`)
}

// tablets are widths between a phone's and a desk's, where a page changes its form.
var tablets = []int64{701, 768, 834, 1024, 1101}

// page holds a page against what every page must be: no wider than the screen, and usable by everybody.
func (c *consoleBrowser) page(name string) {
	c.Helper()
	if c.tablets {
		for _, width := range tablets {
			c.do(chromedp.EmulateViewport(width, c.height))
			c.fits(fmt.Sprintf("%s at %d", name, width))
			if width == 768 {
				c.picture(name + "-768")
			}
		}
		c.do(chromedp.EmulateViewport(c.width, c.height))
	}
	c.fits(name)
	c.picture(name)
	if c.audited {
		c.accessible(name)
	}
}

// fits wants a page no wider than the screen.
func (c *consoleBrowser) fits(name string) {
	c.Helper()
	if over := c.js(`document.documentElement.scrollWidth - document.documentElement.clientWidth`); over != "0" {
		c.Errorf("%s is %s pixels wider than the screen: %s", name, over, c.js(`[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join("; ")`))
	}
}

// accessible wants no violation of WCAG's levels A and AA, as far as axe-core sees them.
func (c *consoleBrowser) accessible(name string) {
	c.Helper()
	type violation struct {
		ID    string
		Nodes []struct{ HTML, FailureSummary string }
	}
	found, err := chromedp.Run(c.ctx, chromedp.Evaluate[string](c.world.axe+
		`; axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`, chromedp.EvalAwaitPromise))
	if err != nil {
		c.fail(err)
	}
	var violations []violation
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		c.Fatal(err)
	}
	for _, v := range violations {
		for _, node := range v.Nodes {
			c.Errorf("%s: axe says %s: %s %s", name, v.ID, node.HTML, node.FailureSummary)
		}
	}
}

// officersMorning: who is new, whom to call; see why, see who, call, write down; take what is left; nothing lost.
func (c *consoleBrowser) officersMorning() {
	c.Helper()
	c.signInAs(models.Officer, c.commune)
	c.shows(c.say("queue.search"))
	c.page("queue")
	if rows := c.js(`document.querySelectorAll("tr.row").length`); rows == "0" || rows == "" {
		c.Fatal("the queue is empty")
	}
	c.click("tr.row .person a")
	c.shows(c.say("case.why"))
	c.js(`document.querySelectorAll("details").forEach(d => d.open = true)`)
	c.page("case")
	c.fill("input[name=reason]", "Gọi điện hỏi thăm")
	c.click(`form[action$="/reveal"] button`)
	c.shows(c.say("case.identity"))
	c.holds("the phone", `document.querySelector(".revealed").innerText.includes("090")`)
	c.page("revealed")
	c.referral()
	c.fill(`form[action$="/contact"] input[name=note]`, "Gọi hai lần, máy bận\r") // Enter decides nothing
	c.click(`form[action$="/contact"] button[value=no_answer]`)
	c.shows(c.say("done.contact"))
	c.holds("one call, in vain", fmt.Sprintf(`[...document.querySelectorAll("#call ~ .people b")].map(b => b.innerText).join() === %q`, c.say("outcome.no_answer")))
	c.click(`.notice form button`)
	c.shows(c.undone())
	c.fill(`form[action$="/change"] textarea`, "Hẹn gọi lại buổi chiều.\nDặn đo SpO2.")
	c.click(`form[action$="/change"] button.main`)
	c.shows("Hẹn gọi lại buổi chiều.\nDặn đo SpO2.")
	c.click("header nav a")
	c.do(chromedp.Click(chromedp.CSS("tr.row input[type=checkbox]")))
	c.expect("status of 422")
	c.fill("tr.row input[type=checkbox]", "\r") // Enter decides nothing here either, and keeps what was ticked
	c.shows(c.say("queue.no_action"))
	c.holds("what was ticked", `document.querySelector("tr.row input[type=checkbox]").checked`)
	c.click("button[value=mine]")
	c.holds("a word of what was done", `!!document.querySelector(".notice button")`)
	c.fill("input[name=q]", "0900 000 001")
	c.click("form[role=search] button")
	c.click(`header nav a[href="/console/overview"]`)
	c.do(chromedp.NavigateBack())
	c.holds("what was searched for", `document.readyState === "complete" && document.querySelector("input[name=q]").value === "0900 000 001"`)
	c.visitEnds()
}

func (c *consoleBrowser) undone() string {
	return c.world.app.texts.Text(c.lang, "console.done.undone", map[string]any{"n": "1"})
}

// nationsMorning: where does it rise, who falls behind? The map, and down to a province, a commune and the people behind a
// number; and what a number of declarations is made of.
func (c *consoleBrowser) nationsMorning() {
	c.Helper()
	c.signInAs(models.NationalManager, models.Nation)
	c.click(`header nav a[href="/console/overview"]`)
	c.holds("34 provinces that are links", `document.querySelectorAll(".map a .land").length === 34`)
	c.holds("six shades that are painted", `document.querySelectorAll(".map pattern").length === 6 && !!document.querySelector('.map .land[fill="url(#shade-5)"]')`)
	c.page("nation")
	c.click(`.numbers a[href*="/declarations"]`)
	c.shows(c.say("declarations.help"))
	c.page("declarations")
	c.click(`.above a`)
	c.click(`.areas a[href$="area=20"]`)
	c.holds("the province on the map", `!!document.querySelector(".map .here")`)
	c.click(`.areas a[href$="area=` + string(c.commune) + `"]`)
	c.holds("no map of a commune", `!document.querySelector(".map")`)
	c.page("commune")
	cases := c.js(`document.querySelector("#open .to").innerText`)
	c.click("#open .to")
	c.holds("as many rows as the number said", `document.querySelectorAll("tr.row").length === `+cases)
}

// managersMorning: the province's queue by deadline, and one action on a whole filter.
func (c *consoleBrowser) managersMorning() {
	c.Helper()
	c.signInAs(models.ProvinceManager, "20")
	c.page("province")
	c.do(chromedp.SetValue(chromedp.CSS("select[name=sort]"), "due", chromedp.NodeVisible))
	c.click("form.filters button")
	c.holds("the order", `location.search.includes("sort=due")`)
	c.do(chromedp.Navigate(c.base + "/console/cases?area=" + string(c.commune)))
	c.do(chromedp.Click(chromedp.CSS("input[name=which][value=all]")))
	c.click(`.bulk button[value=no_answer]`)
	c.holds("a word of what was done", `!!document.querySelector(".notice button")`)
	c.holds("all of the commune's", `document.querySelectorAll("tr.row .mark").length >= document.querySelectorAll("tr.row").length`)
	for _, name := range []string{"overview", "export"} {
		c.click(fmt.Sprintf(`header nav a[href="/console/%s"]`, name))
		c.shows(c.say("nav." + name))
		c.page(name)
	}
	c.broadcast()
}
