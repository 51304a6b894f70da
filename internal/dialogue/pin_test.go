package dialogue_test

import (
	"strings"
	"testing"
	"time"

	"khaibao/internal/store/storetest"
)

// Three wrong PINs offer help; whoever goes on with the right one gets what they had asked for.
func TestPINAfterHelp(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.dial()
	p.press("1", "2", "3", "1935", "2", "bac son lang son", "1", "2580", "1", "0", "0", "0", "0", "1")
	p.dial()
	p.press("3", "1", "1111", "1112", "1113", "1")
	if got := p.press("2580"); !strings.HasPrefix(got, "Muc: THAP") {
		t.Errorf("instead of the result: %q", got)
	}
}

// The code of an erasure that comes long after the PIN erases nothing, says so, and asks for the PIN again.
func TestErasureCodeThatComesLate(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	p.family()
	asked := p.sms("XOA", "2580")
	p.wait(11 * time.Minute)
	if late := p.sms(asked[strings.LastIndex(asked, "XOA "):]); !strings.Contains(late, "PIN da qua han, chua xoa gi") || !strings.Contains(late, "Nhap ma PIN") {
		t.Errorf("a late code: %q", late)
	}
	asked = p.sms("2580")
	if done := p.sms(asked[strings.LastIndex(asked, "XOA "):]); !strings.HasPrefix(done, "Da xoa") {
		t.Errorf("the new code: %q", done)
	}
}
