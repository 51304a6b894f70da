package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"khaibao/internal/intake"
	"khaibao/models"
)

// personFields is what a citizen says about somebody of the household. null is as good as absent.
type personFields struct {
	Name         *string              `json:"name"`
	BirthDate    *string              `json:"birth_date"`
	Sex          *models.Sex          `json:"sex" validate:"omitempty,oneof=male female other"`
	Relationship *models.Relationship `json:"relationship" validate:"omitempty,oneof=self spouse child parent other"`
	NationalID   *string              `json:"national_id"`
	Area         *areaRequest         `json:"area"`
	Address      *string              `json:"address"`
}

type areaRequest struct {
	Commune string `json:"commune" validate:"required"`
}

// personRequest adds somebody to the household.
type personRequest struct {
	ID *string `json:"id"`
	personFields
}

// person is the input of somebody new. An empty id is no way to leave it to the server.
func (r personRequest) person(wrong []models.FieldError) intake.PersonInput {
	id := ""
	if r.ID != nil {
		if id = *r.ID; id == "" {
			wrong = append(wrong, models.FieldError{Field: "/id", Code: "required"})
		}
	}
	return r.input(id, wrong)
}

func (f personFields) input(id string, wrong []models.FieldError) intake.PersonInput {
	in := intake.PersonInput{
		ID: id, Name: f.Name, BirthDate: f.BirthDate, Sex: f.Sex, Relationship: f.Relationship,
		NationalID: f.NationalID, Address: f.Address, Wrong: wrong,
	}
	if f.Area != nil {
		in.Commune = &f.Area.Commune
	}
	return in
}

// personResponse is somebody of the household. Someone entered on a keypad may have no name yet and a year of birth only.
type personResponse struct {
	ID           string              `json:"id"`
	Name         *string             `json:"name"`
	BirthDate    *string             `json:"birth_date"`
	Sex          *string             `json:"sex"`
	NationalID   *string             `json:"national_id"`
	Relationship models.Relationship `json:"relationship"`
	Area         *areaOfPerson       `json:"area"`
	Address      *string             `json:"address"`
	CreatedAt    string              `json:"created_at"`
	Warnings     []problemField      `json:"warnings,omitempty"`
}

// areaOfPerson is a commune with its names in the reader's language.
type areaOfPerson struct {
	Commune      string `json:"commune"`
	Province     string `json:"province"`
	Name         string `json:"name"`
	ProvinceName string `json:"province_name"`
}

func (s *Server) person(p models.Person, warnings []models.FieldError, l models.Lang) personResponse {
	out := personResponse{
		ID: p.ID, Name: orNull(p.Name), BirthDate: orNull(p.BirthDate), Sex: orNull(string(p.Sex)), NationalID: orNull(p.NationalID),
		Relationship: p.Relationship, Area: s.place(p.Commune, p.Province, l), Address: orNull(p.Address), CreatedAt: stamp(p.CreatedAt),
	}
	for _, w := range warnings {
		out.Warnings = append(out.Warnings, s.field(w, l))
	}
	return out
}

// place names a commune; null while it is not known.
func (s *Server) place(commune, province string, l models.Lang) *areaOfPerson {
	if commune == "" {
		return nil
	}
	name, _ := s.Areas.Get(commune)
	above, _ := s.Areas.Get(province)
	return &areaOfPerson{Commune: commune, Province: province, Name: name.In(l), ProvinceName: above.In(l)}
}

func (s *Server) listPeople(c echo.Context, citizen models.Citizen) error {
	people, err := s.Intake.People(c.Request().Context(), citizen)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, listOf(people, "", func(p models.Person) personResponse { return s.person(p, nil, citizen.Lang) }))
}

func (s *Server) showPerson(c echo.Context, citizen models.Citizen) error {
	person, err := s.Intake.Person(c.Request().Context(), citizen, c.Param("id"))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, s.person(person, nil, citizen.Lang))
}

func (s *Server) addPerson(c echo.Context, citizen models.Citizen) error {
	var in personRequest
	wrong, err := s.bind.body(c.Request(), bodyLimit, &in)
	if err != nil {
		return err
	}
	person, warnings, isNew, err := s.Intake.AddPerson(c.Request().Context(), citizen, in.person(wrong))
	if err != nil {
		return err
	}
	return answer(c, created(isNew), s.person(person, warnings, citizen.Lang))
}

func (s *Server) changePerson(c echo.Context, citizen models.Citizen) error {
	var in personFields
	wrong, err := s.bind.body(c.Request(), bodyLimit, &in)
	if err != nil {
		return err
	}
	person, warnings, err := s.Intake.ChangePerson(c.Request().Context(), citizen, c.Param("id"), in.input("", wrong))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, s.person(person, warnings, citizen.Lang))
}

// keptResponse says whether an identity stays readable for officials until an open case closes.
type keptResponse struct {
	KeptUntilClosed bool `json:"kept_until_closed"`
}

func (s *Server) removePerson(c echo.Context, citizen models.Citizen) error {
	kept, err := s.Intake.RemovePerson(c.Request().Context(), citizen, c.Param("id"))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, keptResponse{kept})
}
