package console

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"khaibao/internal/auth"
	"khaibao/internal/sitetest"
	"khaibao/models"
)

// scopeDecisions says for every route of the console who may, and what of.
func scopeDecisions() map[string]sitetest.Decision {
	one := func(a sitetest.Ask) []sitetest.Ask { return []sitetest.Ask{a} }
	sent := func(body string) sitetest.Ask { return sitetest.Ask{Body: body, Status: http.StatusSeeOther} }
	toCase := func(a sitetest.Ask) sitetest.Decision {
		return sitetest.Decision{Who: sitetest.Workers, Scope: sitetest.ByID, Asks: one(a)}
	}
	own := func(who []models.Role, status int, body string) sitetest.Decision {
		return sitetest.Decision{Who: who, Scope: sitetest.Own, Asks: one(sitetest.Ask{Body: body, Status: status})}
	}
	toOfficial := func(a sitetest.Ask) sitetest.Decision {
		return sitetest.Decision{Who: sitetest.Managers, Scope: sitetest.ByID, About: sitetest.Appointed, Asks: one(a)}
	}
	toBroadcast := func(a sitetest.Ask) sitetest.Decision {
		return sitetest.Decision{Who: sitetest.Managers, Scope: sitetest.ByID, About: sitetest.Broadcast, Asks: one(a)}
	}
	byNumber := func(body string, status int) sitetest.Decision {
		return sitetest.Decision{Who: sitetest.Workers, Scope: sitetest.ByNumber, Asks: one(sitetest.Ask{Body: body, Status: status, Outside: status})}
	}
	public := sitetest.Decision{Scope: sitetest.Public}
	listed := func(query string) sitetest.Ask {
		return sitetest.Ask{Query: query, Count: listedCases, Total: openTab}
	}
	return map[string]sitetest.Decision{
		"GET /console/static/{file}":           public,
		"POST /console/csp-report":             public,
		"POST /console/language":               public,
		"GET /console/sign-in":                 public,
		"POST /console/sign-in":                public,
		"GET /console/set-up/{login}/{token}":  public,
		"POST /console/set-up/{login}/{token}": public,
		"POST /console/sign-out":               {Who: sitetest.Everybody, Scope: sitetest.Own, Asks: one(sent("")), Last: true},
		"GET /console/stay":                    own(sitetest.Everybody, http.StatusNoContent, ""),
		"GET /console":                         own(sitetest.Everybody, http.StatusSeeOther, ""),
		"POST /console/views/save":             own(sitetest.Readers, http.StatusSeeOther, "name=x&query=level%3Dhigh"),
		"POST /console/views/forget":           own(sitetest.Readers, http.StatusSeeOther, "name=x"),
		"POST /console/undo":                   own(sitetest.Workers, http.StatusSeeOther, "undo=x"),
		"GET /console/export/progress":         own(sitetest.Workers, http.StatusOK, ""),

		"GET /console/cases": {Who: sitetest.Readers, Scope: sitetest.Within, Asks: []sitetest.Ask{
			listed(""), listed("area={area}"), listed("sort=due&factor=fever"), listed("view=unreached"),
		}},
		"POST /console/cases/search": {Who: sitetest.Readers, Scope: sitetest.Within, Asks: one(sitetest.Ask{Body: "q={phone}", Count: listedCases, Total: openTab})},
		"POST /console/cases/act":    {Who: sitetest.Workers, Scope: sitetest.Within, Asks: []sitetest.Ask{sent("which=all&do=mine"), sent("case={case}&do=no_answer"), sent("which=all&do=no_answer")}},
		"GET /console/overview": {Who: sitetest.Readers, Scope: sitetest.Within, Asks: []sitetest.Ask{
			{Count: openNow}, {Query: "area={area}", Outside: http.StatusNotFound, Count: openNow},
		}},
		"GET /console/overview/declarations": {Who: sitetest.Readers, Scope: sitetest.Within, Asks: []sitetest.Ask{{}, {Query: "area={area}", Outside: http.StatusNotFound}}},
		"GET /console/export":                {Who: sitetest.Workers, Scope: sitetest.Within, Asks: []sitetest.Ask{{Count: toExport}, {Query: "area={area}", Count: toExport}}},
		"POST /console/export": {Who: sitetest.Workers, Scope: sitetest.Within, Asks: []sitetest.Ask{
			{Body: "format=csv", Count: linesAfter(1)}, {Body: "format=csv&query=area%3D{area}", Count: linesAfter(1)}, {Body: "format=xlsx&query=area%3D{area}"},
			{Body: "format=ndjson&identified=yes&reason=x", Count: linesAfter(0), Needs: models.ExportIdentity},
		}},

		"GET /console/cases/{id}":           {Who: sitetest.Readers, Scope: sitetest.ByID},
		"POST /console/cases/{id}/contact":  toCase(sent("outcome=reached")),
		"POST /console/cases/{id}/change":   toCase(sent("rev={rev}&note=x")),
		"POST /console/cases/{id}/link":     toCase(sent("rev={rev}&same_as=")),
		"POST /console/cases/{id}/reveal":   toCase(sitetest.Ask{Body: "reason=x"}),
		"POST /console/cases/{id}/referral": toCase(sitetest.Ask{Body: "reason=x&to=y"}),
		"POST /console/cases/{id}/message":  toCase(sent("text=x")),

		"GET /console/intake":            own(sitetest.Workers, http.StatusOK, ""),
		"POST /console/intake/household": byNumber("what=covid19/declaration&phone={phone}", http.StatusOK),
		"POST /console/intake/new":       byNumber("what=covid19/declaration&phone={phone}", http.StatusOK),
		"POST /console/intake/person":    byNumber("what=covid19/declaration&phone={phone}&name=A", http.StatusUnprocessableEntity),
		"POST /console/intake/form":      byNumber("what=covid19/declaration&phone={phone}&person={person}", http.StatusOK),
		"POST /console/intake/declare":   byNumber("what=covid19/declaration&phone={phone}&person={person}&agreed=yes", http.StatusUnprocessableEntity),

		"GET /console/audit": {Who: append([]models.Role{models.Auditor}, sitetest.Managers...), Scope: sitetest.Trail, Asks: []sitetest.Ask{{}, {Query: "case={case}"}}},

		"GET /console/broadcasts":               {Who: sitetest.Managers, Scope: sitetest.Within, About: sitetest.Broadcast, Asks: one(sitetest.Ask{Count: listedBroadcasts})},
		"GET /console/broadcasts/new":           own(sitetest.Managers, http.StatusOK, ""),
		"POST /console/broadcasts/preview":      {Who: sitetest.Managers, Scope: sitetest.ByArea, Asks: one(sitetest.Ask{Body: "area={area}&purpose=alert&vi=x&hours=24"})},
		"POST /console/broadcasts":              {Who: sitetest.Managers, Scope: sitetest.ByArea, Asks: one(sent("area={area}&purpose=alert&vi=x&hours=24"))},
		"GET /console/broadcasts/{id}":          toBroadcast(sitetest.Ask{}),
		"POST /console/broadcasts/{id}/approve": toBroadcast(sent("")),
		"POST /console/broadcasts/{id}/start":   toBroadcast(sent("")),
		"POST /console/broadcasts/{id}/cancel":  toBroadcast(sent("")),

		"GET /console/officials": {Who: sitetest.Managers, Scope: sitetest.Within, Asks: []sitetest.Ask{{}, {Query: "area={area}"}}},
		"POST /console/officials": {Who: sitetest.Managers, Scope: sitetest.ByArea, Asks: one(sitetest.Ask{
			Body: "login=moi.{n}&name=A+B&role=officer&area={area}", Outside: http.StatusUnprocessableEntity,
		})},
		"GET /console/officials/{login}":          toOfficial(sitetest.Ask{}),
		"POST /console/officials/{login}/move":    toOfficial(sent("role=viewer")),
		"POST /console/officials/{login}/disable": toOfficial(sent("")),
		"POST /console/officials/{login}/enable":  toOfficial(sent("")),
		"POST /console/officials/{login}/link":    toOfficial(sitetest.Ask{}),
	}
}

// Who sees and does what by which route: sitetest.Hold says what is tried. The scope is a condition of every query; that
// the engines mean the same by it is held by theirs (storetest) and by the same matrix over the API (handlers), on both.
func TestScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sitetest.Hold(t, w.Site, func(*testing.T) sitetest.Edge { return w.edge() })
}

func (w *world) edge() sitetest.Edge {
	nobody, citizen := w.browser(), w.browser()
	citizen.cookies["visit"] = &http.Cookie{Name: w.console.cookieName(), Value: "citizen"}
	e := sitetest.Edge{
		Decisions: scopeDecisions(),
		Strangers: map[string]sitetest.Send{"nobody": nobody.sends(""), "somebody with a visit of their own making": citizen.sends("")},
		SignIn: func(given auth.Credentials) sitetest.Send {
			b := w.signedIn(given)
			return b.sends(b.csrf())
		},
		Refused: func(r sitetest.Route, got sitetest.Answer) bool {
			away := got.Status == http.StatusSeeOther && strings.HasPrefix(got.Header.Get("Location"), "/console/sign-in")
			return away || r.Method != http.MethodGet && got.Status == http.StatusUnauthorized
		},
	}
	for _, r := range w.console.routes() {
		e.Routes = append(e.Routes, sitetest.Route{Method: r.method, Path: r.path})
	}
	return e
}

// sends calls routes as the browser's pages do.
func (b *browser) sends(csrf string) sitetest.Send {
	return func(method, path, body string) sitetest.Answer {
		if method == http.MethodGet {
			return answered(b.get(path))
		}
		form, err := url.ParseQuery(body)
		must(b, err)
		form.Set("csrf", csrf)
		got := b.post(path, form)
		if path == "/console/cases/search" && got.status == http.StatusSeeOther && strings.HasPrefix(got.location(), "/console/cases") {
			got = b.get(got.location())
		}
		return answered(got)
	}
}

func answered(p page) sitetest.Answer {
	return sitetest.Answer{Status: p.status, Header: p.header, Body: []byte(p.body)}
}

func listedCases(got sitetest.Answer) []int {
	return []int{len(page{body: string(got.Body)}.ids())}
}

func listedBroadcasts(got sitetest.Answer) []int {
	return []int{bytes.Count(got.Body, []byte(`<td><a href="/console/broadcasts/`))}
}

// openTab is the number on the tab of the cases that are open.
func openTab(got sitetest.Answer) []int {
	return number(page{body: string(got.Body)}.counts()["Đang mở"])
}

// numberWith finds the number that a page shows or carries at one place.
func numberWith(place string) func(sitetest.Answer) []int {
	at := regexp.MustCompile(place)
	return func(got sitetest.Answer) []int {
		var out []int
		for _, m := range at.FindAllSubmatch(got.Body, -1) {
			out = append(out, number(string(m[1]))...)
		}
		return out
	}
}

var (
	toExport = numberWith(`data-total="([0-9]+)"`)
	openNow  = numberWith(`<h2 id="open">[^<]*<a class="to" href="[^"]*">([0-9.]+)<`)
)

func number(text string) []int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil
	}
	return []int{n}
}

func linesAfter(heading int) func(sitetest.Answer) []int {
	return func(got sitetest.Answer) []int { return []int{bytes.Count(got.Body, []byte("\n")) - heading} }
}
