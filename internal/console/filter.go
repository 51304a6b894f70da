package console

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"khaibao/models"
)

// filter is what narrows the queue, as it stands in a link. A search stands there sealed: it could be a phone number.
type filter struct {
	View     string
	Level    string
	Status   string
	Program  string
	Factor   string
	Area     string
	Assignee string
	Opened   days
	Called   days // when somebody was first reached
	Waited   models.WaitedOn
	Sort     string
	Search   string // as it was typed
	sealed   string // as it stands in a link
	lost     bool   // what stands there does not open: it finds nobody
}

// views are the queue's own, in the order they are shown.
var views = []string{"open", "new", "raised", "overdue", "unreached", "missed", "mine", "closed"}

// nobody stands in a link for no official.
const nobody = "-"

// filterOf reads a filter. What is not a value of ours is passed over: a link of last year shows more, not an error.
func (r *request) filterOf(q url.Values) filter {
	f := filter{
		View: oneOf(q.Get("view"), views), Level: q.Get("level"), Status: q.Get("status"), Program: q.Get("program"),
		Factor: idOrNone(q.Get("factor")), Area: idOrNone(q.Get("area")), Assignee: loginOrNone(q.Get("assignee")),
		Sort: oneOf(q.Get("sort"), []string{"due", "level"}),
	}
	if _, err := models.ParseLevel(f.Level); err != nil {
		f.Level = ""
	}
	if f.Status = oneOf(f.Status, statusWords()); f.Status != "" && oneOf(f.View, []string{"open", "new", "closed"}) != "" {
		f.View = "" // these are statuses, and one of them was chosen
	}
	if f.View == "mine" && f.Assignee != "" {
		f.View = ""
	}
	f.Program = oneOf(f.Program, r.programIDs())
	f.Opened, f.Called, f.Waited = daysOf(q.Get("opened")), daysOf(q.Get("called")), waitedOn(q.Get("waited"))
	return r.searching(f, q.Get("find"))
}

func oneOf(text string, options []string) string {
	if slices.Contains(options, text) {
		return text
	}
	return ""
}

func loginOrNone(text string) string {
	if idOrNone(strings.ReplaceAll(text, ".", "-")) == "" {
		return ""
	}
	return text
}

func statusWords() []string {
	var out []string
	for _, s := range models.CaseStatuses() {
		out = append(out, string(s))
	}
	return out
}

func (r *request) programIDs() []string { return r.s.Programs.IDs() }

// values are the filter as a link or a form holds it; what is not chosen is left out.
func (f filter) values() map[string]string {
	out := map[string]string{
		"view": f.View, "level": f.Level, "status": f.Status, "program": f.Program, "factor": f.Factor, "area": f.Area,
		"assignee": f.Assignee, "opened": f.Opened.encode(), "called": f.Called.encode(), "waited": encodeWaited(f.Waited), "sort": f.Sort, "find": f.sealed,
	}
	maps.DeleteFunc(out, func(_, value string) bool { return value == "" })
	return out
}

// encode writes the filter as a query, each name once and in one order.
func (f filter) encode() string {
	q := url.Values{}
	for name, value := range f.values() {
		q.Set(name, value)
	}
	return q.Encode()
}

// list names what is listed: one of the views, "any" for cases whatever their status, and "" when a status says it.
func (f filter) list() string {
	switch {
	case f.View != "":
		return f.View
	case f.Status != "":
		return ""
	case f.Search != "", f.lost, f.Opened != (days{}) || f.Called != (days{}) || f.Waited != (models.WaitedOn{}): // whoever is searched for is found, closed or not
		return "any"
	}
	return "open"
}

// withCursor adds where a page of a list begins to its query.
func withCursor(query, cursor string) string {
	if cursor == "" {
		return query
	}
	return strings.TrimPrefix(query+"&cursor="+url.QueryEscape(cursor), "&")
}

func (f filter) link(path string, more ...string) string {
	q := f.encode()
	for i := 0; i+1 < len(more); i += 2 {
		if q != "" {
			q += "&"
		}
		q += more[i] + "=" + url.QueryEscape(more[i+1])
	}
	if q == "" {
		return path
	}
	return path + "?" + q
}

// narrowed tells whether anything but the view, the order and a search is chosen.
func (f filter) narrowed() bool {
	f = f.unsearched()
	f.View, f.Sort = "", ""
	return f != filter{}
}

// of gives the filter as the use-cases know it.
func (f filter) of(official models.Official) models.CaseFilter {
	yes := true
	out := models.CaseFilter{
		Statuses: models.OpenStatuses(), Program: f.Program, Factor: f.Factor, Area: models.Area(f.Area), Assignee: f.Assignee, WaitedOn: f.Waited, Order: models.CaseOrder(f.Sort),
	}
	if f.Assignee == nobody {
		no := false
		out.Assignee, out.Assigned = "", &no
	}
	switch f.list() {
	case "any":
		out.Statuses = nil
	case "new":
		out.Statuses = []models.CaseStatus{models.CaseNew}
	case "raised":
		out.Raised = &yes
	case "overdue":
		out.Overdue = &yes
	case "unreached":
		out.Unreached = &yes
	case "missed":
		out.Missed = &yes
	case "mine":
		out.Assignee = official.Login
	case "closed":
		out.Statuses = []models.CaseStatus{models.CaseClosed}
	}
	if f.Status != "" {
		out.Statuses = []models.CaseStatus{models.CaseStatus(f.Status)}
	}
	if level, err := models.ParseLevel(f.Level); err == nil && f.Level != "" {
		out.Levels = []models.Level{level}
	}
	if f.lost {
		out.Search = []models.SearchTerm{}
	}
	out.OpenedFrom, out.OpenedTo = f.Opened.bounds()
	out.ContactedFrom, out.ContactedTo = f.Called.bounds()
	return out
}
