package handlers

import (
	"net/http"
	"testing"
)

// The app chooses the PIN for keypads; the export says that there is one and not which.
func TestPIN(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	citizen := w.signIn(phone(1))
	set := func(body any) reply { return w.call("PUT", "/v1/me/pin", citizen, body) }
	for _, bad := range []any{object{"pin": "1111"}, object{"pin": "258"}, object{"pin": "25 80"}, object{}} {
		got := w.want(http.StatusUnprocessableEntity, set(bad))
		diff(t, "the field", got.object(t)["errors"].([]any)[0].(object)["field"], any("/pin"))
	}
	exported := func() any {
		return w.want(http.StatusOK, w.call("GET", "/v1/me/export", citizen, nil)).object(t)["pin_set"]
	}
	diff(t, "before", exported(), any(false))
	w.want(http.StatusNoContent, set(object{"pin": "2580"}))
	diff(t, "afterwards", exported(), any(true))
	account, err := w.Store.AccountOfPhone(t.Context(), "+84912340001")
	must(t, err)
	if err := w.server.PINs.Check(t.Context(), account, "2580", "m"); err != nil {
		t.Error(err)
	}
	w.want(http.StatusNoContent, set(object{"pin": "1357"}))
	if err := w.server.PINs.Check(t.Context(), account, "2580", "m"); err == nil {
		t.Error("the old PIN is taken")
	}
}
