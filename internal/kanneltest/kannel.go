// Package kanneltest runs a real Kannel for tests, from the configuration that docs/gateways.md gives to operators, with
// an operator's side that speaks SMPP or Kannel's own fake protocol. It serves tests only.
package kanneltest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a Kannel of a test takes, wherever docs/gateways.md has a CHANGE-... in its place.
const (
	Secret   = "a-secret-of-kannel-in-tests" // that it shows to us
	Username = "khaibao"
	Password = "thử nghiệm" // of sendsms
)

// Kannel is a gateway of one test, on loopback and ports of its own.
type Kannel struct {
	*testing.T
	// SendURL is sendsms.
	SendURL string

	config    string
	status    string
	fakePort  int
	bearerbox *box
	smsbox    *box
}

// box is one of Kannel's two programs. It is started again when it ends by itself, as systemd does in docs/gateways.md:
// smsbox gives up when bearerbox dies while answers wait for it.
type box struct {
	mu      sync.Mutex
	command *exec.Cmd
	ended   chan struct{} // closed when the command has
	killed  bool
}

// Start runs a gateway that calls us at channels (host:port) and connects to an operator: an SMPP centre, or the fake
// protocol when smpp is empty. Ports on which nobody listens yet are its own; it ends with the test.
func Start(t *testing.T, channels, smpp string) *Kannel {
	t.Helper()
	ports, dir := freePorts(t, 4), t.TempDir()
	k := &Kannel{
		T: t, config: filepath.Join(dir, "kannel.conf"), fakePort: ports[3],
		SendURL: fmt.Sprintf("http://127.0.0.1:%d/cgi-bin/sendsms", ports[2]),
		status:  fmt.Sprintf("http://127.0.0.1:%d/status.txt?password=admin", ports[0]),
	}
	operator := fmt.Sprintf("group = smsc\nsmsc = fake\nsmsc-id = fake\nour-host = 127.0.0.1\nport = %d\nconnect-allow-ip = 127.0.0.1\n", k.fakePort)
	if smpp != "" {
		host, port, err := net.SplitHostPort(smpp)
		if err != nil {
			t.Fatal(err)
		}
		operator = replaced(t, block(t, "kannel smpp"), "smpp.operator.example", host, "2775", port, "CHANGE-OPERATOR-USER", "u", "CHANGE-OPERATOR-PASSWORD", "p")
	}
	config := replaced(t, block(t, "kannel"), "13000", fmt.Sprint(ports[0]), "13001", fmt.Sprint(ports[1]), "13013", fmt.Sprint(ports[2]),
		"127.0.0.1:8081", channels, "CHANGE-ADMIN", "admin", "CHANGE-CHANNELS-SECRET", Secret, "CHANGE-SENDSMS", `"`+Password+`"`,
		"/var/lib/kannel", dir, "/var/log/kannel", dir)
	if err := os.WriteFile(k.config, []byte(config+"\n"+operator), 0o600); err != nil {
		t.Fatal(err)
	}
	k.StartBearerbox()
	k.StartSMSBox()
	return k
}

var fences = regexp.MustCompile("(?ms)^```([a-z ]+)\n(.*?)^```$")

// block gives the code of docs/gateways.md that is marked with a word.
func block(t *testing.T, mark string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for filepath.Dir(dir) != dir {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	text, err := os.ReadFile(filepath.Join(dir, "docs", "gateways.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range fences.FindAllStringSubmatch(string(text), -1) {
		if found[1] == mark {
			return found[2]
		}
	}
	t.Fatalf("docs/gateways.md has no block %q", mark)
	return ""
}

// replaced puts a test's own values into a block; each must stand there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("docs/gateways.md: no %s in\n%s", pairs[i], text)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// StartBearerbox starts it, again after a KillBearerbox.
func (k *Kannel) StartBearerbox() {
	k.Helper()
	k.bearerbox = k.start("bearerbox")
	k.await("Kannel bearerbox")
}

// StartSMSBox starts it, again after a KillSMSBox, and waits until bearerbox knows it.
func (k *Kannel) StartSMSBox() {
	k.Helper()
	k.smsbox = k.start("smsbox")
	k.await("smsbox:")
}

// AwaitOperator waits until the connection to the operator stands.
func (k *Kannel) AwaitOperator() {
	k.Helper()
	k.await("(online")
}

// AwaitSMSBox waits until smsbox has come back to bearerbox.
func (k *Kannel) AwaitSMSBox() {
	k.Helper()
	k.await("smsbox:")
}

// KillBearerbox kills it as a crash would, until StartBearerbox.
func (k *Kannel) KillBearerbox() { k.bearerbox.kill() }

// KillSMSBox kills it as a crash would, until StartSMSBox.
func (k *Kannel) KillSMSBox() { k.smsbox.kill() }

// start runs a program of Kannel until it is killed.
func (k *Kannel) start(program string) *box {
	k.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program // Debian keeps it off a user's PATH
	}
	b := &box{}
	if err := b.run(path, k.config); err != nil {
		k.Fatalf("Kannel (Debian package kannel; scripts/test installs it): %v", err)
	}
	k.Cleanup(b.kill)
	return b
}

func (b *box) run(path, config string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.killed {
		return nil
	}
	b.command, b.ended = exec.Command(path, "-v", "4", config), make(chan struct{})
	if err := b.command.Start(); err != nil {
		return err
	}
	go func(c *exec.Cmd, ended chan struct{}) {
		c.Wait()
		close(ended)
		time.Sleep(restartAfter)
		b.run(path, config)
	}(b.command, b.ended)
	return nil
}

// restartAfter keeps a program that cannot run from spinning.
const restartAfter = 200 * time.Millisecond

func (b *box) kill() {
	b.mu.Lock()
	b.killed = true
	b.command.Process.Kill()
	ended := b.ended
	b.mu.Unlock()
	<-ended
}

// patience is how long Kannel may take for anything: smsbox comes back 10 s after a crash of bearerbox.
const patience = 60 * time.Second

// await waits until the gateway's status says something; an open port is not readiness.
func (k *Kannel) await(what string) {
	k.Helper()
	last := "nothing"
	Eventually(k.T, func() bool {
		answer, err := http.Get(k.status)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		last = string(text)
		return strings.Contains(last, what)
	}, func() string { return fmt.Sprintf("Kannel's status never said %q: %s", what, last) })
}

// Eventually waits for something that another process does.
func Eventually(t *testing.T, done func() bool, otherwise func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal(otherwise())
		case <-tick.C:
		}
	}
}

// FreeAddr gives host:port of loopback on which nobody listens, for a server that Kannel's configuration names.
func FreeAddr(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", freePorts(t, 1)[0])
}

// freePorts gives ports of loopback that nobody has; Kannel's configuration takes no "any".
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
