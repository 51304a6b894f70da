package handlers

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"khaibao/internal/auth"
	"khaibao/internal/gsm"
	"khaibao/internal/sms"
	"khaibao/models"
)

// Conversation answers citizens who write by SMS or dial by USSD. The same ID of a number and channel changes nothing twice
// and gets the same reply.
type Conversation interface {
	Answer(ctx context.Context, in models.Inbound) (models.Reply, error)
}

// Gateways says which gateways may call. Whatever is set must hold; a secret or a certificate must be asked for.
type Gateways struct {
	// Secrets open, each of them: two while one takes the other's place.
	Secrets []string
	// Certificates asks for a client certificate, which the listener has verified.
	Certificates bool
	// Networks are the addresses that may call; empty for all.
	Networks []netip.Prefix
}

// Channels gives the server for the gateways of mobile networks, for an address of their own.
func Channels(c Config) (http.Handler, error) {
	if c.Conversation == nil {
		return nil, errors.New("handlers: Channels needs a Conversation")
	}
	if len(c.Gateways.Secrets) == 0 && !c.Gateways.Certificates || slices.Contains(c.Gateways.Secrets, "") {
		return nil, errors.New("handlers: Channels needs a secret or client certificates")
	}
	s, err := newServer(c)
	if err != nil {
		return nil, err
	}
	if s.gates, err = measureGates(c.Metrics); err != nil {
		return nil, err
	}
	s.mount(s.channelRoutes())
	return s, nil
}

// gateMetrics are the numbers of what gateways hand on.
type gateMetrics struct {
	refused, turns *prometheus.CounterVec
	replyParts     prometheus.Counter
}

func measureGates(registry *prometheus.Registry) (*gateMetrics, error) {
	m := &gateMetrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "khaibao_channel_refused_total", Help: "Callbacks that no gateway of ours sent, by what was wrong: network, certificate, secret, mac.",
		}, []string{"reason"}),
		turns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "khaibao_channel_turns_total", Help: "Messages from citizens by SMS and USSD: answered, silent, over_budget, not_mobile, unavailable, broken.",
		}, []string{"channel", "outcome"}),
		replyParts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "khaibao_channel_reply_parts_total", Help: "Parts of the replies in SMS conversations: what an operator charges for.",
		}),
	}
	var err error
	if m.refused, err = registered(registry, m.refused); err != nil {
		return nil, err
	}
	if m.turns, err = registered(registry, m.turns); err != nil {
		return nil, err
	}
	m.replyParts, err = registered(registry, m.replyParts)
	return m, err
}

// gateway opens a route to the gateways that Gateways lets in.
func (s *Server) gateway(answer echo.HandlerFunc) access {
	return access{who: forGateways, answer: func(c echo.Context) error {
		reason := s.Gateways.refuse(c)
		if reason == "" && len(s.Gateways.Secrets) > 0 && !oneOf(s.Gateways.Secrets, secretOf(c.Request())) {
			reason = "secret"
		}
		if reason != "" {
			return s.refused(reason)
		}
		c.Set(subjectKey, auth.Subject{Kind: forGateways})
		return answer(c)
	}}
}

// reporter opens a route to gateways that call an address of ours for one message: its MAC takes the secret's place, so that
// the secret stands in no address that a gateway keeps for days.
func (s *Server) reporter(answer func(echo.Context, sms.Report) error) access {
	return access{who: forReports, answer: func(c echo.Context) error {
		report, ours := s.Reports.Read(c.QueryParams())
		reason := s.Gateways.refuse(c)
		if reason == "" && !ours {
			reason = "mac"
		}
		if reason != "" {
			return s.refused(reason)
		}
		c.Set(subjectKey, auth.Subject{Kind: forGateways})
		return answer(c, report)
	}}
}

func (s *Server) refused(reason string) error {
	s.gates.refused.WithLabelValues(reason).Inc()
	return models.Fail(models.Forbidden, "not_a_gateway")
}

// refuse tells what the connection of a caller lacks; nothing when it may call.
func (g *Gateways) refuse(c echo.Context) (reason string) {
	switch tls := c.Request().TLS; {
	case len(g.Networks) > 0 && !within(g.Networks, c.RealIP()):
		return "network"
	case g.Certificates && (tls == nil || len(tls.VerifiedChains) == 0):
		return "certificate"
	}
	return ""
}

func within(networks []netip.Prefix, address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(ip.Unmap().WithZone("")) })
}

// secretOf is the secret where a gateway can put it: the query of the address that it calls (once), a bearer token, or the password
// in front of the address.
func secretOf(r *http.Request) string {
	switch given := r.URL.Query()["secret"]; {
	case len(given) > 1: // of several nobody knows which one was meant
		return ""
	case len(given) == 1 && given[0] != "":
		return given[0]
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		return token
	}
	return ""
}

// oneOf compares in a time that says nothing about the secrets, not even which one it was.
func oneOf(secrets []string, given string) bool {
	sum, found := sha256.Sum256([]byte(given)), 0
	for _, secret := range secrets {
		own := sha256.Sum256([]byte(secret))
		found |= subtle.ConstantTimeCompare(own[:], sum[:])
	}
	return found == 1
}

// callbackLimit bounds what a gateway posts: the longest SMS of 255 parts, in UTF-8 and escaped for a form.
const callbackLimit = 256 << 10

func callbackBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, callbackLimit+1))
	switch {
	case err != nil:
		return nil, &models.Error{Kind: models.Malformed, Code: "bad_query", Cause: err}
	case len(body) > callbackLimit:
		return nil, errTooLarge
	}
	return body, nil
}

// converse answers one turn. Only mobile numbers are answered: a robot of the network would answer back. A fault of ours, also
// a panic, is told to the citizen in words: a gateway shows nobody a status, and would only run into it again. The error is
// for the log then. Without a text it is one of a dependency, and trying again makes sense.
func (s *Server) converse(c echo.Context, in models.Inbound) (models.Reply, error) {
	phone, problem := auth.ParsePhone(in.Phone)
	if problem != "" {
		return s.turn(in.Channel, "not_mobile", models.Reply{End: true}), nil
	}
	in.Phone = phone
	reply, err := s.answered(c.Request().Context(), in)
	switch {
	case models.Unavailable.Is(err), errors.Is(err, context.DeadlineExceeded):
		return s.turn(in.Channel, "unavailable", models.Reply{}), err
	case err != nil: // whatever its kind, no citizen can do anything about it
		broken := models.Reply{Text: s.Texts.Text(models.Vietnamese, "channel.broken", nil), End: true}
		return s.turn(in.Channel, "broken", broken), &models.Error{Kind: models.Internal, Code: "internal", Cause: err}
	case reply.OverBudget:
		return s.turn(in.Channel, "over_budget", reply), nil
	case reply.Text == "":
		return s.turn(in.Channel, "silent", reply), nil
	}
	return s.turn(in.Channel, "answered", reply), nil
}

// answered asks the conversation. A panic and a reply that a gateway would cut are errors.
func (s *Server) answered(ctx context.Context, in models.Inbound) (reply models.Reply, err error) {
	defer caught(&err)
	reply, err = s.Conversation.Answer(ctx, in)
	if parts := gsm.Measure(reply.Text).Parts; err == nil && in.Channel == models.ChannelSMS && parts > longestReply {
		err = fmt.Errorf("a reply of %d parts, which a gateway would cut", parts)
	}
	return reply, err
}

func (s *Server) turn(channel models.Channel, outcome string, reply models.Reply) models.Reply {
	s.gates.turns.WithLabelValues(string(channel), outcome).Inc()
	return reply
}
