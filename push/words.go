package push

import (
	"context"

	"khaibao/internal/gsm"
	"khaibao/internal/rules"
	"khaibao/models"
)

// words puts messages into the words of a language at the moment they are read or sent; what is kept are codes.
type words struct {
	store interface {
		Declaration(ctx context.Context, account string, form models.Form, id string) (*models.Declaration, error)
	}
	programs *rules.Catalog
	text     func(lang models.Lang, key string, args map[string]any) string
	// broadcast gives what a broadcast says.
	broadcast func(ctx context.Context, id string) (models.Words, error)
}

// advice is the decision that a message is about. Program is nil and the explanation empty when that version is gone.
type advice struct {
	rules.Explanation
	ID      string // of the declaration or update
	Decided models.Level
	Program *rules.Program
}

// advice gives the decision that a message is about, nil when that is gone.
func (t words) advice(ctx context.Context, m *models.Message, lang models.Lang) (*advice, error) {
	d, err := t.store.Declaration(ctx, m.Account, m.Declaration.Form, m.Declaration.ID)
	if models.NotFound.Is(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a := &advice{ID: d.ID, Decided: d.Decision.Level}
	if program, ok := t.programs.Version(d.Program, d.Version); ok {
		a.Program, a.Explanation = program, program.Explain(d.Form, d.Decision, lang)
	}
	return a, nil
}

// longSMS is how many parts an advice or a reminder may take.
const longSMS = 2

// sms gives the text of a message that goes to a household by SMS, in plain letters.
func (t smsWords) sms(ctx context.Context, m *models.Message, to *models.Account) (string, error) {
	lang := to.Lang
	switch m.Kind {
	case models.MessageOTP, models.MessageDialogue:
		return m.Text, nil
	case models.MessageAdvice:
		a, err := t.advice(ctx, m, lang)
		if err != nil {
			return "", err
		}
		if a != nil && a.Program != nil {
			return t.adviceSMS(a, lang), nil
		}
	case models.MessageBroadcast:
		says, err := t.broadcast(ctx, m.Broadcast)
		return gsm.Plain(says.In(lang)), err
	case models.MessageNotice:
		if m.Text != "" {
			return t.text(lang, "message.official_sms", map[string]any{"text": gsm.Plain(m.Text)}), nil
		}
		return t.text(lang, "message.notice_sms."+string(m.Status), nil), nil
	case models.MessageReminder, models.MessageReminderSMS:
		return t.reminderSMS(ctx, m, to)
	}
	return t.text(lang, "message.waits_sms", nil), nil
}

// adviceSMS says the level, why, what to do, and the receipt code; where that is too long, less of it and always what to do.
func (t words) adviceSMS(a *advice, lang models.Lang) string {
	args := map[string]any{"program": a.Program.Short(lang), "level": a.LevelShort, "advice": a.AdviceShort, "receipt": models.Receipt(a.ID)}
	shorter := t.text(lang, "message.advice_sms", args)
	var factors []string
	for _, f := range a.Factors {
		factors = append(factors, f.Short)
	}
	if len(factors) > 0 {
		args["factors"] = factors
	}
	for _, text := range []string{t.text(lang, "message.advice_sms", args), shorter} {
		if gsm.Measure(text).Parts <= longSMS {
			return text
		}
	}
	return a.AdviceShort
}
