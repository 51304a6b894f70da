package handlers

import (
	"net/http"
	"testing"
	"time"

	"khaibao/models"
)

// A week of updates as an app sends them: each says how it compares with the one before, and the official sees the numbers.
func TestTrend(t *testing.T) {
	t.Parallel()
	r := newRich(t, 70)
	send := func(path string, ago time.Duration, answers object) object {
		t.Helper()
		form := r.form(object{"answers": answers, "occurred_at": time.Now().Add(-ago).UTC().Format(time.RFC3339)})
		first := r.want(http.StatusCreated, r.call("POST", path, r.token, form))
		again := r.want(http.StatusOK, r.call("POST", path, r.token, form))
		diff(t, "sent again", string(again.body), string(first.body))
		shown := r.want(http.StatusOK, r.call("GET", path+"/"+form["id"].(string), r.token, nil)).object(t)
		diff(t, "shown", shown["trend"], first.object(t)["trend"])
		return first.object(t)
	}
	const day = 24 * time.Hour
	declared := send("/v1/declarations", 3*day, object{"fever": true})
	diff(t, "a declaration looks at nothing before", declared["trend"], nil)
	calm := send("/v1/health-updates", 2*day, object{"fever": false, "spo2": 98, "temperature": 36.9})
	diff(t, "better", calm["trend"], any(object{"direction": "better", "previous_level": "moderate", "since": declared["occurred_at"]}))
	worse := send("/v1/health-updates", time.Hour, object{"spo2": 93, "pulse": 88})
	diff(t, "worse", worse["trend"], any(object{"direction": "worse", "previous_level": "low", "since": calm["occurred_at"]}))
	var rules []string
	for _, reason := range worse["decision"].(object)["reasons"].([]any) {
		rules = append(rules, reason.(object)["rule"].(string))
	}
	diff(t, "why", rules, []string{"low_oxygen", "falling_oxygen", "falling_oxygen_to_95", "risen"})
	late := send("/v1/health-updates", day, object{"fever": true})
	diff(t, "late", late["trend"], any(object{"direction": "worse", "previous_level": "low", "since": calm["occurred_at"]}))
	list := r.want(http.StatusOK, r.call("GET", "/v1/health-updates", r.token, nil)).items(t)
	diff(t, "listed", len(list), 3)

	officer := r.official("can.bo", models.Officer, bacSon)
	r.settle()
	diff(t, "who got worse", len(r.want(http.StatusOK, r.call("GET", "/v1/cases?raised=true", officer, nil)).items(t)), 1)

	batch := r.want(http.StatusOK, r.call("POST", "/v1/sync", r.token, object{"items": []object{
		r.form(object{"kind": "health_update", "answers": object{"spo2": 96}, "occurred_at": time.Now().Add(-2 * time.Minute).UTC().Format(time.RFC3339)}),
		r.form(object{"kind": "health_update", "answers": object{"feeling": "same"}, "occurred_at": time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)}),
	}})).items(t)
	var directions []any
	for _, item := range batch {
		directions = append(directions, item["result"].(object)["trend"].(object)["direction"])
	}
	diff(t, "in a batch", directions, []any{"better", "same"})

	r.settle()
	diff(t, "nobody, after a better one", len(r.want(http.StatusOK, r.call("GET", "/v1/cases?raised=true", officer, nil)).items(t)), 0)
	found := r.want(http.StatusOK, r.call("GET", "/v1/cases", officer, nil)).items(t)
	if len(found) != 1 || found[0]["trend"].(object)["direction"] != "same" || found[0]["level"] != "high" {
		t.Fatalf("cases %v", found)
	}
	detail := r.want(http.StatusOK, r.call("GET", "/v1/cases/"+found[0]["id"].(string), officer, nil)).object(t)
	var numbers []any
	for _, m := range detail["measures"].([]any) {
		numbers = append(numbers, m.(object)["values"])
	}
	diff(t, "numbers", numbers, []any{object{"spo2": 98.0, "temperature": 36.9}, object{"spo2": 93.0, "pulse": 88.0}, object{"spo2": 96.0}})
	diff(t, "levels", len(detail["levels"].([]any)), 6)
}
