package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"khaibao/internal/broadcast"
	"khaibao/internal/gsm"
	"khaibao/models"
)

// broadcastsView is the broadcasts of an area, newest first.
type broadcastsView struct {
	AreaName string
	Rows     []broadcastRow
	NextLink string
}

type broadcastRow struct {
	ID, Text, Place, Status, By string
	Running                     bool
	Recipients                  int64
	CreatedAt                   time.Time
}

func (r *request) broadcasts() error {
	q := r.URL.Query()
	found, next, err := r.s.Broadcasts.List(r.Context(), r.official, models.Page{Limit: pageSize, Cursor: q.Get("cursor")})
	if err != nil {
		return err
	}
	view := broadcastsView{AreaName: r.areaName(string(r.official.Area))}
	for i := range found {
		view.Rows = append(view.Rows, r.broadcastRow(&found[i]))
	}
	view.NextLink = r.nextPage("/console/broadcasts", next)
	return r.show(http.StatusOK, "broadcasts", view)
}

// beginning is how many letters of a text a list shows.
const beginning = 90

func (r *request) broadcastRow(v *broadcast.View) broadcastRow {
	text := v.Text.In(r.lang)
	if utf8.RuneCountInString(text) > beginning {
		text = string([]rune(text)[:beginning]) + "…"
	}
	row := broadcastRow{
		ID: v.ID, Text: text, Place: r.areaName(string(v.Area)), Status: r.say("broadcast.status." + string(v.Status)), By: v.Author,
		Running: v.Status == models.BroadcastRunning, Recipients: v.Recipients, CreatedAt: v.CreatedAt,
	}
	if v.ApprovalNeeded {
		row.Status = r.say("broadcast.waits")
	}
	return row
}

// composeView is the form of a new broadcast, with what was typed and, once it was looked at, whom it would reach.
type composeView struct {
	ID                             string // of the draft that the form makes, once
	Areas, Purposes, Levels, Lasts []option
	Vietnamese, English            string
	SMS, Urgent                    bool
	Preview                        *previewView
	Problems                       []string
}

// previewView is a draft as it would go out.
type previewView struct {
	Recipients int64
	Approval   bool
	Texts      []broadcastText
}

// broadcastText is what a broadcast says in one language, and in how many parts of an SMS if it goes by SMS, too.
type broadcastText struct {
	Lang     models.Lang
	Language string
	Text     string
	Plain    string // as an SMS; empty when it does not go by SMS
	Parts    int
}

func (r *request) newBroadcast() error {
	return r.compose(http.StatusOK, url.Values{"id": {newUUID()}, "purpose": {string(models.BroadcastAlert)}}, nil, nil)
}

// broadcastLasts are the times to choose from for how long a broadcast is worth sending, in hours.
var broadcastLasts = []int{2, 6, 24, 72, 168}

const usualHours = 24

func (r *request) compose(status int, form url.Values, preview *previewView, problems []string) error {
	v := composeView{
		ID: form.Get("id"), Vietnamese: form.Get("vi"), English: form.Get("en"), SMS: form.Has("sms"), Urgent: form.Has("urgent"),
		Areas: r.placesIn(r.official.Area, form.Get("area")), Preview: preview, Problems: problems,
	}
	for _, p := range []models.BroadcastPurpose{models.BroadcastAlert, models.BroadcastNews} {
		v.Purposes = append(v.Purposes, option{string(p), r.say("broadcast.purposes." + string(p)), form.Get("purpose") == string(p)})
	}
	for _, l := range slices.Backward(models.Levels()) {
		v.Levels = append(v.Levels, option{l.String(), r.words().level(l), slices.Contains(form["level"], l.String())})
	}
	chosen, err := strconv.Atoi(form.Get("hours"))
	if err != nil {
		chosen = usualHours
	}
	for _, n := range broadcastLasts {
		v.Lasts = append(v.Lasts, option{itoa(n), r.words().span(time.Duration(n) * time.Hour), n == chosen})
	}
	return r.show(status, "broadcast_new", v)
}

// draftOf reads the form of a broadcast, with what cannot be read as field errors.
func draftOf(form url.Values) broadcast.Draft {
	d := broadcast.Draft{
		ID: form.Get("id"), Text: models.Words{Vietnamese: form.Get("vi"), English: form.Get("en")}, Area: models.Area(form.Get("area")),
		Purpose: models.BroadcastPurpose(form.Get("purpose")), SMS: form.Has("sms"), Urgent: form.Has("urgent"),
	}
	wrong := func(field string) {
		d.Wrong = append(d.Wrong, models.FieldError{Field: field, Code: "unknown_option"})
	}
	if d.Purpose != models.BroadcastAlert && d.Purpose != models.BroadcastNews {
		wrong("/purpose")
	}
	for _, text := range form["level"] {
		level, err := models.ParseLevel(text)
		if err != nil {
			wrong("/levels")
			break
		}
		d.Levels = append(d.Levels, level)
	}
	hours, err := strconv.Atoi(form.Get("hours"))
	if err != nil || !slices.Contains(broadcastLasts, hours) {
		wrong("/expires_in")
	}
	d.Lasts = time.Duration(hours) * time.Hour
	return d
}

// previewBroadcast shows a draft as it would go out, and keeps nothing.
func (r *request) previewBroadcast() error {
	form := r.PostForm
	d := draftOf(form)
	b, err := r.s.Broadcasts.Check(r.official, d)
	if err != nil {
		return r.composeAgain(err, form)
	}
	recipients, approval, err := r.s.Broadcasts.Preview(r.Context(), r.official, d)
	if err != nil {
		return r.composeAgain(err, form)
	}
	return r.compose(http.StatusOK, form, &previewView{recipients, approval, r.broadcastTexts(b.Text, b.SMS)}, nil)
}

// composeAgain shows the form with what was wrong in it. That the form was sent before, and changed since, is wrong too.
func (r *request) composeAgain(err error, form url.Values) error {
	switch models.KindOf(err) {
	case models.Invalid:
		return r.compose(http.StatusUnprocessableEntity, form, nil, r.named(err, "broadcast.field"))
	case models.Conflict:
		form.Set("id", newUUID())
		return r.compose(http.StatusConflict, form, nil, []string{r.say("broadcast.sent_before")})
	}
	return err
}

func (r *request) broadcastTexts(text models.Words, sms bool) []broadcastText {
	var out []broadcastText
	for _, l := range []models.Lang{models.Vietnamese, models.English} {
		t := broadcastText{Lang: l, Language: r.say("broadcast.languages." + string(l)), Text: text.Vietnamese}
		if l == models.English {
			t.Text = text.English
		}
		if t.Text == "" {
			continue
		}
		if sms {
			t.Plain = gsm.Plain(t.Text)
			t.Parts = gsm.Measure(t.Plain).Parts
		}
		out = append(out, t)
	}
	return out
}

// draftBroadcast keeps a draft. Sending the form again keeps it once.
func (r *request) draftBroadcast() error {
	form := r.PostForm
	v, _, err := r.s.Broadcasts.Create(r.Context(), r.official, draftOf(form))
	if err != nil {
		return r.composeAgain(err, form)
	}
	return r.redirect("/console/broadcasts/" + v.ID + "?done=broadcast_drafted")
}

// broadcastView is one broadcast: what it says to whom, how far it is and what may be done.
type broadcastView struct {
	Row                                broadcastRow
	Texts                              []broadcastText
	Purpose, Lasts                     string
	Levels                             []models.Level
	SMS, Urgent                        bool
	ApprovedBy, StartedBy, CancelledBy string
	ApprovedAt, StartedAt, ExpiresAt   time.Time
	EndedAt                            time.Time
	Done                               int64
	States                             []stateView
	MayApprove, MustWait               bool // a second official is needed: it is this one, or is not
	MayStart, MayCancel                bool
	Problems                           []string
}

// stateView is how many of the messages are in a state.
type stateView struct {
	Name string
	N    int64
}

func (r *request) broadcastPage() error { return r.showBroadcast(http.StatusOK, nil) }

func (r *request) showBroadcast(status int, problems []string) error {
	b, progress, err := r.s.Broadcasts.Get(r.Context(), r.official, r.PathValue("id"))
	if err != nil {
		return err
	}
	draft := b.Status == models.BroadcastDraft
	v := broadcastView{
		Row: r.broadcastRow(&b), Texts: r.broadcastTexts(b.Text, b.SMS), Purpose: r.say("broadcast.purposes." + string(b.Purpose)), Lasts: r.words().span(b.Lasts),
		Levels: b.Levels, SMS: b.SMS, Urgent: b.Urgent, ApprovedBy: b.ApprovedBy, StartedBy: b.StartedBy, CancelledBy: b.CancelledBy,
		ApprovedAt: b.ApprovedAt, StartedAt: b.StartedAt, ExpiresAt: b.ExpiresAt, EndedAt: b.EndedAt, Done: progress.Done(),
		MayApprove: b.ApprovalNeeded && b.Author != r.official.Login, MustWait: b.ApprovalNeeded && b.Author == r.official.Login,
		MayStart: draft && !b.ApprovalNeeded, MayCancel: draft || b.Status == models.BroadcastRunning, Problems: problems,
	}
	for _, state := range []models.MessageState{
		models.MessagePending, models.MessageSent, models.MessageDelivered, models.MessageStored, models.MessageFailed, models.MessageExpired,
	} {
		v.States = append(v.States, stateView{r.say("broadcast.states." + string(state)), progress[state]})
	}
	return r.show(status, "broadcast", v)
}

// stepBroadcast takes one step with the broadcast of the path, or says on its page why not.
func (r *request) stepBroadcast(done string, err error) error {
	switch models.KindOf(err) {
	case "":
		return r.redirect("/console/broadcasts/" + r.PathValue("id") + "?done=" + done)
	case models.Conflict, models.Forbidden:
		status, detail := r.explain(err)
		return r.showBroadcast(status, []string{detail})
	}
	return err
}

func (r *request) approveBroadcast() error {
	_, err := r.s.Broadcasts.Approve(r.Context(), r.official, r.PathValue("id"))
	return r.stepBroadcast("broadcast_approved", err)
}

func (r *request) startBroadcast() error {
	_, err := r.s.Broadcasts.Start(r.Context(), r.official, r.PathValue("id"))
	return r.stepBroadcast("broadcast_started", err)
}

func (r *request) cancelBroadcast() error {
	_, err := r.s.Broadcasts.Cancel(r.Context(), r.official, r.PathValue("id"))
	return r.stepBroadcast("broadcast_cancelled", err)
}
