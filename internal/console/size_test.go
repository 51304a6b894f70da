package console

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"khaibao/models"
)

// A page comes packed to a browser that unpacks, says what it varies with, and is the same page.
func TestPagesArePacked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	officer := w.official("can.bo", models.Officer, bacSon)
	for path, kind := range map[string]string{"/console/cases": "text/html", "/console/static/" + w.console.assets["console.css"].name: "text/css"} {
		plain := officer.want(http.StatusOK, officer.get(path))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://khaibao.test"+path, nil)
		for _, c := range officer.cookies {
			r.AddCookie(c)
		}
		r.Header.Set("Accept-Language", officer.lang)
		r.Header.Set("Accept-Encoding", "gzip")
		out := httptest.NewRecorder()
		w.console.ServeHTTP(out, r)
		h, size := out.Header(), out.Body.Len()
		if h.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(h.Get("Content-Type"), kind) || !strings.Contains(strings.Join(h.Values("Vary"), ","), "Accept-Encoding") {
			t.Fatalf("%s: %v", path, h)
		}
		unpacked, err := gzip.NewReader(out.Body)
		must(t, err)
		text, err := io.ReadAll(unpacked)
		must(t, err)
		if string(text) != plain.body || size > len(text)/2 {
			t.Errorf("%s: %d bytes of %d", path, size, len(text))
		}
	}
}

// Where more colleagues could take a case than anybody reads through, their login is typed, and a wrong one is told.
func TestManyColleagues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true, "contact_case": "yes"})
	manager := w.official("quan.ly", models.ProvinceManager, langSon)
	has(t, "few colleagues", manager.get("/console/cases"), `<select name="assignee">`)
	for n := range 101 {
		must(t, w.Store.AddOfficial(t.Context(), models.Official{Login: fmt.Sprintf("can.bo.%d", n), Name: "Cán bộ", Role: models.Officer, Area: bacSon}, nil))
	}
	page := manager.get("/console/cases")
	has(t, "many colleagues", page, `<input name="assignee"`)
	hasNot(t, "many colleagues", page, "can.bo.7")
	id := page.ids()[0]
	has(t, "a case", manager.get("/console/cases/"+id), `<input name="assignee"`)
	has(t, "nobody of that login", manager.want(http.StatusUnprocessableEntity, manager.submit("/console/cases/act", "case", id, "do", "assign", "assignee", "can.bo.x")), `class="problem"`)
	has(t, "given", manager.follow(manager.submit("/console/cases/act", "case", id, "do", "assign", "assignee", "can.bo.7")), "can.bo.7")
}
