package dialogue_test

import (
	"strings"
	"testing"
	"time"

	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// due lists what waits to be sent by SMS.
func (r *rig) due() []models.Message {
	r.Helper()
	waiting, err := r.store.DueMessages(r.Context(), models.LaneNormal, models.RouteSMS, r.now(), 10)
	must(r, err)
	return waiting
}

// A question that is left open is asked once more after a day; after another one the form is dropped, and said so.
func TestOpenQuestionIsRepeatedOnceAndThenDropped(t *testing.T) {
	t.Parallel()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, open(t))
			p := r.phone(1)
			asked := p.sms("KB COVID", "1", "1958")
			nudged := func(wait time.Duration) []models.Message {
				r.wait(wait)
				for range 2 { // a second worker, or the same one after a crash
					must(t, r.dialogue.Nudge(t.Context()))
				}
				return r.due()
			}
			if got := nudged(23 * time.Hour); len(got) != 0 {
				t.Fatalf("too early: %+v", got)
			}
			got := nudged(2 * time.Hour)
			if len(got) != 1 || got[0].To != p.number || !strings.HasSuffix(got[0].Text, asked) || got[0].Kind != models.MessageDialogue {
				t.Fatalf("after a day: %+v, want %q", got, asked)
			}
			if got := nudged(10 * time.Hour); len(got) != 1 {
				t.Fatalf("repeated more than once: %+v", got)
			}
			if got := p.sms("2"); !strings.HasPrefix(got, "Ban o xa/phuong nao?") {
				t.Fatalf("answered the next day: %q", got)
			}
			if got := nudged(25 * time.Hour); len(got) != 2 {
				t.Fatalf("the next question: %+v", got)
			}
			got = nudged(25 * time.Hour)
			if len(got) != 3 || !strings.HasPrefix(got[2].Text, "To khai do da qua lau") {
				t.Fatalf("in the end: %+v", got)
			}
			if got := p.sms("bac son"); !strings.HasPrefix(got, "Nhan KB") {
				t.Errorf("afterwards: %q", got)
			}
			if got := nudged(72 * time.Hour); len(got) != 3 {
				t.Errorf("and then: %+v", got)
			}
		})
	}
}

// STOP ends that too.
func TestNoNudgeAfterStop(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Memory(t))
	r.phone(1).sms("KB COVID", "1", "STOP")
	r.wait(25 * time.Hour)
	must(t, r.dialogue.Nudge(t.Context()))
	if got := r.due(); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}
