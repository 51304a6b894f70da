package console

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"khaibao/internal/auth"
	"khaibao/internal/lang"
	"khaibao/models"
)

// cookieName is that of the visit. A __Host- cookie comes from this host alone and over TLS only.
func (s *Console) cookieName() string {
	if s.PlainHTTP {
		return "khaibao_visit"
	}
	return "__Host-khaibao_visit"
}

const languageCookie = "khaibao_lang"

func (r *request) setCookie(name, value string, maxAge time.Duration) {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, Secure: !r.s.PlainHTTP, SameSite: http.SameSiteStrictMode,
		MaxAge: int(maxAge / time.Second),
	}
	if maxAge < 0 {
		c.MaxAge = -1
	}
	http.SetCookie(r.w, c)
}

// languageOf is the language that was chosen, or the one that the browser asks for.
func languageOf(r *http.Request) models.Lang {
	if c, err := r.Cookie(languageCookie); err == nil {
		switch l := models.Lang(c.Value); l {
		case models.Vietnamese, models.English:
			return l
		}
	}
	return lang.Match(r.Header.Get("Accept-Language"))
}

func (r *request) chooseLanguage() error {
	if l := models.Lang(r.PostForm.Get("lang")); l == models.English || l == models.Vietnamese {
		r.setCookie(languageCookie, string(l), 365*24*time.Hour)
	}
	return r.redirect(inside(r.PostForm.Get("back")))
}

// inside is a path of the console, the first page for anything else: no form leads to another host.
func inside(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || strings.ContainsAny(path, "\\\r\n") || (u.Path != "/console" && !strings.HasPrefix(u.Path, "/console/")) {
		return "/console"
	}
	return u.RequestURI()
}

// redirect answers a form: the browser asks for the page anew, so that loading it again repeats nothing.
func (r *request) redirect(to string) error {
	http.Redirect(r.w, r.Request, to, http.StatusSeeOther)
	return nil
}

func (r *request) home() error { return r.redirect(r.firstPage()) }

// firstPage is the first page for the role: the queue, or the audit for whoever sees nothing else.
func (r *request) firstPage() string {
	if r.official.Role.May(models.ReadCases) {
		return "/console/cases"
	}
	return "/console/audit"
}

// signInView is the sign-in, also in the middle of something: Kept is the form that was sent after the visit had ended.
type signInView struct {
	Login   string
	Next    string
	Problem string
	Ended   bool
	Kept    *keptForm
}

// keptForm is a form that is not lost while somebody signs in again.
type keptForm struct {
	Action string
	By     string // what the form carried, which tells whose it was
	Fields []keptField
}

type keptField struct{ Name, Value string }

const keptPrefix = "kept."

func (r *request) signInPage() error {
	if r.signedIn {
		return r.redirect(inside(r.URL.Query().Get("next")))
	}
	next := r.URL.Query().Get("next")
	return r.show(http.StatusOK, "sign_in", signInView{Next: inside(next), Ended: r.URL.Query().Has("ended")})
}

func (r *request) signIn() error {
	form := r.PostForm
	view := signInView{Login: form.Get("login"), Next: inside(form.Get("next")), Kept: keptOf(form)}
	visit, err := r.s.Officials.SignIn(r.Context(), form.Get("login"), form.Get("password"), strings.ReplaceAll(form.Get("totp"), " ", ""), r.address())
	switch models.KindOf(err) {
	case "":
	case models.Unauthenticated, models.TooMany:
		var status int
		status, view.Problem = r.explain(err)
		return r.show(status, "sign_in", view)
	default:
		return err
	}
	r.setCookie(r.s.cookieName(), visit.Cookie, 24*time.Hour) // the server ends it much earlier
	if view.Kept == nil {
		return r.redirect(view.Next)
	}
	r.visit, r.signedIn = visit, true
	if r.official, r.visit, err = r.s.Officials.Visit(r.Context(), visit.Cookie); err != nil {
		return err
	}
	if !r.s.Officials.TypedBy(r.official.Login, view.Kept.By) {
		return r.redirect(r.firstPage() + "?done=kept_of_another")
	}
	return r.show(http.StatusOK, "resume", view.Kept)
}

// address is whom a budget of sign-ins counts.
func (r *request) address() string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// keep takes a form along into the sign-in, without what belongs to the visit that has ended.
func keep(action string, form url.Values) *keptForm {
	kept := &keptForm{Action: action, By: auth.FormOwner(form.Get("csrf"))}
	for name, values := range form {
		if name == "csrf" || name == "password" || name == "totp" {
			continue
		}
		for _, value := range values {
			kept.Fields = append(kept.Fields, keptField{name, value})
		}
	}
	return kept
}

// keptOf finds the kept form in that of the sign-in.
func keptOf(form url.Values) *keptForm {
	if form.Get("kept_action") == "" {
		return nil
	}
	kept := &keptForm{Action: inside(form.Get("kept_action")), By: form.Get("kept_by")}
	for name, values := range form {
		if inner, ok := strings.CutPrefix(name, keptPrefix); ok {
			for _, value := range values {
				kept.Fields = append(kept.Fields, keptField{inner, value})
			}
		}
	}
	return kept
}

func (r *request) signOut() error {
	if err := r.s.Officials.SignOut(r.Context(), r.visit.Cookie); err != nil {
		return err
	}
	r.setCookie(r.s.cookieName(), "", -1)
	return r.redirect("/console/sign-in")
}

// stay lengthens a visit: being recognised has done it.
func (r *request) stay() error {
	r.w.Header().Set("X-Visit-Ends-In", r.endsIn())
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}
