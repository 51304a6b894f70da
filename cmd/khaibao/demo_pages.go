package main

import (
	"context"
	"embed"
	"encoding/json"
	"net/http"
	"os"
	"sort"
	"strconv"
	"sync/atomic"
	"time"

	"khaibao/internal/auth"
	"khaibao/internal/doubles"
	"khaibao/models"
)

//go:embed handset
var handsetFiles embed.FS

// demoClock is the domain's clock of a demo: real time plus an offset that the handset moves on. It survives a restart.
type demoClock struct {
	offset atomic.Int64 // nanoseconds
	file   string
}

func newDemoClock(file string) *demoClock {
	c := &demoClock{file: file}
	var seconds int64
	if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &seconds) == nil {
		c.offset.Store(seconds * int64(time.Second))
	}
	return c
}

// Now is the demo's time.
func (c *demoClock) Now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *demoClock) advance(by time.Duration) error {
	offset := c.offset.Add(int64(by))
	return os.WriteFile(c.file, []byte(strconv.FormatInt(offset/int64(time.Second), 10)), 0o600)
}

// demoPages serves what only a demo has: the handset, what a number received, and the clock.
type demoPages struct {
	fcm   *doubles.FCM
	smsc  *doubles.SMSC
	clock *demoClock
	// gateway plays the mobile networks.
	gateway *demoGateway
	passing
	store interface {
		AccountOfPhone(ctx context.Context, phone string) (string, error)
		Account(ctx context.Context, id string) (*models.Account, error)
	}
}

// received is one message that a number got.
type received struct {
	Channel string    `json:"channel"`
	To      string    `json:"to"`
	Text    string    `json:"text"`
	SentAt  time.Time `json:"sent_at"`
}

func (d *demoPages) mount(mux *http.ServeMux) {
	for _, page := range []struct{ path, file, kind string }{
		{"GET /demo", "handset/index.html", "text/html; charset=utf-8"},
		{"GET /demo/handset.css", "handset/handset.css", "text/css; charset=utf-8"},
		{"GET /demo/icon.svg", "handset/icon.svg", "image/svg+xml"},
		{"GET /demo/handset.js", "handset/handset.js", "text/javascript; charset=utf-8"},
	} {
		mux.HandleFunc(page.path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", page.kind)
			w.Header().Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
			http.ServeFileFS(w, r, handsetFiles, page.file)
		})
	}
	mux.HandleFunc("GET /demo/messages", d.messages)
	d.gateway.mount(mux)
	mux.HandleFunc("GET /demo/clock", d.showClock)
	mux.HandleFunc("POST /demo/clock", d.moveClock)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a broken connection has nobody to tell
}

// messages gives what a number received, oldest first.
func (d *demoPages) messages(w http.ResponseWriter, r *http.Request) {
	phone, problem := auth.ParsePhone(r.URL.Query().Get("to"))
	if problem != "" {
		answer(w, http.StatusBadRequest, map[string]string{"title": "to must be a Vietnamese mobile number, such as +84900000001"})
		return
	}
	items := []received{}
	for _, m := range d.smsc.To(phone) {
		items = append(items, received{"sms", phone, m.Text, m.SentAt})
	}
	items = append(items, d.gateway.shown(phone)...)
	pushed, err := d.pushed(r.Context(), phone)
	if err != nil {
		answer(w, http.StatusServiceUnavailable, map[string]string{"title": "the store does not answer"})
		return
	}
	items = append(items, pushed...)
	sort.SliceStable(items, func(i, j int) bool { return items[i].SentAt.Before(items[j].SentAt) })
	answer(w, http.StatusOK, map[string]any{"items": items})
}

// pushed gives the pushes to the devices that the number's household has registered.
func (d *demoPages) pushed(ctx context.Context, phone string) ([]received, error) {
	id, err := d.store.AccountOfPhone(ctx, phone)
	if models.NotFound.Is(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	account, err := d.store.Account(ctx, id)
	if err != nil {
		return nil, err
	}
	var items []received
	for _, device := range account.Devices {
		for _, m := range d.fcm.To(device.Token) {
			items = append(items, received{"push", phone, m.Title + ": " + m.Body, m.SentAt})
		}
	}
	return items, nil
}

func (d *demoPages) showClock(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"now": d.clock.Now().UTC(), "offset_seconds": d.clock.offset.Load() / int64(time.Second)})
}
