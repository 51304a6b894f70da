package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"khaibao/internal/rules"
	"khaibao/models"
)

// chart is a person's level, temperature and SpO2 over time, as numbers of an SVG and as a table that says the same.
type chart struct {
	Width, Height int
	Rows          []chartRow
	Days          []tick
	Readings      []reading // newest first
	words         words
}

// chartRow is one curve.
type chartRow struct {
	Label      string
	Top, Base  float64
	Line       string // points of a polyline
	Dots       []dot
	Ticks      []tick
	LabelY     float64
	Measurable bool
}

type dot struct {
	X, Y  float64
	Text  string
	Class string
}

type tick struct {
	X, Y   float64
	Text   string
	Anchor string // of an SVG text; empty is its start
}

// reading is what one declaration or update said.
type reading struct {
	At                time.Time
	Level             models.Level
	Temperature, SpO2 string
}

// The standard codes of what is drawn: so a new disease is drawn without any Go.
var (
	loincTemperature = []string{"8310-5"}
	loincSpO2        = []string{"2708-6", "59408-5"}
)

// What a chart is drawn in, in units of its own.
const (
	chartWidth = 720
	chartLeft  = 140
	chartRight = 16
	rowHeight  = 96
	rowGap     = 44
	dayWidth   = 40 // of a label such as 25/11
)

// measure finds a form's answer to a question that carries one of the codes.
func measure(p *rules.Program, d *models.Declaration, codes []string) (float64, bool) {
	f, ok := p.Form(d.Form)
	if !ok {
		return 0, false
	}
	for i := range f.Questions {
		q := &f.Questions[i]
		if !slices.ContainsFunc(codes, func(code string) bool { return slices.Contains(q.Codes.LOINC, code) }) {
			continue
		}
		switch a := d.Answers[q.ID].(type) {
		case float64:
			return a, true
		case int64:
			return float64(a), true
		}
	}
	return 0, false
}

// point is one value at a time.
type point struct {
	at    time.Time
	value float64
	text  string
	class string
}

// chart draws forms, given newest first. There is none of fewer than two.
func (r *request) chart(p *rules.Program, forms []models.Declaration) chart {
	var levels, temperatures, oxygen []point
	w := r.words()
	c := chart{Width: chartWidth, words: w}
	for i := range forms {
		d := &forms[i]
		read := reading{At: d.OccurredAt, Level: d.Decision.Level}
		levels = append(levels, point{d.OccurredAt, float64(d.Decision.Level), w.exact(d.OccurredAt) + ": " + w.level(d.Decision.Level), "l-" + d.Decision.Level.String()})
		if t, ok := measure(p, d, loincTemperature); ok {
			read.Temperature = w.decimal(t)
			temperatures = append(temperatures, point{d.OccurredAt, t, w.exact(d.OccurredAt) + ": " + read.Temperature + " °C", ""})
		}
		if o, ok := measure(p, d, loincSpO2); ok {
			read.SpO2 = w.decimal(o)
			oxygen = append(oxygen, point{d.OccurredAt, o, w.exact(d.OccurredAt) + ": " + read.SpO2 + " %", ""})
		}
		c.Readings = append(c.Readings, read)
	}
	if len(forms) < 2 {
		return c
	}
	from, to := forms[len(forms)-1].OccurredAt, forms[0].OccurredAt
	var levelTicks []float64
	for _, l := range models.Levels() {
		levelTicks = append(levelTicks, float64(l))
	}
	c.add(r.say("chart.level"), levels, from, to, 0, 4, levelTicks, func(v float64) string { return w.level(models.Level(v)) })
	if len(temperatures) > 0 {
		c.add(r.say("chart.temperature"), temperatures, from, to, 35, 41, []float64{36, 38, 40}, w.decimal)
	}
	if len(oxygen) > 0 {
		c.add(r.say("chart.spo2"), oxygen, from, to, 80, 100, []float64{85, 90, 95, 100}, w.decimal)
	}
	c.days(from, to)
	c.Height = len(c.Rows)*(rowHeight+rowGap) + 30
	return c
}

func across(at, from, to time.Time) float64 {
	span := to.Sub(from)
	if span <= 0 {
		return chartLeft
	}
	return chartLeft + float64(at.Sub(from))/float64(span)*(chartWidth-chartLeft-chartRight)
}

// add draws one curve below those that are there; values outside its bounds stand on them.
func (c *chart) add(label string, points []point, from, to time.Time, low, high float64, ticks []float64, text func(float64) string) {
	top := float64(len(c.Rows)*(rowHeight+rowGap) + 30)
	row := chartRow{Label: label, Top: top, Base: top + rowHeight, LabelY: top - 16}
	y := func(v float64) float64 { return top + rowHeight*(1-(min(max(v, low), high)-low)/(high-low)) }
	var line []string
	for _, p := range slices.Backward(points) {
		x := across(p.at, from, to)
		line = append(line, fmt.Sprintf("%.1f,%.1f", x, y(p.value)))
		row.Dots = append(row.Dots, dot{x, y(p.value), p.text, p.class})
	}
	row.Line = strings.Join(line, " ")
	for _, t := range ticks {
		row.Ticks = append(row.Ticks, tick{Y: y(t), Text: text(t)})
	}
	c.Rows = append(c.Rows, row)
}

// days marks some local days below the curves.
func (c *chart) days(from, to time.Time) {
	first := from.In(models.Hanoi)
	days := int(to.Sub(from)/(24*time.Hour)) + 1
	step := (days + 7) / 8
	for i := 0; i <= days; i += max(step, 1) {
		at := time.Date(first.Year(), first.Month(), first.Day()+i, 0, 0, 0, 0, models.Hanoi)
		if i == 0 {
			at = from
		}
		x, anchor := across(at, from, to), ""
		if x > chartWidth-dayWidth {
			x, anchor = chartWidth, "end"
		}
		if crowded := len(c.Days) > 0 && x < c.Days[len(c.Days)-1].X+dayWidth+4; !at.After(to) && !crowded {
			c.Days = append(c.Days, tick{x, float64(len(c.Rows)*(rowHeight+rowGap) + 18), c.words.dayMonth(at.In(models.Hanoi)), anchor})
		}
	}
}

// latest gives the newest readings.
func (c chart) latest(n int) []reading { return c.Readings[:min(n, len(c.Readings))] }
