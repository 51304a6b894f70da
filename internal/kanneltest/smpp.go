package kanneltest

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// Heard is one whole SMS that an operator was given for a handset.
type Heard struct {
	From, To, Text string
	Parts          int
	UCS2           bool
}

// Centre is an operator's SMS centre that speaks SMPP 3.4: handsets write through it and hear what it was given.
type Centre struct {
	t        *testing.T
	listener net.Listener

	mu       sync.Mutex
	conn     net.Conn            // of the gateway that is bound
	taken    map[int32]chan bool // deliver_sm that the gateway has yet to answer: whether it took them
	heard    []Heard
	parts    map[string][]string
	messages int
	receipts bool
	refused  map[string]bool
}

// NewCentre starts one on loopback; it ends with the test.
func NewCentre(t *testing.T) *Centre {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Centre{t: t, listener: listener, taken: map[int32]chan bool{}, parts: map[string][]string{}, refused: map[string]bool{}}
	go c.serve()
	t.Cleanup(func() {
		listener.Close()
		c.Drop()
	})
	return c
}

// Addr is host:port.
func (c *Centre) Addr() string { return c.listener.Addr().String() }

// Receipts makes handsets confirm, or not, what they hear from now on.
func (c *Centre) Receipts(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.receipts = on
}

// Refuse makes the centre take nothing for a handset.
func (c *Centre) Refuse(number string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[strings.TrimPrefix(number, "+")] = true
}

// Drop cuts the connection to the gateway, which makes a new one.
func (c *Centre) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn.Close()
	}
}

func (c *Centre) serve() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		go c.speak(conn)
	}
}

func (c *Centre) speak(conn net.Conn) {
	defer conn.Close()
	for {
		p, err := pdu.Parse(conn)
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *pdu.BindRequest:
			c.mu.Lock()
			c.conn = conn
			c.send(pdu.NewBindResp(*p))
			c.mu.Unlock()
		case *pdu.SubmitSM:
			c.submit(p)
		case *pdu.DeliverSMResp:
			c.mu.Lock()
			if answer := c.taken[p.SequenceNumber]; answer != nil {
				answer <- p.IsOk()
				delete(c.taken, p.SequenceNumber)
			}
			c.mu.Unlock()
		default:
			if p.CanResponse() {
				c.mu.Lock()
				c.send(p.GetResponse())
				c.mu.Unlock()
			}
		}
	}
}

// send writes to the gateway. The caller holds mu.
func (c *Centre) send(p pdu.PDU) {
	buffer := pdu.NewBuffer(nil)
	p.Marshal(buffer)
	c.conn.Write(buffer.Bytes())
}

// submit takes one part for a handset, confirms it at once, and puts whole messages together.
func (c *Centre) submit(p *pdu.SubmitSM) {
	text, err := textOf(&p.Message)
	if err != nil {
		c.t.Errorf("SMPP: a text that cannot be read: %v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages++
	id := fmt.Sprintf("%08d", c.messages)
	response := pdu.NewSubmitSMRespFromReq(p).(*pdu.SubmitSMResp)
	response.MessageID = id
	if c.refused[p.DestAddr.Address()] {
		response.CommandStatus = data.ESME_RINVDSTADR
	}
	c.send(response)
	if !response.IsOk() {
		return
	}
	total, part, ref, several := p.Message.UDH().GetConcatInfo()
	if !several {
		total, part = 1, 1
	}
	key := p.DestAddr.Address() + "|" + strconv.Itoa(int(ref))
	if c.parts[key] == nil {
		c.parts[key] = make([]string, total)
	}
	c.parts[key][part-1] = text
	if !slices.Contains(c.parts[key], "") {
		whole := Heard{From: p.SourceAddr.Address(), To: p.DestAddr.Address(), Parts: int(total), UCS2: p.Message.Encoding() == data.UCS2}
		for _, part := range c.parts[key] {
			whole.Text += part
		}
		c.heard = append(c.heard, whole)
		delete(c.parts, key)
	}
	if c.receipts && p.RegisteredDelivery != 0 {
		c.send(receipt(p, id))
	}
}

func textOf(m *pdu.ShortMessage) (string, error) {
	if m.Encoding() != data.UCS2 {
		return m.GetMessage()
	}
	raw, err := m.GetMessageData()
	return utf16Text(raw), err
}

// receipt is what a handset's confirmation looks like (SMPP 3.4, appendix B).
func receipt(p *pdu.SubmitSM, id string) pdu.PDU {
	r := pdu.NewDeliverSM().(*pdu.DeliverSM)
	r.EsmClass = data.SM_SMSC_DLV_RCPT_TYPE
	r.SourceAddr, r.DestAddr = p.DestAddr, p.SourceAddr
	r.Message.SetMessageWithEncoding("id:"+id+" sub:001 dlvrd:001 submit date:2611240800 done date:2611240800 stat:DELIVRD err:000 text:", data.GSM7BIT)
	return r
}

// Write is what a citizen does: an SMS from a handset to a number of ours, in as many parts as it needs. It returns when
// the gateway has taken all of it.
func (c *Centre) Write(from, to, text string) {
	c.t.Helper()
	for _, message := range split(c.t, text) {
		c.deliver(from, to, message)
	}
}

func (c *Centre) deliver(from, to string, message *pdu.ShortMessage) {
	c.t.Helper()
	p := pdu.NewDeliverSM().(*pdu.DeliverSM)
	p.SourceAddr, p.DestAddr = address(c.t, 1, from), address(c.t, 0, to)
	if _, _, _, several := message.UDH().GetConcatInfo(); several {
		p.EsmClass = data.SM_UDH_GSM
	}
	p.Message = *message
	answer := make(chan bool, 1)
	var sent net.Conn
	var again time.Time
	Eventually(c.t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.conn != nil && c.conn != sent && time.Now().After(again) { // what a connection did not take goes over the next one
			sent, c.taken[p.SequenceNumber] = c.conn, answer
			c.send(p)
		}
		select {
		case taken := <-answer:
			if !taken { // not now: it is told so while it has no smsbox
				sent, again = nil, time.Now().Add(time.Second)
			}
			return taken
		default:
			return false
		}
	}, func() string { return "the gateway did not take a message" })
}

func split(t *testing.T, text string) []*pdu.ShortMessage {
	t.Helper()
	encoding := data.Encoding(data.GSM7BIT)
	if data.ValidateGSM7String(text) != nil {
		encoding = data.UCS2
	}
	messages, err := pdu.NewLongMessageWithEncoding(text, encoding)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func address(t *testing.T, kind byte, number string) pdu.Address {
	t.Helper()
	a, err := pdu.NewAddressWithTonNpiAddr(kind, 1, number)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Total is how many messages all handsets have heard.
func (c *Centre) Total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.heard)
}

// HeardBy gives what a handset has heard so far, the oldest first.
func (c *Centre) HeardBy(number string) []Heard {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Heard
	for _, h := range c.heard {
		if h.To == strings.TrimPrefix(number, "+") {
			out = append(out, h)
		}
	}
	return out
}

// Await waits until a handset has heard n messages and gives the newest.
func (c *Centre) Await(number string, n int) Heard {
	c.t.Helper()
	Eventually(c.t, func() bool { return len(c.HeardBy(number)) >= n }, func() string {
		return fmt.Sprintf("a handset heard %+v, want %d messages", c.HeardBy(number), n)
	})
	return c.HeardBy(number)[n-1]
}
