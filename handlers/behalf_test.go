package handlers

import (
	"net/http"
	"strings"
	"testing"

	"khaibao/internal/intake"
	"khaibao/models"
)

// A citizen for whom an official declared reads so everywhere in their own data: role and area, and no login.
func TestEnteredByAnOfficial(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen := w.signIn(phone(150))
	person := w.person(citizen, "Nông Văn Tài", "self")
	own := w.declare(citizen, person, object{"fever": false}).object(t)["id"].(string)
	official := w.Official(w, "khai.ho", models.Officer, bacSon).Official
	acting, err := w.Intake.OnBehalf(t.Context(), official, "+84"+strings.TrimPrefix(phone(150), "0"), "official-1")
	must(t, err)
	const id = "019ac000-0000-7000-8000-000000000077"
	_, _, err = w.Intake.Submit(t.Context(), acting, intake.Submission{
		Form: models.FormDeclaration, ID: id, Program: "covid19", PersonID: person, Answers: map[string]any{"fever": true},
	})
	must(t, err)
	w.settle()

	by := map[string]any{"role": "officer", "area": bacSon, "area_name": "Xã Bắc Sơn"}
	for _, d := range w.want(http.StatusOK, w.call("GET", "/v1/declarations", citizen, nil)).items(t) {
		want := []any{"app", any(nil)}
		if d["id"] == id {
			want = []any{"official", by}
		}
		diff(t, "a declaration in the history", []any{d["channel"], d["entered_by"]}, want)
	}
	diff(t, "the declaration itself", w.want(http.StatusOK, w.call("GET", "/v1/declarations/"+id, citizen, nil)).object(t)["entered_by"], any(by))

	exported := w.want(http.StatusOK, w.call("GET", "/v1/me/export", citizen, nil))
	got := map[string]any{}
	for _, d := range exported.object(t)["declarations"].([]any) {
		got[d.(object)["id"].(string)] = d.(object)["entered_by"]
	}
	diff(t, "the export", got, map[string]any{own: nil, id: map[string]any{"role": "officer", "area": bacSon}})
	log := w.want(http.StatusOK, w.call("GET", "/v1/me/access-log", citizen, nil))
	entries := log.items(t)
	if len(entries) != 1 || entries[0]["action"] != "intake" || entries[0]["person_id"] != person || entries[0]["area_name"] != "Xã Bắc Sơn" {
		t.Errorf("the access log: %v", entries)
	}
	for what, body := range map[string][]byte{"the export": exported.body, "the access log": log.body} {
		if strings.Contains(string(body), "khai.ho") {
			t.Errorf("%s names the official's login", what)
		}
	}
}
