package main

import (
	"slices"
	"strings"
	"time"

	"khaibao/models"
)

// reminderText is what every reminder by SMS says, whether or not it also asks the first question.
const reminderText = "gia dinh ban con nguoi chua gui cap nhat suc khoe"

// checkReminders holds a household's messages and what reached its phone against the model.
func (f *fortnight) checkReminders(h *family, want map[reminderKey]*outcome, letters []letter, came map[string][]arrival, erased bool) {
	f.Helper()
	story := func() string {
		var out strings.Builder
		for _, p := range h.members {
			out.WriteString(p.story(f))
		}
		return out.String()
	}
	made, perDay, anytime := map[reminderKey]int{}, map[string]int{}, map[string]int{} // sent on a day; of those, in spite of everything
	for _, l := range letters {
		day := models.Day(l.SentAt.Time())
		if l.SentAt != 0 {
			perDay[day]++
		}
		if l.SentAt != 0 && l.Anytime {
			anytime[day]++
		}
	}
	for day, n := range perDay {
		if n-anytime[day] > messagesPerDay {
			f.complain("a household got %d messages on %s, %d of them emergencies\n%s", n, day, anytime[day], story())
		}
	}
	var sentSMS []time.Time
	for _, l := range letters {
		if l.Kind != models.MessageReminder && l.Kind != models.MessageReminderSMS {
			continue
		}
		key := reminderKey{h.account, l.Kind, int64(l.Slot)}
		made[key]++
		o := want[key]
		if o == nil || made[key] > 1 {
			f.complain("%s of %s was made, %d times; the model knows none\n%s", l.Kind, local(l.Slot.Time()), made[key], story())
			continue
		}
		f.became[string(l.State)]++
		if l.Reason == "daily_cap" && perDay[models.Day(o.at)] >= messagesPerDay {
			f.became["over the daily cap"]++
			continue
		}
		if !slices.Contains(o.mayBe, string(l.State)) {
			f.complain("%s of %s was %s (%s), by the model %v\n%s", l.Kind, local(l.Slot.Time()), l.State, l.Reason, o.mayBe, story())
		}
		if l.State != models.MessageSent {
			continue
		}
		if !l.SentAt.Time().Equal(o.sentAt) {
			f.complain("%s of %s was sent at %s, by the model at %s\n%s", l.Kind, local(l.Slot.Time()), local(l.SentAt.Time()), local(o.sentAt), story())
		}
		if l.Route == models.RouteSMS {
			sentSMS = append(sentSMS, l.SentAt.Time())
			continue
		}
		times := 0
		for _, a := range came[h.token] {
			if h.account+"|"+a.id != l.ID {
				continue
			}
			times++
			if !a.at.Before(l.ExpiresAt.Time()) {
				f.complain("a push that had expired at %s was sent at %s", local(l.ExpiresAt.Time()), local(a.at))
			}
			if late := a.real.Sub(o.answered); !o.answered.IsZero() && late > inTheAir {
				f.complain("a push arrived %s after the answer was acknowledged\n%s", late, story())
			}
		}
		if times < 1 || times > 1+f.repeatable[l.key()] {
			f.complain("%s of %s arrived %d times\n%s", l.Kind, local(l.Slot.Time()), times, story())
		}
	}
	for key, o := range want {
		if made[key] == 0 && !o.optional && !erased {
			f.complain("%s of %s was not made, by the model %v\n%s", key.kind, local(time.UnixMilli(key.slot)), o.mayBe, story())
		}
	}
	texts := 0
	for _, a := range came[h.phone] {
		if !strings.Contains(a.id, reminderText) {
			continue
		}
		texts++
		if f.quiet(a.at) {
			f.complain("a reminder arrived at %s, in quiet hours", local(a.at))
		}
	}
	if !erased && (texts < len(sentSMS) || texts > len(sentSMS)+f.repeatable[h.account+"|sms"]) {
		f.complain("%d reminders arrived by SMS, %d were sent\n%s", texts, len(sentSMS), story())
	}
}

// messagesPerDay is the daily cap of a household, as serve has it by default.
const messagesPerDay = 6

// inTheAir is how long after an answer's acknowledgement a send may still arrive that began before it, on a busy machine.
const inTheAir = 3 * time.Second

// inFlight gives, by message, the kills at which a gateway had it and it was not written down as sent: it may come again.
func (f *fortnight) inFlight() map[string]int {
	home := map[string]*family{}
	for _, h := range f.families {
		home[h.token], home[h.phone] = h, h
	}
	first := map[string]time.Time{} // when a message reached its gateway
	for _, a := range f.gateways.arrivals {
		h := home[a.to]
		if h == nil {
			continue
		}
		key := h.account + "|sms"
		if a.push {
			key = h.account + "|" + a.id
		}
		if _, known := first[key]; !known {
			first[key] = a.real
		}
	}
	out := map[string]int{}
	for _, k := range f.killings {
		for _, key := range k.pending {
			if came, ok := first[key]; ok && came.Before(k.until) {
				out[key]++
			}
		}
	}
	return out
}
