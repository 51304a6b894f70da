package console

import (
	"cmp"
	"crypto/rand"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"khaibao/internal/cases"
	"khaibao/internal/rules"
	"khaibao/models"
)

// caseView is one case on one page.
type caseView struct {
	Row        rowView
	List       string // the query that leads back to the list
	BackLink   string
	Rev        string
	Seen       string // the work that this page shows, to tell later what has changed
	Version    int
	Program    string
	Behind     declaredView  // what the level comes from
	Newest     *declaredView // the newest declaration or update, when it is another one
	Script     []string
	Assessment *assessmentView
	OpenedAt   time.Time
	ClosedAt   time.Time
	Missed     time.Time
	Contacts   []contactView
	Timeline   []eventView
	Chart      chart
	Household  []rowView
	Same       []rowView
	Alike      []rowView
	SameAs     string
	Looks      []lookView
	Statuses   []option
	Colleagues []option
	// TypeAssignee: there are too many colleagues to choose from, so that a login is typed.
	TypeAssignee bool
	Levels       []option
	Communes     []option
	CanWork      bool
	Closed       bool
	Revealed     *cases.Identity
	RevealedAs   string // sex in words
	Problems     []string
	FormID       string   // names the forms of this page
	Stale        bool     // somebody else changed the case while this was being typed
	Changes      []string // what they changed
	Form         typed
}

// typed is what an official typed, so that a page that comes back has it still. What was left as the page had it is nil: a
// page that comes back shows what it is by then, not what it was.
type typed struct {
	Note, ContactNote, Reason, AssessReason, Level, To, ReferralReason, Message string
	Status, Assignee, Area                                                      *string
	Rev, Seen                                                                   string // what it was typed over, when that still counts
}

// keepChosen chooses what was typed in a list of choices.
func keepChosen(options []option, typed *string) {
	for i := range options {
		if typed != nil {
			options[i].Chosen = options[i].Value == *typed
		}
	}
}

// declaredView is what one declaration or update said, and what came of it.
type declaredView struct {
	At      time.Time
	Level   models.Level
	Reasons []string
	Answers []answerView
}

type answerView struct {
	Question, Answer string
	Fired            bool // one of those that made the level
}

type assessmentView struct {
	Level      models.Level
	Reason, By string
	At         time.Time
}

type contactView struct {
	Outcome, Note, By string
	At                time.Time
}

// eventView is one line of the timeline.
type eventView struct {
	At          time.Time
	Kind, Title string
	Text        string
	HasLevel    bool
	Level       models.Level
}

// lookView is one look at the identity.
type lookView struct {
	At        time.Time
	By, Where string
	Reason    string
}

func (r *request) casePage() error { return r.showCase(http.StatusOK, nil, typed{}, nil) }

// showCase renders a case, with what was typed and what was wrong with it.
func (r *request) showCase(status int, problems []string, form typed, revealed *cases.Identity) error {
	if status == http.StatusOK {
		r.back = r.caseLink()
	}
	story, err := r.s.Cases.Story(r.Context(), r.official, r.PathValue("id"))
	if err != nil {
		return err
	}
	view, err := r.caseView(&story)
	if err != nil {
		return err
	}
	view.Problems, view.Form, view.Revealed = problems, form, revealed
	view.List, _ = r.listed()
	view.BackLink, view.FormID = strings.TrimSuffix("/console/cases?"+view.List, "?"), rand.Text()
	if form.Rev != "" {
		view.Rev, view.Seen = form.Rev, form.Seen
	}
	keepChosen(view.Statuses, form.Status)
	keepChosen(view.Colleagues, form.Assignee)
	keepChosen(view.Communes, form.Area)
	if revealed != nil && revealed.Sex != "" {
		view.RevealedAs = r.s.Texts.Text(r.lang, "sex."+string(revealed.Sex), nil)
	}
	if status == http.StatusPreconditionFailed {
		view.Stale, view.Changes = true, r.changesSince(r.PostForm.Get("seen"), &story)
	}
	return r.show(status, "case", view)
}

func (r *request) caseView(story *cases.Story) (caseView, error) {
	v := caseView{
		Row: r.row(&story.View), Rev: story.Rev, Seen: seenOf(&story.Case), Version: story.Version, Program: r.programName(story.Program),
		OpenedAt: story.OpenedAt, ClosedAt: story.ClosedAt, Missed: story.MissedSince, SameAs: story.SameAs,
		CanWork: r.official.Role.May(models.WorkCases), Closed: story.Status == models.CaseClosed, Looks: r.looks(story.Audit),
		Household: r.rows(story.Household), Same: r.rows(story.Same),
	}
	if a := story.Assessment; a != nil {
		v.Assessment = &assessmentView{a.Level, a.Reason, a.By, a.At}
	}
	for _, c := range slices.Backward(story.Contacts) {
		v.Contacts = append(v.Contacts, contactView{r.say("outcome." + string(c.Outcome)), c.Note, c.By, c.At})
	}
	if p, ok := r.s.Programs.Version(story.Program, story.Version); ok {
		v.Script = p.CallScript(r.lang)
		v.Chart = r.chart(p, story.Forms)
	}
	v.Behind, v.Newest = r.behind(story), r.newest(story)
	v.Timeline = r.timeline(story)
	return v, r.choices(story, &v)
}

// behind is the declaration or update that set the level of the case.
func (r *request) behind(story *cases.Story) declaredView {
	return r.declared(&models.Declaration{
		Form: story.DecidedBy.Form, Program: story.Program, Version: story.Version, Answers: story.Answers, OccurredAt: story.DecidedAt,
		Decision: models.Decision{Level: story.Level, Factors: story.Factors, Reasons: story.Reasons},
	})
}

// newest is the newest declaration or update, nil when the level comes from it.
func (r *request) newest(story *cases.Story) *declaredView {
	if len(story.Forms) == 0 {
		return nil
	}
	d := &story.Forms[0]
	if (models.DeclarationRef{Form: d.Form, ID: d.ID}) == story.DecidedBy {
		return nil
	}
	view := r.declared(d)
	return &view
}

func (r *request) declared(d *models.Declaration) declaredView {
	v := declaredView{At: d.OccurredAt, Level: d.Decision.Level}
	if p, ok := r.s.Programs.Version(d.Program, d.Version); ok {
		for _, reason := range p.Explain(d.Form, d.Decision, r.lang).Reasons {
			v.Reasons = append(v.Reasons, reason.Text)
		}
		v.Answers = r.answers(p, d.Form, d.Answers, d.Decision.Reasons)
	}
	return v
}

func (r *request) rows(views []cases.View) []rowView {
	var out []rowView
	for i := range views {
		out = append(out, r.row(&views[i]))
	}
	return out
}

// choices fills the lists of the page's forms, for those who work on cases.
func (r *request) choices(story *cases.Story, v *caseView) error {
	if !v.CanWork {
		return nil
	}
	for _, s := range models.CaseStatuses() {
		v.Statuses = append(v.Statuses, option{string(s), r.s.Texts.Text(r.lang, "status."+string(s), nil), s == story.Status})
	}
	colleagues, many, err := r.s.Cases.Colleagues(r.Context(), r.official)
	if err != nil {
		return err
	}
	v.TypeAssignee = many
	v.Colleagues = []option{{"", r.say("bulk.nobody"), story.Assignee == ""}}
	for _, o := range colleagues {
		v.Colleagues = append(v.Colleagues, option{o.Login, o.Name + " (" + o.Login + ")", o.Login == story.Assignee})
	}
	if !slices.ContainsFunc(v.Colleagues, func(o option) bool { return o.Chosen }) { // has left, or may not take cases any more
		v.Colleagues = append(v.Colleagues, option{story.Assignee, story.Assignee, true})
	}
	for _, l := range slices.Backward(models.Levels()) {
		v.Levels = append(v.Levels, option{l.String(), r.words().level(l), false})
	}
	if communes, ok := r.s.Areas.Communes(story.Province); ok && !r.official.Area.IsCommune() {
		for _, c := range communes {
			v.Communes = append(v.Communes, option{c.Code, c.In(r.lang), c.Code == story.Commune})
		}
	}
	v.Alike = r.rows(story.Alike)
	return nil
}

// answers are a form's answers in words, in the order they were asked.
func (r *request) answers(p *rules.Program, form models.Form, given models.Answers, fired []models.Reason) []answerView {
	f, ok := p.Form(form)
	if !ok {
		return nil
	}
	var out []answerView
	for i := range f.Questions {
		q := &f.Questions[i]
		answer, answered := given[q.ID]
		if !answered {
			continue
		}
		made := slices.ContainsFunc(fired, func(reason models.Reason) bool { return slices.Contains(reason.Questions, q.ID) })
		out = append(out, answerView{q.Text(r.lang), r.answer(q, answer), made})
	}
	slices.SortStableFunc(out, func(a, b answerView) int { return cmp.Compare(rank(b.Fired), rank(a.Fired)) })
	return out
}

func rank(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (r *request) answer(q *rules.Question, answer any) string {
	switch a := answer.(type) {
	case bool:
		if a {
			return r.say("yes")
		}
		return r.say("no")
	case int64:
		return r.words().number(a)
	case float64:
		return r.words().decimal(a)
	case []string:
		names := make([]string, len(a))
		for i, id := range a {
			names[i] = optionText(q, id, r.lang)
		}
		if len(names) == 0 {
			return r.say("none")
		}
		return strings.Join(names, ", ")
	case string:
		switch q.Type {
		case rules.TypeDate:
			return r.words().day(a)
		case rules.TypeArea:
			return r.areaName(a)
		case rules.TypeChoice:
			return optionText(q, a, r.lang)
		}
		return a
	}
	return ""
}

func optionText(q *rules.Question, id string, l models.Lang) string {
	for i := range q.Options {
		if q.Options[i].ID == id {
			return q.Options[i].Text(l)
		}
	}
	return id
}

// timeline is everything that happened, newest first.
func (r *request) timeline(story *cases.Story) []eventView {
	var out []eventView
	for i := range story.Forms {
		d := &story.Forms[i]
		title := r.say("event.form."+string(d.Form), "channel", r.say("channel."+string(d.Channel)))
		if d.By != nil {
			title += " · " + d.By.Login
		}
		out = append(out, eventView{d.OccurredAt, "form", title, strings.Join(r.declared(d).Reasons, " "), true, d.Decision.Level})
	}
	for _, c := range story.Contacts {
		out = append(out, eventView{At: c.At, Kind: "contact", Title: r.say("event.contact", "outcome", r.say("outcome."+string(c.Outcome)), "by", c.By), Text: c.Note})
	}
	for _, n := range story.Notes {
		out = append(out, eventView{At: n.At, Kind: "note", Title: r.say("event.note", "by", n.By), Text: n.Text})
	}
	assessed := story.Assessments()
	for _, a := range assessed {
		out = append(out, eventView{a.At, "note", r.say("event.assessment", "by", a.By), a.Reason, true, a.Level})
	}
	for i := range story.Messages {
		m := &story.Messages[i]
		out = append(out, eventView{At: m.CreatedAt, Kind: "message", Title: r.say("event.message", "kind", r.kindText("message_kind", string(m.Kind)), "state", r.kindText("message_state", string(m.State)))})
	}
	for _, e := range story.Audit {
		if len(assessed) > 0 && !e.At.Before(assessed[0].At) { // shown by itself, with its grounds
			e.Detail = maps.Clone(e.Detail)
			delete(e.Detail, "assessment")
		}
		if text := r.changeText(&e); text != "" {
			out = append(out, eventView{At: e.At, Kind: "change", Title: r.say("event.change", "by", e.Login), Text: text})
		}
	}
	slices.SortStableFunc(out, func(a, b eventView) int { return b.At.Compare(a.At) })
	return out
}

// kindText is the text of a code; one that is new here is shown as it is.
func (r *request) kindText(section, code string) string {
	if key := section + "." + code; r.s.Texts.Has("console." + key) {
		return r.say(key)
	}
	return code
}

// changeText says what a change of the audit changed, besides what the timeline shows by itself.
func (r *request) changeText(e *models.AuditEntry) string {
	var out []string
	d := e.Detail
	if d["undo"] != "" {
		out = append(out, r.say("change.undo"))
	}
	if to, ok := d["status"]; ok && d["contact"] == "" {
		out = append(out, r.say("change.status", "to", r.s.Texts.Text(r.lang, "status."+to, nil)))
	}
	if to, ok := d["assignee"]; ok {
		if to == "" {
			to = r.say("bulk.nobody")
		}
		out = append(out, r.say("change.assignee", "to", to))
	}
	if to, ok := d["area"]; ok {
		out = append(out, r.say("change.area", "to", r.areaName(to)))
	}
	if to, err := models.ParseLevel(d["assessment"]); err == nil && d["assessment"] != "" {
		out = append(out, r.say("change.assessment", "to", r.words().level(to)))
	}
	if to, ok := d["same_as"]; ok {
		out = append(out, r.say("change.same."+joining(to)))
	}
	return strings.Join(out, " ")
}

// looks are the looks at the identity, newest first.
func (r *request) looks(audit []models.AuditEntry) []lookView {
	var out []lookView
	for i := range audit {
		if e := &audit[i]; e.Look() {
			out = append(out, lookView{e.At, e.Login, r.areaName(string(e.Area)), orText(e.Reason, r.kindText("action", string(e.Action)))})
		}
	}
	return out
}
