package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeTour runs README's tour with curl to the letter, against the real binary on both engines. Only the two lines
// that say where the demo is are its own.
func TestReadmeTour(t *testing.T) {
	t.Parallel()
	slow(t)
	tour := readmeTour(t)
	for name, address := range map[string]func(*testing.T) []string{
		"sqlite": func(*testing.T) []string { return nil },
		"mongo":  func(t *testing.T) []string { return []string{"--store", mongoDatabase(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			p := start(t, nil, append([]string{"demo", "--addr", "127.0.0.1:0", "--data", data}, address(t)...)...)
			base := p.await(`API +(http://\S+)`)[1]
			script := strings.NewReplacer("http://127.0.0.1:8080", base, "~/.cache/khaibao-demo/demo.json", filepath.Join(data, "demo.json")).Replace(tour)
			script = "sleep() { command sleep $((2 * $1)); }\n" + script // the machine has more to do here than a reader's
			command := exec.Command("bash", "-euo", "pipefail", "-c", script)
			said, err := command.CombinedOutput()
			if err != nil {
				t.Fatalf("the tour failed: %v\n%s", err, said)
			}
			checkTour(t, string(said))
			p.await(`all 2000 households are entered`)
			if err := p.stop(); err != nil {
				t.Errorf("the demo ended with %v:\n%s", err, &p.said)
			}
		})
	}
}

// readmeTour gives the code of README's tour.
func readmeTour(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```bash\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 1 {
		t.Fatalf("README has %d bash blocks, want the tour alone", len(blocks))
	}
	return blocks[0][1]
}

// checkTour looks for what README promises, in its order.
func checkTour(t *testing.T, said string) {
	t.Helper()
	rest := said
	for _, want := range []string{
		`"id":"my-phone"`,
		`"level":"high"`, `"factors":["fever","contact_case"]`, `Có sốt trong 14 ngày qua`, `}201`,
		`"level":"high"`, `}200`,
		`Fever in the last 14 days`, `Contact with a COVID-19 case`,
		`"code":"id_taken"`, `}409`,
		`N*** T*** T***`, `0900***001`,
		`}404`, `{"items":[],"next_cursor":null}`,
		`"name":"Nguyễn Thị Thử","phone":"+84900000001"`,
		`"action":"reveal"`, `gọi điện hỏi thăm sức khỏe`,
		`"channel": "push"`, `Bạn có một tin nhắn mới`,
		`"kind": "advice"`, `115`,
		`"done":`, `"sent":`,
		`"kind": "reminder"`, `Gia đình bạn còn người chưa gửi cập nhật sức khỏe (COVID-19)`,
		`"channel": "sms"`, `gia dinh ban con nguoi chua gui cap nhat suc khoe`,
	} {
		i := strings.Index(rest, want)
		if i < 0 {
			t.Fatalf("the tour does not show %q where README promises it:\n%s", want, said)
		}
		rest = rest[i+len(want):]
	}
	missed := regexp.MustCompile(`(?s)\n"20\d\d-[^"]+Z"\n[1-9]\d*\nlow\n\{\s+"level": "high",\s+"latest_level": "low",\s+"missed_since": null\s+\}\n.*KHAI BAO Y TE\n1 Khai bao\n.*\nKhai cho ai\?\n1 Toi\n2 Nguyen Thi Thu\n`)
	if !missed.MatchString(said) {
		t.Errorf("the tour does not end with since when updates are missed, how many, the update that clears it, and the household on a keypad:\n%s", said)
	}
	bodies := regexp.MustCompile(`(?m)(\{"id":"[0-9a-f-]{36}".*\})20[01]$`).FindAllStringSubmatch(said, -1)
	if len(bodies) != 2 || bodies[0][1] != bodies[1][1] || !json.Valid([]byte(bodies[0][1])) {
		t.Errorf("sending it again does not give the same body:\n%q", bodies)
	}
}
