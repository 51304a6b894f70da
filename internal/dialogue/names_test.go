package dialogue_test

import (
	"strings"
	"testing"

	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// A name that plain letters cannot show is told by its place in the family; one that they can, without its accents.
func TestNamesInOtherScripts(t *testing.T) {
	t.Parallel()
	p := newRig(t, storetest.Memory(t)).phone(1)
	_, mother := p.family()
	_, err := p.store.UpdateAccount(t.Context(), p.account().ID, func(a *models.Account) ([]models.Effect, error) {
		for i := range a.People {
			if a.People[i].ID == mother {
				a.People[i].Name = "李小龙"
			}
		}
		a.People = append(a.People, models.Person{ID: "p3", Name: "Nguyễn Thị Ổi", BirthDate: "1961", Sex: models.Female, Relationship: models.Parent, Commune: a.People[0].Commune, Province: a.People[0].Province})
		return nil, nil
	})
	must(t, err)
	p.dial()
	if got := p.press("4"); !strings.Contains(got, "2 me\n3 Nguyen Thi Oi") {
		t.Errorf("the household is %q", got)
	}
	p.ucs2 = true
	p.dial()
	if got := p.press("8", "4"); !strings.Contains(got, "2 李小龙\n3 Nguyễn Thị Ổi") {
		t.Errorf("with accents the household is %q", got)
	}
}
