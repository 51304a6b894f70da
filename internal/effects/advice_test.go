package effects_test

import (
	"testing"
	"time"

	"khaibao/internal/intake"
	"khaibao/models"
	"khaibao/push"
)

// How the advice of a decision goes follows from the channel it came in by, the devices and the program.
func TestHowAnAdviceGoes(t *testing.T) {
	t.Parallel()
	const half = 30 * time.Minute // of covid19, from moderate on
	for _, tt := range []struct {
		name    string
		channel models.Channel
		device  bool
		answers map[string]any
		late    time.Duration // how much later its effects are carried out
		state   models.MessageState
		route   models.Route
		sms     time.Duration // how much later SMS takes over; 0: never
	}{
		{name: "app, flagged, a device", channel: models.ChannelApp, device: true, answers: sick, state: models.MessagePending, route: models.RoutePush, sms: half},
		{name: "app, flagged, no device", channel: models.ChannelApp, answers: sick, state: models.MessagePending, route: models.RoutePush, sms: half},
		{name: "app, low, a device", channel: models.ChannelApp, device: true, state: models.MessagePending, route: models.RoutePush},
		{name: "app, low, no device", channel: models.ChannelApp, state: models.MessageStored, route: models.RoutePush},
		{name: "SMS, whose reply said it", channel: models.ChannelSMS, device: true, answers: sick, state: models.MessageStored, route: models.RoutePush},
		{name: "USSD, low", channel: models.ChannelUSSD, device: true, state: models.MessagePending, route: models.RouteSMS},
		{name: "USSD, flagged", channel: models.ChannelUSSD, answers: sick, state: models.MessagePending, route: models.RouteSMS},
		{name: "an official, no device, low", channel: models.ChannelOfficial, state: models.MessagePending, route: models.RouteSMS},
		{name: "an official, a device, flagged", channel: models.ChannelOfficial, device: true, answers: sick, state: models.MessagePending, route: models.RoutePush, sms: half},
		{name: "an official, a device, low", channel: models.ChannelOfficial, device: true, state: models.MessagePending, route: models.RoutePush},
		{name: "after a standstill", channel: models.ChannelApp, device: true, answers: sick, late: 25 * time.Hour, state: models.MessageStored, route: models.RoutePush},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			each(t, func(h *house) {
				if tt.device {
					device := models.Device{ID: "d", Token: "t", Platform: "android", Lang: models.Vietnamese}
					if err := push.NewDevices(h.store, func() time.Time { return h.now }).Register(h.Context(), h.citizen, device); err != nil {
						h.Fatal(err)
					}
				}
				h.citizen.Channel = tt.channel
				answers := map[string]any{"fever": false}
				if tt.answers != nil {
					answers = tt.answers
				}
				d, _, err := h.intake.Submit(h.Context(), h.citizen, intake.Submission{
					Form: models.FormDeclaration, ID: h.nextID(), Program: "covid19", PersonID: h.person.ID, Answers: answers,
				})
				if err != nil {
					h.Fatal(err)
				}
				h.now = h.now.Add(tt.late)
				h.drain()
				inbox, _, err := h.store.Inbox(h.Context(), h.citizen.Account, models.Page{Limit: 10})
				if err != nil || len(inbox) != 1 {
					h.Fatalf("%+v, %v", inbox, err)
				}
				m := inbox[0]
				want := time.Time{}
				if tt.sms > 0 {
					want = d.ReceivedAt.Add(tt.sms)
				}
				if m.State != tt.state || m.Route != tt.route || !m.SMSAt.Equal(want) {
					h.Errorf("got %s by %s, SMS at %s; want %s by %s, SMS at %s", m.State, m.Route, m.SMSAt, tt.state, tt.route, want)
				}
			})
		})
	}
}
