package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
	"golang.org/x/sync/errgroup"

	"khaibao/internal/auth"
	"khaibao/models"
)

// loadOfficial is an official in a browser: the cookie of the visit, and cases of the first page of the queue.
type loadOfficial struct {
	cookie string
	cases  []string
}

// How many officials look at pages: all of the nation and of the provinces, and those of the communes with the most cases.
const loadCommunes = 200

// signOfficialsIn signs an outbreak's officials in, and opens the queue of each.
func (s *loadSite) signOfficialsIn(ctx context.Context, o *outbreak) ([]loadOfficial, error) {
	logins := []string{}
	for n := range nationalOfficials {
		logins = append(logins, nationalLogin(n))
	}
	for _, p := range s.app.areas.Provinces() {
		logins = append(logins, provinceLogin(p.Code))
	}
	for _, p := range o.busiest(loadCommunes) {
		logins = append(logins, communeLogin(p.commune))
	}
	out := make([]loadOfficial, len(logins))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(seedWorkers)
	for i, login := range logins {
		group.Go(func() (err error) {
			if out[i], err = s.signOfficialIn(ctx, login); err != nil {
				err = fmt.Errorf("%s: %w", login, err)
			}
			return err
		})
	}
	return out, group.Wait()
}

// loadVisits are the sign-ins so far: an official's code works once.
type loadVisits struct {
	mu      sync.Mutex
	cookies map[string]string
}

// cookieOf signs an official in, unless that was done before.
func (s *loadSite) cookieOf(ctx context.Context, login string) (string, error) {
	s.visits.mu.Lock()
	cookie, ok := s.visits.cookies[login]
	s.visits.mu.Unlock()
	if ok {
		return cookie, nil
	}
	official, err := s.app.store.Official(ctx, login)
	if err != nil {
		return "", err
	}
	visit, err := s.signIn(ctx, official, time.Now())
	if models.Unauthenticated.Is(err) { // this code was used a moment ago, by another load: the next one is taken as well
		visit, err = s.signIn(ctx, official, time.Now().Add(30*time.Second))
	}
	if err != nil {
		return "", err
	}
	s.visits.mu.Lock()
	defer s.visits.mu.Unlock()
	if s.visits.cookies == nil {
		s.visits.cookies = map[string]string{}
	}
	s.visits.cookies[login] = "khaibao_visit=" + visit.Cookie
	return s.visits.cookies[login], nil
}

func (s *loadSite) signIn(ctx context.Context, official *models.Official, at time.Time) (auth.Visit, error) {
	code, err := auth.TOTPCode(official.TOTPSecret, at)
	if err != nil {
		return auth.Visit{}, err
	}
	return s.app.officials.SignIn(ctx, official.Login, loadPassword, code, "127.0.0.1")
}

var caseLink = regexp.MustCompile(`href="/console/cases/([A-Za-z0-9_-]{22})"`)

// signOfficialIn signs an official in and opens the queue.
func (s *loadSite) signOfficialIn(ctx context.Context, login string) (loadOfficial, error) {
	cookie, err := s.cookieOf(ctx, login)
	if err != nil {
		return loadOfficial{}, err
	}
	signedIn := loadOfficial{cookie: cookie}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/console/cases", nil)
	if err != nil {
		return loadOfficial{}, err
	}
	r.Header.Set("Cookie", signedIn.cookie)
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return loadOfficial{}, err
	}
	defer reply.Body.Close()
	page, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		return loadOfficial{}, fmt.Errorf("the queue answered %s %v", reply.Status, err)
	}
	for _, link := range caseLink.FindAllSubmatch(page, -1) {
		signedIn.cases = append(signedIn.cases, string(link[1]))
	}
	return signedIn, nil
}

// loadPage is a page that officials look at, and how often of a hundred times.
type loadPage struct {
	name, path string
	share      int
}

var loadPages = []loadPage{
	{"queue", "/console/cases", 40},
	{"a case", "/console/cases/", 35}, // one of the first in the official's queue
	{"overdue", "/console/cases?view=overdue", 5},
	{"missed an update", "/console/cases?view=missed", 5},
	{"high, by deadline", "/console/cases?level=high&sort=due", 5},
	{"closed", "/console/cases?view=closed", 5},
	{"overview", "/console/overview", 5},
}

// nextPage draws a page, and its address for an official.
func nextPage(dice *rand.Rand, who loadOfficial) (loadPage, string) {
	chance := dice.IntN(100)
	at := slices.IndexFunc(loadPages, func(p loadPage) bool {
		chance -= p.share
		return chance < 0
	})
	page := loadPages[at]
	if page.path != "/console/cases/" {
		return page, page.path
	}
	if len(who.cases) == 0 {
		return loadPages[0], loadPages[0].path
	}
	return page, page.path + who.cases[dice.IntN(len(who.cases))]
}

// pageOf names the page of an address.
func pageOf(url string) string {
	_, path, _ := strings.Cut(url, "/console/")
	for _, p := range loadPages {
		if "/console/"+path == p.path {
			return p.name
		}
	}
	return "a case"
}

// pageTargets gives the next page of the next official at each call, a third of them for those of the nation and the
// provinces.
func pageTargets(url string, officials []loadOfficial) vegeta.Targeter {
	var count atomic.Uint64
	return func(target *vegeta.Target) error {
		dice := rand.New(rand.NewPCG(count.Add(1), 5))
		among := officials[len(officials)-loadCommunes:]
		if dice.IntN(3) == 0 {
			among = officials[:len(officials)-loadCommunes]
		}
		who := among[dice.IntN(len(among))]
		_, path := nextPage(dice, who)
		target.Method, target.URL = http.MethodGet, url+path
		// Asked for by ourselves, what is packed stays so: unpacking is a browser's own work.
		target.Header = http.Header{"Cookie": {who.cookie}, "Accept-Encoding": {"gzip"}}
		return nil
	}
}

// pageViews is what officials met, in all and by page.
type pageViews struct {
	all    vegeta.Metrics
	byPage map[string]*vegeta.Metrics
	why    string // the first failure
}

// viewFor looks at so many pages a second for a while, or until ctx ends.
func viewFor(ctx context.Context, url string, officials []loadOfficial, perSecond int, length time.Duration) *pageViews {
	client := vegeta.NewAttacker(vegeta.HTTP2(false), vegeta.Timeout(30*time.Second), vegeta.MaxWorkers(1024), vegeta.Redirects(vegeta.NoFollow))
	defer context.AfterFunc(ctx, func() { client.Stop() })()
	v := &pageViews{byPage: map[string]*vegeta.Metrics{}}
	for result := range client.Attack(pageTargets(url, officials), vegeta.ConstantPacer{Freq: perSecond, Per: time.Second}, length, "pages") {
		name := pageOf(result.URL)
		if v.byPage[name] == nil {
			v.byPage[name] = &vegeta.Metrics{}
		}
		v.all.Add(result)
		v.byPage[name].Add(result)
		if result.Code != http.StatusOK && v.why == "" {
			v.why = fmt.Sprintf("%s: %d %s", name, result.Code, result.Error)
		}
	}
	v.all.Close()
	for _, m := range v.byPage {
		m.Close()
	}
	return v
}

// failed is how many were answered by anything but the page.
func (v *pageViews) failed() int { return int(v.all.Requests) - v.all.StatusCodes["200"] }

// print writes a line for each page.
func (v *pageViews) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "page\tviews\tp50 ms\tp95 ms\tp99 ms\tlongest ms\tKB each\t")
	line := func(name string, m *vegeta.Metrics) {
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		fmt.Fprintf(table, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", name, m.Requests, ms(m.Latencies.P50), ms(m.Latencies.P95), ms(m.Latencies.P99), ms(m.Latencies.Max), m.BytesIn.Mean/1000)
	}
	for _, p := range loadPages {
		if m := v.byPage[p.name]; m != nil {
			line(p.name, m)
		}
	}
	line("all", &v.all)
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%.0f pages a second, %d failed %s\n", v.all.Rate, v.failed(), v.why)
	return err
}
