package push

import (
	"context"

	"khaibao/internal/rules"
	"khaibao/models"
)

// hold keeps a message from disturbing anybody: in quiet hours it waits for their end or expires, and over the daily cap
// of the household it waits in the inbox only. No attempt is used up. sent is how many the household has had today.
func (w *Worker) hold(ctx context.Context, m *models.Message, sent int) (bool, error) {
	if m.Lane == models.LaneOTP || m.Anytime {
		return false, nil
	}
	now := w.now(m)
	if until := w.quiet(m).End(now); until.After(now) && !w.NoQuiet {
		if !until.Before(m.ExpiresAt) {
			return true, w.expire(ctx, m, "quiet_hours")
		}
		if !m.SMSAt.IsZero() { // the push is given its time in the morning
			m.SMSAt = m.SMSAt.Add(until.Sub(now))
		}
		m.DueAt, m.Reason = until, "quiet_hours"
		return true, w.keep(ctx, m)
	}
	if w.PerDay > 0 && sent >= w.PerDay {
		return true, w.settle(ctx, m, models.MessageStored, "daily_cap")
	}
	return false, nil
}

// quiet gives the quiet hours that hold for a message.
func (w *Worker) quiet(m *models.Message) rules.Quiet {
	if program, ok := w.Programs.Current(m.Program, w.now(m)); ok {
		return program.Quiet()
	}
	return rules.DefaultQuiet
}

// sentToday tells how many messages the households of a batch have had today.
func (w *Worker) sentToday(ctx context.Context, batch []models.Message) (map[string]int, error) {
	var accounts []string
	for i := range batch {
		if m := &batch[i]; w.PerDay > 0 && m.Account != "" && !m.Anytime {
			accounts = append(accounts, m.Account)
		}
	}
	if len(accounts) == 0 {
		return nil, nil
	}
	return w.Store.SentOn(ctx, models.Day(w.Now()), accounts)
}
