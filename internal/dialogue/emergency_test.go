package dialogue_test

import (
	"strings"
	"testing"
	"time"

	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// What is dialled at once stops where an emergency sign says what to do, whatever was dialled behind it, and its answers are
// those of SMS when they are given to the screens.
func TestDialledOverAnEmergency(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	for i, c := range []struct {
		dialled string
		rest    []string
		sms     string
		factors int
	}{
		{"1*1*1*13*1*1*0", []string{"1", "1", "0"}, "KB COVID 13 1 1 0", 4},
		{"1*1*2*2*0*0*1*1", nil, "", 0}, {"1*1*3*12*1*2*1", nil, "", 0},
	} {
		p, other := r.phone(10+i), r.phone(20+i)
		p.family()
		other.family()
		r.wait(time.Minute)
		p.session = "dialled"
		got := p.late(p.session, strings.Split(c.dialled, "*")...).Text
		if !strings.HasPrefix(got, "GOI NGAY 115") || !strings.Contains(got, "1 Khai tiep") {
			t.Errorf("%s: %q", c.dialled, got)
		}
		if c.rest == nil {
			continue
		}
		p.typed = strings.Split(c.dialled, "*")
		p.press(append(c.rest, "1")...)
		other.sms(c.sms, "OK")
		dialled, sent := p.declared()[0], other.declared()[0]
		if strings.Join(dialled.Decision.Factors, " ") != strings.Join(sent.Decision.Factors, " ") || len(sent.Decision.Factors) != c.factors {
			t.Errorf("%s: %v, and by SMS %v", c.dialled, dialled.Decision.Factors, sent.Decision.Factors)
		}
	}
}

// In an emergency 115 stands on the first page of the result, however many factors there are, and before anything else that a
// message has to say.
func TestEmergencyLeads(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	for i, ucs2 := range []bool{false, true} {
		p := r.phone(i)
		p.family()
		r.wait(time.Minute)
		for said := p.sms("KB COVID 123456 1 1 1"); strings.Contains(said, "\n8 "); {
			said = p.sms("8")
		}
		if got := p.sms("OK"); !strings.HasPrefix(got, "GOI NGAY 115") || p.declared()[0].Decision.Level != models.LevelEmergency {
			t.Errorf("the result by SMS begins with %q", got)
		}
		p.ucs2 = ucs2
		p.dial()
		if got := p.press("3", "1"); !strings.HasPrefix(got, "GOI NGAY 115") && !strings.HasPrefix(got, "GỌI NGAY 115") {
			t.Errorf("UCS-2 %t: the result begins with %q", ucs2, got)
		}
	}
	p := r.phone(9)
	p.sms("KB COVID 0 0 0 0", "1", "1958", "nu", "bac son lang son", "1", "OK", "KB COVID", "1")
	for _, typed := range []string{"KB SOI 0 2 1 3", "KB SOI 1 2 1 3", "KQ", "HELP"} {
		got := p.sms(typed)
		if typed != "KB SOI 0 2 1 3" && !strings.HasPrefix(got, "GOI NGAY 115") {
			t.Errorf("%s: %q", typed, got)
		}
	}
}

// An emergency sign in one SMS leads its reply, also when answers are missing behind it, or it is not known yet whom they are about.
func TestEmergencyInAPartOfAForm(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	for i, c := range []struct {
		known bool
		typed string
		want  bool
	}{
		{true, "COVID 0 13 0", true}, {true, "COVID 0 13", true}, {true, "COVID 0 0 0", false}, {true, "CN COVID 0 13 0", true}, {true, "CN COVID 0 13 0 0", true},
		{true, "CN COVID 0 0 38", false}, {true, "SXH 1 1 0 0 13 2", true}, {true, "SOI 1 1 0", true}, {true, "COVID NHA 0 13 0 0", true},
		{false, "COVID 0 13 0 0", true}, {false, "COVID 0 0 0 0", false}, {false, "COVID 13 0 0 0", false},
	} {
		p := r.phone(i)
		if c.known {
			p.family()
		}
		if got := p.sms(c.typed); strings.HasPrefix(got, "GOI NGAY 115") != c.want {
			t.Errorf("%s: %q", c.typed, got)
		}
	}
}
