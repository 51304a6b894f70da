package dialogue_test

import (
	"strings"
	"testing"

	"khaibao/internal/store/storetest"
)

// begun is the first use by SMS, as far as the second screen of the form.
var begun = []string{"KB COVID", "1", "1958", "nu", "bac son lang son", "1", "13"}

const (
	unfinished = "Ban dang khai do.\n1 Tiep tuc\n2 Bat dau lai"
	dropped    = "To khai do da bo, chua gui gi ca.\n"
)

// The keyword of the form that is open asks before answers are lost; it does not ask where there are none.
func TestKeywordOfTheOpenForm(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	if got := p.sms("KB COVID", "1", "KB COVID"); !strings.HasPrefix(got, "Khai cho ai?") {
		t.Errorf("nothing was said, and it asks %q", got)
	}
	asked := p.sms(begun...)
	for _, keyword := range []string{"KB", "kb covid", "Khai bao"} {
		if got := p.sms(keyword); got != unfinished {
			t.Errorf("%s: %q", keyword, got)
		}
		if got := p.sms("1"); got != asked {
			t.Errorf("going on leads to %q, want %q", got, asked)
		}
	}
	p.sms("KB", "2", "1", "1990", "1", "bac son lang son", "1", "2", "0", "0", "0", "OK")
	if got := p.declared(); len(got) != 1 || got[0].Answers["fever"] != false || got[0].Answers["cough"] != true {
		t.Errorf("declared: %+v", got)
	}
}

// What begins something else drops the open form and says so; what comes to nothing leaves it open.
func TestOtherCommandsInAForm(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	for i, c := range []struct{ message, want string }{
		{"SXH", dropped + "Khai cho ai?"},
		{"KB COVID NHA", dropped + "Khai cho ai?"},
		{"KB COVID 0 0 0 0", dropped + "Khai cho ai?"},
		{"STOP", dropped + "Da ngung SMS"},
	} {
		p := r.phone(1 + i)
		p.sms(begun...)
		if got := p.sms(c.message); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.message, got, c.want)
		}
	}
	p := r.phone(9)
	asked := p.sms(begun...)
	for _, message := range []string{"CN", "XOA", "KQ", "START"} {
		if got := p.sms(message); !strings.HasSuffix(got, "\n"+asked) {
			t.Errorf("%s: %q, want what it says and then %q", message, got, asked)
		}
	}
	if got := p.sms("NHA", "KB", "1"); got != asked {
		t.Errorf("after a look at the household: %q, want %q", got, asked)
	}
}

// With a household an update drops the declaration and says so; on a keypad as well.
func TestUpdateInADeclaration(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.sms(append(begun, "0", "0", "0", "OK")...)
	update := p.sms("KB COVID 1", "CN", "1")
	if !strings.HasPrefix(update, "Hom nay CO:") {
		t.Errorf("the program of the update leads to %q", update)
	}
	p.sms("HUY")
	if got := p.sms("KB COVID 1", "CN"); !strings.HasPrefix(got, dropped) {
		t.Errorf("by SMS: %q", got)
	}
	p.dial()
	p.press("1", "1", "1", "13", "000")
	if got := p.press("2"); !strings.HasPrefix(got, dropped) {
		t.Errorf("on a keypad: %q", got)
	}
	p.press("1", "1", "000")
	if got := p.press("2"); got != unfinished {
		t.Errorf("the update again: %q", got)
	}
}

// "Đúng" is right and "dừng" is stop: without accents nobody knows, so it is neither.
func TestDungStopsNothing(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.sms(append(begun, "0", "0", "0", "OK")...)
	for _, typed := range []string{"đúng", "dung", "dừng", "Đừng"} {
		asked := p.sms("HUY", "SXH")
		if got := p.sms(typed, "KHONG DAU"); !strings.HasSuffix(got, asked) {
			t.Errorf("%s leads to %q, want %q again", typed, got, asked)
		}
	}
	if !p.account().SMSOptOut.IsZero() {
		t.Error("SMS were stopped")
	}
}

// A menu takes its lines in words where one of them is meant.
func TestMenusInWords(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	for _, c := range []struct{ typed, want string }{
		{"KB", "Khai cho ai?"},
		{"Người nhà", "Người đó là gì của bạn?"},
		{"KHONG DAU", "Nguoi do la gi cua ban?"}, // the language changes, the question stays
		{"me", "Nguoi do sinh nam nao?"},
		{"1935", "Gioi tinh?"},
		{"nu.", "Nguoi do o xa/phuong nao?"},
		{"bac son lang son", "Chon xa/phuong"},
		{"xa bac son, lang son", "Khai bao benh nao?"},
		{"soi", "14 ngay qua CO:"},
	} {
		if got := p.sms(c.typed); !strings.HasPrefix(got, c.want) {
			t.Fatalf("%q leads to %q, want %q", c.typed, got, c.want)
		}
	}
}

// The review does not deny what is answered outside of a group.
func TestReviewOfAFeverAlone(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.sms("SXH", "1", "1958", "nu", "bac son lang son", "1")
	if got := p.sms("1", "0", "0", "0", "0", "2"); !strings.HasPrefix(got, "Ban khai: Co sot khong? Co;") {
		t.Errorf("with a fever: %q", got)
	}
	if got := p.sms("SUA", "1", "2"); !strings.HasPrefix(got, "Ban khai: khong co bieu hien nao; Co sot khong? Khong;") {
		t.Errorf("without: %q", got)
	}
}

// Help by SMS never shows the keypad's menu, whose numbers would mean something else there.
func TestNoKeypadMenuBySMS(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	for _, messages := range [][]string{{"KB", "1", "11", "12", "13", "2"}, {"KB", "000"}, {"KB", "00"}} {
		if got := p.sms(messages...); !strings.HasPrefix(got, "Nhan KB") {
			t.Errorf("%q leads to %q", messages, got)
		}
	}
}

// Help and a result leave the menu open that asks whether to go on, so that its numbers mean what they say.
func TestHelpAtTheMenuInBetween(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	for i, typed := range []string{"HELP", "KQ"} {
		p := r.phone(i)
		p.sms("KB COVID 0 0 0 0", "1", "1958", "nu", "bac son lang son", "1", "OK", "KB COVID", "1")
		menu := p.sms("KB")
		said := p.sms(typed)
		for strings.HasSuffix(said, "\n8 Tiep") {
			said = p.sms("8")
		}
		if last := menu[strings.Index(menu, "1 Tiep tuc"):]; !strings.HasSuffix(said, last) {
			t.Errorf("%s ends with %q, want %q", typed, said, last)
		}
		if got := p.sms("2"); !strings.Contains(got, "14 ngay qua CO:") {
			t.Errorf("%s, then 2: %q", typed, got)
		}
	}
}
