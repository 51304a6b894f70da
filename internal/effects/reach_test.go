package effects_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"khaibao/models"
)

// The cases of a household say that nothing reaches it, those that were there and those that open later, until something does.
func TestUnreachableIsCarriedIntoCases(t *testing.T) {
	t.Parallel()
	each(t, func(h *house) {
		say := func(u models.Unreachable) {
			h.Helper()
			_, err := h.store.UpdateAccount(h.Context(), h.citizen.Account, func(a *models.Account) ([]models.Effect, error) {
				a.Unreachable = u
				return []models.Effect{{Kind: models.EffectPerson}}, nil
			})
			if err != nil {
				h.Fatal(err)
			}
			h.drain()
		}
		check := func(what string, want models.Unreachable, n int) {
			h.Helper()
			yes, no := true, false
			for asked, count := range map[*bool]int{&yes: n, &no: 0} {
				if want.Since.IsZero() {
					asked = map[bool]*bool{true: &no, false: &yes}[*asked]
				}
				found, _, err := h.cases.List(h.Context(), officer, models.CaseFilter{Unreachable: asked}, "", models.Page{Limit: 10})
				if err != nil || len(found) != count {
					h.Errorf("%s: %d cases with unreachable=%v, %v; want %d", what, len(found), *asked, err, count)
				}
				for _, c := range found {
					if diff := cmp.Diff(want, c.Unreachable); diff != "" {
						h.Errorf("%s: %s", what, diff)
					}
				}
			}
		}
		lost := models.Unreachable{Reason: models.OptedOut, Since: h.now}
		h.declare(sick)
		h.drain()
		check("a new case", models.Unreachable{}, 1)
		say(lost)
		check("the case that was there", lost, 1)
		h.person = h.add("Trần Văn Thử", models.Spouse, "06325")
		h.declare(sick)
		h.drain()
		check("the case that opened since", lost, 2)
		say(models.Unreachable{})
		check("once something got through", models.Unreachable{}, 2)
	})
}
