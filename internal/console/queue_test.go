package console

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"khaibao/internal/sitetest"
	"khaibao/models"
)

var rowID = regexp.MustCompile(`<a href="/console/cases/([A-Za-z0-9_-]+)(?:\?list=[^"]*)?">`)

// ids of the cases that a page lists, in order.
func (p page) ids() []string {
	var out []string
	for _, m := range rowID.FindAllStringSubmatch(p.body, -1) {
		out = append(out, m[1])
	}
	return out
}

var tab = regexp.MustCompile(`<a href="[^"]*"(?: aria-current="true")?>([^<]+) <b class="count">([^<]*)</b>`)

// counts of the views by their name.
func (p page) counts() map[string]string {
	out := map[string]string{}
	for _, m := range tab.FindAllStringSubmatch(p.body, -1) {
		out[m[1]] = m[2]
	}
	return out
}

// The morning's numbers equal the lists behind them, through calls, undo and closing.
func TestQueueViews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen, person := w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	w.declared("Lý Văn Minh", bacSon, map[string]any{"chest_pain": true})
	w.declared("Hoàng Văn Nam", bacSon, map[string]any{"fever": true, "contact_case": "yes"})
	w.declared("Trần Thị Xa", "00004", map[string]any{"fever": true}) // in Hà Nội
	w.declare(citizen, person, models.FormDaily, map[string]any{"blue_lips": true})
	b := w.official("an.nguyen", models.Officer, bacSon)

	check := func(what string, want map[string]string) {
		t.Helper()
		counts := b.want(http.StatusOK, b.get("/console/cases")).counts()
		diff(t, what, counts, want)
		for _, view := range views {
			listed := len(b.get("/console/cases?view=" + view).ids())
			if name := w.Texts.Text(models.Vietnamese, "console.view."+view, nil); counts[name] != itoa(listed) {
				t.Errorf("%s: %s says %s and lists %d", what, name, counts[name], listed)
			}
		}
	}
	check("at first", map[string]string{"Đang mở": "3", "Mới": "3", "Nặng lên": "1", "Quá hạn": "0", "Chưa liên lạc được": "0", "Bỏ cập nhật": "0", "Của tôi": "0", "Đã đóng": "0"})
	all := b.get("/console/cases").ids()
	page := b.follow(b.submit("/console/cases/act", "which", "chosen", "case", all[0], "case", all[1], "do", "no_answer"))
	if !strings.Contains(page.words(), "cho 2 ca") {
		t.Errorf("no word of what was done: %s", page.words())
	}
	undo := regexp.MustCompile(`name="undo" value="([^"]+)"`).FindStringSubmatch(page.body)
	check("two called in vain", map[string]string{"Đang mở": "3", "Mới": "3", "Nặng lên": "1", "Quá hạn": "0", "Chưa liên lạc được": "2", "Bỏ cập nhật": "0", "Của tôi": "0", "Đã đóng": "0"})
	b.follow(b.submit("/console/undo", "undo", undo[1], "back", "/console/cases"))
	check("undone", map[string]string{"Đang mở": "3", "Mới": "3", "Nặng lên": "1", "Quá hạn": "0", "Chưa liên lạc được": "0", "Bỏ cập nhật": "0", "Của tôi": "0", "Đã đóng": "0"})
	b.follow(b.submit("/console/cases/act", "which", "all", "do", "mine"))
	b.follow(b.submit("/console/cases/act", "which", "all", "query", "level=emergency", "do", "reached"))
	check("taken, and the emergencies called", map[string]string{"Đang mở": "3", "Mới": "1", "Nặng lên": "0", "Quá hạn": "0", "Chưa liên lạc được": "0", "Bỏ cập nhật": "0", "Của tôi": "3", "Đã đóng": "0"})
	w.Clock.Forward(1000 * time.Hour)
	check("weeks later", map[string]string{"Đang mở": "3", "Mới": "1", "Nặng lên": "0", "Quá hạn": "1", "Chưa liên lạc được": "0", "Bỏ cập nhật": "0", "Của tôi": "3", "Đã đóng": "0"})
}

// Nobody is masked less in the console than in the API, and a search leaves no trace in a link.
func TestQueueIsMasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	for name, got := range map[string]page{
		"the list": b.get("/console/cases"), "a phone": b.search("q", "0901230001"), "a name": b.search("q", "nong thi lan"),
	} {
		if len(b.want(http.StatusOK, got).ids()) != 1 || !strings.Contains(got.body, "N*** T*** L***") || strings.Contains(got.body, "Nông Thị") {
			t.Errorf("%s: %s", name, got.words())
		}
		for _, link := range regexp.MustCompile(`(?:href|action)="([^"]*)"`).FindAllStringSubmatch(got.body, -1) {
			if strings.Contains(link[1], "0901230001") || strings.Contains(link[1], "nong") {
				t.Errorf("%s: a link holds the search: %s", name, link[1])
			}
		}
	}
	if got := b.search("q", "0901239999"); !strings.Contains(got.words(), "Không tìm thấy ai") {
		t.Errorf("an empty search: %s", got.words())
	}
	if log := w.Logged.String(); strings.Contains(log, "0901230001") {
		t.Errorf("the log holds a search: %s", log)
	}
}

// Filters, orders and pages; what is no value of ours is passed over.
func TestQueueFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 53 {
		answers := map[string]any{"fever": true}
		if n%2 == 0 {
			answers["contact_case"] = "yes"
		}
		w.declared("Nông Thị Lan", []string{bacSon, dongKinh}[n%2], answers)
	}
	b := w.official("quan.ly", models.ProvinceManager, langSon)
	for query, want := range map[string]int{
		"": 50, "level=high": 27, "level=moderate": 26, "factor=contact_case": 27, "area=" + bacSon: 27, "area=" + elsewhere: 0, "area=VN": 50,
		"program=covid19": 50, "program=dengue": 0, "level=none-such": 50, "status=closed": 0, "factor=<script>": 50, "cursor=": 50,
	} {
		if got := b.want(http.StatusOK, b.get("/console/cases?"+query)); len(got.ids()) != want {
			t.Errorf("%s: %d cases, want %d", query, len(got.ids()), want)
		}
	}
	for _, sort := range []string{"", "due", "level"} {
		first := b.get("/console/cases?sort=" + sort)
		next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(first.body)
		second := b.want(http.StatusOK, b.get(strings.ReplaceAll(next[1], "&amp;", "&")))
		all := append(first.ids(), second.ids()...)
		if slices.Sort(all); len(slices.Compact(all)) != 53 {
			t.Errorf("by %q: %d different cases in two pages, want 53", sort, len(slices.Compact(all)))
		}
	}
	byLevel := regexp.MustCompile(`cursor=([^"&]+)`).FindStringSubmatch(b.get("/console/cases?sort=level").body)[1]
	for _, cursor := range []string{"nonsense", byLevel} { // of no order, or of another: the first page
		if got := b.follow(b.get("/console/cases?level=high&sort=due&cursor=" + cursor)); len(got.ids()) != 27 {
			t.Errorf("%d cases, want all 27", len(got.ids()))
		}
	}
	form := url.Values{"csrf": {b.csrf()}, "which": {"chosen"}, "do": {"mine"}}
	if got := b.want(http.StatusUnprocessableEntity, b.post("/console/cases/act", form)); !strings.Contains(got.words(), "Chưa chọn ca nào") {
		t.Errorf("nothing chosen: %s", got.words())
	}
	b.want(http.StatusBadRequest, b.submit("/console/cases/act", "which", "all", "do", "delete"))
}

// Who has a case narrows the queue: a colleague, nobody, and whoever a link names; the next filter keeps it.
func TestQueueOfAnAssignee(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"Nông Thị Lan", "Lý Văn Minh", "Hoàng Văn Nam"} {
		w.declared(name, bacSon, map[string]any{"fever": true})
	}
	w.official("binh.tran", models.Officer, bacSon)
	b := w.official("an.nguyen", models.Officer, bacSon)
	all := b.get("/console/cases").ids()
	b.follow(b.submit("/console/cases/act", "which", "chosen", "case", all[0], "do", "assign", "assignee", "binh.tran"))
	for query, want := range map[string][]string{
		"assignee=binh.tran": {all[0]}, "assignee=-": {all[1], all[2]}, "assignee=an.nguyen": nil, "assignee=gone.away": nil, "view=mine&assignee=binh.tran": {all[0]},
	} {
		got := b.want(http.StatusOK, b.get("/console/cases?"+query))
		diff(t, query, got.ids(), want)
		diff(t, query+": the form", got.formAt(t, "/console/cases").Get("assignee"), query[strings.Index(query, "assignee=")+len("assignee="):])
	}
}

// A search goes through what the filter's lists leave, whatever the view, and says so; the filter goes through what was
// searched for.
func TestSearchWithinAFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	w.declared("Nông Thị Lan", dongKinh, map[string]any{"fever": true})
	w.declared("Nông Thị Lan", dongKinh, map[string]any{"chest_pain": true})
	b := w.official("quan.ly", models.ProvinceManager, langSon)
	const search = "/console/cases/search"
	filtered := b.get("/console/cases?view=overdue&level=moderate&area=" + dongKinh)
	found := b.follow(b.post(search, with(filtered.formAt(t, search), "q", "nong thi lan")))
	if len(found.ids()) != 1 {
		t.Errorf("found %d within the filter, want 1: %s", len(found.ids()), found.words())
	}
	has(t, "the page", found, "Chỉ tìm trong các ca khớp bộ lọc", `value="moderate" selected`)
	if all := b.search("q", "nong thi lan"); len(all.ids()) != 3 || strings.Contains(all.body, "Chỉ tìm trong") {
		t.Errorf("found %d of all, want 3", len(all.ids()))
	}
	all := b.search("q", "nong thi lan").formAt(t, "/console/cases")
	narrower := b.want(http.StatusOK, b.get("/console/cases?"+with(all, "level", "emergency").Encode()))
	if len(narrower.ids()) != 1 {
		t.Errorf("the filter over a search leaves %d, want 1", len(narrower.ids()))
	}
	has(t, "nobody", b.search("q", "nong thi lan", "level", "high"), "Không tìm thấy ai trong các ca khớp bộ lọc", "Tìm trong tất cả")
	done := b.follow(b.post("/console/cases/act", with(narrower.formAt(t, "/console/cases/act"), "which", "all", "do", "mine")))
	has(t, "all that was found", done, "Bạn đã nhận 1 ca", `value="nong thi lan"`)
	other := w.official("nguoi.khac", models.ProvinceManager, langSon)
	if stolen := other.get("/console/cases?find=" + all.Get("find")); len(stolen.ids()) != 0 || strings.Contains(stolen.body, "nong thi lan") || !strings.Contains(stolen.words(), "Hãy tìm lại") {
		t.Errorf("somebody else's link searches: %s", stolen.words())
	}
	lost := "find=" + all.Get("find")
	acted := other.want(http.StatusUnprocessableEntity, other.submit("/console/cases/act", "which", "all", "do", "no_answer", "query", lost))
	has(t, "nothing is done to what somebody else found", acted, "Chưa chọn ca nào")
	if file := other.want(http.StatusOK, other.submit("/console/export", "format", "csv", "query", lost)); strings.Count(file.body, "\r\n") != 1 {
		t.Errorf("an export of what somebody else found: %s", file.body)
	}
	saved := b.follow(b.submit("/console/views/save", "name", "Tìm", "query", "level=moderate&"+lost))
	has(t, "a filter is saved without the search, which goes on", saved, `value="nong thi lan"`, `href="/console/cases?level=moderate"`)
	has(t, "one word", b.search("q", "Nông"), "ít nhất hai chữ")
}

// A saved filter says how many cases it lists.
func TestSavedFiltersAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	w.declared("Lý Văn Minh", bacSon, map[string]any{"fever": true})
	w.declared("Hoàng Văn Nam", bacSon, map[string]any{"chest_pain": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	b.follow(b.submit("/console/views/save", "name", "Sốt chưa ai nhận", "query", "level=moderate&assignee=-"))
	b.follow(b.submit("/console/views/save", "name", "Hôm nay", "query", "opened="+models.Day(w.Clock.Now())))
	has(t, "at first", b.get("/console/cases"), "Sốt chưa ai nhận 2", "Hôm nay 3")
	b.follow(b.submit("/console/cases/act", "which", "chosen", "case", b.get("/console/cases?level=moderate").ids()[0], "do", "mine"))
	has(t, "one is taken", b.get("/console/cases"), "Sốt chưa ai nhận 1", "Hôm nay 3")
}

// Every text that a page asks for is there.
func TestEveryTextIsThere(t *testing.T) {
	t.Parallel()
	loaded, err := sitetest.Load()
	must(t, err)
	names, err := files.ReadDir("templates")
	must(t, err)
	used := regexp.MustCompile(`\bt "([a-z_.]+)"`)
	found := 0
	for _, name := range names {
		text, err := files.ReadFile("templates/" + name.Name())
		must(t, err)
		for _, m := range used.FindAllStringSubmatch(string(text), -1) {
			if found++; !loaded.Texts.Has("console." + m[1]) {
				t.Errorf("%s asks for %q", name.Name(), m[1])
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d texts were found: the search no longer sees them", found)
	}
}

// The number of a large saved filter may be half a minute old, and no older.
func TestNumberOfASavedFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 205 {
		w.declared("Trần Thị Xa", bacSon, map[string]any{"cough": true})
	}
	b, other := w.official("an.nguyen", models.Officer, bacSon), w.official("bich.ly", models.Officer, bacSon)
	b.follow(b.submit("/console/views/save", "query", "assignee=-", "name", "Chưa ai nhận"))
	has(t, "at first", b.get("/console/cases"), "Chưa ai nhận 205")
	list := other.get("/console/cases")
	other.follow(other.post("/console/cases/act", with(list.formAt(t, "/console/cases/act"), "case", list.ids()[0], "do", "mine")))
	w.Clock.Forward(31 * time.Second)
	has(t, "half a minute later", b.get("/console/cases"), "Chưa ai nhận 204")
}
