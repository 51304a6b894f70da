package sms

import (
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"khaibao/models"
)

// longestID bounds a gateway's id of a message: Kannel's are UUIDs.
const longestID = 128

// ReadInbound reads an SMS as a gateway hands it on: Kannel's get-url (from=%p, text=%a, id=%I, coding=%c, charset=%C), its
// post-url (the text as the body, the number in X-Kannel-From), or the fields of get-url as a posted form. Phone is as the
// network wrote it. The error is models.Malformed and names the fields that are missing; a text is never refused, since
// nobody could be told: what cannot be read becomes U+FFFD.
func ReadInbound(query url.Values, header http.Header, body []byte) (models.Inbound, error) {
	fields, text, charset := query, []byte(query.Get("text")), query.Get("charset")
	kind, params, _ := mime.ParseMediaType(header.Get("Content-Type"))
	switch {
	case kind == "application/x-www-form-urlencoded":
		fields = maps.Clone(query)
		posted, _ := url.ParseQuery(string(body)) // gives the fields that can be read
		maps.Copy(fields, posted)
		text, charset = []byte(fields.Get("text")), fields.Get("charset")
	case len(body) > 0:
		text = body
		if params["charset"] != "" {
			charset = params["charset"]
		}
	}
	in := models.Inbound{Channel: models.ChannelSMS, Phone: fields.Get("from"), ID: fields.Get("id"), Text: decode(text, charset, fields.Get("coding"))}
	if in.Phone == "" {
		in.Phone = header.Get("X-Kannel-From")
	}
	return in, whole(in)
}

// whole names what a gateway left out or spoilt.
func whole(in models.Inbound) error {
	var problems []models.FieldError
	for _, f := range []struct{ name, value string }{{"from", in.Phone}, {"id", in.ID}} {
		switch {
		case f.value == "":
			problems = append(problems, models.FieldError{Field: f.name, Code: "required"})
		case len(f.value) > longestID:
			problems = append(problems, models.FieldError{Field: f.name, Code: "too_long", Args: map[string]any{"max": longestID}})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &models.Error{Kind: models.Malformed, Code: "bad_query", Fields: problems}
}

// decode reads a text in the character set that the gateway names. Without a name it is UTF-8, or UTF-16 where Kannel says
// coding 2 and was not told to recode.
func decode(text []byte, charset, coding string) string {
	var from encoding.Encoding
	switch strings.ToLower(charset) {
	case "utf-16be", "utf-16", "ucs-2", "ucs2", "iso-10646-ucs-2":
		from = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case "iso-8859-1", "windows-1252", "latin1":
		from = charmap.Windows1252
	case "":
		if coding == "2" {
			from = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
		}
	}
	if from != nil {
		if plain, err := from.NewDecoder().Bytes(text); err == nil {
			text = plain
		}
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}
