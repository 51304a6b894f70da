package console

import (
	"crypto/rand"
	"html/template"
	"net/http"
	"strings"
	"time"

	"khaibao/internal/auth"
	"khaibao/models"
)

// setupView is where an official chooses a password and connects an authenticator.
type setupView struct {
	Action, Login, Name string
	QR                  qrView
	Secret              string       // in groups of four, to be typed
	URL                 template.URL // otpauth://, for an authenticator on the same phone
	Problems            []string
}

// setupCookie is what a browser keeps so that the page shows the same secret when it is loaded again.
func (s *Console) setupCookie() string {
	if s.PlainHTTP {
		return "khaibao_setup"
	}
	return "__Host-khaibao_setup"
}

// setupBrowser gives the random text of the browser, and gives it one at need.
func (r *request) setupBrowser() string {
	if c, err := r.Cookie(r.s.setupCookie()); err == nil && len(c.Value) == len(rand.Text()) {
		return c.Value
	}
	text := rand.Text()
	http.SetCookie(r.w, &http.Cookie{
		Name: r.s.setupCookie(), Value: text, Path: "/", HttpOnly: true, Secure: !r.s.PlainHTTP,
		SameSite: http.SameSiteLaxMode, // the link may come from another site, such as a chat
		MaxAge:   int(auth.SetupLifetime / time.Second),
	})
	return text
}

// hideLink keeps the link's token out of what a browser tells of where it comes from. Not "no-referrer": with it a browser
// hides the origin of our own form from us.
func (r *request) hideLink() {
	r.w.Header().Set("Referrer-Policy", "strict-origin")
	r.back = r.URL.Path
}

func (r *request) setupPage() error {
	r.hideLink()
	return r.showSetup(http.StatusOK, r.setupBrowser(), nil)
}

func (r *request) showSetup(status int, browser string, problems []string) error {
	shown, err := r.s.Officials.OpenSetup(r.Context(), r.PathValue("login"), r.PathValue("token"), browser)
	if err != nil {
		return err
	}
	view := setupView{
		Action: r.URL.Path, Login: shown.Official.Login, Name: shown.Official.Name, Problems: problems,
		Secret: fours(shown.TOTPSecret), URL: template.URL(shown.URL),
	}
	if view.QR, err = drawQR(shown.URL); err != nil {
		return err
	}
	return r.show(status, "setup", view)
}

// fours groups a secret so that it can be typed.
func fours(text string) string {
	var out []string
	for ; len(text) > 4; text = text[4:] {
		out = append(out, text[:4])
	}
	return strings.Join(append(out, text), " ")
}

func (r *request) finishSetup() error {
	r.hideLink()
	form, browser := r.PostForm, r.setupBrowser()
	visit, err := r.s.Officials.FinishSetup(r.Context(), r.PathValue("login"), r.PathValue("token"), browser, auth.SetupInput{
		Password: form.Get("password"), Again: form.Get("again"), TOTP: form.Get("totp"),
	})
	if models.Invalid.Is(err) {
		return r.showSetup(http.StatusUnprocessableEntity, browser, r.named(err, "setup"))
	}
	if err != nil {
		return err
	}
	r.setCookie(r.s.setupCookie(), "", -1)
	r.setCookie(r.s.cookieName(), visit.Cookie, 24*time.Hour)
	if r.official, _, err = r.s.Officials.Visit(r.Context(), visit.Cookie); err != nil {
		return err
	}
	return r.redirect(r.firstPage() + "?done=set_up")
}
