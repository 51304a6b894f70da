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
	"khaibao/internal/auth"
	"khaibao/internal/kanneltest"
	"khaibao/internal/lang"
	"khaibao/internal/seal"
	"khaibao/internal/sms"
	"khaibao/models"
)

// TestARealGateway sends through Kannel's own bearerbox and smsbox to an operator's side played by this test.
func TestARealGateway(t *testing.T) {
	t.Parallel()
	needsKannel(t)
	kannel := kanneltest.Start(t, "127.0.0.1:1", "")
	operator := kannel.Fake()
	sender := senderTo(t, kannel, kanneltest.Password)
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
	stranger := senderTo(t, kannel, "wrong")
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

func senderTo(t *testing.T, k *kanneltest.Kannel, password string) *sms.Kannel {
	t.Helper()
	sender, err := sms.NewKannel(sms.KannelConfig{URL: k.SendURL, Username: kanneltest.Username, Password: password, From: "KHAIBAO"})
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

// unbounded is a store of budgets that never run out.
type unbounded struct{}

func (unbounded) Take(context.Context, string, time.Time) (int64, error) { return 1, nil }

// listen serves the channels with a conversation and gives host:port.
func listen(t *testing.T, conversation handlers.Conversation) string {
	t.Helper()
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	handler, err := handlers.Channels(handlers.Config{
		Texts: texts, Now: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Conversation: conversation, Turns: auth.NewTurns(unbounded{}, keys, auth.TurnBudgets{}, nil), Gateways: handlers.Gateways{Secrets: []string{kanneltest.Secret}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

const handset = "+84900000001"

// A conversation over SMPP: plain and accented letters, several parts both ways, and silence.
func TestARealConversation(t *testing.T) {
	t.Parallel()
	needsKannel(t)
	centre, c := kanneltest.NewCentre(t), &chat{turns: map[string][]string{}}
	kannel := kanneltest.Start(t, listen(t, c), centre.Addr())
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
	centre.Write("84900000001", "8066", "con do khong")
	if got := centre.Await("84900000001", 6).Text; got != "7: con do khong" {
		t.Errorf("after a turn without a reply: %q", got)
	}
}

// What Kannel has taken is answered once, in spite of a server that is down and of either half of Kannel killed.
func TestKannelIsKilled(t *testing.T) {
	t.Parallel()
	needsKannel(t)
	centre, c := kanneltest.NewCentre(t), &chat{turns: map[string][]string{}}
	kannel := kanneltest.Start(t, listen(t, c), centre.Addr())
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
