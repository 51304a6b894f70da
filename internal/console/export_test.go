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
	has(t, "the page", page, "Sẽ xuất 1 ca", "Mức: Nguy cơ cao")
	hasNot(t, "an officer", page, `name="identified"`)
	got := officer.want(http.StatusOK, officer.submit("/console/export", "query", "level=high", "format", "csv"))
	if lines := strings.Count(got.body, "\r\n"); lines != 2 || strings.Contains(got.body, "Nông Thị") || !strings.HasPrefix(got.body, "\ufeff") {
		t.Errorf("the file: %q", got.body)
	}
	officer.want(http.StatusForbidden, officer.submit("/console/export", "format", "csv", "identified", "yes", "reason", "x"))
	again := manager.want(http.StatusUnprocessableEntity, manager.submit("/console/export", "format", "csv", "identified", "yes"))
	has(t, "without a reason", again, "Bắt buộc", `value="yes" checked`)
	named := manager.want(http.StatusOK, manager.submit("/console/export", "format", "ndjson", "identified", "yes", "reason", "Điều tra dịch tễ"))
	if !strings.Contains(named.body, `"name":"Nông Thị Lan"`) || !strings.Contains(named.header.Get("Content-Disposition"), ".ndjson") {
		t.Errorf("identified: %s", named.body)
	}
	manager.want(http.StatusBadRequest, manager.submit("/console/export", "format", "pdf"))
	if got := manager.get("/console/export/progress?track=x"); !strings.Contains(got.body, `"running":false`) {
		t.Errorf("progress of nothing: %s", got.body)
	}
}
