package console

import (
	"encoding/base64"
	"strings"
	"time"

	"khaibao/internal/seal"
)

// maxSearch is how many letters of a search count.
const maxSearch = 200

// search comes by POST, so that no phone number stands in a link, a history or a log, and is answered by a link that holds
// it sealed: so the page can be loaded again, gone back to and paged through.
func (r *request) search() error {
	typed := []rune(strings.TrimSpace(r.PostForm.Get("q")))
	f, err := r.searchFor(r.filterOf(r.PostForm), string(typed[:min(len(typed), maxSearch)]))
	if err != nil {
		return err
	}
	return r.redirect(f.link("/console/cases"))
}

// searchLasts is how long a link finds what its search found.
const searchLasts = 12 * time.Hour

// searchPlace is where a search is sealed for: it opens for the official who searched alone.
func (r *request) searchPlace() seal.Place {
	return seal.Place{Collection: "console", ID: r.official.Login, Field: "search"}
}

// searchFor puts a search into a filter. It goes through all cases that the filter's lists leave, whatever the view.
func (r *request) searchFor(f filter, text string) (filter, error) {
	f = f.unsearched()
	f.Search = text
	if text == "" {
		return f, nil
	}
	sealed, err := r.s.Keys.Seal([]byte(time.Now().Format(time.RFC3339)+" "+text), r.searchPlace())
	f.View, f.sealed = "", base64.RawURLEncoding.EncodeToString(sealed)
	return f, err
}

// searching opens the search of a link. One of somebody else, or of yesterday, finds nobody: whoever acts on all that it
// found must not act on all there is.
func (r *request) searching(f filter, sealed string) filter {
	if sealed == "" {
		return f
	}
	f.View, f.sealed, f.lost = "", sealed, true
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return f
	}
	plain, err := r.s.Keys.Open(raw, r.searchPlace())
	if err != nil {
		return f
	}
	typed, text, _ := strings.Cut(string(plain), " ")
	if at, err := time.Parse(time.RFC3339, typed); err == nil && time.Since(at) < searchLasts {
		f.Search, f.lost = text, false
	}
	return f
}

// unsearched is the filter without its search.
func (f filter) unsearched() filter {
	f.Search, f.sealed, f.lost = "", "", false
	return f
}
