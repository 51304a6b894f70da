package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"khaibao/models"
)

// households signs in a number of citizens with one person each in Bắc Sơn; the first consents to news.
func (w *world) households(from, n int) (tokens []string) {
	w.Helper()
	for i := range n {
		token := w.signIn(phone(from + i))
		w.person(token, "Phạm Thị Thử", "self")
		tokens = append(tokens, token)
	}
	w.want(http.StatusOK, w.call("PUT", "/v1/consents/news", tokens[0], object{"granted": true, "text_version": "1"}))
	return tokens
}

func alert(more ...object) object {
	out := object{"area": langSon, "purpose": "alert", "text": object{"vi": "Chiều nay phun hóa chất diệt muỗi.", "en": "Mosquito spraying this afternoon."}}
	for _, m := range more {
		for name, value := range m {
			out[name] = value
		}
	}
	return out
}

// A broadcast from draft to cancel, with the second official, and what the audit keeps of it.
func TestBroadcast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.households(500, 3)
	author, second := w.official("tinh.mot", models.ProvinceManager, langSon), w.official("tinh.hai", models.ProvinceManager, langSon)
	preview := w.want(http.StatusOK, w.call("POST", "/v1/broadcasts/preview", author, object{"area": langSon, "purpose": "alert"})).object(t)
	diff(t, "preview", preview, object{"recipients": 3.0, "approval_needed": true})
	news := w.want(http.StatusOK, w.call("POST", "/v1/broadcasts/preview", author, object{"area": bacSon, "purpose": "news"})).object(t)
	diff(t, "preview of news", news, object{"recipients": 1.0, "approval_needed": false})

	id := newID(t)
	draft := w.want(http.StatusCreated, w.call("POST", "/v1/broadcasts", author, alert(object{"id": id, "sms": true, "expires_in": 3600}))).object(t)
	again := w.want(http.StatusOK, w.call("POST", "/v1/broadcasts", author, alert(object{"id": id, "sms": true, "expires_in": 3600}))).object(t)
	diff(t, "the same draft again", again, draft)
	w.want(http.StatusConflict, w.call("POST", "/v1/broadcasts", author, alert(object{"id": id})))
	w.want(http.StatusConflict, w.call("POST", "/v1/broadcasts", second, alert(object{"id": id, "sms": true, "expires_in": 3600})))
	path := "/v1/broadcasts/" + id
	diff(t, "start without approval", problemCode(t, w.want(http.StatusConflict, w.call("POST", path+"/start", author, nil))), "approval_needed")
	diff(t, "approved by its author", problemCode(t, w.want(http.StatusForbidden, w.call("POST", path+"/approve", author, nil))), "own_broadcast")
	approved := w.want(http.StatusOK, w.call("POST", path+"/approve", second, nil)).object(t)
	diff(t, "approved", []any{approved["approved_by"], approved["approval_needed"], approved["status"]}, []any{"tinh.hai", false, "draft"})
	w.want(http.StatusOK, w.call("POST", path+"/approve", second, nil))
	started := w.want(http.StatusOK, w.call("POST", path+"/start", author, nil)).object(t)
	diff(t, "started", []any{started["status"], started["recipients"], started["started_by"]}, []any{"running", 3.0, "tinh.mot"})
	w.want(http.StatusOK, w.call("POST", path+"/start", author, nil))
	shown := w.want(http.StatusOK, w.call("GET", path, second, nil)).object(t)
	diff(t, "progress", shown["progress"], any(object{"done": 0.0, "pending": 0.0, "stored": 0.0, "sent": 0.0, "delivered": 0.0, "failed": 0.0, "expired": 0.0}))
	cancelled := w.want(http.StatusOK, w.call("POST", path+"/cancel", second, nil)).object(t)
	diff(t, "cancelled", []any{cancelled["status"], cancelled["cancelled_by"]}, []any{"cancelled", "tinh.hai"})
	diff(t, "start after that", problemCode(t, w.want(http.StatusConflict, w.call("POST", path+"/start", author, nil))), "broadcast_not_draft")
	diff(t, "approve after that", w.want(http.StatusOK, w.call("POST", path+"/approve", second, nil)).object(t)["status"], any("cancelled"))

	w.settle()
	auditor := w.official("kiem.toan", models.Auditor, models.Nation)
	var steps []string
	for _, e := range w.want(http.StatusOK, w.call("GET", "/v1/audit", auditor, nil)).items(t) {
		if detail, _ := e["detail"].(map[string]any); detail["broadcast"] == id {
			steps = append(steps, fmt.Sprint(e["action"], " ", e["login"], " ", detail["recipients"]))
		}
	}
	diff(t, "audit", steps, []string{"cancel_broadcast tinh.hai 3", "start_broadcast tinh.mot 3", "approve_broadcast tinh.hai 3", "draft_broadcast tinh.mot 3"})
	if strings.Contains(w.Logged.String(), "phun hóa chất") {
		t.Error("the log holds the text of a broadcast")
	}
}

func problemCode(t testing.TB, r reply) string {
	t.Helper()
	code, _ := r.object(t)["code"].(string)
	return code
}

// Everything that is wrong is named at once, and nothing is kept.
func TestBroadcastBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.official("tinh.ba", models.ProvinceManager, langSon)
	long := strings.Repeat("dài ", 300)
	for name, c := range map[string]struct {
		body object
		want map[string]string
	}{
		"nothing":            {object{}, map[string]string{"/area": "required", "/purpose": "required", "/text": "required"}},
		"everything":         {alert(object{"id": "7", "area": "99", "purpose": "fun", "text": object{"vi": long}, "expires_in": 5}), map[string]string{"/id": "not_uuidv7", "/area": "unknown_area", "/purpose": "unknown_option", "/text/vi": "too_long", "/expires_in": "limit"}},
		"blanks":             {alert(object{"text": object{"vi": " \n "}}), map[string]string{"/text/vi": "required"}},
		"what hides":         {alert(object{"text": object{"vi": "a\u202eb"}}), map[string]string{"/text/vi": "forbidden_characters"}},
		"too long for SMS":   {alert(object{"sms": true, "text": object{"vi": strings.Repeat("ă", 459), "en": strings.Repeat("a", 460)}}), map[string]string{"/text/en": "too_long_for_sms"}},
		"urgent news":        {alert(object{"purpose": "news", "urgent": true}), map[string]string{"/urgent": "alerts_only"}},
		"lasts no time":      {alert(object{"expires_in": 0}), map[string]string{"/expires_in": "limit"}},
		"an unknown level":   {alert(object{"levels": []any{"high", "awful", 3}}), map[string]string{"/levels/1": "unknown_option", "/levels/2": "wrong_type"}},
		"no list of levels":  {alert(object{"levels": "high"}), map[string]string{"/levels": "wrong_type"}},
		"an unknown member":  {alert(object{"audience": "all"}), map[string]string{"/audience": "unknown_field"}},
		"a text of no words": {alert(object{"text": "hello"}), map[string]string{"/text": "wrong_type"}},
	} {
		got := w.want(http.StatusUnprocessableEntity, w.call("POST", "/v1/broadcasts", manager, c.body))
		diff(t, name, got.wrong(t), c.want)
	}
	diff(t, "kept", len(w.call("GET", "/v1/broadcasts", manager, nil).items(t)), 0)
}

// What lies outside the official's area is not found, whatever is asked about it.
func TestBroadcastScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here, elsewhere, nation := w.official("tinh.day", models.ProvinceManager, langSon), w.official("tinh.khac", models.ProvinceManager, "01"), w.official("trung.uong", models.NationalManager, models.Nation)
	for area, want := range map[string]int{langSon: http.StatusCreated, bacSon: http.StatusCreated, "VN": http.StatusNotFound, "01": http.StatusNotFound, "00004": http.StatusNotFound} {
		w.want(want, w.call("POST", "/v1/broadcasts", here, alert(object{"area": area})))
		if want == http.StatusCreated {
			want = http.StatusOK
		}
		w.want(want, w.call("POST", "/v1/broadcasts/preview", here, object{"area": area, "purpose": "alert"}))
	}
	whole := w.want(http.StatusCreated, w.call("POST", "/v1/broadcasts", nation, alert(object{"area": "VN"}))).object(t)
	diff(t, "the province's list", len(w.call("GET", "/v1/broadcasts", here, nil).items(t)), 2)
	diff(t, "another province's list", len(w.call("GET", "/v1/broadcasts", elsewhere, nil).items(t)), 0)
	all := w.call("GET", "/v1/broadcasts", nation, nil).items(t)
	diff(t, "the nation's list", []any{len(all), all[0]["id"]}, []any{3, whole["id"]})
	own := w.call("GET", "/v1/broadcasts?limit=1", here, nil).items(t)[0]["id"].(string)
	for token, id := range map[string]string{elsewhere: own, here: whole["id"].(string)} {
		w.want(http.StatusNotFound, w.call("GET", "/v1/broadcasts/"+id, token, nil))
		for _, step := range []string{"approve", "start", "cancel"} {
			w.want(http.StatusNotFound, w.call("POST", "/v1/broadcasts/"+id+"/"+step, token, nil))
		}
	}
	w.want(http.StatusOK, w.call("POST", "/v1/broadcasts/"+own+"/approve", nation, nil))
}

// The text waits in the inbox of those who got the message, in the reader's language.
func TestBroadcastInInbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen := w.households(520, 1)[0]
	manager := w.official("tinh.bon", models.ProvinceManager, langSon)
	id := w.want(http.StatusCreated, w.call("POST", "/v1/broadcasts", manager, alert())).object(t)["id"].(string)
	w.want(http.StatusOK, w.call("POST", "/v1/broadcasts/"+id+"/start", manager, nil))
	b, err := w.Store.Broadcast(t.Context(), id)
	must(t, err)
	accounts, err := w.Store.Recipients(t.Context(), b.Audience(), "", 10)
	must(t, err)
	must(t, w.Store.Enqueue(t.Context(), models.Message{
		ID: b.MessageID(), Account: accounts[0], Kind: models.MessageBroadcast, Broadcast: id, State: models.MessageSent, CreatedAt: time.Now(), ExpiresAt: b.ExpiresAt,
	}))
	for lang, want := range map[string][]any{
		"vi": {"broadcast", "Thông báo của cơ quan y tế", "Chiều nay phun hóa chất diệt muỗi."},
		"en": {"broadcast", "Notice from the health authority", "Mosquito spraying this afternoon."},
	} {
		m := w.want(http.StatusOK, w.call("GET", "/v1/messages", citizen, nil, "Accept-Language", lang)).items(t)[0]
		diff(t, lang, []any{m["kind"], m["title"], m["text"]}, want)
	}
}
