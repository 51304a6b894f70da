package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"khaibao/models"
)

// The way in and out: what a browser keeps, what it may not do, and when it ends.
func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	got := b.want(http.StatusSeeOther, b.get("/console/cases?view=new"))
	diff(t, "to the sign-in, and back", got.location(), "/console/sign-in?next=%2Fconsole%2Fcases%3Fview%3Dnew")

	b = w.official("an.nguyen", models.Officer, bacSon)
	cookie := b.cookies["__Host-khaibao_visit"]
	if cookie == nil || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Fatalf("the cookie of the visit: %+v", cookie)
	}
	if words := b.want(http.StatusOK, b.get("/console/cases")).words(); !strings.Contains(words, "Xã Bắc Sơn") {
		t.Errorf("the page does not name the area: %s", words)
	}
	b.want(http.StatusSeeOther, b.submit("/console/sign-out"))
	b.cookies["__Host-khaibao_visit"] = cookie
	b.want(http.StatusSeeOther, b.get("/console/cases"))

	form := b.credentials()
	form.Set("password", "sai mật khẩu rồi")
	wrong := b.want(http.StatusUnauthorized, b.post("/console/sign-in", form))
	if !strings.Contains(wrong.words(), "không đúng") || strings.Contains(wrong.body, "sai mật khẩu") {
		t.Errorf("a wrong password: %s", wrong.body)
	}
	for _, next := range []string{"https://bad.test/", "//bad.test", "/\\bad.test", "/v1/cases", "javascript:alert(1)"} {
		form := b.credentials()
		form.Set("next", next)
		diff(t, next, b.want(http.StatusSeeOther, b.post("/console/sign-in", form)).location(), "/console")
	}
}

// A visit ends after a rest; each request within it moves the end on, and a long day ends it all the same.
func TestVisitEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	for range 25 {
		w.SignIn.Forward(29 * time.Minute)
		if b.get("/console/cases").status != http.StatusOK {
			break
		}
	}
	if day := w.SignIn.Ahead(); day < 11*time.Hour || day > 13*time.Hour {
		t.Errorf("a busy visit ended after %v, want 12 h", day)
	}
	b = w.official("binh.tran", models.Officer, bacSon)
	w.SignIn.Forward(31 * time.Minute)
	if got := b.get("/console/cases"); got.status != http.StatusSeeOther || !strings.Contains(got.location(), "ended") {
		t.Errorf("after a rest: %d %s", got.status, got.location())
	}
	if got := b.get("/console/stay"); got.status != http.StatusSeeOther {
		t.Errorf("staying after the end: %d", got.status)
	}
}

// A form that was sent after the visit had ended is sent again after the sign-in, and nothing of it is lost.
func TestFormIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	old := b.csrf()
	w.SignIn.Forward(time.Hour)
	form := url.Values{"csrf": {old}, "name": {"Sáng nay & chiều"}, "query": {"level=high"}}
	again := b.want(http.StatusUnauthorized, b.post("/console/views/save", form))
	if !strings.Contains(again.body, `name="kept.name" value="Sáng nay &amp; chiều"`) || strings.Contains(again.body, old) {
		t.Errorf("the form is not kept: %s", again.body)
	}
	kept := again.formAt(t, "/console/sign-in")
	signIn := func(b *browser) url.Values {
		form := b.credentials()
		for name, values := range kept {
			if strings.HasPrefix(name, "kept") {
				form[name] = values
			}
		}
		return form
	}
	other := w.browser()
	other.given = w.Official(w, "binh.tran", models.Officer, bacSon)
	refused := other.follow(other.post("/console/sign-in", signIn(other)))
	has(t, "somebody else signs in", refused, "là của người khác nên không được gửi")
	resume := b.want(http.StatusOK, b.post("/console/sign-in", signIn(b)))
	if !strings.Contains(resume.body, `action="/console/views/save"`) || !strings.Contains(resume.body, `name="name" value="Sáng nay &amp; chiều"`) {
		t.Fatalf("no form to send again: %s", resume.body)
	}
	page := b.follow(b.submit("/console/views/save", "name", "Sáng nay & chiều", "query", "level=high&q=0912345678"))
	if !strings.Contains(page.words(), "Sáng nay &amp; chiều") || strings.Contains(page.body, "0912345678") {
		t.Errorf("the saved view: %s", page.words())
	}
}

// Who else's page sends a form for the official, or an old one of another visit, is refused.
func TestForgedForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	other := w.official("binh.tran", models.Officer, bacSon)
	form := url.Values{"csrf": {b.csrf()}, "name": {"x"}}
	for name, send := range map[string]func() page{
		"another site": func() page { return b.post("/console/views/save", form, "Sec-Fetch-Site", "cross-site") },
		"another origin": func() page {
			return b.post("/console/views/save", form, "Sec-Fetch-Site", "", "Origin", "https://bad.test")
		},
		"no token":             func() page { return b.post("/console/views/save", url.Values{"name": {"x"}}) },
		"another visit's":      func() page { return other.post("/console/views/save", form) },
		"a sign-in from there": func() page { return b.post("/console/sign-in", b.credentials(), "Sec-Fetch-Site", "cross-site") },
	} {
		if got := send(); got.status != http.StatusForbidden {
			t.Errorf("%s: got %d", name, got.status)
		}
	}
}

// Every answer, an error too, lets a browser load our own files only.
func TestHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	for _, path := range []string{"/console/cases", "/console/sign-in", "/console/none", "/console/static/none.css"} {
		h := b.get(path).header
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
		if cache := h.Get("Cache-Control"); cache != "no-store" {
			t.Errorf("%s may be cached: %q", path, cache)
		}
	}
	css, err := w.console.assetURL("console.css")
	must(t, err)
	if got := b.want(http.StatusOK, b.get(css)); !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
		t.Errorf("the style is not kept: %v", got.header)
	}
	b.want(http.StatusNoContent, b.post("/console/csp-report", nil, "Content-Type", "application/csp-report"))
	if !strings.Contains(w.Logged.String(), `"directive":"unknown"`) {
		t.Errorf("a report is not in the log: %s", w.Logged)
	}
}

func TestDirectiveOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"csp-report":{"effective-directive":"script-src-elem","blocked-uri":"https://x/0912345678"}}`: "script-src",
		`{"csp-report":{"effective-directive":"style-src-attr"}}`:                                       "style-src", `{"csp-report":{"effective-directive":"0912345678"}}`: "unknown",
		`[]`: "unknown", `nonsense`: "unknown", ``: "unknown",
	} {
		if got := directiveOf([]byte(text)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// The language that was chosen stays, whatever the browser asks for.
func TestLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	got := b.post("/console/language", url.Values{"lang": {"en"}, "back": {"/console/cases?view=new"}})
	diff(t, "back", got.location(), "/console/cases?view=new")
	page := b.follow(got)
	if !strings.Contains(page.body, `<html lang="en">`) || !strings.Contains(page.words(), "Sign out") {
		t.Errorf("not in English: %s", page.words())
	}
}
