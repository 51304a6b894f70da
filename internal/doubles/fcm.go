package doubles

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Push is one message that the FCM double accepted.
type Push struct {
	Token  string            `json:"token"`
	Title  string            `json:"title"`
	Body   string            `json:"body"`
	Data   map[string]string `json:"data"`
	SentAt time.Time         `json:"sent_at"`
	Raw    []byte            `json:"-"` // the request's body as it came
}

// FCM speaks POST /v1/projects/{project}/messages:send of Firebase Cloud Messaging. It is safe for concurrent use.
type FCM struct {
	*server
	pushes  []Push
	tries   int
	refused map[string]Failure
}

// NewFCM starts the double; now gives the time of what it receives, real time when nil. Close ends it.
func NewFCM(now func() time.Time) (*FCM, error) {
	f := &FCM{refused: map[string]Failure{}}
	var err error
	f.server, err = start(now, f.Handler())
	return f, err
}

// Endpoint is what the Firebase SDK takes as its endpoint.
func (f *FCM) Endpoint() string { return f.url + "/v1" }

// Handler serves the double's one path.
func (f *FCM) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/projects/{project}/{method}", f.send)
	return mux
}

type fcmRequest struct {
	Message struct {
		Token        string            `json:"token"`
		Data         map[string]string `json:"data"`
		Notification struct {
			Title string `json:"title"`
			Body  string `json:"body"`
		} `json:"notification"`
	} `json:"message"`
}

const fcmBodyLimit = 1 << 16

func (f *FCM) send(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("method") != "messages:send" {
		http.NotFound(w, r)
		return
	}
	var raw json.RawMessage
	var request fcmRequest
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, fcmBodyLimit)).Decode(&raw)
	if err == nil {
		err = json.Unmarshal(raw, &request)
	}
	f.count()
	if !f.delay(r.Context()) {
		return
	}
	failure, failing := f.failure()
	switch {
	case failing:
		failFCM(w, failure)
	case err != nil || request.Message.Token == "":
		failFCM(w, Failure{Status: http.StatusBadRequest, Code: "INVALID_ARGUMENT"})
	default:
		f.accept(w, r.PathValue("project"), request, raw)
	}
}

func (f *FCM) accept(w http.ResponseWriter, project string, request fcmRequest, raw []byte) {
	f.mu.Lock()
	m := request.Message
	failure, refused := f.refused[m.Token]
	if !refused {
		f.pushes = remember(f.pushes, Push{m.Token, m.Notification.Title, m.Notification.Body, m.Data, f.now(), raw})
	}
	n := len(f.pushes)
	f.signal()
	f.mu.Unlock()
	if refused {
		failFCM(w, failure)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"name":"projects/%s/messages/%d"}`, project, n)
}

// statusWords are Google's canonical names of the HTTP statuses that FCM answers.
var statusWords = map[int]string{
	400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
	429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
}

func failFCM(w http.ResponseWriter, f Failure) {
	switch f.Status {
	case 0:
		panic(http.ErrAbortHandler)
	case http.StatusOK: // what a proxy in between might say
		io.WriteString(w, "<html>")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	f.header(w)
	w.WriteHeader(f.Status)
	problem := map[string]any{"code": f.Status, "status": statusWords[f.Status], "message": "scripted failure"}
	if f.Code != "" {
		problem["details"] = []map[string]string{{
			"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": f.Code,
		}}
	}
	json.NewEncoder(w).Encode(map[string]any{"error": problem})
}

// Unregister answers every later push to the token as FCM does when the app was removed from the phone.
func (f *FCM) Unregister(token string) {
	f.Refuse(token, Failure{Status: http.StatusNotFound, Code: "UNREGISTERED"})
}

// Refuse answers every later push to the token with a failure.
func (f *FCM) Refuse(token string, failure Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused[token] = failure
}

func (f *FCM) count() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	f.signal()
}

// Tries is how many requests came in, failed ones included.
func (f *FCM) Tries() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tries
}

// AwaitTries waits until at least n requests came in.
func (f *FCM) AwaitTries(ctx context.Context, n int) error {
	return f.await(ctx, func() bool { return f.tries >= n })
}

// Await waits until at least n pushes were accepted and gives all of them.
func (f *FCM) Await(ctx context.Context, n int) ([]Push, error) {
	err := f.await(ctx, func() bool { return len(f.pushes) >= n })
	return f.All(), err
}

// All gives the accepted pushes, oldest first.
func (f *FCM) All() []Push {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.pushes)
}

// To gives those that a token received, oldest first.
func (f *FCM) To(token string) []Push {
	f.mu.Lock()
	defer f.mu.Unlock()
	return only(f.pushes, func(p *Push) bool { return p.Token == token })
}
