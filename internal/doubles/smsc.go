package doubles

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// SMS is one message that the SMSC double accepted.
type SMS struct {
	To     string    `json:"to"`
	From   string    `json:"from"`
	Text   string    `json:"text"`
	SentAt time.Time `json:"sent_at"`
	UCS2   bool      `json:"-"` // asked for with coding=2
	Report string    `json:"-"` // where to report about it, with %d for what became of it; empty when nobody asks
}

// SMSC speaks GET /cgi-bin/sendsms as Kannel's smsbox does. It is safe for concurrent use.
type SMSC struct {
	*server
	username, password string
	messages           []SMS
	tries              int
}

// NewSMSC starts the double, which accepts one sendsms user; now gives the time of what it receives, real time when nil.
// Close ends it.
func NewSMSC(username, password string, now func() time.Time) (*SMSC, error) {
	s := &SMSC{username: username, password: password}
	var err error
	s.server, err = start(now, s.Handler())
	return s, err
}

// SendURL is the address of sendsms.
func (s *SMSC) SendURL() string { return s.url + "/cgi-bin/sendsms" }

// Handler serves the double's one path.
func (s *SMSC) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cgi-bin/sendsms", s.send)
	return mux
}

func (s *SMSC) send(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	s.tries++
	s.signal()
	s.mu.Unlock()
	if !s.delay(r.Context()) {
		return
	}
	failure, failing := s.failure()
	switch {
	case failing:
		failure.header(w)
		answer(w, failure.Status, failure.Code)
	case q.Get("username") != s.username || q.Get("password") != s.password:
		answer(w, http.StatusForbidden, "Authorization failed for sendsms")
	case q.Get("to") == "" || !q.Has("text"):
		answer(w, http.StatusBadRequest, "Missing receiver or text")
	default:
		s.accept(q)
		answer(w, http.StatusAccepted, "0: Accepted for delivery")
	}
}

func (s *SMSC) accept(q url.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = remember(s.messages, SMS{
		To: q.Get("to"), From: q.Get("from"), Text: q.Get("text"), SentAt: s.now(), UCS2: q.Get("coding") == "2", Report: q.Get("dlr-url"),
	})
	s.signal()
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// Reply delivers what a gateway was given as the reply to a message of somebody's.
func (s *SMSC) Reply(to, text string) { s.accept(url.Values{"to": {to}, "text": {text}}) }

// Tries is how many requests came in, failed ones included.
func (s *SMSC) Tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

// Await waits until at least n messages were accepted and gives all of them.
func (s *SMSC) Await(ctx context.Context, n int) ([]SMS, error) {
	err := s.await(ctx, func() bool { return len(s.messages) >= n })
	return s.All(), err
}

// All gives the accepted messages, oldest first.
func (s *SMSC) All() []SMS {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// To gives those that a number received, oldest first.
func (s *SMSC) To(number string) []SMS {
	s.mu.Lock()
	defer s.mu.Unlock()
	return only(s.messages, func(m *SMS) bool { return m.To == number })
}
