// Package fcm sends pushes through Firebase Cloud Messaging. It has Google's SDK to itself, so that what only needs a sender
// does not carry the SDK along.
package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/errorutils"
	"firebase.google.com/go/v4/messaging"
	"google.golang.org/api/option"
	transport "google.golang.org/api/transport/http"

	"khaibao/models"
)

// Config says which Firebase project to send through.
type Config struct {
	// Project is the project's id; by default the one that the credentials name.
	Project string
	// Credentials is the JSON of a service account that may send messages.
	Credentials []byte
	// Endpoint sends to another server, such as "http://127.0.0.1:8082/v1", which needs no credentials; for tests and the demo.
	Endpoint string
	// Real is real time; time.Now by default.
	Real func() time.Time
}

// Sender sends pushes through the HTTP v1 API. It is safe for concurrent use.
type Sender struct {
	client *messaging.Client
	now    func() time.Time
}

const (
	messagingScope = "https://www.googleapis.com/auth/firebase.messaging"
	// connections are kept open between sends; the default transport would open one for nearly every send.
	connections = 768
)

// New gives a ready sender. It talks to nobody yet; credentials that cannot be read are an error, which does not
// repeat them.
func New(ctx context.Context, c Config) (*Sender, error) {
	if c.Project == "" {
		var named struct {
			Project string `json:"project_id"`
		}
		if err := json.Unmarshal(c.Credentials, &named); err != nil || named.Project == "" {
			return nil, errors.New("firebase: no project id is set and the credentials name none")
		}
		c.Project = named.Project
	}
	if c.Real == nil {
		c.Real = time.Now
	}
	options, err := c.options(ctx)
	if err != nil {
		return nil, err
	}
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: c.Project}, options...)
	if err != nil {
		return nil, fmt.Errorf("firebase: %w", err)
	}
	client, err := app.Messaging(ctx)
	if err != nil {
		return nil, fmt.Errorf("firebase: %w", err)
	}
	return &Sender{client, c.Real}, nil
}

func (c *Config) options(ctx context.Context) ([]option.ClientOption, error) {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConns, base.MaxIdleConnsPerHost = connections, connections
	var signed http.RoundTripper = base
	switch {
	case len(c.Credentials) > 0:
		var err error
		signed, err = transport.NewTransport(ctx, base, option.WithCredentialsJSON(c.Credentials), option.WithScopes(messagingScope))
		if err != nil {
			return nil, errors.New("firebase: the credentials are not those of a service account")
		}
	case c.Endpoint == "":
		return nil, errors.New("firebase: no credentials")
	}
	options := []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: oneTry{signed}})}
	if c.Endpoint != "" {
		options = append(options, option.WithEndpoint(c.Endpoint))
	}
	return options, nil
}

// oneTry keeps the SDK from waiting and trying again by itself, which it does on 503 and on network errors for seconds
// to minutes while it holds one of our slots: the outbox tries again, and other messages go on meanwhile. It answers
// 500 for a 503, everything else of the answer intact, 504 where no answer came, and 502 where something in between gave one.
type oneTry struct{ next http.RoundTripper }

// RoundTrip makes the one try.
func (t oneTry) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	switch {
	case err != nil && request.Context().Err() == nil:
		return &http.Response{
			Status: "504 no answer", StatusCode: http.StatusGatewayTimeout, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: http.NoBody, Request: request,
		}, nil
	case err == nil && response.StatusCode == http.StatusServiceUnavailable:
		response.Status, response.StatusCode = "500 unavailable", http.StatusInternalServerError
	case err == nil && response.StatusCode < 400 && !strings.HasPrefix(response.Header.Get("Content-Type"), "application/json"):
		response.Status, response.StatusCode = "502 somebody else answered", http.StatusBadGateway
	}
	return response, err
}

// Send hands one push to Firebase. The error is a *models.SendError: see its reasons in sendError.
func (s *Sender) Send(ctx context.Context, e models.Envelope) error {
	message := s.message(e)
	if tooLong(message) {
		return &models.SendError{Reason: "too_long"}
	}
	if _, err := s.client.Send(ctx, message); err != nil {
		return sendError(err, s.now())
	}
	return nil
}

// payloadLimit is Firebase's limit on notification and data together, in bytes. The SDK does not check it.
const payloadLimit = 4096

func tooLong(m *messaging.Message) bool {
	payload, err := json.Marshal(struct {
		Notification *messaging.Notification
		Data         map[string]string
	}{m.Notification, m.Data})
	return err != nil || len(payload) > payloadLimit
}

// maxTTL is the longest that Firebase keeps a message.
const maxTTL = 28 * 24 * time.Hour

func (s *Sender) message(e models.Envelope) *messaging.Message {
	ttl := min(max(e.TTL, 0), maxTTL).Truncate(time.Second)
	android, apple, web := "normal", "5", "normal"
	if e.Urgent {
		android, apple, web = "high", "10", "high"
	}
	return &messaging.Message{
		Token:        e.To,
		Data:         e.Data,
		Notification: &messaging.Notification{Title: e.Title, Body: e.Text},
		Android: &messaging.AndroidConfig{
			CollapseKey: e.CollapseKey, Priority: android, TTL: &ttl,
			Notification: &messaging.AndroidNotification{Tag: e.CollapseKey},
		},
		APNS: &messaging.APNSConfig{
			Headers: map[string]string{
				"apns-collapse-id": e.CollapseKey, "apns-priority": apple,
				"apns-expiration": strconv.FormatInt(s.now().Add(ttl).Unix(), 10),
			},
			Payload: &messaging.APNSPayload{Aps: &messaging.Aps{Sound: "default"}},
		},
		Webpush: &messaging.WebpushConfig{
			Headers:      map[string]string{"TTL": strconv.Itoa(int(ttl / time.Second)), "Urgency": web, "Topic": e.CollapseKey},
			Notification: &messaging.WebpushNotification{Tag: e.CollapseKey},
		},
	}
}

// quotaWait is what Google asks for where a 429 says nothing itself.
const quotaWait = time.Minute

// sendError says what the outbox can do about an answer of Firebase. The cause holds the status alone: what the other
// side wrote could repeat a token.
func sendError(err error, now time.Time) *models.SendError {
	response := errorutils.HTTPResponse(err)
	if response == nil { // no answer in time, or none that could be read
		var network net.Error
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.As(err, &network) || errorutils.IsUnknown(err) {
			return &models.SendError{Reason: "unavailable", Retry: true}
		}
		return &models.SendError{Reason: "rejected"} // refused by the SDK before sending
	}
	status := response.StatusCode
	out := &models.SendError{Reason: "rejected", Cause: fmt.Errorf("firebase answered %d", status)}
	switch {
	case messaging.IsUnregistered(err):
		out.Reason, out.Drop = "unregistered", true
	case messaging.IsSenderIDMismatch(err):
		out.Reason, out.Drop = "sender_mismatch", true
	case messaging.IsThirdPartyAuthError(err):
		out.Reason = "apns_credentials"
	case messaging.IsQuotaExceeded(err) || status == http.StatusTooManyRequests:
		out.Reason, out.Retry, out.After = "throttled", true, quotaWait
		if response.Header.Get("Retry-After") != "" {
			out.After = retryAfter(response, now)
		}
	case status >= 500:
		out.Reason, out.Retry, out.After = "unavailable", true, retryAfter(response, now)
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound:
		out.Reason, out.Retry = "credentials", true // or the project; ours, not the message's: it may be put right in time
	}
	return out
}

// retryAfter reads the header in either of its forms; 0 when it says nothing.
func retryAfter(response *http.Response, now time.Time) time.Duration {
	value := response.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 24); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
