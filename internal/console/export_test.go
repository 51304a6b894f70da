package console

import (
	"net/http"
	"strings"
	"testing"

	"khaibao/models"
)

// The file of a filter comes by a form, masked or with a reason; who may not export identities is told so on the page.
func TestExportPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true, "contact_case": "yes"})
	w.declared("Lý Văn Minh", bacSon, map[string]any{"fever": true})
	officer, manager := w.official("can.bo", models.Officer, bacSon), w.official("quan.ly", models.ProvinceManager, langSon)
	page := officer.want(http.StatusOK, officer.get("/console/export?level=high"))
	has(t, "the page", page, "Sẽ xuất 1 ca", "Đang mở", "Mức: Nguy cơ cao")
	day := models.Day(w.Clock.Now())
	for query, words := range map[string]string{
		"opened=" + day: "Mọi ca, kể cả đã đóng Ca mở ngày " + w.Clock.Now().In(models.Hanoi).Format("02/01/2006") + " Đổi",
		"view=closed":   "danh sách: Đã đóng Đổi", "view=closed&status=new": "danh sách: Tình trạng: Mới Đổi", "view=raised&status=new": "danh sách: Nặng lên Tình trạng: Mới Đổi",
		"assignee=can.bo": "danh sách: Đang mở Phụ trách: can.bo Đổi", "assignee=-": "danh sách: Đang mở Phụ trách: chưa ai nhận Đổi", "view=mine&assignee=-": "danh sách: Đang mở Phụ trách: chưa ai nhận Đổi",
	} {
		has(t, query, officer.want(http.StatusOK, officer.get("/console/export?"+query)), words)
	}
	hasNot(t, "an officer", page, `name="identified"`)
	got := officer.want(http.StatusOK, officer.submit("/console/export", "query", "level=high", "format", "csv"))
	if lines := strings.Count(got.body, "\r\n"); lines != 2 || strings.Contains(got.body, "Nông Thị") || !strings.HasPrefix(got.body, "\ufeff") {
		t.Errorf("the file: %q", got.body)
	}
	officer.want(http.StatusForbidden, officer.submit("/console/export", "format", "csv", "identified", "yes", "reason", "x"))
	again := manager.want(http.StatusUnprocessableEntity, manager.submit("/console/export", "format", "csv", "identified", "yes"))
	has(t, "without a reason", again, "Lý do: Bắt buộc", `value="yes" checked`)
	hasNot(t, "words for programs", again, "errors")
	named := manager.want(http.StatusOK, manager.submit("/console/export", "format", "ndjson", "identified", "yes", "reason", "Điều tra dịch tễ"))
	if !strings.Contains(named.body, `"name":"Nông Thị Lan"`) || !strings.Contains(named.header.Get("Content-Disposition"), ".ndjson") {
		t.Errorf("identified: %s", named.body)
	}
	manager.want(http.StatusBadRequest, manager.submit("/console/export", "format", "pdf"))
	manager.want(http.StatusOK, manager.submit("/console/export", "query", "opened="+day+"&assignee=-&area="+bacSon+"&level=high&factor=fever", "format", "xlsx"))
	audit := manager.want(http.StatusOK, manager.get("/console/audit?action=export"))
	today := w.Clock.Now().In(models.Hanoi).Format("02/01/2006")
	has(t, "the audit", audit, "CSV · che danh tính · 1 dòng · Mức: Nguy cơ cao · Tình trạng: Mới, Đã liên hệ,",
		"Điều tra dịch tễ · NDJSON · có danh tính · 2 dòng",
		"XLSX · che danh tính · 1 dòng · Mức: Nguy cơ cao · Khu vực: Xã Bắc Sơn · Yếu tố: sốt · Đã có người phụ trách: không · Mở ca: ngày "+today)
	hasNot(t, "the audit", audit, "Chuyển đến")
	if got := manager.get("/console/export/progress?track=x"); !strings.Contains(got.body, `"running":false`) {
		t.Errorf("progress of nothing: %s", got.body)
	}
}
