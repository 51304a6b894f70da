package push_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/doubles"
	"khaibao/models"
)

// The account remembers since when and why nothing reaches the household, owes it to its cases with the same write, and
// forgets it when something gets through.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	sms := func(r *rig, account string) models.Message {
		return r.reminder(account, models.TimeID(r.clock.Now(), "sms"), models.MessageReminderSMS)
	}
	advice := func(r *rig, account string) models.Message {
		m := r.advice(account, models.TimeID(r.clock.Now(), "advice"))
		m.SMSAt = r.clock.Now().Add(30 * time.Minute)
		return m
	}
	type step struct {
		name      string
		message   func(*rig, string) models.Message
		refuse    int // the gateway's next answer; 0: it accepts
		noGateway bool
		optedOut  bool
		device    bool // registered before
		report    models.MessageState
		reason    string // of the report
		read      bool   // the app fetches the message
		want      models.UnreachableReason
		fresh     bool // since is this step
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"no device and no gateway", []step{{message: advice, noGateway: true, want: models.NoGateway, fresh: true}, {message: sms, noGateway: true, want: models.NoGateway}}},
		{"since the first, why of the last", []step{{message: sms, refuse: 400, want: models.Rejected, fresh: true}, {message: sms, optedOut: true, want: models.OptedOut}}},
		{"an SMS that goes out", []step{{message: sms, refuse: 400, want: models.Rejected, fresh: true}, {message: sms}}},
		{"a device", []step{{message: sms, refuse: 400, want: models.Rejected, fresh: true}, {message: advice, device: true}}},
		{"a device is a way", []step{{message: sms, device: true, refuse: 400}}},
		{"the app", []step{{message: sms, refuse: 400, want: models.Rejected, fresh: true}, {message: advice, noGateway: true, read: true}}},
		{"the handset", []step{
			{message: sms, report: models.MessageFailed, reason: "undelivered", want: models.Undelivered, fresh: true},
			{name: "the network takes another", message: sms, want: models.Undelivered},
			{name: "which arrives", message: sms, report: models.MessageDelivered},
		}},
		{"what lies with us", []step{{message: sms, report: models.MessageFailed, reason: "buffer_full"}}},
		{"an OTP belongs to nobody", []step{{message: func(r *rig, _ string) models.Message { return r.otp("o1", phoneOf("an")) }, refuse: 400}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			account := r.household(t, "an")
			since := time.Time{}
			for _, s := range tt.steps {
				r.clock.advance(time.Hour)
				if s.device {
					r.register(t, account, models.Device{ID: "phone", Token: "token-phone", Platform: "android", Lang: models.Vietnamese})
				}
				if s.optedOut {
					r.optOut(t, account)
				}
				if s.refuse > 0 {
					r.smsc.Fail(doubles.Failure{Status: s.refuse})
				}
				c := r.config("one")
				if s.noGateway {
					c.SMS = nil
				}
				m := s.message(r, account)
				r.enqueue(t, m)
				_, stop := r.start(t, c)
				r.settled(t)
				stop()
				if s.report != "" {
					fatal(t, r.reports.SMS(t.Context(), account, m.ID, 1, s.report, s.reason))
				}
				if s.read {
					_, err := r.inbox().Get(t.Context(), models.Citizen{Account: account}, m.ID)
					fatal(t, err)
				}
				for len(r.steps) > 0 {
					<-r.steps
				}
				if s.fresh {
					since = r.clock.Now()
				}
				want := models.Unreachable{}
				if s.want != "" {
					want = models.Unreachable{Reason: s.want, Since: since}
				}
				a, err := r.store.Account(t.Context(), account)
				fatal(t, err)
				if diff := cmp.Diff(want, a.Unreachable); diff != "" {
					t.Errorf("%s (-want +got):\n%s", s.name, diff)
				}
				owed, err := r.store.PendingAccounts(t.Context(), 10)
				fatal(t, err)
				if (len(owed) > 0) != (since != time.Time{}) || len(owed) > 0 && owed[0].Effects[0] != (models.Effect{Kind: models.EffectPerson}) {
					t.Errorf("%s: owes %+v", s.name, owed)
				}
			}
		})
	}
}
