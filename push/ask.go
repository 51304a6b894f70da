package push

import (
	"context"
	"strconv"
	"strings"
	"time"

	"khaibao/internal/gsm"
	"khaibao/internal/rules"
	"khaibao/models"
)

// smsWords puts messages into SMS.
type smsWords struct {
	words
	household Store
	now       func() time.Time
}

// reminderSMS asks the first question of the update, so that a reply of numbers answers it. Where such a reply would not
// reach that question, or the question is too long, it says only that an update is missing.
func (t smsWords) reminderSMS(ctx context.Context, m *models.Message, to *models.Account) (string, error) {
	heard, err := t.wouldHear(ctx, m, to)
	if err != nil {
		return "", err
	}
	if program, ok := t.programs.Current(m.Program, t.now()); ok && heard {
		if question := t.question(program, to.Lang); question != "" {
			text := gsm.Plain(t.text(to.Lang, "message.reminder_ask_sms", map[string]any{"program": program.Short(to.Lang), "question": question}))
			if gsm.Measure(text).Parts <= longSMS {
				return text, nil
			}
		}
	}
	return t.text(to.Lang, "message.reminder_sms", nil), nil
}

// wouldHear tells whether the dialogue takes numbers alone for the update that a reminder asks for: no other plan of the
// household runs, and no other question is open by SMS.
func (t smsWords) wouldHear(ctx context.Context, m *models.Message, to *models.Account) (bool, error) {
	plans, err := t.household.FollowUpsOf(ctx, m.Account)
	if err != nil {
		return false, err
	}
	if asked := to.Asked(plans); len(asked) != 1 || asked[0].Program != m.Program {
		return false, nil
	}
	dialogue, err := t.household.Dialogue(ctx, models.ChannelSMS, to.Phone)
	if models.NotFound.Is(err) {
		return true, nil
	}
	return dialogue.DueAt.IsZero(), err
}

// question gives the first screen of a program's update as the dialogue shows it; empty when numbers do not answer it.
func (t smsWords) question(program *rules.Program, lang models.Lang) string {
	form, ok := program.Form(models.FormDaily)
	if !ok {
		return ""
	}
	screen, ok := form.Screen(0, func(q *rules.Question) bool { return form.Enabled(q.ID, nil) })
	if !ok {
		return ""
	}
	var labels []string
	for _, line := range screen.Lines() {
		labels = append(labels, line.Short(lang))
	}
	if screen.Group == nil && screen.Only().Type == rules.TypeBoolean {
		labels = []string{t.text(lang, "dialogue.yes", nil), t.text(lang, "dialogue.no", nil)}
	}
	if len(labels) == 0 || len(labels) > rules.MostLines {
		return ""
	}
	lines := []string{screen.Heading().Short(lang)}
	for i, label := range labels {
		lines = append(lines, strconv.Itoa(i+1)+" "+label)
	}
	if screen.Many() {
		lines = append(lines, t.text(lang, "dialogue.foot.none", nil))
	}
	if screen.Group != nil && screen.Unsure() {
		lines = append(lines, t.text(lang, "dialogue.foot.unsure", nil))
	}
	return strings.Join(lines, "\n")
}
