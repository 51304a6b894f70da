package models

import "time"

// Inbound is what a citizen sent from a phone without the app, as a gateway handed it on.
type Inbound struct {
	Channel Channel // ChannelSMS or ChannelUSSD
	Phone   string  // E.164, a Vietnamese mobile number; the gateway vouches for it
	Session string  // USSD: the network's name of the dialogue
	ID      string  // of this one message within the number and channel: a gateway that repeats it sends the same
	Text    string  // valid UTF-8; what could not be read is U+FFFD
	// Accumulated: USSD: Text holds every input of the session so far, with * between, as Africa's Talking sends it.
	Accumulated bool
	Dialled     bool // USSD: the service was dialled just now, also when the session's name was there before; nothing was typed
	UCS2        bool // USSD: the gateway shows more than the GSM alphabet
}

// Reply is what a citizen gets back.
type Reply struct {
	Text string // empty: nothing is said
	End  bool   // USSD: the session ends with it
	// OverBudget: the number has used up its turns, and nothing was done.
	OverBudget bool
}

// Dialogue is where the dialogue with a number stands. State is sealed in a store.
type Dialogue struct {
	ID        string // of the store
	Rev       string // empty: new
	State     []byte
	DueAt     time.Time // when we are to speak by ourselves; zero: never
	ExpiresAt time.Time // real time
}
