package doubles

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// LeanFCM accepts every push to Firebase Cloud Messaging after a fixed latency and keeps none of it. It speaks just enough
// HTTP/1.1 for the Firebase SDK, without net/http, for measurements in which it runs on the same processors as what is
// measured. It is safe for concurrent use.
type LeanFCM struct {
	listener net.Listener
	latency  time.Duration
	accepted func(token []byte)
	count    atomic.Int64

	mu          sync.Mutex
	connections map[net.Conn]bool
	closed      bool
}

// NewLeanFCM starts the double; accepted hears of each push, many at once. Close ends it.
func NewLeanFCM(latency time.Duration, accepted func(token []byte)) (*LeanFCM, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &LeanFCM{listener: listener, latency: latency, accepted: accepted, connections: map[net.Conn]bool{}}
	go f.listen()
	return f, nil
}

// Endpoint is what the Firebase SDK takes as its endpoint.
func (f *LeanFCM) Endpoint() string { return "http://" + f.listener.Addr().String() + "/v1" }

// Accepted is how many pushes came in.
func (f *LeanFCM) Accepted() int64 { return f.count.Load() }

// Close ends the double at once.
func (f *LeanFCM) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.connections {
		c.Close()
	}
	return f.listener.Close()
}

func (f *LeanFCM) listen() {
	for {
		c, err := f.listener.Accept()
		if err != nil {
			return // closed
		}
		f.mu.Lock()
		if f.closed {
			c.Close()
		} else {
			f.connections[c] = true
			go f.serve(c)
		}
		f.mu.Unlock()
	}
}

var leanAnswer = []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n" + `{"name":"projects/p/m/1"}` + "\n")

func (f *LeanFCM) serve(c net.Conn) {
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.connections, c)
		c.Close()
	}()
	in := bufio.NewReader(c)
	var body []byte
	for {
		length, err := head(in)
		if err != nil {
			return
		}
		if cap(body) < length {
			body = make([]byte, length)
		}
		body = body[:length]
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		token := tokenOf(body)
		if token == nil {
			fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			return
		}
		time.Sleep(f.latency)
		f.count.Add(1)
		f.accepted(token)
		if _, err := c.Write(leanAnswer); err != nil {
			return
		}
	}
}

// head reads a request up to its body and gives the body's length.
func head(in *bufio.Reader) (length int, err error) {
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if first && (!bytes.HasPrefix(line, []byte("POST ")) || !bytes.Contains(line, []byte("/messages:send "))) {
			return 0, errors.New("doubles: not a push")
		}
		name, value, _ := strings.Cut(string(line), ":")
		switch {
		case len(bytes.TrimRight(line, "\r\n")) == 0:
			return length, nil
		case strings.EqualFold(name, "Content-Length"):
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil || length < 0 || length > fcmBodyLimit {
				return 0, errors.New("doubles: a body of no good length")
			}
		}
	}
}

// tokenOf finds the token in the body of a push; nil when there is none.
func tokenOf(body []byte) []byte {
	_, rest, found := bytes.Cut(body, []byte(`"token":"`))
	token, _, ended := bytes.Cut(rest, []byte(`"`))
	if !found || !ended || len(token) == 0 {
		return nil
	}
	return token
}
