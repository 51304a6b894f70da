package handlers

import (
	"net/http"
	"strings"
	"testing"
)

// An offline batch: a person and what was declared for them, with bad items between.
func TestSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.signIn(phone(50))
	person, declaration, update := newID(t), newID(t), newID(t)
	batch := object{"items": []any{
		object{"kind": "declaration", "id": newID(t), "program": "covid19", "person_id": person, "answers": object{}},
		object{"kind": "person", "id": person, "name": "Bùi Thị Sáu", "birth_date": "1950-05-06", "sex": "female", "relationship": "parent", "area": object{"commune": bacSon}},
		object{"kind": "declaration", "id": declaration, "program": "covid19", "person_id": person, "answers": object{"fever": true, "contact_case": "yes"}},
		object{"kind": "declaration", "id": "bad id \u0000", "program": "covid19", "person_id": person, "answers": object{"nope": 1}},
		object{"kind": "health_update", "id": update, "program": "covid19", "person_id": person, "answers": object{"temperature": 37.5}},
		object{"kind": "person", "name": "Không Có Mã", "birth_date": "1950-05-06", "sex": "male", "relationship": "other"},
		object{"kind": "visit", "id": "x"},
		object{"kind": object{"$gt": ""}, "id": 7},
		"no object",
		object{"kind": "declaration", "id": declaration, "program": "covid19", "person_id": person, "answers": object{"fever": false}},
	}}
	first := w.want(http.StatusOK, w.call("POST", "/v1/sync", token, batch))
	want := []float64{422, 201, 201, 422, 201, 422, 422, 422, 422, 409}
	results := first.items(t)
	for i, r := range results {
		if r["status"] != want[i] {
			t.Errorf("item %d: got %v, want %v: %v", i, r["status"], want[i], r)
		}
		if _, hasProblem := r["problem"]; hasProblem != (want[i] >= 400) {
			t.Errorf("item %d: %v", i, r)
		}
	}
	diff(t, "ids", []any{results[1]["id"], results[2]["id"], results[3]["id"]}, []any{person, declaration, nil})
	diff(t, "a pointer begins at the item", results[5]["problem"].(object)["errors"].([]any)[0].(object)["field"], any("/id"))
	if strings.Contains(string(first.body), "bad id") {
		t.Error("an id that is none is repeated")
	}
	// By now the person is there, so what came before them is good too.
	again := w.want(http.StatusOK, w.call("POST", "/v1/sync", token, batch)).items(t)
	for i, status := range []float64{201, 200, 200, 422, 200, 422, 422, 422, 422, 409} {
		if again[i]["status"] != status {
			t.Errorf("sent again, item %d: got %v, want %v", i, again[i]["status"], status)
		}
	}
	diff(t, "the same results", again[2]["result"], results[2]["result"])
	if n := len(w.call("GET", "/v1/declarations", token, nil).items(t)); n != 2 {
		t.Errorf("%d declarations are stored, want 2", n)
	}
	alone := w.want(http.StatusOK, w.call("GET", "/v1/health-updates/"+update, token, nil)).object(t)
	diff(t, "the update", alone["answers"], any(object{"temperature": 37.5}))
}

func TestSyncOfTheWholeBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.signIn(phone(51))
	diff(t, "an empty batch", len(w.want(http.StatusOK, w.call("POST", "/v1/sync", token, `{"items":[]}`)).items(t)), 0)
	for body, want := range map[string]map[string]string{
		`{}`:                 {"/items": "required"},
		`{"items":{}}`:       {"/items": "wrong_type"},
		`{"items":[],"x":1}`: {"/x": "unknown_field"},
		`{"items":[` + strings.TrimSuffix(strings.Repeat("1,", 201), ",") + `]}`: {"/items": "too_many_items"},
	} {
		got := w.want(http.StatusUnprocessableEntity, w.call("POST", "/v1/sync", token, body))
		diff(t, "fields", got.wrong(t), want)
	}
	full := `{"items":[` + strings.TrimSuffix(strings.Repeat("1,", 200), ",") + `]}`
	if n := len(w.want(http.StatusOK, w.call("POST", "/v1/sync", token, full)).items(t)); n != 200 {
		t.Errorf("got %d results, want 200", n)
	}
}

// An item that is no proper JSON is named alone; its neighbours are taken in.
func TestSyncWithAnUnreadableItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.signIn(phone(70))
	for name, bad := range map[string]string{
		"a name twice":  `{"kind":"declaration","answers":{"fever":true,"fever":false}}`,
		"not UTF-8":     "{\"kind\":\"person\",\"name\":\"\xff\"}",
		"half a letter": `{"kind":"person","name":"\ud800"}`,
		"too deep":      strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20),
	} {
		id := newID(t)
		good := `{"kind":"person","id":"` + id + `","name":"Nguyễn Thị Thử","birth_date":"1990-01-01","sex":"female","relationship":"other"}`
		got := w.want(http.StatusOK, w.call("POST", "/v1/sync", token, `{"items":[`+bad+`,`+good+`]}`))
		items := got.items(t)
		if len(items) != 2 || items[0]["status"] != 400.0 || items[1]["status"] != 201.0 || items[1]["id"] != id {
			t.Errorf("%s: %v", name, items)
		}
	}
}

func TestUnreadableBodyNamesThePlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.signIn(phone(71))
	for body, want := range map[string]string{
		`{"answers":{"fever":true,"fever":false}}`: "/answers/fever duplicate_name",
		`{"answers":{"fever":tru}}`:                "/answers/fever bad_json",
		"{\"id\":\"\xff\"}":                        "/id bad_json",
		`[]`:                                       " not_object",
	} {
		got := w.want(http.StatusBadRequest, w.call("POST", "/v1/declarations", token, body)).object(t)
		first := got["errors"].([]any)[0].(map[string]any)
		if place := first["field"].(string) + " " + first["code"].(string); place != want {
			t.Errorf("%q: %q, want %q", body, place, want)
		}
	}
}

// Declarations and health updates have ids of their own.
func TestOneIdForADeclarationAndAnUpdate(t *testing.T) {
	t.Parallel()
	r := newRich(t, 60)
	form := r.form(object{"answers": object{"fever": true}})
	for range 2 {
		for _, path := range []string{"/v1/declarations", "/v1/health-updates"} {
			if got := r.call("POST", path, r.token, form); got.status != http.StatusCreated && got.status != http.StatusOK {
				t.Errorf("%s: got %d %s", path, got.status, got.body)
			}
		}
	}
	diff(t, "what is stored", r.stored(), 3)
}
