package handlers

import (
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"khaibao/internal/ussd"
	"khaibao/models"
)

// receiveUSSD answers a step of a USSD session in Africa's Talking's form.
func (s *Server) receiveUSSD(c echo.Context) error {
	return s.ussd(c, func(body []byte, ucs2 bool) (models.Inbound, bool, error) { return ussd.Form(body, ucs2) }, plainUSSD(c))
}

// receiveLatestUSSD answers a step whose gateway sends the latest input only.
func (s *Server) receiveLatestUSSD(c echo.Context) error {
	return s.ussd(c, func(body []byte, ucs2 bool) (models.Inbound, bool, error) { return ussd.Latest(body, ucs2, rand.Text) }, plainUSSD(c))
}

// receiveUSSDJSON answers a step in JSON.
func (s *Server) receiveUSSDJSON(c echo.Context) error {
	return s.ussd(c, func(body []byte, ucs2 bool) (models.Inbound, bool, error) { return ussd.JSON(body, ucs2, rand.Text) },
		func(in models.Inbound, r models.Reply) error { return answer(c, http.StatusOK, ussd.Answer(in, r)) })
}

func plainUSSD(c echo.Context) func(models.Inbound, models.Reply) error {
	return func(_ models.Inbound, r models.Reply) error {
		return c.Blob(http.StatusOK, echo.MIMETextPlainCharsetUTF8, []byte(ussd.Text(r)))
	}
}

// ussd answers one step. A notice that a session is over needs no answer: what was typed waits for the next call.
func (s *Server) ussd(c echo.Context, read func(body []byte, ucs2 bool) (models.Inbound, bool, error), write func(models.Inbound, models.Reply) error) error {
	body, err := callbackBody(c.Request())
	if err != nil {
		return err
	}
	ucs2 := c.QueryParam("ucs2") == "true"
	in, ended, err := read(body, ucs2)
	if err != nil {
		return err
	}
	if ended {
		return write(in, models.Reply{End: true})
	}
	reply, err := s.converse(c, in)
	if err != nil && reply.Text == "" { // somebody looks at the screen: it says so, and that nothing is lost
		s.Log.Warn("a USSD step was not answered", "error", err)
		reply, err = models.Reply{Text: s.Texts.Text(models.Vietnamese, "channel.unavailable", nil), End: true}, nil
	}
	return errors.Join(err, write(in, reply)) // err is for the log
}
