package handlers

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"khaibao/internal/gsm"
	"khaibao/internal/sms"
)

// receiveSMS answers an SMS that a gateway hands on. The body is the reply; an empty one with 200 means that there is none,
// since a gateway takes 204 for a failure. 503 makes Kannel try again.
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
	if err != nil {
		return err
	}
	if gsm.Measure(reply.Text).UCS2 { // Kannel would send question marks for what is not in the GSM alphabet
		c.Response().Header().Set("X-Kannel-Coding", "2")
		c.Response().Header().Set("X-Kannel-Charset", "UTF-8")
	}
	return c.Blob(http.StatusOK, echo.MIMETextPlainCharsetUTF8, []byte(reply.Text))
}

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
