package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"khaibao/internal/cases"
	"khaibao/models"
)

// seenOf is the work that a page shows, in codes.
func seenOf(c *models.Case) string {
	assessed := ""
	if c.Assessment != nil {
		assessed = c.Assessment.Level.String()
	}
	return strings.Join([]string{string(c.Status), c.Assignee, c.Level.String(), c.Commune, assessed, itoa(len(c.Contacts)), itoa(len(c.Notes)), itoa(len(c.Levels)), strconv.FormatBool(c.SameAs != "")}, "|")
}

// changesSince says what is different from what a page showed.
func (r *request) changesSince(seen string, story *cases.Story) []string {
	was, now := strings.Split(seen, "|"), strings.Split(seenOf(&story.Case), "|")
	if len(was) != len(now) {
		return nil
	}
	w := r.words()
	texts := []func() string{
		func() string {
			return r.say("change.status", "to", r.s.Texts.Text(r.lang, "status."+string(story.Status), nil))
		},
		func() string { return r.say("change.assignee", "to", orText(story.Assignee, r.say("bulk.nobody"))) },
		func() string { return r.say("change.level", "to", w.level(story.Level)) },
		func() string { return r.say("change.area", "to", r.areaName(story.Commune)) },
		func() string {
			if story.Assessment == nil {
				return ""
			}
			return r.say("change.assessment", "to", w.level(story.Assessment.Level))
		},
		func() string { return r.say("change.contacts") }, func() string { return r.say("change.notes") }, func() string { return r.say("change.forms") },
		func() string {
			return r.say("change.same." + map[bool]string{true: "parted", false: "linked"}[story.SameAs == ""])
		},
	}
	var out []string
	for i := range now {
		if was[i] != now[i] {
			out = append(out, texts[i]())
		}
	}
	if len(out) == 0 {
		out = append(out, r.say("change.other")) // such as a message to the citizen
	}
	return out
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// listed is the list that the case was opened from, as its page carries it along.
func (r *request) listed() filter {
	text := r.URL.Query().Get("list")
	if r.Method == http.MethodPost {
		text = r.PostForm.Get("list")
	}
	query, _ := url.ParseQuery(text)
	return r.filterOf(query)
}

// caseLink is the page of the case that a route is about; more are names and values of its query.
func (r *request) caseLink(more ...string) string {
	if list := r.listed().encode(); list != "" {
		more = append(more, "list", list)
	}
	return filter{}.link("/console/cases/"+r.PathValue("id"), more...)
}

// again shows the case with what was typed, when something was wrong with it or somebody was faster.
func (r *request) again(err error, form typed) error {
	switch models.KindOf(err) {
	case models.Changed:
		return r.showCase(http.StatusPreconditionFailed, nil, form, nil)
	case models.Invalid:
		f := r.failure(err)
		return r.showCase(f.Status, f.problems(), form, nil)
	}
	return err
}

// logContact keeps how a call ended. It adds and never overwrites, so it asks for no particular state of the case.
func (r *request) logContact() error {
	form := r.PostForm
	in := cases.ContactInput{Outcome: models.Outcome(form.Get("outcome")), Note: form.Get("note")}
	if _, err := r.s.Cases.Get(r.Context(), r.official, r.PathValue("id")); err != nil {
		return err
	}
	done, err := r.s.Cases.Act(r.Context(), r.official, cases.Selection{IDs: []string{r.PathValue("id")}}, cases.Action{Contact: &in})
	if err == nil && done.Changed == 0 { // somebody closed it meanwhile; the call was made all the same
		if _, err = r.s.Cases.Contact(r.Context(), r.official, r.PathValue("id"), nil, in); err == nil {
			return r.redirect(r.caseLink("done", "contact_closed"))
		}
	}
	if err != nil {
		return r.again(err, typed{ContactNote: form.Get("note")})
	}
	return r.redirect(r.caseLink(doneLink("contact", done)...))
}

// changeCase changes what the page's form says: only what differs from what the page showed.
func (r *request) changeCase() error {
	form := r.PostForm
	was := strings.Split(form.Get("seen"), "|")
	chosen := func(name string, i int) *string {
		value := form.Get(name)
		if !form.Has(name) || (i < len(was) && value == was[i]) {
			return nil
		}
		return &value
	}
	typedIn := typed{
		Note: form.Get("note"), Status: chosen("status", 0), Assignee: chosen("assignee", 1), Area: chosen("area", 3),
		Level: form.Get("level"), AssessReason: form.Get("assess_reason"),
	}
	patch := cases.Patch{Assignee: typedIn.Assignee, Area: typedIn.Area}
	if typedIn.Status != nil {
		status := models.CaseStatus(*typedIn.Status)
		patch.Status = &status
	}
	if strings.TrimSpace(typedIn.Note) != "" {
		patch.Note = &typedIn.Note
	}
	if level, err := models.ParseLevel(typedIn.Level); err == nil && typedIn.Level != "" {
		patch.Assessment = &cases.AssessmentInput{Level: level, Reason: typedIn.AssessReason}
	} else if strings.TrimSpace(typedIn.AssessReason) != "" {
		return r.notPatched(models.InvalidField("/assessment/level", "required", nil), typedIn)
	}
	return r.patch(patch, typedIn, "changed")
}

// link says that this case and another are about one person; an empty one parts them.
func (r *request) link() error {
	same := r.PostForm.Get("same_as")
	return r.patch(cases.Patch{SameAs: &same}, typed{}, map[bool]string{true: "parted", false: "linked"}[same == ""])
}

func (r *request) patch(patch cases.Patch, form typed, code string) error {
	rev := r.PostForm.Get("rev")
	now, err := r.s.Cases.Change(r.Context(), r.official, r.PathValue("id"), []string{rev}, patch)
	switch {
	case err != nil:
		return r.notPatched(err, form)
	case now.Rev == rev:
		code = "unchanged"
	}
	return r.redirect(r.caseLink("done", code))
}

// notPatched shows what was typed again; it was typed over what the page had shown.
func (r *request) notPatched(err error, form typed) error {
	if models.Invalid.Is(err) {
		form.Rev, form.Seen = r.PostForm.Get("rev"), r.PostForm.Get("seen")
	}
	return r.again(err, form)
}

// reveal shows who it is, once: the page that shows it is the answer itself, and a reason is kept before.
func (r *request) reveal() error {
	reason := r.PostForm.Get("reason")
	who, err := r.s.Cases.Reveal(r.Context(), r.official, r.PathValue("id"), reason)
	if err != nil {
		return r.again(err, typed{Reason: reason})
	}
	return r.showCase(http.StatusOK, nil, typed{}, &who)
}

// How much of an official's words a referral note takes: it is one page.
const (
	maxReferralTo         = 150
	maxReferralReason     = 300
	maxReferralAssessment = 400 // of a longer one the note says that the case has the rest
)

// referralView is a referral note, one page of A4.
type referralView struct {
	Who        cases.Identity
	Sex        string
	Born       string
	Place      string
	To, Reason string
	Level      models.Level
	Behind     declaredView
	Newest     *declaredView
	Program    string
	Version    int
	Assessment *assessmentView
	Readings   []reading
	By         string
	Unit       string
	At         time.Time
	BackLink   string
	Dense      bool // there is so much that the page needs smaller letters
}

// Of a page of the note: how many letters a line takes about, and how many lines there are about in letters of full size.
const (
	referralLine  = 70
	referralLines = 46
)

// lines is about how many lines the note takes in letters of full size.
func (v *referralView) lines() int {
	n := 22 // heads, the short lines about the person, the signature
	text := func(parts ...string) {
		for _, part := range parts {
			n += utf8.RuneCountInString(part)/referralLine + 1
		}
	}
	text(v.To, v.Who.Name, v.Who.Address+v.Place, v.Reason)
	if v.Assessment != nil {
		text(v.Assessment.Reason)
	}
	for _, d := range []*declaredView{&v.Behind, v.Newest} {
		if d == nil {
			continue
		}
		text(d.Reasons...)
		for _, a := range d.Answers {
			if a.Fired {
				n += (len(a.Question) + len(a.Answer)) / referralLine // two columns
			}
		}
	}
	return n + len(v.Readings)
}

// referral makes the note for another facility. It names the person, so it is a look with a reason like any other.
func (r *request) referral() error {
	to, reason := strings.TrimSpace(r.PostForm.Get("to")), strings.TrimSpace(r.PostForm.Get("reason"))
	var problems []models.FieldError
	for _, text := range []struct {
		field, text string
		max         int
	}{{"/to", to, maxReferralTo}, {"/referral_reason", reason, maxReferralReason}} {
		switch n := utf8.RuneCountInString(text.text); {
		case n == 0:
			problems = append(problems, models.FieldError{Field: text.field, Code: "required"})
		case n > text.max:
			problems = append(problems, models.FieldError{Field: text.field, Code: "too_long", Args: map[string]any{"max": text.max}})
		}
	}
	if len(problems) > 0 {
		return r.again(models.InvalidFields(problems...), typed{ReferralReason: reason, To: to})
	}
	who, err := r.s.Cases.Reveal(r.Context(), r.official, r.PathValue("id"), r.say("referral.reason", "reason", reason))
	if err != nil {
		return r.again(renamed(err, "/reason", "/referral_reason"), typed{ReferralReason: reason, To: to})
	}
	story, err := r.s.Cases.Story(r.Context(), r.official, r.PathValue("id"))
	if err != nil {
		return err
	}
	v, err := r.caseView(&story)
	if err != nil {
		return err
	}
	if a := v.Assessment; a != nil && utf8.RuneCountInString(a.Reason) > maxReferralAssessment {
		a.Reason = r.say("referral.rest", "text", string([]rune(a.Reason)[:maxReferralAssessment]))
	}
	note := referralView{
		Who: who, To: to, Reason: reason, Level: story.Level, Behind: v.Behind, Newest: v.Newest, Program: v.Program, Version: v.Version,
		Assessment: v.Assessment, Readings: v.Chart.latest(5), By: r.official.Name, Unit: r.areaName(string(r.official.Area)), At: r.s.Now(),
		Place: r.areaName(story.Commune) + ", " + r.areaName(story.Province), Born: r.words().day(who.BirthDate),
	}
	if who.Sex != "" {
		note.Sex = r.s.Texts.Text(r.lang, "sex."+string(who.Sex), nil)
	}
	note.Dense = note.lines() > referralLines
	note.BackLink = r.caseLink()
	r.back = note.BackLink
	return r.show(http.StatusOK, "referral", note)
}

// message tells the citizen something in the official's own words.
func (r *request) message() error {
	text := r.PostForm.Get("text")
	if _, err := r.s.Cases.Message(r.Context(), r.official, r.PathValue("id"), text); err != nil {
		return r.again(err, typed{Message: text})
	}
	return r.redirect(r.caseLink("done", "message"))
}

// renamed gives a field of an error the name that the form has for it.
func renamed(err error, from, to string) error {
	fields := slices.Clone(fieldsOf(err))
	for i := range fields {
		if fields[i].Field == from {
			fields[i].Field = to
		}
	}
	if len(fields) == 0 {
		return err
	}
	return models.InvalidFields(fields...)
}
