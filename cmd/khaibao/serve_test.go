package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every wrong setting is named in one go, before anything is opened or made.
func TestServeNamesEveryWrongSetting(t *testing.T) {
	t.Parallel()
	slow(t)
	dir := t.TempDir()
	settings := []string{
		"serve", "--addr", "8080", "--operations-addr", "nowhere", "--tls-cert", filepath.Join(dir, "no.pem"), "--trusted-proxies", "my-proxy",
		"--keys", filepath.Join(dir, "lost.json"), "--sms-url", "ftp://gateway/", "--otp-per-day", "0", "--otp-resend=-1s", "--programs", filepath.Join(dir, "none"),
	}
	refused(t, []string{"KHAIBAO_STORE=postgres://khaibao:very-secret@db/khaibao"}, settings,
		"--store (KHAIBAO_STORE)", "--keys (KHAIBAO_KEYS)", "lost.json", "--addr (KHAIBAO_ADDR)", "--operations-addr (KHAIBAO_OPERATIONS_ADDR)",
		"belong together", "--tls-cert (KHAIBAO_TLS_CERT)", "--trusted-proxies (KHAIBAO_TRUSTED_PROXIES)", "--sms-url (KHAIBAO_SMS_URL)",
		"--sms-user (KHAIBAO_SMS_USER)", "--sms-password (KHAIBAO_SMS_PASSWORD)", "--sms-from (KHAIBAO_SMS_FROM)",
		"--otp-per-day (KHAIBAO_OTP_PER_DAY)", "--otp-resend (KHAIBAO_OTP_RESEND)", "--programs (KHAIBAO_PROGRAMS)",
	)
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Errorf("a refused start left %v (%v)", made, err)
	}
	if said, _ := finish(t, []string{"KHAIBAO_STORE=postgres://khaibao:very-secret@db/khaibao"}, settings...); strings.Contains(said, "very-secret") {
		t.Errorf("the refusal repeats a password:\n%s", said)
	}
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	slow(t)
	d := deploy(t, "sqlite:"+filepath.Join(t.TempDir(), "store"))
	channel := []string{"--sms-url", d.smsc.SendURL(), "--sms-user", "u", "--sms-password", "p", "--sms-from", "KHAIBAO"}
	with := func(more ...string) []string {
		return append([]string{"serve", "--store", d.store, "--keys", d.keys}, more...)
	}
	for _, tt := range []struct {
		name string
		env  []string
		args []string
		want []string
	}{
		{"nobody could sign in", nil, with(), []string{"nobody could sign in", "KHAIBAO_SMS_URL", "KHAIBAO_FIREBASE_PROJECT"}},
		{"Firebase's emulator", []string{"FIREBASE_AUTH_EMULATOR_HOST=127.0.0.1:9099"}, d.flags(), []string{"FIREBASE_AUTH_EMULATOR_HOST", "unset it"}},
		{"no credentials", nil, with("--firebase-project", "p"), []string{"KHAIBAO_FIREBASE_CREDENTIALS"}},
		{"a double elsewhere", nil, with("--firebase-project", "p", "--firebase-endpoint", "http://192.0.2.1:80/v1"), []string{"KHAIBAO_FIREBASE_ENDPOINT", "loopback"}},
		{"open to the network without TLS", nil, with(append(channel, "--addr", "0.0.0.0:0")...), []string{"not loopback", "--tls-cert"}},
		{"no such keys", nil, append([]string{"serve", "--store", d.store, "--keys", d.keys + ".lost"}, channel...), []string{"keys.json.lost"}},
		{"two sources of keys", []string{"KHAIBAO_KEYSET={}"}, with(channel...), []string{"KHAIBAO_KEYSET", "both"}},
		{"keys that are none", []string{"KHAIBAO_KEYSET={}"}, append([]string{"serve", "--store", d.store}, channel...), []string{"key"}},
		{"an address in use", nil, with(append(channel, "--addr", strings.TrimPrefix(d.fcm.URL(), "http://"))...), []string{"listening for the API", "in use"}},
		{"an unknown flag", nil, with("--stroe", "x"), []string{"--stroe"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refused(t, tt.env, tt.args, tt.want...)
		})
	}
}

// A second process on a SQLite directory is refused in clear words, and the first goes on.
func TestSecondProcessRefused(t *testing.T) {
	t.Parallel()
	slow(t)
	d := deploy(t, "sqlite:"+filepath.Join(t.TempDir(), "store"))
	first := d.serve()
	refused(t, nil, d.flags(), "another khaibao process")
	first.operations.want(http.StatusOK, "GET", "/readyz", "", nil)
}

// A stop answers what is under way, takes nothing more, and says nothing personal in its log; what was answered is kept.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	for name, address := range testStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, address(t))
			s := d.serve()
			phone := phoneOf(1)
			request, code := s.codeOf(phone)
			var me pair
			s.want(http.StatusOK, "POST", "/v1/auth/otp/verify", "", map[string]any{"request_id": request, "code": code}).into(t, &me)
			person := s.addParent(me.Access)
			body, err := json.Marshal(rehearsed(t, person))
			if err != nil {
				t.Fatal(err)
			}

			half := s.begin(me.Access, body)
			stopped := make(chan error, 1)
			go func() { stopped <- s.stop() }()
			s.eventually("nobody new is let in", func() bool {
				conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
				if err == nil {
					conn.Close()
				}
				return err != nil
			})
			half.finish(t)
			if err := <-stopped; err != nil {
				t.Errorf("the server ended with %v:\n%s", err, &s.said)
			}
			if got := total(d.declarations()); got != 1 {
				t.Errorf("%d declarations are stored, want the one that was acknowledged", got)
			}
			for what, secret := range map[string]string{
				"phone": phone, "local phone": "0" + phone[3:], "code": code, "access token": me.Access, "refresh token": me.Refresh,
				"name": "Nguyễn Thị Thử", "birth date": "1958-03-21", "answer": "contact_case", "person": person,
			} {
				if standsIn([]byte(s.said.String()), []byte(secret)) {
					t.Errorf("the log holds the %s:\n%s", what, &s.said)
				}
			}
		})
	}
}

// halfSent is a declaration of which the server has all but the last byte.
type halfSent struct {
	conn net.Conn
	rest []byte
}

// begin sends all but the last byte of a declaration and waits until the server is at it.
func (s *server) begin(token string, body []byte) halfSent {
	s.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	last := len(body) - 1
	_, err = fmt.Fprintf(conn, "POST /v1/declarations HTTP/1.1\r\nHost: khaibao\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		token, len(body), body[:last])
	if err != nil {
		s.Fatal(err)
	}
	s.eventually("the request is under way", func() bool {
		return strings.Contains(string(s.operations.want(http.StatusOK, "GET", "/metrics", "", nil).body), "khaibao_http_requests_in_flight 2") // and this one
	})
	return halfSent{conn, body[last:]}
}

// finish sends the rest and wants the declaration acknowledged.
func (h halfSent) finish(t *testing.T) {
	t.Helper()
	if _, err := h.conn.Write(h.rest); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(h.conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("the request under way got %d %s (%v), want 201", response.StatusCode, text, err)
	}
}

func TestServeTLS(t *testing.T) {
	t.Parallel()
	slow(t)
	d := deploy(t, "sqlite:"+filepath.Join(t.TempDir(), "store"))
	cert, key, roots := certificate(t)
	s := d.serve("--tls-cert", cert, "--tls-key", key)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	response, err := (&http.Client{Transport: transport}).Get(s.url + "/v1/programs")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
		t.Errorf("%d over %s, want 200 over HTTP/2", response.StatusCode, response.Proto)
	}
	old := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is taken")
	}
	if response, err := http.Get("http" + strings.TrimPrefix(s.url, "https") + "/v1/programs"); err == nil {
		defer response.Body.Close()
		if response.StatusCode == http.StatusOK {
			t.Error("plain HTTP is served on the port of TLS")
		}
	}
}

// certificate makes a certificate for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "khaibao"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key = write("tls.pem", "CERTIFICATE", der), write("tls.key", "PRIVATE KEY", private)
	roots = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	return cert, key, roots
}

// Only a trusted proxy's word is taken for whose address a request comes from.
func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	slow(t)
	for _, tt := range []struct {
		name  string
		flags []string
		want  []int // of codes asked for by three addresses in turn, with a budget of two for each
	}{
		{"trusted", []string{"--trusted-proxies", "127.0.0.1"}, []int{202, 202, 202}},
		{"not trusted", nil, []int{202, 202, 429}},
		{"another one trusted", []string{"--trusted-proxies", "192.0.2.0/24"}, []int{202, 202, 429}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, "sqlite:"+filepath.Join(t.TempDir(), "store"))
			s := d.serve(append(tt.flags, "--otp-per-address-hour", "2")...)
			for i, want := range tt.want {
				got := s.want(want, "POST", "/v1/auth/otp", "", map[string]any{"phone": phoneOf(i)}, "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
				if want == http.StatusTooManyRequests && got.header.Get("Retry-After") == "" {
					t.Error("429 without Retry-After")
				}
			}
		})
	}
}

// Operation has an address of its own; the public one shows nothing of it.
func TestOperationsApart(t *testing.T) {
	t.Parallel()
	slow(t)
	d := deploy(t, "sqlite:"+filepath.Join(t.TempDir(), "store"))
	s := d.serve()
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		s.operations.want(http.StatusOK, "GET", path, "", nil)
		s.want(http.StatusNotFound, "GET", path, "", nil)
	}
	s.operations.want(http.StatusNotFound, "GET", "/v1/programs", "", nil)
	for _, path := range []string{"/demo", "/demo/messages?to=%2B84900000001", "/demo/clock"} {
		s.want(http.StatusNotFound, "GET", path, "", nil)
	}
}
