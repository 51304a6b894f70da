package effects_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/areas"
	"khaibao/internal/intake"
	"khaibao/internal/rules"
	"khaibao/models"
	"khaibao/programs"
)

// send hands a form in that happened some time ago.
func (h *house) send(form models.Form, id, program, person string, ago time.Duration, answers map[string]any) *models.Declaration {
	h.Helper()
	d, _, err := h.intake.Submit(h.Context(), h.citizen, intake.Submission{
		Form: form, ID: id, Program: program, PersonID: person, Answers: answers, OccurredAt: h.now.Add(-ago),
	})
	if err != nil {
		h.Fatal(err)
	}
	return d
}

func (h *house) measured(ago time.Duration, answers map[string]any) *models.Declaration {
	h.Helper()
	return h.send(models.FormDaily, h.nextID(), "covid19", h.person.ID, ago, answers)
}

func fired(d *models.Declaration) []string {
	var names []string
	for _, r := range d.Decision.Reasons {
		names = append(names, r.Rule)
	}
	return names
}

func directionOf(d *models.Declaration) models.Direction {
	t, _ := d.Trend()
	return t.Direction
}

func shipped(h *house) *rules.Catalog {
	h.Helper()
	catalog, err := rules.Load(rules.Options{}, rules.Source{Name: "programs", FS: programs.FS})
	if err != nil {
		h.Fatal(err)
	}
	return catalog
}

// replays holds that what is stored decides the same again, all by itself.
func (h *house) replays() {
	h.Helper()
	catalog := shipped(h)
	seen, used := 0, 0
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		stored, _, err := h.store.Declarations(h.Context(), h.citizen.Account, form, "", models.Page{Limit: 200})
		if err != nil {
			h.Fatal(err)
		}
		for i := range stored {
			d := &stored[i]
			program, _ := catalog.Version(d.Program, d.Version)
			if diff := cmp.Diff(d.Decision, intake.Decide(program, d)); diff != "" {
				h.Errorf("%s %s with %v: %s", d.Form, d.ID, d.Earlier, diff)
			}
			seen++
			used += len(d.Earlier)
		}
	}
	if seen == 0 || used == 0 {
		h.Errorf("%d forms with %d earlier values", seen, used)
	}
}

const aDay = 24 * time.Hour

func TestUpdatesSeeWhatWasBefore(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		mother := h.person
		other := h.add("Trần Văn Thử", models.Parent, "06325")
		if d := h.measured(9*aDay, map[string]any{"spo2": 97}); d.Earlier != nil || directionOf(d) != "" {
			h.Errorf("the first one: %v %+v", d.Earlier, d.Previous)
		}
		h.send(models.FormDeclaration, h.nextID(), "covid19", mother.ID, 3*aDay, map[string]any{"fever": true})
		h.send(models.FormDaily, h.nextID(), "covid19", other.ID, 2*aDay, map[string]any{"spo2": 70, "feeling": "worse"})
		h.send(models.FormDaily, h.nextID(), "dengue", mother.ID, 2*aDay, map[string]any{"feeling": "worse", "temperature": 40})
		d := h.measured(2*aDay, map[string]any{"temperature": 38.5, "spo2": 94, "feeling": "worse"})
		want := models.Earlier{"spo2": int64(97), "fever": true, "level": "moderate", "days": int64(1)}
		if diff := cmp.Diff(want, d.Earlier); diff != "" {
			h.Error(diff)
		}
		if diff := cmp.Diff([]string{"fever", "falling_oxygen", "falling_oxygen_to_95", "worse", "lasting_fever", "risen"}, fired(d)); diff != "" {
			h.Error(diff)
		}
		if trend, _ := d.Trend(); trend.Direction != models.Worse || trend.Previous != models.LevelModerate || !trend.Since.Equal(h.now.Add(-3*aDay)) {
			h.Errorf("trend %+v", trend)
		}
		if d := h.measured(aDay, map[string]any{"feeling": "worse", "spo2": 98}); directionOf(d) != models.Same || d.Decision.Level != models.LevelHigh {
			h.Errorf("worse for the second day: %s %v", directionOf(d), fired(d))
		}
		if d := h.measured(0, map[string]any{"fever": false}); directionOf(d) != models.Better || d.Earlier["spo2"] != int64(98) {
			h.Errorf("well: %s %v", directionOf(d), d.Earlier)
		}
		h.now = h.now.Add(15 * aDay)
		if d := h.measured(0, map[string]any{"spo2": 95}); d.Earlier != nil || directionOf(d) != "" {
			h.Errorf("after 15 days: %v %+v", d.Earlier, d.Previous)
		}
		h.replays()
	})
}

// A form that comes in late is decided by what had happened before it, sets nothing back, and is the same when sent again.
func TestLateUpdates(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.measured(3*aDay, map[string]any{"spo2": 99, "cough": true, "temperature": 37.0})
		newest := h.send(models.FormDaily, "019ac000-0000-7000-8000-000000000500", "covid19", h.person.ID, aDay, map[string]any{"spo2": 92})
		h.drain()
		send := func() *models.Declaration {
			return h.send(models.FormDaily, "019ac000-0000-7000-8000-000000000400", "covid19", h.person.ID, 2*aDay, map[string]any{"spo2": 96, "pulse": 130})
		}
		late := send()
		if late.Earlier["spo2"] != int64(99) || directionOf(late) != models.Same {
			h.Errorf("late: %v %s", late.Earlier, directionOf(late))
		}
		h.drain()
		if diff := cmp.Diff(late, send()); diff != "" {
			h.Errorf("sent again: %s", diff)
		}
		again := h.send(models.FormDaily, newest.ID, "covid19", h.person.ID, aDay, map[string]any{"spo2": 92})
		if diff := cmp.Diff(newest, again); diff != "" || again.Earlier["spo2"] != int64(99) {
			h.Errorf("the newest sent again: %s", diff)
		}
		found := h.list("")
		if len(found) != 1 {
			h.Fatal("no case")
		}
		c := found[0].Case
		trend, _ := c.Trend()
		if c.LatestLevel != models.LevelHigh || trend.Direction != models.Worse || !trend.Since.Equal(late.OccurredAt) || c.RaisedAt.IsZero() {
			h.Errorf("latest %s, trend %+v, raised %s", c.LatestLevel, trend, c.RaisedAt)
		}
		var measures []map[string]float64
		for _, l := range c.Levels {
			measures = append(measures, l.Values)
		}
		want := []map[string]float64{{"spo2": 99, "temperature": 37}, {"spo2": 96, "pulse": 130}, {"spo2": 92}}
		if diff := cmp.Diff(want, measures); diff != "" {
			h.Error(diff)
		}
		h.replays()
	})
}

// counting passes on to a store and counts the looks back.
type counting struct {
	intake.Store
	looks int
	err   error
}

func (c *counting) History(ctx context.Context, account, personID, program string, from, before time.Time) ([]models.Declaration, error) {
	c.looks++
	if c.err != nil {
		return nil, c.err
	}
	return c.Store.History(ctx, account, personID, program, from, before)
}

// A declaration whose rules name nothing of before reads nothing; an update that cannot look back is not decided blindly.
func TestOnlyFormsThatLookBackRead(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		c := &counting{Store: h.store}
		h.intake = intake.New(intake.Config{Store: c, Programs: shipped(h), Areas: &areas.Directory{}, Now: func() time.Time { return h.now }})
		h.declare(sick)
		if c.looks != 0 {
			h.Errorf("a declaration looked back %d times", c.looks)
		}
		h.measured(0, map[string]any{"cough": true})
		if c.looks != 1 {
			h.Errorf("an update looked back %d times", c.looks)
		}
		c.err = models.Down("test", errors.New("down"))
		id := h.nextID()
		_, _, err := h.intake.Submit(h.Context(), h.citizen, intake.Submission{
			Form: models.FormDaily, ID: id, Program: "covid19", PersonID: h.person.ID, Answers: map[string]any{"cough": true},
		})
		if _, kept := h.store.Declaration(h.Context(), h.citizen.Account, models.FormDaily, id); !models.Unavailable.Is(err) || !models.NotFound.Is(kept) {
			h.Errorf("without a look back: %v, and %v", err, kept)
		}
	})
}
