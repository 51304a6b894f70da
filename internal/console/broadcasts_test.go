package console

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"khaibao/internal/sitetest"
	"khaibao/models"
)

// alert fills the form of a broadcast to Lạng Sơn.
func alert(pairs ...string) url.Values {
	form := url.Values{"area": {langSon}, "purpose": {"alert"}, "vi": {"Chiều nay phun hóa chất diệt muỗi."}, "en": {"Mosquito spraying this afternoon."}, "hours": {"6"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// sendForm sends a form with what the visit's forms carry.
func (b *browser) sendForm(path string, form url.Values) page {
	b.Helper()
	form.Set("csrf", b.csrf())
	return b.post(path, form)
}

var draftID = regexp.MustCompile(`name="id" value="([0-9a-f-]{36})"`)

// A broadcast from the first word to its end: looked at, kept once, approved by a second official, started, cancelled.
func TestBroadcastPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range sitetest.ApproveAbove + 1 {
		w.Person(t, w.Household(t), "Phạm Thị Thử", bacSon)
	}
	author, second := w.official("tinh.mot", models.ProvinceManager, langSon), w.official("tinh.hai", models.ProvinceManager, langSon)
	has(t, "before the first", author.want(http.StatusOK, author.get("/console/broadcasts")), "Chưa có thông báo nào")
	fresh := author.want(http.StatusOK, author.get("/console/broadcasts/new"))
	id := draftID.FindStringSubmatch(fresh.body)[1]

	seen := author.want(http.StatusOK, author.sendForm("/console/broadcasts/preview", alert("id", id, "sms", "yes")))
	has(t, "the preview", seen, "đến 3 hộ", "cán bộ khác duyệt", "Bằng SMS, 1 phần: Chieu nay phun hoa chat diet muoi.", "Mosquito spraying")
	has(t, "what was typed", seen, `name="sms" value="yes" checked`, `value="`+id+`"`, `<option value="6" selected>`)
	has(t, "a look keeps nothing", author.get("/console/broadcasts"), "Chưa có thông báo nào")

	kept := author.sendForm("/console/broadcasts", alert("id", id, "sms", "yes"))
	page := author.follow(kept)
	has(t, "the draft", page, "Đã lưu bản nháp", "Chờ người thứ hai duyệt", "Hãy nhờ họ mở trang này", "tinh.mot")
	hasNot(t, "what its author may", page, "/start", "/approve")
	again := author.sendForm("/console/broadcasts", alert("id", id, "sms", "yes"))
	diff(t, "sent again", again.location(), kept.location())
	changed := author.want(http.StatusConflict, author.sendForm("/console/broadcasts", alert("id", id, "vi", "Khác")))
	has(t, "sent again with other words", changed, "đã được lưu trước đó", ">Khác</textarea>")
	hasNot(t, "the id of another draft", changed, id)

	path := "/console/broadcasts/" + id
	has(t, "approved by its author", author.want(http.StatusForbidden, author.submit(path+"/approve")), "không được tự phê duyệt")
	has(t, "started too early", author.want(http.StatusConflict, author.submit(path+"/start")), "Chiều nay phun")
	has(t, "the other's page", second.get(path), path+"/approve")
	has(t, "approved", second.follow(second.submit(path+"/approve")), "Đã duyệt.", "tinh.hai", "Bắt đầu gửi đến 3 hộ")
	has(t, "started", author.follow(author.submit(path+"/start")), "Đã bắt đầu gửi.", "0 trên 3 hộ", "Đang chờ gửi", "Ngừng gửi lúc")
	list := author.get("/console/broadcasts")
	has(t, "the list", list, "Chiều nay phun hóa chất diệt muỗi.", "Đang gửi", "Tỉnh Lạng Sơn")
	cancelled := second.follow(second.submit(path + "/cancel"))
	has(t, "cancelled", cancelled, "Đã hủy.", "tinh.hai")
	hasNot(t, "cancelled", cancelled, "Ngừng gửi lúc")
	w.Settle(t)
	audit := second.want(http.StatusOK, second.get("/console/audit"))
	has(t, "the audit", audit, "Tỉnh Lạng Sơn · 3 hộ · Ứng dụng, không được thì SMS")
	hasNot(t, "the audit", audit, "Chuyển đến")
	has(t, "cancelled and started", author.want(http.StatusConflict, author.submit(path+"/start")), "đã bị hủy")
	if strings.Contains(w.Logged.String(), "phun hóa chất") {
		t.Error("the log holds the text of a broadcast")
	}
	author.lang = "en"
	has(t, "in English", author.get(path), "Mosquito spraying", "Cancelled", "App, otherwise SMS")
}

// Everything that is wrong is named by its field, what was typed stays, and nothing is kept.
func TestBroadcastFormIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.official("tinh.ba", models.ProvinceManager, langSon)
	for name, c := range map[string]struct {
		form url.Values
		want []string
	}{
		"nothing typed":  {url.Values{}, []string{"Khu vực: Không có địa bàn", "Mục đích: ", "Nội dung tiếng Việt: Bắt buộc", "Thời gian còn giá trị: "}},
		"an area":        {alert("area", "99"), []string{"Khu vực: Không có địa bàn"}},
		"a level":        {alert("level", "huge"), []string{"Mức: "}},
		"what hides":     {alert("vi", "a\u202eb"), []string{"Nội dung tiếng Việt: "}},
		"urgent news":    {alert("purpose", "news", "urgent", "yes"), []string{"Khẩn cấp: Chỉ dành cho cảnh báo", `value="news" checked`}},
		"long as an SMS": {alert("sms", "yes", "en", strings.Repeat("a", 460)), []string{"Nội dung tiếng Anh: Dài tối đa 3 phần", strings.Repeat("a", 460)}},
		"for ever":       {alert("hours", "9999"), []string{"Thời gian còn giá trị: "}},
		"a name":         {alert("id", "7"), []string{"Bản nháp: "}},
	} {
		for _, path := range []string{"/console/broadcasts", "/console/broadcasts/preview"} {
			has(t, name+" at "+path, b.want(http.StatusUnprocessableEntity, b.sendForm(path, c.form)), c.want...)
		}
	}
	has(t, "kept", b.get("/console/broadcasts"), "Chưa có thông báo nào")
}
