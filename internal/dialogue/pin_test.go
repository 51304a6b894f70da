package dialogue_test

import (
	"strings"
	"testing"

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
