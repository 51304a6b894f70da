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
