package effects_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/intake"
	"khaibao/models"
)

// What an official enters on a citizen's behalf is in the audit and in the citizen's own log, once, and
// it moves the person to where they stay now.
func TestIntakeByAnOfficial(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		people, err := h.intake.FindHousehold(h.Context(), officer, "+84900000001")
		if err != nil || len(people) != 1 || people[0].ID != h.person.ID {
			h.Fatalf("the household: %+v, %v", people, err)
		}
		if people, err := h.intake.FindHousehold(h.Context(), officer, "+84900000002"); err != nil || len(people) != 0 {
			h.Fatalf("a number without a household: %+v, %v", people, err)
		}
		if _, err := h.intake.OnBehalf(h.Context(), officer, "+84900000002", "official-1"); !models.NotFound.Is(err) {
			h.Errorf("acting for nobody: %v", err)
		}
		citizen, err := h.intake.OnBehalf(h.Context(), officer, "+84900000001", "official-1")
		if err != nil {
			h.Fatal(err)
		}
		form := intake.Submission{
			Form: models.FormDeclaration, ID: h.nextID(), Program: "covid19", PersonID: h.person.ID, Answers: map[string]any{"fever": true}, Commune: "05977",
		}
		d, created, err := h.intake.Submit(h.Context(), citizen, form)
		if err != nil || !created || d.Commune != "05977" {
			h.Fatalf("%+v, %t, %v", d, created, err)
		}
		if _, created, err := h.intake.Submit(h.Context(), citizen, form); err != nil || created {
			h.Errorf("sending it again: %t, %v", created, err)
		}
		h.drain()
		var got []models.AuditEntry
		for _, e := range h.log() {
			// Its id follows from the declaration, so that carrying the effect out twice writes it once.
			if once := models.TimeID(d.ReceivedAt, "intake|"+d.Account+"|declaration|"+d.ID); (e.ID == once) != (e.Program != "") {
				h.Errorf("%s has the id %s", e.Action, e.ID)
			}
			e.ID, e.At = "", h.now
			got = append(got, e)
		}
		entry := models.AuditEntry{
			At: h.now, Official: officer.ID, Login: officer.Login, Role: officer.Role, Area: officer.Area, Account: h.citizen.Account,
		}
		look, moved, entered := entry, entry, entry
		look.Action, look.Detail = models.AuditSearch, map[string]string{"for": "intake", "found": "yes"}
		moved.Action, moved.PersonID, moved.Detail = models.AuditIntake, h.person.ID, map[string]string{"person": "changed"}
		entered.Action, entered.PersonID, entered.Program = models.AuditIntake, h.person.ID, "covid19"
		entered.Detail = map[string]string{"form": "declaration", "receipt": models.Receipt(d.ID), "text_version": "official-1"}
		byKind := func(e models.AuditEntry) string { return string(e.Action) + e.Program }
		if diff := cmp.Diff(map[string]models.AuditEntry{byKind(look): look, byKind(moved): moved, byKind(entered): entered}, indexed(got, byKind)); diff != "" || len(got) != 3 {
			h.Errorf("%d entries (-want +got):\n%s", len(got), diff)
		}
		if cases := h.list(""); len(cases) != 0 {
			h.Errorf("the officer of the commune before sees %d cases", len(cases))
		}
	})
}

func indexed(entries []models.AuditEntry, key func(models.AuditEntry) string) map[string]models.AuditEntry {
	out := map[string]models.AuditEntry{}
	for _, e := range entries {
		out[key(e)] = e
	}
	return out
}

// log is the citizen's own view of who did what.
func (h *house) log() []models.AuditEntry {
	h.Helper()
	entries, _, err := h.privacy.AccessLog(h.Context(), h.citizen, models.Page{Limit: 50})
	if err != nil {
		h.Fatal(err)
	}
	return entries
}
