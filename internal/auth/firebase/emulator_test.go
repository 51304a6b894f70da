package firebase

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// emulator is Firebase's own emulator of sign-in, as a process beside the test.
type emulator struct {
	url string
	log *bytes.Buffer
}

// startEmulator starts the emulator that KHAIBAO_TEST_FIREBASE names (firebase-tools' command); only -short goes without.
func startEmulator(t *testing.T) *emulator {
	t.Helper()
	command := os.Getenv("KHAIBAO_TEST_FIREBASE")
	if command == "" {
		if testing.Short() {
			t.Skip("-short leaves Firebase's emulator out")
		}
		t.Fatal("KHAIBAO_TEST_FIREBASE is not set: scripts/test sets it; -short leaves the emulator out")
	}
	dir := t.TempDir()
	ports := freePorts(t, 3)
	config, err := json.Marshal(map[string]any{"emulators": map[string]any{
		"auth": listen(ports[0]), "hub": listen(ports[1]), "logging": listen(ports[2]), "ui": map[string]bool{"enabled": false},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "firebase.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	e := &emulator{url: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), log: &bytes.Buffer{}}
	process := exec.Command(command, "emulators:start", "--only", "auth", "--project", project)
	process.Dir, process.Stdout, process.Stderr = dir, e.log, e.log
	process.Env = append(os.Environ(), "HOME="+dir, "CI=true")
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = process.Wait() // that it ended is all that matters
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-process.Process.Pid, syscall.SIGKILL) // it keeps nothing that is worth a farewell
		<-ended
	})
	e.await(t, ended)
	return e
}

func listen(port int) map[string]any { return map[string]any{"host": "127.0.0.1", "port": port} }

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// await waits until the emulator answers; it takes ten seconds and more.
func (e *emulator) await(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	ctx := storetest.Within(t)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if response, err := http.Get(e.url); err == nil {
			response.Body.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("the emulator ended:\n%s", e.log)
		case <-ctx.Done():
			t.Fatal("the emulator does not answer")
		}
	}
}

// ask posts to the emulator, or gets where there is no body, and reads its answer.
func (e *emulator) ask(t *testing.T, path string, body any, into any) {
	t.Helper()
	method, content := http.MethodGet, []byte(nil)
	if body != nil {
		method = http.MethodPost
		content, _ = json.Marshal(body)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, e.url+path, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: the emulator answered %d", path, response.StatusCode)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// phoneSignIn does what the app's Firebase SDK does: asks for a code, reads it (the emulator sends no SMS), signs in.
func (e *emulator) phoneSignIn(t *testing.T, number string) (idToken string) {
	t.Helper()
	const api = "/identitytoolkit.googleapis.com/v1/accounts:"
	var sent, signedIn struct {
		Session string `json:"sessionInfo"`
		IDToken string `json:"idToken"`
	}
	e.ask(t, api+"sendVerificationCode?key=any", map[string]string{"phoneNumber": number}, &sent)
	var codes struct {
		Codes []struct {
			Code    string `json:"code"`
			Session string `json:"sessionInfo"`
		} `json:"verificationCodes"`
	}
	e.ask(t, "/emulator/v1/projects/"+project+"/verificationCodes", nil, &codes)
	for _, c := range codes.Codes {
		if c.Session == sent.Session {
			e.ask(t, api+"signInWithPhoneNumber?key=any", map[string]string{"sessionInfo": sent.Session, "code": c.Code}, &signedIn)
		}
	}
	if signedIn.IDToken == "" {
		t.Fatal("the emulator gave no token")
	}
	return signedIn.IDToken
}

// The real emulator, driven as an app drives Firebase: its phone sign-in is one of ours, other sign-ins are not, and
// what makes the SDK take its unsigned tokens is refused by a start.
func TestEmulator(t *testing.T) {
	e := startEmulator(t)
	t.Setenv(emulatorVariable, strings.TrimPrefix(e.url, "http://"))
	if _, err := New(t.Context(), project); err != ErrEmulator {
		t.Errorf("a start with the emulator: got %v, want %v", err, ErrEmulator)
	}
	verifier, err := newVerifier(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, verifier)
	token := e.phoneSignIn(t, phone)
	pair, err := r.citizens.Firebase(t.Context(), token, address)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.subject(t, pair).ID, r.subject(t, r.signIn(t, phone)).ID; got != want {
		t.Error("Firebase and a code lead to different accounts for one number")
	}
	_, err = r.citizens.Firebase(t.Context(), e.phoneSignIn(t, "+12015550123"), address)
	wantCode(t, "a foreign number", err, models.Invalid, "invalid")
	var anonymous struct {
		IDToken string `json:"idToken"`
	}
	e.ask(t, "/identitytoolkit.googleapis.com/v1/accounts:signUp?key=any", map[string]bool{"returnSecureToken": true}, &anonymous)
	_, err = r.citizens.Firebase(t.Context(), anonymous.IDToken, address)
	wantCode(t, "an anonymous sign-in", err, models.Unauthenticated, "bad_token")
	t.Setenv(emulatorVariable, "")
	signed, err := New(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.Verify(t.Context(), token); err == nil {
		t.Error("without the emulator its unsigned token is still taken")
	}
}
