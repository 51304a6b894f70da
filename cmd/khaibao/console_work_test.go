package main

import (
	"fmt"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"khaibao/models"
)

// visitEnds: a page says so before its visit ends, and what was typed when it ended anyway is still there after signing in.
func (c *consoleBrowser) visitEnds() {
	c.Helper()
	c.do(chromedp.Navigate(c.base + "/console/cases"))
	c.click("tr.row .person a")
	if c.script {
		c.warned()
	}
	c.fill(`form[action$="/change"] textarea`, "Đã dặn người nhà theo dõi.")
	c.forgetVisit()
	if c.script {
		c.staysWritten()
	}
	c.expect("status of 401")
	c.click(`form[action$="/change"] button.main`)
	c.shows(c.say("sign_in.kept"))
	c.page("visit-ended")
	c.signIn()
	c.shows(c.say("resume.text"))
	c.page("resume")
	c.click("main form button.main")
	c.shows("Đã dặn người nhà theo dõi.")
}

// referral makes a note for another place, which prints on one sheet of A4, and goes back to the case.
func (c *consoleBrowser) referral() {
	c.Helper()
	c.fill(`form[action$="/referral"] input[name=to]`, "Bệnh viện đa khoa tỉnh Lạng Sơn")
	c.fill(`form[action$="/referral"] [name=reason]`, "Khó thở tăng, cần khám và theo dõi SpO2")
	c.click(`form[action$="/referral"] button`)
	c.shows(c.say("referral.dear"))
	c.page("referral")
	c.onePage()
	c.click(`p.noprint a`)
	c.shows(c.say("case.why"))
}

// sooner makes the first long wait of a page a short one.
const sooner = `(() => {
	const wait = window.setTimeout;
	let long = 600000;
	window.setTimeout = (then, after, ...more) => {
		if (after < long) return wait(then, after, ...more);
		long = Infinity;
		return wait(then, 500, ...more);
	};
})()`

// warned loads the case again as if the visit's rest were nearly over, waits for the warning, and stays.
func (c *consoleBrowser) warned() {
	c.Helper()
	added, err := chromedp.Call(c.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: sooner})
	if err != nil {
		c.fail(err)
	}
	c.do(chromedp.Reload())
	c.holds("the warning", `document.readyState === "complete" && !document.querySelector(".ending").hidden`)
	c.page("warning")
	c.do(chromedp.Click(chromedp.CSS(".ending .stay")))
	c.holds("the visit goes on", `document.querySelector(".ending").hidden`)
	if _, err := chromedp.Call(c.ctx, page.RemoveScriptToEvaluateOnNewDocument, page.RemoveScriptToEvaluateOnNewDocumentParams(added)); err != nil {
		c.fail(err)
	}
}

// staysWritten asks to go on when the visit is over already: the page says so and keeps what was typed.
func (c *consoleBrowser) staysWritten() {
	c.Helper()
	c.js(`document.querySelector(".ending").hidden = false`)
	c.do(chromedp.Click(chromedp.CSS(".ending .stay")))
	c.shows(c.say("session.ended"))
	c.holds("what was typed", `document.querySelector('form[action$="/change"] textarea').value === "Đã dặn người nhà theo dõi."`)
	c.page("visit-over")
	c.do(chromedp.Click(chromedp.CSS(".ending .stay")))
	c.holds("out of the way", `document.querySelector(".ending").hidden`)
}

// forgetVisit ends the visit as the server sees it: the cookie is none of its own any more.
func (c *consoleBrowser) forgetVisit() {
	c.Helper()
	httpOnly := true
	_, err := chromedp.Call(c.ctx, network.SetCookie, network.SetCookieParams{Name: "khaibao_visit", Value: "ended", URL: c.base, Path: "/", HTTPOnly: &httpOnly})
	if err != nil {
		c.fail(err)
	}
}

// twoOnOneCase: two officials have the same case open; the second to save sees what the first has changed, and loses
// nothing typed.
func (c *consoleBrowser) twoOnOneCase(second *consoleBrowser) {
	c.Helper()
	second.commune = c.commune
	for _, b := range []*consoleBrowser{c, second} {
		name := b.name
		defer func() { b.name = name }()
		b.name += "-case"
		b.signInAs(models.Officer, c.commune)
		b.click("tr.row .person a")
		b.shows(b.say("case.why"))
	}
	c.do(chromedp.SetValue(chromedp.CSS(`select[name=status]`), string(models.CaseMonitoring), chromedp.NodeVisible))
	c.click(`form[action$="/change"] button.main`)
	c.shows(c.say("done.changed"))

	second.fill(`form[action$="/change"] textarea`, "Người nhà sẽ đưa đi khám chiều nay.")
	second.expect("status of 412")
	second.click(`form[action$="/change"] button.main`)
	second.shows(second.world.app.texts.Text(second.lang, "console.change.status", map[string]any{
		"to": second.world.app.texts.Text(second.lang, "status."+string(models.CaseMonitoring), nil),
	}))
	second.holds("what was typed", `document.querySelector('form[action$="/change"] textarea').value === "Người nhà sẽ đưa đi khám chiều nay."`)
	second.page("changed-meanwhile")
	second.click(`form[action$="/change"] button.main`)
	second.shows(second.say("done.changed"))
	second.shows("Người nhà sẽ đưa đi khám chiều nay.")
	second.holds("both changes", fmt.Sprintf(`document.querySelector("select[name=status]").value === %q`, models.CaseMonitoring))
}

// broadcast: the manager writes to the households of a commune, looks at it first, keeps it, starts it and sees it out.
func (c *consoleBrowser) broadcast() {
	c.Helper()
	c.click(`header nav a[href="/console/broadcasts"]`)
	c.click(`main a[href="/console/broadcasts/new"]`)
	c.page("broadcast-new")
	c.do(chromedp.SetValue(chromedp.CSS("select[name=area]"), string(c.commune), chromedp.NodeVisible))
	c.fill("textarea[name=vi]", "Chiều nay phun hóa chất diệt muỗi. Hãy đậy kín thức ăn.")
	c.fill("textarea[name=en]", "Mosquito spraying this afternoon. Please cover your food.")
	c.do(chromedp.Click(chromedp.CSS("input[name=sms]")))
	c.click("main form button.main")
	c.shows(c.say("broadcast.preview"))
	c.page("broadcast-preview")
	c.click("main form button.main")
	c.shows(c.say("done.broadcast_drafted"))
	c.page("broadcast-draft")
	c.click(`form[action$="/start"] button`)
	c.shows(c.say("done.broadcast_started"))
	c.holds("all is sent", `(() => {
		if (document.querySelector('form[action$="/cancel"]')) location.reload();
		return document.readyState === "complete" && !document.querySelector('form[action$="/cancel"]');
	})()`)
	c.shows(c.say("broadcast.status.done"))
	c.page("broadcast-done")
	c.click(`main p a[href="/console/broadcasts"]`)
	c.shows(c.say("broadcast.status.done"))
	c.page("broadcasts")
}
