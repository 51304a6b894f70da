package console

import (
	"net/http"
	"net/url"
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
		if first := form[strings.Index(form, "<button"):]; !strings.HasPrefix(first, "<button disabled hidden>") {
			t.Errorf("Enter in %s presses %.60s", action, first)
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
