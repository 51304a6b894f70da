package dialogue_test

import (
	"strings"
	"testing"

	"khaibao/internal/dialogue"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// One request answers one screen: what is typed ahead of a screen that nobody has seen passes no confirmation, and a * within
// an answer leads no answer to the next screen.
func TestNothingTypedAheadConfirms(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	first := []string{"1", "1", "1958", "2", "bac son lang son", "1", "2580", "1", "0", "0", "0"}
	for i, c := range []struct {
		family bool
		at     []string
		typed  string
	}{
		{false, first, "0*1"}, {false, first, "0*1*1"}, {false, first[:7], "1*0*0*0*0*1"}, {false, first[:8], "1*3"}, {false, first[:9], "1*2"},
		{true, []string{"5", "3"}, "2580*1"}, {true, []string{"5"}, "1*1"}, {true, []string{}, "5*1*1"}, {true, []string{}, "5*2"},
		{true, []string{"4", "3", "2", "2015", "1", "bac son lang son"}, "1*1"}, {true, []string{"4", "2", "3"}, "2580*1"},
	} {
		p := r.phone(i)
		if c.family {
			p.family()
		}
		screen := p.dial()
		for _, typed := range c.at {
			screen = p.press(typed)
		}
		before, declared := p.account(), len(p.declared())
		got := p.press(c.typed)
		if !strings.HasSuffix(got, "\n"+screen) {
			t.Errorf("%q at %q leads to %q", c.typed, screen, got)
		}
		if after := p.account(); len(p.declared()) != declared || (before == nil) != (after == nil) || (after != nil && after.Rev != before.Rev) {
			t.Errorf("%q at %q changed the household", c.typed, screen)
		}
	}
}

// A gateway whose text does not go on from what we heard answers no confirmation either: which screen it saw is not known.
func TestLostInputsConfirmNothing(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.dial()
	review := p.press("1", "1", "1958", "2", "bac son lang son", "1", "2580", "1", "0", "0", "0", "0")
	if got := p.late(p.session, append(strings.Split(strings.Repeat("7*", 20), "*"), "1")...); got.Text != review || p.account() != nil {
		t.Errorf("it leads to %q", got.Text)
	}
}

// The number of a line that no page has shown is asked again, and a review is sent once all of it was read.
func TestUnreadReviewIsNotSent(t *testing.T) {
	t.Parallel()
	s, err := loadShared()
	must(t, err)
	for _, manner := range []struct {
		name string
		ucs2 bool
	}{{"GSM", false}, {"UCS-2", true}} {
		t.Run(manner.name, func(t *testing.T) {
			t.Parallel()
			p := newRigWith(t, storetest.Memory(t), s.shipped).phone(1)
			p.family()
			p.ucs2 = manner.ucs2
			p.dial()
			screen := p.press("1", "1", "1")
			for range 20 {
				switch {
				case strings.Contains(screen, "hai:") && !strings.Contains(screen, "1 G"): // a page of the review without "1 Gửi"
					had := len(p.declared())
					for _, typed := range []string{"1", "OK"} {
						if screen = p.press(typed); len(p.declared()) != had || p.ended {
							t.Fatalf("%q sent a review that showed %q", typed, screen)
						}
					}
					for range 9 {
						if screen = p.press("8"); strings.Contains(screen, "1 G") {
							break
						}
					}
					if p.press("1"); len(p.declared()) != had+1 {
						t.Errorf("it is not sent at %q", screen)
					}
					return
				case !strings.Contains(screen, "\n1 ") && strings.Contains(screen, "8 Ti"):
					screen = p.press("8")
				case strings.Contains(screen, "1 Khai ti"):
					screen = p.press("1")
				default:
					screen = p.press("1234567"[:lastLine(screen)])
				}
			}
			t.Fatalf("no review: %q", screen)
		})
	}
}

// lastLine is the highest number of a line on a screen.
func lastLine(screen string) int {
	last := 1
	for _, line := range strings.Split(screen, "\n") {
		if len(line) > 2 && line[1] == ' ' && line[0] >= '1' && line[0] <= '7' {
			last = max(last, int(line[0]-'0'))
		}
	}
	return last
}

// By SMS as well: OK sends when the last part of the review was asked for.
func TestUnreadReviewBySMS(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.family()
	had := len(p.declared())
	review := p.sms("DAU", "KB COVID 1234567 12345 1234 1234567")
	if !strings.HasSuffix(review, "\n8 Tiếp") {
		t.Fatalf("a review of one page: %q", review)
	}
	for _, typed := range []string{"OK", "1"} {
		if got := p.sms(typed); !strings.Contains(got, "\nHãy xem hết (8) rồi gửi.\n") || len(p.declared()) != had {
			t.Errorf("%s: %q", typed, got)
		}
	}
	for range 9 {
		if got := p.sms("8"); strings.Contains(got, "Trả lời OK") {
			break
		}
	}
	if got := p.sms("OK"); len(p.declared()) != had+1 {
		t.Errorf("read to the end, and not sent: %q", got)
	}
}

// What is not named is a no only where it was read: a group on several pages is answered page by page, or at once at its end.
func TestGroupOnSeveralPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	answers := func(i int, typed ...string) models.Answers {
		p := r.phone(i)
		p.family()
		p.ucs2 = true
		p.dial()
		screen := p.press("1", "1", "1")
		for _, typed := range typed {
			screen = p.press(typed)
		}
		if !strings.Contains(screen, "Khó thở khi nghỉ") { // the next group
			t.Fatalf("%q lead to %q", typed, screen)
		}
		state, err := r.store.Dialogue(t.Context(), models.ChannelUSSD, p.number)
		must(t, err)
		return dialogue.Where(state.State).Answers
	}
	first := func() *phone {
		p := r.phone(90)
		p.family()
		p.ucs2 = true
		p.dial()
		return p
	}
	p := first()
	shown := lastLine(p.press("1", "1", "1"))
	if shown > 6 {
		t.Fatal("the group has one page only")
	}
	if got := p.press("7"); !strings.HasPrefix(got, "Không có số 7.") {
		t.Errorf("a line that was not shown: %q", got)
	}
	for i, typed := range [][]string{{"8", "17"}, {"1", "7"}, {"1", "17"}, {"8", "8", "17"}} {
		got := answers(i, typed...)
		if got["fever"] != true || got["cough"] != false || got["pneumonia"] != true {
			t.Errorf("%q: %v", typed, got)
		}
	}
}
