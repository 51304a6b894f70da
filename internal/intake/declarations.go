package intake

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"time"

	"khaibao/internal/rules"
	"khaibao/models"
)

// How far occurred_at may lie from the time of receipt.
const (
	oldest = 14 * 24 * time.Hour // the app was offline
	ahead  = 5 * time.Minute     // clocks of phones differ
)

// Submission is a form as a channel hands it in.
type Submission struct {
	Form       models.Form
	ID         string // UUIDv7 of the client
	Program    string
	Version    int // 0: the current one
	PersonID   string
	Answers    map[string]any // as decoded from JSON, or canonical
	OccurredAt time.Time      // zero: now
	// Commune is where the person stays now, when that is not where they are known to; it is kept. Empty: no change.
	Commune string
	// Wrong is what the channel found wrong already. Nothing is kept then; it is named together with what intake finds.
	Wrong []models.FieldError
}

// Submit checks a form, lets the rules decide and keeps it durably. created is false when the account has the same
// declaration already: then that one is given. The same id with other content is a Conflict. Every wrong field is
// named at once, and nothing is kept then.
func (s *Service) Submit(ctx context.Context, citizen models.Citizen, in Submission) (d *models.Declaration, created bool, err error) {
	account, err := s.household(ctx, citizen)
	if err != nil {
		return nil, false, err
	}
	d, err = s.decide(ctx, account, citizen, in)
	if models.Invalid.Is(err) && len(in.Wrong) == 0 {
		// What was accepted once is answered again even if today it would come too late or for a person who has left.
		if known, _ := s.known(ctx, citizen, in); known != nil {
			return known, false, nil
		}
	}
	if err != nil {
		return nil, false, err
	}
	if in.Commune != "" { // the person moves first: moving again moves nothing, and nothing is promised yet
		if _, _, err := s.ChangePerson(ctx, citizen, in.PersonID, PersonInput{Commune: &in.Commune}); err != nil {
			return nil, false, err
		}
	}
	err = s.store.InsertDeclaration(ctx, d)
	if models.Conflict.Is(err) {
		known, err := s.known(ctx, citizen, in)
		if err == nil && known == nil {
			err = models.Fail(models.Conflict, "id_taken")
		}
		return known, false, err
	}
	if err != nil {
		return nil, false, err
	}
	if d.Decision.Level.Flagged() { // a case is to follow: of somebody who can be called
		if held, err := s.store.HoldIdentity(ctx, d.Account, d.PersonID); err != nil || !held {
			return nil, false, cmp.Or(err, error(models.ErrSignedOut)) // erased, or taken out, while this was on its way
		}
	}
	s.accepted()
	return d, true, nil
}

func (s *Service) decide(ctx context.Context, account *models.Account, citizen models.Citizen, in Submission) (*models.Declaration, error) {
	now := s.now()
	if in.OccurredAt.IsZero() {
		in.OccurredAt = now
	}
	problems := slices.Clone(in.Wrong)
	wrong := func(field, code string) {
		problems = append(problems, models.FieldError{Field: field, Code: code})
	}
	if !isUUIDv7(in.ID) {
		wrong("/id", "not_uuidv7")
	}
	switch {
	case in.OccurredAt.After(now.Add(ahead)):
		wrong("/occurred_at", "in_future")
	case in.OccurredAt.Before(now.Add(-oldest)):
		wrong("/occurred_at", "too_old")
	}
	person, ok := account.Person(in.PersonID)
	if ok && in.Commune != "" {
		if problem := s.settle(person, in.Commune); problem != nil {
			problems = append(problems, *problem)
		}
	}
	if !ok {
		wrong("/person_id", "unknown_person")
	} else if person.Commune == "" && in.Commune == "" {
		wrong("/person_id", "no_commune")
	}
	if ok && person.Age(in.OccurredAt) < 0 && person.BirthDate != "" {
		wrong("/occurred_at", "before_birth")
	}
	program, problem := s.program(in)
	if problem != nil {
		problems = append(problems, *problem)
	}
	if program == nil {
		return nil, models.InvalidFields(problems...)
	}
	answers, answerProblems := program.Check(in.Form, in.Answers, in.OccurredAt)
	if err := models.InvalidFields(append(problems, answerProblems...)...); err != nil {
		return nil, err
	}
	d := &models.Declaration{
		Account: account.ID, ID: in.ID, Form: in.Form, PersonID: person.ID, Program: program.ID(), Version: program.Version(),
		Channel: citizen.Channel, By: citizen.By, Answers: answers, Private: program.FreeText(in.Form), Measures: program.Measures(in.Form, answers),
		Age: person.Age(in.OccurredAt), Sex: person.Sex, Commune: person.Commune, Province: person.Province,
		OccurredAt: in.OccurredAt.UTC().Truncate(time.Millisecond), ReceivedAt: now.UTC().Truncate(time.Millisecond),
		Notify: len(account.Devices) > 0,
	}
	if err := s.recall(ctx, program, d); err != nil {
		return nil, err
	}
	d.Decision = Decide(program, d)
	return d, nil
}

// recall notes what the decision uses of the person's earlier forms, and which of them is the newest. A declaration whose
// rules name no earlier value reads nothing. What comes in late sees what happened before it, as far as that is here.
func (s *Service) recall(ctx context.Context, program *rules.Program, d *models.Declaration) error {
	if d.Form != models.FormDaily && len(program.Earlier(d.Form)) == 0 {
		return nil
	}
	forms, err := s.store.History(ctx, d.Account, d.PersonID, d.Program, d.OccurredAt.Add(-rules.LookBack), d.OccurredAt)
	if err != nil || len(forms) == 0 {
		return err
	}
	d.Previous = models.LevelAt{
		At: forms[0].OccurredAt, Level: forms[0].Decision.Level, Declaration: models.DeclarationRef{Form: forms[0].Form, ID: forms[0].ID},
	}
	d.Earlier = program.Recall(d.Form, d.OccurredAt, forms)
	return nil
}

// Decide lets the rules decide a declaration from what it holds alone: what it gives for a stored one is what it gave then.
func Decide(program *rules.Program, d *models.Declaration) models.Decision {
	return program.Decide(rules.Input{
		Form: d.Form, Answers: d.Answers, Age: d.Age, Sex: d.Sex, Day: d.OccurredAt, Earlier: d.Earlier,
	})
}

// program gives the version that is answered, or what is wrong. An earlier version counts while its validity lasts; for
// one that does not, the current one is given beside the problem, so that the answers are checked all the same.
func (s *Service) program(in Submission) (*rules.Program, *models.FieldError) {
	current, ok := s.programs.Current(in.Program, in.OccurredAt)
	if !ok {
		return nil, &models.FieldError{Field: "/program", Code: "unknown_program"}
	}
	if in.Version == 0 {
		return current, nil
	}
	version, ok := s.programs.Version(in.Program, in.Version)
	if !ok || !version.ValidOn(in.OccurredAt) {
		return current, &models.FieldError{Field: "/program_version", Code: "version_not_valid"}
	}
	return version, nil
}

// known gives what the account already has under the id when that says the same; nil and a Conflict when it says
// something else, nil and nil when there is none.
func (s *Service) known(ctx context.Context, citizen models.Citizen, in Submission) (*models.Declaration, error) {
	if !isUUIDv7(in.ID) {
		return nil, nil
	}
	known, err := s.store.Declaration(ctx, citizen.Account, in.Form, in.ID)
	if models.NotFound.Is(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !s.same(known, in) {
		return nil, models.Fail(models.Conflict, "id_taken")
	}
	return known, nil
}

// same compares what the client said, never what we made of it. What a repeat leaves out is not compared.
func (s *Service) same(known *models.Declaration, in Submission) bool {
	program, ok := s.programs.Version(known.Program, known.Version)
	if !ok || known.Program != in.Program || known.PersonID != in.PersonID ||
		(in.Version != 0 && in.Version != known.Version) ||
		(!in.OccurredAt.IsZero() && !in.OccurredAt.Truncate(time.Millisecond).Equal(known.OccurredAt)) {
		return false
	}
	then, _ := program.Check(known.Form, known.Answers, known.OccurredAt)
	again, problems := program.Check(known.Form, in.Answers, known.OccurredAt)
	return len(problems) == 0 && reflect.DeepEqual(then, again)
}

// Declaration gives one of the household's own.
func (s *Service) Declaration(ctx context.Context, citizen models.Citizen, form models.Form, id string) (*models.Declaration, error) {
	if _, err := s.household(ctx, citizen); err != nil {
		return nil, err
	}
	return s.store.Declaration(ctx, citizen.Account, form, id)
}

// Declarations lists the household's own, newest first; personID narrows to one person.
func (s *Service) Declarations(ctx context.Context, citizen models.Citizen, form models.Form, personID string, page models.Page) ([]models.Declaration, string, error) {
	account, err := s.household(ctx, citizen)
	if err != nil {
		return nil, "", err
	}
	if personID != "" {
		if _, ok := account.Person(personID); !ok {
			return nil, "", models.ErrNotFound
		}
	}
	return s.store.Declarations(ctx, citizen.Account, form, personID, page)
}
