package sms_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"khaibao/internal/sms"
	"khaibao/models"
)

// TestARealGateway sends through Kannel's own bearerbox and smsbox to an operator's side played by this test.
func TestARealGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Kannel")
	}
	operator, url := startKannel(t)
	kannel, err := sms.NewKannel(sms.KannelConfig{URL: url, Username: "khaibao", Password: "thử nghiệm", From: "KHAIBAO"})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plain letters":   "271828 la ma xac thuc Khai Bao cua ban, co hieu luc 5 phut. Khong dua ma nay cho bat ky ai.",
		"with diacritics": "Khai Báo: bạn có một tin nhắn mới.",
		"special letters": "100% @ {a} [b] & c+d=e?",
	} {
		if err := kannel.Send(t.Context(), models.Envelope{ID: "m", To: "+84900000001", Text: text, TTL: time.Minute}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := heard(t, operator(t)); got != "KHAIBAO +84900000001 "+text {
			t.Errorf("%s: the operator received %q", name, got)
		}
	}
	stranger, err := sms.NewKannel(sms.KannelConfig{URL: url, Username: "khaibao", Password: "wrong", From: "KHAIBAO"})
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Send(t.Context(), models.Envelope{ID: "m", To: "+84900000001", Text: "x", TTL: time.Minute}); err == nil {
		t.Error("a wrong password was accepted")
	}
}

// startKannel runs a gateway of this test alone, on loopback, and gives what the operator receives next and the address
// of sendsms.
func startKannel(t *testing.T) (operator func(*testing.T) string, address string) {
	t.Helper()
	ports := freePorts(t, 4)
	dir := t.TempDir()
	config := filepath.Join(dir, "kannel.conf")
	content := fmt.Sprintf(`
group = core
admin-port = %d
admin-interface = 127.0.0.1
admin-password = admin
smsbox-port = %d
smsbox-interface = 127.0.0.1
store-type = file
store-location = "%s/store"
dlr-storage = internal
log-level = 2

group = smsc
smsc = fake
smsc-id = fake
our-host = 127.0.0.1
port = %d
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = %d
sendsms-interface = 127.0.0.1
mo-recode = true

group = sms-service
keyword = default
text = ""

group = sendsms-user
username = khaibao
password = "thử nghiệm"
concatenation = true
max-messages = 10
`, ports[0], ports[1], dir, ports[2], ports[3])
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "bearerbox", config)
	status := fmt.Sprintf("http://127.0.0.1:%d/status.txt?password=admin", ports[0])
	await(t, status, "")
	start(t, "smsbox", config)
	await(t, status, "smsbox:")
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[2]))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	await(t, status, "(online")
	lines := bufio.NewReader(conn)
	return func(t *testing.T) string {
		t.Helper()
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return line
	}, fmt.Sprintf("http://127.0.0.1:%d/cgi-bin/sendsms", ports[3])
}

func start(t *testing.T, program, config string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program // Debian keeps it off a user's PATH
	}
	command := exec.Command(path, "-v", "4", config)
	if err := command.Start(); err != nil {
		t.Fatalf("Kannel (Debian package kannel; scripts/test installs it): %v", err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
}

// await waits until the gateway's status says something.
func await(t *testing.T, status, what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last := "nothing"
	for {
		answer, err := http.Get(status)
		if err == nil {
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			last = string(text)
			if strings.Contains(string(text), what) {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("Kannel's status never said %q: %s", what, last)
		case <-tick.C:
		}
	}
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// heard reads a line of Kannel's fake operator: from, to, the kind of text and the text itself, which is UTF-16 in URL
// encoding where the alphabet of plain SMS does not do.
func heard(t *testing.T, line string) string {
	t.Helper()
	parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
	if len(parts) != 4 {
		t.Fatalf("the operator received %q", line)
	}
	text := parts[3]
	if parts[2] == "ucs-2" {
		raw, err := url.QueryUnescape(text)
		if err != nil {
			t.Fatal(err)
		}
		var units []uint16
		for i := 0; i+1 < len(raw); i += 2 {
			units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
		}
		text = string(utf16.Decode(units))
	}
	return parts[0] + " " + parts[1] + " " + text
}
