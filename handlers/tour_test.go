package handlers

import (
	"net/http"
	"strings"
	"testing"

	"khaibao/models"
)

// A citizen declares for a parent; the officials of the commune see it, those of another do not.
func TestTour(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen := w.signIn(phone(1))
	parent := w.person(citizen, "Nguyễn Thị Hoa", "parent")

	form := object{"id": newID(t), "program": "covid19", "person_id": parent, "answers": object{"fever": true, "contact_case": "yes"}}
	first := w.want(http.StatusCreated, w.call("POST", "/v1/declarations", citizen, form))
	decision := first.object(t)["decision"].(object)
	diff(t, "level", decision["level"], any("high"))
	diff(t, "factors", decision["factors"], any([]any{"fever", "contact_case"}))
	again := w.want(http.StatusOK, w.call("POST", "/v1/declarations", citizen, form))
	diff(t, "the same sent again", string(again.body), string(first.body))
	form["answers"] = object{"fever": false}
	w.want(http.StatusConflict, w.call("POST", "/v1/declarations", citizen, form))

	english := w.want(http.StatusOK, w.call("GET", "/v1/declarations/"+form["id"].(string), citizen, nil, "Accept-Language", "en"))
	reasons := english.object(t)["decision"].(object)["reasons"].([]any)
	diff(t, "a reason in English", reasons[0], any(object{"rule": "fever", "text": "Fever in the last 14 days."}))
	diff(t, "the answers", english.object(t)["answers"], any(object{"fever": true, "contact_case": "yes"}))

	w.settle()
	here := w.official("tram.bacson", models.Officer, bacSon)
	there := w.official("tram.khac", models.Officer, otherHome)
	seen := w.want(http.StatusOK, w.call("GET", "/v1/cases?level=high,emergency&status=new", here, nil)).items(t)
	if len(seen) != 1 {
		t.Fatalf("got %d cases, want 1", len(seen))
	}
	diff(t, "the person is masked", seen[0]["person"], any(object{"name": "N*** T*** H***", "phone": "0912***001"}))
	id := seen[0]["id"].(string)
	if others := w.want(http.StatusOK, w.call("GET", "/v1/cases", there, nil)).items(t); len(others) != 0 {
		t.Errorf("another commune sees %d cases", len(others))
	}
	for _, r := range []reply{
		w.call("GET", "/v1/cases/"+id, there, nil), w.call("PATCH", "/v1/cases/"+id, there, object{"status": "closed"}),
		w.call("POST", "/v1/cases/"+id+"/reveal", there, object{"reason": "x"}), w.call("GET", "/v1/stats/declarations?program=covid19&area="+bacSon, there, nil),
	} {
		w.want(http.StatusNotFound, r)
	}

	shown := w.want(http.StatusOK, w.call("POST", "/v1/cases/"+id+"/reveal", here, object{"reason": "Gọi điện hướng dẫn"})).object(t)["person"].(object)
	diff(t, "revealed", []any{shown["name"], shown["phone"], shown["birth_date"]}, []any{"Nguyễn Thị Hoa", "+84912340001", "1958-03-21"})
	log := w.want(http.StatusOK, w.call("GET", "/v1/me/access-log", citizen, nil)).items(t)
	diff(t, "the citizen reads why", []any{log[0]["action"], log[0]["reason"], log[0]["area_name"]}, []any{"reveal", "Gọi điện hướng dẫn", "Xã Bắc Sơn"})
}

func TestWorkOnACase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen := w.signIn(phone(2))
	w.declare(citizen, w.person(citizen, "Trần Văn Bình", "self"), object{"fever": true, "contact_case": "yes"})
	w.settle()
	officer := w.official("can.bo", models.Officer, bacSon)
	id := w.call("GET", "/v1/cases", officer, nil).items(t)[0]["id"].(string)
	before := w.want(http.StatusOK, w.call("GET", "/v1/cases/"+id, officer, nil))
	changed := w.want(http.StatusOK, w.call("PATCH", "/v1/cases/"+id, officer, object{
		"status": "contacted", "assignee": "can.bo", "note": "Đã gọi", "assessment": object{"level": "moderate", "reason": "Khỏe"},
	}, "If-Match", before.header.Get("ETag")))
	body := changed.object(t)
	diff(t, "the computed level stays", body["level"], any("high"))
	diff(t, "the assessment stands beside it", body["assessment"].(object)["level"], any("moderate"))
	diff(t, "contact ends the deadline", body["due_at"], nil)
	diff(t, "who took it", body["assignee"], any("can.bo"))
	w.want(http.StatusPreconditionFailed, w.call("PATCH", "/v1/cases/"+id, officer, object{"note": "x"}, "If-Match", before.header.Get("ETag")))
	w.want(http.StatusBadRequest, w.call("PATCH", "/v1/cases/"+id, officer, object{"note": "x"}, "If-Match", "no tag"))
	w.want(http.StatusBadRequest, w.call("PATCH", "/v1/cases/"+id, officer, object{"note": "x"}, "If-Match", `"a",`))
	w.want(http.StatusPreconditionFailed, w.call("PATCH", "/v1/cases/"+id, officer, object{"note": "x"}, "If-Match", `"a", "b"`))
	w.want(http.StatusOK, w.call("PATCH", "/v1/cases/"+id, officer, object{}, "If-Match", `"a" , W/`+changed.header.Get("ETag")))
	w.want(http.StatusOK, w.call("PATCH", "/v1/cases/"+id, officer, object{}))

	wrong := w.want(http.StatusUnprocessableEntity, w.call("PATCH", "/v1/cases/"+id, officer, object{
		"status": "gone", "assessment": object{"level": "huge", "reason": 5}, "more": true,
	}))
	diff(t, "every wrong field", wrong.wrong(t), map[string]string{
		"/status": "unknown_option", "/assessment/level": "unknown_option", "/assessment/reason": "wrong_type", "/more": "unknown_field",
	})
	if !strings.Contains(string(wrong.body), "none, low, moderate, high, emergency") {
		t.Errorf("the levels there are, are not named: %s", wrong.body)
	}
	wrong = w.want(http.StatusUnprocessableEntity, w.call("PATCH", "/v1/cases/"+id, officer, object{"area": "00004", "assignee": "nobody", "note": "\u202e"}))
	diff(t, "what only the use-case knows", wrong.wrong(t), map[string]string{
		"/area": "area_out_of_scope", "/assignee": "unknown_official", "/note": "forbidden_characters",
	})
	after := w.call("GET", "/v1/cases/"+id, officer, nil)
	diff(t, "nothing is left behind", after.object(t), body)

	stats := w.want(http.StatusOK, w.call("GET", "/v1/stats/declarations?program=covid19", officer, nil)).items(t)
	if len(stats) != 1 || stats[0]["level"] != "high" || stats[0]["count"] != 1.0 {
		t.Errorf("got %v", stats)
	}
	auditor := w.official("kiem.toan", models.Auditor, "VN")
	w.settle()
	audit := w.want(http.StatusOK, w.call("GET", "/v1/audit?case="+id+"&login=can.bo&action=change_case", auditor, nil)).items(t)
	if len(audit) != 1 || audit[0]["detail"].(object)["status"] != "contacted" {
		t.Errorf("the audit says %v", audit)
	}
}

func TestOwnData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pair := w.tokens(phone(3))
	citizen := pair["access_token"].(string)
	person := w.person(citizen, "Lê Thị Mai", "self")
	w.declare(citizen, person, object{"fever": true})
	w.settle()

	consents := w.want(http.StatusOK, w.call("GET", "/v1/consents", citizen, nil)).items(t)
	diff(t, "no consent by default", []any{len(consents), consents[0]["granted"], consents[0]["at"]}, []any{3, false, nil})
	given := w.want(http.StatusOK, w.call("PUT", "/v1/consents/research", citizen, object{"granted": true, "text_version": "v1"})).object(t)
	diff(t, "consent", []any{given["granted"], given["text_version"], given["channel"]}, []any{true, "v1", "app"})
	w.want(http.StatusNotFound, w.call("PUT", "/v1/consents/everything", citizen, object{"granted": true, "text_version": "v1"}))
	wrong := w.want(http.StatusUnprocessableEntity, w.call("PUT", "/v1/consents/news", citizen, object{}))
	diff(t, "nothing is taken for granted", wrong.wrong(t), map[string]string{"/granted": "required", "/text_version": "required"})

	w.want(http.StatusOK, w.call("PUT", "/v1/devices/d1", citizen, object{"token": "t:1", "platform": "android", "locale": "vi"}))
	inbox := w.want(http.StatusOK, w.call("GET", "/v1/messages", citizen, nil)).items(t)
	if len(inbox) != 1 || inbox[0]["person_id"] != person || inbox[0]["level"] != "moderate" {
		t.Errorf("inbox: %v", inbox)
	}
	one := w.want(http.StatusOK, w.call("GET", "/v1/messages/"+inbox[0]["id"].(string), citizen, nil)).object(t)
	diff(t, "a message by its id", one, inbox[0])
	w.want(http.StatusNotFound, w.call("GET", "/v1/messages/nothing", citizen, nil))
	export := w.want(http.StatusOK, w.call("GET", "/v1/me/export", citizen, nil)).object(t)
	diff(t, "the export has the people", export["people"].([]any)[0].(object)["name"], any("Lê Thị Mai"))
	w.want(http.StatusNoContent, w.call("DELETE", "/v1/devices/d1", citizen, nil))

	erased := w.want(http.StatusOK, w.call("DELETE", "/v1/me", citizen, nil)).object(t)
	diff(t, "an open case keeps the identity", erased["kept_until_closed"], any(true))
	for _, path := range []string{"/v1/people", "/v1/consents", "/v1/messages", "/v1/me/export", "/v1/declarations", "/v1/me/access-log"} {
		w.want(http.StatusUnauthorized, w.call("GET", path, citizen, nil))
	}
	w.settle()
	w.want(http.StatusUnauthorized, w.call("POST", "/v1/auth/refresh", "", object{"refresh_token": pair["refresh_token"]}))
}

func TestHousehold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen, stranger := w.signIn(phone(4)), w.signIn(phone(5))
	id := newID(t)
	in := object{
		"id": id, "name": "Phạm Văn  Đức", "birth_date": "1990-02-03", "sex": "male", "relationship": "self",
		"national_id": "020 090 000 123", "area": object{"commune": bacSon}, "address": nil,
	}
	first := w.want(http.StatusCreated, w.call("POST", "/v1/people", citizen, in, "Accept-Language", "en"))
	got := first.object(t)
	diff(t, "area", got["area"], any(object{"commune": bacSon, "province": langSon, "name": "Bac Son Commune", "province_name": got["area"].(object)["province_name"]}))
	diff(t, "normal forms", []any{got["name"], got["national_id"]}, []any{"Phạm Văn Đức", "020090000123"})
	diff(t, "sent again", string(w.want(http.StatusOK, w.call("POST", "/v1/people", citizen, in, "Accept-Language", "en")).body), string(first.body))
	in["name"] = "Người khác"
	w.want(http.StatusConflict, w.call("POST", "/v1/people", citizen, in))

	changed := w.want(http.StatusOK, w.call("PATCH", "/v1/people/"+id, citizen, object{"national_id": "", "birth_date": "1991-02-03"})).object(t)
	diff(t, "changed", []any{changed["national_id"], changed["birth_date"], changed["name"]}, []any{nil, "1991-02-03", "Phạm Văn Đức"})
	doubted := w.want(http.StatusOK, w.call("PATCH", "/v1/people/"+id, citizen, object{"national_id": "020190000123"})).object(t)
	if len(doubted["warnings"].([]any)) != 2 {
		t.Errorf("year and sex differ from the identity number, but warnings are %v", doubted["warnings"])
	}
	for _, r := range []reply{
		w.call("GET", "/v1/people/"+id, stranger, nil), w.call("PATCH", "/v1/people/"+id, stranger, object{"name": "A B"}),
		w.call("DELETE", "/v1/people/"+id, stranger, nil), w.call("GET", "/v1/declarations?person_id="+id, stranger, nil),
		w.call("GET", "/v1/people/a%00b", citizen, nil), w.call("GET", "/v1/people/..%2f..", citizen, nil), w.call("GET", "/v1/people/%24ne", citizen, nil),
	} {
		w.want(http.StatusNotFound, r)
	}
	diff(t, "removed", w.want(http.StatusOK, w.call("DELETE", "/v1/people/"+id, citizen, nil)).object(t)["kept_until_closed"], any(false))
	w.want(http.StatusNotFound, w.call("GET", "/v1/people/"+id, citizen, nil))
}
