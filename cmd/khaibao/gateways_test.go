package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"khaibao/internal/kanneltest"
	"khaibao/internal/store"
)

func TestGatewayProblems(t *testing.T) {
	t.Parallel()
	const secret = "24-characters-or-more-of-it"
	plain := listenConfig{Addr: "127.0.0.1:8080", OperationsAddr: "127.0.0.1:9090"}
	tls := plain
	tls.TLSCert, tls.TLSKey = "tls.pem", "tls.key"
	with := func(addr string, change ...func(*gatewayConfig)) gatewayConfig {
		c := gatewayConfig{ChannelsAddr: addr, ChannelsSecret: []string{secret}, SMSTurnsHour: 1, SMSTurnsDay: 1, USSDTurnsHour: 1}
		for _, change := range change {
			change(&c)
		}
		return c
	}
	allow := func(networks ...string) func(*gatewayConfig) {
		return func(c *gatewayConfig) { c.ChannelsAllow = networks }
	}
	reached := func(at string) func(*gatewayConfig) { return func(c *gatewayConfig) { c.ChannelsURL = at } }
	secrets := func(list ...string) func(*gatewayConfig) { return func(c *gatewayConfig) { c.ChannelsSecret = list } }
	for name, tt := range map[string]struct {
		config gatewayConfig
		listen listenConfig
		want   string // no problem when it is empty
	}{
		"off":                       {gatewayConfig{}, plain, ""},
		"a secret for nothing":      {gatewayConfig{ChannelsSecret: []string{secret}}, plain, "--channels-addr (KHAIBAO_CHANNELS_ADDR) is missing"},
		"on loopback":               {with("127.0.0.1:8081"), plain, ""},
		"two secrets":               {with("127.0.0.1:8081", secrets(secret, secret+"2")), plain, ""},
		"three secrets":             {with("127.0.0.1:8081", secrets(secret, secret+"2", secret+"3")), plain, "at most two"},
		"no secret":                 {with("127.0.0.1:8081", secrets()), plain, "--channels-secret (KHAIBAO_CHANNELS_SECRET) is missing"},
		"a short secret":            {with("127.0.0.1:8081", secrets("hush")), plain, "at least 24"},
		"an address that is none":   {with("8081"), plain, "host:port"},
		"the API's address":         {with("127.0.0.1:8080"), plain, "must differ"},
		"a network that is none":    {with("127.0.0.1:8081", allow("kannel")), plain, `"kannel" is neither`},
		"open, without TLS":         {with("0.0.0.0:8081", allow("10.0.0.0/8"), reached("https://x")), plain, "--tls-cert"},
		"open to everybody":         {with("0.0.0.0:8081", reached("https://x")), tls, "--channels-allow"},
		"open to a network":         {with("0.0.0.0:8081", allow("10.0.0.0/8", "192.0.2.1"), reached("https://channels.example")), tls, ""},
		"reached by nobody knows":   {with("0.0.0.0:8081", allow("10.0.0.0/8")), tls, "--channels-url (KHAIBAO_CHANNELS_URL) is missing"},
		"reached by FTP":            {with("127.0.0.1:8081", reached("ftp://channels.example")), plain, "not an http(s) URL"},
		"no turns":                  {with("127.0.0.1:8081", func(c *gatewayConfig) { c.USSDTurnsHour = 0 }), plain, "at least 1"},
		"an authority that is lost": {with("127.0.0.1:8081", reached("https://x"), func(c *gatewayConfig) { c.ChannelsClientCA = "lost.pem" }), tls, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, tt.config.problems(&tt.listen), tt.want)
		})
	}
}

// A gateway that repeats its callbacks, at once, side by side and much later, gets the same answers and declares once.
func TestRepeatedCallbacks(t *testing.T) {
	t.Parallel()
	slow(t)
	d := deploy(t, "sqlite:"+filepath.Join(t.TempDir(), "store"))
	s := d.serve("--channels-addr", "127.0.0.1:0", "--channels-secret", "a-newer-secret-of-the-site,"+kanneltest.Secret, "--channels-url", "http://127.0.0.1:1")
	channels := newClient(t, "http://"+s.await(`"channels":"([^"]+)"`)[1])
	call := func(id int, text string) string {
		query := url.Values{"from": {phoneOf(1)}, "id": {fmt.Sprint("k-", id)}, "text": {text}, "secret": {kanneltest.Secret}}
		got, err := channels.try("GET", "/channels/sms?"+query.Encode(), "", nil)
		if err != nil || got.status != http.StatusOK {
			t.Errorf("%d %s, %v", got.status, got.body, err)
		}
		return string(got.body)
	}
	turns, first := recordedConversation(t, "sms-one-message"), []string{}
	for i, turn := range turns {
		answers := make([]string, 4)
		var calls sync.WaitGroup
		for j := range answers {
			calls.Go(func() { answers[j] = call(i, turn.In) })
		}
		calls.Wait()
		if len(slices.Compact(answers)) != 1 {
			t.Errorf("after %q: %q", turn.In, answers)
		}
		first = append(first, answers[0])
		if i > 1 {
			if again := call(i-2, turns[i-2].In); again != first[i-2] {
				t.Errorf("%q, two messages later: %q, was %q", turns[i-2].In, again, first[i-2])
			}
		}
		if receipt.MatchString(answers[0]) {
			break
		}
	}
	if !receipt.MatchString(first[len(first)-1]) {
		t.Fatalf("the conversation ended with %q", first)
	}
	if err := s.stop(); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, &s.said)
	}
	engine, declared := reopen(t, d.store), 0
	defer engine.Close(context.Background())
	everyDocument(t, engine, "declarations", func(store.Raw) error { declared++; return nil })
	if declared != 1 {
		t.Errorf("%d declarations, want 1", declared)
	}
}

// With an authority for gateways a caller needs both its certificate and the secret, also on loopback.
func TestGatewayCertificates(t *testing.T) {
	t.Parallel()
	slow(t)
	d := deploy(t, "sqlite:"+filepath.Join(t.TempDir(), "store"))
	cert, key, roots := certificate(t)
	channels := kanneltest.FreeAddr(t)
	d.serve("--tls-cert", cert, "--tls-key", key, "--channels-addr", channels, "--channels-client-ca", cert,
		"--channels-secret", kanneltest.Secret, "--channels-url", "https://"+channels)
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	otherCert, otherKey, _ := certificate(t)
	call := func(secret string, shown ...tls.Certificate) (int, error) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: shown}}
		defer transport.CloseIdleConnections()
		query := url.Values{"from": {phoneOf(1)}, "id": {"k-1"}, "text": {"KB"}, "secret": {secret}}
		response, err := (&http.Client{Transport: transport}).Get("https://" + channels + "/channels/sms?" + query.Encode())
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		return response.StatusCode, nil
	}
	if status, err := call(kanneltest.Secret, own); err != nil || status != http.StatusOK {
		t.Errorf("the gateway got %d, %v", status, err)
	}
	if status, err := call("a guess", own); err != nil || status != http.StatusForbidden {
		t.Errorf("its certificate with another secret got %d, %v; want 403", status, err)
	}
	if status, err := call(kanneltest.Secret); err == nil {
		t.Errorf("its secret without a certificate got %d", status)
	}
	other, err := tls.LoadX509KeyPair(otherCert, otherKey)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := call(kanneltest.Secret, other); err == nil {
		t.Errorf("its secret with a stranger's certificate got %d", status)
	}
}
