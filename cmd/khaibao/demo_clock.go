package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"khaibao/models"
)

const (
	maxAdvanceDays = 60
	livedHours     = 72              // of a move, the last ones: what lies before them is jumped over
	hourPatience   = 2 * time.Second // for all that an hour brings
)

// moveClock moves the demo's day on: {"advance_days": 1}. The demo lives through the hours, so that each reminder of a
// missed day comes at its time, and answers when it has arrived there.
func (d *demoPages) moveClock(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Days int `json:"advance_days"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1024)).Decode(&body); err != nil || body.Days < 1 || body.Days > maxAdvanceDays {
		answer(w, http.StatusUnprocessableEntity, map[string]string{"title": "advance_days must be 1 to 60"})
		return
	}
	d.moving.Lock()
	defer d.moving.Unlock()
	for hours := 24 * body.Days; hours > 0; {
		step := max(hours-livedHours, 1)
		if err := d.clock.advance(time.Duration(step) * time.Hour); err != nil {
			answer(w, http.StatusInternalServerError, map[string]string{"title": "the clock could not be kept"})
			return
		}
		d.hour(r.Context())
		hours -= step
	}
	d.showClock(w, r)
}

// passing lets moves of the clock follow one another, and what an hour brings be carried out.
type passing struct {
	moving sync.Mutex
	hour   func(ctx context.Context) // returns when what was due is done, or after a while
}

// hour carries out what is due at the demo's time: steps of follow-up, and the messages that they bring.
func (d *demo) hour(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, hourPatience)
	defer cancel()
	for ctx.Err() == nil {
		moved, err := d.app.followup.Round(ctx)
		if err == nil && moved == 0 && !d.sending(ctx) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// sending tells whether a message waits that is due.
func (d *demo) sending(ctx context.Context) bool {
	for _, lane := range []models.Lane{models.LaneUrgent, models.LaneNormal} {
		for _, route := range models.Routes() {
			due, err := d.app.store.DueMessages(ctx, lane, route, d.app.now(), 1)
			if err != nil || len(due) > 0 {
				return true
			}
		}
	}
	return false
}
