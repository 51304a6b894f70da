package push_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"khaibao/models"
)

func (r *rig) reminder(account, id string, kind models.MessageKind) models.Message {
	m := r.advice(account, id)
	if kind == models.MessageReminderSMS {
		m.Route = models.RouteSMS
	}
	m.Kind, m.Declaration, m.Slot = kind, models.DeclarationRef{}, r.clock.Now().Add(-2*time.Hour)
	return m
}

func TestReminderBySMS(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "lan")
	r.enqueue(t, r.reminder(account, "m1", models.MessageReminderSMS))
	r.start(t, r.config("w"))
	if o := r.settled(t); o.State != models.MessageSent {
		t.Fatalf("%+v", o)
	}
	got := r.smsc.To(phoneOf("lan"))
	if len(got) != 1 || !strings.Contains(got[0].Text, "115") || len(got[0].Text) > 160 {
		t.Errorf("%+v", got)
	}
}

func TestReminderIsNotSentAfterTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "lan", models.Vietnamese)
	c := r.config("w")
	var asked atomic.Int32
	c.Wanted = func(_ context.Context, m *models.Message) (bool, error) {
		if asked.Add(1) == 1 {
			return false, errors.New("the store is away") // then nothing is decided and nothing is sent
		}
		return m.Kind == models.MessageReminderSMS, nil
	}
	r.enqueue(t, r.reminder(account, "m1", models.MessageReminder))
	r.start(t, c)
	if o := r.settled(t); o.State != models.MessageExpired || o.Reason != "answered" {
		t.Fatalf("%+v", o)
	}
	if n := len(r.fcm.All()); n != 0 {
		t.Errorf("%d pushes after the answer", n)
	}
	if r.log.has(`level=WARN msg="message not sent"`) {
		t.Error("an answered reminder is warned of")
	}
	items, _, err := r.inbox().List(t.Context(), models.Citizen{Account: account, Lang: models.Vietnamese}, models.Page{Limit: 10})
	if err != nil || len(items) != 0 {
		t.Errorf("the inbox shows a reminder that nobody needed: %+v, %v", items, err)
	}
}

// A household with two phones that answers after the first was told hears of it no more on the second.
func TestReminderStopsBetweenTwoPhones(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.household(t, "lan", models.Vietnamese, models.Vietnamese)
	c := r.config("w")
	c.Wanted = func(context.Context, *models.Message) (bool, error) { return len(r.fcm.All()) == 0, nil }
	r.enqueue(t, r.reminder(account, "m1", models.MessageReminder))
	r.start(t, c)
	if o := r.settled(t); o.State != models.MessageSent {
		t.Fatalf("%+v", o)
	}
	if n := len(r.fcm.All()); n != 1 {
		t.Errorf("%d phones were told, want the first alone", n)
	}
}
