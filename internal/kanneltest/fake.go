package kanneltest

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode/utf16"
)

// Fake is the handset behind Kannel's fake operator: lines over TCP.
type Fake struct {
	k     *Kannel
	conn  net.Conn
	lines *bufio.Reader
}

// Fake connects one; the Kannel was started without SMPP.
func (k *Kannel) Fake() *Fake {
	k.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", k.fakePort))
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() { conn.Close() })
	k.AwaitOperator()
	return &Fake{k, conn, bufio.NewReader(conn)}
}

// Write sends an SMS of plain letters to a number of ours.
func (f *Fake) Write(from, to, text string) {
	f.k.Helper()
	if _, err := fmt.Fprintf(f.conn, "%s %s text %s\n", from, to, text); err != nil {
		f.k.Fatal(err)
	}
}

// Hear waits for the next SMS.
func (f *Fake) Hear() Heard {
	f.k.Helper()
	f.conn.SetReadDeadline(time.Now().Add(patience))
	line, err := f.lines.ReadString('\n')
	if err != nil {
		f.k.Fatal(err)
	}
	parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
	if len(parts) != 4 {
		f.k.Fatalf("the operator received %q", line)
	}
	heard := Heard{From: parts[0], To: parts[1], Text: parts[3], Parts: 1, UCS2: parts[2] == "ucs-2"}
	if heard.UCS2 {
		raw, err := url.QueryUnescape(heard.Text)
		if err != nil {
			f.k.Fatal(err)
		}
		heard.Text = utf16Text([]byte(raw))
	}
	return heard
}

// utf16Text reads big-endian UTF-16.
func utf16Text(raw []byte) string {
	var units []uint16
	for i := 0; i+1 < len(raw); i += 2 {
		units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
	}
	return string(utf16.Decode(units))
}
