package handlers

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"khaibao/internal/contract"
	"khaibao/models"
)

// The routes and the contract say the same, both ways: method, path, who may call, the permission of an official, and the
// query parameters.
func TestRoutesAreTheContract(t *testing.T) {
	t.Parallel()
	checker, err := contract.Load()
	must(t, err)
	var got []contract.Operation
	s := &Server{}
	for _, r := range slices.Concat(s.apiRoutes(), s.channelRoutes(), s.operationRoutes()) {
		security := map[string]string{forCitizens: "citizenToken", forOfficials: "officialToken", forGateways: "gatewaySecret", forReports: "reportMAC"}[r.access.who]
		got = append(got, contract.Operation{Method: r.method, Path: templated(r.path), Security: security, Permission: string(r.access.permission), Query: slices.Sorted(slices.Values(r.query))})
	}
	want := checker.Operations()
	byPath := func(a, b contract.Operation) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) }
	slices.SortFunc(got, byPath)
	slices.SortFunc(want, byPath)
	diff(t, "routes against mobile-api.yaml", got, want)
}

// templated writes echo's ":id" as OpenAPI's "{id}".
func templated(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// Who may do what, decided here for every route of officials: a route without a decision fails.
func TestScopeMatrix(t *testing.T) {
	t.Parallel()
	everybody := models.Roles()
	readers := []models.Role{models.Viewer, models.Officer, models.ProvinceManager, models.NationalManager}
	workers := []models.Role{models.Officer, models.ProvinceManager, models.NationalManager}
	managers := []models.Role{models.ProvinceManager, models.NationalManager}
	decisions := map[string][]models.Role{
		"POST /v1/official/logout":    everybody,
		"GET /v1/official/me":         everybody,
		"GET /v1/cases":               readers,
		"GET /v1/cases/count":         readers,
		"GET /v1/cases/:id":           readers,
		"PATCH /v1/cases/:id":         workers,
		"POST /v1/cases/:id/contacts": workers,
		"POST /v1/cases/:id/messages": workers,
		"POST /v1/cases/:id/reveal":   workers,
		"GET /v1/stats/declarations":  readers,
		"GET /v1/stats/messages":      {models.NationalManager},
		"GET /v1/audit":               append([]models.Role{models.Auditor}, managers...),
		"GET /v1/broadcasts":          managers, "POST /v1/broadcasts": managers, "POST /v1/broadcasts/preview": managers, "GET /v1/broadcasts/:id": managers,
		"GET /v1/exports/cases.csv":       workers,
		"GET /v1/exports/cases.xlsx":      workers,
		"GET /v1/exports/cases.ndjson":    workers,
		"POST /v1/broadcasts/:id/approve": managers, "POST /v1/broadcasts/:id/start": managers, "POST /v1/broadcasts/:id/cancel": managers,
	}
	areas := map[models.Role]models.Area{
		models.Viewer: bacSon, models.Officer: bacSon, models.ProvinceManager: langSon, models.NationalManager: models.Nation, models.Auditor: models.Nation,
	}
	w := newWorld(t)
	citizen := w.signIn(phone(20))
	w.declare(citizen, w.person(citizen, "Đỗ Thị Lan", "self"), object{"fever": true})
	w.settle()
	tokens := map[models.Role]string{}
	for _, role := range everybody {
		tokens[role] = w.official("m."+strings.ReplaceAll(string(role), "_", "."), role, areas[role])
	}
	id := w.call("GET", "/v1/cases", tokens[models.Officer], nil).items(t)[0]["id"].(string)
	for _, r := range w.server.apiRoutes() {
		if r.access.who != forOfficials || strings.HasSuffix(r.path, "/logout") {
			continue
		}
		allowed, decided := decisions[r.method+" "+r.path]
		if !decided {
			t.Errorf("%s %s: nobody has decided who may", r.method, r.path)
		}
		path := strings.ReplaceAll(r.path, ":id", id)
		if strings.HasSuffix(path, "declarations") {
			path += "?program=covid19"
		}
		body := map[string]any{"PATCH": object{"note": "x"}, "POST": object{"reason": "x"}}[r.method]
		if strings.HasSuffix(path, "/contacts") {
			body = object{"outcome": "reached"}
		}
		opened := http.StatusOK
		switch {
		case strings.HasSuffix(path, "/messages") && r.method == "POST":
			body, opened = object{"text": "x"}, http.StatusAccepted
		case strings.HasPrefix(path, "/v1/broadcasts/"+id):
			opened = http.StatusNotFound // the id is a case's
		case strings.HasSuffix(path, "/preview"):
			body = object{"area": langSon, "purpose": "alert"}
		case r.method == "POST" && path == "/v1/broadcasts":
			body, opened = object{"area": langSon, "purpose": "alert", "text": object{"vi": "x"}}, http.StatusCreated
		}
		for _, role := range everybody {
			want := http.StatusForbidden
			if slices.Contains(allowed, role) {
				want = opened
			}
			if got := w.call(r.method, path, tokens[role], body); got.status != want {
				t.Errorf("%s may %s %s: got %d, want %d", role, r.method, r.path, got.status, want)
			}
		}
		if got := w.call(r.method, path, citizen, body); got.status != http.StatusUnauthorized {
			t.Errorf("a citizen at %s %s: got %d, want 401", r.method, r.path, got.status)
		}
	}
}

// Nothing but the public routes opens without a citizen's token.
func TestCitizensRoutesNeedACitizen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	official := w.official("ai.do", models.NationalManager, models.Nation)
	for _, r := range w.server.apiRoutes() {
		if r.access.who != forCitizens {
			continue
		}
		path := strings.NewReplacer(":id", "x", ":purpose", "news").Replace(r.path)
		var body any
		if r.method == http.MethodPost || r.method == http.MethodPut || r.method == http.MethodPatch {
			body = object{}
		}
		for name, token := range map[string]string{"nobody": "", "an official": official, "a forger": "eyJhbGciOiJub25lIn0.e30."} {
			got := w.call(r.method, path, token, body)
			if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s at %s %s: got %d %q", name, r.method, r.path, got.status, got.header.Get("WWW-Authenticate"))
			}
		}
	}
}

// A disabled official is out at the next request.
func TestDisabledOfficialIsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.official("nghi.viec", models.Officer, bacSon)
	w.want(http.StatusOK, w.call("GET", "/v1/cases", token, nil))
	must(t, w.Officials.Disable(t.Context(), "nghi.viec"))
	w.want(http.StatusUnauthorized, w.call("GET", "/v1/cases", token, nil))
}
