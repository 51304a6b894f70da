package console

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"khaibao/internal/cases"
	"khaibao/models"
)

const pageSize = 50

// queueView is the first page of the day.
type queueView struct {
	AreaName   string
	Views      []viewTab
	Saved      []savedView
	CountedAt  time.Time // of when the numbers of the views are; zero: of now
	Selects    []selectView
	Query      string            // of the filter, for the forms
	Cursor     string            // of the page, for the forms
	Area       string            // of the official, for the forms
	FormID     string            // names this page's form
	Told       int64             // how many the list has; 0 when it is not told exactly
	Kept       map[string]string // the filter without a view and a search, for a search
	Sealed     string            // the search, for the filter
	AllLink    string            // the search without the filter
	Form       queueForm
	View       string
	Assignee   string
	Search     string
	Days       []dayFilter // which no list of the form chooses
	Narrowed   bool
	CanWork    bool
	CanExport  bool
	ExportLink string
	Items      []rowView
	Total      int64
	Colleagues []models.Official
	// TypeAssignee: there are too many colleagues to choose from, so that a login is typed.
	TypeAssignee bool
	FirstLink    string
	NextLink     string
	Empty        string
}

// queueForm is what came with a form that is answered with the page: what was wrong, and what had been chosen and typed.
type queueForm struct {
	Problems []string
	Chosen   []string
	All      bool
	Name     string // of a filter to save
	Assignee string // whom to give cases to
}

type viewTab struct {
	Name, Link string
	Count      int64
	Known      bool // counted in time
	Current    bool
}

type savedView struct {
	Name, Link string
	Count      int64
	Known      bool // counted in time
}

type selectView struct {
	Label, Name string
	Options     []option
}

type option struct {
	Value, Text string
	Chosen      bool
}

// rowView is a case as a line of the queue.
type rowView struct {
	ID                           string
	List                         string // the query that leads back to the list
	Level                        models.Level
	Name, Phone, Place, Why, Due string
	Marks                        []string
	Assignee, Status             string
	Overdue, Raised, Chosen      bool
	LastDeclaredAt, DueAt        time.Time
}

func (r *request) queue() error {
	return r.showQueue(http.StatusOK, r.filterOf(r.URL.Query()), r.URL.Query().Get("cursor"), queueForm{})
}

func (r *request) showQueue(status int, f filter, cursor string, form queueForm) error {
	ctx := r.Context()
	view := queueView{
		AreaName: r.areaName(string(r.official.Area)), View: f.View, Query: f.encode(), Search: f.Search, Narrowed: f.narrowed() || f.Sort != "",
		CanWork: r.official.Role.May(models.WorkCases), CanExport: r.official.Role.May(models.WorkCases), ExportLink: f.link("/console/export"),
		Assignee: f.Assignee, Form: form, Cursor: cursor, Sealed: f.sealed, Area: string(r.official.Area), FormID: rand.Text(),
	}
	asked, kept := f.of(r.official), f.unsearched()
	kept.View = ""
	view.Kept, view.AllLink = kept.values(), filter{Search: f.Search, sealed: f.sealed}.link("/console/cases")
	var found []cases.View
	var next string
	group, reading := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		found, next, err = r.s.Cases.List(reading, r.official, asked, f.Search, models.Page{Limit: pageSize, Cursor: cursor})
		return err
	})
	group.Go(func() (err error) {
		view.Views, view.CountedAt, err = r.tabs(reading, f)
		return err
	})
	group.Go(func() (err error) {
		view.Saved, err = r.saved(reading)
		return err
	})
	group.Go(func() (err error) {
		view.Colleagues, view.TypeAssignee, err = r.s.Cases.Colleagues(reading, r.official)
		return err
	})
	err := group.Wait()
	if err != nil {
		return err
	}
	tabs := view.Views
	if len(form.Problems) > 0 { // the list has changed, perhaps, since the numbers of the tabs were read
		tabs = nil
	}
	if view.Total, err = r.total(ctx, f, asked, tabs, listed{len(found), cursor == "" && next == ""}); err != nil {
		return err
	}
	if view.Total <= cases.CountLimit {
		view.Told = view.Total
	}
	for i := range found {
		row := r.row(&found[i])
		row.Chosen = slices.Contains(form.Chosen, row.ID)
		if list := withCursor(view.Query, cursor); list != "" {
			row.List = "?list=" + url.QueryEscape(list)
		}
		view.Items = append(view.Items, row)
	}
	if next != "" {
		view.NextLink = f.link("/console/cases", "cursor", next)
	}
	if cursor != "" {
		view.FirstLink = f.link("/console/cases")
	}
	view.Selects, view.Days = r.selects(f), r.dayFilters(f)
	if !view.TypeAssignee {
		view.Selects = slices.Insert(view.Selects, len(view.Selects)-1, r.assignees(f, view.Colleagues)) // before the order
	}
	view.Empty = r.say("queue.empty."+r.emptyReason(f), "area", r.areaName(f.Area), "own", view.AreaName)
	return r.show(status, "queue", view)
}

func (r *request) emptyReason(f filter) string {
	switch {
	case f.lost:
		return "search_lost"
	case f.Search != "" && len(strings.Fields(f.Search)) == 1 && !strings.ContainsAny(f.Search, "0123456789"):
		return "search_word"
	case f.Search != "" && f.narrowed():
		return "search_filter"
	case f.Search != "":
		return "search"
	case f.Area != "" && !r.s.Areas.Holds(r.official.Area, models.Area(f.Area)):
		return "elsewhere"
	case f.narrowed():
		return "filter"
	case f.View == "":
		return "open"
	}
	return f.View
}

// countWithin is how long a page waits for the numbers on its tabs: it is of use without them.
const countWithin = 1500 * time.Millisecond

// tabs are the views with how many cases of the official's whole area stand in each, and of when that is.
func (r *request) tabs(ctx context.Context, f filter) ([]viewTab, time.Time, error) {
	counting, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	n, err := r.s.Cases.QueueCounts(counting, r.official)
	known := err == nil
	if err != nil && (ctx.Err() != nil || counting.Err() == nil) {
		return nil, time.Time{}, err
	}
	counts := map[string]int64{"open": n.Open, "new": n.New, "raised": n.Raised, "overdue": n.Overdue, "unreached": n.Unreached, "missed": n.Missed, "mine": n.Mine, "closed": n.Closed}
	out := make([]viewTab, len(views))
	for i, name := range views {
		own := filter{View: name}
		if name == "open" {
			own.View = ""
		}
		out[i] = viewTab{Name: r.say("view." + name), Link: own.link("/console/cases"), Current: f.list() == name, Count: counts[name], Known: known}
	}
	return out, n.At, nil
}

// saved are the official's own filters with how many cases each lists.
func (r *request) saved(ctx context.Context) ([]savedView, error) {
	counting, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	filters := map[string]models.CaseFilter{}
	for _, v := range r.official.Views {
		query, _ := url.ParseQuery(v.Query)
		filters[v.Query] = r.filterOf(query).of(r.official)
	}
	counts, err := r.s.Cases.CountEach(counting, r.official, filters)
	if err != nil && (ctx.Err() != nil || counting.Err() == nil) {
		return nil, err
	}
	var out []savedView
	for _, v := range r.official.Views {
		out = append(out, savedView{v.Name, "/console/cases?" + v.Query, counts[v.Query], err == nil})
	}
	return out, nil
}

// listed is how many cases a page lists, and whether those are all.
type listed struct {
	n     int
	whole bool
}

// total is how many cases the list goes through, up to the limit: what the page knows already is not counted again.
func (r *request) total(ctx context.Context, f filter, asked models.CaseFilter, tabs []viewTab, page listed) (int64, error) {
	if page.whole {
		return int64(page.n), nil
	}
	for _, tab := range tabs {
		if tab.Current && tab.Known && f.Search == "" && !f.narrowed() {
			return tab.Count, nil
		}
	}
	return r.s.Cases.CountUpTo(ctx, r.official, asked, f.Search)
}

func (r *request) row(v *cases.View) rowView {
	w, now := r.words(), r.s.Now()
	row := rowView{
		ID: v.ID, Level: v.Level, Name: r.nameOf(v), Phone: v.MaskedPhone, Place: r.place(v), Why: r.why(v),
		Due: w.deadline(now, v.DueAt), Assignee: v.Assignee, Status: r.s.Texts.Text(r.lang, "status."+string(v.Status), nil),
		Overdue: v.Overdue, Raised: !v.RaisedAt.IsZero(), LastDeclaredAt: v.LastDeclaredAt, DueAt: v.DueAt,
	}
	if row.Due != "" && v.Level == models.LevelEmergency {
		row.Due = r.say("due.call_now", "due", row.Due)
	}
	for key, marked := range map[string]bool{"missed": !v.MissedSince.IsZero(), "unreached": !v.UnreachedSince.IsZero(), "same": v.SameAs != ""} {
		if marked {
			row.Marks = append(row.Marks, r.say("mark."+key))
		}
	}
	slices.Sort(row.Marks)
	return row
}

func (r *request) nameOf(v *cases.View) string {
	if v.MaskedName == nil {
		return r.say("no_name")
	}
	return *v.MaskedName
}

// place is the commune, and the program's name when there are several.
func (r *request) place(v *cases.View) string {
	name := r.areaName(v.Commune)
	if p, ok := r.s.Programs.Version(v.Program, v.Version); ok {
		name += " · " + p.Name(r.lang)
	}
	return name
}

// why lists a case's factors in words.
func (r *request) why(v *cases.View) string {
	p, ok := r.s.Programs.Version(v.Program, v.Version)
	if !ok {
		return strings.Join(v.Factors, ", ")
	}
	names := make([]string, len(v.Factors))
	for i, code := range v.Factors {
		names[i] = p.FactorText(code, r.lang)
	}
	return strings.Join(names, ", ")
}

// selects are the filter's lists, each with what is chosen.
func (r *request) selects(f filter) []selectView {
	text := func(key string) func(string) string {
		return func(value string) string { return r.s.Texts.Text(r.lang, key+"."+value, nil) }
	}
	var levels []string
	for _, l := range models.Levels() {
		if l.Flagged() {
			levels = append(levels, l.String())
		}
	}
	slices.Reverse(levels)
	out := []selectView{
		r.choose("program", f.Program, r.programIDs(), r.programName),
		r.choose("level", f.Level, levels, text("level")),
		r.choose("factor", f.Factor, r.factorCodes(f.Program), r.factorName),
	}
	if communes := r.areasBelow(); len(communes) > 0 {
		if f.Area != "" && !slices.Contains(communes, f.Area) && r.s.Areas.Holds(r.official.Area, models.Area(f.Area)) {
			communes = append(communes, f.Area) // further below, from a link
		}
		out = append(out, r.choose("area", f.Area, communes, r.areaName))
	}
	out = append(out, r.choose("status", f.Status, statusWords(), text("status")))
	sort := r.choose("sort", f.Sort, []string{"due", "level"}, func(v string) string { return r.say("sort." + v) })
	sort.Options[0].Text = r.say("sort.newest")
	return append(out, sort)
}

// assignees are who may have a case: nobody, a colleague, and whom the filter names, a colleague or not.
func (r *request) assignees(f filter, colleagues []models.Official) selectView {
	names := map[string]string{nobody: r.say("queue.nobody")}
	logins := []string{nobody}
	for _, o := range colleagues {
		logins, names[o.Login] = append(logins, o.Login), o.Name+" ("+o.Login+")"
	}
	if f.Assignee != "" && names[f.Assignee] == "" {
		logins, names[f.Assignee] = append(logins, f.Assignee), f.Assignee
	}
	return r.choose("assignee", f.Assignee, logins, func(login string) string { return names[login] })
}

func (r *request) choose(name, chosen string, values []string, text func(string) string) selectView {
	out := selectView{Label: r.say("filter." + name), Name: name, Options: []option{{"", r.say("filter.any"), chosen == ""}}}
	for _, value := range values {
		out.Options = append(out.Options, option{value, text(value), value == chosen})
	}
	return out
}

func (r *request) programName(id string) string {
	if p, ok := r.s.Programs.Current(id, r.s.Now()); ok {
		return p.Name(r.lang)
	}
	return id
}

func (r *request) factorCodes(program string) []string {
	var out []string
	for _, p := range r.s.Programs.All() {
		if program != "" && p.ID() != program {
			continue
		}
		for _, code := range p.Factors() {
			if !slices.Contains(out, code) {
				out = append(out, code)
			}
		}
	}
	return out
}

func (r *request) factorName(code string) string {
	for _, p := range r.s.Programs.All() {
		if slices.Contains(p.Factors(), code) {
			return p.FactorText(code, r.lang)
		}
	}
	return code
}

// areasBelow are the areas directly below the official's own.
func (r *request) areasBelow() []string { return r.areasIn(r.official.Area) }

func (r *request) areasIn(area models.Area) []string {
	var out []string
	switch {
	case area == models.Nation:
		for _, p := range r.s.Areas.Provinces() {
			out = append(out, p.Code)
		}
	case area.IsProvince():
		communes, _ := r.s.Areas.Communes(string(area))
		for _, c := range communes {
			out = append(out, c.Code)
		}
	}
	return out
}
