package sitetest

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"

	"khaibao/internal/auth"
	"khaibao/internal/intake"
	"khaibao/models"
)

// Places of the tests: two communes of one province, a commune of another, and the provinces.
const (
	BacSon   = "06325"
	DongKinh = "05977"
	BaDinh   = "00004"
	LangSon  = "20"
	HaNoi    = "01"
)

// Household gives a citizen with a phone of their own: the first has 0901230001, the next 0901230002.
func (s *Site) Household(t testing.TB) models.Citizen {
	t.Helper()
	account, err := s.Store.ClaimPhone(t.Context(), fmt.Sprintf("+8490%07d", 1230000+s.households.Add(1)))
	must(t, err)
	return models.Citizen{Account: account, Channel: models.ChannelApp, Lang: models.Vietnamese}
}

// Person adds somebody to a household: a woman born in 1958 unless change says otherwise.
func (s *Site) Person(t testing.TB, citizen models.Citizen, name, commune string, change ...func(*intake.PersonInput)) models.Person {
	t.Helper()
	born, sex, relation := "1958-03-21", models.Female, models.Self
	in := intake.PersonInput{Name: &name, BirthDate: &born, Sex: &sex, Relationship: &relation, Commune: &commune}
	for _, c := range change {
		c(&in)
	}
	person, _, _, err := s.Intake.AddPerson(t.Context(), citizen, in)
	must(t, err)
	return person
}

// Declare enters a form of covid19, carries out what follows and gives its id.
func (s *Site) Declare(t testing.TB, citizen models.Citizen, person string, form models.Form, answers map[string]any) string {
	t.Helper()
	id, err := uuid.NewV7()
	must(t, err)
	_, _, err = s.Intake.Submit(t.Context(), citizen, intake.Submission{
		Form: form, ID: id.String(), Program: "covid19", PersonID: person, Answers: answers, OccurredAt: s.Clock.Now(),
	})
	must(t, err)
	s.Settle(t)
	return id.String()
}

// Official adds an official of an area.
func (s *Site) Official(t testing.TB, login string, role models.Role, area models.Area) auth.Credentials {
	t.Helper()
	given, err := s.Officials.Add(t.Context(), auth.NewOfficial{Login: login, Name: "Cán bộ " + login, Role: role, Area: area})
	must(t, err)
	return given
}

// Code is what an official's authenticator shows now. Each signs in once.
func (s *Site) Code(t testing.TB, of auth.Credentials) string {
	t.Helper()
	code, err := totp.GenerateCode(of.TOTPSecret, s.SignIn.Now())
	must(t, err)
	return code
}
