package intake

import (
	"context"

	"khaibao/models"
)

// FindHousehold gives the people behind a number (E.164) to an official who takes in what they say, the owner first; none
// when the number has no household yet. The look is in the audit before it is answered, and the citizen reads it there:
// also one that found nobody, so that trying numbers out shows.
func (s *Service) FindHousehold(ctx context.Context, official models.Official, phone string) ([]models.Person, error) {
	account, err := s.accountOf(ctx, phone)
	if err != nil {
		return nil, err
	}
	look := official.Act(s.now(), models.AuditSearch)
	look.Detail = map[string]string{"for": "intake", "found": "no"}
	if account != nil {
		look.Account, look.Detail["found"] = account.ID, "yes"
	}
	if err := s.looked(ctx, official, look); err != nil || account == nil {
		return nil, err
	}
	return living(account), nil
}

// accountOf gives the household of a number, nil when it has none.
func (s *Service) accountOf(ctx context.Context, phone string) (*models.Account, error) {
	id, err := s.store.AccountOfPhone(ctx, phone)
	if models.NotFound.Is(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	account, err := s.store.Account(ctx, id)
	if models.NotFound.Is(err) || (err == nil && account.Erased()) {
		return nil, nil
	}
	return account, err
}

// OnBehalf gives the citizen behind a number for whom an official acts, by the text that they agreed to; NotFound when the
// number has no household.
func (s *Service) OnBehalf(ctx context.Context, official models.Official, phone, textVersion string) (models.Citizen, error) {
	account, err := s.accountOf(ctx, phone)
	if err != nil {
		return models.Citizen{}, err
	}
	if account == nil {
		return models.Citizen{}, models.ErrNotFound
	}
	citizen := behalf(official, account.ID, textVersion)
	citizen.Lang = account.Lang
	return citizen, nil
}

func behalf(official models.Official, account, textVersion string) models.Citizen {
	return models.Citizen{
		Account: account, Channel: models.ChannelOfficial, Lang: models.Vietnamese,
		By: &models.Behalf{Official: official.ID, Login: official.Login, Role: official.Role, Area: official.Area, Province: official.Province, TextVersion: textVersion},
	}
}

// AddPersonFor adds somebody to the household of a number as AddPerson does. A number without a household gets one, but
// not for a person with whom something is wrong.
func (s *Service) AddPersonFor(ctx context.Context, official models.Official, phone string, in PersonInput) (models.Person, []models.FieldError, error) {
	citizen := behalf(official, "", "")
	if _, err := s.candidate(citizen, in); err != nil {
		return models.Person{}, nil, err
	}
	var err error
	if citizen.Account, err = s.store.ClaimPhone(ctx, phone); err != nil {
		return models.Person{}, nil, err
	}
	person, warnings, _, err := s.AddPerson(ctx, citizen, in)
	return person, warnings, err
}

// noted is the effect that keeps in the audit what an official did to a person on the citizen's behalf; none when the
// citizen did it.
func (s *Service) noted(citizen models.Citizen, person, what string) []models.Effect {
	if citizen.By == nil {
		return nil
	}
	entry := citizen.By.Act(s.now(), models.AuditIntake)
	entry.Account, entry.PersonID, entry.Detail = citizen.Account, person, map[string]string{"person": what}
	return []models.Effect{{Kind: models.EffectAudit, Audit: &entry}}
}
