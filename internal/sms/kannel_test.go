package sms_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"khaibao/internal/doubles"
	"khaibao/internal/sms"
	"khaibao/models"
)

const (
	password = "s3cret-of-sendsms"
	number   = "+84900000001"
	text     = "271828 la ma xac thuc cua ban"
)

func kannel(t *testing.T, c sms.KannelConfig) (*sms.Kannel, *doubles.SMSC) {
	t.Helper()
	smsc, err := doubles.NewSMSC("khaibao", password, func() time.Time { return time.Unix(0, 0) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { smsc.Close() })
	c.URL, c.Username, c.From = smsc.SendURL(), "khaibao", "KHAIBAO"
	if c.Password == "" {
		c.Password = password
	}
	k, err := sms.NewKannel(c)
	if err != nil {
		t.Fatal(err)
	}
	return k, smsc
}

// Plain letters go out as GSM-7; anything else asks for UCS-2, since Kannel would otherwise send question marks.
func TestSend(t *testing.T) {
	t.Parallel()
	k, smsc := kannel(t, sms.KannelConfig{})
	for _, text := range []string{text, "Bạn có một tin nhắn mới & 100% + 😷"} {
		if err := k.Send(t.Context(), models.Envelope{ID: "m1", To: number, Text: text, TTL: 5 * time.Minute}); err != nil {
			t.Fatal(err)
		}
	}
	want := []doubles.SMS{
		{To: number, From: "KHAIBAO", Text: text, SentAt: time.Unix(0, 0)},
		{To: number, From: "KHAIBAO", Text: "Bạn có một tin nhắn mới & 100% + 😷", SentAt: time.Unix(0, 0), UCS2: true},
	}
	if diff := cmp.Diff(want, smsc.To(number)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var got url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query()
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	k, err := sms.NewKannel(sms.KannelConfig{
		URL: server.URL + "/cgi-bin/sendsms?smsc=viettel", Username: "khaibao", Password: password, Reports: reports(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Send(t.Context(), models.Envelope{ID: "m-1", Account: "a", To: number, Text: "ạ", TTL: 5 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	at, mac, _ := strings.Cut(got.Get("dlr-url"), "&mac=")
	if at != "http://127.0.0.1:8081/channels/sms/report?account=a&id=m-1" || !strings.HasSuffix(mac, "&parts=1&state=%d") {
		t.Errorf("reports at %q", got.Get("dlr-url"))
	}
	got.Del("dlr-url")
	want := url.Values{
		"smsc": {"viettel"}, "username": {"khaibao"}, "password": {password}, "to": {number}, "text": {"ạ"},
		"coding": {"2"}, "charset": {"UTF-8"}, "validity": {"5"}, "dlr-mask": {"31"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
}

// Kannel cuts what is too long and still says accepted, so such a text is never handed over.
func TestTooLong(t *testing.T) {
	t.Parallel()
	k, smsc := kannel(t, sms.KannelConfig{MaxParts: 2})
	for _, tt := range []struct {
		text string
		ok   bool
	}{
		{strings.Repeat("a", 306), true}, {strings.Repeat("a", 307), false},
		{strings.Repeat("ạ", 134), true}, {strings.Repeat("ạ", 135), false},
	} {
		err := k.Send(t.Context(), models.Envelope{To: number, Text: tt.text})
		var failure *models.SendError
		if tt.ok && err != nil {
			t.Errorf("%d bytes: %v", len(tt.text), err)
		}
		if !tt.ok && (!errors.As(err, &failure) || failure.Reason != "too_long" || failure.Retry) {
			t.Errorf("%d bytes: got %v, want too_long", len(tt.text), err)
		}
	}
	if n := smsc.Tries(); n != 2 {
		t.Errorf("got %d requests, want 2", n)
	}
}

// Each answer says what the outbox can do; no error repeats the number, the text or the password.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer doubles.Failure
		want   models.SendError
	}{
		{"bad request", doubles.Failure{Status: 400}, models.SendError{Reason: "rejected"}},
		{"not ours", doubles.Failure{Status: 403}, models.SendError{Reason: "credentials", Retry: true}},
		{"another page", doubles.Failure{Status: 302}, models.SendError{Reason: "rejected"}},
		{"no such page", doubles.Failure{Status: 404}, models.SendError{Reason: "rejected"}},
		{"too fast", doubles.Failure{Status: 429, RetryAfter: 9 * time.Second}, models.SendError{Reason: "throttled", Retry: true, After: 9 * time.Second}},
		{"broken", doubles.Failure{Status: 500}, models.SendError{Reason: "unavailable", Retry: true}},
		{"no bearerbox", doubles.Failure{Status: 503, RetryAfter: 48 * time.Hour}, models.SendError{Reason: "unavailable", Retry: true, After: time.Hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, smsc := kannel(t, sms.KannelConfig{})
			smsc.Fail(tt.answer)
			check(t, k.Send(t.Context(), models.Envelope{ID: "m1", To: number, Text: text}), tt.want)
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		t.Parallel()
		k, _ := kannel(t, sms.KannelConfig{Password: password + "?"})
		check(t, k.Send(t.Context(), models.Envelope{To: number, Text: text}), models.SendError{Reason: "credentials", Retry: true})
	})
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		k, smsc := kannel(t, sms.KannelConfig{})
		smsc.Close()
		check(t, k.Send(t.Context(), models.Envelope{To: number, Text: text}), models.SendError{Reason: "unavailable", Retry: true})
	})
	t.Run("given up", func(t *testing.T) {
		t.Parallel()
		k, _ := kannel(t, sms.KannelConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		check(t, k.Send(ctx, models.Envelope{To: number, Text: text}), models.SendError{Reason: "unavailable", Retry: true})
	})
}

func check(t *testing.T, err error, want models.SendError) {
	t.Helper()
	var got *models.SendError
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want a SendError", err)
	}
	if diff := cmp.Diff(&want, got, cmpopts.IgnoreFields(models.SendError{}, "Cause")); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"84900000001", "271828", password, "sendsms"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []sms.KannelConfig{
		{}, {URL: "127.0.0.1:13013"}, {URL: "ftp://127.0.0.1/" + password}, {URL: "http://%zz/" + password},
	} {
		if _, err := sms.NewKannel(c); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%q: got %v, want an error without the address", c.URL, err)
		}
	}
}
