package handlers

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"khaibao/models"
)

// An export holds what the list holds, of the own area, masked unless a manager gives a reason; each is in the audit and
// says in each row who made it.
func TestExports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n, name := range []string{"Nông Văn Tài", "Lê Thị Hoa"} {
		citizen := w.signIn(phone(170 + n))
		w.declare(citizen, w.person(citizen, name, "self"), object{"fever": true, "contact_case": "yes"})
	}
	w.settle()
	officer, manager := w.official("xuat.xa", models.Officer, bacSon), w.official("xuat.tinh", models.ProvinceManager, langSon)
	got := w.want(http.StatusOK, w.call("GET", "/v1/exports/cases.csv?level=high", officer, nil))
	table, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(got.body, []byte("\ufeff")))).ReadAll()
	must(t, err)
	if len(table) != 3 || got.header.Get("X-Total-Count") != "2" || !strings.Contains(got.header.Get("Content-Disposition"), "khaibao-") {
		t.Fatalf("%d rows, %v", len(table), got.header)
	}
	if row := strings.Join(table[1], "|"); !strings.Contains(row, "***") || strings.Contains(row, "Lê Thị Hoa") || !strings.Contains(row, "xuat.xa 20") || !strings.Contains(row, "tiếp xúc") {
		t.Errorf("a masked row: %s", row)
	}
	w.want(http.StatusForbidden, w.call("GET", "/v1/exports/cases.csv?identified=true&reason=x", officer, nil))
	w.want(http.StatusUnprocessableEntity, w.call("GET", "/v1/exports/cases.csv?identified=true", manager, nil))
	var names []string
	body := w.want(http.StatusOK, w.call("GET", "/v1/exports/cases.ndjson?identified=true&reason=d%E1%BB%8Bch", manager, nil)).body
	for line := range strings.Lines(string(body)) {
		var row map[string]string
		must(t, json.Unmarshal([]byte(line), &row))
		names = append(names, row["name"]+" "+row["phone"])
	}
	diff(t, "identified", names, []string{"Lê Thị Hoa 0912340171", "Nông Văn Tài 0912340170"})
	file, err := excelize.OpenReader(bytes.NewReader(w.want(http.StatusOK, w.call("GET", "/v1/exports/cases.xlsx", manager, nil)).body))
	must(t, err)
	rows, err := file.GetRows("Sheet1")
	must(t, err)
	diff(t, "rows of the sheet", len(rows), 3)

	elsewhere := w.official("xuat.khac", models.Officer, otherHome)
	if got := w.want(http.StatusOK, w.call("GET", "/v1/exports/cases.ndjson?area="+bacSon, elsewhere, nil)); len(got.body) != 0 {
		t.Errorf("another area is exported: %s", got.body)
	}
	audit := w.want(http.StatusOK, w.call("GET", "/v1/audit?action=export", w.official("soat.xuat", models.Auditor, models.Nation), nil)).items(t)
	diff(t, "audited", len(audit), 4)
	diff(t, "the reason", audit[2]["reason"], any("dịch"))
}

// A client that goes away stops the work, and one that stays never takes half a file for a whole one.
func TestCancelledExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen := w.signIn(phone(180))
	w.declare(citizen, w.person(citizen, "Nông Văn Tài", "self"), object{"fever": true})
	w.settle()
	token := w.official("bo.do", models.Officer, bacSon)
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/exports/cases.csv", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	defer func() {
		if thrown := recover(); thrown != http.ErrAbortHandler {
			t.Errorf("the export ended with %v, want the connection cut off", thrown)
		}
	}()
	w.server.ServeHTTP(&leaving{httptest.NewRecorder(), cancel}, r)
}

// leaving goes away when the first byte comes.
type leaving struct {
	*httptest.ResponseRecorder
	leave func()
}

func (l *leaving) Write(p []byte) (int, error) {
	l.leave()
	return l.ResponseRecorder.Write(p)
}
