package console

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"khaibao/models"
)

// Days ago are local calendar days, as "yesterday" is.
func TestAgo(t *testing.T) {
	t.Parallel()
	w := words{newWorld(t).Texts, models.Vietnamese}
	at := func(text string) time.Time {
		out, err := time.ParseInLocation(time.DateTime, text, models.Hanoi)
		must(t, err)
		return out
	}
	now := at("2026-11-25 02:40:00")
	for then, want := range map[string]string{
		"2026-11-25 02:39:30": "vừa xong", "2026-11-24 23:55:00": "hôm qua", "2026-11-25 00:10:00": "2 giờ trước", "2026-11-24 03:00:00": "hôm qua",
		"2026-11-24 00:01:00": "hôm qua", "2026-11-23 23:59:00": "2 ngày trước", "2026-11-21 03:03:00": "4 ngày trước", "2026-11-20 03:41:00": "5 ngày trước",
		"2026-09-20 03:41:00": "20/09/2026",
	} {
		diff(t, then, w.ago(now, at(then)), want)
	}
}

// The label of the last day ends where the chart does.
func TestChartDaysFit(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 20, 3, 41, 0, 0, models.Hanoi)
	for hours := 25; hours < 24*30; hours += 7 {
		c := chart{}
		c.days(from, from.Add(time.Duration(hours)*time.Hour))
		end := 0.0
		for _, d := range c.Days {
			start := d.X
			if d.Anchor == "end" {
				start -= dayWidth
			}
			if start < end || start+dayWidth > chartWidth {
				t.Errorf("%d hours: %s stands from %.0f, after %.0f", hours, d.Text, start, end)
			}
			end = start + dayWidth
		}
	}
}

// On a narrow screen the overview's days fit: nothing scrolls, and of the labels every other one stays, the newest too.
func TestOverviewDaysFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.official("an.nguyen", models.Officer, bacSon)
	part := between(t, b.want(http.StatusOK, b.get("/console/overview")), `<section aria-labelledby="days">`, "</section>")
	if strings.Contains(part, `class="scroll"`) {
		t.Errorf("the days scroll: %s", part)
	}
	labels := regexp.MustCompile(`class="(tick[^"]*)" x="\d+"`).FindAllStringSubmatch(part, -1)
	if len(labels) != 14 || labels[13][1] != "tick" || labels[12][1] != "tick spare" {
		t.Errorf("labels are %v", labels)
	}
}

// An area that is not the official's own is not an empty one.
func TestQueueOfForeignArea(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	has(t, "another commune", b.want(http.StatusOK, b.get("/console/cases?area="+dongKinh)), "không thuộc phạm vi của bạn")
	hasNot(t, "the own commune", b.want(http.StatusOK, b.get("/console/cases?level=high&area="+bacSon)), "không thuộc phạm vi của bạn")
}
