package cases

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"khaibao/internal/sheet"
	"khaibao/models"
)

// ExportAsk is what an official wants exported.
type ExportAsk struct {
	Format sheet.Format
	Filter models.CaseFilter
	Search string
	// Identified writes people without a mask: for those who may, with a reason, which the audit keeps.
	Identified bool
	Reason     string
	Lang       models.Lang
	Text       func(lang models.Lang, key string, args map[string]any) string
	Progress   func(rows int) // called now and then; may be nil
}

// exportPage is how many cases are in memory at once.
const exportPage = 200

// Export is a permitted and audited export, ready to be written.
type Export struct {
	service  *Service
	official models.Official
	ask      ExportAsk
	at       time.Time
	Total    int64 // how many cases there were when it began
}

// Export checks what is asked, and audits it durably before anything is written.
func (s *Service) Export(ctx context.Context, official models.Official, ask ExportAsk) (*Export, error) {
	if ask.Identified && !official.Role.May(models.ExportIdentity) {
		return nil, models.Fail(models.Forbidden, "forbidden")
	}
	reason, problem := freeText("reason", ask.Reason, ask.Identified)
	if problem != nil {
		return nil, models.InvalidFields(*problem)
	}
	total, err := s.Count(ctx, official, ask.Filter, ask.Search)
	if err != nil {
		return nil, err
	}
	entry := s.entry(official, models.AuditExport, &models.Case{Program: ask.Filter.Program})
	entry.Reason = reason
	entry.Detail = filterDetail(ask.Filter)
	entry.Detail["format"], entry.Detail["identified"], entry.Detail["rows"] = string(ask.Format), yesNo(ask.Identified), strconv.FormatInt(total, 10)
	if ask.Search != "" {
		entry.Detail["search"] = yesNo(true) // never what was searched for
	}
	if err := s.NoteLooks(ctx, official, entry); err != nil {
		return nil, err
	}
	return &Export{s, official, ask, s.now(), total}, nil
}

// filterDetail is a filter as the audit keeps it: codes under the names that the API's parameters have, and what is not
// asked left out. Days are local, first and last; an area is always one's own or below.
func filterDetail(f models.CaseFilter) map[string]string {
	out := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	var levels, statuses []string
	for _, l := range f.Levels {
		levels = append(levels, l.String())
	}
	for _, status := range f.Statuses {
		statuses = append(statuses, string(status))
	}
	set("level", strings.Join(levels, ","))
	set("status", strings.Join(statuses, ","))
	set("area", string(f.Area))
	set("factor", f.Factor)
	set("assignee", f.Assignee)
	for name, asked := range map[string]*bool{
		"assigned": f.Assigned, "overdue": f.Overdue, "missed": f.Missed, "unreachable": f.Unreachable, "raised": f.Raised, "unreached": f.Unreached,
	} {
		if asked != nil {
			set(name, yesNo(*asked))
		}
	}
	if on := f.WaitedOn; on != (models.WaitedOn{}) {
		set("waited_"+string(on.Kind), on.Day)
	}
	for name, span := range map[string][2]time.Time{"opened": {f.OpenedFrom, f.OpenedTo}, "called": {f.ContactedFrom, f.ContactedTo}, "since": {f.Since}} {
		set(name, daysText(span[0], span[1]))
	}
	return out
}

// daysText is a span of local days: "2026-11-01..2026-11-07" of a first moment and the first one behind it, an end left out
// when there is none.
func daysText(from, before time.Time) string {
	switch {
	case from.IsZero() && before.IsZero():
		return ""
	case before.IsZero():
		return models.Day(from) + ".."
	case from.IsZero():
		return ".." + models.Day(before.Add(-time.Nanosecond))
	}
	return models.Day(from) + ".." + models.Day(before.Add(-time.Nanosecond))
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// Mark says who exported and when: it stands in every row.
func (e *Export) Mark() string {
	return e.official.Login + " " + e.at.In(models.Hanoi).Format("2006-01-02 15:04:05 -07:00")
}

// Name is a name for the file.
func (e *Export) Name() string {
	return "khaibao-" + e.at.In(models.Hanoi).Format("20060102-1504") + "." + string(e.ask.Format)
}

// Write writes the file page by page, and stops when ctx ends.
func (e *Export) Write(ctx context.Context, w io.Writer) error {
	out, err := sheet.New(e.ask.Format, w, e.columns(), e.Mark())
	if err != nil {
		return err
	}
	page, rows := models.Page{Limit: exportPage}, 0
	for {
		found, next, err := e.service.within(e.official.Area).List(ctx, searching(e.ask.Filter, e.ask.Search), e.at, page)
		if err != nil {
			return err
		}
		for i := range found {
			if err := out.Row(e.row(&found[i])); err != nil {
				return err
			}
		}
		rows += len(found)
		if e.ask.Progress != nil {
			e.ask.Progress(rows)
		}
		if next == "" {
			return out.Close()
		}
		page.Cursor = next
	}
}

func (e *Export) text(key string) string { return e.ask.Text(e.ask.Lang, key, nil) }

// exportColumns are those of every export, and those of an identified one.
var (
	exportColumns = []string{"id", "program", "level", "latest_level", "status", "factors", "province", "commune", "name", "phone",
		"assignee", "declared_at", "opened_at", "due_at", "overdue", "missed_since", "raised_at", "unreached_since", "first_contact_at"}
	identityColumns = []string{"birth_date", "sex", "national_id", "address"}
)

const markColumn = "exported_by"

func (e *Export) columns() []sheet.Column {
	var out []sheet.Column
	for _, id := range e.ids() {
		out = append(out, sheet.Column{ID: id, Title: e.text("column." + id)})
	}
	return out
}

func (e *Export) ids() []string {
	ids := append([]string{}, exportColumns...)
	if e.ask.Identified {
		ids = append(ids, identityColumns...)
	}
	return append(ids, markColumn)
}

func (e *Export) row(c *models.CasePerson) []string {
	v := e.service.view(*c)
	name, phone := "", v.MaskedPhone
	if v.MaskedName != nil {
		name = *v.MaskedName
	}
	if e.ask.Identified {
		name, phone = c.Person.Name, strings.Replace(c.Phone, "+84", "0", 1)
	}
	out := []string{
		v.ID, e.program(&v), e.text("level." + v.Level.String()), e.text("level." + v.LatestLevel.String()), e.text("status." + string(v.Status)),
		e.factors(&v), e.area(v.Province), e.area(v.Commune), name, phone, v.Assignee, e.moment(v.LastDeclaredAt), e.moment(v.OpenedAt),
		e.moment(v.DueAt), e.text("answer." + yesNo(v.Overdue)), e.moment(v.MissedSince), e.moment(v.RaisedAt), e.moment(v.UnreachedSince), e.moment(v.FirstContactAt),
	}
	if e.ask.Identified {
		sex := ""
		if c.Person.Sex != "" {
			sex = e.text("sex." + string(c.Person.Sex))
		}
		out = append(out, c.Person.BirthDate, sex, c.Person.NationalID, c.Person.Address)
	}
	return append(out, e.Mark())
}

func (e *Export) program(v *View) string {
	if p, ok := e.service.programs.Version(v.Program, v.Version); ok {
		return p.Name(e.ask.Lang)
	}
	return v.Program
}

func (e *Export) factors(v *View) string {
	p, ok := e.service.programs.Version(v.Program, v.Version)
	if !ok {
		return strings.Join(v.Factors, ", ")
	}
	names := make([]string, len(v.Factors))
	for i, code := range v.Factors {
		names[i] = p.FactorText(code, e.ask.Lang)
	}
	return strings.Join(names, ", ")
}

func (e *Export) area(code string) string {
	if area, ok := e.service.areas.Get(code); ok {
		return code + " " + area.In(e.ask.Lang)
	}
	return code
}

// moment is a time in Vietnam that sorts as a text and that a spreadsheet reads.
func (e *Export) moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(models.Hanoi).Format("2006-01-02 15:04:05")
}
