package console

import (
	"strings"
	"time"

	"khaibao/models"
)

// days are local days from through to ("2006-01-02"); empty for none. In a link they stand as one day or as "from..to".
type days struct{ from, to string }

func daysOf(text string) days {
	from, to, several := strings.Cut(text, "..")
	if !several {
		to = from
	}
	for _, day := range []string{from, to} {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return days{}
		}
	}
	if to < from {
		return days{}
	}
	return days{from, to}
}

func (d days) encode() string {
	if d.from == d.to {
		return d.from
	}
	return d.from + ".." + d.to
}

// waitedOn reads the end of a day at which cases waited: "overdue.2006-01-02" in a link.
func waitedOn(text string) models.WaitedOn {
	kind, day, _ := strings.Cut(text, ".")
	on := models.WaitedOn{Kind: models.WaitKind(kind), Day: day}
	if known := on.Kind == models.WaitOverdue || on.Kind == models.WaitUnreached; !known || daysOf(day) != oneDay(day) || day == "" {
		return models.WaitedOn{}
	}
	return on
}

func encodeWaited(on models.WaitedOn) string {
	if on == (models.WaitedOn{}) {
		return ""
	}
	return string(on.Kind) + "." + on.Day
}

// bounds gives the first moment of the days and the first behind them; zero times for none.
func (d days) bounds() (from, before time.Time) {
	if d == (days{}) {
		return time.Time{}, time.Time{}
	}
	from, _ = time.ParseInLocation(time.DateOnly, d.from, models.Hanoi)
	last, _ := time.ParseInLocation(time.DateOnly, d.to, models.Hanoi)
	return from, last.AddDate(0, 0, 1)
}

// in says them in words.
func (d days) in(w words) string {
	if d.from == d.to {
		return w.say("days.one", "day", w.day(d.from))
	}
	return w.say("days.several", "from", w.day(d.from), "to", w.day(d.to))
}

// dayFilter narrows the queue to some days, as a link did; no list of its form chooses them.
type dayFilter struct{ Name, Value, Text string }

func (r *request) dayFilters(f filter) []dayFilter {
	var out []dayFilter
	add := func(name string, d days) {
		if d != (days{}) {
			out = append(out, dayFilter{name, d.encode(), r.say("queue."+name, "days", d.in(r.words()))})
		}
	}
	add("opened", f.Opened)
	add("called", f.Called)
	if f.Waited != (models.WaitedOn{}) {
		out = append(out, dayFilter{"waited", encodeWaited(f.Waited), r.say("queue.waited_"+string(f.Waited.Kind), "day", r.words().day(f.Waited.Day))})
	}
	return out
}
