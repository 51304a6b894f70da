package console

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"khaibao/internal/areas"
	"khaibao/models"
)

var (
	numberLink = regexp.MustCompile(`<a class="(?:value )?to" href="([^"]*)">([^<]+)</a>`)
	figure     = regexp.MustCompile(`[0-9][0-9.]*`)
	span       = regexp.MustCompile(`[0-9]+ (?:phút|giờ|ngày)$`)
	unlinked   = regexp.MustCompile(`<(?:td class="n"|b class="value"|span class="help")[^>]*>([^<]*[0-9][^<]*)`)
	areaLink   = regexp.MustCompile(`<th scope="row"><a href="(/console/overview\?area=[^"]*)">`)
	nextLink   = regexp.MustCompile(`rel="next" href="([^"]+)"`)
	partTable  = regexp.MustCompile(`(?s)<table><caption>([^<]*)</caption><tbody>(.*?)</tbody>\s*<tfoot>.*?<td class="n">([0-9.]+)</td>`)
	partCount  = regexp.MustCompile(`<td class="n">([0-9.]+)</td>`)
	sumOfParts = regexp.MustCompile(`<b class="sum">([0-9.]+)`)
)

// noon moves the domain's clock to noon, so that a test sees the same hours of a day whenever it runs.
func (w *world) noon() {
	at := w.Clock.Now().In(models.Hanoi)
	w.Clock.Forward(time.Date(at.Year(), at.Month(), at.Day()+1, 12, 0, 0, 0, models.Hanoi).Sub(at))
}

func unescaped(link string) string { return strings.ReplaceAll(link, "&amp;", "&") }

// behind gives how long the list behind a link is: the cases of all its pages, or what each table of its parts adds up to.
func (b *browser) behind(link string) int {
	b.Helper()
	page := b.want(http.StatusOK, b.get(link))
	if strings.HasPrefix(link, "/console/cases") {
		n := len(page.ids())
		for next := nextLink.FindStringSubmatch(page.body); next != nil; next = nextLink.FindStringSubmatch(page.body) {
			page = b.want(http.StatusOK, b.get(unescaped(next[1])))
			n += len(page.ids())
		}
		return n
	}
	all := sumOfParts.FindStringSubmatch(page.body)[1]
	for _, table := range partTable.FindAllStringSubmatch(page.body, -1) {
		sum := 0
		for _, count := range partCount.FindAllStringSubmatch(table[2], -1) {
			sum += figureOf(b, count[1])
		}
		if itoa(sum) != all || table[3] != all {
			b.Errorf("%s: %s adds up to %d and says %s, the page says %s", link, table[1], sum, table[3], all)
		}
	}
	return figureOf(b, all)
}

func figureOf(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(text, ".", ""))
	must(t, err)
	return n
}

// Every number of the overview has a link and is as long as the list behind it, and a median leads to the cases it is of: for
// the nation, a province and a commune, for all areas below them, and for people who wait, waited when a day ended, were
// called, got worse, moved on and came days ago.
func TestOverviewNumbersAreTheirLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hour := func(n int) { w.Clock.Forward(time.Duration(n) * time.Hour) }
	officer := w.official("xa.nay", models.Officer, bacSon)
	w.noon()
	w.Clock.Forward(-8 * 24 * time.Hour)
	lan, person := w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	for range 60 { // more than a page
		w.declared("Trần Thị Xa", "00004", map[string]any{"cough": true})
	}
	hour(24)
	officer.submit("/console/cases/act", "which", "all", "do", "no_answer")
	w.declared("Lý Văn Minh", dongKinh, map[string]any{"chest_pain": true})
	hour(6 * 24)
	officer.submit("/console/cases/act", "which", "all", "do", "reached")
	w.declare(lan, person, models.FormDaily, map[string]any{"blue_lips": true})
	hour(24)
	w.declared("Hoàng Văn Nam", bacSon, map[string]any{"fever": true, "contact_case": "yes"})
	w.declared("Nông Văn Khỏe", bacSon, map[string]any{"fever": false})
	officer.submit("/console/cases/act", "which", "all", "query", "level=high", "do", "no_answer")
	w.declared("Vi Thị Mới", dongKinh, map[string]any{"fever": true})
	must(t, w.Effects.Drain(t.Context()))

	seen := map[string]int{}
	for login, scope := range map[string]struct {
		role  models.Role
		area  models.Area
		pages int
	}{"xa.hai": {models.Viewer, bacSon, 1}, "tinh.ls": {models.ProvinceManager, langSon, 3}, "nuoc": {models.NationalManager, models.Nation, 6}} {
		b := w.official(login, scope.role, scope.area)
		todo, walked, lists := []string{"/console/overview"}, 0, map[string]int{}
		for ; len(todo) > 0; todo, walked = todo[1:], walked+1 {
			page := b.want(http.StatusOK, b.get(todo[0]))
			for _, link := range areaLink.FindAllStringSubmatch(page.body, -1) {
				todo = append(todo, unescaped(link[1]))
			}
			for _, bare := range unlinked.FindAllStringSubmatch(page.body, -1) {
				t.Errorf("%s of %s: %q leads nowhere", login, todo[0], bare[1])
			}
			for _, link := range numberLink.FindAllStringSubmatch(page.body, -1) {
				if span.MatchString(link[2]) {
					if n := b.behind(unescaped(link[1])); n == 0 {
						t.Errorf("%s of %s: the median %q leads to nobody", login, todo[0], link[2])
					}
					seen["a median"]++
					continue
				}
				says := figure.FindAllString(link[2], -1)
				if len(says) != 1 {
					t.Fatalf("%s: %q holds no number, or several", todo[0], link[2])
				}
				target := unescaped(link[1])
				if _, known := lists[target]; !known {
					lists[target] = b.behind(target)
				}
				if got := lists[target]; got != figureOf(t, says[0]) {
					t.Errorf("%s of %s: %q leads to %s, which has %d", login, todo[0], link[2], target, got)
				} else if got > 0 {
					seen[link[2]]++
				}
			}
		}
		if walked != scope.pages {
			t.Errorf("%s sees %d overviews, want %d", login, walked, scope.pages)
		}
	}
	for _, text := range []string{"a median", "cuối ngày hôm qua 60", "cuối ngày này tuần trước 1"} {
		if seen[text] == 0 {
			t.Errorf("%q was never seen in %v", text, seen)
		}
	}
	if len(seen) < 12 {
		t.Errorf("only %d different numbers above zero were seen: %v", len(seen), seen)
	}
}

// What stood yesterday and a week ago, what is told about an area, and what is not told outside.
func TestOverviewPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.noon()
	w.Clock.Forward(-24 * time.Hour)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"chest_pain": true})
	w.Clock.Forward(24 * time.Hour)
	b := w.official("tinh.ls", models.ProvinceManager, langSon)
	page := b.want(http.StatusOK, b.get("/console/overview"))
	has(t, "the province", page, "Ca mới hôm nay 0 hôm qua 1", "Quá hạn 1 cuối ngày hôm qua 1 cuối ngày này tuần trước 0", "Xã Bắc Sơn 1 0 1 1", "Quần đảo Hoàng Sa", "Quần đảo Trường Sa")
	b.submit("/console/cases/act", "which", "all", "do", "reached")
	must(t, w.Effects.Drain(t.Context()))
	has(t, "after the call", b.get("/console/overview"), "Quá hạn 0 cuối ngày hôm qua 1 cuối ngày này tuần trước 0", "1 ca liên hệ được lần đầu")
	if n := strings.Count(page.body, `<path class="land`); n != 34 {
		t.Errorf("%d provinces on the map, want 34", n)
	}
	if links := strings.Count(page.body, `aria-label="Tỉnh Lạng Sơn"`); links != 1 || strings.Contains(page.body, "area=01") {
		t.Errorf("the manager of a province has %d links to it and may be led elsewhere", links)
	}
	for _, path := range []string{"/console/overview?area=01", "/console/overview?area=VN", "/console/overview?area=00004", "/console/overview?area=99999", "/console/overview/declarations?area=01&days=2026-01-01"} {
		b.want(http.StatusNotFound, b.get(path))
	}
	nation := w.official("nuoc", models.Viewer, models.Nation)
	has(t, "the nation", nation.get("/console/overview"), "Tỉnh Lạng Sơn: 1 ca mới trong 7 ngày qua", "Thành phố Hà Nội: 0 ca mới")
	if links := strings.Count(nation.get("/console/overview").body, `<a href="/console/overview?area=`); links != 34+1 {
		t.Errorf("%d links to provinces, want one each on the map and one in the table", links)
	}
	commune := w.official("xa.nay", models.Officer, bacSon)
	if page := commune.get("/console/overview"); strings.Contains(page.body, "<path") || strings.Contains(page.body, "overview?area=") {
		t.Error("a commune has a map or areas below it")
	}
}

func TestShades(t *testing.T) {
	t.Parallel()
	for highest, want := range map[int64][]int64{0: nil, 1: {1}, 2: {2}, 3: {2, 3}, 12: {2, 3, 5, 8, 12}, 5000: {6, 31, 166, 911, 5000}} {
		diff(t, "bounds to "+itoa(int(highest)), shadeBounds(highest), want)
		for n := range min(highest, 100) + 1 {
			if shade := shadeOf(n, want); (shade == "0") != (n == 0) || n == highest && n > 0 && shade != "5" {
				t.Errorf("%d of %d has shade %s", n, highest, shade)
			}
		}
	}
}

// The map has every province of today once, and both archipelagos.
func TestOutlines(t *testing.T) {
	t.Parallel()
	drawn, err := loadOutlines()
	must(t, err)
	directory, err := areas.Load()
	must(t, err)
	dots := map[string]int{}
	var codes, want []string
	for _, p := range drawn.Provinces {
		codes = append(codes, p.Code)
		dots[p.Code] = strings.Count(p.Dots, "M")
		if !strings.HasPrefix(p.Path, "M") {
			t.Errorf("%s has no outline", p.Code)
		}
	}
	for _, p := range directory.Provinces() {
		want = append(want, p.Code)
	}
	diff(t, "provinces", codes, want)
	if dots["48"] < 10 || dots["56"] < 70 || len(drawn.Labels) != 2 {
		t.Errorf("Hoàng Sa has %d islands, Trường Sa %d, and there are %d names", dots["48"], dots["56"], len(drawn.Labels))
	}
}

// An official's words reach the outbox once, and the timeline says that they did.
func TestMessageToCitizen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	has(t, "sent", b.follow(b.submit(path+"/message", "text", "Mai 8 giờ mời đến trạm.")), "Đã gửi tin nhắn")
	b.want(http.StatusUnprocessableEntity, b.submit(path+"/message", "text", " "))
}
