// Package console is the officials' web pages under /console: rendered by the server, whole without a script, in
// Vietnamese or English. Like handlers it is an edge: it binds a form, calls one use-case, renders.
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"

	"khaibao/internal/areas"
	"khaibao/internal/auth"
	"khaibao/internal/broadcast"
	"khaibao/internal/cases"
	"khaibao/internal/intake"
	"khaibao/internal/lang"
	"khaibao/internal/privacy"
	"khaibao/internal/rules"
	"khaibao/internal/seal"
	"khaibao/models"
)

// Config is what a Console is made of. Everything is required unless it says otherwise.
type Config struct {
	Officials  *auth.Officials
	Cases      *cases.Service
	Intake     *intake.Service
	Privacy    *privacy.Service
	Broadcasts *broadcast.Service
	Programs   *rules.Catalog
	Areas      *areas.Directory
	Texts      *lang.Texts
	Keys       *seal.Keys // what a link says of a search is sealed

	Now     func() time.Time // the domain's clock
	Log     *slog.Logger
	Metrics *prometheus.Registry
	// PlainHTTP is for a demo or a small site on this machine's loopback: browsers keep a __Host- cookie over TLS only.
	PlainHTTP bool
}

// Console answers everything below /console. It is safe for concurrent use.
type Console struct {
	Config
	mux       *http.ServeMux
	packed    http.Handler // mux, for browsers that unpack
	origin    *http.CrossOriginProtection
	templates map[models.Lang]*pages
	assets    map[string]asset
	outlines  outlines
	reports   prometheus.Counter
	progress  *progress
}

// New gives a console that is ready to serve.
func New(c Config) (*Console, error) {
	if c.Officials == nil || c.Cases == nil || c.Intake == nil || c.Privacy == nil || c.Broadcasts == nil || c.Programs == nil || c.Areas == nil || c.Texts == nil || c.Keys == nil || c.Now == nil || c.Log == nil || c.Metrics == nil {
		return nil, errors.New("console: something it is made of is missing")
	}
	s := &Console{Config: c, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), templates: map[models.Lang]*pages{}, progress: &progress{rows: map[string]int{}}}
	s.reports = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "khaibao_console_csp_reports_total", Help: "What browsers reported as refused by the content security policy.",
	})
	if err := c.Metrics.Register(s.reports); err != nil {
		return nil, err
	}
	var err error
	if s.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if s.outlines, err = loadOutlines(); err != nil {
		return nil, err
	}
	for _, l := range []models.Lang{models.Vietnamese, models.English} {
		if s.templates[l], err = s.parse(l); err != nil {
			return nil, err
		}
	}
	for _, r := range s.routes() {
		s.mux.HandleFunc(r.method+" "+r.path, s.guard(r))
	}
	s.mux.HandleFunc("/", s.guard(route{needs: open, answer: func(*request) error { return models.ErrNotFound }}))
	if s.packed, err = packing(s.mux); err != nil {
		return nil, err
	}
	return s, nil
}

// ServeHTTP answers a request. Afterwards the request's Pattern is the route's template, which holds no id.
func (s *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.packed.ServeHTTP(w, r) }

// packing compresses pages, scripts and files of text. A page holds both the secret of the visit's forms and what stood in
// the address, from whose lengths a stranger who can make the browser ask could guess the secret (BREACH): the visit's cookie
// is SameSite=Strict, so what a stranger makes it ask is answered by the sign-in, and lengths are blurred besides.
func packing(h http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.ContentTypes([]string{"text/html", "text/css", "text/javascript", "text/csv", "image/svg+xml", "application/x-ndjson"}),
		gzhttp.MinSize(512), gzhttp.RandomJitter(32, 0, false))
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return wrap(h), nil
}

// request is one request, with who makes it and in which language it is answered.
type request struct {
	*http.Request
	s        *Console
	w        http.ResponseWriter
	route    route
	lang     models.Lang
	official models.Official
	visit    auth.Visit
	signedIn bool
	back     string // where a change of language leads from the answer to a form; empty: nowhere without losing something
}

// timeout bounds a page; a download may take longer.
const timeout = 20 * time.Second

// guard lets a request through to a route's answer when its form is our own and the official may.
func (s *Console) guard(route route) http.HandlerFunc {
	return func(w http.ResponseWriter, in *http.Request) {
		ctx, cancel := in.Context(), context.CancelFunc(func() {})
		if !route.slow {
			ctx, cancel = context.WithTimeout(in.Context(), timeout)
		}
		defer cancel()
		r := &request{Request: in.WithContext(ctx), s: s, w: w, route: route, lang: languageOf(in)}
		in.Pattern = route.path // what the log and the numbers call it
		s.protect(w.Header(), r.lang)
		if err := r.admit(); err != nil {
			r.fail(err)
			return
		}
		if err := route.answer(r); err != nil {
			r.fail(err)
		}
	}
}

// maxForm is the largest form in bytes: a selection of 2,000 cases fits.
const maxForm = 256 << 10

func (r *request) admit() error {
	if r.Method == http.MethodPost {
		if err := r.readForm(); err != nil {
			return err
		}
	}
	if err := r.recognise(); err != nil && r.route.needs != open {
		return err
	}
	if r.route.needs == open || r.route.needs == anyOfficial {
		return r.ownForm()
	}
	if !r.official.Role.May(r.route.needs) {
		return models.Fail(models.Forbidden, "forbidden")
	}
	return r.ownForm()
}

// readForm reads a form that our own page sent: a browser tells where a request comes from.
func (r *request) readForm() error {
	if err := r.s.origin.Check(r.Request); err != nil && !r.route.fromBrowser {
		return models.Fail(models.Forbidden, "forbidden")
	}
	if r.route.fromBrowser {
		return nil
	}
	r.Body = http.MaxBytesReader(r.w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return &models.Error{Kind: models.Malformed, Code: "bad_form", Cause: errors.New("a form that cannot be read")}
	}
	for _, values := range r.PostForm { // lines are broken as everywhere but in a browser's form
		for i := range values {
			values[i] = strings.ReplaceAll(values[i], "\r\n", "\n")
		}
	}
	return nil
}

// recognise finds who is signed in.
func (r *request) recognise() error {
	cookie, err := r.Cookie(r.s.cookieName())
	if err != nil {
		return models.Fail(models.Unauthenticated, "unauthenticated")
	}
	r.official, r.visit, err = r.s.Officials.Visit(r.Context(), cookie.Value)
	r.signedIn = err == nil
	return err
}

// ownForm holds a form against the visit that it was made for.
func (r *request) ownForm() error {
	if r.Method != http.MethodPost || r.route.needs == open || r.s.Officials.OwnForm(r.visit, r.PostForm.Get("csrf")) {
		return nil
	}
	return models.Fail(models.Forbidden, "stale_form")
}
