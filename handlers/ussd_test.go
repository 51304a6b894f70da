package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"khaibao/models"
)

func (g *gate) ussd(path, kind, body string) reply {
	g.Helper()
	return g.send("POST", path, kind, body, "Authorization", "Bearer "+gatewaySecret)
}

const formType = "application/x-www-form-urlencoded"

// Each gateway's form arrives as the same inbound, and is answered in its own way.
func TestReceiveUSSD(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	fields := func(more ...string) string {
		q := url.Values{"sessionId": {"s1"}, "phoneNumber": {"+84900000001"}}
		for i := 0; i < len(more); i += 2 {
			q.Set(more[i], more[i+1])
		}
		return q.Encode()
	}
	got := g.want(http.StatusOK, g.ussd("/channels/ussd", formType, fields("text", "1*13", "serviceCode", "*123#")))
	diff(t, "the screen", string(got.body), "CON Nghe: 1*13")
	got = g.want(http.StatusOK, g.ussd("/channels/ussd/latest?ucs2=true", formType, fields("text", "13", "requestId", "r7")))
	diff(t, "the screen", string(got.body), "CON Nghe: 13")
	got = g.want(http.StatusOK, g.ussd("/channels/ussd/json", "application/json", `{"Type":"Response","Mobile":"84900000001","SessionId":"s1","Message":"13","Sequence":3}`))
	diff(t, "the screen", got.object(t), object{"SessionId": "s1", "Type": "Response", "Message": "Nghe: 13"})
	got = g.want(http.StatusOK, g.ussd("/channels/ussd", formType, fields("status", "Success", "durationInMillis", "9000", "input", "1*13")))
	diff(t, "a session that is over", string(got.body), "END ")
	got = g.want(http.StatusOK, g.ussd("/channels/ussd/json", "application/json", `{"Type":"Release","Mobile":"84900000001","SessionId":"s1","Sequence":4}`))
	diff(t, "a session that is over", got.object(t), object{"SessionId": "s1", "Type": "Release", "Message": ""})
	ussd := models.Inbound{Channel: models.ChannelUSSD, Phone: "+84900000001", Session: "s1"}
	accumulated, latest, inJSON := ussd, ussd, ussd
	accumulated.ID, accumulated.Text, accumulated.Accumulated = "s1|1*13", "1*13", true
	latest.ID, latest.Text, latest.UCS2 = "s1|r7", "13", true
	inJSON.ID, inJSON.Text = "s1|3", "13"
	diff(t, "heard", g.parrot.heard, []models.Inbound{accumulated, latest, inJSON})
}

func TestBadUSSD(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	got := g.want(http.StatusBadRequest, g.ussd("/channels/ussd", formType, "text=1"))
	if !strings.Contains(string(got.body), "sessionId") || !strings.Contains(string(got.body), "phoneNumber") {
		t.Errorf("the fields are not named: %s", got.body)
	}
	g.want(http.StatusBadRequest, g.ussd("/channels/ussd/json", "application/json", "{"))
	g.want(http.StatusForbidden, g.send("POST", "/channels/ussd", formType, "sessionId=s&phoneNumber=0900000001"))
	if len(g.parrot.heard) > 0 {
		t.Errorf("heard %+v", g.parrot.heard)
	}
}

// While the store is away the screen says so: nobody sees a status.
func TestUSSDWithoutStore(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	g.parrot.fail = models.Down("reading a dialogue", http.ErrServerClosed)
	got := g.want(http.StatusOK, g.ussd("/channels/ussd", formType, "sessionId=s1&phoneNumber=0900000001&text="))
	if !strings.HasPrefix(string(got.body), "END He thong dang ban") {
		t.Errorf("the screen says %q", got.body)
	}
}
