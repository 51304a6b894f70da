package console

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"khaibao/internal/cases"
	"khaibao/models"
)

// act does one thing to the chosen cases or to all of the filter.
func (r *request) act() error {
	form := r.PostForm
	query, _ := url.ParseQuery(form.Get("query"))
	f, cursor := r.filterOf(query), form.Get("cursor")
	kept := queueForm{Chosen: form["case"], All: form.Get("which") == "all", Assignee: form.Get("assignee")}
	code, do := r.actionOf(form)
	switch {
	case form.Get("do") == "": // Enter was pressed where nothing is to be done
		kept.Problems = []string{r.say("queue.no_action")}
		return r.showQueue(http.StatusUnprocessableEntity, f, cursor, kept)
	case code == "":
		return &models.Error{Kind: models.Malformed, Code: "bad_form"}
	case form.Has("area") && form.Get("area") != string(r.official.Area): // other cases stand under these words by now
		return r.showQueue(http.StatusPreconditionFailed, f, "", queueForm{Problems: []string{r.say("queue.moved")}})
	}
	var done cases.Done
	err := nobodyChosen(code, form)
	if err == nil {
		done, err = r.s.Cases.Act(r.Context(), r.official, r.selection(f, form), do)
	}
	if models.Invalid.Is(err) {
		kept.Problems = r.failure(err).problems()
		return r.showQueue(http.StatusUnprocessableEntity, f, cursor, kept)
	}
	if err != nil {
		return err
	}
	more := doneLink(code, done)
	if cursor != "" {
		more = append(more, "cursor", cursor)
	}
	return r.redirect(f.link("/console/cases", more...))
}

// selection is what the page's form chose: of a list that was on the page as a whole, those that were.
func (r *request) selection(f filter, form url.Values) cases.Selection {
	told, err := strconv.Atoi(form.Get("told"))
	switch {
	case form.Get("which") != "all":
		return cases.Selection{IDs: form["case"]}
	case err == nil && told == len(form["seen"]):
		return cases.Selection{IDs: slices.Collect(maps.Keys(seenWith(form)))}
	}
	return cases.Selection{All: true, Filter: f.of(r.official), Search: f.Search, Told: told}
}

// seenWith gives who had the cases that were on the page, by id.
func seenWith(form url.Values) map[string]string {
	with := map[string]string{}
	for _, row := range form["seen"] {
		id, assignee, _ := strings.Cut(row, " ")
		with[id] = assignee
	}
	return with
}

func (r *request) actionOf(form url.Values) (code string, do cases.Action) {
	assignee := form.Get("assignee")
	switch what := form.Get("do"); what {
	case "mine":
		assignee = r.official.Login
		return "taken", cases.Action{Assignee: &assignee, FreeOnly: true}
	case "assign":
		if assignee == nobody {
			assignee = ""
		}
		return "assigned", cases.Action{Assignee: &assignee, Assigned: seenWith(form)}
	default:
		if slices.Contains(models.Outcomes(), models.Outcome(what)) {
			return "contacted", cases.Action{Contact: &cases.ContactInput{Outcome: models.Outcome(what), Form: form.Get("form")}}
		}
	}
	return "", do
}

// nobodyChosen is what is wrong when cases are to be given away and to whom was left open: that it is nobody is a choice.
func nobodyChosen(code string, form url.Values) error {
	if code == "assigned" && form.Get("assignee") == "" {
		return models.InvalidField("/assignee", "required", nil)
	}
	return nil
}

// doneLink is what the next page is told of an action: codes and counts only.
func doneLink(code string, done cases.Done) []string {
	out := []string{"done", "nothing"}
	switch {
	case done.Changed > 0:
		out = []string{"done", code, "n", itoa(done.Changed), "undo", done.Undo}
	case done.Again > 0: // the same form, sent once more
		out = []string{"done", code, "n", itoa(done.Again)}
	}
	if left := done.Left - done.Again; left > 0 {
		out = append(out, "left", itoa(left))
	}
	return out
}

// undo takes an action back.
func (r *request) undo() error {
	undone, err := r.s.Cases.Undo(r.Context(), r.official, idOrNone(r.PostForm.Get("undo")))
	back, _ := url.Parse(inside(r.PostForm.Get("back")))
	query := back.Query()
	for _, name := range []string{"done", "n", "undo", "left"} {
		query.Del(name)
	}
	switch {
	case models.NotFound.Is(err), err == nil && undone.Changed == 0:
		query.Set("done", "undo_gone")
	case err != nil:
		return err
	default:
		query.Set("done", "undone")
		query.Set("n", itoa(undone.Changed))
		if undone.Left > 0 {
			query.Set("left", itoa(undone.Left))
		}
	}
	back.RawQuery = query.Encode()
	return r.redirect(back.RequestURI())
}

// saveView keeps the filter under a name, for this official.
func (r *request) saveView() error {
	query, _ := url.ParseQuery(r.PostForm.Get("query"))
	f, name := r.filterOf(query), r.PostForm.Get("name")
	err := r.s.Officials.SaveView(r.Context(), r.official.Login, models.SavedView{Name: name, Query: f.unsearched().encode()})
	if models.Invalid.Is(err) {
		return r.showQueue(http.StatusUnprocessableEntity, f, "", queueForm{Problems: r.failure(err).problems(), Name: name})
	}
	if err != nil {
		return err
	}
	return r.redirect(f.link("/console/cases", "done", "view_saved"))
}

func (r *request) forgetView() error {
	if err := r.s.Officials.ForgetView(r.Context(), r.official.Login, r.PostForm.Get("name")); err != nil {
		return err
	}
	return r.redirect("/console/cases?done=view_forgotten")
}
