// Package sms carries messages over mobile networks. Kannel, the gateway, is spoken to over its sendsms interface.
package sms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"khaibao/internal/gsm"
	"khaibao/models"
)

// KannelConfig says where Kannel is and as whom to send.
type KannelConfig struct {
	URL      string // of sendsms, such as http://127.0.0.1:13013/cgi-bin/sendsms
	Username string
	Password string
	From     string // number or brand name that people see as the sender; empty: the gateway's own
	// Reports makes the addresses at which Kannel says what became of a message; nil: no reports are asked for.
	Reports *Reports
	// MaxParts is how many parts a text may take; 3 by default. It must not be above the gateway's own max-messages,
	// which cuts silently.
	MaxParts int
	// Client makes the requests; one with a timeout of 10 seconds by default.
	Client *http.Client
}

// Kannel sends SMS through a Kannel gateway. It is safe for concurrent use.
type Kannel struct {
	config KannelConfig
	target url.URL
}

const (
	defaultParts   = 3
	defaultTimeout = 10 * time.Second
	connections    = 64
	answerLimit    = 4096
)

// NewKannel gives a ready sender; a URL that is not an absolute http(s) URL is an error, which never shows the password.
func NewKannel(c KannelConfig) (*Kannel, error) {
	target, err := url.Parse(c.URL)
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return nil, errors.New("the address of sendsms is not an http(s) URL")
	}
	if c.MaxParts == 0 {
		c.MaxParts = defaultParts
	}
	if c.Client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = connections
		c.Client = &http.Client{
			Timeout: defaultTimeout, Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // nobody else learns the password
		}
	}
	return &Kannel{c, *target}, nil
}

// Send hands one SMS to the gateway and returns when that has accepted it. The error is a *models.SendError: too_long
// before anything is sent (a text is never cut) and rejected when trying again makes no sense, credentials, throttled and
// unavailable when it does.
func (k *Kannel) Send(ctx context.Context, e models.Envelope) error {
	size := gsm.Measure(e.Text)
	if size.Parts > k.config.MaxParts {
		return &models.SendError{Reason: "too_long"}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.address(e, size), nil)
	if err != nil {
		return &models.SendError{Reason: "rejected", Cause: errors.New("making the request")} // err holds the address
	}
	response, err := k.config.Client.Do(request)
	if err != nil {
		return &models.SendError{Reason: "unavailable", Retry: true, Cause: withoutAddress(err)}
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, answerLimit)) // so that the connection can be used again
	return judge(response)
}

// address is the whole request: sendsms takes its parameters in the query.
func (k *Kannel) address(e models.Envelope, size gsm.Size) string {
	q := k.target.Query()
	q.Set("username", k.config.Username)
	q.Set("password", k.config.Password)
	q.Set("to", e.To)
	q.Set("text", e.Text)
	if k.config.From != "" {
		q.Set("from", k.config.From)
	}
	if size.UCS2 {
		q.Set("coding", "2")
		q.Set("charset", "UTF-8")
	}
	if minutes := int(e.TTL / time.Minute); minutes > 0 {
		q.Set("validity", strconv.Itoa(minutes))
	}
	if k.config.Reports != nil {
		q.Set("dlr-mask", "31")
		q.Set("dlr-url", k.config.Reports.address(e, size.Parts))
	}
	target := k.target
	target.RawQuery = q.Encode()
	return target.String()
}

// judge turns Kannel's status into what the outbox can do about it.
func judge(response *http.Response) error {
	status := response.StatusCode
	cause := fmt.Errorf("gateway answered %d", status)
	switch {
	case status == http.StatusAccepted || status == http.StatusOK:
		return nil
	case status == http.StatusTooManyRequests:
		return &models.SendError{Reason: "throttled", Retry: true, After: retryAfter(response), Cause: cause}
	case status >= 500:
		return &models.SendError{Reason: "unavailable", Retry: true, After: retryAfter(response), Cause: cause}
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return &models.SendError{Reason: "credentials", Retry: true, Cause: cause} // wrong until an operator puts it right
	default:
		return &models.SendError{Reason: "rejected", Cause: cause}
	}
}

// longestWait bounds what a gateway may ask for, so that a slip of it cannot silence us.
const longestWait = time.Hour

func retryAfter(response *http.Response) time.Duration {
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, int(longestWait/time.Second))) * time.Second
}

// withoutAddress drops the URL from a client's error: it holds the password, the number and the text.
func withoutAddress(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return errors.New("request failed")
}
