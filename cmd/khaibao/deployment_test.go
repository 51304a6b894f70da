package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"khaibao/internal/doubles"
	"khaibao/internal/store"
	"khaibao/models"
	"khaibao/programs"
)

// deployment is a store, its keys and what is outside: all that servers of one site share.
type deployment struct {
	*testing.T
	store, keys string // the address, and the key file
	programs    string // the directory with the rehearsal
	fcm         *doubles.FCM
	smsc        *doubles.SMSC
}

// deploy makes keys with the product's own command, and doubles outside.
func deploy(t *testing.T, address string) *deployment {
	t.Helper()
	d := &deployment{T: t, store: address, keys: filepath.Join(t.TempDir(), "keys.json"), programs: rehearse(t)}
	if said, err := finish(t, nil, "keys", "init", d.keys); err != nil {
		t.Fatalf("keys init: %v\n%s", err, said)
	}
	var err error
	if d.fcm, err = doubles.NewFCM(nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.fcm.Close() })
	if d.smsc, err = doubles.NewSMSC("u", "p", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.smsc.Close() })
	return d
}

// flags are those of serve that every server of the deployment has.
func (d *deployment) flags(more ...string) []string {
	return append([]string{
		"serve", "--store", d.store, "--keys", d.keys, "--addr", "127.0.0.1:0", "--operations-addr", "127.0.0.1:0",
		"--sms-url", d.smsc.SendURL(), "--sms-user", "u", "--sms-password", "p", "--sms-from", "KHAIBAO",
		"--firebase-project", "rehearsal", "--firebase-endpoint", d.fcm.Endpoint(), "--programs", d.programs, "--messages-per-day", "0",
	}, more...)
}

// rehearsal is a program for tests of servers that keep real time: COVID-19 without quiet hours, so that messages go
// whatever the hour of the test.
const rehearsal = "rehearsal"

// rehearse makes a directory with the rehearsal.
func rehearse(t *testing.T) (dir string) {
	t.Helper()
	content, err := fs.ReadFile(programs.FS, "covid19/1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for _, change := range [][2]string{
		{"id: covid19\n", "id: " + rehearsal + "\n"}, {"keyword: COVID\n", "keyword: TAPDUOT\n"},
		{`quiet: {from: "21:00", to: "07:00"}`, `quiet: {from: "00:00", to: "00:00"}`},
	} {
		if strings.Count(text, change[0]) != 1 {
			t.Fatalf("covid19 has no line %q", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	dir = t.TempDir()
	file := filepath.Join(dir, rehearsal, "1.yaml")
	if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// rehearsed is a declaration of the rehearsal that is flagged.
func rehearsed(t *testing.T, person string) map[string]any {
	d := declaration(t, person)
	d["program"] = rehearsal
	return d
}

// server is a running server with clients of its two addresses.
type server struct {
	*process
	*client
	deployment *deployment
	operations *client
}

// serve starts a server and waits until it serves.
func (d *deployment) serve(more ...string) *server {
	d.Helper()
	s := &server{process: start(d.T, nil, d.flags(more...)...), deployment: d}
	said := s.await(`"msg":"serving","addr":"([^"]+)","operations":"([^"]+)","tls":(true|false)`)
	scheme := map[string]string{"true": "https://", "false": "http://"}[said[3]]
	s.client, s.operations = newClient(d.T, scheme+said[1]), newClient(d.T, "http://"+said[2])
	return s
}

// codeOf asks for a code and gives the request and the code that the gateway got.
func (s *server) codeOf(phone string, headers ...string) (request, code string) {
	s.Helper()
	before := len(s.deployment.smsc.To(phone))
	var asked struct {
		ID string `json:"request_id"`
	}
	s.want(http.StatusAccepted, "POST", "/v1/auth/otp", "", map[string]any{"phone": phone}, headers...).into(s.T, &asked)
	s.eventually("the code arrives", func() bool { return len(s.deployment.smsc.To(phone)) > before })
	all := s.deployment.smsc.To(phone)
	return asked.ID, sixDigits.FindString(all[len(all)-1].Text)
}

// signIn signs a number in by the code that its SMS brought.
func (s *server) signIn(phone string) pair {
	s.Helper()
	request, code := s.codeOf(phone)
	var signedIn pair
	s.want(http.StatusOK, "POST", "/v1/auth/otp/verify", "", map[string]any{"request_id": request, "code": code}).into(s.T, &signedIn)
	return signedIn
}

// admin runs an administration command that must succeed and gives what it said.
func (d *deployment) admin(args ...string) string {
	d.Helper()
	said, err := finish(d.T, nil, append([]string{"admin", "--store", d.store, "--keys", d.keys}, args...)...)
	if err != nil {
		d.Fatalf("admin %v: %v\n%s", args, err, said)
	}
	return said
}

var credentials = regexp.MustCompile(`password +(\S+)\nTOTP +(\S+)`)

// appoint adds an official by the command line.
func (d *deployment) appoint(login, role, area string) demoOfficial {
	d.Helper()
	said := d.admin("add", "--login", login, "--name", "Trần Minh", "--role", role, "--area", area)
	found := credentials.FindStringSubmatch(said)
	if found == nil {
		d.Fatalf("admin add says no credentials:\n%s", said)
	}
	return demoOfficial{Login: login, Password: found[1], TOTPSecret: found[2]}
}

// declarations counts what is stored, whatever the engine.
func (d *deployment) declarations() map[string]int64 {
	d.Helper()
	engine := reopen(d.T, d.store)
	defer engine.Close(context.Background())
	return recount(d.T, engine, rehearsal)
}

// outboxDoc is what the test needs of a message as it is stored.
type outboxDoc struct {
	ID    string              `bson:"_id" json:"_id"`
	State models.MessageState `bson:"state" json:"state"`
}

func (m outboxDoc) message() string {
	_, id, _ := strings.Cut(m.ID, "|")
	return id
}

func (d *deployment) outbox(engine store.Engine, each func(outboxDoc)) {
	d.Helper()
	everyDocument(d.T, engine, "outbox", func(raw store.Raw) error {
		var m outboxDoc
		if err := raw.Decode(&m); err != nil {
			return err
		}
		each(m)
		return nil
	})
}

// unsent counts the messages that wait to be sent or to be written down as sent. It looks beside running servers.
func (d *deployment) unsent() (n int) {
	d.Helper()
	engine := reopen(d.T, d.store)
	defer engine.Close(context.Background())
	d.outbox(engine, func(m outboxDoc) {
		if m.State == models.MessagePending {
			n++
		}
	})
	return n
}

// total adds up.
func total(counts map[string]int64) (sum int64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// phoneOf gives a mobile number of a test's own.
func phoneOf(n int) string { return fmt.Sprintf("+8498%07d", n) }
