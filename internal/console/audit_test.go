package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"khaibao/models"
)

// at moves the domain's clock on to the next time that it is a local hour.
func (w *world) at(hour int) {
	now := w.Clock.Now()
	next := models.DayStart(now).Add(time.Duration(hour) * time.Hour)
	for !next.After(now) {
		next = next.AddDate(0, 0, 1)
	}
	w.Clock.Forward(next.Sub(now))
}

// A manager reads what the officials of the area did, and of a case what anybody did; the other province's manager reads
// none of it, and an auditor what lies in the area.
func TestAuditScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	officer := w.official("xa.nay", models.Officer, bacSon)
	id := officer.get("/console/cases").ids()[0]
	officer.want(http.StatusOK, officer.submit("/console/cases/"+id+"/reveal", "reason", "Gọi hỏi thăm buổi sáng"))
	nation := w.official("nuoc", models.NationalManager, models.Nation)
	nation.want(http.StatusOK, nation.submit("/console/cases/"+id+"/reveal", "reason", "Rà soát của trung ương"))
	const own, above = "Gọi hỏi thăm buổi sáng", "Rà soát của trung ương"
	for login, test := range map[string]struct {
		role   models.Role
		area   models.Area
		path   string
		wanted string
	}{
		"tinh.ls":   {models.ProvinceManager, langSon, "", own},
		"tinh.ls.a": {models.ProvinceManager, langSon, "?case=" + id, own + " " + above},
		"tinh.hn":   {models.ProvinceManager, elsewhere, "", ""},
		"tinh.hn.a": {models.ProvinceManager, elsewhere, "?case=" + id, ""},
		"tinh.hn.b": {models.ProvinceManager, elsewhere, "?login=xa.nay", ""},
		"soat":      {models.Auditor, models.Nation, "", own + " " + above},
		"soat.ls":   {models.Auditor, langSon, "", own},
		"soat.bs":   {models.Auditor, bacSon, "", own},
		"soat.dk":   {models.Auditor, dongKinh, "", ""},
		"soat.hn":   {models.Auditor, elsewhere, "?case=" + id, ""},
	} {
		b := w.official(login, test.role, test.area)
		words := b.want(http.StatusOK, b.get("/console/audit"+test.path)).words()
		for _, reason := range []string{own, above} {
			if got, want := strings.Contains(words, reason), strings.Contains(test.wanted, reason); got != want {
				t.Errorf("%s%s reads %q: %v, want %v", login, test.path, reason, got, want)
			}
		}
	}
}

// The audit is searched by who, what, which case and when; a filter that cannot be finds nothing instead of everything.
func TestAuditFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("xa.nay", models.Officer, bacSon)
	id := b.get("/console/cases").ids()[0]
	w.at(9)
	b.want(http.StatusOK, b.submit("/console/cases/"+id+"/reveal", "reason", "Gọi hỏi thăm"))
	day := models.Day(w.Clock.Now())
	before := models.Day(w.Clock.Now().AddDate(0, 0, -1))
	auditor := w.official("soat", models.Auditor, models.Nation)
	for query, found := range map[string]bool{
		"": true, "login=xa.nay": true, "login=XA.NAY": true, "login=xa.khac": false, "action=reveal": true, "action=export": false, "case=" + id: true, "case=khac": false,
		"from=" + day + "&to=" + day: true, "to=" + before: false, "from=" + before: true, "login=xa.nay&action=reveal&case=" + id + "&from=" + day: true,
		"login=%24gt": false, "action=nonsense": false, "from=nonsense": false, "case=%22": false,
	} {
		if got := strings.Contains(auditor.want(http.StatusOK, auditor.get("/console/audit?"+query)).words(), "Gọi hỏi thăm"); got != found {
			t.Errorf("%s: found %v", query, got)
		}
	}
}

// Many looks of a day and looks in the night stand above the list, for the managers of the area alone, with numbers that
// are those of the audit.
func TestUnusualReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("xa.nay", models.Officer, bacSon)
	night := w.official("xa.dem", models.Officer, bacSon)
	quiet := w.official("xa.it", models.Officer, bacSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0] + "/reveal"
	manager := w.official("tinh.ls", models.ProvinceManager, langSon)
	w.at(10)
	for n := range models.ManyLooks {
		b.want(http.StatusOK, b.submit(path, "reason", fmt.Sprint("Lý do ", n)))
	}
	quiet.want(http.StatusOK, quiet.submit(path, "reason", "Một lần"))
	if got := manager.get("/console/audit").words(); strings.Contains(got, "bất thường trong") {
		t.Errorf("twenty looks are shown as unusual: %s", got)
	}
	b.want(http.StatusOK, b.submit(path, "reason", "Lần thứ hai mươi mốt"))
	w.at(22)
	for range 2 {
		night.want(http.StatusOK, night.submit(path, "reason", "Ban đêm"))
	}
	got := manager.want(http.StatusOK, manager.get("/console/audit"))
	table := got.body[strings.Index(got.body, `<table class="reading stacked">`):strings.Index(got.body, `<table class="entries stacked">`)]
	words := page{body: table}.words()
	day := w.Clock.Now().In(models.Hanoi).Format("02/01/2006")
	for _, row := range []string{day + " xa.dem Xã Bắc Sơn 2 0 2 ngoài giờ", day + " xa.nay Xã Bắc Sơn 21 0 0 nhiều lượt"} {
		if !strings.Contains(words, row) {
			t.Errorf("no row %q in: %s", row, words)
		}
	}
	if strings.Contains(words, "xa.it") {
		t.Errorf("an official with one look by day is in it: %s", words)
	}
	other := w.official("tinh.hn", models.ProvinceManager, elsewhere)
	if got := other.get("/console/audit").words(); strings.Contains(got, "bất thường trong") {
		t.Errorf("another province's manager reads it: %s", got)
	}
}

// The auditor finds a look by who looked, with its reason, and sees nobody's case.
func TestAuditPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	b.want(http.StatusOK, b.submit(path+"/reveal", "reason", "Gọi điện hỏi thăm"))
	auditor := w.official("soat", models.Auditor, models.Nation)
	diff(t, "home", auditor.get("/console").location(), "/console/audit")
	has(t, "the look", auditor.want(http.StatusOK, auditor.get("/console/audit?login=an.nguyen&action=reveal")), "Xem danh tính", "Gọi điện hỏi thăm", "an.nguyen")
	has(t, "somebody else's", auditor.get("/console/audit?login=binh.tran"), "Không có mục nào khớp")
	auditor.want(http.StatusForbidden, auditor.get(path))
}
