package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"khaibao/internal/seal"
)

func TestStoreProblems(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	good, open, broken := filepath.Join(dir, "good"), filepath.Join(dir, "open"), filepath.Join(dir, "broken")
	for _, file := range []string{good, open} {
		if err := keys.CreateFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		config storeConfig
		want   string // no problem when it is empty
	}{
		"good":               {storeConfig{Store: "sqlite:x", Keys: good}, ""},
		"no such keys":       {storeConfig{Store: "sqlite:x", Keys: filepath.Join(dir, "none")}, "no such file"},
		"readable by others": {storeConfig{Store: "sqlite:x", Keys: open}, "--keys (KHAIBAO_KEYS): keys: "},
		"no keys in it":      {storeConfig{Store: "sqlite:x", Keys: broken}, `section "seal" is missing`},
		"keyset of nothing":  {storeConfig{Store: "sqlite:x", Keyset: "?"}, "KHAIBAO_KEYSET: keys: not the JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, tt.config.problems(), tt.want)
		})
	}
}

func TestListenProblems(t *testing.T) {
	t.Parallel()
	const port, differ = "with a port from 0 to 65535", "must differ"
	for _, tt := range []struct{ addr, operations, want string }{
		{"127.0.0.1:8080", "127.0.0.1:9090", ""},
		{"127.0.0.1:0", "127.0.0.1:0", ""},
		{"127.0.0.1:8080", "127.0.0.2:8080", ""},
		{"127.0.0.1:8080", "[::1]:8080", ""},
		{"127.0.0.1:65536", "127.0.0.1:9090", port},
		{"127.0.0.1:-1", "127.0.0.1:9090", port},
		{"127.0.0.1:http", "127.0.0.1:9090", port},
		{"127.0.0.1:8080", "127.0.0.1:", port},
		{"127.0.0.1:8080", "127.0.0.1:8080", differ},
		{"127.0.0.1:8080", "localhost:8080", differ},
		{"127.0.0.1:8080", "0.0.0.0:8080", differ},
		{"127.0.0.1:8080", ":8080", differ},
	} {
		config := listenConfig{Addr: tt.addr, OperationsAddr: tt.operations}
		t.Run(tt.addr+" "+tt.operations, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, config.problems(), tt.want)
		})
	}
}

func TestSenderProblems(t *testing.T) {
	t.Parallel()
	for from, fine := range map[string]bool{
		"8066": true, "123456789012345": true, "1234567890123456": false, "BO Y-TE_1.a": true, "BOYTEVIETNAM": false, "Bộ Y tế": false, "+84900": false,
	} {
		config := channelConfig{SMSURL: "http://127.0.0.1:1/", SMSUser: "u", SMSPassword: "p", SMSFrom: from}
		want := "--sms-from (KHAIBAO_SMS_FROM)"
		if fine {
			want = ""
		}
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, config.problems(), want)
		})
	}
}

// wantProblem wants one problem that says the word, or none when the word is empty.
func wantProblem(t *testing.T, got []string, word string) {
	t.Helper()
	if word == "" && len(got) > 0 {
		t.Errorf("%q, want no problem", got)
	}
	if word != "" && (len(got) != 1 || !strings.Contains(got[0], word)) {
		t.Errorf("%q, want one that says %q", got, word)
	}
}
