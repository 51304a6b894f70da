package effects_test

import (
	"slices"
	"testing"
	"time"

	"khaibao/internal/cases"
	"khaibao/internal/intake"
	"khaibao/models"
)

// climb takes every step that is due.
func (h *house) climb() {
	h.Helper()
	for {
		n, err := h.followup.Round(h.Context())
		if err != nil {
			h.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func (h *house) update(answers map[string]any) {
	h.Helper()
	_, _, err := h.intake.Submit(h.Context(), h.citizen, intake.Submission{
		Form: models.FormDaily, ID: h.nextID(), Program: "covid19", PersonID: h.person.ID, Answers: answers,
	})
	if err != nil {
		h.Fatal(err)
	}
	h.drain()
}

func TestAMissedDayClimbsItsLadder(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		local := func(day, hour, minute int) time.Time {
			return time.Date(2026, 11, day, hour, minute, 0, 0, models.Hanoi)
		}
		h.declare(sick) // on the 20th at 09:00: high, updates are due at 08:00 and 18:00
		h.drain()
		h.now = local(21, 7, 59)
		h.climb()
		if got := h.reminders(); len(got) != 0 {
			h.Fatalf("reminded before anything was missed: %+v", got)
		}
		h.now = local(21, 10, 30)
		h.climb()
		h.climb() // a second look takes no step twice
		got := h.reminders()
		if len(got) != 1 || got[0].Kind != models.MessageReminder || !got[0].ExpiresAt.Equal(local(21, 14, 0)) {
			h.Fatalf("%+v", got)
		}
		if wanted, err := h.followup.Wanted(h.Context(), &got[0]); err != nil || !wanted {
			h.Errorf("the reminder is not wanted: %v", err)
		}
		h.update(map[string]any{"fever": true})
		if wanted, err := h.followup.Wanted(h.Context(), &got[0]); err != nil || wanted {
			h.Errorf("the reminder is wanted after the answer: %v", err)
		}
		for h.now = local(21, 11, 0); !h.now.After(local(23, 8, 30)); h.now = h.now.Add(30 * time.Minute) {
			h.climb()
		}
		if got := h.reminders(); len(got) != 5 { // and push and SMS for the morning and the evening of the 22nd
			h.Errorf("%d reminders: %+v", len(got), got)
		}
		missed := true
		found, _, err := h.cases.List(h.Context(), officer, models.CaseFilter{Missed: &missed}, "", models.Page{Limit: 10})
		if err != nil || len(found) != 1 || !found[0].MissedSince.Equal(local(22, 8, 0)) {
			h.Fatalf("the officials' queue: %+v, %v", found, err)
		}
		h.update(map[string]any{"fever": true})
		if found := h.list(""); len(found) != 1 || !found[0].MissedSince.IsZero() {
			h.Errorf("an update leaves the person missed: %+v", found)
		}
		closed := models.CaseClosed
		if _, err := h.cases.Change(h.Context(), officer, found[0].ID, nil, cases.Patch{Status: &closed}); err != nil {
			h.Fatal(err)
		}
		h.drain()
		h.now = local(26, 12, 0)
		h.climb()
		if got := h.reminders(); len(got) != 5 {
			h.Error("reminded after the case was closed")
		}
		plan, err := h.store.FollowUp(h.Context(), h.citizen.Account, h.person.ID, "covid19")
		if err != nil || plan.EndReason != models.EndClosed {
			h.Errorf("%+v, %v", plan, err)
		}
	})
}

func (h *house) reminders() []models.Message {
	h.Helper()
	inbox, _, err := h.store.Inbox(h.Context(), h.citizen.Account, models.Page{Limit: 100})
	if err != nil {
		h.Fatal(err)
	}
	return slices.DeleteFunc(inbox, func(m models.Message) bool { return m.Kind == models.MessageAdvice })
}
