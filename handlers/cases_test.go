package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"khaibao/models"
)

// Every filter of the list, its pages, and the search for sealed identities.
func TestCaseList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := []string{"Nguyễn Văn An", "Trần Thị Bích", "Lê Hoàng Đức"}
	answers := []object{{"fever": true}, {"fever": true, "contact_case": "yes"}, {"chest_pain": true}}
	people := make([]string, len(names))
	for i, name := range names {
		token := w.signIn(phone(80 + i))
		people[i] = w.person(token, name, "self")
		w.want(http.StatusCreated, w.call("POST", "/v1/declarations", token, object{
			"id": newID(t), "program": "covid19", "person_id": people[i], "answers": answers[i], "occurred_at": time.Now().Add(time.Duration(i-10) * time.Minute).Format(time.RFC3339),
		}))
	}
	w.settle()
	officer := w.official("loc.ca", models.Officer, bacSon)
	all := w.want(http.StatusOK, w.call("GET", "/v1/cases", officer, nil)).items(t)
	levels := func(items []map[string]any) []any {
		out := []any{}
		for _, item := range items {
			out = append(out, item["level"])
		}
		return out
	}
	diff(t, "newest first", levels(all), []any{"emergency", "high", "moderate"})
	since := url.QueryEscape(time.Now().Add(-9*time.Minute - 30*time.Second).Format(time.RFC3339))
	for query, want := range map[string][]any{
		"level=high": {"high"}, "level=high,moderate": {"high", "moderate"}, "level=high&level=emergency": {"emergency", "high"},
		"status=new": {"emergency", "high", "moderate"}, "status=closed,referred": {}, "program=covid19": {"emergency", "high", "moderate"}, "program=dengue": {},
		"area=" + bacSon: {"emergency", "high", "moderate"}, "area=" + langSon: {"emergency", "high", "moderate"}, "area=01": {}, "area=" + otherHome: {}, "area=VN": {"emergency", "high", "moderate"},
		"factor=contact_case": {"high"}, "factor=fatigue": {}, "since=" + since: {"emergency", "high"},
		"overdue=true": {}, "overdue=false": {"emergency", "high", "moderate"}, "missed=true": {}, "missed=false": {"emergency", "high", "moderate"},
		"assignee=loc.ca": {}, "assigned=true": {}, "assigned=false": {"emergency", "high", "moderate"}, "q=0912340081": {"high"}, "q=%2B84912340081": {"high"}, "q=tran+thi+bich": {"high"}, "q=Tr%E1%BA%A7n+Th%E1%BB%8B+B%C3%ADch": {"high"},
		"q=L%C3%AA+Ho%C3%A0ng": {"emergency"}, "q=nobody+here": {}, "q=0912340099": {},
	} {
		got := w.want(http.StatusOK, w.call("GET", "/v1/cases?"+query, officer, nil)).items(t)
		diff(t, query, levels(got), want)
		count := w.want(http.StatusOK, w.call("GET", "/v1/cases/count?"+query, officer, nil)).object(t)["count"]
		diff(t, "the count of "+query, count, float64(len(want)))
	}
	elsewhere := w.official("xa.khac", models.Officer, otherHome)
	diff(t, "another commune's count", w.call("GET", "/v1/cases/count", elsewhere, nil).object(t)["count"], 0.0)
	w.want(http.StatusBadRequest, w.call("GET", "/v1/cases/count?missed=maybe", officer, nil))
	w.Clock.Forward(2 * time.Hour)
	diff(t, "the emergency's deadline has passed", levels(w.call("GET", "/v1/cases?overdue=true", officer, nil).items(t)), []any{"emergency"})

	var paged []any
	for cursor := ""; ; {
		part := w.want(http.StatusOK, w.call("GET", "/v1/cases?limit=1&cursor="+url.QueryEscape(cursor), officer, nil))
		paged = append(paged, levels(part.items(t))...)
		next, more := part.object(t)["next_cursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	diff(t, "page by page", paged, []any{"emergency", "high", "moderate"})
}

// A household's history comes newest first, in pages without gaps or repeats.
func TestHistoryPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.signIn(phone(90))
	one, two := w.person(token, "Người Một", "self"), w.person(token, "Người Hai", "child")
	var want []any
	for i := range 7 {
		id := newID(t)
		w.want(http.StatusCreated, w.call("POST", "/v1/declarations", token, object{
			"id": id, "program": "covid19", "person_id": []string{one, two}[i%2], "answers": object{"cough": false}, "occurred_at": time.Now().Add(time.Duration(i-60) * time.Minute).Format(time.RFC3339),
		}))
		want = append(want, id)
	}
	slices.Reverse(want)
	var got []any
	for cursor := ""; ; {
		part := w.want(http.StatusOK, w.call("GET", fmt.Sprintf("/v1/declarations?limit=2&cursor=%s", url.QueryEscape(cursor)), token, nil))
		for _, item := range part.items(t) {
			got = append(got, item["id"])
		}
		next, more := part.object(t)["next_cursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	diff(t, "history", got, want)
	diff(t, "of one person", len(w.call("GET", "/v1/declarations?person_id="+two, token, nil).items(t)), 3)
}

// Whoever finds a person by a number is written down, also when only counting; the citizen reads it. Finding the same person
// again within minutes is the same look. A name says less.
func TestSearchIsNoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.signIn(phone(70))
	person := w.person(token, "Nguyễn Văn Tìm", "self")
	w.want(http.StatusCreated, w.call("POST", "/v1/declarations", token, object{
		"id": newID(t), "program": "covid19", "person_id": person, "answers": object{"fever": true},
	}))
	w.settle()
	officer, colleague := w.official("tim.kiem", models.Officer, bacSon), w.official("tim.cung", models.Officer, bacSon)
	elsewhere := w.official("noi.khac", models.Officer, otherHome)
	noted := func() (actions []any) {
		for _, entry := range w.want(http.StatusOK, w.call("GET", "/v1/me/access-log", token, nil)).items(t) {
			actions = append(actions, entry["action"])
		}
		return actions
	}
	for _, step := range []struct {
		who, path string
		later     time.Duration
		notes     int
	}{
		{officer, "/v1/cases?q=nguyen+van+tim", 0, 0},
		{elsewhere, "/v1/cases?q=0912340070", 0, 0},
		{officer, "/v1/cases?q=0912340070", 0, 1},
		{officer, "/v1/cases/count?q=0912340070", 9 * time.Minute, 1},
		{officer, "/v1/cases/count?q=0912340070", time.Minute, 2},
		{colleague, "/v1/cases/count?q=0912340070", 0, 3},
		{officer, "/v1/cases?q=0912340071", 0, 3},
	} {
		w.Clock.Forward(step.later)
		w.want(http.StatusOK, w.call("GET", step.path, step.who, nil))
		got := noted()
		if len(got) != step.notes || slices.ContainsFunc(got, func(a any) bool { return a != "search" }) {
			t.Fatalf("after %s the citizen reads %v, want %d searches", step.path, got, step.notes)
		}
	}
}

// An empty id is no way to leave the id to the server: sent again it would add the person again.
func TestEmptyPersonID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.call("POST", "/v1/people", w.signIn(phone(71)), object{
		"id": "", "name": "Nguyễn Văn Rỗng", "birth_date": "1990-01-01", "sex": "male", "relationship": "self", "area": object{"commune": bacSon},
	})
	w.want(http.StatusUnprocessableEntity, got)
	if !strings.Contains(string(got.body), `"/id"`) {
		t.Errorf("the field is not named: %s", got.body)
	}
}
