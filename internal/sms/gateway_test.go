package sms_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"khaibao/handlers"
	"khaibao/internal/kanneltest"
	"khaibao/internal/lang"
	"khaibao/internal/seal"
	"khaibao/internal/sms"
	"khaibao/models"
	"khaibao/push"
)

// TestARealGateway sends through Kannel's own bearerbox and smsbox to an operator's side played by this test.
func TestARealGateway(t *testing.T) {
	t.Parallel()
	needsKannel(t)
	kannel := kanneltest.Start(t, "127.0.0.1:1", "")
	operator := kannel.Fake()
	sender := senderTo(t, kannel, kanneltest.Password, nil)
	for name, text := range map[string]string{
		"plain letters":   "271828 la ma xac thuc Khai Bao cua ban, co hieu luc 5 phut. Khong dua ma nay cho bat ky ai.",
		"with diacritics": "Khai Báo: bạn có một tin nhắn mới.",
		"special letters": "100% @ {a} [b] & c+d=e?",
	} {
		if err := sender.Send(t.Context(), models.Envelope{ID: "m", To: "+84900000001", Text: text, TTL: time.Minute}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := operator.Hear(); got.From != "KHAIBAO" || got.To != "+84900000001" || got.Text != text {
			t.Errorf("%s: the operator received %+v", name, got)
		}
	}
	stranger := senderTo(t, kannel, "wrong", nil)
	if err := stranger.Send(t.Context(), models.Envelope{ID: "m", To: "+84900000001", Text: "x", TTL: time.Minute}); err == nil {
		t.Error("a wrong password was accepted")
	}
}

func needsKannel(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Kannel")
	}
}

func senderTo(t *testing.T, k *kanneltest.Kannel, password string, reports *sms.Reports) *sms.Kannel {
	t.Helper()
	sender, err := sms.NewKannel(sms.KannelConfig{URL: k.SendURL, Username: kanneltest.Username, Password: password, From: "KHAIBAO", Reports: reports})
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

// chat is a conversation of the tests. It numbers what it hears from each phone and says it back; the same id is the same turn.
type chat struct {
	mu    sync.Mutex
	turns map[string][]string // by phone: the ids, in order
	calls int
	down  bool
}

func (c *chat) Answer(_ context.Context, in models.Inbound) (models.Reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.down {
		return models.Reply{}, models.Down("reading", io.ErrUnexpectedEOF)
	}
	n := 0
	for i, id := range c.turns[in.Phone] {
		if id == in.ID {
			n = i + 1
		}
	}
	if n == 0 {
		c.turns[in.Phone] = append(c.turns[in.Phone], in.ID)
		n = len(c.turns[in.Phone])
	}
	if in.Text == "im" {
		return models.Reply{}, nil
	}
	return models.Reply{Text: fmt.Sprintf("%d: %s", n, in.Text)}, nil
}

// count gives the turns of a phone, and how often anybody called.
func (c *chat) count(phone string) (turns, calls int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.turns[phone]), c.calls
}

func (c *chat) goDown(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
}

// site is what a gateway calls: the channels with a conversation, and the messages that reports are about.
type site struct {
	addr    string
	reports *sms.Reports

	mu       sync.Mutex
	messages map[string]models.Message
}

func (s *site) AdvanceMessage(_ context.Context, _, id string, change func(*models.Message)) (models.Message, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.messages[id]
	was := m.State
	if change(&m); !was.Before(m.State) {
		return m, false, nil
	}
	s.messages[id] = m
	return m, true, nil
}

// UpdateAccount changes nothing: the messages of these tests belong to nobody.
func (s *site) UpdateAccount(context.Context, string, func(*models.Account) ([]models.Effect, error)) (*models.Account, error) {
	return nil, models.ErrNotFound
}

func (s *site) message(id string) models.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messages[id]
}

// listen serves the channels with a conversation.
func listen(t *testing.T, conversation handlers.Conversation) *site {
	t.Helper()
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	s := &site{addr: server.Listener.Addr().String(), messages: map[string]models.Message{}}
	if s.reports, err = sms.NewReports("http://"+s.addr+"/channels/sms/report", keys); err != nil {
		t.Fatal(err)
	}
	server.Config.Handler, err = handlers.Channels(handlers.Config{
		Texts: texts, Now: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Conversation: conversation, Gateways: handlers.Gateways{Secrets: []string{kanneltest.Secret}},
		Reports: s.reports, Reported: push.NewReports(s, time.Now, func(push.Outcome) {}),
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Close)
	return s
}

const handset = "+84900000001"

// A conversation over SMPP: plain and accented letters, several parts both ways, and silence.
func TestARealConversation(t *testing.T) {
	t.Parallel()
	needsKannel(t)
	centre, c := kanneltest.NewCentre(t), &chat{turns: map[string][]string{}}
	kannel := kanneltest.Start(t, listen(t, c).addr, centre.Addr())
	kannel.AwaitOperator()
	for i, tt := range []struct {
		name, text string
		parts      int
		ucs2       bool
	}{
		{"plain", "KB 13 1", 1, false},
		{"special letters", "100% @ {a} [b] & c+d=e?", 1, false},
		{"diacritics", "Sốt, đau họng; tiếp xúc F0 😷", 1, true},
		{"three parts", strings.Repeat("sot, ho ", 40) + "F0", 3, false},
		{"three parts with diacritics", strings.Repeat("sốt, ho ", 20) + "F0", 3, true},
	} {
		centre.Write("84900000001", "8066", tt.text)
		want := kanneltest.Heard{From: "8066", To: "84900000001", Text: fmt.Sprintf("%d: %s", i+1, tt.text), Parts: tt.parts, UCS2: tt.ucs2}
		if got := centre.Await("84900000001", i+1); got != want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tt.name, got, want)
		}
	}
	centre.Write("84900000001", "8066", "im")
	// Kannel hands on in any order what arrives together.
	kanneltest.Eventually(t, func() bool { turns, _ := c.count(handset); return turns == 6 }, func() string { return "the turn without a reply never came" })
	centre.Write("84900000001", "8066", "con do khong")
	if got := centre.Await("84900000001", 6).Text; got != "7: con do khong" {
		t.Errorf("after a turn without a reply: %q", got)
	}
}

// What became of a message comes back: from a handset, from an operator that has it, and from one that refuses it.
func TestARealReport(t *testing.T) {
	t.Parallel()
	needsKannel(t)
	centre, here := kanneltest.NewCentre(t), listen(t, &chat{turns: map[string][]string{}})
	kannel := kanneltest.Start(t, here.addr, centre.Addr())
	kannel.AwaitOperator()
	sender := senderTo(t, kannel, kanneltest.Password, here.reports)
	centre.Refuse("+84900000002")
	for _, tt := range []struct {
		id, to   string
		receipts bool
		text     string
		want     models.Message
	}{
		{"accepted", "+84900000001", false, "xin chao", models.Message{State: models.MessageSent, Parts: 1}},
		{"delivered", "+84900000001", true, strings.Repeat("Khai Báo: bạn có tin. ", 5), models.Message{State: models.MessageDelivered, Parts: 2}},
		{"refused", "+84900000002", true, "xin chao", models.Message{State: models.MessageFailed, Reason: "operator_refused", Parts: 1}},
	} {
		centre.Receipts(tt.receipts)
		here.mu.Lock()
		here.messages[tt.id] = models.Message{ID: tt.id, Route: models.RouteSMS, State: models.MessagePending}
		here.mu.Unlock()
		if err := sender.Send(t.Context(), models.Envelope{ID: tt.id, Account: "a", To: tt.to, Text: tt.text, TTL: time.Minute}); err != nil {
			t.Fatal(err)
		}
		kanneltest.Eventually(t, func() bool { return here.message(tt.id).State == tt.want.State }, func() string {
			return fmt.Sprintf("%s: %+v", tt.id, here.message(tt.id))
		})
		if got := here.message(tt.id); got.Parts != tt.want.Parts || got.Reason != tt.want.Reason {
			t.Errorf("%s: %+v", tt.id, got)
		}
	}
}

// What Kannel has taken is answered once, in spite of a server that is down and of either half of Kannel killed.
func TestKannelIsKilled(t *testing.T) {
	t.Parallel()
	needsKannel(t)
	centre, c := kanneltest.NewCentre(t), &chat{turns: map[string][]string{}}
	kannel := kanneltest.Start(t, listen(t, c).addr, centre.Addr())
	kannel.AwaitOperator()
	c.goDown(true)
	centre.Write("84900000001", "8066", "mot")
	kanneltest.Eventually(t, func() bool { _, calls := c.count(handset); return calls > 1 }, func() string { return "Kannel did not try again" })
	c.goDown(false)
	if got := centre.Await("84900000001", 1).Text; got != "1: mot" {
		t.Errorf("after a server that was down: %q", got)
	}

	kannel.KillSMSBox()
	centre.Write("84900000001", "8066", "hai")
	kannel.StartSMSBox()
	if got := centre.Await("84900000001", 2).Text; got != "2: hai" {
		t.Errorf("after smsbox was killed: %q", got)
	}

	kannel.KillBearerbox()
	kannel.StartBearerbox()
	centre.Write("84900000001", "8066", "ba")
	kannel.AwaitSMSBox()
	if got := centre.Await("84900000001", 3).Text; got != "3: ba" {
		t.Errorf("after bearerbox was killed: %q", got)
	}
	if turns, _ := c.count(handset); turns != 3 {
		t.Errorf("%d turns, want 3", turns)
	}
}
