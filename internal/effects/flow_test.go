package effects_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"khaibao/internal/areas"
	"khaibao/internal/cases"
	"khaibao/internal/effects"
	"khaibao/internal/followup"
	"khaibao/internal/intake"
	"khaibao/internal/privacy"
	"khaibao/internal/rules"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
	"khaibao/programs"
)

// house is the use-cases wired together on one engine, with effects carried out on demand.
type house struct {
	*testing.T
	store    *store.Store
	intake   *intake.Service
	cases    *cases.Service
	privacy  *privacy.Service
	followup *followup.Service
	worker   *effects.Worker
	now      time.Time
	citizen  models.Citizen
	person   models.Person
	n        int
}

var officer = models.Official{ID: "o1", Login: "o1", Role: models.Officer, Area: "06325"}

func each(t *testing.T, test func(h *house)) {
	t.Helper()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newHouse(t, open(t)))
		})
	}
}

func newHouse(t *testing.T, engine store.Engine) *house {
	t.Helper()
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), engine, keys)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := rules.Load(rules.Options{}, rules.Source{Name: "programs", FS: programs.FS})
	if err != nil {
		t.Fatal(err)
	}
	directory, err := areas.Load()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{T: t, store: s, now: time.Date(2026, 11, 20, 2, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return h.now }
	h.intake = intake.New(intake.Config{Store: s, Programs: catalog, Areas: directory, Now: clock, Looked: func(ctx context.Context, official models.Official, look models.AuditEntry) error {
		return h.cases.NoteLooks(ctx, official, look)
	}})
	h.cases = cases.New(cases.Config{
		Store: s, Within: func(a models.Area) cases.Scoped { return s.Within(a) }, Programs: catalog, Areas: directory, Now: clock,
	})
	h.privacy = privacy.New(privacy.Config{
		Store: s, EndSessions: func(context.Context, string) error { return nil }, Follow: h.cases.FollowPerson, Now: clock,
	})
	h.followup = followup.New(followup.Config{
		Store: s, Programs: catalog, Missed: h.cases.Missed, Ended: h.cases.Ended, Now: clock, Owner: "test", Log: slog.New(slog.DiscardHandler),
	})
	h.worker = effects.New(effects.Config{
		Store: s,
		BeginCounting: func(ctx context.Context, form models.Form) (effects.Counting, error) {
			return s.BeginCounting(ctx, form)
		},
		BeginBilling:      func(ctx context.Context) (effects.Billing, error) { return s.BeginBilling(ctx) },
		BeginCaseCounting: func(ctx context.Context) (effects.CaseCounting, error) { return s.BeginCaseCounting(ctx) },
		Planned:           h.followup.Planned, Plan: h.followup.Apply, EndPlans: h.followup.End,
		Flag: h.cases.Apply, Follow: h.cases.FollowPerson, Forget: h.privacy.Forget, Release: h.privacy.Release,
		SMSAfter: catalog.SMSAfter, Now: clock, Owner: "test", Log: slog.New(slog.DiscardHandler),
	})
	account, err := s.ClaimPhone(t.Context(), "+84900000001")
	if err != nil {
		t.Fatal(err)
	}
	h.citizen = models.Citizen{Account: account, Channel: models.ChannelApp, Lang: models.Vietnamese}
	h.person = h.add("Nguyễn Thị Thử", models.Self, "06325")
	return h
}

func (h *house) add(name string, relation models.Relationship, commune string) models.Person {
	h.Helper()
	born, sex := "1958-03-21", models.Female
	person, _, _, err := h.intake.AddPerson(h.Context(), h.citizen, intake.PersonInput{Name: &name, BirthDate: &born, Sex: &sex, Relationship: &relation, Commune: &commune})
	if err != nil {
		h.Fatal(err)
	}
	return person
}

func (h *house) nextID() string {
	h.n++
	return fmt.Sprintf("019ac000-0000-7000-8000-%012d", h.n)
}

func (h *house) declare(answers map[string]any) *models.Declaration {
	h.Helper()
	return h.declareFor(h.person.ID, answers)
}

func (h *house) declareFor(person string, answers map[string]any) *models.Declaration {
	h.Helper()
	d, _, err := h.intake.Submit(h.Context(), h.citizen, intake.Submission{
		Form: models.FormDeclaration, ID: h.nextID(), Program: "covid19", PersonID: person, Answers: answers,
	})
	if err != nil {
		h.Fatal(err)
	}
	return d
}

func (h *house) drain() {
	h.Helper()
	if err := h.worker.Drain(h.Context()); err != nil {
		h.Fatal(err)
	}
}

func (h *house) list(search string) []cases.View {
	h.Helper()
	found, _, err := h.cases.List(h.Context(), officer, models.CaseFilter{}, search, models.Page{Limit: 50})
	if err != nil {
		h.Fatal(err)
	}
	return found
}

var sick = map[string]any{"fever": true, "contact_case": "yes"}

func TestAFlagBecomesACaseAMessageAndANumber(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		d := h.declare(sick)
		if d.Decision.Level != models.LevelHigh {
			h.Fatalf("level %s", d.Decision.Level)
		}
		h.drain()
		h.drain()
		found := h.list("")
		if len(found) != 1 || found[0].Level != models.LevelHigh || *found[0].MaskedName != "N*** T*** T***" || found[0].DueAt.IsZero() {
			h.Fatalf("%+v", found)
		}
		for search, want := range map[string]int{"nguyen thi thu": 1, "0900000001": 1, "Trần": 0} {
			if got := len(h.list(search)); got != want {
				h.Errorf("search %q finds %d", search, got)
			}
		}
		inbox, _, err := h.store.Inbox(h.Context(), h.citizen.Account, models.Page{Limit: 10})
		if err != nil || len(inbox) != 1 || inbox[0].State != models.MessagePending || inbox[0].SMSAt.IsZero() {
			h.Errorf("inbox %+v, %v", inbox, err)
		}
		stats, err := h.cases.Stats(h.Context(), officer, cases.StatsQuery{Program: "covid19", From: "2026-11-20", To: "2026-11-20"})
		if err != nil || len(stats) != 1 || stats[0].Count != 1 {
			h.Errorf("stats %+v, %v", stats, err)
		}
		if _, err := h.cases.Stats(h.Context(), officer, cases.StatsQuery{Program: "covid19", Area: "06001", From: "2026-11-20", To: "2026-11-20"}); !models.NotFound.Is(err) {
			h.Errorf("another commune's numbers: %v", err)
		}
	})
}

func TestSubmitIsIdempotent(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		in := intake.Submission{Form: models.FormDeclaration, ID: h.nextID(), Program: "covid19", PersonID: h.person.ID, Answers: sick, OccurredAt: h.now}
		first, created, err := h.intake.Submit(h.Context(), h.citizen, in)
		if err != nil || !created {
			h.Fatal(created, err)
		}
		h.now = h.now.AddDate(0, 0, 30) // far too late for a new one
		again, created, err := h.intake.Submit(h.Context(), h.citizen, in)
		if err != nil || created || !again.ReceivedAt.Equal(first.ReceivedAt) {
			h.Errorf("%+v %t %v", again, created, err)
		}
		h.now = in.OccurredAt
		in.Answers = map[string]any{"fever": false, "contact_case": "yes"}
		if _, _, err := h.intake.Submit(h.Context(), h.citizen, in); !models.Conflict.Is(err) {
			h.Errorf("other answers: %v", err)
		}
	})
}

func TestRevealIsAuditedAndTheCitizenSeesIt(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.declare(sick)
		h.drain()
		id := h.list("")[0].ID
		if _, err := h.cases.Reveal(h.Context(), officer, id, "  "); !models.Invalid.Is(err) {
			h.Errorf("without a reason: %v", err)
		}
		who, err := h.cases.Reveal(h.Context(), officer, id, "gọi điện hỏi thăm")
		if err != nil || who.Name != "Nguyễn Thị Thử" || who.Phone != "+84900000001" {
			h.Fatalf("%+v, %v", who, err)
		}
		status, note := models.CaseContacted, "đã gọi"
		detail, err := h.cases.Change(h.Context(), officer, id, nil, cases.Patch{Status: &status, Note: &note})
		if err != nil || detail.Status != models.CaseContacted || !detail.DueAt.IsZero() || detail.Notes[0].Text != note {
			h.Fatalf("%+v, %v", detail, err)
		}
		h.drain()
		log, _, err := h.privacy.AccessLog(h.Context(), h.citizen, models.Page{Limit: 10})
		if err != nil || len(log) != 2 {
			h.Fatalf("%+v, %v", log, err)
		}
		actions := []models.AuditAction{log[0].Action, log[1].Action}
		if !slices.Contains(actions, "reveal") || !slices.Contains(actions, "change_case") {
			h.Errorf("%v", actions)
		}
		other := models.Official{ID: "o2", Login: "o2", Role: models.Officer, Area: "06001"}
		if _, err := h.cases.Reveal(h.Context(), other, id, "tò mò"); !models.NotFound.Is(err) {
			h.Errorf("another commune's official: %v", err)
		}
	})
}

func TestErasureAtOnceOrWhenTheCaseCloses(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.declare(sick) // its effects still wait: the flag counts as an open case
		done, err := h.privacy.Erase(h.Context(), h.citizen)
		if err != nil || !done.KeptUntilClosed {
			h.Fatalf("%+v, %v", done, err)
		}
		h.drain()
		if _, err := h.intake.People(h.Context(), h.citizen); !models.Unauthenticated.Is(err) {
			h.Errorf("an erased household is still served: %v", err)
		}
		found := h.list("")
		if len(found) != 1 || found[0].MaskedName == nil {
			h.Fatalf("the official lost the open case: %+v", found)
		}
		closed := models.CaseClosed
		if _, err := h.cases.Change(h.Context(), officer, found[0].ID, nil, cases.Patch{Status: &closed}); err != nil {
			h.Fatal(err)
		}
		h.drain()
		found = h.list("")
		if len(found) != 1 || found[0].MaskedName != nil || found[0].MaskedPhone != "" {
			h.Errorf("identity survived: %+v", found)
		}
		if got := h.list("nguyen thi thu"); len(got) != 0 {
			h.Error("an erased person is found by name")
		}
		fresh, err := h.store.ClaimPhone(h.Context(), "+84900000001")
		if err != nil || fresh == h.citizen.Account {
			h.Errorf("the number still leads to the erased household: %v", err)
		}
	})
}

func TestRemovedRelativeGoesWhenTheirCaseCloses(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		self := h.person
		h.person = h.add("Trần Văn Cha", models.Parent, "06325")
		h.declare(sick)
		h.drain()
		kept, err := h.intake.RemovePerson(h.Context(), h.citizen, h.person.ID)
		if err != nil || !kept {
			h.Fatal(kept, err)
		}
		people, err := h.intake.People(h.Context(), h.citizen)
		if err != nil || len(people) != 1 || people[0].ID != self.ID {
			h.Errorf("%+v, %v", people, err)
		}
		id, closed := h.list("")[0].ID, models.CaseClosed
		if who, err := h.cases.Reveal(h.Context(), officer, id, "gọi điện"); err != nil || who.Name != "Trần Văn Cha" {
			h.Errorf("%+v, %v", who, err)
		}
		if _, err := h.cases.Change(h.Context(), officer, id, nil, cases.Patch{Status: &closed}); err != nil {
			h.Fatal(err)
		}
		h.drain()
		account, err := h.store.Account(h.Context(), h.citizen.Account)
		if err != nil || len(account.People) != 2 || !account.People[1].Forgotten() || account.People[1].Name != "" {
			h.Errorf("%+v, %v", account, err)
		}
		if who, err := h.cases.Reveal(h.Context(), officer, id, "gọi điện"); err != nil || who != (cases.Identity{}) {
			h.Errorf("a removed person is still revealed: %+v, %v", who, err)
		}
		reopened := models.CaseNew
		if _, err := h.cases.Change(h.Context(), officer, id, nil, cases.Patch{Status: &reopened}); !models.Invalid.Is(err) {
			h.Errorf("a case about nobody was opened again: %v", err)
		}
	})
}

func TestCaseMovesWithThePerson(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.declare(sick)
		h.drain()
		commune := "06001"
		if _, _, err := h.intake.ChangePerson(h.Context(), h.citizen, h.person.ID, intake.PersonInput{Commune: &commune}); err != nil {
			h.Fatal(err)
		}
		h.drain()
		if got := h.list(""); len(got) != 0 {
			h.Error("the case stayed in the old commune")
		}
		there := models.Official{ID: "o2", Login: "o2", Role: models.Officer, Area: "06001"}
		found, _, err := h.cases.List(h.Context(), there, models.CaseFilter{}, "", models.Page{Limit: 10})
		if err != nil || len(found) != 1 {
			h.Errorf("%+v, %v", found, err)
		}
	})
}

func TestAContactMeetsTheDeadlineOfAnEscalation(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.declare(map[string]any{"fever": true})
		h.drain()
		id, contacted := h.list("")[0].ID, models.CaseContacted
		change := func() cases.Detail {
			h.Helper()
			d, err := h.cases.Change(h.Context(), officer, id, nil, cases.Patch{Status: &contacted})
			if err != nil {
				h.Fatal(err)
			}
			return d
		}
		if d := change(); !d.DueAt.IsZero() {
			h.Errorf("a deadline after the contact: %v", d.DueAt)
		}
		h.now = h.now.Add(time.Hour)
		h.declare(map[string]any{"blue_lips": true})
		h.drain()
		if v := h.list("")[0]; v.DueAt.IsZero() || v.Level != models.LevelEmergency {
			h.Fatalf("it got worse without a deadline: %+v", v)
		}
		if d := change(); !d.DueAt.IsZero() {
			h.Error("calling again does not meet the new deadline")
		}
	})
}

func TestAPersonSentAgainAfterAChangeOrARemoval(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		name, born, sex, relation, address := "Lê Thị Lại", "1990-01-01", models.Female, models.OtherRelated, "Số 2"
		in := intake.PersonInput{ID: h.nextID(), Name: &name, BirthDate: &born, Sex: &sex, Relationship: &relation}
		add := func() (models.Person, bool, error) {
			p, _, added, err := h.intake.AddPerson(h.Context(), h.citizen, in)
			return p, added, err
		}
		if _, added, err := add(); err != nil || !added {
			h.Fatal(added, err)
		}
		if _, _, err := h.intake.ChangePerson(h.Context(), h.citizen, in.ID, intake.PersonInput{Address: &address}); err != nil {
			h.Fatal(err)
		}
		if p, added, err := add(); err != nil || added || p.Address != address {
			h.Errorf("sent again after a change: %+v %t %v", p, added, err)
		}
		if _, err := h.intake.RemovePerson(h.Context(), h.citizen, in.ID); err != nil {
			h.Fatal(err)
		}
		if _, _, err := add(); !models.Conflict.Is(err) {
			h.Errorf("a late repeat brought a removed person back: %v", err)
		}
		people, err := h.intake.People(h.Context(), h.citizen)
		if err != nil || len(people) != 1 {
			h.Errorf("%+v, %v", people, err)
		}
	})
}

// Declarations of a flag race with the end of a household or of a person's place in it: each that was accepted has a case with
// somebody who can be called, and none that was refused has one.
func TestErasureAmongDeclarations(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		for round := range 10 {
			account, err := h.store.ClaimPhone(h.Context(), fmt.Sprintf("+8490000%04d", 100+round))
			if err != nil {
				h.Fatal(err)
			}
			h.citizen.Account = account
			person := h.add("Nguyễn Thị Thử", models.Self, "06325")
			var accepted atomic.Int64
			var racing sync.WaitGroup
			const rivals = 6
			begun := make(chan struct{}, rivals)
			for range rivals {
				id := h.nextID()
				racing.Go(func() {
					begun <- struct{}{}
					_, _, err := h.intake.Submit(h.Context(), h.citizen, intake.Submission{
						Form: models.FormDeclaration, ID: id, Program: "covid19", PersonID: person.ID, Answers: sick,
					})
					switch {
					case err == nil:
						accepted.Add(1)
					case !models.Unauthenticated.Is(err) && !models.Invalid.Is(err):
						h.Error(err)
					}
				})
			}
			kept := false
			racing.Go(func() {
				for range min(round, rivals) { // somewhere in the midst
					<-begun
				}
				if round%2 == 0 {
					done, err := h.privacy.Erase(h.Context(), h.citizen)
					if kept = done.KeptUntilClosed; err != nil {
						h.Error(err)
					}
					return
				}
				var err error
				if kept, err = h.intake.RemovePerson(h.Context(), h.citizen, person.ID); err != nil {
					h.Error(err)
				}
			})
			racing.Wait()
			h.drain()
			found, err := h.store.CasesOfAccount(h.Context(), account)
			if err != nil || len(found) != int(min(accepted.Load(), 1)) || kept && len(found) == 0 {
				h.Fatalf("round %d: %d accepted, %d cases, kept %t, %v", round, accepted.Load(), len(found), kept, err)
			}
			if len(found) == 1 {
				if who, err := h.cases.Reveal(h.Context(), officer, found[0].ID, "gọi điện"); err != nil || who.Name != "Nguyễn Thị Thử" || who.Phone == "" {
					h.Errorf("round %d: nobody can be called: %+v, %v", round, who, err)
				}
			}
		}
	})
}
