package handlers

import (
	"net/http"
	"strings"
	"testing"

	"khaibao/models"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for number, code := range map[string]string{"12": "bad_phone", "024 3826 1234": "not_mobile", "+1 650 253 0000": "not_mobile", "": "required"} {
		got := w.want(http.StatusUnprocessableEntity, w.call("POST", "/v1/auth/otp", "", object{"phone": number}))
		wrong := got.wrong(t)["/phone"]
		if wrong != code && (number == "" || (wrong != "bad_phone" && wrong != "not_mobile")) {
			t.Errorf("%q: got %s, want %s", number, wrong, code)
		}
		if number != "" && strings.Contains(string(got.body), number) {
			t.Errorf("the number is repeated: %s", got.body)
		}
	}
	asked := w.want(http.StatusAccepted, w.call("POST", "/v1/auth/otp", "", object{"phone": phone(70)}))
	diff(t, "not to be stored", asked.header.Get("Cache-Control"), "no-store")
	bad := w.want(http.StatusUnauthorized, w.call("POST", "/v1/auth/otp/verify", "", object{"request_id": asked.object(t)["request_id"], "code": "0"}))
	diff(t, "a wrong code", bad.object(t)["code"], any("bad_code"))
	w.want(http.StatusUnauthorized, w.call("POST", "/v1/auth/otp/verify", "", object{"request_id": "nobody", "code": "123456"}))
	good := object{"request_id": asked.object(t)["request_id"], "code": w.code(phone(70))}
	pair := w.want(http.StatusOK, w.call("POST", "/v1/auth/otp/verify", "", good)).object(t)
	w.want(http.StatusUnauthorized, w.call("POST", "/v1/auth/otp/verify", "", good))

	refresh := object{"refresh_token": pair["refresh_token"], "request_id": "r-1"}
	second := w.want(http.StatusOK, w.call("POST", "/v1/auth/refresh", "", refresh)).object(t)
	lost := w.want(http.StatusOK, w.call("POST", "/v1/auth/refresh", "", refresh)).object(t)
	diff(t, "the reply was lost", lost["refresh_token"], second["refresh_token"])
	w.want(http.StatusUnauthorized, w.call("POST", "/v1/auth/refresh", "", object{"refresh_token": pair["refresh_token"], "request_id": "r-2"}))
	w.want(http.StatusUnauthorized, w.call("POST", "/v1/auth/refresh", "", object{"refresh_token": second["refresh_token"]}))

	w.want(http.StatusNotFound, w.call("POST", "/v1/auth/firebase", "", object{"id_token": "x"}))
	again := w.tokens(phone(70))
	w.want(http.StatusNoContent, w.call("POST", "/v1/auth/logout", again["access_token"].(string), nil))
	w.want(http.StatusUnauthorized, w.call("POST", "/v1/auth/refresh", "", object{"refresh_token": again["refresh_token"]}))
	w.want(http.StatusUnprocessableEntity, w.call("POST", "/v1/auth/refresh", "", object{"refresh_token": object{"$gt": ""}, "request_id": "a b"}))
}

func TestBudgetsSayHowLongToWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 20 {
		got := w.call("POST", "/v1/auth/otp", "", object{"phone": phone(71)})
		if got.status == http.StatusTooManyRequests {
			if got.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return
		}
		w.want(http.StatusAccepted, got)
	}
	t.Error("twenty codes were sent to one number")
}

func TestOfficialSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.official("dang.nhap", models.ProvinceManager, langSon)
	me := w.want(http.StatusOK, w.call("GET", "/v1/official/me", token, nil)).object(t)
	diff(t, "me", me, object{"login": "dang.nhap", "name": "Cán bộ dang.nhap", "role": "province_manager", "area": langSon})
	for _, in := range []object{
		{"login": "dang.nhap", "password": "not it at all", "totp": "000000"}, {"login": "nobody", "password": "x", "totp": "000000"},
	} {
		got := w.want(http.StatusUnauthorized, w.call("POST", "/v1/official/login", "", in))
		diff(t, "one answer for all", got.object(t)["code"], any("bad_credentials"))
	}
	w.want(http.StatusUnprocessableEntity, w.call("POST", "/v1/official/login", "", object{"login": object{"$ne": ""}, "password": []any{}}))
	w.want(http.StatusNoContent, w.call("POST", "/v1/official/logout", token, nil))
	w.want(http.StatusUnauthorized, w.call("GET", "/v1/official/me", token, nil))
}
