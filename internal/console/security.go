package console

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"khaibao/models"
)

// policy lets a page load our own files and nothing else: no inline code, no other host. Reports are asked for by report-uri
// alone: a browser that reads report-to sends none to a server without TLS, which is where our own browser tests look.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; report-uri /console/csp-report"

// protect sets the headers that every answer carries.
func (s *Console) protect(h http.Header, l models.Lang) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	// Not "no-referrer": with it a browser hides the origin of our own forms from us.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Language", string(l))
	h.Add("Vary", "Cookie")
}

// maxReport bounds a report of a browser.
const maxReport = 16 << 10

// cspReport counts what a browser says it has refused. Of the report only the directive's name goes into the log: an
// address could hold anything.
func (r *request) cspReport() error {
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxReport)) // half a report counts too
	r.s.reports.Inc()
	r.s.Log.WarnContext(r.Context(), "the content security policy refused something", slog.String("directive", directiveOf(text)))
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

// directiveOf names the directive of a report, "unknown" for anything else.
func directiveOf(text []byte) string {
	var sent struct {
		Report struct {
			Effective string `json:"effective-directive"`
		} `json:"csp-report"`
	}
	_ = json.Unmarshal(text, &sent) // whoever sends something else is not told
	name := sent.Report.Effective
	for _, directive := range strings.Split(policy, "; ") {
		known, _, _ := strings.Cut(directive, " ")
		if name == known || strings.HasPrefix(name, known+"-") { // script-src-elem, style-src-attr
			return known
		}
	}
	return "unknown"
}
