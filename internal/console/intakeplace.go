package console

import (
	"net/url"
	"slices"
	"strings"

	"khaibao/internal/areas"
)

// placeField asks for a commune without a script: a name is typed, "find" lists what it could be, one is chosen.
type placeField struct {
	Name    string // of the field that takes the code
	Typed   string // the name that is looked for
	Chosen  string // a code
	Choices []option
	More    bool // more were found than are listed
	Problem string
}

// maxPlaces is how many communes are listed; more letters find fewer.
const maxPlaces = 12

// readPlace reads a place field. known is a commune that is offered in any case, and is chosen while nothing else is.
func (r *request) readPlace(form url.Values, name, known string) placeField {
	f := placeField{Name: name, Typed: strings.TrimSpace(form.Get("find." + name)), Chosen: form.Get(name)}
	found := r.communes(f.Typed)
	f.More = len(found) > maxPlaces
	found = found[:min(len(found), maxPlaces)]
	switch {
	case f.Typed == "" && f.Chosen == "":
		f.Chosen = known
	case f.Typed != "" && !slices.Contains(found, f.Chosen) && len(found) == 1:
		f.Chosen = found[0]
	case f.Typed != "" && !slices.Contains(found, f.Chosen):
		f.Chosen = ""
	}
	for _, code := range append([]string{known, f.Chosen}, found...) {
		listed := slices.ContainsFunc(f.Choices, func(o option) bool { return o.Value == code })
		if name := r.placeName(code); code != "" && name != "" && !listed {
			f.Choices = append(f.Choices, option{code, name, code == f.Chosen})
		}
	}
	return f
}

// given is the code that the field holds. A name that was typed and of which none was chosen is no answer yet: what was
// taken for it has to be seen first.
func (f *placeField) given(form url.Values) (code, wrong string) {
	switch {
	case f.Typed == "" || (f.Chosen != "" && form.Get(f.Name) == f.Chosen):
		return f.Chosen, ""
	case len(f.Choices) == 0:
		return "", "no_place_found"
	}
	return "", "choose_place"
}

func (r *request) communes(typed string) []string {
	var out []string
	for _, a := range r.s.Areas.Search(typed, 4*maxPlaces) {
		if a.Level == areas.LevelCommune && len(out) <= maxPlaces {
			out = append(out, a.Code)
		}
	}
	return out
}

// placeName is a commune with its province; empty for a code that is none.
func (r *request) placeName(code string) string {
	commune, ok := r.s.Areas.Get(code)
	if !ok || commune.Level != areas.LevelCommune {
		return ""
	}
	return commune.In(r.lang) + ", " + r.areaName(commune.Parent)
}

// ownCommune is the commune that the official works in, if it is one: most who come are from there.
func (r *request) ownCommune() string {
	if area := r.official.Area; area.IsCommune() {
		return string(area)
	}
	return ""
}
