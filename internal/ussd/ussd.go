// Package ussd is how gateways of USSD speak: Africa's Talking's form, which holds every input of the session so far;
// forms that hold the latest input only; and JSON such as Hubtel's. Each becomes a models.Inbound, and a models.Reply each.
package ussd

import (
	"encoding/json"
	"net/url"
	"strings"

	"khaibao/models"
)

// longestField bounds what a gateway names a session or a number by.
const longestField = 128

// Form reads a callback in Africa's Talking's form: sessionId, phoneNumber, text with all inputs so far joined by *. ended
// tells that it is a notice of a session that is over (it has a status and no text): nobody reads an answer. The error is
// models.Malformed and names the fields.
func Form(body []byte, ucs2 bool) (in models.Inbound, ended bool, err error) {
	fields, _ := url.ParseQuery(string(body)) // gives the fields that can be read
	in = models.Inbound{
		Channel: models.ChannelUSSD, Phone: fields.Get("phoneNumber"), Session: fields.Get("sessionId"),
		Text: clean(fields.Get("text")), Accumulated: true, UCS2: ucs2,
	}
	in.ID = in.Session + "|" + in.Text
	return in, fields.Has("status") && !fields.Has("text"), whole("sessionId", "phoneNumber", in)
}

// Latest reads the form of a gateway that sends the latest input only. requestId names the one request; without it a
// gateway that repeats one cannot be told from somebody who presses the same key twice, and text is taken again.
func Latest(body []byte, ucs2 bool, fresh func() string) (in models.Inbound, ended bool, err error) {
	fields, _ := url.ParseQuery(string(body))
	in = models.Inbound{
		Channel: models.ChannelUSSD, Phone: fields.Get("phoneNumber"), Session: fields.Get("sessionId"),
		UCS2: ucs2,
	}
	in.Text, in.Dialled = typed(fields.Get("text"))
	id := fields.Get("requestId")
	if id == "" {
		id = fresh()
	}
	in.ID = in.Session + "|" + id
	return in, fields.Has("status") && !fields.Has("text"), whole("sessionId", "phoneNumber", in)
}

// message is a request in JSON. Names are matched in any case: "SessionId", "sessionId".
type message struct {
	Type      string      `json:"Type"` // Initiation | Response | Release | Timeout
	Mobile    string      `json:"Mobile"`
	SessionID string      `json:"SessionId"`
	Message   string      `json:"Message"`
	Sequence  json.Number `json:"Sequence"`
}

// JSON reads a request in JSON as Hubtel sends it. Its sequence number tells a repeated request from the next one.
func JSON(body []byte, ucs2 bool, fresh func() string) (in models.Inbound, ended bool, err error) {
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return in, false, &models.Error{Kind: models.Malformed, Code: "malformed"}
	}
	in = models.Inbound{Channel: models.ChannelUSSD, Phone: m.Mobile, Session: m.SessionID, UCS2: ucs2}
	in.Text, in.Dialled = typed(m.Message)
	if strings.EqualFold(m.Type, "initiation") {
		in.Text, in.Dialled = "", true // the message holds the number that was dialled
	}
	id := m.Sequence.String()
	if id == "" {
		id = fresh()
	}
	in.ID = in.Session + "|" + id
	ended = strings.EqualFold(m.Type, "release") || strings.EqualFold(m.Type, "timeout")
	return in, ended, whole("SessionId", "Mobile", in)
}

// Text writes a reply as Africa's Talking reads it.
func Text(r models.Reply) string {
	if r.End {
		return "END " + r.Text
	}
	return "CON " + r.Text
}

// Response is a reply in JSON.
type Response struct {
	SessionID string `json:"SessionId"`
	Type      string `json:"Type"` // Response: the session goes on; Release: it ends
	Message   string `json:"Message"`
}

// Answer writes a reply in JSON.
func Answer(in models.Inbound, r models.Reply) Response {
	kind := "Response"
	if r.End {
		kind = "Release"
	}
	return Response{in.Session, kind, r.Text}
}

// typed is the latest input. The number that was dialled, *123#, is none.
func typed(text string) (input string, dialled bool) {
	text = clean(text)
	if strings.HasPrefix(text, "*") && strings.HasSuffix(text, "#") {
		return "", true
	}
	return text, false
}

func clean(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// whole names what a gateway left out or spoilt.
func whole(session, phone string, in models.Inbound) error {
	var problems []models.FieldError
	for _, f := range []struct{ name, value string }{{session, in.Session}, {phone, in.Phone}} {
		switch {
		case f.value == "":
			problems = append(problems, models.FieldError{Field: f.name, Code: "required"})
		case len(f.value) > longestField:
			problems = append(problems, models.FieldError{Field: f.name, Code: "too_long", Args: map[string]any{"max": longestField}})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &models.Error{Kind: models.Malformed, Code: "bad_query", Fields: problems}
}
