package main

import (
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// household is somebody signed in who can declare.
type household struct{ token, person string }

// enrol signs a number in, with a phone and a person in Bắc Sơn.
func (s *server) enrol(n int) household {
	s.Helper()
	me := s.signIn(phoneOf(n))
	s.want(http.StatusOK, "PUT", "/v1/devices/phone", me.Access, map[string]any{"token": "token-of-" + phoneOf(n), "platform": "ios", "locale": "en"})
	return household{me.Access, s.addParent(me.Access)}
}

// TestTwoProcesses lets two servers share one MongoDB database and kills the one that does the work behind the requests.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	slow(t)
	d := deploy(t, mongoDatabase(t))
	official := d.appoint("national", "national_manager", "VN")
	first := d.serve()
	h := first.enrol(1)
	second := d.serve()
	const each = 60
	declare := func(servers ...*server) {
		var all sync.WaitGroup
		for range each {
			for _, s := range servers {
				all.Go(func() {
					if got, err := s.try("POST", "/v1/declarations", h.token, rehearsed(t, h.person)); err != nil || got.status != http.StatusCreated {
						t.Errorf("declaring: %d %s (%v)", got.status, got.body, err)
					}
				})
			}
		}
		all.Wait()
	}
	told := func(n int) func() bool { return func() bool { return len(d.fcm.All()) >= n } }

	declare(first, second)
	second.eventually("everybody is told by whichever works", told(2*each))
	second.eventually("and that is written down", func() bool { return d.unsent() == 0 })
	first.kill()
	declare(second)
	second.eventually("the other takes the work over", told(3*each))

	token := second.login(official, &authenticator{}).Access
	var counted map[string]int64
	second.eventually("everything is counted", func() bool {
		counted = second.statsOf(token, rehearsal)
		return total(counted) >= 3*each
	})
	if list := second.cases(token, url.Values{}); len(list) != 1 || list[0].Level != "high" {
		t.Errorf("the list shows %+v, want the one person's case", list)
	}
	if err := second.stop(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if got := d.declarations(); !maps.Equal(got, counted) {
		t.Errorf("the counters say %v, a recount %v", counted, got)
	}
	times := map[string]int{}
	for _, p := range d.fcm.All() {
		if times[p.Data["message_id"]]++; times[p.Data["message_id"]] > 1 {
			t.Errorf("message %s came again although nothing was in flight at the kill", p.Data["message_id"])
		}
	}
}

// TestDeadStore takes the store away from a running server. It says so, acknowledges nothing, and goes on by itself.
func TestDeadStore(t *testing.T) {
	t.Parallel()
	slow(t)
	address, line := throughLine(t, mongoDatabase(t))
	d := deploy(t, address)
	s := d.serve()
	h := s.enrol(2)
	s.want(http.StatusCreated, "POST", "/v1/declarations", h.token, rehearsed(t, h.person))
	s.eventually("the push arrives", func() bool { return len(d.fcm.All()) == 1 })

	line.cut()
	s.eventually("the server says that the store is gone", func() bool {
		got, err := s.operations.try("GET", "/readyz", "", nil)
		return err == nil && got.status == http.StatusServiceUnavailable && got.header.Get("Retry-After") != "" && strings.Contains(string(got.body), `"store":"down"`)
	})
	s.operations.want(http.StatusOK, "GET", "/healthz", "", nil)
	lost := rehearsed(t, h.person)
	for _, request := range []struct {
		method, path string
		body         any
	}{{"POST", "/v1/declarations", lost}, {"GET", "/v1/people", nil}, {"POST", "/v1/auth/otp", map[string]any{"phone": phoneOf(3)}}, {"GET", "/v1/messages", nil}} {
		got := s.want(http.StatusServiceUnavailable, request.method, request.path, h.token, request.body)
		if got.header.Get("Retry-After") == "" || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: 503 with %v, want Retry-After and a problem document", request.method, request.path, got.header)
		}
	}
	s.want(http.StatusOK, "GET", "/v1/programs", "", nil) // what needs no store goes on

	line.mend()
	s.eventually("the server is ready again", func() bool {
		got, err := s.operations.try("GET", "/readyz", "", nil)
		return err == nil && got.status == http.StatusOK
	})
	s.want(http.StatusNotFound, "GET", "/v1/declarations/"+lost["id"].(string), h.token, nil)
	s.want(http.StatusCreated, "POST", "/v1/declarations", h.token, lost)
	s.eventually("the push of what came afterwards arrives", func() bool { return len(d.fcm.All()) == 2 })
	if err := s.stop(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if got := total(d.declarations()); got != 2 {
		t.Errorf("%d declarations are stored, want the two that were acknowledged", got)
	}
}

// line is a connection between a server and its store that can be cut.
type line struct {
	t        *testing.T
	at, to   string
	mu       sync.Mutex
	listener net.Listener
	open     map[net.Conn]bool // nil while the line is cut
}

// throughLine gives the address of a store by way of a line.
func throughLine(t *testing.T, address string) (string, *line) {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l := &line{t: t, at: "127.0.0.1:0", to: parsed.Host}
	l.mend()
	t.Cleanup(l.cut)
	parsed.Host = l.at
	parsed.RawQuery = "directConnection=true"
	return parsed.String(), l
}

// mend listens, at the same address each time.
func (l *line) mend() {
	l.t.Helper()
	listener, err := net.Listen("tcp", l.at)
	if err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	l.at, l.listener, l.open = listener.Addr().String(), listener, map[net.Conn]bool{}
	l.mu.Unlock()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.join(conn)
		}
	}()
}

// join carries one connection until either side ends.
func (l *line) join(near net.Conn) {
	far, err := net.DialTimeout("tcp", l.to, 5*time.Second)
	if err != nil {
		near.Close()
		return
	}
	l.mu.Lock()
	if l.open == nil {
		near.Close()
		far.Close()
	} else {
		l.open[near], l.open[far] = true, true
	}
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(near, far); near.Close() })
	both.Go(func() { _, _ = io.Copy(far, near); far.Close() })
	both.Wait()
}

// cut ends every connection and takes no more.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listener.Close()
	for conn := range l.open {
		conn.Close()
	}
	l.open = nil
}
