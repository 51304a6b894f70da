package handlers

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"khaibao/internal/gsm"
	"khaibao/internal/sms"
)

// receiveSMS answers an SMS that a gateway hands on. The body is the reply; an empty one with 200 means that there is none,
// since a gateway takes 204 for a failure. Whatever is not 200 makes Kannel try again, which is right when a dependency is
// down. With a fault of ours it would only fail again, so the citizen is told at once.
func (s *Server) receiveSMS(c echo.Context) error {
	body, err := callbackBody(c.Request())
	if err != nil {
		return err
	}
	query, _ := url.ParseQuery(c.Request().URL.RawQuery) // gives the parameters that can be read
	in, err := sms.ReadInbound(query, c.Request().Header, body)
	if err != nil {
		return err
	}
	reply, err := s.converse(c, in)
	if err != nil && reply.Text == "" {
		return err
	}
	return errors.Join(err, s.replySMS(c, reply.Text)) // err is for the log
}

func (s *Server) replySMS(c echo.Context, text string) error {
	size := gsm.Measure(text)
	if text != "" {
		s.gates.replyParts.Add(float64(size.Parts))
	}
	if size.UCS2 { // Kannel would send question marks for what is not in the GSM alphabet
		c.Response().Header().Set("X-Kannel-Coding", "2")
		c.Response().Header().Set("X-Kannel-Charset", "UTF-8")
	}
	return c.Blob(http.StatusOK, echo.MIMETextPlainCharsetUTF8, []byte(text))
}

// longestReply is how many parts a reply may have: max-messages of docs/gateways.md, beyond which Kannel cuts silently.
const longestReply = 5

// smsReport hears what became of an SMS of ours. Whatever it says, a gateway that was given the address is told 200: it has
// done its part, and would come back with anything else.
func (s *Server) smsReport(c echo.Context, report sms.Report) error {
	if report.State != "" {
		err := s.Reported.SMS(c.Request().Context(), report.Account, report.ID, report.Parts, report.State, report.Reason)
		if err != nil {
			return err
		}
	}
	return c.NoContent(http.StatusOK)
}
