package console

import (
	"strconv"
	"strings"
	"time"

	"khaibao/internal/cases"
	"khaibao/internal/lang"
	"khaibao/models"
)

// words says things in one language, as its readers expect them.
type words struct {
	texts *lang.Texts
	lang  models.Lang
}

// say gives a text of the console; pairs are names of placeholders and their values.
func (w words) say(key string, pairs ...any) string {
	args := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		value := pairs[i+1]
		switch n := value.(type) {
		case int:
			value = w.number(int64(n))
		case int64:
			value = w.number(n)
		}
		if name, ok := pairs[i].(string); ok {
			args[name] = value
		}
	}
	return w.texts.Text(w.lang, "console."+key, args)
}

// level is a level's word.
func (w words) level(l models.Level) string { return w.texts.Text(w.lang, "level."+l.String(), nil) }

// shapeOf is the shape that stands for a level, so that none is told by colour alone.
func shapeOf(l models.Level) string {
	return map[models.Level]string{
		models.LevelNone: "–", models.LevelLow: "○", models.LevelModerate: "◆", models.LevelHigh: "●", models.LevelEmergency: "▲",
	}[l]
}

// number groups thousands: 12.345 in Vietnamese, 12,345 in English.
func (w words) number(n int64) string {
	if n < 0 {
		return "-" + w.number(-n)
	}
	text := strconv.FormatInt(n, 10)
	mark := "."
	if w.lang == models.English {
		mark = ","
	}
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + mark + text[at:]
	}
	return text
}

// upTo is a number that was counted to a limit: 1.000+ behind it.
func (w words) upTo(n int64) string {
	if n > cases.CountLimit {
		return w.number(cases.CountLimit) + "+"
	}
	return w.number(n)
}

// decimal writes a measured number, 37,5 in Vietnamese.
func (w words) decimal(x float64) string {
	text := strconv.FormatFloat(x, 'f', -1, 64)
	if w.lang == models.Vietnamese {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text
}

// exact is a moment to the minute in local time.
func (w words) exact(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	if w.lang == models.English {
		return at.In(models.Hanoi).Format("2 Jan 2006 15:04")
	}
	return at.In(models.Hanoi).Format("15:04 02/01/2006")
}

// day is a local day, given as "2006-01-02".
func (w words) day(text string) string {
	at, err := time.Parse(time.DateOnly, text)
	switch {
	case err != nil:
		return text
	case w.lang == models.English:
		return at.Format("2 Jan 2006")
	}
	return at.Format("02/01/2006")
}

// dayMonth is a local day of these weeks, for the edge of a drawing.
func (w words) dayMonth(at time.Time) string {
	if w.lang == models.English {
		return at.Format("2 Jan")
	}
	return at.Format("02/01")
}

// ago tells how long ago something was, in the largest unit that fits; days are those of the local calendar.
func (w words) ago(now, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	past := now.Sub(at)
	switch {
	case past < time.Minute:
		return w.say("time.now")
	case past < time.Hour:
		return w.say("time.minutes_ago", "n", int(past/time.Minute))
	}
	switch days := daysBetween(at, now); {
	case days == 0:
		return w.say("time.hours_ago", "n", int(past/time.Hour))
	case days == 1:
		return w.say("time.yesterday")
	case days < 60:
		return w.say("time.days_ago", "n", days)
	}
	return w.day(models.Day(at))
}

// daysBetween counts the local midnights between two moments.
func daysBetween(from, to time.Time) int {
	midnight := func(at time.Time) time.Time {
		at = at.In(models.Hanoi)
		return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	}
	return int(midnight(to).Sub(midnight(from)) / (24 * time.Hour))
}

// span is a length of time in words.
func (w words) span(d time.Duration) string {
	switch {
	case d < time.Hour:
		return w.say("time.minutes", "n", int(d/time.Minute))
	case d < 48*time.Hour:
		return w.say("time.hours", "n", int(d/time.Hour))
	}
	return w.say("time.days", "n", int(d/(24*time.Hour)))
}

// deadline tells until when somebody must be called; a zero time has none.
func (w words) deadline(now, due time.Time) string {
	left := due.Sub(now)
	switch {
	case due.IsZero():
		return ""
	case left <= 0:
		return w.say("due.over", "span", w.span(max(-left, time.Minute)))
	case left < time.Hour:
		return w.say("due.soon", "at", due.In(models.Hanoi).Format("15:04"), "span", w.span(left))
	case models.Day(now) == models.Day(due):
		return w.say("due.today", "at", due.In(models.Hanoi).Format("15:04"))
	}
	return w.say("due.later", "at", w.exact(due))
}
