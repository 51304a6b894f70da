package dialogue_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/gsm"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

var update = flag.Bool("update", false, "write the recorded conversations anew; read the diff")

// exchange is one step of a recorded conversation.
type exchange struct {
	In  string   `json:"in"`            // what was typed; "dial" opens a session, "cut" lets 5 minutes pass without an end
	Out []string `json:"out,omitempty"` // the lines of the screen
	End bool     `json:"end,omitempty"`
}

// play sends inputs by one channel and gives what was answered. The conversation is held against its limits on the way.
func (p *phone) play(channel models.Channel, inputs []string) []exchange {
	p.Helper()
	var out []exchange
	for _, in := range inputs {
		step := exchange{In: in}
		var reply string
		switch {
		case strings.HasPrefix(in, "wait "):
			long, err := time.ParseDuration(strings.TrimPrefix(in, "wait "))
			must(p, err)
			p.wait(long)
		case channel == models.ChannelSMS:
			reply = p.sms(in)
			p.fitsSMS(reply)
		case in == "dial":
			reply = p.dial()
		default:
			reply = p.press(in)
		}
		if channel == models.ChannelUSSD && reply != "" {
			step.End = p.ended
			p.fitsScreen(reply)
		}
		if reply != "" {
			step.Out = strings.Split(reply, "\n")
		}
		out = append(out, step)
	}
	return out
}

func (p *phone) fitsScreen(screen string) {
	p.Helper()
	if screen == "" || !gsm.Screen(p.ucs2).Fits(screen) {
		p.Errorf("a screen is empty or does not fit: %q", screen)
	}
}

// fitsSMS wants three parts at most, five with accents.
func (p *phone) fitsSMS(reply string) {
	p.Helper()
	size := gsm.Measure(reply)
	if most := map[bool]int{false: 3, true: 5}[size.UCS2]; reply == "" || size.Parts > most {
		p.Errorf("a reply is empty or takes %d parts: %q", size.Parts, reply)
	}
}

// first is the first use of a woman of 1958 from Bắc Sơn, as far as the choice of the program.
var first = []string{"dial", "1", "1", "1958", "2", "bac son lang son", "1", "2580"}

// conversations are the recorded ones: a path of screens each.
var conversations = []struct {
	name    string
	channel models.Channel
	inputs  []string
}{
	{"ussd-first-use", models.ChannelUSSD, append(first[:8:8], "1", "13", "0", "1 ?3", "0", "1", "8")},
	{"ussd-emergency", models.ChannelUSSD, append(first[:8:8], "1", "13", "2", "2", "1")},
	{"ussd-emergency-goes-on", models.ChannelUSSD, append(first[:8:8], "1", "0", "1", "1", "0", "13", "1")},
	{"ussd-emergency-another-sign", models.ChannelUSSD, append(first[:8:8], "1", "0", "1", "0", "00", "12", "2", "1")},
	{"ussd-mistakes", models.ChannelUSSD, append(first[:8:8], "1", "19", "0 1", "abc", "1", "1?", "13", "00", "000", "1", "1", "0", "0", "0", "2", "2", "1", "2", "1")},
	{"ussd-back-and-change", models.ChannelUSSD, append(first[:8:8], "1", "1", "00", "2", "0", "0", "0", "2", "1", "12", "1")},
	{"ussd-cut-and-resumed", models.ChannelUSSD, append(first[:8:8], "1", "13", "wait 5m", "dial", "1", "0", "wait 31m", "dial")},
	{"ussd-cut-and-anew", models.ChannelUSSD, append(first[:8:8], "1", "13", "wait 5m", "dial", "2")},
	{"ussd-cancelled", models.ChannelUSSD, append(first[:8:8], "1", "0", "0", "0", "0", "0", "3")},
	{"ussd-relative", models.ChannelUSSD, []string{"dial", "1", "2", "3", "1935", "1", "bac son lang son", "1", "0", "2", "1", "2", "2211", "12", "0", "0", "3", "1", "8"}},
	{"ussd-measles", models.ChannelUSSD, append(first[:8:8], "3", "12", "0", "1", "9", "1", "8")},
	{"ussd-household", models.ChannelUSSD, append(first[:8:8], "1", "0", "0", "0", "0", "1", "dial", "4", "2", "2", "2015", "1", "bac son lang son", "1", "1", "2", "2", "1111", "2580", "dial", "4", "2", "3", "2580", "dial", "4")},
	{"ussd-update-and-result", models.ChannelUSSD, append(first[:8:8], "1", "1", "0", "0", "0", "1", "dial", "2", "1", "12", "0", "385", "97", "0", "2", "1", "dial", "3")},
	{"ussd-privacy", models.ChannelUSSD, append(first[:8:8], "1", "0", "0", "0", "0", "1", "dial", "5", "1", "0", "1", "1", "dial", "5", "2", "dial", "5", "2", "dial", "5", "3", "2580", "1", "dial", "3")},
	{"ussd-pin-locked", models.ChannelUSSD, append(first[:8:8], "1", "0", "0", "0", "0", "1", "dial", "5", "3", "111", "1111", "1112", "1", "1113", "11135", "1114", "1", "1115", "2580", "wait 25h", "dial", "5", "3", "2580")},
	{"ussd-no-pin", models.ChannelUSSD, append(first[:7:7], "0", "1", "0", "0", "0", "0", "1", "dial", "5", "3")},
	{"ussd-english", models.ChannelUSSD, []string{"dial", "9", "1", "1", "1958", "2", "bac son", "1", "0", "1", "1", "0", "9", "0", "1", "8", "dial", "6"}},
	{"ussd-dialled-at-once", models.ChannelUSSD, []string{"dial 1*1*1958*2*bac son lang son*1*0*1*13*0*0*0*1*1"}},
	{"sms-first-use", models.ChannelSMS, []string{"KB", "1", "1958", "2", "bac son lang son", "1", "1", "13", "0", "1", "0", "ok"}},
	{"sms-one-message", models.ChannelSMS, []string{"KB COVID 13 0 1 0", "1", "1958", "2", "bac son lang son", "1", "OK", "KB COVID 13 0 1 0", "OK", "covid 0 0 0 0", "HUY"}},
	{"sms-words", models.ChannelSMS, []string{"kb covid", "1", "1958", "nu", "bac son lang son", "1", "co sot voi ho", "khong", "F0", "gan", "OK"}},
	{"sms-words-with-accents", models.ChannelSMS, []string{"Khai báo covid", "1", "1958", "nữ", "Bắc Sơn, Lạng Sơn", "1", "Tôi bị sốt và mất mùi", "không có gì", "0", "0", "OK", "KHONG DAU"}},
	{"sms-unclear", models.ChannelSMS, []string{"KB COVID", "1", "1958", "nu", "bac son lang son", "1", "khong sot", "sot cao", "met lam", "1", "1", "khó thở khi nghi", "0", "gap", "HUY"}},
	{"sms-emergency", models.ChannelSMS, []string{"KB COVID", "1", "1958", "nu", "bac son lang son", "1", "0", "dau nguc", "2", "dau tuc nguc", "2", "OK"}},
	{"sms-emergency-in-one", models.ChannelSMS, []string{"KB COVID 1 2 0 0", "1", "1958", "nu", "bac son lang son", "1", "OK"}},
	{"sms-relatives", models.ChannelSMS, []string{"KB COVID 0 0 0 0", "1", "1958", "nu", "bac son lang son", "1", "OK", "KB COVID NHA", "2", "2", "2015", "nam", "bac son lang son", "1", "1", "0", "0", "0", "OK"}},
	{"sms-commands", models.ChannelSMS, []string{"xin chao", "TROGIUP", "HELP", "EN", "VI", "KQ", "STOP", "START", "XOA", "HUY"}},
	{"sms-update", models.ChannelSMS, []string{"KB COVID 1 0 0 0", "1", "1958", "nu", "bac son lang son", "1", "OK", "CN", "COVID", "12.", "0", "38,5", "97.", "0", "nang hon", "OK", "KQ"}},
	{"sms-dengue", models.ChannelSMS, []string{"SXH", "1", "1990", "1", "bac son lang son", "1", "co", "2011", "1 3", "0", "0", "9", "OK", "SXH 2 0 0 0 0 2", "OK"}},
	{"sms-help-in-between", models.ChannelSMS, []string{"KB COVID 0 0 0 0", "HELP", "1", "1958", "TROGIUP", "nu", "bac son lang son", "1", "OK", "SXH", "HELP", "8", "KQ", "co", "2011", "1", "0", "0", "9", "KQ", "0", "HELP", "8", "OK", "HELP", "1"}},
	{"sms-keywords-in-a-form", models.ChannelSMS, []string{"KB COVID", "toi", "1958", "nu", "bac son lang son", "1", "13", "CN", "XOA", "NHA", "KB", "1", "KB", "2", "1", "1958", "2", "bac son lang son", "1", "12", "STOP"}},
	{"sms-too-many", models.ChannelSMS, []string{"KB COVID 1 3 0 0 0", "1", "1958", "nu", "bac son lang son", "1", "1", "0", "0", "0", "0", "9", "OK", "KB COVID NHA 0 0 0 0 0", "HUY"}},
	{"sms-one-message-misplaced", models.ChannelSMS, []string{"KB COVID 0 0 0 0", "1", "1990", "1", "bac son lang son", "1", "OK", "SXH", "HELP", "8", "SXH 2 1 13 0 0 2", "HUY", "SXH 2 0 13 0 0 2", "OK"}},
	{"sms-update-help", models.ChannelSMS, []string{"KB COVID 1 0 0 0", "1", "1958", "nu", "bac son lang son", "1", "OK", "CN", "SXH", "HELP", "8", "CN SXH 2 37 0 0 2", "OK"}},
	{"sms-two-days-later", models.ChannelSMS, []string{"KB COVID", "1", "1958", "wait 23h", "nu", "wait 49h", "bac son"}},
}

// TestRecordedConversations holds every conversation against its record in testdata/conversations; -update writes them anew.
func TestRecordedConversations(t *testing.T) {
	t.Parallel()
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newRig(t, storetest.Memory(t)).phone(1)
			var got []exchange
			if at := strings.TrimPrefix(c.inputs[0], "dial "); at != c.inputs[0] {
				p.session, p.typed = "at-once", strings.Split(at, "*")
				screen := p.ask()
				p.fitsScreen(screen)
				got = []exchange{{c.inputs[0], strings.Split(screen, "\n"), p.ended}}
			} else {
				got = p.play(c.channel, c.inputs)
			}
			compare(t, filepath.Join("testdata", "conversations", c.name+".json"), got)
		})
	}
}

func compare(t *testing.T, file string, got []exchange) {
	t.Helper()
	if *update {
		raw, err := json.MarshalIndent(got, "", " ")
		must(t, err)
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, append(raw, '\n'), 0o644))
		return
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(fmt.Errorf("%w: record it with -update", err))
	}
	var want []exchange
	must(t, json.Unmarshal(raw, &want))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
