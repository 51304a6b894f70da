package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
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
	row.Reason = r.detailText(e)
	if e.Area != "" {
		row.Where = r.areaName(string(e.Area))
	}
	if e.Login == "" {
		row.By = r.say("audit.nobody")
	}
	return row
}

// detailText says what an entry is about besides its action: a reason in the official's words, or what was done.
func (r *request) detailText(e *models.AuditEntry) string {
	d := e.Detail
	switch {
	case e.Action == models.AuditExport:
		return joined(append([]string{e.Reason}, r.exportDetail(e)...))
	case d["broadcast"] != "":
		return joined(r.broadcastDetail(d))
	case d["login"] != "":
		return joined([]string{d["login"], r.role(models.Role(d["role"])), r.areaName(d["area"])})
	case e.Reason != "":
		return e.Reason
	}
	out := r.changeText(e)
	if outcome := d["contact"]; outcome != "" {
		out = r.say("change.contact", "outcome", r.say("outcome."+outcome)) + " " + out
	}
	if d["note"] != "" {
		out += " " + r.say("change.note")
	}
	return strings.TrimSpace(out)
}

func joined(parts []string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " · ")
}

// exportDetail says what an export held: the format, whether people were named, how many rows, and the filter.
func (r *request) exportDetail(e *models.AuditEntry) []string {
	d := e.Detail
	out := []string{strings.ToUpper(d["format"]), r.say("audit.export." + orText(d["identified"], "no"))}
	if rows, err := strconv.ParseInt(d["rows"], 10, 64); err == nil {
		out = append(out, r.say("audit.rows", "n", rows))
	}
	if d["search"] != "" {
		out = append(out, r.say("audit.search"))
	}
	add := func(label, value string) {
		if value != "" {
			out = append(out, r.say(label)+": "+value)
		}
	}
	if e.Program != "" {
		add("filter.program", r.programName(e.Program))
	}
	add("filter.level", r.each(d["level"], func(level string) string { return r.s.Texts.Text(r.lang, "level."+level, nil) }))
	add("filter.status", r.each(d["status"], func(status string) string { return r.s.Texts.Text(r.lang, "status."+status, nil) }))
	add("filter.area", r.each(d["area"], r.areaName))
	add("filter.factor", r.each(d["factor"], r.factorName))
	add("filter.assignee", d["assignee"])
	for _, mark := range []string{"assigned", "overdue", "missed", "unreachable", "raised", "unreached"} {
		if asked := d[mark]; asked != "" {
			add("audit.mark."+mark, r.s.Texts.Text(r.lang, "answer."+asked, nil))
		}
	}
	for _, name := range []string{"opened", "called", "waited_overdue", "waited_unreached"} {
		if days := daysOf(d[name]); d[name] != "" {
			add("audit.days."+name, days.in(r.words()))
		}
	}
	add("audit.days.since", r.each(strings.TrimSuffix(d["since"], ".."), r.words().day))
	return out
}

// broadcastDetail says which broadcast it was: whom it is for, and how it goes out. The text is on its own page.
func (r *request) broadcastDetail(d map[string]string) []string {
	out := []string{r.areaName(d["area"])}
	if n, err := strconv.ParseInt(d["recipients"], 10, 64); err == nil && n > 0 {
		out = append(out, r.say("audit.households", "n", n))
	}
	out = append(out, r.each(strings.ReplaceAll(d["levels"], " ", ","), func(level string) string { return r.s.Texts.Text(r.lang, "level."+level, nil) }))
	way := "broadcast.by_push"
	if d["sms"] == "true" {
		way = "broadcast.by_sms"
	}
	out = append(out, r.say(way))
	if d["urgent"] == "true" {
		out = append(out, r.say("broadcast.at_once"))
	}
	return out
}

// each puts the codes of a list into words.
func (r *request) each(codes string, word func(string) string) string {
	var out []string
	for code := range strings.SplitSeq(codes, ",") {
		if code != "" {
			out = append(out, word(code))
		}
	}
	return strings.Join(out, ", ")
}

func atNight(at time.Time) bool {
	early, late := models.Night(at)
	return early.Holds(at) || late.Holds(at)
}

// role is a role's word.
func (r *request) role(role models.Role) string {
	return r.s.Texts.Text(r.lang, "role."+string(role), nil)
}
