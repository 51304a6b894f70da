package console

import (
	"context"
	"net/http"
	"slices"

	"khaibao/internal/cases"
	"khaibao/models"
)

// overviewDays is how many days the overview looks back.
const overviewDays = 14

// overviewView is where it rises and who falls behind.
type overviewView struct {
	AreaName string
	Numbers  []numberView
	Bars     []barView
	Days     []dayView // the bars as a table, newest first
	Areas    []areaView
	Height   int
}

// numberView is one number, against yesterday and a week ago where it is known. A link leads to the list behind it, which
// is as long as the number.
type numberView struct {
	Name, Value, Link, Help string
	Compared                bool
	Yesterday, LastWeek     int64
}

type barView struct {
	X      int
	Label  string
	Blocks []blockView
}

type blockView struct {
	Y, Height float64
	Class     string
	Text      string
}

type dayView struct {
	Day    string
	All    int64
	Counts []int64 // moderate, high, emergency
}

type areaView struct {
	Name, Link   string
	All, Flagged int64
}

func (r *request) overview() error {
	view := overviewView{AreaName: r.areaName(string(r.official.Area)), Height: barHeight + 34}
	stats, err := r.stats(false)
	if err != nil {
		return err
	}
	if view.Numbers, err = r.numbers(stats); err != nil {
		return err
	}
	view.Bars, view.Days = r.bars(stats)
	if !r.official.Area.IsCommune() {
		children, err := r.stats(true)
		if err != nil {
			return err
		}
		view.Areas = r.areasOf(children)
	}
	return r.show(http.StatusOK, "overview", view)
}

// stats are the counters of the last days, of every program.
func (r *request) stats(children bool) ([]models.Stat, error) {
	now := r.s.Now()
	var out []models.Stat
	for _, program := range r.programIDs() {
		found, err := r.s.Cases.Stats(r.Context(), r.official, cases.StatsQuery{
			Program: program, From: models.Day(now.AddDate(0, 0, 1-overviewDays)), To: models.Day(now), Children: children,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func (r *request) numbers(stats []models.Stat) ([]numberView, error) {
	now, w := r.s.Now(), r.words()
	declared := map[string]int64{}
	for _, n := range stats {
		declared[n.Day] += n.Count
	}
	today, yesterday, week := models.Day(now), models.Day(now.AddDate(0, 0, -1)), models.Day(now.AddDate(0, 0, -7))
	out := []numberView{{
		Name: r.say("overview.declared"), Value: w.number(declared[today]), Link: "#days", Compared: true,
		Yesterday: declared[yesterday], LastWeek: declared[week],
	}}
	var opened [3]int64
	for i, day := range []string{today, yesterday, week} {
		n, err := r.count(r.Context(), filter{Opened: day})
		if err != nil {
			return nil, err
		}
		opened[i] = n
	}
	out = append(out, numberView{
		Name: r.say("overview.opened"), Value: w.number(opened[0]), Link: filter{Opened: today}.link("/console/cases"), Compared: true,
		Yesterday: opened[1], LastWeek: opened[2],
	})
	for _, view := range []string{"overdue", "unreached"} {
		n, err := r.count(r.Context(), filter{View: view})
		if err != nil {
			return nil, err
		}
		out = append(out, numberView{Name: r.say("view." + view), Value: w.number(n), Link: filter{View: view}.link("/console/cases")})
	}
	median, n, err := r.s.Cases.FirstContact(r.Context(), r.official)
	if err != nil {
		return nil, err
	}
	contact := numberView{Name: r.say("overview.contact"), Value: "–", Help: r.say("overview.contact_help", "n", n)}
	if n > 0 {
		contact.Value = w.span(median)
	}
	return append(out, contact), nil
}

func (r *request) count(ctx context.Context, f filter) (int64, error) {
	return r.s.Cases.Count(ctx, r.official, f.of(r.official), "")
}

// What the bars are drawn in.
const (
	barHeight = 160
	barStep   = 50
)

var flaggedLevels = []models.Level{models.LevelModerate, models.LevelHigh, models.LevelEmergency}

// bars draws the flagged declarations of each day by level, and says the same as a table.
func (r *request) bars(stats []models.Stat) ([]barView, []dayView) {
	now, w := r.s.Now(), r.words()
	byDay := map[string]*dayView{}
	var days []dayView
	for i := range overviewDays {
		days = append(days, dayView{Day: models.Day(now.AddDate(0, 0, i+1-overviewDays)), Counts: make([]int64, len(flaggedLevels))})
	}
	for i := range days {
		byDay[days[i].Day] = &days[i]
	}
	highest := int64(1)
	for _, n := range stats {
		d := byDay[n.Day]
		if d == nil {
			continue
		}
		d.All += n.Count
		if at := slices.Index(flaggedLevels, n.Level); at >= 0 {
			d.Counts[at] += n.Count
		}
	}
	for _, d := range days {
		highest = max(highest, d.Counts[0]+d.Counts[1]+d.Counts[2])
	}
	var bars []barView
	for i, d := range days {
		bar := barView{X: i*barStep + 4, Label: d.Day[8:] + "/" + d.Day[5:7]}
		y := float64(barHeight)
		for at, level := range flaggedLevels {
			height := float64(d.Counts[at]) / float64(highest) * (barHeight - 14)
			y -= height
			bar.Blocks = append(bar.Blocks, blockView{y, height, "l-" + level.String(), w.day(d.Day) + " · " + w.level(level) + ": " + w.number(d.Counts[at])})
		}
		bars = append(bars, bar)
	}
	slices.Reverse(days)
	return bars, days
}

// areasOf sums the areas directly below, the most flagged first.
func (r *request) areasOf(stats []models.Stat) []areaView {
	sums := map[models.Area]*areaView{}
	var order []models.Area
	for _, n := range stats {
		if sums[n.Area] == nil {
			sums[n.Area] = &areaView{Name: r.areaName(string(n.Area)), Link: filter{Area: string(n.Area)}.link("/console/cases")}
			order = append(order, n.Area)
		}
		sums[n.Area].All += n.Count
		if n.Level.Flagged() {
			sums[n.Area].Flagged += n.Count
		}
	}
	out := make([]areaView, 0, len(order))
	for _, area := range order {
		out = append(out, *sums[area])
	}
	slices.SortStableFunc(out, func(a, b areaView) int { return int(b.Flagged - a.Flagged) })
	return out
}

// message tells the citizen something in the official's own words.
func (r *request) message() error {
	text := r.PostForm.Get("text")
	if _, err := r.s.Cases.Message(r.Context(), r.official, r.PathValue("id"), text); err != nil {
		return r.again(err, typed{Message: text})
	}
	return r.redirect(r.casePath() + "?done=message")
}
