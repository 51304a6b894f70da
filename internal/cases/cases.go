// Package cases is the officials' side: a flagged person becomes a case of the area where the person stays, and officials
// of that area see it masked, work on it and, for a reason that the citizen can read, reveal who it is.
package cases

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"khaibao/internal/areas"
	"khaibao/internal/rules"
	"khaibao/models"
)

// Scoped is what an official may see and change: the cases of the scope. What lies outside is models.NotFound.
type Scoped interface {
	List(ctx context.Context, f models.CaseFilter, now time.Time, page models.Page) ([]models.CasePerson, string, error)
	Count(ctx context.Context, f models.CaseFilter, now time.Time) (int64, error)
	// CountUpTo counts those that match, limit at most.
	CountUpTo(ctx context.Context, f models.CaseFilter, now time.Time, limit int) (int64, error)
	// QueueCounts sums the open ones, those of login as Mine; whole is false when there are more than limit.
	QueueCounts(ctx context.Context, login string, now time.Time, limit int) (t models.QueueCounts, whole bool, err error)
	Get(ctx context.Context, id string) (models.CasePerson, error)
	Change(ctx context.Context, id string, ifMatch []string, change func(*models.CasePerson) ([]models.Effect, error)) (models.CasePerson, error)
	// CountWaiting counts those that have waited since the end of a day.
	CountWaiting(ctx context.Context, on models.WaitedOn) (int64, error)
	// CountDue counts the open ones whose deadline lies at or after from and before to.
	CountDue(ctx context.Context, from, to time.Time) (int64, error)
	// DueByArea counts the open cases whose deadline lies at or after from and before to, by the area directly below.
	DueByArea(ctx context.Context, from, to time.Time) (map[models.Area]int64, error)
	// IDs gives the ids of those that match, at most limit.
	IDs(ctx context.Context, f models.CaseFilter, now time.Time, limit int) ([]string, error)
	// ChangeMany changes many in shared round trips and gives those it changed, as they were and their new rev.
	ChangeMany(ctx context.Context, ids []string, change func(*models.Case) ([]models.Effect, error)) ([]models.UndoItem, error)
}

// Store is what cases are kept in.
type Store interface {
	Account(ctx context.Context, id string) (*models.Account, error)
	Declaration(ctx context.Context, account string, form models.Form, id string) (*models.Declaration, error)
	// UpsertCase opens or changes the case of a person under a program; change gets nil when there is none.
	UpsertCase(ctx context.Context, account, person, program string, terms []models.SearchTerm,
		change func(*models.Case) (*models.Case, []models.Effect, error)) error
	// ChangeCase changes the case of a person under a program, if there is one, with the effects that follow; what it is
	// found by stays.
	ChangeCase(ctx context.Context, account, person, program string, change func(*models.Case) ([]models.Effect, error)) error
	CasesOfAccount(ctx context.Context, account string) ([]models.Case, error)
	// Declarations lists an account's own, newest first; personID narrows.
	Declarations(ctx context.Context, account string, form models.Form, personID string, page models.Page) ([]models.Declaration, string, error)
	// Inbox lists an account's messages, newest first.
	Inbox(ctx context.Context, account string, page models.Page) ([]models.Message, string, error)
	Audit(ctx context.Context, filter models.AuditFilter, page models.Page) ([]models.AuditEntry, string, error)
	// WriteAudit returns when the entries are durable.
	WriteAudit(ctx context.Context, entries ...models.AuditEntry) error
	// CountLooks counts the looks of an official in a span of time.
	CountLooks(ctx context.Context, login string, during models.Span) (int64, error)
	// Official gives an official by login, models.NotFound when there is none.
	Official(ctx context.Context, login string) (*models.Official, error)
	// OfficialsOf lists those of some areas by login, limit at most; areas nil means all.
	OfficialsOf(ctx context.Context, areas []models.Area, limit int) ([]models.Official, error)
	KeepUndo(ctx context.Context, u models.Undo) error
	// Undo gives an undo of that official, until ForgetUndo.
	Undo(ctx context.Context, id, login string, now time.Time) (models.Undo, error)
	ForgetUndo(ctx context.Context, id string) error
	Stats(ctx context.Context, program string, area models.Area, children bool, from, to string) ([]models.Stat, error)
	// Numbers gives the counters of programs for days and of what is true now, of an area or each directly below it.
	Numbers(ctx context.Context, programs []string, area models.Area, children bool, from, to string) ([]models.Numbers, error)
	MessageStats(ctx context.Context, from, to string) ([]models.MessageStat, error)
}

// Config is what a Service is made of.
type Config struct {
	Store    Store
	Within   func(scope models.Area) Scoped
	Programs *rules.Catalog
	Areas    *areas.Directory
	Now      func() time.Time // the domain's clock
	Changed  func()           // called after a change, so that its effects need not wait for the next look
}

// Service works on cases. It is safe for concurrent use.
type Service struct {
	store     Store
	within    func(models.Area) Scoped
	programs  *rules.Catalog
	areas     *areas.Directory
	now       func() time.Time
	changed   func()
	counts    remembered[models.QueueCounts] // of areas
	overviews remembered[Overview]           // of areas
	mine      remembered[int64]              // cases of officials
	each      remembered[map[string]int64]   // lists of officials, by name
	near      remembered[colleagues]         // of areas
	found     looks                          // by a search
}

// New gives a ready service.
func New(c Config) *Service {
	if c.Changed == nil {
		c.Changed = func() {}
	}
	return &Service{
		store: c.Store, within: c.Within, programs: c.Programs, areas: c.Areas, now: c.Now, changed: c.Changed,
	}
}

// View is a case as a list shows it: the person masked.
type View struct {
	models.Case
	MaskedName  *string // nil: nobody has given a name yet, or it is erased
	MaskedPhone string
	Overdue     bool
}

// Detail is a case with the answers that led to its level.
type Detail struct {
	View
	Answers   models.Answers
	DecidedAt time.Time // occurred_at of that declaration
}

// Identity is a person without a mask.
type Identity struct {
	Name, Phone, BirthDate, NationalID, Address string
	Sex                                         models.Sex
}

func (s *Service) view(c models.CasePerson) View {
	v := View{Case: c.Case, MaskedPhone: MaskPhone(c.Phone), Overdue: c.Case.Overdue(s.now())}
	if c.Person.Name != "" {
		masked := MaskName(c.Person.Name)
		v.MaskedName = &masked
	}
	return v
}

// List gives the official's cases that match, newest declared first. search is what the official typed: an exact phone,
// identity number or name; "" does not narrow.
func (s *Service) List(ctx context.Context, official models.Official, f models.CaseFilter, search string, page models.Page) ([]View, string, error) {
	f = searching(f, search)
	found, next, err := s.within(official.Area).List(ctx, f, s.now(), page)
	if err != nil {
		return nil, "", err
	}
	if err := s.noteSearch(ctx, official, f, found); err != nil {
		return nil, "", err
	}
	views := make([]View, len(found))
	for i := range found {
		views[i] = s.view(found[i])
	}
	return views, next, nil
}

// Count gives how many cases List goes through for the same filter and search.
func (s *Service) Count(ctx context.Context, official models.Official, f models.CaseFilter, search string) (int64, error) {
	f = searching(f, search)
	if err := s.noteCount(ctx, official, f); err != nil {
		return 0, err
	}
	return s.within(official.Area).Count(ctx, f, s.now())
}

// CountUpTo is Count up to CountLimit+1, which stands for any larger number.
func (s *Service) CountUpTo(ctx context.Context, official models.Official, f models.CaseFilter, search string) (int64, error) {
	f = searching(f, search)
	if err := s.noteCount(ctx, official, f); err != nil {
		return 0, err
	}
	return s.within(official.Area).CountUpTo(ctx, f, s.now(), CountLimit+1)
}

// noteCount is noteSearch for a number: whether there is one says as much as a list.
func (s *Service) noteCount(ctx context.Context, official models.Official, f models.CaseFilter) error {
	if !identifies(f) {
		return nil
	}
	found, _, err := s.within(official.Area).List(ctx, f, s.now(), models.Page{Limit: models.HouseholdLimit})
	return errors.Join(err, s.noteSearch(ctx, official, f, found))
}

// noteSearch keeps who found whom by a number that says who somebody is: whoever knows the number learns from a masked
// case that its owner is flagged. The citizen reads it in the access log. It is kept before anything is shown.
func (s *Service) noteSearch(ctx context.Context, official models.Official, f models.CaseFilter, found []models.CasePerson) error {
	if !identifies(f) || len(found) == 0 {
		return nil
	}
	var entries []models.AuditEntry
	for i := range found {
		if !s.found.again(official.Login, found[i].Case.ID, s.now()) {
			entries = append(entries, s.entry(official, models.AuditSearch, &found[i].Case))
		}
	}
	if len(entries) == 0 {
		return nil
	}
	if err := s.NoteLooks(ctx, official, entries...); err != nil {
		return err
	}
	for _, e := range entries {
		s.found.keep(e.Login, e.Case, e.At)
	}
	return nil
}

// identifies tells whether a search is for a phone or an identity number. Every identity number has digits; a name that
// could be one has none.
func identifies(f models.CaseFilter) bool {
	return slices.ContainsFunc(f.Search, func(t models.SearchTerm) bool {
		return t.Kind != termName && strings.ContainsAny(t.Value, "0123456789")
	})
}

func searching(f models.CaseFilter, search string) models.CaseFilter {
	if search != "" {
		f.Search = SearchQuery(search)
	}
	return f
}

// Get gives one case of the official's area.
func (s *Service) Get(ctx context.Context, official models.Official, id string) (Detail, error) {
	found, err := s.within(official.Area).Get(ctx, id)
	if err != nil {
		return Detail{}, err
	}
	return s.detail(ctx, found)
}

func (s *Service) detail(ctx context.Context, c models.CasePerson) (Detail, error) {
	d := Detail{View: s.view(c)}
	var err error
	d.Answers, d.DecidedAt, err = s.decidedBy(ctx, &c.Case, nil)
	return d, err
}

// Reveal gives the identity behind a case. The reason is in the audit, durably, before the identity is given, and the
// citizen can read it.
func (s *Service) Reveal(ctx context.Context, official models.Official, id, reason string) (Identity, error) {
	reason, problem := freeText("/reason", reason, true)
	if problem != nil {
		return Identity{}, models.InvalidFields(*problem)
	}
	found, err := s.within(official.Area).Get(ctx, id)
	if err != nil {
		return Identity{}, err
	}
	entry := s.entry(official, models.AuditReveal, &found.Case)
	entry.Reason = reason
	if err := s.NoteLooks(ctx, official, entry); err != nil {
		return Identity{}, err
	}
	return Identity{
		Name: found.Person.Name, Phone: found.Phone, BirthDate: found.Person.BirthDate,
		NationalID: found.Person.NationalID, Address: found.Person.Address, Sex: found.Person.Sex,
	}, nil
}

func (s *Service) entry(official models.Official, action models.AuditAction, c *models.Case) models.AuditEntry {
	entry := official.Act(s.now(), action)
	entry.Account, entry.PersonID, entry.Case, entry.Program = c.Account, c.PersonID, c.ID, c.Program
	return entry
}

// StatsQuery asks for numbers of one program for local days From to To ("2006-01-02", both included), in an area or, with
// Children, in each area directly below it. An empty Area is the official's own.
type StatsQuery struct {
	Program  string
	Area     models.Area
	From, To string
	Children bool
}

// Stats gives numbers of the official's area from counters; an area outside is NotFound.
func (s *Service) Stats(ctx context.Context, official models.Official, q StatsQuery) ([]models.Stat, error) {
	if q.Area == "" {
		q.Area = official.Area
	}
	if !s.areas.Holds(official.Area, q.Area) {
		return nil, models.ErrNotFound
	}
	return s.store.Stats(ctx, q.Program, q.Area, q.Children, q.From, q.To)
}

// MessageStats gives what messages cost on the days from through to: Forbidden to whom it is not their business.
func (s *Service) MessageStats(ctx context.Context, official models.Official, from, to string) ([]models.MessageStat, error) {
	if !official.Role.May(models.ReadCosts) {
		return nil, models.Fail(models.Forbidden, "forbidden")
	}
	return s.store.MessageStats(ctx, from, to)
}
