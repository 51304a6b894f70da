package models

// Inbound is what a citizen sent from a phone without the app, as a gateway handed it on.
type Inbound struct {
	Channel Channel // ChannelSMS or ChannelUSSD
	Phone   string  // E.164, a Vietnamese mobile number; the gateway vouches for it
	Session string  // USSD: the network's name of the dialogue
	ID      string  // of this one message within the number and channel: a gateway that repeats it sends the same
	Text    string  // valid UTF-8; what could not be read is U+FFFD
	UCS2    bool    // USSD: the gateway shows more than the GSM alphabet
}

// Reply is what a citizen gets back.
type Reply struct {
	Text string // empty: nothing is said
	End  bool   // USSD: the session ends with it
}
