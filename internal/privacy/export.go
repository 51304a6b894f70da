package privacy

import (
	"context"
	"slices"
	"time"

	"khaibao/models"
)

// Export is everything that is kept about a household, for the citizen to take along. It is rendered as it is.
type Export struct {
	ExportedAt    time.Time           `json:"exported_at"`
	Phone         string              `json:"phone"`
	CreatedAt     time.Time           `json:"created_at"`
	People        []ExportPerson      `json:"people"`
	Declarations  []ExportDeclaration `json:"declarations"`
	HealthUpdates []ExportDeclaration `json:"health_updates"`
	Cases         []ExportCase        `json:"cases"`
	Messages      []ExportMessage     `json:"messages"`
	Devices       []ExportDevice      `json:"devices"`
	Consents      []ExportConsent     `json:"consents"`
	PINSet        bool                `json:"pin_set"`     // the PIN itself is not known to anybody
	SMSOptOut     *time.Time          `json:"sms_opt_out"` // since when
	AccessLog     []ExportAccess      `json:"access_log"`
}

// ExportPerson is somebody of the household.
type ExportPerson struct {
	ID           string              `json:"id"`
	Relationship models.Relationship `json:"relationship"`
	Name         *string             `json:"name"`
	BirthDate    *string             `json:"birth_date"`
	Sex          *models.Sex         `json:"sex"`
	NationalID   *string             `json:"national_id"`
	Commune      *string             `json:"commune"`
	Province     *string             `json:"province"`
	Address      *string             `json:"address"`
	CreatedAt    time.Time           `json:"created_at"`
}

// ExportDeclaration is a declaration or health update with its decision in codes.
type ExportDeclaration struct {
	ID       string         `json:"id"`
	PersonID string         `json:"person_id"`
	Program  string         `json:"program"`
	Version  int            `json:"program_version"`
	Channel  models.Channel `json:"channel"`
	// EnteredBy is the official who entered it on the citizen's behalf; null when the citizen did.
	EnteredBy  *ExportOfficial `json:"entered_by"`
	Answers    models.Answers  `json:"answers"`
	Age        int             `json:"age"`
	Sex        models.Sex      `json:"sex"`
	Commune    string          `json:"commune"`
	OccurredAt time.Time       `json:"occurred_at"`
	ReceivedAt time.Time       `json:"received_at"`
	Level      models.Level    `json:"level"`
	Factors    []string        `json:"factors"`
	Rules      []string        `json:"rules"`
	// Earlier is what the rules used of earlier forms: answers by question id, "level" and "days".
	Earlier models.Earlier `json:"earlier"`
}

// ExportOfficial is an official as the citizen's access log names them.
type ExportOfficial struct {
	Role models.Role `json:"role"`
	Area models.Area `json:"area"`
}

func exportOfficial(by *models.Behalf) *ExportOfficial {
	if by == nil {
		return nil
	}
	return &ExportOfficial{by.Role, by.Area}
}

// ExportCase is what officials keep about a flagged person.
type ExportCase struct {
	ID         string            `json:"id"`
	PersonID   string            `json:"person_id"`
	Program    string            `json:"program"`
	Level      models.Level      `json:"level"`
	Factors    []string          `json:"factors"`
	Levels     []ExportLevel     `json:"levels"`
	Commune    string            `json:"commune"`
	Province   string            `json:"province"`
	Status     models.CaseStatus `json:"status"`
	OpenedAt   time.Time         `json:"opened_at"`
	ClosedAt   *time.Time        `json:"closed_at"`
	Assessment *models.Level     `json:"assessment"`
	// EarlierAssessments are the levels that other assessments took the place of, oldest first.
	EarlierAssessments []models.Level `json:"earlier_assessments"`
	Notes              []string       `json:"notes"`
}

// ExportLevel is one point of a case's trend.
type ExportLevel struct {
	At    time.Time    `json:"at"`
	Level models.Level `json:"level"`
}

// ExportMessage is a message that was sent or waits.
type ExportMessage struct {
	ID        string             `json:"id"`
	Kind      models.MessageKind `json:"kind"`
	Title     string             `json:"title"`
	Text      string             `json:"text"`
	CreatedAt time.Time          `json:"created_at"`
}

// ExportDevice is a phone that is registered for pushes.
type ExportDevice struct {
	ID        string    `json:"id"`
	Platform  string    `json:"platform"`
	UpdatedAt time.Time `json:"updated_at"`
}

// ExportConsent is what was said to one purpose.
type ExportConsent struct {
	Purpose     models.Purpose `json:"purpose"`
	Granted     bool           `json:"granted"`
	TextVersion string         `json:"text_version"`
	At          time.Time      `json:"at"`
	Channel     models.Channel `json:"channel"`
}

// ExportAccess is one thing an official did with the household's data.
type ExportAccess struct {
	At       time.Time          `json:"at"`
	Action   models.AuditAction `json:"action"`
	Role     models.Role        `json:"role"`
	Area     models.Area        `json:"area"`
	PersonID *string            `json:"person_id"`
	Program  *string            `json:"program"`
	Reason   *string            `json:"reason"`
}

// Export gathers everything about the household.
func (s *Service) Export(ctx context.Context, citizen models.Citizen) (Export, error) {
	account, err := s.household(ctx, citizen)
	if err != nil {
		return Export{}, err
	}
	out := exportAccount(account)
	out.ExportedAt = s.now().UTC().Truncate(time.Millisecond)
	if out.Declarations, err = s.exportForms(ctx, account.ID, models.FormDeclaration); err != nil {
		return Export{}, err
	}
	if out.HealthUpdates, err = s.exportForms(ctx, account.ID, models.FormDaily); err != nil {
		return Export{}, err
	}
	cases, err := s.store.CasesOfAccount(ctx, account.ID)
	if err != nil {
		return Export{}, err
	}
	out.Cases = exportCases(cases)
	messages, err := all(func(p models.Page) ([]ExportMessage, string, error) { return s.inbox(ctx, citizen, p) })
	if err != nil {
		return Export{}, err
	}
	out.Messages = mapped(messages, func(m ExportMessage) ExportMessage { return m })
	log, err := all(func(p models.Page) ([]models.AuditEntry, string, error) { return s.AccessLog(ctx, citizen, p) })
	if err != nil {
		return Export{}, err
	}
	out.AccessLog = mapped(log, func(e models.AuditEntry) ExportAccess {
		return ExportAccess{e.At, e.Action, e.Role, e.Area, given(e.PersonID), given(e.Program), given(e.Reason)}
	})
	return out, nil
}

func exportAccount(account *models.Account) Export {
	return Export{
		Phone: account.Phone, CreatedAt: account.CreatedAt, PINSet: account.PIN.Hash != "", SMSOptOut: moment(account.SMSOptOut),
		People: mapped(slices.DeleteFunc(slices.Clone(account.People), func(p models.Person) bool { return p.Forgotten() }), func(p models.Person) ExportPerson {
			return ExportPerson{
				p.ID, p.Relationship, given(p.Name), given(p.BirthDate), given(p.Sex), given(p.NationalID), given(p.Commune), given(p.Province),
				given(p.Address), p.CreatedAt,
			}
		}),
		Devices: mapped(account.Devices, func(d models.Device) ExportDevice { return ExportDevice{d.ID, d.Platform, d.UpdatedAt} }),
		Consents: mapped(account.Consents, func(c models.Consent) ExportConsent {
			return ExportConsent{c.Purpose, c.Granted, c.TextVersion, c.At, c.Channel}
		}),
	}
}

func (s *Service) exportForms(ctx context.Context, account string, form models.Form) ([]ExportDeclaration, error) {
	ds, err := all(func(p models.Page) ([]models.Declaration, string, error) {
		return s.store.Declarations(ctx, account, form, "", p)
	})
	return mapped(ds, func(d models.Declaration) ExportDeclaration {
		return ExportDeclaration{
			d.ID, d.PersonID, d.Program, d.Version, d.Channel, exportOfficial(d.By), d.Answers, d.Age, d.Sex, d.Commune, d.OccurredAt, d.ReceivedAt,
			d.Decision.Level, mapped(d.Decision.Factors, func(f string) string { return f }),
			mapped(d.Decision.Reasons, func(r models.Reason) string { return r.Rule }), d.Earlier,
		}
	}), err
}

func exportCases(cases []models.Case) []ExportCase {
	return mapped(cases, func(c models.Case) ExportCase {
		out := ExportCase{
			ID: c.ID, PersonID: c.PersonID, Program: c.Program, Level: c.Level, Status: c.Status, OpenedAt: c.OpenedAt,
			Commune: c.Commune, Province: c.Province, Factors: mapped(c.Factors, func(f string) string { return f }),
			Levels: mapped(c.Levels, func(l models.LevelAt) ExportLevel { return ExportLevel{l.At, l.Level} }),
		}
		if !c.ClosedAt.IsZero() {
			out.ClosedAt = &c.ClosedAt
		}
		if c.Assessment != nil {
			out.Assessment = &c.Assessment.Level
		}
		out.EarlierAssessments = mapped(c.EarlierAssessments, func(a models.Assessment) models.Level { return a.Level })
		out.Notes = mapped(c.Notes, func(n models.Note) string { return n.Text })
		return out
	})
}

// given is a value, null when there is none.
func given[T ~string](value T) *T {
	if value == "" {
		return nil
	}
	return &value
}

// moment is a time, null when it is zero.
func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// all reads every page of a list.
func all[T any](list func(models.Page) ([]T, string, error)) ([]T, error) {
	var out []T
	page := models.Page{Limit: 200}
	for {
		items, next, err := list(page)
		if err != nil {
			return nil, err
		}
		if out = append(out, items...); next == "" {
			return out, nil
		}
		page.Cursor = next
	}
}

// mapped never gives nil, so that an empty list is rendered as one.
func mapped[A, B any](in []A, f func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, item := range in {
		out = append(out, f(item))
	}
	return out
}
