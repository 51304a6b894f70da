package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"khaibao/internal/kanneltest"
	"khaibao/internal/store"
)

// Whom the server of TestStrangersAtTheChannels knows: a gateway, and a proxy that ends TLS in front of it.
const (
	gatewayAddress  = "127.0.0.2"
	proxyAddress    = "127.0.0.3"
	strangerAddress = "127.0.0.4"
)

// clientFrom is a client whose connections come from an address of this machine.
func clientFrom(t *testing.T, base, address string) *client {
	c := newClient(t, base)
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c.http.Transport.(*http.Transport).DialContext = dialer.DialContext
	return c
}

// TestStrangersAtTheChannels knocks at a server's address for gateways as somebody does who is none, in every way that was
// thought of: each is refused for what is wrong, counted, and leaves nothing behind, in the store nor in the log.
func TestStrangersAtTheChannels(t *testing.T) {
	t.Parallel()
	slow(t)
	d := deploy(t, "sqlite:"+filepath.Join(t.TempDir(), "store"))
	s := d.serve("--channels-addr", "127.0.0.1:0", "--channels-secret", kanneltest.Secret, "--channels-url", "http://gateway.test",
		"--channels-allow", gatewayAddress, "--trusted-proxies", proxyAddress)
	base := "http://" + s.await(`"channels":"([^"]+)"`)[1]
	from := map[string]*client{}
	for _, address := range []string{gatewayAddress, proxyAddress, strangerAddress} {
		from[address] = clientFrom(t, base, address)
	}
	_, code := s.codeOf(phoneOf(9))
	report, err := url.Parse(strings.Replace(d.smsc.To(phoneOf(9))[0].Report, "%d", "1", 1))
	if err != nil {
		t.Fatal(err)
	}
	reportWith := func(key, value string) string {
		q := report.Query()
		q.Set(key, value)
		return report.Path + "?" + q.Encode()
	}
	query := url.Values{"from": {phoneOf(1)}, "id": {"k-1"}, "text": {"KB"}}.Encode()
	open, shown := "/channels/sms?"+query, "/channels/sms?"+query+"&secret="+kanneltest.Secret
	bearer := []string{"Authorization", "Bearer " + kanneltest.Secret}
	form := "sessionId=s&phoneNumber=" + url.QueryEscape(phoneOf(1)) + "&text="
	refusals := map[string]int{}
	for _, tt := range []struct {
		name, address, method, path, body string
		headers                           []string
		status                            int
		reason                            string // under which it is counted
	}{
		{"no secret", gatewayAddress, "GET", open, "", nil, 403, "secret"},
		{"a wrong one", gatewayAddress, "GET", open + "&secret=" + strings.Repeat("x", len(kanneltest.Secret)), "", nil, 403, "secret"},
		{"one letter short", gatewayAddress, "GET", strings.TrimSuffix(shown, shown[len(shown)-1:]), "", nil, 403, "secret"},
		{"a wrong one before the right one", gatewayAddress, "GET", open + "&secret=x&secret=" + kanneltest.Secret, "", nil, 403, "secret"},
		{"in a header of its own", gatewayAddress, "GET", open, "", []string{"X-Secret", kanneltest.Secret}, 403, "secret"},
		{"in a cookie", gatewayAddress, "GET", open, "", []string{"Cookie", "secret=" + kanneltest.Secret}, 403, "secret"},
		{"as the user's name", gatewayAddress, "GET", open, "", []string{"Authorization", basicAuth(kanneltest.Secret, "")}, 403, "secret"},
		{"in the body", gatewayAddress, "POST", "/channels/ussd", form + "&secret=" + kanneltest.Secret, nil, 403, "secret"},
		{"in the body of an SMS", gatewayAddress, "POST", "/channels/sms", query + "&secret=" + kanneltest.Secret, nil, 403, "secret"},
		{"in the path", gatewayAddress, "GET", "/channels/sms/" + kanneltest.Secret + "?" + query, "", nil, 404, ""},
		{"by another name", gatewayAddress, "GET", open + "&Secret=" + kanneltest.Secret, "", nil, 403, "secret"},
		{"USSD without it", gatewayAddress, "POST", "/channels/ussd", form, nil, 403, "secret"},
		{"USSD in JSON without it", gatewayAddress, "POST", "/channels/ussd/json", `{}`, nil, 403, "secret"},

		{"from elsewhere", strangerAddress, "GET", shown, "", nil, 403, "network"},
		{"from elsewhere, naming the gateway", strangerAddress, "GET", shown, "", []string{"X-Forwarded-For", gatewayAddress}, 403, "network"},
		{"naming it otherwise", strangerAddress, "GET", shown, "", []string{"X-Real-IP", gatewayAddress, "Forwarded", "for=" + gatewayAddress, "True-Client-IP", gatewayAddress}, 403, "network"},
		{"through the proxy", proxyAddress, "GET", shown, "", []string{"X-Forwarded-For", strangerAddress}, 403, "network"},
		{"through the proxy, naming the gateway before", proxyAddress, "GET", shown, "", []string{"X-Forwarded-For", gatewayAddress + ", " + strangerAddress}, 403, "network"},
		{"the proxy itself", proxyAddress, "GET", shown, "", nil, 403, "network"},
		{"neither secret nor address", strangerAddress, "GET", open, "", nil, 403, "network"},

		{"PUT", gatewayAddress, "PUT", shown, "", nil, 405, ""},
		{"DELETE", gatewayAddress, "DELETE", shown, "", nil, 405, ""},
		{"HEAD", gatewayAddress, "HEAD", shown, "", nil, 405, ""},
		{"USSD by GET", gatewayAddress, "GET", "/channels/ussd?" + form + "&secret=" + kanneltest.Secret, "", nil, 405, ""},
		{"a report by POST", gatewayAddress, "POST", report.RequestURI(), "", nil, 405, ""},

		{"a report without its MAC", gatewayAddress, "GET", reportWith("mac", ""), "", nil, 403, "mac"},
		{"with the secret instead", gatewayAddress, "GET", reportWith("mac", "") + "&secret=" + kanneltest.Secret, "", bearer, 403, "mac"},
		{"with another MAC", gatewayAddress, "GET", reportWith("mac", strings.ToUpper(report.Query().Get("mac"))+"x"), "", nil, 403, "mac"},
		{"about another message", gatewayAddress, "GET", reportWith("id", "another"), "", nil, 403, "mac"},
		{"about somebody's message", gatewayAddress, "GET", reportWith("account", "somebody"), "", nil, 403, "mac"},
		{"of more parts", gatewayAddress, "GET", reportWith("parts", "1000000"), "", nil, 403, "mac"},
		{"a report from elsewhere", strangerAddress, "GET", report.RequestURI(), "", nil, 403, "network"},

		{"the apps' API", gatewayAddress, "GET", "/v1/programs", "", bearer, 404, ""},
		{"a declaration", gatewayAddress, "POST", "/v1/declarations", "{}", bearer, 404, ""},
		{"the officials' API", gatewayAddress, "GET", "/v1/cases?secret=" + kanneltest.Secret, "", bearer, 404, ""},
		{"the console", gatewayAddress, "GET", "/console", "", bearer, 404, ""},
		{"the metrics", gatewayAddress, "GET", "/metrics", "", bearer, 404, ""},
		{"up a folder", gatewayAddress, "GET", "/channels/../v1/programs", "", bearer, 404, ""},
		{"a demo's pages", gatewayAddress, "GET", "/demo/messages", "", bearer, 404, ""},
	} {
		got := knock(t, from[tt.address], tt.method, tt.path, tt.body, tt.headers...)
		if got.status != tt.status {
			t.Errorf("%s: got %d, want %d: %s", tt.name, got.status, tt.status, got.body)
		}
		if tt.reason != "" {
			refusals[tt.reason]++
		}
		if bytes.Contains(got.body, []byte(kanneltest.Secret)) {
			t.Errorf("%s: the answer holds the secret: %s", tt.name, got.body)
		}
	}
	for name, at := range map[string]*client{"the apps' address": s.client, "the operators' address": s.operations} {
		for _, path := range []string{shown, report.RequestURI(), "/channels/ussd", "/channels/"} {
			if got := knock(t, at, "GET", path, "", bearer...); got.status != http.StatusNotFound {
				t.Errorf("%s at %s: %d", path, name, got.status)
			}
		}
	}
	metrics := func() string { return string(s.operations.want(http.StatusOK, "GET", "/metrics", "", nil).body) }
	before := metrics()
	for reason, n := range refusals {
		if line := fmt.Sprintf("khaibao_channel_refused_total{reason=%q} %d\n", reason, n); !strings.Contains(before, line) {
			t.Errorf("/metrics has no line %q", line)
		}
	}
	const delivered = `khaibao_messages_total{channel="sms",kind="otp",reason="",state="delivered"}`
	if strings.Contains(before, delivered) || strings.Contains(before, `khaibao_channel_turns_total{`) {
		t.Errorf("a stranger was heard:\n%s", before)
	}

	// And who is one of ours is let in, by each way in which a gateway can show what it has.
	for i, tt := range []struct {
		address, path string
		headers       []string
	}{
		{gatewayAddress, shown, nil},
		{gatewayAddress, open, bearer},
		{gatewayAddress, open, []string{"Authorization", basicAuth("kannel", kanneltest.Secret)}},
		{proxyAddress, shown, []string{"X-Forwarded-For", gatewayAddress}},
		{gatewayAddress, report.RequestURI(), nil},
		{gatewayAddress, report.RequestURI(), nil}, // a repeated report
		{gatewayAddress, reportWith("state", "2"), nil},
	} {
		if got := knock(t, from[tt.address], "GET", tt.path, "", tt.headers...); got.status != http.StatusOK {
			t.Errorf("a gateway's call %d: %d %s", i, got.status, got.body)
		}
	}
	if after := metrics(); !strings.Contains(after, delivered+" 1\n") || strings.Contains(after, `kind="otp",reason="undelivered"`) {
		t.Errorf("a report that came twice, and one that came late, are counted otherwise than once:\n%s", after)
	}
	if err := s.stop(); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, &s.said)
	}
	for _, secret := range []string{kanneltest.Secret, phoneOf(1)[1:], phoneOf(9)[1:], code, report.Query().Get("mac")} {
		if strings.Contains(s.said.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, &s.said)
		}
	}
	engine, dialogues := reopen(t, d.store), 0
	defer engine.Close(context.Background())
	everyDocument(t, engine, "dialogues", func(store.Raw) error { dialogues++; return nil })
	if dialogues != 1 { // of the one number for which a gateway spoke in the end
		t.Errorf("%d dialogues are kept", dialogues)
	}
}

// knock sends a request as it stands, its path not tidied up.
func knock(t *testing.T, c *client, method, path, body string, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if strings.HasPrefix(body, "{") {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, text.Bytes()}
}

func basicAuth(user, password string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}
