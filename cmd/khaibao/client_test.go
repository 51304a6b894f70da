package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"khaibao/internal/store/storetest"
)

// client talks to a server as an app does.
type client struct {
	*testing.T
	url  string
	http *http.Client
}

func newClient(t *testing.T, base string) *client {
	transport := &http.Transport{MaxIdleConnsPerHost: 256, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t, base, &http.Client{Transport: transport, Timeout: time.Minute}}
}

// try sends a request as JSON. The error is that no whole answer came.
func (c *client) try(method, path, token string, body any, headers ...string) (reply, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return reply{}, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(c.Context(), method, c.url+path, content)
	if err != nil {
		return reply{}, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, text}, err
}

// want sends a request and fails the test for any other status.
func (c *client) want(status int, method, path, token string, body any, headers ...string) reply {
	c.Helper()
	r, err := c.try(method, path, token, body, headers...)
	if err != nil {
		c.Fatal(err)
	}
	if r.status != status {
		c.Fatalf("%s %s: %d, want %d: %s", method, path, r.status, status, r.body)
	}
	return r
}

// eventually waits for something that a worker does; it fails after a time that only a hanging worker needs.
func (c *client) eventually(what string, happened func() bool) {
	c.Helper()
	for end := time.Now().Add(storetest.Patience(c.T)); !happened(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			c.Fatalf("never: %s", what)
		}
	}
}

// pair is what a sign-in gives.
type pair struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// received gives what a number got in a demo.
func (c *client) received(phone, channel string) []received {
	c.Helper()
	var all struct {
		Items []received `json:"items"`
	}
	c.want(http.StatusOK, "GET", "/demo/messages?to="+url.QueryEscape(phone), "", nil).into(c.T, &all)
	var out []received
	for _, m := range all.Items {
		if m.Channel == channel {
			out = append(out, m)
		}
	}
	return out
}

// signIn signs a number in at a demo and gives the code that it took.
func (c *client) signIn(phone string) (signedIn pair, code string) {
	c.Helper()
	before := len(c.received(phone, "sms"))
	var asked struct {
		ID string `json:"request_id"`
	}
	c.want(http.StatusAccepted, "POST", "/v1/auth/otp", "", map[string]any{"phone": phone}).into(c.T, &asked)
	c.eventually("the code arrives", func() bool {
		got := c.received(phone, "sms")
		if len(got) == before {
			return false
		}
		code = sixDigits.FindString(got[len(got)-1].Text)
		return true
	})
	c.want(http.StatusOK, "POST", "/v1/auth/otp/verify", "", map[string]any{"request_id": asked.ID, "code": code}).into(c.T, &signedIn)
	return signedIn, code
}

// authenticator makes an official's TOTP codes, none twice.
type authenticator struct {
	mu   sync.Mutex
	last int64 // the 30 s step whose code was given last
}

// code gives the code of this step or, when that was given already, of the next, which a server takes as well.
func (a *authenticator) code(t *testing.T, secret string) string {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = max(a.last+1, time.Now().Unix()/30)
	code, err := hotp.GenerateCodeCustom(secret, uint64(a.last), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// login signs an official in.
func (c *client) login(o demoOfficial, a *authenticator) pair {
	c.Helper()
	var signedIn pair
	c.want(http.StatusOK, "POST", "/v1/official/login", "", map[string]any{
		"login": o.Login, "password": o.Password, "totp": a.code(c.T, o.TOTPSecret),
	}).into(c.T, &signedIn)
	return signedIn
}

// caseItem is a case in the officials' list.
type caseItem struct {
	ID     string `json:"id"`
	Level  string `json:"level"`
	Person struct{ Name, Phone string }
	Area   struct{ Commune string }
	Factor []string `json:"factors"`
}

// cases gives every case of a query, page by page.
func (c *client) cases(token string, query url.Values) []caseItem {
	c.Helper()
	var out []caseItem
	query.Set("limit", "200")
	for {
		var page struct {
			Items []caseItem `json:"items"`
			Next  string     `json:"next_cursor"`
		}
		c.want(http.StatusOK, "GET", "/v1/cases?"+query.Encode(), token, nil).into(c.T, &page)
		out = append(out, page.Items...)
		if page.Next == "" {
			return out
		}
		query.Set("cursor", page.Next)
	}
}

// statsOf gives the counters of a program in an official's area, by day, form, channel and level.
func (c *client) statsOf(token, program string) map[string]int64 {
	c.Helper()
	var got struct {
		Items []struct {
			Day, Form, Channel, Level string
			Count                     int64
		} `json:"items"`
	}
	from := time.Now().AddDate(0, 0, -60).Format(time.DateOnly)
	to := time.Now().AddDate(0, 0, 60).Format(time.DateOnly)
	c.want(http.StatusOK, "GET", "/v1/stats/declarations?program="+program+"&from="+from+"&to="+to, token, nil).into(c.T, &got)
	out := map[string]int64{}
	for _, n := range got.Items {
		if n.Count != 0 {
			out[strings.Join([]string{program, n.Day, n.Form, n.Channel, n.Level}, " ")] += n.Count
		}
	}
	return out
}
