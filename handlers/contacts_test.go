package handlers

import (
	"net/http"
	"testing"
	"time"

	"khaibao/internal/cases"
	"khaibao/models"
)

// The log of attempts to reach somebody, and what it ends: the deadline and "got worse" when somebody was spoken to,
// nothing otherwise.
func TestContacts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen := w.signIn(phone(120))
	person := w.person(citizen, "Nông Văn Tài", "self")
	w.declare(citizen, person, object{"fever": true})
	w.settle()
	w.declare(citizen, person, object{"chest_pain": true})
	w.settle()
	officer := w.official("goi.dien", models.Officer, bacSon)
	count := func(query string) float64 {
		t.Helper()
		return w.want(http.StatusOK, w.call("GET", "/v1/cases/count?"+query, officer, nil)).object(t)["count"].(float64)
	}
	id := w.call("GET", "/v1/cases?raised=true", officer, nil).items(t)[0]["id"].(string)
	diff(t, "raised, unreached", []float64{count("raised=true"), count("raised=false"), count("unreached=true")}, []float64{1, 0, 0})

	seen := w.want(http.StatusOK, w.call("GET", "/v1/cases/"+id, officer, nil))
	tried := w.want(http.StatusOK, w.call("POST", "/v1/cases/"+id+"/contacts", officer, object{"outcome": "no_answer"}, "If-Match", seen.header.Get("ETag"))).object(t)
	if tried["status"] != "new" || tried["due_at"] == nil || tried["unreached_since"] == nil {
		t.Errorf("after no answer: %v %v %v", tried["status"], tried["due_at"], tried["unreached_since"])
	}
	diff(t, "raised, unreached", []float64{count("raised=true"), count("unreached=true")}, []float64{1, 1})
	w.want(http.StatusPreconditionFailed, w.call("POST", "/v1/cases/"+id+"/contacts", officer, object{"outcome": "reached"}, "If-Match", seen.header.Get("ETag")))

	reached := w.want(http.StatusOK, w.call("POST", "/v1/cases/"+id+"/contacts", officer, object{"outcome": "reached", "note": "Đã hướng dẫn."})).object(t)
	if reached["status"] != "contacted" || reached["due_at"] != nil || reached["unreached_since"] != nil || reached["raised_at"] != nil {
		t.Errorf("after a call: %v", reached)
	}
	var log []any
	for _, c := range reached["contacts"].([]any) {
		log = append(log, c.(object)["outcome"], c.(object)["note"], c.(object)["by"])
	}
	diff(t, "the log", log, []any{"no_answer", nil, "goi.dien", "reached", "Đã hướng dẫn.", "goi.dien"})

	diff(t, "a wrong outcome", w.want(http.StatusUnprocessableEntity, w.call("POST", "/v1/cases/"+id+"/contacts", officer, object{"outcome": "maybe"})).wrong(t), map[string]string{"/outcome": "unknown_option"})
	elsewhere := w.official("noi.khac", models.Officer, otherHome)
	w.want(http.StatusNotFound, w.call("POST", "/v1/cases/"+id+"/contacts", elsewhere, object{"outcome": "reached"}))
}

// Two households declared one person: the cases are linked and parted, within the area only, and never in a chain.
func TestSamePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 3 {
		citizen := w.signIn(phone(130 + n))
		w.declare(citizen, w.person(citizen, "Nông Văn Tài", "self"), object{"fever": true})
	}
	citizen := w.signIn(phone(133))
	w.want(http.StatusCreated, w.call("POST", "/v1/declarations", citizen, object{
		"id": newID(t), "program": "dengue", "person_id": w.person(citizen, "Nông Văn Tài", "self"), "answers": object{"breathless_at_rest": true}, "occurred_at": time.Now().Format(time.RFC3339),
	}))
	w.settle()
	officer := w.official("noi.ca", models.Officer, bacSon)
	dengue := w.call("GET", "/v1/cases?program=dengue", officer, nil).items(t)[0]["id"].(string)
	var ids []string
	for _, item := range w.call("GET", "/v1/cases?program=covid19", officer, nil).items(t) {
		ids = append(ids, item["id"].(string))
	}
	link := func(of, to string) reply {
		return w.call("PATCH", "/v1/cases/"+of, officer, object{"same_as": to})
	}
	diff(t, "linked", w.want(http.StatusOK, link(ids[0], ids[1])).object(t)["same_as"], any(ids[1]))
	for name, pair := range map[string][2]string{"itself": {ids[2], ids[2]}, "a chain": {ids[1], ids[2]}, "one that is linked": {ids[2], ids[0]}, "nothing": {ids[2], "none"}, "another program": {ids[2], dengue}} {
		if got := link(pair[0], pair[1]); got.status != http.StatusUnprocessableEntity {
			t.Errorf("linking with %s: got %d", name, got.status)
		}
	}
	diff(t, "parted", w.want(http.StatusOK, link(ids[0], "")).object(t)["same_as"], any(nil))
}

// Three orders of the list, each in pages.
func TestCaseOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n, answers := range []object{{"chest_pain": true}, {"fever": true}, {"fever": true, "contact_case": "yes"}, {"cough": true}} {
		citizen := w.signIn(phone(140 + n))
		w.want(http.StatusCreated, w.call("POST", "/v1/declarations", citizen, object{
			"id": newID(t), "program": "covid19", "person_id": w.person(citizen, "Lê Thị Hoa", "self"), "answers": answers,
			"occurred_at": time.Now().Add(time.Duration(n-9) * time.Minute).Format(time.RFC3339),
		}))
	}
	w.settle()
	officer := w.official("thu.tu", models.Officer, bacSon)
	for sort, want := range map[string][]any{
		"newest": {"moderate", "high", "moderate", "emergency"}, "level": {"emergency", "high", "moderate", "moderate"}, "due": {"emergency", "high", "moderate", "moderate"},
	} {
		var got []any
		for cursor, more := "", true; more; {
			page := w.want(http.StatusOK, w.call("GET", "/v1/cases?limit=1&sort="+sort+"&cursor="+cursor, officer, nil))
			got = append(got, page.items(t)[0]["level"])
			cursor, more = page.object(t)["next_cursor"].(string)
		}
		diff(t, "by "+sort, got, want)
	}
	w.want(http.StatusBadRequest, w.call("GET", "/v1/cases?sort=name", officer, nil))
}

// One action on everything that a filter holds is one audited change a case, and is taken back as a whole, except where
// somebody else has gone on.
func TestActOnManyAndUndo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 4 {
		citizen := w.signIn(phone(150 + n))
		w.declare(citizen, w.person(citizen, "Lê Thị Hoa", "self"), object{"fever": true})
	}
	w.settle()
	token := w.official("nhieu.ca", models.Officer, bacSon)
	me := models.Official{ID: "nhieu.ca", Login: "nhieu.ca", Role: models.Officer, Area: bacSon}
	mine := "nhieu.ca"
	done, err := w.server.Cases.Act(t.Context(), me, cases.Selection{All: true}, cases.Action{Assignee: &mine})
	must(t, err)
	diff(t, "changed", done.Changed, 4)
	assigned := w.call("GET", "/v1/cases?assignee=nhieu.ca", token, nil).items(t)
	diff(t, "assigned", len(assigned), 4)
	w.want(http.StatusOK, w.call("PATCH", "/v1/cases/"+assigned[0]["id"].(string), token, object{"note": "đang làm"}))

	stranger := models.Official{ID: "ai.khac", Login: "ai.khac", Role: models.Officer, Area: bacSon}
	if _, err := w.server.Cases.Undo(t.Context(), stranger, done.Undo); !models.NotFound.Is(err) {
		t.Errorf("somebody else's action was taken back: %v", err)
	}
	undone, err := w.server.Cases.Undo(t.Context(), me, done.Undo)
	must(t, err)
	diff(t, "taken back", undone, cases.Done{Changed: 3, Left: 1})
	diff(t, "still assigned", len(w.call("GET", "/v1/cases?assignee=nhieu.ca", token, nil).items(t)), 1)
	if _, err := w.server.Cases.Undo(t.Context(), me, done.Undo); !models.NotFound.Is(err) {
		t.Errorf("taken back twice: %v", err)
	}
	w.settle()
	audit := w.want(http.StatusOK, w.call("GET", "/v1/audit?action=change_case", w.official("soat.xet", models.Auditor, models.Nation), nil)).items(t)
	diff(t, "audited", len(audit), 4+1+3)
}
