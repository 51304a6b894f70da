package console

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"khaibao/models"
)

var hidden = regexp.MustCompile(`name="(rev|seen)" value="([^"]*)"`)

// hiddenOf gives what a page's forms carry of the state that it shows.
func (p page) hiddenOf() (rev, seen string) {
	for _, m := range hidden.FindAllStringSubmatch(p.body, -1) {
		if m[1] == "rev" {
			rev = m[2]
		} else {
			seen = m[2]
		}
	}
	return rev, seen
}

func has(t *testing.T, what string, p page, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.body, text) && !strings.Contains(p.words(), text) {
			t.Errorf("%s: no %q in %s", what, text, p.words())
		}
	}
}

func hasNot(t *testing.T, what string, p page, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(p.body, text) {
			t.Errorf("%s: %q in %s", what, text, p.words())
		}
	}
}

// A case says why it is there, what has happened and how it went, and names nobody until a reason is given.
func TestCasePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen, person := w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true, "contact_case": "yes"})
	w.Clock.Forward(24 * time.Hour)
	w.declare(citizen, person, models.FormDaily, map[string]any{"temperature": 38.5, "spo2": 91, "cough": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	got := b.want(http.StatusOK, b.get(path))
	has(t, "the case", got, "N*** T*** L***", "0901***001", "Nguy cơ cao", "phiên bản 1", "Kịch bản gọi", "Cập nhật hằng ngày (ứng dụng)", "38,5", "91", `class="chart"`, "polyline")
	hasNot(t, "the case", got, "Nông Thị Lan", "0901230001", "901230001")

	empty := b.want(http.StatusUnprocessableEntity, b.submit(path+"/reveal", "reason", " "))
	hasNot(t, "without a reason", empty, "Nông Thị Lan")
	shown := b.want(http.StatusOK, b.submit(path+"/reveal", "reason", "Gọi điện hỏi thăm"))
	has(t, "revealed", shown, "Nông Thị Lan", "0901230001", `href="tel:&#43;84901230001"`, "21/03/1958")
	again := b.get(path)
	hasNot(t, "loaded again", again, "Nông Thị Lan")
	has(t, "who looked", again, "Gọi điện hỏi thăm", "an.nguyen")

	undone := b.follow(b.submit(path+"/contact", "outcome", "wrong_number", "note", "Số của người khác."))
	has(t, "a call", undone, "Sai số", "Số của người khác.", "Đã ghi kết quả liên hệ")
	undo := regexp.MustCompile(`name="undo" value="([^"]+)"`).FindStringSubmatch(undone.body)
	hasNot(t, "taken back", b.follow(b.submit("/console/undo", "undo", undo[1], "back", path)), "Số của người khác.")

	note := b.want(http.StatusOK, b.submit(path+"/referral", "to", "Trung tâm Y tế Bắc Sơn", "reason", "SpO2 thấp"))
	has(t, "the referral", note, "Giấy chuyển tuyến", "Trung tâm Y tế Bắc Sơn", "Nông Thị Lan", "SpO2 thấp", "38,5", "Cán bộ an.nguyen")
	has(t, "the referral is a look", b.get(path), "Giấy chuyển tuyến: SpO2 thấp")
	has(t, "nowhere", b.want(http.StatusUnprocessableEntity, b.submit(path+"/referral", "to", "", "reason", "SpO2 thấp")), "Nơi nhận: Bắt buộc", `value="SpO2 thấp"`)
	has(t, "letters are counted, not bytes", b.want(http.StatusOK, b.submit(path+"/referral", "to", strings.Repeat("ệ", 150), "reason", "x")), strings.Repeat("ệ", 150))
	long := b.want(http.StatusUnprocessableEntity, b.submit(path+"/referral", "to", strings.Repeat("ệ", 151), "reason", strings.Repeat("ệ", 301)))
	has(t, "too long", long, "Nơi nhận: Dài tối đa 150 ký tự", "Lý do chuyển: Dài tối đa 300 ký tự")
	viewer := w.official("xem", models.Viewer, bacSon)
	hasNot(t, "a viewer", viewer.want(http.StatusOK, viewer.get(path)), "/reveal", "/contact", "/change")
}

// Two officials on one case: the second sees that it changed and what, and loses nothing typed.
func TestTwoOnOneCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	one, two := w.official("mot", models.Officer, bacSon), w.official("hai", models.Officer, bacSon)
	path := "/console/cases/" + one.get("/console/cases").ids()[0]
	change := func(b *browser, seen page, pairs ...string) page {
		rev, state := seen.hiddenOf()
		return b.submit(path+"/change", append(pairs, "rev", rev, "seen", state)...)
	}
	first, second := one.get(path), two.get(path)
	one.follow(change(one, first, "status", "monitoring", "assignee", "mot", "note", "Đã hẹn."))
	late := two.want(http.StatusPreconditionFailed, change(two, second, "status", "referred", "assignee", "", "note", "Tôi đã gọi & hẹn 15:00.", "level", "high", "assess_reason", "Thở nhanh"))
	has(t, "the second", late, "vừa được người khác thay đổi", "Tình trạng: Đang theo dõi.", "Phụ trách: mot.", "Có thêm ghi chú.", "Tôi đã gọi &amp; hẹn 15:00.", `value="Thở nhanh"`, `value="referred" selected`, `value="high" selected`)
	saved := two.follow(change(two, late, "status", "monitoring", "assignee", "mot", "note", "Tôi đã gọi & hẹn 15:00.", "level", "high", "assess_reason", "Thở nhanh"))
	has(t, "saved", saved, "Tôi đã gọi &amp; hẹn 15:00.", "Đã hẹn.", "Thở nhanh")
	rev, seen := saved.hiddenOf()
	bad := two.want(http.StatusUnprocessableEntity, two.post(path+"/change", url.Values{"csrf": {two.csrf()}, "rev": {rev}, "seen": {seen}, "level": {"high"}, "note": {"giữ lại"}}))
	has(t, "a level without grounds", bad, "Căn cứ: Bắt buộc", "giữ lại")
}

// A form that came back with something wrong in it still knows what it was typed over: sent again, it does not undo what a
// colleague did meanwhile.
func TestCorrectedFormKeepsWhatItWasTypedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	one, two := w.official("mot", models.Officer, bacSon), w.official("hai", models.Officer, bacSon)
	path := "/console/cases/" + one.get("/console/cases").ids()[0]
	send := func(b *browser, on page, pairs ...string) page {
		return b.post(path+"/change", with(on.formAt(t, path+"/change"), append(pairs, "csrf", b.csrf())...))
	}
	wrong := two.want(http.StatusUnprocessableEntity, send(two, two.get(path), "status", "referred", "level", "high"))
	one.follow(send(one, one.get(path), "status", "monitoring", "note", "Đã hẹn."))
	late := two.want(http.StatusPreconditionFailed, send(two, wrong, "assess_reason", "Thở nhanh"))
	has(t, "the second", late, "Tình trạng: Đang theo dõi.", "Có thêm ghi chú.", `value="Thở nhanh"`, `value="referred" selected`)

	seen := two.get(path)
	one.follow(send(one, one.get(path), "note", "Đã gọi lại."))
	late = two.want(http.StatusPreconditionFailed, send(two, seen, "level", "high"))
	has(t, "what is wrong waits for what has changed", late, "Có thêm ghi chú.")
	hasNot(t, "what is wrong waits for what has changed", late, "Bắt buộc")
}

// What the second left as it was is not taken for a choice: the page that comes back has what the first made of it, and what
// the second did choose.
func TestWhatNobodyChoseIsNotSentBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	one, two := w.official("mot", models.Officer, bacSon), w.official("hai", models.Officer, bacSon)
	path := "/console/cases/" + one.get("/console/cases").ids()[0]
	rev, seen := two.get(path).hiddenOf()
	as := func(b *browser, rev, seen, status, assignee string) page {
		return b.submit(path+"/change", "rev", rev, "seen", seen, "status", status, "assignee", assignee)
	}
	one.follow(as(one, rev, seen, "monitoring", ""))
	late := two.want(http.StatusPreconditionFailed, as(two, rev, seen, "new", "hai"))
	has(t, "the page that comes back", late, `value="monitoring" selected`, `value="hai" selected`)
	hasNot(t, "the page that comes back", late, `value="new" selected`, `value="" selected>chưa`)
	rev, seen = late.hiddenOf()
	has(t, "both are kept", two.follow(as(two, rev, seen, "monitoring", "hai")), `value="monitoring" selected`, `value="hai" selected`)
}

// Two households declared one person: the page finds the other case, links and parts them, and shows neither household
// more of the other than a masked line.
func TestSamePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	w.declared("Nông Thị Lan", bacSon, map[string]any{"cough": true})
	w.declared("Lý Văn Minh", bacSon, map[string]any{"cough": true})
	w.declared("Nông Thị Lan", dongKinh, map[string]any{"fever": true}) // another commune: not for this official
	b := w.official("an.nguyen", models.Officer, bacSon)
	var path, other string
	for _, id := range b.search("q", "nong thi lan").ids() {
		path, other = "/console/cases/"+id, path
	}
	other = strings.TrimPrefix(other, "/console/cases/")
	got := b.get(path)
	if ids := got.ids(); len(ids) != 1 || ids[0] != other {
		t.Fatalf("alike are %v, want %s", ids, other)
	}
	rev, seen := got.hiddenOf()
	linked := b.follow(b.submit(path+"/link", "same_as", other, "rev", rev))
	late := b.want(http.StatusPreconditionFailed, b.submit(path+"/link", "same_as", other, "rev", rev, "seen", seen))
	has(t, "somebody was faster", late, "vừa được người khác thay đổi", "Nối với ca của cùng một người.")
	has(t, "linked", linked, "Đã nối hai ca", "Tách hai ca")
	if n := strings.Count(b.get("/console/cases").words(), "trùng người"); n != 1 {
		t.Errorf("the queue marks %d cases", n)
	}
	rev, _ = linked.hiddenOf()
	parted := b.follow(b.submit(path+"/link", "same_as", "", "rev", rev))
	hasNot(t, "parted", parted, "Tách hai ca</button>")
}

// A colleague's assessment stays on the timeline with its grounds when another one takes its place, as long as notes do.
func TestEarlierAssessments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen, _ := w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	one, two := w.official("mot", models.Officer, bacSon), w.official("hai", models.Officer, bacSon)
	path := "/console/cases/" + one.get("/console/cases").ids()[0]
	assess := func(b *browser, level, why string) page {
		t.Helper()
		got := b.follow(b.post(path+"/change", with(b.get(path).formAt(t, path+"/change"), "level", level, "assess_reason", why)))
		w.Settle(t)
		return got
	}
	assess(one, "high", "SpO2 tại nhà 92")
	assess(two, "moderate", "Đo lại được 97")
	got := two.get(path)
	has(t, "the timeline", got, "Đánh giá của cán bộ · mot ● Nguy cơ cao SpO2 tại nhà 92", "Đánh giá của cán bộ · hai ◆ Nguy cơ trung bình Đo lại được 97")
	hasNot(t, "each once", got, "Đánh giá của cán bộ: Nguy cơ")
	exported, err := w.Privacy.Export(t.Context(), citizen)
	must(t, err)
	diff(t, "the export's levels", exported.Cases[0].EarlierAssessments, []models.Level{models.LevelHigh})

	two.follow(two.post(path+"/change", with(two.get(path).formAt(t, path+"/change"), "status", "closed")))
	_, err = w.Privacy.Erase(t.Context(), citizen)
	must(t, err)
	w.Settle(t)
	kept, err := w.Store.CasesOfAccount(t.Context(), citizen.Account)
	must(t, err)
	if c := kept[0]; c.Assessment != nil || c.EarlierAssessments != nil {
		t.Errorf("after the erasure: %+v %+v", c.Assessment, c.EarlierAssessments)
	}
}
