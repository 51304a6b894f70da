package intake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"khaibao/models"
)

// PersonInput is what a citizen says about somebody of the household. In a change, a nil field stays as it is.
type PersonInput struct {
	ID           string // only when adding: the client's own UUIDv7, which makes adding idempotent; may be empty
	Name         *string
	BirthDate    *string
	Sex          *models.Sex
	Relationship *models.Relationship
	NationalID   *string
	Commune      *string
	Address      *string
	// Wrong is what the channel found wrong already. Nothing is kept then; it is named together with what intake finds.
	Wrong []models.FieldError
}

// People lists the household, its owner first.
func (s *Service) People(ctx context.Context, citizen models.Citizen) ([]models.Person, error) {
	account, err := s.household(ctx, citizen)
	if err != nil {
		return nil, err
	}
	return living(account), nil
}

func living(account *models.Account) []models.Person {
	people := slices.DeleteFunc(slices.Clone(account.People), func(p models.Person) bool { return !p.RemovedAt.IsZero() })
	slices.SortStableFunc(people, func(a, b models.Person) int {
		return boolOrder(a.Relationship != models.Self) - boolOrder(b.Relationship != models.Self)
	})
	return people
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Person gives one of the household.
func (s *Service) Person(ctx context.Context, citizen models.Citizen, id string) (models.Person, error) {
	account, err := s.household(ctx, citizen)
	if err != nil {
		return models.Person{}, err
	}
	person, ok := account.Person(id)
	if !ok {
		return models.Person{}, models.ErrNotFound
	}
	return *person, nil
}

// AddPerson adds somebody to the household and tells whether they are new. Who is entered on a keypad (by USSD or SMS) may
// have no name yet; there and from an official a year of birth is enough. The same id with the same content gives the
// person as they are now; with other content, and for somebody who was removed, it is a Conflict, unless an official corrects
// what they entered themselves within the hour, before anything else was said of that person. Warnings are fields that look
// wrong but are accepted.
func (s *Service) AddPerson(ctx context.Context, citizen models.Citizen, in PersonInput) (person models.Person, warnings []models.FieldError, added bool, err error) {
	candidate, err := s.candidate(citizen, in)
	if err != nil {
		return models.Person{}, nil, false, err
	}
	corrected := false
	_, err = s.store.UpdateAccount(ctx, citizen.Account, func(account *models.Account) ([]models.Effect, error) {
		added, corrected = false, false
		known, ok := account.Person(candidate.ID)
		if ok && known.Origin == candidate.Origin {
			person = *known
			return nil, models.ErrUnchanged
		}
		if ok {
			if corrected, err = s.mayCorrect(ctx, citizen, known); err != nil {
				return nil, err
			}
		}
		switch {
		case corrected:
			if err := oneOwner(living(account), candidate); err != nil {
				return nil, err
			}
			person = candidate
			person.CreatedAt = known.CreatedAt
			*known = person
			return append(s.noted(citizen, person.ID, "changed"), models.Effect{Kind: models.EffectPerson, PersonID: person.ID}), nil
		case account.Taken(candidate.ID):
			return nil, models.Fail(models.Conflict, "id_taken")
		}
		if err := fits(account, candidate); err != nil {
			return nil, err
		}
		added, person = true, candidate
		person.CreatedAt = s.now()
		account.People = append(account.People, person)
		return s.noted(citizen, person.ID, "added"), nil
	})
	if err != nil {
		return models.Person{}, nil, false, err
	}
	if corrected || (added && citizen.By != nil) {
		s.accepted()
	}
	return person, s.doubts(person), added, nil
}

// candidate checks everything that can be told of a new person without the household.
func (s *Service) candidate(citizen models.Citizen, in PersonInput) (models.Person, error) {
	person := models.Person{ID: in.ID}
	keypad := citizen.Channel == models.ChannelUSSD || citizen.Channel == models.ChannelSMS
	problems := slices.Concat(in.Wrong, s.apply(&person, in, keypad || citizen.By != nil), missing(in, keypad))
	if in.ID != "" && !isUUIDv7(in.ID) {
		problems = append(problems, models.FieldError{Field: "/id", Code: "not_uuidv7"})
	}
	if err := models.InvalidFields(problems...); err != nil {
		return models.Person{}, err
	}
	person.Origin = origin(citizen, person)
	if person.ID == "" {
		person.ID = newID()
	}
	return person, nil
}

func missing(in PersonInput, keypad bool) []models.FieldError {
	var problems []models.FieldError
	for _, f := range []struct {
		field  string
		absent bool
	}{
		{"/name", in.Name == nil && !keypad}, {"/birth_date", in.BirthDate == nil}, {"/sex", in.Sex == nil}, {"/relationship", in.Relationship == nil},
	} {
		if f.absent {
			problems = append(problems, models.FieldError{Field: f.field, Code: "required"})
		}
	}
	return problems
}

// origin digests what a person is added with, and by which official if by one. It is kept sealed with the identity it stems
// from.
func origin(citizen models.Citizen, p models.Person) string {
	text := fmt.Appendf(nil, "%q", p)
	if citizen.By != nil {
		text = fmt.Appendf(text, "%q", citizen.By.Official)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// correctable is for how long an official may correct somebody whom they have added.
const correctable = time.Hour

// mayCorrect tells whether a person is still what the official who acts for the citizen has added just now. Whoever else
// changed the person, or is another official, has another digest.
func (s *Service) mayCorrect(ctx context.Context, citizen models.Citizen, p *models.Person) (bool, error) {
	was := *p
	was.Origin, was.CreatedAt = "", time.Time{}
	if citizen.By == nil || s.now().Sub(p.CreatedAt) >= correctable || origin(citizen, was) != p.Origin {
		return false, nil
	}
	for _, form := range []models.Form{models.FormDeclaration, models.FormDaily} {
		found, _, err := s.store.Declarations(ctx, citizen.Account, form, p.ID, models.Page{Limit: 1})
		if err != nil || len(found) > 0 {
			return false, err
		}
	}
	return true, nil
}

// fits tells whether the household has room for a person: at most HouseholdLimit people, one of them its owner.
func fits(account *models.Account, person models.Person) error {
	people := living(account)
	if len(people) >= models.HouseholdLimit {
		return &models.Error{Kind: models.Conflict, Code: "household_full", Args: map[string]any{"max": models.HouseholdLimit}}
	}
	return oneOwner(people, person)
}

func oneOwner(people []models.Person, person models.Person) error {
	for _, other := range people {
		if other.ID != person.ID && other.Relationship == models.Self && person.Relationship == models.Self {
			return models.InvalidField("/relationship", "self_exists", nil)
		}
	}
	return nil
}

// ChangePerson changes what is given and leaves the rest. Open cases of the person follow.
func (s *Service) ChangePerson(ctx context.Context, citizen models.Citizen, id string, in PersonInput) (models.Person, []models.FieldError, error) {
	var changed models.Person
	_, err := s.store.UpdateAccount(ctx, citizen.Account, func(account *models.Account) ([]models.Effect, error) {
		person, ok := account.Person(id)
		if !ok {
			return nil, models.ErrNotFound
		}
		was := *person
		if err := models.InvalidFields(slices.Concat(in.Wrong, s.apply(person, in, citizen.By != nil))...); err != nil {
			return nil, err
		}
		changed = *person
		if was == changed {
			return nil, models.ErrUnchanged
		}
		if err := oneOwner(living(account), changed); err != nil {
			return nil, err
		}
		return append(s.noted(citizen, id, "changed"), models.Effect{Kind: models.EffectPerson, PersonID: id}), nil
	})
	if err != nil {
		return models.Person{}, nil, err
	}
	s.accepted()
	return changed, s.doubts(changed), nil
}

// RemovePerson takes somebody out of the household. Their identity goes at once or, while a case is open, when that
// closes; kept tells which. What was declared stays without a person.
func (s *Service) RemovePerson(ctx context.Context, citizen models.Citizen, id string) (kept bool, err error) {
	_, err = s.store.UpdateAccount(ctx, citizen.Account, func(account *models.Account) ([]models.Effect, error) {
		person, ok := account.Person(id)
		if !ok {
			return nil, models.ErrNotFound
		}
		person.RemovedAt = s.now()
		return []models.Effect{{Kind: models.EffectRemoved, PersonID: id}}, nil
	})
	if err != nil {
		return false, err
	}
	// What arrives from here on is refused; what arrived before is seen now, and who declares meanwhile gives the household a
	// new rev (HoldIdentity).
	_, err = s.store.UpdateAccount(ctx, citizen.Account, func(account *models.Account) ([]models.Effect, error) {
		person, ok := account.AnyPerson(id)
		if !ok {
			return nil, models.ErrUnchanged
		}
		if kept, err = s.store.HasOpenCase(ctx, citizen.Account, id); err != nil || kept {
			return nil, cmp.Or(err, error(models.ErrUnchanged))
		}
		person.Forget()
		account.People = bounded(account.People)
		return nil, nil
	})
	s.accepted()
	return kept, err
}

// maxForgotten is how many ids of removed people a household remembers; the oldest go first.
const maxForgotten = 100

func bounded(people []models.Person) []models.Person {
	over := -maxForgotten
	for i := range people {
		if people[i].Forgotten() {
			over++
		}
	}
	return slices.DeleteFunc(people, func(p models.Person) bool {
		if over <= 0 || !p.Forgotten() {
			return false
		}
		over--
		return true
	})
}

// apply checks every given field and puts the good ones into the person, in normal form. yearOnly: the year of birth is enough.
func (s *Service) apply(person *models.Person, in PersonInput, yearOnly bool) []models.FieldError {
	var problems []models.FieldError
	set := func(field string, given *string, into *string, normal func(string) (string, string)) {
		if given == nil {
			return
		}
		value, code := normal(*given)
		if code != "" {
			problems = append(problems, models.FieldError{Field: field, Code: code, Args: fieldLimits[field]})
			return
		}
		*into = value
	}
	set("/name", in.Name, &person.Name, normalName)
	set("/birth_date", in.BirthDate, &person.BirthDate, func(text string) (string, string) { return s.normalBirthDate(text, yearOnly) })
	set("/national_id", in.NationalID, &person.NationalID, normalNationalID)
	set("/address", in.Address, &person.Address, normalAddress)
	if in.Sex != nil {
		person.Sex = *in.Sex
	}
	if in.Relationship != nil {
		person.Relationship = *in.Relationship
	}
	if in.Commune != nil {
		if problem := s.settle(person, *in.Commune); problem != nil {
			problems = append(problems, *problem)
		}
	}
	return problems
}

// settle puts the person into a commune of today, mapping an old code that has one successor.
func (s *Service) settle(person *models.Person, code string) *models.FieldError {
	today, problem := s.areas.Today(code)
	if problem != nil {
		problem.Field = "/area/commune"
		return problem
	}
	commune, _ := s.areas.Get(today)
	person.Commune, person.Province = commune.Code, commune.Parent
	return nil
}
