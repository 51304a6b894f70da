package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"khaibao/internal/cases"
	"khaibao/internal/store"
	"khaibao/models"
)

// TestScale is the officials' side on a store full of cases: what pages read and weigh, exports, actions on many cases, and
// many officials at once. What must hold at every size is asserted, what hangs on the machine is logged (-v).
//
//	KHAIBAO_SCALE_CASES, KHAIBAO_SCALE_DECLARATIONS   how full the store is: 3,000 and 4,000
//	KHAIBAO_SCALE_VIEWS, KHAIBAO_SCALE_SECONDS        page views a second, and for how long: 10 and 2
//	KHAIBAO_SCALE_STORE, KHAIBAO_SCALE_KEYS           one store instead of an empty one of each engine; with a file of keys it
//	                                                  is filled once and measured again
func TestScale(t *testing.T) {
	t.Parallel()
	stores := testStores(t)
	if address := os.Getenv("KHAIBAO_SCALE_STORE"); address != "" {
		stores = map[string]func(*testing.T) string{"store": func(*testing.T) string { return address }}
	}
	for name, address := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openScale(t, address(t))
			t.Run("pages", s.pages)
			t.Run("browser", s.browser)
			t.Run("export", s.export)
			t.Run("cancelled", s.cancelled)
			t.Run("bulk", s.bulk)
			t.Run("views", s.views)
		})
	}
}

// scaleOf is a size from the environment.
func scaleOf(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s: %q is no size", name, text)
	}
	return n
}

// scale is the product on a full store.
type scale struct {
	*loadSite
	engine *watchedEngine
	in     *outbreak
	took   *serverTime
}

func openScale(t *testing.T, address string) *scale {
	t.Helper()
	engine, err := openEngine(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	keys, filled, err := loadKeys(t.Context(), engine, os.Getenv("KHAIBAO_SCALE_KEYS"))
	if err != nil {
		t.Fatal(err)
	}
	s := &scale{engine: &watchedEngine{Engine: engine}, took: &serverTime{ended: make(chan struct{}, 1)}}
	if s.loadSite, err = newLoadSite(t.Context(), s.engine, keys); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	s.took.next, s.app.api = s.app.api, s.took
	s.in = newOutbreak(s.app, scaleOf(t, "KHAIBAO_SCALE_CASES", 3000), scaleOf(t, "KHAIBAO_SCALE_DECLARATIONS", 4000))
	if !filled {
		begun := time.Now()
		if err := s.in.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d cases and %d declarations were made in %v", s.in.cases, s.in.declarations, time.Since(begun).Round(time.Second))
	}
	if err := s.serve(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	return s
}

// watchedEngine is an engine whose reads are watched: those for requests, workers read beside them.
type watchedEngine struct {
	store.Engine
	documents atomic.Int64                          // that were handed out
	longest   atomic.Int64                          // the most of one query
	finding   atomic.Pointer[func(context.Context)] // called before each query for cases
}

func (e *watchedEngine) Find(ctx context.Context, collection string, q store.Query, each func(store.Raw) error) error {
	if finding := e.finding.Load(); finding != nil && collection == "cases" {
		(*finding)(ctx)
	}
	n := int64(0)
	err := e.Engine.Find(ctx, collection, q, func(raw store.Raw) error {
		n++
		return each(raw)
	})
	if !forRequest(ctx) {
		return err
	}
	e.documents.Add(n)
	for most := e.longest.Load(); n > most && !e.longest.CompareAndSwap(most, n); most = e.longest.Load() {
	}
	return err
}

func forRequest(ctx context.Context) bool { return ctx.Value(http.ServerContextKey) != nil }

func (e *watchedEngine) Get(ctx context.Context, collection, id string, into any) error {
	if forRequest(ctx) {
		e.documents.Add(1)
	}
	return e.Engine.Get(ctx, collection, id, into)
}

func (e *watchedEngine) GetAll(ctx context.Context, collection string, ids []string, each func(store.Raw) error) error {
	return e.Engine.GetAll(ctx, collection, ids, func(raw store.Raw) error {
		if forRequest(ctx) {
			e.documents.Add(1)
		}
		return each(raw)
	})
}

// serverTime is how long the server took for each answer.
type serverTime struct {
	next  http.Handler
	mu    sync.Mutex
	last  []time.Duration
	ended chan struct{} // room for one: an answer is over, whole or not
}

// ServeHTTP answers and notes how long it took.
func (s *serverTime) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = append(s.last, time.Since(begun))
		select {
		case s.ended <- struct{}{}:
		default:
		}
	}()
	s.next.ServeHTTP(w, r)
}

// take gives what was noted since the last time, the shortest first.
func (s *serverTime) take() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.last
	s.last = nil
	slices.Sort(out)
	return out
}

// scaleOfficial is an official in a browser.
type scaleOfficial struct {
	*scale
	*testing.T
	models.Official
	loadOfficial
}

func (s *scale) official(t *testing.T, login string) *scaleOfficial {
	t.Helper()
	o := &scaleOfficial{scale: s, T: t}
	kept, err := s.app.store.Official(t.Context(), login)
	if err == nil {
		o.Official = *kept
		o.loadOfficial, err = s.signOfficialIn(t.Context(), login)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// one official of the nation, of the province with the most cases, and of its commune with the most.
func (s *scale) three(t *testing.T) []*scaleOfficial {
	t.Helper()
	busiest := s.in.busiest(1)[0]
	return []*scaleOfficial{s.official(t, nationalLogin(0)), s.official(t, provinceLogin(busiest.province)), s.official(t, communeLogin(busiest.commune))}
}

// request sends a request with the visit's cookie; a form makes it a POST.
func (o *scaleOfficial) request(ctx context.Context, path string, form url.Values) *http.Response {
	o.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, o.url+path, body)
	if err != nil {
		o.Fatal(err)
	}
	r.Header.Set("Cookie", o.cookie)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	reply, err := client.Do(r)
	if err != nil {
		o.Fatal(err)
	}
	return reply
}

// page gets a page and gives it.
func (o *scaleOfficial) page(path string) string {
	o.Helper()
	reply := o.request(o.Context(), path, nil)
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		o.Fatalf("%s answered %s %v", path, reply.Status, err)
	}
	return string(text)
}

var formSecret = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// csrf is what the forms of the visit carry.
func (o *scaleOfficial) csrf() string {
	o.Helper()
	found := formSecret.FindStringSubmatch(o.page("/console/cases"))
	if found == nil {
		o.Fatal("the queue has no form")
	}
	return found[1]
}

// A page hands out no more documents however many cases there are: the list with the household behind each, as many
// colleagues as are named, and little besides. Up to a limit the cases of a filter and those of one official are counted one
// by one; the tabs and the overview of a large area read counters, once for many looks.
const (
	pageDocuments     = 2*51 + 101 + 201 + 20 + 2*(cases.CountLimit+1)
	overviewDocuments = 10_000
)

func (s *scale) pages(t *testing.T) {
	for _, official := range s.three(t) {
		official.T = t
		s.tabs(t, official.Official)
		for _, p := range loadPages {
			path := p.path
			if strings.HasSuffix(path, "/") {
				path += official.cases[0]
			}
			for look, most := range []int64{pageDocuments + overviewDocuments, pageDocuments} {
				before := s.engine.documents.Load()
				s.took.take()
				official.page(path)
				if n := s.engine.documents.Load() - before; n > most {
					t.Errorf("%s, %s, look %d: %d documents were read, %d at most", official.Login, p.name, look, n, most)
				}
				if look > 0 {
					t.Logf("%s, %s: %v", official.Login, p.name, s.took.take())
				}
			}
		}
	}
}

// tabs holds the numbers of the tabs against the cases.
func (s *scale) tabs(t *testing.T, official models.Official) {
	t.Helper()
	got, err := s.app.cases.QueueCounts(t.Context(), official)
	if err != nil {
		t.Fatal(err)
	}
	yes, open := true, models.OpenStatuses()
	for name, tab := range map[string]struct {
		says   int64
		filter models.CaseFilter
	}{
		"open": {got.Open, models.CaseFilter{Statuses: open}}, "new": {got.New, models.CaseFilter{Statuses: []models.CaseStatus{models.CaseNew}}},
		"closed": {got.Closed, models.CaseFilter{Statuses: []models.CaseStatus{models.CaseClosed}}}, "overdue": {got.Overdue, models.CaseFilter{Statuses: open, Overdue: &yes}},
		"raised": {got.Raised, models.CaseFilter{Statuses: open, Raised: &yes}}, "unreached": {got.Unreached, models.CaseFilter{Statuses: open, Unreached: &yes}},
		"missed": {got.Missed, models.CaseFilter{Statuses: open, Missed: &yes}}, "mine": {got.Mine, models.CaseFilter{Statuses: open, Assignee: official.Login}},
	} {
		want, err := s.app.cases.Count(t.Context(), official, tab.filter, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := min(tab.says, cases.CountLimit+1); got != min(want, cases.CountLimit+1) {
			t.Errorf("%s: the tab %s says %d, its list has %d", official.Login, name, tab.says, want)
		}
	}
}

// maxPageBytes is what the first look at the queue may transfer, with its style, script and icon.
const maxPageBytes = 100_000

// The queue in a real browser that has nothing of it yet.
func (s *scale) browser(t *testing.T) {
	for _, official := range s.three(t) {
		b := openBrowser(t, s.url)
		name, value, _ := strings.Cut(official.cookie, "=")
		if _, err := chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: s.url}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.ctx)
		var bytes atomic.Int64
		var heard sync.WaitGroup
		loaded := chromedp.Events(ctx, network.LoadingFinished)
		heard.Go(func() {
			for e, err := range loaded {
				if err != nil {
					return
				}
				bytes.Add(int64(e.EncodedDataLength))
			}
		})
		b.do(chromedp.Navigate(s.url + "/console/cases"))
		b.await("h1.quiet", b.text("h1.quiet"))
		if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](`document.readyState === "complete" && document.querySelectorAll("tr.row").length > 0`, untilTheEnd)); err != nil {
			t.Fatal(err)
		}
		cancel()
		heard.Wait()
		if n := bytes.Load(); n == 0 || n > maxPageBytes {
			t.Errorf("%s: the queue transfers %d bytes, want at most %d", official.Login, n, maxPageBytes)
		}
		official.T = t
		s.took.take()
		for range 20 {
			official.page("/console/cases")
		}
		took := s.took.take()
		t.Logf("%s: the queue transfers %d bytes; the server takes %v in the middle of %d looks, %v at most", official.Login, bytes.Load(), took[len(took)/2], len(took), took[len(took)-1])
	}
}

// bulkCases is how many cases one action changes.
const bulkCases = 300

// An action on many cases changes each of them, once, and taking it back restores each.
func (s *scale) bulk(t *testing.T) {
	manager, assignee := s.official(t, nationalLogin(0)), nationalLogin(1)
	found, err := s.app.store.Within(manager.Area).IDs(t.Context(), models.CaseFilter{Statuses: models.OpenStatuses(), Unreached: ptr(false)}, s.app.now(), bulkCases)
	if err != nil || len(found) != bulkCases {
		t.Fatalf("%d cases to change, %v", len(found), err)
	}
	for name, do := range map[string]struct {
		form    url.Values
		changed models.CaseFilter
	}{
		"assign":  {url.Values{"do": {"assign"}, "assignee": {assignee}}, models.CaseFilter{Assignee: assignee}},
		"contact": {url.Values{"do": {"no_answer"}}, models.CaseFilter{Unreached: ptr(true)}},
	} {
		count := func() int64 {
			n, err := s.app.store.Within(manager.Area).Count(t.Context(), do.changed, s.app.now())
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		before, csrf := count(), manager.csrf()
		do.form["case"], do.form["csrf"] = found, []string{csrf}
		begun := time.Now()
		reply := manager.request(t.Context(), "/console/cases/act", do.form)
		did := time.Since(begun)
		reply.Body.Close()
		done, err := url.Parse(reply.Header.Get("Location"))
		if err != nil || reply.StatusCode != http.StatusSeeOther || done.Query().Get("n") != strconv.Itoa(len(found)) {
			t.Fatalf("%s answered %s %s", name, reply.Status, done)
		}
		if after := count(); after-before != int64(len(found)) {
			t.Errorf("%s: %d of %d cases are changed", name, after-before, len(found))
		}
		begun = time.Now()
		reply = manager.request(t.Context(), "/console/undo", url.Values{"csrf": {csrf}, "undo": {done.Query().Get("undo")}, "back": {"/console/cases"}})
		undid := time.Since(begun)
		reply.Body.Close()
		if after := count(); after != before {
			t.Errorf("%s: %d cases stay changed after taking it back", name, after-before)
		}
		t.Logf("%s: %d cases in %v, taken back in %v", name, len(found), did.Round(time.Millisecond), undid.Round(time.Millisecond))
	}
}

func ptr[T any](v T) *T { return &v }

// Many officials look at pages at the same time, and each gets its page.
func (s *scale) views(t *testing.T) {
	officials, err := s.signOfficialsIn(t.Context(), s.in)
	if err != nil {
		t.Fatal(err)
	}
	perSecond, seconds := scaleOf(t, "KHAIBAO_SCALE_VIEWS", 10), scaleOf(t, "KHAIBAO_SCALE_SECONDS", 2)
	met := viewFor(t.Context(), s.url, officials, perSecond, time.Duration(seconds)*time.Second)
	var table strings.Builder
	if err := met.print(&table); err != nil {
		t.Fatal(err)
	}
	if met.failed() > 0 || int(met.all.Requests) != perSecond*seconds {
		t.Errorf("of %d views %d failed", met.all.Requests, met.failed())
	}
	t.Logf("%d officials, load %s\n%s", len(officials), loadAverage(), &table)
}

// loadAverage is what else the machine had to do, on Linux.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:2], " ")
}
