package handlers

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"khaibao"
)

func TestPublicPagesAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/v1/programs", "/v1/programs/covid19", "/v1/programs/dengue?version=1", "/v1/areas", "/v1/areas?parent=20", "/v1/areas?q=bac+son", "/mobile-api.yaml"} {
		vi := w.want(http.StatusOK, w.call("GET", path, "", nil))
		tag := vi.header.Get("ETag")
		if !strings.HasPrefix(vi.header.Get("Cache-Control"), "public") || vi.header.Get("Vary") != "Accept-Language" {
			t.Errorf("%s: %v", path, vi.header)
		}
		for _, sent := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			if got := w.call("GET", path, "", nil, "If-None-Match", sent); got.status != http.StatusNotModified || len(got.body) != 0 {
				t.Errorf("%s with %s: got %d", path, sent, got.status)
			}
		}
		en := w.want(http.StatusOK, w.call("GET", path, "", nil, "If-None-Match", `"x"`, "Accept-Language", "en"))
		if same := string(en.body) == string(vi.body); same != (path == "/mobile-api.yaml") || same != (en.header.Get("ETag") == tag) {
			t.Errorf("%s: the languages share an answer or a tag", path)
		}
	}
	w.want(http.StatusNotFound, w.call("GET", "/v1/programs/plague", "", nil))
	w.want(http.StatusNotFound, w.call("GET", "/v1/programs/covid19?version=99", "", nil))
}

func TestAreas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, want := range map[string]int{"/v1/areas": 34, "/v1/areas?parent=VN": 34, "/v1/areas?q=zzzz": 0, "/v1/areas?q=son&limit=3": 3} {
		if got := len(w.want(http.StatusOK, w.call("GET", path, "", nil)).items(t)); got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
	for _, q := range []string{"bac+son+lang+son", "B%E1%BA%AFc+S%C6%A1n&parent=20"} {
		found := w.want(http.StatusOK, w.call("GET", "/v1/areas?q="+q, "", nil)).items(t)
		diff(t, q, found[0], object{"code": bacSon, "name": "Xã Bắc Sơn", "level": "commune", "parent": langSon})
	}
}

func TestProgramHasWhatAClientNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	program := w.want(http.StatusOK, w.call("GET", "/v1/programs/covid19", "", nil, "Accept-Language", "en")).object(t)
	forms := program["forms"].([]any)
	diff(t, "forms", []any{forms[0].(object)["id"], forms[1].(object)["id"]}, []any{"declaration", "daily"})
	words := map[string]any{}
	for _, f := range program["factors"].([]any) {
		words[f.(object)["id"].(string)] = f.(object)["text"]
	}
	diff(t, "the words of a factor", words["contact_case"], any("contact with a COVID-19 case"))
	diff(t, "levels", len(program["levels"].([]any)), 5)
	kinds := map[any]bool{}
	for _, q := range forms[0].(object)["questions"].([]any) {
		kinds[q.(object)["type"]] = true
	}
	if !kinds["boolean"] || !kinds["choice"] || !kinds["choices"] {
		t.Errorf("types: %v", kinds)
	}
}

// The reference asks no other host for anything, and its policy would not let it.
func TestReferenceStaysHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.want(http.StatusOK, w.call("GET", "/docs", "", nil))
	start := w.want(http.StatusOK, w.call("GET", "/docs/start.js", "", nil))
	if found := regexp.MustCompile(`(https?:)?//[a-z]`).FindString(string(page.body) + string(start.body[strings.Index(string(start.body), "\n"):])); found != "" {
		t.Errorf("an address of another host: %s", found)
	}
	policy := page.header.Get("Content-Security-Policy")
	for _, needed := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'"} {
		if !strings.Contains(policy, needed) {
			t.Errorf("the policy lacks %s: %s", needed, policy)
		}
	}
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(string(page.body), -1) {
		w.want(http.StatusOK, w.call("GET", link[1], "", nil))
	}
	for _, file := range []string{"..%2f..%2fgo.mod", "embed.go", "swagger-ui.css.gz", "none.js", "index.html"} {
		w.want(http.StatusNotFound, w.call("GET", "/docs/"+file, "", nil))
	}
	contract := w.want(http.StatusOK, w.call("GET", "/mobile-api.yaml", "", nil))
	diff(t, "the contract", string(contract.body), string(khaibao.Contract()))
}

func TestOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(http.StatusOK, w.call("GET", "/readyz", "", nil))
	w.call("GET", "/v1/people/some-id", "", nil)
	numbers := string(w.want(http.StatusOK, w.call("GET", "/metrics", "", nil)).body)
	if !strings.Contains(numbers, `khaibao_http_request_duration_seconds_count{method="GET",route="/v1/people/:id",status="401"} 1`) {
		t.Errorf("the request is not counted by its route:\n%s", numbers)
	}
	if strings.Contains(numbers, "some-id") {
		t.Error("the numbers hold an id")
	}

	apart := newWorld(t, func(c *Config) { c.OperationsHere = false })
	apart.client.Transport = local{apart.server} // what the contract has is at the other address
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		apart.want(http.StatusNotFound, apart.call("GET", path, "", nil))
	}
	operations, err := Operations(apart.server.Config)
	must(t, err)
	apart.client.Transport = local{operations}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		apart.want(http.StatusOK, apart.call("GET", path, "", nil))
	}
	apart.want(http.StatusNotFound, apart.call("GET", "/v1/programs", "", nil))
}
