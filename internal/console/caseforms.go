package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

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
		func() string { return r.say("change.same." + joining(story.SameAs)) },
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

// listed is the page of a list that the case was opened from, as its own page carries it along: a query, and a filter.
func (r *request) listed() (string, filter) {
	text := r.URL.Query().Get("list")
	if r.Method == http.MethodPost {
		text = r.PostForm.Get("list")
	}
	query, _ := url.ParseQuery(text)
	f := r.filterOf(query)
	return withCursor(f.encode(), query.Get("cursor")), f
}

// caseLink is the page of the case that a route is about; more are names and values of its query.
func (r *request) caseLink(more ...string) string {
	if list, _ := r.listed(); list != "" {
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
	in := cases.ContactInput{Outcome: models.Outcome(form.Get("outcome")), Note: form.Get("note"), Form: form.Get("form")}
	done, err := r.s.Cases.Act(r.Context(), r.official, cases.Selection{IDs: []string{r.PathValue("id")}}, cases.Action{Contact: &in})
	if err == nil && done.Changed+done.Again == 0 { // closed or gone meanwhile: of one that was closed the call was made all the same
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
	patch := cases.Patch{Assignee: typedIn.Assignee, Area: typedIn.Area, Form: form.Get("form")}
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
	return r.patch(cases.Patch{SameAs: &same}, typed{}, joining(same))
}

// joining is the code of what naming another case does: linked, or parted when there is none.
func joining(same string) string {
	if same == "" {
		return "parted"
	}
	return "linked"
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

// message tells the citizen something in the official's own words.
func (r *request) message() error {
	text := r.PostForm.Get("text")
	if _, err := r.s.Cases.Message(r.Context(), r.official, r.PathValue("id"), text, r.PostForm.Get("form")); err != nil {
		return r.again(err, typed{Message: text})
	}
	return r.redirect(r.caseLink("done", "message"))
}
