package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Keys are made once, for their owner only, and a rotation keeps what was sealed, signed and hashed before it.
func TestKeys(t *testing.T) {
	t.Parallel()
	for name, address := range testStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, address(t))
			if info, err := os.Stat(d.keys); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the key file has mode %v (%v), want 0600", info.Mode(), err)
			}
			made, err := os.ReadFile(d.keys)
			if err != nil {
				t.Fatal(err)
			}
			refused(t, nil, []string{"keys", "init", d.keys}, "keys.json")
			if again, err := os.ReadFile(d.keys); err != nil || string(again) != string(made) {
				t.Fatal("a second init changed the keys")
			}

			before := d.serve()
			h := before.enrol(4)
			if err := before.stop(); err != nil {
				t.Fatal(err)
			}
			if said, err := finish(t, nil, "keys", "rotate", d.keys); err != nil {
				t.Fatalf("rotate: %v\n%s", err, said)
			}
			if info, err := os.Stat(d.keys); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the rotated key file has mode %v (%v), want 0600", info.Mode(), err)
			}

			after := d.serve("--otp-resend=0s")
			var person struct{ Name string }
			after.want(http.StatusOK, "GET", "/v1/people/"+h.person, h.token, nil).into(t, &person)
			if person.Name != "Nguyễn Thị Thử" {
				t.Errorf("after a rotation the person reads %+v", person)
			}
			again := after.signIn(phoneOf(4))
			after.want(http.StatusOK, "GET", "/v1/people/"+h.person, again.Access, nil)
		})
	}
}

// The command line appoints and dismisses officials while servers run; a dismissed one is out at once.
func TestAdmin(t *testing.T) {
	t.Parallel()
	slow(t)
	d := deploy(t, mongoDatabase(t))
	official := d.appoint("an.bacson", "officer", "06325")
	s := d.serve()
	token := s.login(official, &authenticator{}).Access
	s.want(http.StatusOK, "GET", "/v1/cases", token, nil)
	const elsewhere = "/v1/stats/declarations?program=covid19&area=05977"
	s.want(http.StatusNotFound, "GET", elsewhere, token, nil)

	d.admin("change", "an.bacson", "--role", "officer", "--area", "05977")
	s.want(http.StatusOK, "GET", elsewhere, token, nil)
	d.admin("change", "an.bacson", "--role", "auditor", "--area", "VN")
	s.want(http.StatusForbidden, "GET", "/v1/cases", token, nil)
	d.admin("disable", "an.bacson")
	s.want(http.StatusUnauthorized, "GET", "/v1/audit", token, nil)
	list := d.admin("list")
	if !regexp.MustCompile(`(?m)^an\.bacson +auditor +VN +Trần Minh +\d{4}-\d\d-\d\d$`).MatchString(list) {
		t.Errorf("the list shows no disabled official:\n%s", list)
	}

	d.admin("enable", "an.bacson")
	anew := credentials.FindStringSubmatch(d.admin("reset", "an.bacson"))
	if anew == nil || anew[1] == official.Password || anew[2] == official.TOTPSecret {
		t.Fatalf("a reset gives %q, want a new password and TOTP secret", anew)
	}
	stale := map[string]any{"login": official.Login, "password": official.Password, "totp": (&authenticator{}).code(t, official.TOTPSecret)}
	s.want(http.StatusUnauthorized, "POST", "/v1/official/login", "", stale)
	fresh := s.login(demoOfficial{Login: "an.bacson", Password: anew[1], TOTPSecret: anew[2]}, &authenticator{})
	s.want(http.StatusOK, "GET", "/v1/audit", fresh.Access, nil)

	for _, args := range [][]string{
		{"add", "--login", "moi.bacson", "--name", "Nông Thị Mới", "--role", "officer", "--area", "06325", "--console", s.url},
		{"reset", "moi.bacson", "--console", s.url + "/"},
	} {
		link := regexp.MustCompile(`(?m)^link +(http\S+)$`).FindStringSubmatch(d.admin(args...))
		if link == nil || !strings.HasPrefix(link[1], s.url+"/console/set-up/moi.bacson/") {
			t.Fatalf("%s prints no link: %q", args[0], link)
		}
		if got := s.want(http.StatusOK, "GET", strings.TrimPrefix(link[1], s.url), "", nil); !strings.Contains(string(got.body), "Nông Thị Mới") {
			t.Errorf("behind the link of %s: %s", args[0], got.body)
		}
	}

	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"no address", "--console", []string{"add", "--login", "binh", "--name", "X", "--role", "officer", "--area", "06325", "--console", "khaibao.example"}},
		{"taken", "", []string{"add", "--login", "an.bacson", "--name", "X", "--role", "viewer", "--area", "VN"}},
		{"no such role", "--role", []string{"add", "--login", "binh", "--name", "X", "--role", "king", "--area", "VN"}},
		{"no such area", "area", []string{"add", "--login", "binh", "--name", "X", "--role", "officer", "--area", "99999"}},
		{"no such official", "", []string{"disable", "nobody"}},
	} {
		refused(t, nil, append([]string{"admin", "--store", d.store, "--keys", d.keys}, tt.args...), tt.want)
	}
	if after := d.admin("list"); strings.Contains(after, "binh") {
		t.Errorf("a refused official is there:\n%s", after)
	}
}

// check refuses a wrong file with its place and the nearest known name, and an example that does not come out.
func TestCheck(t *testing.T) {
	t.Parallel()
	slow(t)
	good, err := os.ReadFile("testdata/programs/rash/1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, old, new string
		want           []string
	}{
		{"unknown question", "when: rash\n", "when: rahs\n", []string{"rash/1.yaml:", "rahs", "rash"}},
		{"wrong type", "when: rash\n", "when: rash > 3\n", []string{"rash/1.yaml:"}},
		{"unknown key", "base: low", "bsae: low", []string{"rash/1.yaml:", "bsae", "base"}},
		{"no YAML", "forms:\n", "forms: [\n", []string{"rash/1.yaml:"}},
		{"an example that does not come out", "answers: {rash: true}, level: moderate", "answers: {rash: false}, level: moderate", []string{"a rash", "moderate", "low"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tree := t.TempDir()
			file := filepath.Join(tree, "rash", "1.yaml")
			broken := strings.Replace(string(good), tt.old, tt.new, 1)
			if broken == string(good) {
				t.Fatal("the case breaks nothing")
			}
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{tree, filepath.Dir(file), file} {
				refused(t, nil, []string{"check", path}, tt.want...)
			}
			if tt.name != "an example that does not come out" { // a start runs no examples
				d := deploy(t, "sqlite:"+filepath.Join(t.TempDir(), "store"))
				refused(t, nil, d.flags("--programs", tree), tt.want...)
			}
		})
	}
	said, err := finish(t, nil, "check", "testdata/programs", "../../programs")
	if err != nil {
		t.Fatalf("check: %v\n%s", err, said)
	}
	for _, want := range []string{"rash version 1: 1 examples, 0 failed", "covid19 version 1: ", "dengue version 1: ", "measles version 1: "} {
		if !strings.Contains(said, want) {
			t.Errorf("check says nothing of %q:\n%s", want, said)
		}
	}
}

// A program that served cannot change under its version.
func TestProgramsAreImmutable(t *testing.T) {
	t.Parallel()
	for name, address := range testStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, address(t))
			tree := t.TempDir()
			if err := os.CopyFS(tree, os.DirFS("testdata/programs")); err != nil {
				t.Fatal(err)
			}
			first := d.serve("--programs", tree)
			first.want(http.StatusOK, "GET", "/v1/programs/rash", "", nil)
			if err := first.stop(); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(tree, "rash", "1.yaml")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(strings.Replace(string(text), "en: A rash.", "en: The rash.", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, nil, d.flags("--programs", tree), "rash", "1")
		})
	}
}

// migrate carries everything from engine to engine and back; the server goes on with the same keys.
func TestMigrate(t *testing.T) {
	t.Parallel()
	slow(t)
	start := "sqlite:" + filepath.Join(t.TempDir(), "store")
	wire, back := mongoDatabase(t), "sqlite:"+filepath.Join(t.TempDir(), "store")
	d := deploy(t, start)
	official := d.appoint("national", "national_manager", "VN")
	s := d.serve()
	h := s.enrol(5)
	body := rehearsed(t, h.person)
	made := s.want(http.StatusCreated, "POST", "/v1/declarations", h.token, body)
	codes := &authenticator{}
	token := s.login(official, codes).Access
	before := s.everything(token, h)
	refused(t, nil, []string{"migrate", "--from", start, "--to", wire}, "another khaibao process")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}

	there := migrate(t, start, wire)
	if diff := cmp.Diff(there, migrate(t, wire, back)); diff != "" {
		t.Errorf("the way back copies something else:\n%s", diff)
	}
	for _, address := range []string{wire, back} {
		d.store = address
		moved := d.serve()
		if diff := cmp.Diff(before, moved.everything(token, h)); diff != "" {
			t.Errorf("after the migration:\n%s", diff)
		}
		if again := moved.want(http.StatusOK, "POST", "/v1/declarations", h.token, body); string(again.body) != string(made.body) {
			t.Errorf("sent again after the migration it answers %s, want %s", again.body, made.body)
		}
		if err := moved.stop(); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(d.fcm.All()); got != 1 {
		t.Errorf("%d pushes, want the one from before", got)
	}
	refused(t, nil, []string{"migrate", "--from", "postgres://x", "--to", back}, "--from")
}

// everything reads what a citizen and an official see.
func (s *server) everything(token string, h household) []string {
	s.Helper()
	var out []string
	s.eventually("everything is carried out", func() bool {
		out = nil
		for _, read := range []struct{ path, token string }{
			{"/v1/people", h.token}, {"/v1/declarations", h.token}, {"/v1/messages", h.token},
			{"/v1/cases?q=" + url.QueryEscape(phoneOf(5)), token}, {"/v1/stats/declarations?program=" + rehearsal, token},
		} {
			out = append(out, string(s.want(http.StatusOK, "GET", read.path, read.token, nil).body))
		}
		return len(s.deployment.fcm.All()) == 1 && !slices.ContainsFunc(out, func(body string) bool { return strings.Contains(body, `"items":[]`) })
	})
	return out
}

var copied = regexp.MustCompile(`(?m)^(\w+) +(\d+) documents, the same on both sides \((\w*)\)$`)

// migrate copies a store and gives what was copied, by collection.
func migrate(t *testing.T, from, to string) map[string]string {
	t.Helper()
	said, err := finish(t, nil, "migrate", "--from", from, "--to", to)
	if err != nil {
		t.Fatalf("migrate: %v\n%s", err, said)
	}
	out := map[string]string{}
	for _, line := range copied.FindAllStringSubmatch(said, -1) {
		out[line[1]] = line[2] + " " + line[3]
	}
	if len(out) < 10 || out["declarations"] == "" {
		t.Fatalf("migrate says:\n%s", said)
	}
	return out
}
