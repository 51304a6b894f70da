package effects_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/cases"
	"khaibao/models"
)

// notices gives what the household is told of its cases, oldest first.
func (h *house) notices() []models.Message {
	h.Helper()
	inbox, _, err := h.store.Inbox(h.Context(), h.citizen.Account, models.Page{Limit: 100})
	if err != nil {
		h.Fatal(err)
	}
	inbox = slices.DeleteFunc(inbox, func(m models.Message) bool { return m.Kind != models.MessageNotice })
	slices.Reverse(inbox)
	return inbox
}

// The citizen hears when an official refers or closes the case, once each, and of nothing else.
func TestCitizensHearOfTheirCase(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.declare(sick)
		h.drain()
		id := h.list("")[0].ID
		for _, status := range []models.CaseStatus{models.CaseContacted, models.CaseReferred, models.CaseReferred, models.CaseMonitoring, models.CaseClosed} {
			h.now = h.now.Add(time.Minute)
			if _, err := h.cases.Change(h.Context(), officer, id, nil, cases.Patch{Status: &status}); err != nil {
				h.Fatal(err)
			}
			h.drain()
			h.drain()
		}
		var got []models.CaseStatus
		for _, m := range h.notices() {
			got = append(got, m.Status)
			if m.State != models.MessagePending || m.Route != models.RoutePush || m.PersonID != h.person.ID || !m.SMSAt.Equal(m.CreatedAt.Add(30*time.Minute)) {
				t.Errorf("got %+v", m)
			}
		}
		if diff := cmp.Diff([]models.CaseStatus{models.CaseReferred, models.CaseClosed}, got); diff != "" {
			t.Errorf("told of (-want +got):\n%s", diff)
		}
	})
}

// An official's words reach the inbox, are audited without being in the audit, and are bounded; what is wrong or out of
// the area leaves nothing behind.
func TestAnOfficialWritesToACitizen(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.declare(sick)
		h.drain()
		id := h.list("")[0].ID
		const text = "Mời bạn đến trạm y tế lúc 8 giờ sáng mai."
		message, err := h.cases.Message(h.Context(), officer, id, " "+text+" ", "")
		if err != nil {
			h.Fatal(err)
		}
		for _, wrong := range []struct{ id, text string }{{id, " "}, {id, strings.Repeat("ạ", 401)}, {id, strings.Repeat("[", 201)}, {id, "a\u202eb"}} {
			if _, err := h.cases.Message(h.Context(), officer, wrong.id, wrong.text, ""); !models.Invalid.Is(err) {
				h.Errorf("%.10q: %v, want invalid", wrong.text, err)
			}
		}
		elsewhere := officer
		elsewhere.Area = "06001"
		for who, id := range map[*models.Official]string{&elsewhere: id, &officer: "nobody"} {
			if _, err := h.cases.Message(h.Context(), *who, id, text, ""); !models.NotFound.Is(err) {
				h.Errorf("%s to %s: %v, want not found", who.Area, id, err)
			}
		}
		h.drain()
		if got := h.notices(); len(got) != 1 || got[0].ID != message || got[0].Text != text {
			h.Errorf("the household has %+v", got)
		}
		audit, _, err := h.store.Audit(h.Context(), models.AuditFilter{Account: h.citizen.Account, Actions: []models.AuditAction{models.AuditMessage}}, models.Page{Limit: 10})
		if err != nil || len(audit) != 1 || audit[0].Login != officer.Login || audit[0].Reason != "" || len(audit[0].Detail) != 0 {
			h.Errorf("the audit says %+v, %v", audit, err)
		}
	})
}

// Nobody can be written to whose identity is gone; nothing is left behind.
func TestNobodyWritesToTheErased(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		h.declare(sick)
		h.drain()
		id := h.list("")[0].ID
		if _, err := h.privacy.Erase(h.Context(), h.citizen); err != nil {
			h.Fatal(err)
		}
		closed := models.CaseClosed
		if _, err := h.cases.Change(h.Context(), officer, id, nil, cases.Patch{Status: &closed}); err != nil {
			h.Fatal(err)
		}
		h.drain()
		_, err := h.cases.Message(h.Context(), officer, id, "Mời bạn đến trạm y tế.", "")
		var e *models.Error
		if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Code != "nobody_to_tell" {
			h.Errorf("got %v, want nobody_to_tell", err)
		}
		owed, err := h.store.PendingCases(h.Context(), 10)
		if err != nil || len(owed) != 0 {
			h.Errorf("the case owes %+v, %v", owed, err)
		}
	})
}
