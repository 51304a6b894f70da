// Package areas knows Vietnam's administrative units: the 34 provinces and 3,321 communes of today, and which of them
// took over the communes and provinces from before 1 July 2025. Everything is joined on codes, never on names.
package areas

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"khaibao/models"
)

// The levels of an Area.
const (
	LevelNation   = "nation"
	LevelProvince = "province"
	LevelCommune  = "commune"
)

// Area is an administrative unit of today.
type Area struct {
	Code   string // "VN", 2 digits for a province, 5 digits for a commune
	Name   string // with its unit word: "Xã Bắc Sơn"
	NameEN string // "Bac Son Commune"
	Level  string // nation | province | commune
	Parent string // code of the unit above it; empty for the nation
}

// List is several areas, named in a text with their codes.
type List []Area

// In names them in a language: "00008 Phường Ngọc Hà, 00025 ...".
func (l List) In(lang models.Lang) string {
	names := make([]string, len(l))
	for i, a := range l {
		names[i] = a.Code + " " + a.In(lang)
	}
	return strings.Join(names, ", ")
}

// In gives the name in a language.
func (a Area) In(lang models.Lang) string {
	if lang == models.English {
		return a.NameEN
	}
	return a.Name
}

// Directory answers questions about areas. It never changes and is safe for concurrent use.
type Directory struct {
	byCode          map[string]Area
	provinces       []Area
	communes        map[string][]Area // by province
	formerCommunes  map[string][]string
	formerProvinces map[string]string
	index           []entry
	digest          string
}

// Load reads the embedded tables. It takes some milliseconds; call it once.
func Load() (*Directory, error) {
	t, err := readTables(embedded)
	if err != nil {
		return nil, err
	}
	return newDirectory(t)
}

func newDirectory(t tables) (*Directory, error) {
	d := &Directory{
		byCode:          map[string]Area{},
		communes:        map[string][]Area{},
		formerCommunes:  map[string][]string{},
		formerProvinces: map[string]string{},
		digest:          hex.EncodeToString(t.sum[:sha256.Size/2]),
	}
	d.byCode[string(models.Nation)] = Area{Code: string(models.Nation), Name: "Việt Nam", NameEN: "Vietnam", Level: LevelNation}
	for _, a := range t.units {
		if err := d.add(a); err != nil {
			return nil, err
		}
	}
	for _, row := range t.formerCommunes {
		if err := d.addFormerCommune(row.former, row.today); err != nil {
			return nil, err
		}
	}
	for _, row := range t.formerProvinces {
		if d.byCode[row.today].Level != LevelProvince {
			return nil, fmt.Errorf("areas: %s became %s, which is no province of today", row.former, row.today)
		}
		d.formerProvinces[row.former] = row.today
	}
	d.sort()
	d.index = d.makeIndex()
	return d, nil
}

func (d *Directory) add(a Area) error {
	if _, twice := d.byCode[a.Code]; twice {
		return fmt.Errorf("areas: code %s stands twice", a.Code)
	}
	code := models.Area(a.Code)
	switch {
	case a.Level == LevelProvince && code.IsProvince() && a.Parent == "":
		a.Parent = string(models.Nation)
		d.provinces = append(d.provinces, a)
	case a.Level == LevelCommune && code.IsCommune() && d.byCode[a.Parent].Level == LevelProvince:
		d.communes[a.Parent] = append(d.communes[a.Parent], a)
	default:
		return fmt.Errorf("areas: unit %q of level %q below %q does not fit", a.Code, a.Level, a.Parent)
	}
	d.byCode[a.Code] = a
	return nil
}

// addFormerCommune keeps a successor of a former code, unless that code is current today: then it means today's commune.
func (d *Directory) addFormerCommune(former, today string) error {
	if d.byCode[today].Level != LevelCommune {
		return fmt.Errorf("areas: %s became %s, which is no commune of today", former, today)
	}
	if _, current := d.byCode[former]; !current {
		d.formerCommunes[former] = append(d.formerCommunes[former], today)
	}
	return nil
}

func (d *Directory) sort() {
	byCode := func(a, b Area) int { return cmp.Compare(a.Code, b.Code) }
	slices.SortFunc(d.provinces, byCode)
	for _, communes := range d.communes {
		slices.SortFunc(communes, byCode)
	}
}

// Get gives today's area of a code, "VN" included. Former codes are not found.
func (d *Directory) Get(code string) (Area, bool) {
	a, ok := d.byCode[code]
	return a, ok
}

// Provinces lists today's provinces by code. The slice is the caller's own.
func (d *Directory) Provinces() []Area { return slices.Clone(d.provinces) }

// Communes lists the communes of one of today's provinces by code; false when there is no such province. The slice is
// the caller's own.
func (d *Directory) Communes(province string) ([]Area, bool) {
	communes, ok := d.communes[province]
	return slices.Clone(communes), ok
}

// Commune finds today's commune for a code of today or from before 1 July 2025. A code that is current today means
// today's commune, whatever it meant before. A former code with one successor gives that one; with several it gives no
// commune, the candidates by code, and false; an unknown code gives neither.
func (d *Directory) Commune(code string) (Area, []Area, bool) {
	if a := d.byCode[code]; a.Level == LevelCommune {
		return a, nil, true
	}
	successors := d.formerCommunes[code]
	if len(successors) == 1 {
		return d.byCode[successors[0]], nil, true
	}
	var candidates []Area
	for _, s := range successors {
		candidates = append(candidates, d.byCode[s])
	}
	return Area{}, candidates, false
}

// Today gives the code of today's commune for a code that somebody typed, as Commune finds it, or what is wrong: a field
// error without its field, unknown_area, or ambiguous_area with the candidates.
func (d *Directory) Today(code string) (string, *models.FieldError) {
	commune, candidates, ok := d.Commune(code)
	switch {
	case ok:
		return commune.Code, nil
	case len(candidates) == 0:
		return "", &models.FieldError{Code: "unknown_area"}
	}
	return "", &models.FieldError{Code: "ambiguous_area", Args: map[string]any{"candidates": List(candidates)}}
}

// Province finds today's province for a code of today's 34 or of the former 63, such as the birthplace in a national id.
func (d *Directory) Province(code string) (Area, bool) {
	if a := d.byCode[code]; a.Level == LevelProvince {
		return a, true
	}
	a, ok := d.byCode[d.formerProvinces[code]]
	return a, ok
}

// ValidScope tells whether the area exists today: the nation, a province or a commune.
func (d *Directory) ValidScope(a models.Area) bool {
	_, ok := d.byCode[string(a)]
	return ok
}

// Near lists the areas that hold an area or that it holds, itself included; nil stands for all, which is the nation's.
func (d *Directory) Near(a models.Area) []models.Area {
	if a == models.Nation {
		return nil
	}
	out := []models.Area{models.Nation, a}
	if communes, ok := d.Communes(string(a)); ok {
		for _, c := range communes {
			out = append(out, models.Area(c.Code))
		}
	} else if commune, ok := d.Get(string(a)); ok {
		out = append(out, models.Area(commune.Parent))
	}
	return out
}

// Holds tells whether an area is a scope or one of today's areas that lie in it.
func (d *Directory) Holds(scope, area models.Area) bool {
	if scope == area {
		return area != ""
	}
	inner, known := d.byCode[string(area)]
	if area.IsCommune() {
		return known && scope.Holds(inner.Code, inner.Parent)
	}
	return known && area.IsProvince() && scope == models.Nation
}

// Digest identifies the data: it is the same as long as every answer is the same. Safe in an ETag.
func (d *Directory) Digest() string { return d.digest }
