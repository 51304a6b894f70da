package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"khaibao/internal/auth"
	"khaibao/internal/rules"
	"khaibao/internal/sitetest"
	"khaibao/internal/store"
	"khaibao/internal/store/sqlite"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// Places of the tests: two communes of one province, and another province.
const (
	bacSon    = sitetest.BacSon
	dongKinh  = sitetest.DongKinh
	langSon   = sitetest.LangSon
	elsewhere = sitetest.HaNoi
)

// world is the console on a real store.
type world struct {
	*testing.T
	*sitetest.Site
	console *Console
}

func newWorld(t *testing.T) *world {
	t.Helper()
	engine, err := sqlite.Open(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { engine.Close(context.Background()) })
	return newWorldOn(t, engine)
}

// newRiver is a world with the program beside the shipped ones that has every kind of question.
func newRiver(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, storetest.Memory(t), rules.Source{Name: "river", FS: os.DirFS("../dialogue/testdata/programs")})
}

func newWorldOn(t *testing.T, engine store.Engine, more ...rules.Source) *world {
	t.Helper()
	w := &world{T: t, Site: sitetest.New(t, engine, more...)}
	var err error
	w.console, err = New(Config{
		Officials: w.Officials, Cases: w.Cases, Intake: w.Intake, Privacy: w.Privacy, Broadcasts: w.Broadcasts, Programs: w.Programs, Areas: w.Areas, Texts: w.Texts, Keys: w.Keys,
		Now: w.Clock.Now, Log: w.Logged.JSON(), Metrics: prometheus.NewRegistry(),
	})
	must(t, err)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func diff(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// declared enters a household of one in a commune with a declaration, and gives the citizen and the person.
func (w *world) declared(name, commune string, answers map[string]any) (models.Citizen, string) {
	w.Helper()
	citizen := w.Household(w)
	person := w.Person(w, citizen, name, commune).ID
	w.Declare(w, citizen, person, models.FormDeclaration, answers)
	return citizen, person
}

func (w *world) declare(citizen models.Citizen, person string, form models.Form, answers map[string]any) {
	w.Helper()
	w.Declare(w, citizen, person, form, answers)
}

// browser is an official's: it keeps cookies and sends what a browser sends.
type browser struct {
	*world
	cookies map[string]*http.Cookie
	lang    string
	given   auth.Credentials
}

func (w *world) browser() *browser {
	return &browser{world: w, cookies: map[string]*http.Cookie{}, lang: "vi"}
}

// official adds an official and signs them in.
func (w *world) official(login string, role models.Role, area models.Area) *browser {
	w.Helper()
	return w.signedIn(w.Official(w, login, role, area))
}

func (w *world) signedIn(given auth.Credentials) *browser {
	w.Helper()
	b := w.browser()
	b.given = given
	if got := b.post("/console/sign-in", b.credentials()); got.status != http.StatusSeeOther {
		w.Fatalf("signing in: %d %s", got.status, got.words())
	}
	return b
}

// credentials fills the sign-in with the code of the next half minute: each works once.
func (b *browser) credentials() url.Values {
	b.Helper()
	b.SignIn.Forward(30 * time.Second)
	return url.Values{"login": {b.given.Official.Login}, "password": {b.given.Password}, "totp": {b.Code(b, b.given)}}
}

// page is what a browser got.
type page struct {
	status int
	header http.Header
	body   string
}

var (
	tags  = regexp.MustCompile(`(?s)<(script|style|head)\b.*?</(script|style|head)>|<[^>]*>`)
	space = regexp.MustCompile(`\s+`)
	csrf  = regexp.MustCompile(`name="csrf" value="([^"]+)"`)
)

// words is the text of the page alone.
func (p page) words() string { return space.ReplaceAllString(tags.ReplaceAllString(p.body, " "), " ") }

func (p page) location() string { return p.header.Get("Location") }

func (b *browser) send(r *http.Request) page {
	b.Helper()
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	r.Header.Set("Accept-Language", b.lang)
	out := httptest.NewRecorder()
	b.console.ServeHTTP(out, r)
	reply := out.Result()
	for _, c := range reply.Cookies() {
		b.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return page{reply.StatusCode, reply.Header, out.Body.String()}
}

func (b *browser) get(path string) page {
	b.Helper()
	return b.send(httptest.NewRequestWithContext(b.Context(), http.MethodGet, "https://khaibao.test"+path, nil))
}

// post sends a form as a page of ours would.
func (b *browser) post(path string, form url.Values, headers ...string) page {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "https://khaibao.test"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.send(r)
}

// submit sends a form with what the visit's forms carry.
func (b *browser) submit(path string, pairs ...string) page {
	b.Helper()
	form := url.Values{"csrf": {b.csrf()}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.post(path, form)
}

// search sends the search form and goes where it leads.
func (b *browser) search(pairs ...string) page {
	b.Helper()
	return b.follow(b.submit("/console/cases/search", pairs...))
}

func (b *browser) csrf() string {
	b.Helper()
	found := csrf.FindStringSubmatch(b.get("/console/cases").body)
	if found == nil {
		found = csrf.FindStringSubmatch(b.get("/console/audit").body)
	}
	if found == nil {
		b.Fatal("no form of this visit")
	}
	return found[1]
}

func (b *browser) want(status int, got page) page {
	b.Helper()
	if got.status != status {
		b.Fatalf("got %d, want %d: %s", got.status, status, got.words())
	}
	return got
}

// follow goes where an answer sends the browser.
func (b *browser) follow(got page) page {
	b.Helper()
	b.want(http.StatusSeeOther, got)
	return b.want(http.StatusOK, b.get(got.location()))
}
