// Package doubles stands in for the outside world at the wire: real HTTP servers on a loopback port that speak as much of
// Firebase Cloud Messaging and of Kannel's sendsms as the product uses. Tests and the demo send to them through the
// product's own senders. They keep what they received, within bounds, and can be told to fail.
package doubles

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Failure is one scripted answer.
type Failure struct {
	Status     int           // FCM: 0 hangs up without an answer, 200 answers what nobody can read
	Code       string        // FCM: the error code in the details, such as UNREGISTERED; SMSC: the text of the answer
	RetryAfter time.Duration // whole seconds; 0: the header is left out
}

// remembered is how many messages a double keeps; the oldest go first.
const remembered = 20_000

// server is what both doubles share.
type server struct {
	http *http.Server
	url  string
	now  func() time.Time

	mu       sync.Mutex
	failures []Failure
	latency  time.Duration
	held     chan struct{} // closed when requests may go on; nil when none are held
	arrived  chan struct{} // closed and replaced at each arrival
}

// start listens on a free loopback port and serves.
func start(now func() time.Time, handler http.Handler) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	s := &server{
		http: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
		url:  "http://" + listener.Addr().String(), now: now, arrived: make(chan struct{}),
	}
	go s.http.Serve(listener) // ends with Close
	return s, nil
}

// URL is the address of the server, without a path.
func (s *server) URL() string { return s.url }

// Close ends the server at once, requests under way included.
func (s *server) Close() error { return s.http.Close() }

// Fail scripts the next answers, in order; what comes after them succeeds again.
func (s *server) Fail(answers ...Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, answers...)
}

// Slow makes every answer take this long.
func (s *server) Slow(latency time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = latency
}

// Hold keeps requests waiting until release is called; each still gets its answer then.
func (s *server) Hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.held = held
	return sync.OnceFunc(func() {
		s.mu.Lock()
		if s.held == held {
			s.held = nil
		}
		s.mu.Unlock()
		close(held)
	})
}

// delay waits as long as the double was told to; false when the caller has gone.
func (s *server) delay(ctx context.Context) bool {
	s.mu.Lock()
	held, latency := s.held, s.latency
	s.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return false
		}
	}
	if latency == 0 {
		return true
	}
	select {
	case <-time.After(latency):
		return true
	case <-ctx.Done():
		return false
	}
}

// failure gives the next scripted answer, if there is one.
func (s *server) failure() (Failure, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.failures) == 0 {
		return Failure{}, false
	}
	f := s.failures[0]
	s.failures = s.failures[1:]
	return f, true
}

func (f Failure) header(w http.ResponseWriter) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
	}
}

// signal tells those who wait that something arrived. The caller holds mu.
func (s *server) signal() {
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// await waits until done, which runs under mu, is true.
func (s *server) await(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		ok, arrived := done(), s.arrived
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// remember appends a message and forgets the oldest tenth when there are too many.
func remember[T any](all []T, message T) []T {
	if len(all) >= remembered {
		all = slices.Delete(all, 0, remembered/10)
	}
	return append(all, message)
}

// only gives the messages that were asked for.
func only[T any](all []T, wanted func(*T) bool) []T {
	var out []T
	for i := range all {
		if wanted(&all[i]) {
			out = append(out, all[i])
		}
	}
	return out
}
