package sms_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/sms"
	"khaibao/models"
)

func TestReadInbound(t *testing.T) {
	t.Parallel()
	const form, plain = "application/x-www-form-urlencoded", "text/plain"
	utf16 := "\x1e\xd1\x00t" // "ốt"
	for _, tt := range []struct {
		name, query, kind, body string
		want                    string
	}{
		{"get-url", "from=%2B84900000001&text=KB%2013&id=i&coding=0&charset=UTF-8", "", "", "KB 13"},
		{"diacritics, recoded", "from=84900000001&text=S%E1%BB%91t&id=i&coding=0&charset=UTF-8", "", "", "Sốt"},
		{"UTF-16, not recoded", "from=1&id=i&coding=2&charset=UTF-16BE&text=" + url.QueryEscape(utf16), "", "", "ốt"},
		{"UTF-16 by the coding alone", "from=1&id=i&coding=2&text=" + url.QueryEscape(utf16), "", "", "ốt"},
		{"half a UTF-16 character", "from=1&id=i&coding=2&text=%1e%d1%00", "", "", "ố\uFFFD"},
		{"Latin 1", "from=1&id=i&charset=ISO-8859-1&text=%e0%e9", "", "", "àé"},
		{"a character set nobody knows", "from=1&id=i&charset=KLINGON&text=a%ff", "", "", "a\uFFFD"},
		{"not UTF-8", "from=1&id=i&text=a%ff%feb", "", "", "a\uFFFDb"},
		{"a broken escape", "from=1&id=i&text=%zz", "", "", ""},
		{"nothing written", "from=1&id=i", "", "", ""},
		{"post-url", "from=1&id=i", plain + "; charset=UTF-8", "KB 1", "KB 1"},
		{"post-url in UTF-16", "from=1&id=i", plain + "; charset=UTF-16BE", utf16, "ốt"},
		{"a form", "", form, "from=1&id=i&text=KB+1", "KB 1"},
		{"a form beside a query", "secret=s&id=i", form, "from=1&text=KB%0A1", "KB\n1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			query, _ := url.ParseQuery(tt.query)
			in, err := sms.ReadInbound(query, http.Header{"Content-Type": {tt.kind}}, []byte(tt.body))
			if err != nil || in.Text != tt.want || in.ID != "i" || in.Phone == "" || in.Channel != models.ChannelSMS {
				t.Errorf("got %+v, %v; want %q", in, err, tt.want)
			}
		})
	}
}

// What is missing is named; the number may stand in Kannel's header.
func TestReadInboundNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := sms.ReadInbound(url.Values{"text": {"bí mật"}}, nil, nil)
	var e *models.Error
	if !errors.As(err, &e) || e.Kind != models.Malformed {
		t.Fatalf("got %v, want malformed", err)
	}
	if diff := cmp.Diff([]models.FieldError{{Field: "from", Code: "required"}, {Field: "id", Code: "required"}}, e.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if strings.Contains(err.Error(), "bí mật") {
		t.Errorf("the error repeats the text: %v", err)
	}
	in, err := sms.ReadInbound(url.Values{"id": {"i"}}, http.Header{"X-Kannel-From": {"84900000001"}}, []byte("KB"))
	if err != nil || in.Phone != "84900000001" || in.Text != "KB" {
		t.Errorf("got %+v, %v", in, err)
	}
	if _, err = sms.ReadInbound(url.Values{"id": {strings.Repeat("i", 129)}, "from": {"1"}}, nil, nil); !models.Malformed.Is(err) {
		t.Errorf("a long id: got %v", err)
	}
}

// Whatever a gateway sends, reading it gives valid UTF-8 or an error of ours.
func FuzzReadInbound(f *testing.F) {
	f.Add("from=1&id=i&text=%00&charset=utf-16&coding=2", "", []byte(nil))
	f.Add("from=%ff&id=&text=x", "application/x-www-form-urlencoded", []byte("from=%zz&id=1;id=2&&&=&text=%e1%bb"))
	f.Add("id=1", "text/plain; charset=UTF-16BE", []byte("\xd8\x00\xdc"))
	f.Add("secret=x", "multipart/form-data; boundary=", []byte("--"))
	f.Fuzz(func(t *testing.T, query, kind string, body []byte) {
		values, _ := url.ParseQuery(query)
		in, err := sms.ReadInbound(values, http.Header{"Content-Type": {kind}}, body)
		if err != nil && !models.Malformed.Is(err) {
			t.Errorf("got %v", err)
		}
		if !utf8.ValidString(in.Text) || (err == nil && (in.Phone == "" || in.ID == "" || in.Channel != models.ChannelSMS)) {
			t.Errorf("got %+v, %v", in, err)
		}
	})
}
