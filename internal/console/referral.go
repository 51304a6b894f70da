package console

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"khaibao/internal/cases"
	"khaibao/models"
)

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
