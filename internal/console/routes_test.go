package console

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"khaibao/models"
)

var (
	everybody = models.Roles()
	readers   = []models.Role{models.Viewer, models.Officer, models.ProvinceManager, models.NationalManager}
	managers  = []models.Role{models.ProvinceManager, models.NationalManager}
	workers   = []models.Role{models.Officer, models.ProvinceManager, models.NationalManager}
)

// decisions says for every route of the console who may: a new route without a decision fails the test below.
var decisions = map[string][]models.Role{
	"POST /console/sign-out":                  everybody,
	"GET /console/stay":                       everybody,
	"GET /console":                            everybody,
	"GET /console/cases":                      readers,
	"POST /console/cases/search":              readers,
	"POST /console/cases/act":                 workers,
	"GET /console/export":                     workers,
	"POST /console/export":                    workers,
	"GET /console/export/progress":            workers,
	"POST /console/cases/{id}/message":        workers,
	"GET /console/intake":                     workers,
	"POST /console/intake/household":          workers,
	"POST /console/intake/new":                workers,
	"POST /console/intake/person":             workers,
	"POST /console/intake/form":               workers,
	"POST /console/intake/declare":            workers,
	"GET /console/overview":                   readers,
	"GET /console/audit":                      append([]models.Role{models.Auditor}, managers...),
	"GET /console/officials":                  managers,
	"POST /console/officials":                 managers,
	"GET /console/officials/{login}":          managers,
	"POST /console/officials/{login}/move":    managers,
	"POST /console/officials/{login}/disable": managers,
	"POST /console/officials/{login}/enable":  managers,
	"POST /console/officials/{login}/link":    managers,
	"POST /console/undo":                      workers,
	"GET /console/cases/{id}":                 readers,
	"POST /console/cases/{id}/contact":        workers,
	"POST /console/cases/{id}/change":         workers,
	"POST /console/cases/{id}/link":           workers,
	"POST /console/cases/{id}/reveal":         workers,
	"POST /console/cases/{id}/referral":       workers,
	"POST /console/views/save":                readers,
	"POST /console/views/forget":              readers,
}

// forAnybody are the routes that need no sign-in.
var forAnybody = []string{
	"GET /console/static/{file}", "POST /console/csp-report", "POST /console/language", "GET /console/sign-in", "POST /console/sign-in",
	"GET /console/set-up/{login}/{token}", "POST /console/set-up/{login}/{token}",
}

// Roles and areas against every route of the table: who may, gets an answer; who may not, 403; whose area it is not, 404
// and not a word of it; and nobody without a sign-in gets past it.
func TestRouteMatrix(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	areas := map[models.Role]models.Area{
		models.Viewer: bacSon, models.Officer: bacSon, models.ProvinceManager: langSon, models.NationalManager: models.Nation, models.Auditor: models.Nation,
	}
	officials := map[models.Role]*browser{}
	for _, role := range everybody {
		officials[role] = w.official(strings.ReplaceAll(string(role), "_", "."), role, areas[role])
	}
	id := officials[models.Officer].get("/console/cases").ids()[0]
	outside := w.official("noi.khac", models.Officer, dongKinh)
	for _, r := range w.console.routes() {
		name := r.method + " " + r.path
		if slices.Contains(forAnybody, name) {
			continue
		}
		allowed, decided := decisions[name]
		if !decided {
			t.Errorf("%s: nobody has decided who may", name)
		}
		path := strings.NewReplacer("{id}", id, "{login}", "noi.khac").Replace(r.path)
		ask := func(b *browser) page {
			if r.method == http.MethodGet {
				return b.get(path)
			}
			return b.submit(path)
		}
		for _, role := range everybody {
			if r.path == "/console/sign-out" {
				continue
			}
			got := ask(officials[role])
			if may := slices.Contains(allowed, role); may == (got.status == http.StatusForbidden) || got.status >= 500 {
				t.Errorf("%s at %s: got %d", role, name, got.status)
			}
		}
		if strings.Contains(r.path, "{id}") {
			if got := ask(outside); got.status != http.StatusNotFound || strings.Contains(got.body, "L***") {
				t.Errorf("an official of another commune at %s: got %d %s", name, got.status, got.words())
			}
		}
		nobody := w.browser()
		if r.method == http.MethodGet {
			if got := nobody.get(path); got.status != http.StatusSeeOther || !strings.HasPrefix(got.location(), "/console/sign-in") {
				t.Errorf("nobody at %s: got %d %s", name, got.status, got.location())
			}
		} else if got := nobody.post(path, nil); got.status != http.StatusUnauthorized && got.status != http.StatusSeeOther {
			t.Errorf("nobody at %s: got %d", name, got.status)
		}
	}
}

// The layers below have been tried with a scope of their own; here nothing of another area is in any list or number.
func TestScopeOfLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	for login, scope := range map[string]struct {
		role models.Role
		area models.Area
		want int
	}{
		"xa.kia": {models.Officer, dongKinh, 0}, "tinh.kia": {models.ProvinceManager, elsewhere, 0}, "xa.nay": {models.Officer, bacSon, 1},
		"tinh.nay": {models.ProvinceManager, langSon, 1}, "nuoc": {models.NationalManager, models.Nation, 1},
	} {
		b := w.official(login, scope.role, scope.area)
		for what, got := range map[string]page{
			"the queue": b.get("/console/cases"), "the area": b.get("/console/cases?area=" + bacSon), "a phone": b.submit("/console/cases/search", "q", "0901230001"),
		} {
			if n := len(b.want(http.StatusOK, got).ids()); n != scope.want {
				t.Errorf("%s: %s lists %d, want %d", login, what, n, scope.want)
			}
			if total := got.counts()["Đang mở"]; total != itoa(scope.want) {
				t.Errorf("%s: %s counts %s, want %d", login, what, total, scope.want)
			}
		}
	}
}
