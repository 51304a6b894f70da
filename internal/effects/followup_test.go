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

// updates keeps an update of somebody; what follows from it is carried out by drain.
func (h *house) updates(person string, answers map[string]any) {
	h.Helper()
	_, _, err := h.intake.Submit(h.Context(), h.citizen, intake.Submission{
		Form: models.FormDaily, ID: h.nextID(), Program: "covid19", PersonID: person, Answers: answers,
	})
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) update(answers map[string]any) {
	h.Helper()
	h.updates(h.person.ID, answers)
	h.drain()
}

func (h *house) wanted(m models.Message) bool {
	h.Helper()
	wanted, err := h.followup.Wanted(h.Context(), &m)
	if err != nil {
		h.Fatal(err)
	}
	return wanted
}

func (h *house) plan(person string) models.FollowUp {
	h.Helper()
	plan, err := h.store.FollowUp(h.Context(), h.citizen.Account, person, "covid19")
	if err != nil {
		h.Fatal(err)
	}
	return plan
}

func (h *house) change(status models.CaseStatus) {
	h.Helper()
	if _, err := h.cases.Change(h.Context(), officer, h.list("")[0].ID, nil, cases.Patch{Status: &status}); err != nil {
		h.Fatal(err)
	}
}

func local(day, hour, minute int) time.Time {
	return time.Date(2026, 11, day, hour, minute, 0, 0, models.Hanoi)
}

func TestAMissedDayClimbsItsLadder(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.declare(sick) // on the 20th at 09:00: high, updates are due at 08:00 and 18:00
		h.drain()
		h.now = local(20, 19, 59)
		h.climb()
		if got := h.reminders(); len(got) != 0 {
			h.Fatalf("reminded before anything was missed: %+v", got)
		}
		h.now = local(20, 20, 30)
		h.climb()
		h.climb() // a second look takes no step twice
		got := h.reminders()
		if len(got) != 1 || got[0].Kind != models.MessageReminder || !got[0].ExpiresAt.Equal(local(20, 21, 0)) {
			h.Fatalf("%+v", got)
		}
		if !h.wanted(got[0]) {
			h.Error("the reminder is not wanted")
		}
		h.updates(h.person.ID, map[string]any{"fever": true})
		if h.wanted(got[0]) {
			h.Error("the reminder is wanted after the answer was acknowledged")
		}
		h.drain()
		if h.wanted(got[0]) {
			h.Error("the reminder is wanted after the answer")
		}
		for h.now = local(20, 21, 0); !h.now.After(local(22, 8, 30)); h.now = h.now.Add(30 * time.Minute) {
			h.climb()
		}
		if got := h.reminders(); len(got) != 5 { // and push and SMS for the morning and the evening of the 21st
			h.Errorf("%d reminders: %+v", len(got), got)
		}
		missed := true
		found, _, err := h.cases.List(h.Context(), officer, models.CaseFilter{Missed: &missed}, "", models.Page{Limit: 10})
		if err != nil || len(found) != 1 || !found[0].MissedSince.Equal(local(21, 8, 0)) {
			h.Fatalf("the officials' queue: %+v, %v", found, err)
		}
		h.update(map[string]any{"fever": true})
		if found := h.list(""); len(found) != 1 || !found[0].MissedSince.IsZero() {
			h.Errorf("an update leaves the person missed: %+v", found)
		}
		h.change(models.CaseClosed)
		h.drain()
		h.now = local(26, 12, 0)
		h.climb()
		if got := h.reminders(); len(got) != 5 {
			h.Error("reminded after the case was closed")
		}
		if plan := h.plan(h.person.ID); plan.EndReason != models.EndClosed {
			h.Errorf("%+v", plan)
		}
	})
}

// After a standstill of days each plan moves on at once; what is too late to be sent is not made.
func TestAStandstillSendsNothingLate(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.declare(sick)
		h.drain()
		h.now = local(23, 12, 0)
		if n, err := h.followup.Round(h.Context()); n != 1 || err != nil {
			h.Fatal(n, err)
		}
		got := h.reminders()
		if len(got) != 1 || !got[0].Slot.Equal(local(23, 8, 0)) {
			h.Errorf("%+v, want the push of this morning", got)
		}
		if since := h.list("")[0].MissedSince; !since.Equal(local(20, 18, 0)) {
			h.Errorf("missed since %s, want the first update that did not come", since)
		}
	})
}

// A household is reminded once of what several of it owe, until the last of them has answered.
func TestOneReminderForAHousehold(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		child := h.add("Nguyễn Văn Con", models.Child, "06325")
		h.declare(sick)
		h.declareFor(child.ID, sick)
		h.drain()
		h.now = local(20, 20, 0)
		h.climb()
		got := h.reminders()
		if len(got) != 1 {
			h.Fatalf("%d reminders for one household: %+v", len(got), got)
		}
		h.updates(child.ID, map[string]any{"fever": true})
		if !h.wanted(got[0]) {
			h.Error("the reminder is not wanted although one has not answered")
		}
		h.updates(h.person.ID, map[string]any{"fever": true})
		if h.wanted(got[0]) {
			h.Error("the reminder is wanted although everybody has answered")
		}
	})
}

// What ends a plan stops its reminders from the moment it is acknowledged.
func TestNothingIsSentAfterTheEnd(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]struct {
		end  func(h *house)
		want models.EndReason
	}{
		"an official closes the case": {func(h *house) { h.change(models.CaseClosed) }, models.EndClosed},
		"the person is removed": {func(h *house) {
			if _, err := h.intake.RemovePerson(h.Context(), h.citizen, h.person.ID); err != nil {
				h.Fatal(err)
			}
		}, models.EndWithdrawn},
		"the account is erased": {func(h *house) {
			if _, err := h.privacy.Erase(h.Context(), h.citizen); err != nil {
				h.Fatal(err)
			}
		}, models.EndWithdrawn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(h *house) {
				h.declare(sick)
				h.drain()
				h.now = local(20, 20, 0)
				h.climb()
				reminder := h.reminders()[0]
				act.end(h)
				if h.wanted(reminder) {
					h.Error("the reminder is wanted")
				}
				h.drain()
				if plan := h.plan(h.person.ID); plan.EndReason != act.want {
					h.Errorf("the plan ended %q, want %q", plan.EndReason, act.want)
				}
				if h.wanted(reminder) {
					h.Error("the reminder is wanted after the plan ended")
				}
			})
		})
	}
}

// A flag that comes in after an official closed the case opens it again: its plan runs on, whichever of the two is
// carried out first.
func TestAReopenedCaseKeepsItsPlan(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.declare(sick)
		h.drain()
		h.now = local(20, 12, 0)
		h.change(models.CaseClosed)
		h.now = local(20, 12, 1)
		h.updates(h.person.ID, map[string]any{"fever": true, "cough": true, "dyspnoea": true})
		h.drain()
		if found := h.list(""); found[0].Status != models.CaseNew {
			h.Fatalf("the case is %s, want new again", found[0].Status)
		}
		if plan := h.plan(h.person.ID); !plan.Running() {
			h.Errorf("the plan ended %q although the case is open again", plan.EndReason)
		}
	})
}

// Somebody who left before their declaration was carried out gets no plan.
func TestNoPlanForWhoHasLeft(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.declare(sick)
		if _, err := h.intake.RemovePerson(h.Context(), h.citizen, h.person.ID); err != nil {
			h.Fatal(err)
		}
		if err := h.followup.End(h.Context(), h.citizen.Account, h.person.ID, "", models.EndWithdrawn, h.now); err != nil { // before there is anything to end
			h.Fatal(err)
		}
		h.drain()
		if plan := h.plan(h.person.ID); plan.Running() || plan.EndReason != models.EndWithdrawn {
			h.Errorf("%+v", plan)
		}
	})
}

// The end of a plan closes the case of who got well and was looked after, and of nobody else.
func TestTheEndOfAPlanClosesTheCase(t *testing.T) {
	t.Parallel()
	well := map[string]any{"fever": false}
	for name, c := range map[string]struct {
		status models.CaseStatus
		days   func(h *house)
		want   models.CaseStatus
		reason models.EndReason
	}{
		"got well, contacted": {models.CaseContacted, func(h *house) {
			for day := 21; day <= 24; day++ {
				h.now = local(day, 8, 0)
				h.update(well)
			}
		}, models.CaseClosed, models.EndLevelFell},
		"got well, nobody called": {"", func(h *house) {
			for day := 21; day <= 24; day++ {
				h.now = local(day, 8, 0)
				h.update(well)
			}
		}, models.CaseNew, models.EndLevelFell},
		"stopped answering": {models.CaseContacted, func(h *house) {
			h.now = local(21, 8, 0)
			h.update(well)
			h.now = local(34, 12, 0)
		}, models.CaseContacted, models.EndPeriodOver},
		"still ill": {models.CaseContacted, func(h *house) {
			for day := 21; day <= 33; day++ {
				for _, hour := range []int{8, 18} {
					h.now = local(day, hour, 0)
					h.update(map[string]any{"fever": true, "cough": true, "dyspnoea": true})
				}
			}
			h.now = local(34, 8, 0)
			h.update(map[string]any{"cough": true})
			h.now = local(34, 12, 0)
		}, models.CaseContacted, models.EndPeriodOver},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(h *house) {
				h.declare(sick)
				h.drain()
				if c.status != "" {
					h.change(c.status)
				}
				c.days(h)
				h.climb()
				h.drain()
				if got := h.list("")[0].Status; got != c.want {
					h.Errorf("the case is %s, want %s", got, c.want)
				}
				if plan := h.plan(h.person.ID); plan.EndReason != c.reason || !plan.NextAt.IsZero() {
					h.Errorf("%+v, want it ended by %s and nobody needed any more", plan, c.reason)
				}
			})
		})
	}
}

func (h *house) reminders() []models.Message {
	h.Helper()
	inbox, _, err := h.store.Inbox(h.Context(), h.citizen.Account, models.Page{Limit: 100})
	if err != nil {
		h.Fatal(err)
	}
	return slices.DeleteFunc(inbox, func(m models.Message) bool {
		return m.Kind != models.MessageReminder && m.Kind != models.MessageReminderSMS
	})
}
