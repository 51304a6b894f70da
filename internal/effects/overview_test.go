package effects_test

import (
	"testing"
	"time"

	"khaibao/internal/cases"
	"khaibao/models"
)

// What stood at the end of yesterday and of the day a week ago stays true while cases are dealt with, and when an action is
// taken back.
func TestWhatStoodAtTheEndOfADay(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		check := func(what string, overdue, unreached cases.Then) {
			h.Helper()
			h.drain()
			for _, area := range []models.Area{"06325", "20", models.Nation} {
				o, err := h.cases.Overview(h.Context(), models.Official{Area: models.Nation}, area)
				if err != nil || o.Overdue != overdue || o.Unreached != unreached {
					h.Errorf("%s, in %s: overdue %+v, want %+v; unreached %+v, want %+v (%v)", what, area, o.Overdue, overdue, o.Unreached, unreached, err)
				}
				for _, below := range o.Areas {
					if below.Overdue != overdue.Now {
						h.Errorf("%s: below %s %d are overdue, want %d", what, area, below.Overdue, overdue.Now)
					}
				}
			}
		}
		act := func(outcome models.Outcome) cases.Done {
			h.Helper()
			done, err := h.cases.Act(h.Context(), officer, cases.Selection{All: true}, cases.Action{Contact: &cases.ContactInput{Outcome: outcome}})
			if err != nil {
				h.Fatal(err)
			}
			return done
		}
		h.declare(sick) // on 20 November at nine in the morning in Vietnam
		check("declared", cases.Then{}, cases.Then{})
		act(models.NoAnswer)
		check("called in vain", cases.Then{}, cases.Then{Now: 1})
		h.now = h.now.AddDate(0, 0, 2)
		check("two days later", cases.Then{Now: 1, Yesterday: 1}, cases.Then{Now: 1, Yesterday: 1})
		done := act(models.Reached)
		check("reached", cases.Then{Yesterday: 1}, cases.Then{Yesterday: 1})
		if undone, err := h.cases.Undo(h.Context(), officer, done.Undo); err != nil || undone.Changed != 1 {
			h.Fatal(undone, err)
		}
		check("taken back", cases.Then{Now: 1, Yesterday: 1}, cases.Then{Now: 1, Yesterday: 1})
		act(models.Refused)
		h.now = h.now.Add(time.Hour)
		check("an hour later", cases.Then{Yesterday: 1}, cases.Then{Yesterday: 1})
		h.now = h.now.AddDate(0, 0, 1)
		check("the day after", cases.Then{}, cases.Then{})
		h.now = h.now.AddDate(0, 0, 5)
		check("a week after the first", cases.Then{LastWeek: 1}, cases.Then{LastWeek: 1})

		o, err := h.cases.Overview(h.Context(), officer, "")
		if err != nil {
			h.Fatal(err)
		}
		// Of the 14 days the first contact was on the eighth, two days after the case was opened.
		if day := o.Days[7]; day.Day != "2026-11-22" || day.Contacted.Cases() != 1 || day.Contacted.Median() != 48*time.Hour {
			h.Errorf("%+v, median %v", day, day.Contacted.Median())
		}
	})
}

func TestMedianOfContacts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		contacts cases.Contacts
		want     time.Duration
	}{
		{nil, 0},
		{cases.Contacts{5: 0}, 0},
		{cases.Contacts{45: 1}, 45 * time.Minute},
		{cases.Contacts{5: 1, 45: 1}, 5 * time.Minute},
		{cases.Contacts{5: 1, 45: 1, 120: 1}, 45 * time.Minute},
		{cases.Contacts{5: 2, 45: 1, 120: 4}, 2 * time.Hour},
	} {
		if got := c.contacts.Median(); got != c.want {
			t.Errorf("%v: %v, want %v", c.contacts, got, c.want)
		}
	}
}
