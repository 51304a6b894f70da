package main

import (
	"strings"

	"github.com/chromedp/chromedp"

	"khaibao/models"
)

// newColleague: the province's manager, who is signed in, adds an official and gets a link; the official sets up with it,
// and works; the manager sees whom the official looked at, and locks the official out.
func (c *consoleBrowser) newColleague(official *consoleBrowser) {
	c.Helper()
	login := "moi." + c.name
	c.click(`header nav a[href="/console/officials"]`)
	c.shows(c.say("officials.new"))
	c.page("officials")
	c.fill("section input[name=name]", "Lương Thị Mới")
	c.fill("section input[name=login]", login)
	c.do(chromedp.SetValue(chromedp.CSS("section select[name=role]"), string(models.Officer), chromedp.NodeVisible))
	c.do(chromedp.SetValue(chromedp.CSS("section select[name=area]"), string(c.commune), chromedp.NodeVisible))
	c.click("section button.main")
	c.shows(c.say("link.once"))
	c.page("link")
	link := c.js(`document.querySelector(".set-up-link").value`)
	if !strings.HasPrefix(link, c.base+"/console/set-up/"+login+"/") {
		c.Fatalf("the link is %q", link)
	}

	given := demoOfficial{Login: login, Password: "cá chép vượt vũ môn"}
	given.TOTPSecret = official.setUp(link, given.Password)
	official.click("tr.row .person a")
	official.fill("input[name=reason]", "Gọi điện hỏi thăm")
	official.click(`form[action$="/reveal"] button`)
	official.shows(c.say("case.identity"))

	c.click("p a") // the official's page
	c.shows(c.say("officials.active"))
	c.page("official")
	c.click(`a[href="/console/audit?login=` + login + `"]`)
	c.shows("Gọi điện hỏi thăm")
	c.page("audit")
	c.do(chromedp.Navigate(c.base + "/console/officials/" + login))
	c.click(`form[action$="/disable"] button`)
	c.shows(c.say("done.official_disabled"))

	official.do(chromedp.Navigate(c.base + "/console/cases"))
	official.holds("the official is out", `!!document.querySelector("input[name=totp]")`)
}

// setUp goes through a set-up link and gives the TOTP secret that it showed.
func (c *consoleBrowser) setUp(link, password string) (secret string) {
	c.Helper()
	c.do(chromedp.Navigate(link))
	c.holds("the set-up", `!!document.querySelector("svg.qr")`)
	if c.js(`document.documentElement.lang`) != string(c.lang) {
		c.click(`.who form[action="/console/language"] button`)
	}
	c.shows(c.say("setup.step_phone"))
	c.page("set-up")
	shown := func() string {
		return strings.ReplaceAll(c.js(`document.querySelector(".secret").textContent`), " ", "")
	}
	secret = shown()
	c.do(chromedp.Navigate(link)) // as a phone does that comes back from the authenticator
	c.holds("the set-up", `document.readyState === "complete" && !!document.querySelector("svg.qr")`)
	if shown() != secret {
		c.Error("loaded again, the page shows another secret")
	}
	try := func(again string) {
		c.fill("input[name=password]", password)
		c.fill("input[name=again]", again)
		c.fill("input[name=totp]", (&authenticator{}).code(c.T, secret))
		c.click("main form button.main")
	}
	c.expect("status of 422")
	try(password + "?")
	c.holds("what is wrong", `!!document.querySelector("[role=alert]")`)
	c.page("set-up-wrong")
	try(password)
	c.shows(c.say("done.set_up"))
	return secret
}
