package console

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"math"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"khaibao/internal/auth"
	"khaibao/internal/problems"
	"khaibao/models"
)

//go:embed templates static
var files embed.FS

// pages are the parsed pages of one language by name.
type pages struct{ byName map[string]*template.Template }

// parse reads every page with the layout around it, its texts bound to one language.
func (s *Console) parse(l models.Lang) (*pages, error) {
	base, err := template.New("").Funcs(s.functions(l)).ParseFS(files, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	out := &pages{map[string]*template.Template{}}
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		page, err := template.Must(base.Clone()).ParseFS(files, file)
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		out.byName[name] = page
	}
	return out, nil
}

// functions are what a template may say besides the values it shows.
func (s *Console) functions(l models.Lang) template.FuncMap {
	w := words{s.Texts, l}
	return template.FuncMap{
		"t": w.say, "level": w.level, "number": w.number, "upto": w.upTo, "ago": func(at time.Time) string { return w.ago(s.Now(), at) },
		"exact": w.exact, "clock": clock, "tel": tel, "local": local, "day": w.day, "asset": s.assetURL, "shape": shapeOf, "iso": func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"list": func(items ...any) []any { return items }, "dict": dict, "join": strings.Join,
	}
}

// local is a number as it is dialled in Vietnam.
func local(phone string) string {
	if rest, ok := strings.CutPrefix(phone, "+84"); ok {
		return "0" + rest
	}
	return phone
}

// tel is a link that calls a number.
func tel(phone string) template.URL {
	digits := strings.Map(func(c rune) rune {
		if c == '+' || (c >= '0' && c <= '9') {
			return c
		}
		return -1
	}, phone)
	return template.URL("tel:" + digits)
}

// itoa is for links; what is read has words.number.
func itoa(n int) string { return strconv.Itoa(n) }

// clock is a local time of day.
func clock(at time.Time) string { return at.In(models.Hanoi).Format("15:04") }

// dict hands several named values to a part of a page.
func dict(pairs ...any) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, errors.New("a name is a text")
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

// layout is what surrounds a page.
type layout struct {
	Name     string
	Lang     models.Lang
	Path     string // to come back to after a change of language; empty where that would lose something
	Official *models.Official
	Area     string
	CSRF     string
	EndsIn   string // seconds
	EndsAt   time.Time
	Nav      []navItem
	Done     *done
	Body     any
}

type navItem struct {
	Path, Key string
	Current   bool
}

// navigation lists the pages that the role may open.
func (r *request) navigation() []navItem {
	var out []navItem
	for _, item := range []struct {
		path, key string
		needs     models.Permission
	}{
		{"/console/cases", "nav.queue", models.ReadCases},
		{"/console/intake", "nav.intake", models.WorkCases},
		{"/console/overview", "nav.overview", models.ReadCases},
		{"/console/export", "nav.export", models.WorkCases},
		{"/console/broadcasts", "nav.broadcasts", models.SendBroadcasts},
		{"/console/officials", "nav.officials", models.ManageOfficials},
		{"/console/audit", "nav.audit", models.ReadAudit},
	} {
		if r.official.Role.May(item.needs) {
			current := r.URL.Path == item.path || strings.HasPrefix(r.URL.Path, item.path+"/")
			out = append(out, navItem{item.path, item.key, current})
		}
	}
	return out
}

// show renders a page. Nothing is sent before all of it is made, so a page is whole or an error.
func (r *request) show(status int, name string, body any) error {
	page, ok := r.s.templates[r.lang].byName[name]
	if !ok {
		return fmt.Errorf("console: no page %q", name)
	}
	around := layout{Name: name, Lang: r.lang, Path: r.URL.RequestURI(), Body: body, Done: r.done()}
	if r.Method == http.MethodPost {
		around.Path = r.back
	}
	if r.signedIn {
		around.Official, around.CSRF, around.Nav = &r.official, r.visit.CSRF, r.navigation()
		around.Area, around.EndsIn, around.EndsAt = r.areaName(string(r.official.Area)), r.endsIn(), r.visit.EndsAt
	}
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, "layout", around); err != nil {
		return fmt.Errorf("console: page %s: %w", name, err)
	}
	r.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	r.w.WriteHeader(status)
	_, err := out.WriteTo(r.w)
	if err != nil {
		r.s.Log.DebugContext(r.Context(), "a page was not read to its end", slog.String("page", name))
	}
	return nil
}

// endsIn is how many seconds the visit lasts without another request.
func (r *request) endsIn() string {
	return strconv.Itoa(int(math.Max(0, time.Until(r.visit.EndsAt).Seconds())))
}

func (r *request) areaName(code string) string {
	if area, ok := r.s.Areas.Get(code); ok {
		return area.In(r.lang)
	}
	return code
}

func (r *request) words() words { return words{r.s.Texts, r.lang} }

// say gives a text of the console in the reader's language.
func (r *request) say(key string, pairs ...any) string { return r.words().say(key, pairs...) }

// nextPage links to a list from a cursor on, as it is asked for now; empty when there is no more.
func (r *request) nextPage(path, cursor string) string {
	if cursor == "" {
		return ""
	}
	q := r.URL.Query()
	q.Set("cursor", cursor)
	return path + "?" + q.Encode()
}

// done says what the action before this page did; it names codes and counts only.
type done struct {
	Text string
	Undo string
}

func (r *request) done() *done {
	q := r.URL.Query()
	key := "console.done." + q.Get("done")
	if !q.Has("done") || !r.s.Texts.Has(key) {
		return nil
	}
	n, err := strconv.Atoi(q.Get("n"))
	if err != nil {
		n = 1
	}
	d := &done{Text: r.say("done."+q.Get("done"), "n", n), Undo: idOrNone(q.Get("undo"))}
	if left, err := strconv.Atoi(q.Get("left")); err == nil && left > 0 {
		why := "done.left"
		if q.Get("done") == "undone" {
			why = "done.left_undone"
		}
		d.Text += " " + r.say(why, "n", left)
	}
	return d
}

// newTrack names an export of a page that is open.
func newTrack() string { return rand.Text() }

func idOrNone(text string) string {
	if len(text) > 64 || strings.ContainsFunc(text, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_'
	}) {
		return ""
	}
	return text
}

// failure is an error as a page.
type failure struct {
	Status        int
	Title, Detail string
	Fields        []string
	Typed         []string // what was written, by a page that can do no more than show it
}

// problems are what a form says above itself: what is wrong with its fields, or with all of it.
func (f failure) problems() []string {
	if len(f.Fields) > 0 {
		return f.Fields
	}
	return []string{f.Detail}
}

// explain turns an error into a status and what to tell.
func (r *request) explain(err error) (status int, detail string) {
	f := r.failure(err)
	return f.Status, f.Detail
}

func (r *request) failure(err error) failure {
	e, status := problems.Of(err)
	f := failure{Status: status}
	f.Title, f.Detail = problems.Words(r.s.Texts, r.lang, e)
	if f.Fields = r.named(err, "field"); len(f.Fields) > 0 {
		f.Detail = "" // which speaks to programs
	}
	if e.RetryAfter > 0 {
		f.Detail += " " + r.say("wait", "minutes", int(math.Ceil(e.RetryAfter.Minutes())))
	}
	return f
}

func (r *request) fieldText(f models.FieldError) string { return problems.Field(r.s.Texts, r.lang, f) }

// fieldsOf gives the field errors of an error.
func fieldsOf(err error) []models.FieldError {
	var e *models.Error
	if errors.As(err, &e) {
		return e.Fields
	}
	return nil
}

// named says what is wrong with a form, each with the name that a section of the texts has for its field.
func (r *request) named(err error, section string) []string {
	var out []string
	for _, f := range fieldsOf(err) {
		text := r.fieldText(f)
		key := section + "." + strings.ReplaceAll(strings.TrimPrefix(f.Field, "/"), "/", "_")
		if r.s.Texts.Has("console." + key) {
			text = r.say(key) + ": " + text
		}
		out = append(out, text)
	}
	return out
}

// fail answers an error. Whoever is not signed in any more signs in and goes on where they were.
func (r *request) fail(err error) {
	if models.Unauthenticated.Is(err) && r.route.needs != open {
		r.signInAgain()
		return
	}
	if e, _ := problems.Of(err); e.Code == "stale_form" && r.Header.Get("Sec-Fetch-Site") == "same-origin" && r.s.Officials.TypedBy(r.official.Login, auth.FormOwner(r.PostForm.Get("csrf"))) {
		// A page of ours from before somebody signed in anew: what was typed on it is kept, and sent only when they say so.
		if err := r.show(http.StatusForbidden, "resume", keep(r.URL.Path, r.PostForm)); err != nil {
			http.Error(r.w, "403", http.StatusForbidden)
		}
		return
	}
	if e, _ := problems.Of(err); e.Code == "bad_cursor" && r.Method == http.MethodGet { // of another order: the list from its first page
		q := r.URL.Query()
		q.Del("cursor")
		_ = r.redirect(r.URL.Path + "?" + q.Encode())
		return
	}
	f := r.failure(err)
	if f.Typed = r.texts(); len(f.Typed) > 0 && models.NotFound.Is(err) && strings.HasPrefix(r.URL.Path, "/console/cases/") { // moved to another area meanwhile, or the official was
		f.Title, f.Detail = r.say("gone.title"), r.say("gone.text")
	}
	if f.Status >= http.StatusInternalServerError {
		r.s.Log.ErrorContext(context.WithoutCancel(r.Context()), "a page failed", slog.String("route", r.route.path), slog.Any("error", err))
	}
	if err := r.show(f.Status, "error", f); err != nil {
		http.Error(r.w, f.Title, f.Status)
	}
}

// texts are what was written in a form of the own visit.
func (r *request) texts() []string {
	var out []string
	if r.signedIn && r.ownForm() == nil {
		for _, name := range []string{"note", "assess_reason", "text", "reason", "to", "vi", "en", "name", "born", "national_id", "address"} {
			if text := strings.TrimSpace(r.PostForm.Get(name)); text != "" {
				out = append(out, text)
			}
		}
	}
	return out
}

func (r *request) signInAgain() {
	ended := ""
	if _, err := r.Cookie(r.s.cookieName()); err == nil {
		ended = "&ended"
	}
	if r.Method != http.MethodPost || r.URL.Path == "/console/sign-out" {
		_ = r.redirect("/console/sign-in?next=" + template.URLQueryEscaper(inside(r.URL.RequestURI())) + ended)
		return
	}
	view := signInView{Next: "/console", Ended: true, Kept: keep(r.URL.Path, r.PostForm)}
	if err := r.show(http.StatusUnauthorized, "sign_in", view); err != nil {
		http.Error(r.w, "401", http.StatusUnauthorized)
	}
}

// asset is a file that a browser keeps for good: its name changes with its content.
type asset struct {
	kind string
	body []byte
	name string
}

func loadAssets() (map[string]asset, error) {
	names, err := fs.Glob(files, "static/*")
	if err != nil {
		return nil, err
	}
	out := map[string]asset{}
	for _, file := range names {
		body, err := files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(file)
		plain := path.Base(file)
		name := strings.TrimSuffix(plain, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		kind := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}[ext]
		out[plain] = asset{kind, body, name}
	}
	return out, nil
}

func (s *Console) assetURL(plain string) (string, error) {
	a, ok := s.assets[plain]
	if !ok {
		return "", fmt.Errorf("console: no file %q", plain)
	}
	return "/console/static/" + a.name, nil
}

func (r *request) static() error {
	for _, a := range r.s.assets {
		if a.name == r.PathValue("file") {
			r.w.Header().Set("Content-Type", a.kind)
			r.w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			_, _ = r.w.Write(a.body) // a browser that went away has nobody to tell
			return nil
		}
	}
	return models.ErrNotFound
}
