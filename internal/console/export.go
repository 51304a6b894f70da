package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"khaibao/internal/cases"
	"khaibao/internal/sheet"
	"khaibao/models"
)

// exportView is the page that asks what is to be exported.
type exportView struct {
	Query      string
	Filter     []string
	Total      int64
	Formats    []string
	MayReveal  bool
	Track      string
	Problems   []string
	Reason     string
	Identified bool
}

func (r *request) exportPage() error {
	return r.showExport(http.StatusOK, r.filterOf(r.URL.Query()), exportView{})
}

func (r *request) showExport(status int, f filter, view exportView) error {
	total, err := r.s.Cases.Count(r.Context(), r.official, f.of(r.official), f.Search)
	if err != nil {
		return err
	}
	view.Query, view.Total, view.Filter, view.Track = f.encode(), total, r.filterWords(f), newTrack()
	view.MayReveal = r.official.Role.May(models.ExportIdentity)
	for _, format := range sheet.Formats() {
		view.Formats = append(view.Formats, string(format))
	}
	return r.show(status, "export", view)
}

// filterWords says what a filter holds.
func (r *request) filterWords(f filter) []string {
	var out []string
	if list := f.list(); list != "" {
		out = append(out, r.say("view."+list))
	}
	if f.lost {
		out = append(out, r.say("queue.empty.search_lost"))
	}
	if f.Search != "" {
		out = append(out, r.say("queue.search")+": "+f.Search)
	}
	for _, d := range r.dayFilters(f) {
		out = append(out, d.Text)
	}
	if f.Assignee != "" {
		out = append(out, r.say("filter.assignee")+": "+map[bool]string{true: r.say("queue.nobody"), false: f.Assignee}[f.Assignee == nobody])
	}
	for _, s := range r.selects(f) {
		for _, o := range s.Options {
			if o.Chosen && o.Value != "" && s.Name != "sort" {
				out = append(out, s.Label+": "+o.Text)
			}
		}
	}
	return out
}

// downloadTime is how long a browser may take to read an export.
const downloadTime = time.Hour

// export streams the file. Once it has begun, an error cuts the connection, so that nobody takes half a file for a whole one.
func (r *request) export() error {
	form := r.PostForm
	query, _ := url.ParseQuery(form.Get("query"))
	f, format := r.filterOf(query), sheet.Format(form.Get("format"))
	if !slices.Contains(sheet.Formats(), format) {
		return &models.Error{Kind: models.Malformed, Code: "bad_form"}
	}
	track := idOrNone(form.Get("track"))
	ask := cases.ExportAsk{
		Format: format, Filter: f.of(r.official), Search: f.Search, Identified: form.Has("identified"), Reason: form.Get("reason"), Lang: r.lang, Text: r.s.Texts.Text,
		Progress: func(rows int) { r.s.progress.set(r.official.Login+"|"+track, rows) },
	}
	export, err := r.s.Cases.Export(r.Context(), r.official, ask)
	if models.Invalid.Is(err) || models.Forbidden.Is(err) {
		failed := r.failure(err)
		return r.showExport(failed.Status, f, exportView{Problems: failed.problems(), Reason: ask.Reason, Identified: ask.Identified})
	}
	if err != nil {
		return err
	}
	defer r.s.progress.end(r.official.Login + "|" + track)
	_ = http.NewResponseController(r.w).SetWriteDeadline(time.Now().Add(downloadTime)) // a recorder of a test has none
	h := r.w.Header()
	h.Set("Content-Type", format.ContentType())
	h.Set("Content-Disposition", `attachment; filename="`+export.Name()+`"`)
	if err := export.Write(r.Context(), r.w); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// exportProgress tells how many rows of an export of this official are made.
func (r *request) exportProgress() error {
	r.w.Header().Set("Content-Type", "application/json")
	rows, running := r.s.progress.get(r.official.Login + "|" + idOrNone(r.URL.Query().Get("track")))
	return json.NewEncoder(r.w).Encode(map[string]any{"rows": rows, "running": running})
}

// progress remembers how far the exports of this process are. It is a hint for a page that is open.
type progress struct {
	mu   sync.Mutex
	rows map[string]int
}

func (p *progress) set(key string, rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows[key] = rows
}

func (p *progress) end(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.rows, key)
}

func (p *progress) get(key string) (rows int, running bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rows, running = p.rows[key]
	return rows, running
}
