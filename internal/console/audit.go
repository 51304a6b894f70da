package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"khaibao/models"
)

// auditView is the audit as somebody searches it who may.
type auditView struct {
	Login, Case, From, To string
	Actions               []option
	CanOpen               bool // the cases that entries are about
	Reading               []readingRow
	MoreReading           bool
	ReadingHelp           string
	Items                 []auditRow
	NextLink              string
}

// readingRow is a day on which an official looked at people in an unusual way.
type readingRow struct {
	Login, Where, Day, Link string
	Looks, Night            int64
	Mean                    string
	Many                    bool
}

type auditRow struct {
	At                        time.Time
	Action, By, Where, Reason string
	Case                      string
	OffHours                  bool
}

func (r *request) audit() error {
	q := r.URL.Query()
	f, known := auditFilter(q)
	view := auditView{
		Login: q.Get("login"), Case: q.Get("case"), From: q.Get("from"), To: q.Get("to"), CanOpen: r.official.Role.May(models.ReadCases),
		Actions: []option{{"", r.say("filter.any"), len(f.Actions) == 0}},
	}
	for _, a := range models.AuditActions() {
		view.Actions = append(view.Actions, option{string(a), r.kindText("action", string(a)), slices.Contains(f.Actions, a)})
	}
	if !known { // what cannot be has no entries; leaving it out would show all of them
		return r.show(http.StatusOK, "audit", view)
	}
	if f.Case == "" && q.Get("cursor") == "" {
		if err := r.addReading(&view, f.Login); err != nil {
			return err
		}
	}
	entries, next, err := r.s.Privacy.Audit(r.Context(), r.official, f, models.Page{Limit: pageSize, Cursor: q.Get("cursor")})
	if err != nil {
		return err
	}
	for i := range entries {
		view.Items = append(view.Items, r.auditRow(&entries[i]))
	}
	view.NextLink = r.nextPage("/console/audit", next)
	return r.show(http.StatusOK, "audit", view)
}

// auditFilter reads the filter of a link; false when something in it cannot be.
func auditFilter(q url.Values) (f models.AuditFilter, known bool) {
	known = true
	text := func(name string, clean func(string) string) string {
		typed := strings.TrimSpace(q.Get(name))
		got := clean(typed)
		known = known && (typed == "" || got != "")
		return got
	}
	f.Login, f.Case = text("login", func(s string) string { return loginOrNone(strings.ToLower(s)) }), text("case", idOrNone)
	day := func(name string, after int) (at time.Time) {
		text(name, func(typed string) string {
			day, err := time.ParseInLocation(time.DateOnly, typed, models.Hanoi)
			if err != nil {
				return ""
			}
			at = day.AddDate(0, 0, after)
			return typed
		})
		return at
	}
	f.Since, f.Before = day("from", 0), day("to", 1)
	action := text("action", func(typed string) string {
		if !slices.Contains(models.AuditActions(), models.AuditAction(typed)) {
			return ""
		}
		return typed
	})
	if action != "" {
		f.Actions = []models.AuditAction{models.AuditAction(action)}
	}
	return f, known
}

// addReading puts the unusual days above the list.
func (r *request) addReading(view *auditView, login string) error {
	found, more, err := r.s.Privacy.UnusualReading(r.Context(), r.official, login)
	if err != nil {
		return err
	}
	w := r.words()
	view.MoreReading = more
	view.ReadingHelp = r.say("reading.help", "many", models.ManyLooks, "times", models.MeanTimes, "days", models.MeanDays, "top", models.TooManyLooks,
		"from", models.OffHoursFrom, "to", models.OffHoursTo)
	for _, f := range found {
		day := models.Day(f.Day)
		view.Reading = append(view.Reading, readingRow{
			Login: f.Login, Where: r.areaName(string(f.Area)), Day: w.day(day), Looks: f.Looks, Night: f.Night, Many: f.Many(),
			Mean: w.decimal(float64(int(f.Mean*10+.5)) / 10),
			Link: "/console/audit?" + url.Values{"login": {f.Login}, "from": {day}, "to": {day}}.Encode(),
		})
	}
	return nil
}

func (r *request) auditRow(e *models.AuditEntry) auditRow {
	row := auditRow{At: e.At, Action: r.kindText("action", string(e.Action)), By: e.Login, Case: e.Case, OffHours: e.Look() && atNight(e.At)}
	row.Reason = orText(e.Reason, r.changeText(e))
	if e.Area != "" {
		row.Where = r.areaName(string(e.Area))
	}
	if e.Login == "" {
		row.By = r.say("audit.nobody")
	}
	if whom := e.Detail["login"]; whom != "" {
		row.Reason = whom + " · " + r.role(models.Role(e.Detail["role"])) + " · " + r.areaName(e.Detail["area"])
	}
	return row
}

func atNight(at time.Time) bool {
	early, late := models.Night(at)
	return early.Holds(at) || late.Holds(at)
}

// role is a role's word.
func (r *request) role(role models.Role) string {
	return r.s.Texts.Text(r.lang, "role."+string(role), nil)
}
