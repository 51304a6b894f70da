package doubles

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"khaibao/models"
)

// Push is one message that the FCM double accepted.
type Push struct {
	Token  string            `json:"token"`
	Title  string            `json:"title"`
	Body   string            `json:"body"`
	Data   map[string]string `json:"data"`
	SentAt time.Time         `json:"sent_at"`
	Raw    []byte            `json:"-"` // the request's body as it came; of Send the envelope as JSON
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
	m := request.Message
	n, failure := f.keep(Push{m.Token, m.Notification.Title, m.Notification.Body, m.Data, f.now(), raw})
	if failure != nil {
		failFCM(w, *failure)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"name":"projects/%s/messages/%d"}`, project, n)
}

// keep remembers a push and tells how many there are, unless its token is refused.
func (f *FCM) keep(p Push) (n int, refused *Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.signal()
	if failure, ok := f.refused[p.Token]; ok {
		return 0, &failure
	}
	f.pushes = remember(f.pushes, p)
	return len(f.pushes), nil
}

// Send takes a push without a wire, which makes the double a push.Sender: for tests of what stands around one. It fails as
// the double was told to, with the error that push/fcm makes of such an answer.
func (f *FCM) Send(ctx context.Context, e models.Envelope) error {
	f.count()
	if !f.delay(ctx) {
		return &models.SendError{Reason: "unavailable", Retry: true}
	}
	if failure, failing := f.failure(); failing {
		return failure.sendError()
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, refused := f.keep(Push{e.To, e.Title, e.Text, e.Data, f.now(), raw}); refused != nil {
		return refused.sendError()
	}
	return nil
}

// sendError is the answer as a sender tells it. Tests of push/fcm hold it against the real one.
func (f Failure) sendError() *models.SendError {
	switch {
	case f.Code == "UNREGISTERED":
		return &models.SendError{Reason: "unregistered", Drop: true}
	case f.Code == "SENDER_ID_MISMATCH":
		return &models.SendError{Reason: "sender_mismatch", Drop: true}
	case f.Code == "THIRD_PARTY_AUTH_ERROR":
		return &models.SendError{Reason: "apns_credentials"}
	case f.Status == http.StatusTooManyRequests:
		return &models.SendError{Reason: "throttled", Retry: true, After: cmp.Or(f.RetryAfter, time.Minute)}
	case f.Status == 0 || f.Status == http.StatusOK:
		return &models.SendError{Reason: "unavailable", Retry: true}
	case f.Status >= 500:
		return &models.SendError{Reason: "unavailable", Retry: true, After: f.RetryAfter}
	case f.Status != http.StatusBadRequest:
		return &models.SendError{Reason: "credentials", Retry: true}
	}
	return &models.SendError{Reason: "rejected"}
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
