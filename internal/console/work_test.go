package console

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"khaibao/models"
)

// A browser breaks lines in two characters; notes and messages of several lines are kept.
func TestTextsOfSeveralLines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	note := b.follow(b.post(path+"/change", with(b.get(path).formAt(t, path+"/change"), "note", "dòng một\r\ndòng hai")))
	has(t, "a note", note, "dòng một\ndòng hai")
	pasted := b.follow(b.post(path+"/change", with(b.get(path).formAt(t, path+"/change"), "note", "38,5\u00a0°C\tkhó\u00ad thở")))
	has(t, "a cell of a table", pasted, "38,5 °C khó thở")
	has(t, "a message", b.follow(b.submit(path+"/message", "text", "dòng một\r\ndòng hai")), "Đã gửi tin nhắn")
}

// Whoever presses Enter in a field sends no outcome and takes no case: the first button of these forms does nothing.
func TestEnterDecidesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	queue := b.get("/console/cases")
	path := "/console/cases/" + queue.ids()[0]
	for action, page := range map[string]page{path + "/contact": b.get(path), "/console/cases/act": queue} {
		form := page.body[strings.Index(page.body, `action="`+action+`"`):]
		want := "<button disabled hidden>"
		if action == "/console/cases/act" { // from a box, a browser passes over a disabled button
			want = `<button name="do" value="" hidden>`
		}
		if first := form[strings.Index(form, "<button"):]; !strings.HasPrefix(first, want) {
			t.Errorf("Enter in %s presses %.60s", action, first)
		}
	}
	none := b.want(http.StatusUnprocessableEntity, b.post("/console/cases/act", with(queue.formAt(t, "/console/cases/act"), "case", queue.ids()[0], "do", "")))
	has(t, "no action", none, "Chưa chọn việc cần làm")
	if ticked := none.formAt(t, "/console/cases/act")["case"]; len(ticked) != 1 || len(b.get("/console/cases?assignee=-").ids()) != 1 {
		t.Errorf("ticked %v, and the case is somebody's", ticked)
	}
}

// "All found" is what the page said: of a list that was on it those cases, of a longer one no more than were told, and
// nothing in another area.
func TestAllFoundIsWhatWasShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, manager := w.official("an.nguyen", models.Officer, bacSon), w.official("quan.ly", models.ProvinceManager, langSon)
	for range 3 {
		w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
		w.declared("Lý Văn Minh", dongKinh, map[string]any{"fever": true})
	}
	act := "/console/cases/act"
	called := func(b *browser, query string) int {
		return len(b.get("/console/cases?status=contacted&" + query).ids())
	}
	short := b.get("/console/cases").formAt(t, act)
	w.declared("Hoàng Văn Nam", bacSon, map[string]any{"fever": true})
	b.follow(b.post(act, with(short, "which", "all", "do", "reached")))
	if n := called(b, ""); n != 3 {
		t.Errorf("%d were called, want the 3 of the page", n)
	}

	moved := b.get("/console/cases").formAt(t, act)
	manager.follow(manager.submit("/console/officials/an.nguyen/move", "role", "officer", "area", dongKinh))
	refused := b.want(http.StatusPreconditionFailed, b.post(act, with(moved, "which", "all", "do", "reached")))
	has(t, "moved", refused, "Khu vực của bạn đã đổi")
	if n := called(manager, "area="+dongKinh); n != 0 {
		t.Errorf("%d of another area were called", n)
	}

	for range 60 {
		w.declared("Trần Thị Xa", bacSon, map[string]any{"cough": true})
	}
	long := manager.get("/console/cases").formAt(t, act)
	w.declared("Trần Văn Mới", bacSon, map[string]any{"cough": true})
	grown := manager.want(http.StatusUnprocessableEntity, manager.post(act, with(long, "which", "all", "do", "mine")))
	has(t, "a list that has grown", grown, "Danh sách đã thêm ca: lúc mở trang có "+long.Get("told")+" ca")
	again := grown.formAt(t, act)
	if again.Get("told") == long.Get("told") {
		t.Errorf("the page still tells of %s", again.Get("told"))
	}
	has(t, "looked at again", manager.follow(manager.post(act, with(again, "which", "all", "do", "mine"))), "đã nhận "+again.Get("told")+" ca")
}

// Who gives away a case that a colleague has taken meanwhile does not take it from them unseen.
func TestGivenAwayMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.official("an.nguyen", models.Officer, bacSon), w.official("bich.ly", models.Officer, bacSon)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	act, opened := "/console/cases/act", first.get("/console/cases")
	form := with(opened.formAt(t, act), "case", opened.ids()[0], "do", "assign", "assignee", "an.nguyen")
	second.follow(second.submit(act, "which", "all", "do", "mine"))
	has(t, "taken meanwhile", first.follow(first.post(act, form)), "Giữ nguyên 1 ca")
	whole := with(opened.formAt(t, act), "which", "all", "do", "assign", "assignee", "an.nguyen")
	has(t, "all found, taken meanwhile", first.follow(first.post(act, whole)), "Giữ nguyên 1 ca")
	form = with(first.get("/console/cases").formAt(t, act), "case", opened.ids()[0], "do", "assign", "assignee", "an.nguyen")
	has(t, "seen with whom it is", first.follow(first.post(act, form)), "Đã giao 1 ca")
}

// A form that is sent twice is carried out once, and answered as if it had come once; one that was taken back may be sent again.
func TestFormsSentTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, other := w.official("an.nguyen", models.Officer, bacSon), w.official("bich.ly", models.Officer, bacSon)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	path, act := "/console/cases/"+b.get("/console/cases").ids()[0], "/console/cases/act"
	calls := func() int { return strings.Count(b.get(path).body, "<b>Không nghe máy</b>") }
	form := with(b.get(path).formAt(t, path+"/contact"), "outcome", "no_answer", "note", "Máy bận")
	var undo url.Values
	for n := range 2 {
		got := b.follow(b.post(path+"/contact", form))
		has(t, "a call", got, "Đã ghi kết quả liên hệ")
		if calls() != 1 {
			t.Errorf("sent %d times: %d calls", n+1, calls())
		}
		if n == 0 {
			undo = got.formAt(t, "/console/undo")
		}
	}
	b.follow(b.post("/console/undo", undo))
	b.follow(b.post(path+"/contact", form))
	if calls() != 1 {
		t.Errorf("taken back and sent again: %d calls", calls())
	}
	b.follow(b.post(path+"/contact", with(form, "outcome", "reached", "note", "Đã gặp người nhà"))) // gone back to, and corrected
	has(t, "the second call", b.get(path), "Gặp được · an.nguyen", "Đã gặp người nhà")
	other.follow(other.post(path+"/contact", with(other.get(path).formAt(t, path+"/contact"), "outcome", "no_answer", "form", form.Get("form"))))
	if calls() != 2 {
		t.Errorf("with another official's: %d calls", calls())
	}
	bulk := with(b.get("/console/cases").formAt(t, act), "which", "all", "do", "no_answer")
	for range 2 {
		has(t, "many calls", b.follow(b.post(act, bulk)), "1 ca")
	}
	if calls() != 3 {
		t.Errorf("with a bulk one: %d calls", calls())
	}
	message := with(b.get(path).formAt(t, path+"/message"), "text", "Mai 8 giờ mời đến trạm.")
	for range 2 {
		has(t, "a message", b.follow(b.post(path+"/message", message)), "Đã gửi tin nhắn")
	}
	b.follow(b.post(path+"/message", with(message, "text", "Mai 9 giờ mời đến trạm.")))
	w.Settle(t)
	if n := strings.Count(b.get(path).body, "Tin nhắn: tin về ca"); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	note := with(b.get(path).formAt(t, path+"/change"), "note", "Hẹn gọi lại")
	for range 2 {
		has(t, "a note", b.follow(b.post(path+"/change", note)), "Đã lưu")
	}
	if n := strings.Count(b.get(path).body, "Hẹn gọi lại"); n != 1 {
		t.Errorf("%d notes", n)
	}
	stale := b.want(http.StatusPreconditionFailed, b.post(path+"/change", with(note, "note", "Hẹn gọi lại chiều nay")))
	has(t, "another note over it", stale, "Hẹn gọi lại chiều nay")
}

// A case leads back to the page of the list that it was opened from.
func TestBackToTheSamePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 60 {
		w.declared("Trần Thị Xa", bacSon, map[string]any{"cough": true})
	}
	b := w.official("an.nguyen", models.Officer, bacSon)
	next := unescaped(nextLink.FindStringSubmatch(b.get("/console/cases?level=moderate").body)[1])
	second := b.get(next)
	link := unescaped(regexp.MustCompile(`href="(/console/cases/[^"?]+\?list=[^"]+)"`).FindStringSubmatch(second.body)[1])
	back := regexp.MustCompile(`href="(/console/cases\?[^"]*cursor=[^"]*)"`)
	opened := b.get(link)
	path, _, _ := strings.Cut(link, "?")
	noted := b.follow(b.post(path+"/change", with(opened.formAt(t, path+"/change"), "note", "Hẹn gọi lại")))
	for name, page := range map[string]page{"opened": opened, "after a note": noted} {
		found := back.FindStringSubmatch(page.body)
		if found == nil {
			t.Fatalf("%s: no way back to the page", name)
		}
		if got := b.get(unescaped(found[1])); strings.Join(got.ids(), " ") != strings.Join(second.ids(), " ") {
			t.Errorf("%s: back leads to another page", name)
		}
	}
}

// A case is given only to who can see it, and stays with who has left or moved until somebody gives it away.
func TestAssigneesSeeTheirCases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	w.declared("Lý Văn Minh", dongKinh, map[string]any{"fever": true})
	w.official("bac.son", models.Officer, bacSon)
	b := w.official("quan.ly", models.ProvinceManager, langSon)
	given := b.follow(b.submit("/console/cases/act", "which", "all", "do", "assign", "assignee", "bac.son"))
	has(t, "one of two", given, "Đã giao 1 ca", "Giữ nguyên 1 ca")
	path := "/console/cases/" + b.get("/console/cases?assignee=-").ids()[0]
	wrong := b.want(http.StatusUnprocessableEntity, b.post(path+"/change", with(b.get(path).formAt(t, path+"/change"), "assignee", "bac.son")))
	has(t, "alone", wrong, "Phụ trách: Cán bộ này không xem được ca")

	mine := "/console/cases/" + b.get("/console/cases?assignee=bac.son").ids()[0]
	has(t, "the official's page", b.get("/console/officials/bac.son"), "Đang phụ trách 1", "assignee=bac.son")
	gone := b.follow(b.submit("/console/officials/bac.son/disable"))
	has(t, "disabled", gone, "Đang phụ trách 1", "vẫn thuộc về người này")
	kept := b.follow(b.post(mine+"/change", with(b.get(mine).formAt(t, mine+"/change"), "note", "Đã gọi lại")))
	has(t, "a note takes the case from nobody", kept, "phụ trách: bac.son", "Đã gọi lại")
	has(t, "given away", b.follow(b.post(mine+"/change", with(kept.formAt(t, mine+"/change"), "assignee", "quan.ly"))), "phụ trách: quan.ly")
}

// Taking cases takes none from a colleague; undoing says what stays.
func TestTakingAndUndoing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"Nông Thị Lan", "Lý Văn Minh", "Hoàng Văn Nam"} {
		w.declared(name, bacSon, map[string]any{"fever": true})
	}
	one, two := w.official("mot", models.Officer, bacSon), w.official("hai", models.Officer, bacSon)
	ids := one.get("/console/cases").ids()
	one.follow(one.submit("/console/cases/act", "case", ids[0], "do", "mine"))
	taken := two.follow(two.submit("/console/cases/act", "case", ids[0], "case", ids[1], "case", ids[2], "do", "mine"))
	has(t, "two of three", taken, "Bạn đã nhận 2 ca", "Giữ nguyên 1 ca")
	path := "/console/cases/" + ids[1]
	one.follow(one.post(path+"/change", with(one.get(path).formAt(t, path+"/change"), "note", "Tôi đang gọi")))
	undone := two.follow(two.post("/console/undo", taken.formAt(t, "/console/undo")))
	has(t, "undone", undone, "Đã hoàn tác 1 ca", "Giữ nguyên 1 ca vì đã có người làm tiếp")
	has(t, "nothing to take", two.follow(two.submit("/console/cases/act", "case", ids[0], "do", "mine")), "Không có ca nào cần thay đổi", "Giữ nguyên 1 ca")
}

// Who was moved to another area cannot undo what was done in the one before, and can again after a move back.
func TestUndoingAfterAMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"Nông Thị Lan", "Lý Văn Minh"} {
		w.declared(name, bacSon, map[string]any{"fever": true})
	}
	b, manager := w.official("an.nguyen", models.Officer, bacSon), w.official("quan.ly", models.ProvinceManager, langSon)
	move := func(area string) {
		t.Helper()
		manager.follow(manager.submit("/console/officials/an.nguyen/move", "role", "officer", "area", area))
	}
	ids := b.get("/console/cases").ids()
	undo := b.follow(b.submit("/console/cases/act", "case", ids[0], "case", ids[1], "do", "mine")).formAt(t, "/console/undo")
	move(dongKinh)
	const not = "Không hoàn tác được"
	has(t, "elsewhere", b.follow(b.post("/console/undo", undo)), not)
	move(bacSon)
	path := "/console/cases/" + ids[0]
	manager.follow(manager.post(path+"/change", with(manager.get(path).formAt(t, path+"/change"), "note", "Tôi đang gọi")))
	has(t, "back again", b.follow(b.post("/console/undo", undo)), "Đã hoàn tác 1 ca", "Giữ nguyên 1 ca")
	has(t, "once", b.follow(b.post("/console/undo", undo)), not)
}

// A call that was made is kept, also when a colleague closed the case while it was.
func TestCallOnACaseClosedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	one, two := w.official("mot", models.Officer, bacSon), w.official("hai", models.Officer, bacSon)
	path := "/console/cases/" + one.get("/console/cases").ids()[0]
	seen := one.get(path).formAt(t, path+"/contact")
	closed := two.follow(two.post(path+"/change", with(two.get(path).formAt(t, path+"/change"), "status", "closed")))
	has(t, "closed without a call", closed, "Đã đóng")
	overview := two.want(http.StatusOK, two.get("/console/overview"))
	has(t, "which is no first contact", overview, "0 ca liên hệ được lần đầu")
	has(t, "the call", one.follow(one.post(path+"/contact", with(seen, "outcome", "reached", "note", "Đã khỏe lại"))), "đã được đóng trong lúc bạn gọi", "Đã khỏe lại", "Gặp được")
}

// A call in vain on a case that is closed lets nobody wait for another one.
func TestClosedCasesWaitForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	stale := b.get(path).formAt(t, path+"/contact")
	b.follow(b.post(path+"/change", with(b.get(path).formAt(t, path+"/change"), "status", "closed")))
	called := b.follow(b.post(path+"/contact", with(stale, "outcome", "no_answer", "note", "Máy bận")))
	has(t, "the call", called, "Không nghe máy", "Máy bận")
	hasNot(t, "the call", called, "chưa liên lạc được</span>")
	w.Settle(t)
	has(t, "the overview", b.get("/console/overview"), "Chưa liên lạc được 0")
}

// Whoever writes about a case that has left the area meanwhile gets the own words back, and nothing else.
func TestWordsAboutACaseThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b, manager := w.official("an.nguyen", models.Officer, bacSon), w.official("quan.ly", models.ProvinceManager, langSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	opened := b.get(path)
	manager.follow(manager.post(path+"/change", with(manager.get(path).formAt(t, path+"/change"), "area", dongKinh)))
	for action, pairs := range map[string][]string{
		"/change": {"note", "Đã gọi & hẹn"}, "/contact": {"outcome", "reached", "note", "Đã gọi & hẹn"}, "/message": {"text", "Đã gọi & hẹn"}, "/referral": {"to", "Trạm y tế", "reason", "Đã gọi & hẹn"},
	} {
		got := b.want(http.StatusNotFound, b.post(path+action, with(opened.formAt(t, path+action), pairs...)))
		has(t, action, got, "không còn trong khu vực của bạn", "Đã gọi &amp; hẹn")
		hasNot(t, action, got, "N*** T*** L***", "Đông Kinh")
	}
}

// Whoever may write no more gets the own words back.
func TestWordsOfAViewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b, manager := w.official("an.nguyen", models.Officer, bacSon), w.official("quan.ly", models.ProvinceManager, langSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	opened := b.get(path).formAt(t, path+"/change")
	manager.follow(manager.submit("/console/officials/an.nguyen/move", "role", "viewer", "area", bacSon))
	got := b.post(path+"/change", with(opened, "note", "Đã gọi & hẹn"))
	has(t, "a viewer", b.want(http.StatusForbidden, got), "Đã gọi &amp; hẹn")
	added := b.submit("/console/intake/person", "name", "Nông Văn Khách", "born", "1980", "address", "Thôn 1")
	has(t, "somebody new", b.want(http.StatusForbidden, added), "Nông Văn Khách", "1980", "Thôn 1")
	forged := with(opened, "note", "Đã gọi & hẹn")
	forged.Set("csrf", "x")
	hasNot(t, "a forged form", b.want(http.StatusForbidden, b.post(path+"/change", forged)), "Đã gọi &amp; hẹn")
}

// Links never make a chain, also where the other end lies outside the own area.
func TestNoChainAcrossAreas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	w.declared("Nông Thị Lan", bacSon, map[string]any{"cough": true})
	w.declared("Nông Thị Lan", dongKinh, map[string]any{"fever": true})
	officer, manager := w.official("an.nguyen", models.Officer, bacSon), w.official("quan.ly", models.ProvinceManager, langSon)
	here, there := officer.get("/console/cases").ids(), manager.get("/console/cases?area=" + dongKinh).ids()[0]
	link := func(b *browser, from, to string) page {
		path := "/console/cases/" + from
		rev, seen := b.get(path).hiddenOf()
		return b.submit(path+"/link", "same_as", to, "rev", rev, "seen", seen)
	}
	manager.follow(link(manager, there, here[0]))
	chained := officer.want(http.StatusUnprocessableEntity, link(officer, here[0], here[1]))
	has(t, "a chain", chained, "đã được nối với một ca khác")
}

// What would be dropped is said, and what changed nothing is not called saved.
func TestNothingIsDroppedInSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	form := func() url.Values { return b.get(path).formAt(t, path+"/change") }
	grounds := b.want(http.StatusUnprocessableEntity, b.post(path+"/change", with(form(), "assess_reason", "Thở nhanh")))
	has(t, "grounds without a level", grounds, "Mức: Bắt buộc", `value="Thở nhanh"`)
	has(t, "nothing", b.follow(b.post(path+"/change", form())), "Không có gì thay đổi")
	stale := form()
	b.follow(b.submit(path+"/message", "text", "Xin chào"))
	late := b.want(http.StatusPreconditionFailed, b.post(path+"/change", with(stale, "note", "Đã gọi")))
	has(t, "a message meanwhile", late, "Có thay đổi khác", "Đã gọi")
	bad := b.want(http.StatusUnprocessableEntity, b.submit(path+"/referral", "to", "Trạm y tế", "reason", "a\u202eb"))
	has(t, "a reason for a referral", bad, "Lý do chuyển: Có ký tự không được phép")
	long := strings.Repeat("dài", 20)
	has(t, "the name of a filter", b.want(http.StatusUnprocessableEntity, b.submit("/console/views/save", "name", long, "query", "level=high")), `value="`+long+`"`)
	again := b.want(http.StatusUnprocessableEntity, b.submit("/console/cases/act", "case", strings.TrimPrefix(path, "/console/cases/"), "do", "assign", "assignee", "nguoi.la"))
	nowhere := b.want(http.StatusUnprocessableEntity, b.submit("/console/cases/act", "case", strings.TrimPrefix(path, "/console/cases/"), "do", "assign", "assignee", ""))
	has(t, "to nobody in particular", nowhere, "Phụ trách: Bắt buộc")
	has(t, "what was ticked", again, `" checked aria-label="Chọn N***`, "Phụ trách: Không có cán bộ này")
}

// The list that a case was opened from is one click away, also after something was done with the case.
func TestBackToTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	id := b.get("/console/cases").ids()[0]
	list := b.get("/console/cases?level=moderate&sort=due")
	has(t, "the row", list, `href="/console/cases/`+id+`?list=level%3Dmoderate%26sort%3Ddue"`)
	path := "/console/cases/" + id
	opened := b.want(http.StatusOK, b.get(path+"?list=level%3Dmoderate%26sort%3Ddue"))
	const back = `<a href="/console/cases?level=moderate&amp;sort=due">← `
	has(t, "the case", opened, back)
	has(t, "a note later", b.follow(b.post(path+"/change", with(opened.formAt(t, path+"/change"), "note", "Đã gọi"))), back, "Đã lưu thay đổi")
	has(t, "no list of ours", b.get(path+"?list="+url.QueryEscape("https://example.com")), `<a href="/console/cases">← `)
}

// The audit says what a call and a note were, and what undoing them left.
func TestAuditOfWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	called := b.follow(b.submit(path+"/contact", "outcome", "reached"))
	b.follow(b.post("/console/undo", called.formAt(t, "/console/undo")))
	b.follow(b.post(path+"/change", with(b.get(path).formAt(t, path+"/change"), "note", "Hẹn gọi lại")))
	w.Settle(t)
	audit := w.official("soat", models.Auditor, models.Nation).get("/console/audit?action=change_case")
	has(t, "the audit", audit, "Liên hệ: Gặp được.", "Hoàn tác. Tình trạng: Mới. Phụ trách: Không ai.", "Thêm ghi chú.")
	hasNot(t, "what a note says", audit, "Hẹn gọi lại")
}

// Who signs in anew loses nothing that another tab still shows: it is kept, and sent when they say so.
func TestFormFromBeforeASignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	old := b.get(path).formAt(t, path+"/change")
	if got := b.post("/console/sign-in", b.credentials()); got.status != http.StatusSeeOther {
		t.Fatalf("signing in anew: %d", got.status)
	}
	kept := b.want(http.StatusForbidden, b.post(path+"/change", with(old, "note", "Đã dặn người nhà")))
	has(t, "kept", kept, "Nội dung nhập trước đó chưa được gửi", "Đã dặn người nhà")
	has(t, "sent", b.follow(b.post(path+"/change", kept.formAt(t, path+"/change"))), "Đã dặn người nhà")
	other := w.official("nguoi.khac", models.Officer, bacSon)
	stranger := other.want(http.StatusForbidden, other.post(path+"/change", with(old, "note", "Của người khác")))
	hasNot(t, "what somebody else typed", stranger, "Của người khác", "Gửi ngay")
	foreign := b.want(http.StatusForbidden, b.post(path+"/change", with(old, "note", "Của trang khác"), "Sec-Fetch-Site", "none"))
	hasNot(t, "not from a page of ours", foreign, "Của trang khác")
}

// A change of language is offered where it loses nothing.
func TestLanguageLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("quan.ly", models.ProvinceManager, langSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	const offer = `action="/console/language"`
	for name, got := range map[string]page{
		"a form with something wrong": b.submit(path+"/referral", "to", "", "reason", "x"), "a preview": b.sendForm("/console/broadcasts/preview", alert()),
		"a step of an intake": b.submit("/console/intake/household", "what", "covid19/declaration", "phone", "0901230001"),
		"an official":         b.submit("/console/officials", "login", "x"), "an export": b.submit("/console/export", "format", "csv", "identified", "yes"),
	} {
		hasNot(t, name, got, offer)
	}
	revealed := b.want(http.StatusOK, b.submit(path+"/reveal", "reason", "Gọi hỏi thăm"))
	diff(t, "from a look", revealed.formAt(t, "/console/language").Get("back"), path)
	has(t, "a page", b.get(path), offer)
}
