package ussd

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khaibao/models"
)

func fresh() string { return "fresh" }

func TestRead(t *testing.T) {
	t.Parallel()
	ussd := models.Inbound{Channel: models.ChannelUSSD, Phone: "+84900000001", Session: "s1"}
	dialled := ussd
	dialled.ID, dialled.Dialled = "s1|1", true
	with := func(id, text string, accumulated bool) models.Inbound {
		in := ussd
		in.ID, in.Text, in.Accumulated = id, text, accumulated
		return in
	}
	form := func(body string) (models.Inbound, bool, error) { return Form([]byte(body), false) }
	latest := func(body string) (models.Inbound, bool, error) { return Latest([]byte(body), false, fresh) }
	inJSON := func(body string) (models.Inbound, bool, error) { return JSON([]byte(body), false, fresh) }
	for _, tt := range []struct {
		name  string
		read  func(string) (models.Inbound, bool, error)
		body  string
		want  models.Inbound
		ended bool
	}{
		{"dialled", form, "sessionId=s1&phoneNumber=%2B84900000001&serviceCode=*123%23&text=", with("s1|", "", true), false},
		{"all inputs", form, "sessionId=s1&phoneNumber=%2B84900000001&text=1*2*13", with("s1|1*2*13", "1*2*13", true), false},
		{"broken UTF-8", form, "sessionId=s1&phoneNumber=%2B84900000001&text=%ff", with("s1|\uFFFD", "\uFFFD", true), false},
		{"session over", form, "sessionId=s1&phoneNumber=%2B84900000001&status=Incomplete&durationInMillis=9000&hopsCount=2&input=1*2", with("s1|", "", true), true},
		{"latest", latest, "sessionId=s1&phoneNumber=%2B84900000001&text=13&requestId=7", with("s1|7", "13", false), false},
		{"latest, unnamed", latest, "sessionId=s1&phoneNumber=%2B84900000001&text=13", with("s1|fresh", "13", false), false},
		{"latest, dialled", latest, "sessionId=s1&phoneNumber=%2B84900000001&text=*123%23&requestId=1", dialled, false},
		{"JSON, dialled", inJSON, `{"Type":"Initiation","Mobile":"+84900000001","SessionId":"s1","Message":"*123#","Sequence":1}`, dialled, false},
		{"JSON", inJSON, `{"type":"Response","mobile":"+84900000001","sessionId":"s1","message":"13","sequence":2}`, with("s1|2", "13", false), false},
		{"JSON, over", inJSON, `{"Type":"Timeout","Mobile":"+84900000001","SessionId":"s1","Message":"","Sequence":3}`, with("s1|3", "", false), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ended, err := tt.read(tt.body)
			if err != nil || ended != tt.ended {
				t.Fatalf("ended %t, %v", ended, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, err := range map[string]error{
		"no session": third(form("phoneNumber=%2B84900000001&text=1")), "no number": third(latest("sessionId=s1&text=1")),
		"no JSON": third(inJSON("sessionId=s1")), "a long session": third(inJSON(`{"Mobile":"1","SessionId":"` + strings.Repeat("s", 200) + `"}`)),
	} {
		if !models.Malformed.Is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }

func TestReply(t *testing.T) {
	t.Parallel()
	on, end := models.Reply{Text: "a\nb"}, models.Reply{Text: "a", End: true}
	if got := Text(on) + "|" + Text(end); got != "CON a\nb|END a" {
		t.Error(got)
	}
	in := models.Inbound{Session: "s1"}
	if diff := cmp.Diff([]Response{{"s1", "Response", "a\nb"}, {"s1", "Release", "a"}}, []Response{Answer(in, on), Answer(in, end)}); diff != "" {
		t.Error(diff)
	}
}

// Whatever a gateway sends becomes an inbound of valid UTF-8 with a session and a number, or is refused as malformed.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"sessionId=s1&phoneNumber=%2B84900000001&text=1*2", "sessionId=&text=%00", "%", "status=x", `{"SessionId":"a","Mobile":"1","Sequence":-1}`, `{"Sequence":"x"}`, "[]", "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, read := range []func() (models.Inbound, bool, error){
			func() (models.Inbound, bool, error) { return Form([]byte(body), true) },
			func() (models.Inbound, bool, error) { return Latest([]byte(body), false, fresh) },
			func() (models.Inbound, bool, error) { return JSON([]byte(body), false, fresh) },
		} {
			in, _, err := read()
			if err != nil && !models.Malformed.Is(err) {
				t.Fatalf("%v", err)
			}
			if err == nil && (in.Session == "" || in.Phone == "" || in.ID == "" || clean(in.Text) != in.Text) {
				t.Fatalf("%+v", in)
			}
		}
	})
}
