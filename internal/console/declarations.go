package console

import (
	"cmp"
	"net/http"
	"slices"

	"khaibao/internal/cases"
	"khaibao/models"
)

// declarationsView takes a number of declarations and health updates apart: each part adds up to it. There is no list of
// people behind it, because officials see nobody who is not flagged.
type declarationsView struct {
	AreaName, Days string
	Back           string
	Total          int64
	Parts          []partView
}

type partView struct {
	Heading string
	Rows    []partRow
	Total   int64
}

type partRow struct {
	Name, Link string
	Count      int64
}

func (r *request) declarations() error {
	area := cmp.Or(models.Area(idOrNone(r.URL.Query().Get("area"))), r.official.Area)
	period := daysOf(r.URL.Query().Get("days"))
	if period == (days{}) {
		period.from, period.to = r.s.Cases.OverviewPeriod(1)
	}
	own, err := r.stats(area, period, false)
	if err != nil {
		return err
	}
	view := declarationsView{AreaName: r.areaName(string(area)), Days: period.in(r.words()), Back: overviewLink(area)}
	for _, n := range own {
		view.Total += n.Count
	}
	named := func(name func(string) string) func(string) partRow {
		return func(value string) partRow { return partRow{Name: name(value)} }
	}
	text := func(prefix string) func(string) partRow {
		return named(func(value string) string { return r.s.Texts.Text(r.lang, prefix+value, nil) })
	}
	view.Parts = []partView{
		r.part("day", own, func(n *models.Stat) string { return n.Day }, named(r.words().day)),
		r.part("level", own, func(n *models.Stat) string { return n.Level.String() }, text("level.")),
		r.part("form", own, func(n *models.Stat) string { return string(n.Form) }, text("console.declarations.form.")),
		r.part("channel", own, func(n *models.Stat) string { return string(n.Channel) }, text("console.channel.")),
		r.part("program", own, func(n *models.Stat) string { return n.Program }, named(r.programName)),
	}
	if !area.IsCommune() {
		below, err := r.stats(area, period, true)
		if err != nil {
			return err
		}
		view.Parts = append(view.Parts, r.part("area", below, func(n *models.Stat) string { return string(n.Area) }, func(code string) partRow {
			return partRow{Name: r.areaName(code), Link: declarationsLink(models.Area(code), period)}
		}))
	}
	return r.show(http.StatusOK, "declarations", view)
}

// stats are the counters of some days, of every program.
func (r *request) stats(area models.Area, period days, children bool) ([]models.Stat, error) {
	var out []models.Stat
	for _, program := range r.programIDs() {
		found, err := r.s.Cases.Stats(r.Context(), r.official, cases.StatsQuery{Program: program, Area: area, From: period.from, To: period.to, Children: children})
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// part sums numbers by one of their sides, the largest first.
func (r *request) part(key string, stats []models.Stat, side func(*models.Stat) string, row func(string) partRow) partView {
	sums := map[string]int64{}
	view := partView{Heading: r.say("declarations.by." + key)}
	for i := range stats {
		sums[side(&stats[i])] += stats[i].Count
		view.Total += stats[i].Count
	}
	for value, n := range sums {
		one := row(value)
		one.Count = n
		view.Rows = append(view.Rows, one)
	}
	slices.SortFunc(view.Rows, func(a, b partRow) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	return view
}
