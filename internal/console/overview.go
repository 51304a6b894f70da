package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"khaibao/internal/cases"
	"khaibao/models"
)

// overviewView is where it rises and who falls behind.
type overviewView struct {
	AreaName string
	At       time.Time
	Above    []leadView // the areas around this one, as far as the official may look
	Numbers  []numberView
	Bars     []barView
	Days     []dayView // the bars as a table, newest first
	Height   int
	Open     leadView
	Levels   []leadView // of the open cases
	Factors  []factorView
	Map      *mapView
	Areas    []areaView
	Declared leadView // what the column is about: the last 14 days
}

// leadView is a word or a number that leads to the list behind it.
type leadView struct{ Text, Link string }

// numberView is one number against yesterday and a week ago.
type numberView struct {
	Name, Help string
	leadView
	Then []leadView // what it was, each with the list where there is one
}

type barView struct {
	X, Middle int
	Label     string
	Spare     bool // the label goes where there is little room
	Blocks    []blockView
}

type blockView struct {
	Y, Height float64
	Class     string
	Text      string
}

type dayView struct {
	Day, Declared, Opened leadView
	Levels                []leadView // moderate, high, emergency
}

type factorView struct {
	Name   string
	Number leadView
	Width  float64
}

type areaView struct {
	Name                                      leadView
	Declared, Week, WeekBefore, Open, Overdue leadView
	Contact                                   leadView // the median, and the cases that it is of
	week                                      int64
	code                                      models.Area
}

// overviewOf is an overview and where its links lead to.
type overviewOf struct {
	*request
	words
	area models.Area
	cases.Overview
}

func (r *request) overview() error {
	area := cmp.Or(models.Area(idOrNone(r.URL.Query().Get("area"))), r.official.Area)
	found, err := r.s.Cases.Overview(r.Context(), r.official, area)
	if err != nil {
		return err
	}
	o := overviewOf{r, r.words(), area, found}
	view := overviewView{AreaName: r.areaName(string(area)), At: found.At, Above: r.above(area), Height: barHeight + 34}
	view.Numbers = o.numbers()
	view.Bars, view.Days = o.bars()
	view.Open, view.Levels = o.open()
	view.Factors = o.factors()
	view.Areas = o.areas()
	if !area.IsCommune() {
		view.Map = o.drawMap(view.Areas)
	}
	return r.show(http.StatusOK, "overview", view)
}

// above are the areas around one, the widest first.
func (r *request) above(area models.Area) []leadView {
	var out []leadView
	for area != r.official.Area {
		inner, _ := r.s.Areas.Get(string(area))
		area = models.Area(inner.Parent)
		out = append(out, leadView{r.areaName(inner.Parent), overviewLink(area)})
	}
	slices.Reverse(out)
	return out
}

func overviewLink(area models.Area) string { return "/console/overview?area=" + string(area) }

// in narrows a filter to an area of the overview; the official's own needs no word.
func (o *overviewOf) in(area models.Area, f filter) filter {
	if area != o.official.Area {
		f.Area = string(area)
	}
	return f
}

// list is a number of cases that leads to them.
func (o *overviewOf) list(n int64, area models.Area, f filter) leadView {
	return leadView{o.number(n), o.in(area, f).link("/console/cases")}
}

// forms is a number of declarations. Officials see nobody who is not flagged: it leads to its parts.
func (o *overviewOf) forms(n int64, area models.Area, d days) leadView {
	return leadView{o.number(n), declarationsLink(area, d)}
}

func declarationsLink(area models.Area, d days) string {
	return "/console/overview/declarations?area=" + string(area) + "&days=" + url.QueryEscape(d.encode())
}

func oneDay(day string) days { return days{day, day} }

// numbers are the five of the page: today's, and what stands now, against yesterday and a week ago.
func (o *overviewOf) numbers() []numberView {
	at := map[string]cases.OverviewDay{}
	for name, ago := range map[string]int{"today": 0, "yesterday": 1, "week": cases.Week} {
		at[name] = o.Days[len(o.Days)-1-ago]
	}
	day := func(key string, number func(cases.OverviewDay) leadView) numberView {
		view := numberView{Name: o.words.say("overview." + key), leadView: number(at["today"])}
		for _, then := range []string{"yesterday", "week"} {
			n := number(at[then])
			n.Text = o.words.say("overview.then."+then, "n", n.Text)
			view.Then = append(view.Then, n)
		}
		return view
	}
	declared := day("declared", func(d cases.OverviewDay) leadView { return o.forms(d.Declared, o.area, oneDay(d.Day)) })
	opened := day("opened", func(d cases.OverviewDay) leadView {
		return o.list(sumOf(d.Opened), o.area, filter{Opened: oneDay(d.Day)})
	})
	contact := day("contact", func(d cases.OverviewDay) leadView { return o.median(d.Contacted, o.area, oneDay(d.Day)) })
	contact.Help = o.words.say("overview.contact_help")
	medians := contact.Then
	contact.Then = []leadView{o.reached(at["today"])}
	for i, then := range []string{"yesterday", "week"} {
		contact.Then = append(contact.Then, medians[i])
		if at[then].Contacted.Cases() > 0 {
			contact.Then = append(contact.Then, o.reached(at[then]))
		}
	}
	return []numberView{declared, opened, o.standing(models.WaitOverdue, o.Overdue), o.standing(models.WaitUnreached, o.Unreached), contact}
}

// reached are the cases that a day's time to first contact is of.
func (o *overviewOf) reached(d cases.OverviewDay) leadView {
	list := o.list(d.Contacted.Cases(), o.area, filter{Called: oneDay(d.Day)})
	list.Text = o.words.say("overview.contacted", "n", list.Text)
	return list
}

// standing is what is so now and was at the end of two days.
func (o *overviewOf) standing(kind models.WaitKind, n cases.Then) numberView {
	then := func(key string, n int64, daysAgo int) leadView {
		list := o.list(n, o.area, filter{Waited: models.WaitedOn{Kind: kind, Day: o.Days[len(o.Days)-1-daysAgo].Day}})
		list.Text = o.words.say("overview.end."+key, "n", list.Text)
		return list
	}
	return numberView{
		Name: o.words.say("view." + string(kind)), leadView: o.list(n.Now, o.area, filter{View: string(kind)}),
		Then: []leadView{then("yesterday", n.Yesterday, 1), then("week", n.LastWeek, cases.Week)},
	}
}

// median is the time to first contact of the cases that were reached on some days, and leads to them.
func (o *overviewOf) median(c cases.Contacts, area models.Area, d days) leadView {
	if c.Cases() == 0 {
		return leadView{Text: "–"}
	}
	list := o.list(0, area, filter{Called: d})
	list.Text = o.span(c.Median())
	return list
}

func sumOf(counts map[models.Level]int64) (n int64) {
	for _, count := range counts {
		n += count
	}
	return n
}

// What the bars are drawn in.
const (
	barHeight = 160
	barStep   = 50
	barWidth  = 36
)

var flaggedLevels = []models.Level{models.LevelModerate, models.LevelHigh, models.LevelEmergency}

// bars draws the cases opened on each day by level, and says the same as a table.
func (o *overviewOf) bars() (bars []barView, table []dayView) {
	highest := int64(1)
	for _, d := range o.Days {
		highest = max(highest, sumOf(d.Opened))
	}
	for i, d := range o.Days {
		at, _ := time.Parse(time.DateOnly, d.Day)
		bar := barView{X: i*barStep + 4, Middle: i*barStep + 4 + barWidth/2, Label: o.dayMonth(at), Spare: (len(o.Days)-1-i)%2 == 1}
		opened := filter{Opened: oneDay(d.Day)}
		row := dayView{Day: leadView{Text: bar.Label}, Declared: o.forms(d.Declared, o.area, oneDay(d.Day)), Opened: o.list(sumOf(d.Opened), o.area, opened)}
		y := float64(barHeight)
		for _, level := range flaggedLevels {
			n := d.Opened[level]
			height := float64(n) / float64(highest) * (barHeight - 14)
			y -= height
			bar.Blocks = append(bar.Blocks, blockView{y, height, "l-" + level.String(), o.day(d.Day) + " · " + o.level(level) + ": " + o.number(n)})
			opened.Level = level.String()
			row.Levels = append(row.Levels, o.list(n, o.area, opened))
		}
		bars, table = append(bars, bar), append(table, row)
	}
	slices.Reverse(table)
	return bars, table
}

// open is how many cases are open, and of which levels, the highest first.
func (o *overviewOf) open() (all leadView, levels []leadView) {
	for _, level := range slices.Backward(flaggedLevels) {
		n := o.list(o.Open[level], o.area, filter{Level: level.String()})
		n.Text = shapeOf(level) + " " + o.level(level) + ": " + n.Text
		levels = append(levels, n)
	}
	return o.list(sumOf(o.Open), o.area, filter{}), levels
}

// topFactors is how many factors the page lists.
const topFactors = 12

// factorWidth is the width of the longest bar of a factor.
const factorWidth = 160

func (o *overviewOf) factors() []factorView {
	var out []factorView
	for _, f := range o.Factors[:min(len(o.Factors), topFactors)] {
		out = append(out, factorView{
			o.factorName(f.Factor), o.list(f.Cases, o.area, filter{Factor: f.Factor}), factorWidth * float64(f.Cases) / float64(o.Factors[0].Cases),
		})
	}
	return out
}

// areas are those below, where most cases were opened in the last week first.
func (o *overviewOf) areas() []areaView {
	_, today := o.s.Cases.OverviewPeriod(1)
	from, _ := o.s.Cases.OverviewPeriod(cases.OverviewDays)
	week, _ := o.s.Cases.OverviewPeriod(cases.Week)
	start, _ := days{week, week}.bounds()
	before := days{from, models.Day(start.Add(-time.Hour))}
	var out []areaView
	for _, a := range o.Areas {
		out = append(out, areaView{
			Name: leadView{o.areaName(string(a.Area)), overviewLink(a.Area)}, Declared: o.forms(a.Declared, a.Area, days{from, today}),
			Week: o.list(a.Week, a.Area, filter{Opened: days{week, today}}), WeekBefore: o.list(a.WeekBefore, a.Area, filter{Opened: before}),
			Open: o.list(a.Open, a.Area, filter{}), Overdue: o.list(a.Overdue, a.Area, filter{View: "overdue"}), Contact: o.median(a.Contacted, a.Area, days{week, today}),
			week: a.Week, code: a.Area,
		})
	}
	slices.SortStableFunc(out, func(a, b areaView) int {
		return cmp.Or(cmp.Compare(b.week, a.week), strings.Compare(string(a.code), string(b.code)))
	})
	return out
}
