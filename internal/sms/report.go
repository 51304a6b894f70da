package sms

import (
	"errors"
	"net/url"
	"strconv"

	"khaibao/internal/seal"
	"khaibao/models"
)

// Report is what a gateway says became of an SMS of ours.
type Report struct {
	Account, ID string // of the models.Envelope; account is empty for an OTP
	Parts       int    // that were handed over
	// State is sent (the network has it), delivered (a handset has confirmed it) or failed, with a reason; empty when the
	// report says nothing new.
	State  models.MessageState
	Reason string
}

// Reports makes the addresses at which a gateway reports, and reads what it calls there. Each carries a MAC, so that nobody
// but who was given one can report anything, and about that one message only.
type Reports struct {
	base url.URL
	keys *seal.Keys
}

// NewReports gives ready reports; base is the address of our /channels/sms/report as the gateway reaches it.
func NewReports(base string, keys *seal.Keys) (*Reports, error) {
	at, err := url.Parse(base)
	if err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https") {
		return nil, errors.New("the address for delivery reports is not an http(s) URL")
	}
	return &Reports{*at, keys}, nil
}

// address is where to report about a message. %d is filled in by Kannel; no escape of ours begins with a letter, so it
// takes none of them for its own.
func (r *Reports) address(e models.Envelope, parts int) string {
	q := r.base.Query()
	q.Set("account", e.Account)
	q.Set("id", e.ID)
	q.Set("parts", strconv.Itoa(parts))
	q.Set("mac", r.keys.Hash(macPurpose, signed(e.Account, e.ID, strconv.Itoa(parts))))
	at := r.base
	at.RawQuery = q.Encode() + "&state=%d"
	return at.String()
}

const macPurpose = "sms_report"

func signed(account, id, parts string) string { return account + "|" + id + "|" + parts }

// Read gives what a gateway reports; false when it was not given that address by us. Without Reports nobody was.
func (r *Reports) Read(q url.Values) (Report, bool) {
	if r == nil {
		return Report{}, false
	}
	account, id, parts := q.Get("account"), q.Get("id"), q.Get("parts")
	if !r.keys.Matches(q.Get("mac"), macPurpose, signed(account, id, parts)) {
		return Report{}, false
	}
	report := Report{Account: account, ID: id}
	report.Parts, _ = strconv.Atoi(parts) // ours
	report.State, report.Reason = stateOf(q.Get("state"))
	return report, true
}

// stateOf reads Kannel's kinds of report. 4 says that the message waits at the operator's, which is nothing new.
func stateOf(kind string) (models.MessageState, string) {
	switch kind {
	case "1":
		return models.MessageDelivered, ""
	case "2":
		return models.MessageFailed, "undelivered" // the handset could not be reached while the message was good
	case "8":
		return models.MessageSent, ""
	case "16":
		return models.MessageFailed, "operator_refused"
	}
	return "", ""
}
