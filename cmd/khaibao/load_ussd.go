package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// loadSteps is a first use by USSD from dialling to the result: oneself, year, sex, commune, no PIN, the program, a fever and
// trouble breathing, none of the rest, send.
var loadSteps = []string{"", "1", "1", "1958", "2", "bac son lang son", "1", "0", "1", "13", "0", "0", "0", "1"}

// secondsBetweenSteps is how long a caller of a load takes to answer a screen.
const secondsBetweenSteps = 2

// ussdLoad is what the callers met.
type ussdLoad struct {
	Asked    int // steps a second
	Sent     int
	Declared int // dialogues that came to their result
	Failed   int
	Why      string // the first failure
	P50, P99 time.Duration
}

// String says it in a line.
func (u ussdLoad) String() string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("USSD beside it: %d steps/s, %d in all, p50 %.2f ms, p99 %.2f ms, %d declared, %d errors", u.Asked, u.Sent, ms(u.P50), ms(u.P99), u.Declared, u.Failed)
}

// dialFor makes so many USSD steps a second for a while: each caller is a new number that goes through a whole first use.
func dialFor(ctx context.Context, address, secret string, perSecond int, length time.Duration, run int64) ussdLoad {
	client := vegeta.NewAttacker(vegeta.Workers(16), vegeta.Connections(256), vegeta.HTTP2(false), vegeta.Timeout(30*time.Second))
	defer context.AfterFunc(ctx, func() { client.Stop() })()
	out := ussdLoad{Asked: perSecond}
	var met vegeta.Metrics
	pace := vegeta.Rate{Freq: perSecond, Per: time.Second}
	for result := range client.Attack(stepsOf(address, secret, perSecond*secondsBetweenSteps, run), pace, length, "steps") {
		met.Add(result)
		out.Sent++
		switch {
		case result.Code != http.StatusOK || !(bytes.HasPrefix(result.Body, []byte("CON ")) || bytes.HasPrefix(result.Body, []byte("END "))):
			if out.Failed++; out.Failed == 1 {
				out.Why = fmt.Sprintf("%d %s %s", result.Code, result.Error, result.Body)
			}
		case bytes.Contains(result.Body, []byte("Muc: ")):
			out.Declared++
		}
	}
	met.Close()
	out.P50, out.P99 = met.Latencies.P50, met.Latencies.P99
	return out
}

// stepsOf makes the next step of the next caller at each call; a caller that has come to the result is followed by another.
func stepsOf(address, secret string, callers int, run int64) vegeta.Targeter {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": {"Bearer " + secret}}
	var count atomic.Int64
	return func(target *vegeta.Target) error {
		n := int(count.Add(1) - 1)
		turn := n / callers
		caller := n%callers + turn/len(loadSteps)*callers
		form := url.Values{
			"sessionId": {fmt.Sprintf("load-%d-%d", run, caller)}, "phoneNumber": {fmt.Sprintf("+849%d%07d", run%10, caller)}, "serviceCode": {"*123#"},
			"text": {strings.Join(loadSteps[1:1+turn%len(loadSteps)], "*")},
		}
		target.Method, target.URL, target.Header, target.Body = http.MethodPost, address+"/channels/ussd", header, []byte(form.Encode())
		return nil
	}
}
