package console

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"khaibao/models"
)

//go:embed map.json
var mapFile []byte

// outlines are the provinces as scripts/map has drawn them.
type outlines struct {
	Width, Height int
	Labels        map[string][2]int // where the names of the archipelagos stand
	Provinces     []struct{ Code, Path, Dots string }
}

func loadOutlines() (outlines, error) {
	var out outlines
	if err := json.Unmarshal(mapFile, &out); err != nil {
		return out, fmt.Errorf("console: the map: %w", err)
	}
	return out, nil
}

// mapView is the map of the provinces. With shades it is of the nation; without, it only shows where a province lies.
type mapView struct {
	Width, Height int
	Heading       string
	Provinces     []provinceView
	Labels        []mapLabel
	Legend        []legendView
}

type provinceView struct {
	Path, Dots string
	Shade      string // "0" to "5", empty where nothing is told
	Here       bool
	Link, Text string
}

type mapLabel struct {
	X, Y int
	Text string
}

type legendView struct{ Shade, Text string }

// shades is how many shades there are besides that for none.
const shades = 5

// shadeBounds gives the highest number of each shade, fewer where numbers are small: they grow by one factor from 1 to the
// highest number, so that a few thousand here still leave room for tens there.
func shadeBounds(highest int64) []int64 {
	var out []int64
	for i := 1; i <= shades && highest > 0; i++ {
		bound := int64(math.Ceil(math.Pow(float64(highest), float64(i)/shades)))
		if bound = min(bound, highest); len(out) == 0 || bound > out[len(out)-1] {
			out = append(out, bound)
		}
	}
	return out
}

func shadeOf(n int64, bounds []int64) string {
	if n == 0 {
		return "0"
	}
	for i, bound := range bounds {
		if n <= bound {
			return strconv.Itoa(i + 1 + shades - len(bounds)) // the highest number is the darkest
		}
	}
	return strconv.Itoa(shades)
}

// drawMap shades the provinces by the cases opened in the last week. Of a province it shows where that lies.
func (o *overviewOf) drawMap(areas []areaView) *mapView {
	drawn := o.s.outlines
	view := &mapView{Width: drawn.Width, Height: drawn.Height, Heading: o.words.say("overview.map.where", "area", o.areaName(string(o.area)))}
	weeks, highest := map[models.Area]int64{}, int64(0)
	for _, a := range areas {
		weeks[a.code] = a.week
		highest = max(highest, a.week)
	}
	bounds := shadeBounds(highest)
	if o.area == models.Nation {
		view.Heading, view.Legend = o.words.say("overview.map.heading"), o.legend(bounds)
	}
	for _, p := range drawn.Provinces {
		area := models.Area(p.Code)
		province := provinceView{Path: p.Path, Dots: p.Dots, Here: area == o.area, Text: o.areaName(p.Code)}
		if o.area == models.Nation {
			province.Shade = shadeOf(weeks[area], bounds)
			province.Text = o.words.say("overview.map.province", "area", province.Text, "n", weeks[area])
		}
		if o.s.Areas.Holds(o.official.Area, area) {
			province.Link = overviewLink(area)
		}
		view.Provinces = append(view.Provinces, province)
	}
	for _, name := range []string{"hoang_sa", "truong_sa"} {
		at := drawn.Labels[name]
		view.Labels = append(view.Labels, mapLabel{at[0], at[1], o.words.say("overview.map." + name)})
	}
	return view
}

// legend tells what each shade stands for, the lowest first.
func (o *overviewOf) legend(bounds []int64) []legendView {
	out := []legendView{{"0", "0"}}
	from := int64(1)
	for _, to := range bounds {
		text := o.number(from)
		if to > from {
			text += "–" + o.number(to)
		}
		out = append(out, legendView{shadeOf(to, bounds), text})
		from = to + 1
	}
	return out
}
