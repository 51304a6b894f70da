package console

import (
	"net/http"
	"net/url"
	"time"

	"khaibao/internal/auth"
	"khaibao/models"
)

// officialsView is the officials of an area, and a form for a new one.
type officialsView struct {
	AreaName, Area, Login string
	Filters               []option // the areas to choose from
	Rows                  []officialRow
	NextLink              string
	New                   newOfficial
	Problems              []string
}

// officialRow is one official as a manager sees them.
type officialRow struct {
	Login, Name, Role, Area, State string
	Disabled                       bool
	SignedInAt                     time.Time
}

// newOfficial is the form, with what was typed.
type newOfficial struct {
	Login, Name  string
	Roles, Areas []option
}

func (r *request) officials() error { return r.showOfficials(http.StatusOK, url.Values{}, nil) }

// showOfficials shows the list, with the form as it was sent when something was wrong with it.
func (r *request) showOfficials(status int, form url.Values, problems []string) error {
	office, err := r.s.Officials.Office(r.official)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	view := officialsView{Area: q.Get("area"), Login: q.Get("login"), Problems: problems, New: newOfficial{Login: form.Get("login"), Name: form.Get("name")}}
	scope := r.official.Area
	if wanted := models.Area(view.Area); view.Area != "" && r.s.Areas.Holds(scope, wanted) {
		scope = wanted
	} else {
		view.Area = ""
	}
	view.AreaName = r.areaName(string(scope))
	view.Filters = append([]option{{"", r.areaName(string(r.official.Area)), view.Area == ""}}, r.areaOptions(r.areasBelow(), view.Area)...)
	for _, role := range office.Roles() {
		view.New.Roles = append(view.New.Roles, option{string(role), r.role(role), form.Get("role") == string(role)})
	}
	view.New.Areas = r.placesIn(scope, form.Get("area"))
	list, next, err := office.List(r.Context(), models.OfficialFilter{Area: scope, LoginPrefix: view.Login}, models.Page{Limit: pageSize, Cursor: q.Get("cursor")})
	if err != nil {
		return err
	}
	for i := range list {
		view.Rows = append(view.Rows, r.officialRow(&list[i]))
	}
	view.NextLink = r.nextPage("/console/officials", next)
	return r.show(status, "officials", view)
}

func (r *request) officialRow(o *models.Official) officialRow {
	row := officialRow{Login: o.Login, Name: o.Name, Role: r.role(o.Role), Area: r.areaName(string(o.Area)), Disabled: o.Disabled(), SignedInAt: o.SignedInAt}
	switch w := r.words(); {
	case o.Disabled():
		row.State = r.say("officials.disabled", "at", w.exact(o.DisabledAt))
	case !o.Waiting():
		row.State = r.say("officials.active")
	case time.Now().Before(o.SetupUntil):
		row.State = r.say("officials.waiting", "until", w.exact(o.SetupUntil))
	default:
		row.State = r.say("officials.link_over")
	}
	return row
}

// placesIn are the areas that an official of a scope may have: the scope itself and those directly below.
func (r *request) placesIn(scope models.Area, chosen string) []option {
	return r.areaOptions(append([]string{string(scope)}, r.areasIn(scope)...), chosen)
}

func (r *request) areaOptions(codes []string, chosen string) []option {
	var out []option
	for _, code := range codes {
		out = append(out, option{code, r.areaName(code), code == chosen})
	}
	return out
}

// addOfficial keeps a new official and shows the link, which nobody can be shown again.
func (r *request) addOfficial() error {
	office, err := r.s.Officials.Office(r.official)
	if err != nil {
		return err
	}
	form := r.PostForm
	link, err := office.Invite(r.Context(), auth.NewOfficial{
		Login: form.Get("login"), Name: form.Get("name"), Role: models.Role(form.Get("role")), Area: models.Area(form.Get("area")),
	})
	if models.Conflict.Is(err) {
		err = models.InvalidField("/login", "login_taken", nil)
	}
	if models.Invalid.Is(err) {
		return r.showOfficials(http.StatusUnprocessableEntity, form, r.named(err, "officials"))
	}
	if err != nil {
		return err
	}
	return r.showLink(link)
}

// linkView is a set-up link, for the manager to hand over.
type linkView struct {
	Login, Name, Link string
	Until             time.Time
}

// SetUpPath is where an invitation is used.
func SetUpPath(i auth.Invitation) string {
	return "/console/set-up/" + i.Official.Login + "/" + i.Token
}

func (r *request) showLink(link auth.Invitation) error {
	scheme := "https"
	if r.s.PlainHTTP {
		scheme = "http"
	}
	u := url.URL{Scheme: scheme, Host: r.Host, Path: SetUpPath(link)}
	r.back = "/console/officials"
	return r.show(http.StatusOK, "link", linkView{link.Official.Login, link.Official.Name, u.String(), link.Until})
}

// officialView is one official, and what the manager may do.
type officialView struct {
	Row      officialRow
	Refused  string // why nothing may be done
	Has      int64  // open cases of the manager's area, which stay with them
	HasLink  string
	Roles    []option
	Areas    []option
	Problems []string
}

func (r *request) officialPage() error { return r.showOfficial(http.StatusOK, nil) }

func (r *request) showOfficial(status int, problems []string) error {
	office, err := r.s.Officials.Office(r.official)
	if err != nil {
		return err
	}
	o, err := office.Get(r.Context(), r.PathValue("login"))
	if err != nil {
		return err
	}
	view := officialView{Row: r.officialRow(&o), Problems: problems, HasLink: filter{Assignee: o.Login}.link("/console/cases")}
	if view.Has, err = r.s.Cases.CountUpTo(r.Context(), r.official, filter{Assignee: o.Login}.of(r.official), ""); err != nil {
		return err
	}
	if err := office.May(o); err != nil {
		_, view.Refused = r.explain(err)
		return r.show(status, "official", view)
	}
	for _, role := range office.Roles() {
		view.Roles = append(view.Roles, option{string(role), r.role(role), role == o.Role})
	}
	if r.official.Area == models.Nation {
		view.Areas = r.placesIn(models.Nation, string(o.Area))
	}
	if o.Province != "" {
		province := r.placesIn(models.Area(o.Province), string(o.Area))
		if r.official.Area == models.Nation {
			province = province[1:] // the province itself is there already
		}
		view.Areas = append(view.Areas, province...)
	}
	return r.show(status, "official", view)
}

// manage does something to the official of the path and says on the official's page that it is done.
func (r *request) manage(done string, do func(office auth.Office, login string) error) error {
	office, err := r.s.Officials.Office(r.official)
	if err == nil {
		err = do(office, r.PathValue("login"))
	}
	if models.Invalid.Is(err) {
		return r.showOfficial(http.StatusUnprocessableEntity, r.named(err, "officials"))
	}
	if err != nil {
		return err
	}
	return r.redirect("/console/officials/" + url.PathEscape(r.PathValue("login")) + "?done=" + done)
}

func (r *request) moveOfficial() error {
	role, area := models.Role(r.PostForm.Get("role")), models.Area(r.PostForm.Get("area"))
	return r.manage("official_moved", func(o auth.Office, login string) error { return o.Change(r.Context(), login, role, area) })
}

func (r *request) disableOfficial() error {
	return r.manage("official_disabled", func(o auth.Office, login string) error { return o.Disable(r.Context(), login) })
}

func (r *request) enableOfficial() error {
	return r.manage("official_enabled", func(o auth.Office, login string) error { return o.Enable(r.Context(), login) })
}

// renewLink takes an official's password and TOTP away and shows a new link.
func (r *request) renewLink() error {
	office, err := r.s.Officials.Office(r.official)
	if err != nil {
		return err
	}
	link, err := office.InviteAgain(r.Context(), r.PathValue("login"))
	if err != nil {
		return err
	}
	return r.showLink(link)
}
