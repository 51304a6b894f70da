package models

import (
	"fmt"
	"time"
)

// MessageKind says what a message is about and so how its text is rendered.
type MessageKind string

// The kinds.
const (
	MessageOTP    MessageKind = "otp"
	MessageAdvice MessageKind = "advice" // the decision of a declaration or update waits in the inbox
	// MessageReminder and MessageReminderSMS ask for the update of a plan that has not come: the first rung, and the next.
	MessageReminder    MessageKind = "reminder"
	MessageReminderSMS MessageKind = "reminder_sms"
	MessageNotice      MessageKind = "notice"    // about a person's case: its new status, or what an official writes
	MessageDialogue    MessageKind = "dialogue"  // the open question of an SMS dialogue once more; it knows its number and text
	MessageBroadcast   MessageKind = "broadcast" // an official's text for many households
)

// Route is the way a message takes to somebody.
type Route string

// The routes.
const (
	RoutePush Route = "push" // Firebase Cloud Messaging, to every device of the household
	RouteSMS  Route = "sms"  // to the household's number
)

// Routes lists them.
func Routes() []Route { return []Route{RoutePush, RouteSMS} }

// MessageState is where a message stands. It only moves forward.
type MessageState string

// The states, each further than the one before; failed and expired are equally far.
const (
	MessagePending   MessageState = "pending"   // it is to be sent
	MessageStored    MessageState = "stored"    // it waits in the inbox only
	MessageSent      MessageState = "sent"      // Firebase or the mobile network has accepted it
	MessageFailed    MessageState = "failed"    // it was refused for good
	MessageExpired   MessageState = "expired"   // it would come too late
	MessageDelivered MessageState = "delivered" // a handset has confirmed it, or the app has read it
)

var stateOrder = map[MessageState]int{
	MessagePending: 0, MessageStored: 1, MessageSent: 2, MessageFailed: 3, MessageExpired: 3, MessageDelivered: 4,
}

// Before tells whether another state is further, so that a message may move on to it. News that come late or out of order
// never set a message back.
func (s MessageState) Before(other MessageState) bool { return stateOrder[s] < stateOrder[other] }

// MessageStates lists them.
func MessageStates() []MessageState {
	return []MessageState{MessagePending, MessageStored, MessageSent, MessageFailed, MessageExpired, MessageDelivered}
}

// Lane orders messages by urgency: an OTP never waits behind anything.
type Lane int

// The lanes, most urgent first.
const (
	LaneOTP Lane = iota
	LaneUrgent
	LaneNormal
	LaneBulk
)

// String is the lane's word.
func (l Lane) String() string {
	if l < LaneOTP || l > LaneBulk {
		return fmt.Sprintf("lane(%d)", int(l))
	}
	return [...]string{"otp", "urgent", "normal", "bulk"}[l]
}

// Lanes lists them, most urgent first.
func Lanes() []Lane { return []Lane{LaneOTP, LaneUrgent, LaneNormal, LaneBulk} }

// Message is one intention to tell somebody something: one record of the outbox, and for an account also one line of its inbox.
type Message struct {
	ID      string // unique within the account; deterministic from what caused it
	Rev     string
	Account string // empty for an OTP: its number may not have an account yet
	Kind    MessageKind
	Lane    Lane
	Lang    Lang
	// Route is how it goes now. A push that has not gone by SMSAt goes by SMS instead, at once when there is no device;
	// zero: it never does.
	Route Route
	SMSAt time.Time
	// Anytime: neither quiet hours nor the household's daily cap hold it back. An OTP never is.
	Anytime bool

	To   string // E.164, only where there is no account (OTP); sealed in a store
	Text string // only where nothing renders it later (OTP, an official's own words); sealed in a store

	Program     string         // advice: the program
	PersonID    string         // advice: whom it is about
	Declaration DeclarationRef // advice: where its text comes from
	Status      CaseStatus     // notice without a Text: what has become of the case
	Slot        time.Time      // reminder: when the update that it asks for was due
	Broadcast   string         // broadcast: its id, where its text comes from
	Counted     MessageState   // broadcast: the state that the broadcast's own numbers hold it in; a store sets it

	State     MessageState
	Reason    string // why it stands where it does: a code, never a text of a third party
	Retryable bool   // failed: whether the same message may go through another time
	Attempts  int
	Parts     int      // of the SMS that a gateway has accepted: what it costs; 0 while none has
	Billed    bool     // its parts are in the numbers
	Delivered []string // device ids that already have it, so that a retry skips them
	CreatedAt time.Time
	DueAt     time.Time // not before
	ExpiresAt time.Time // not after
	SentAt    time.Time
}

// Envelope is one rendered message to one address, as handed to a sender.
type Envelope struct {
	ID          string            // the same whenever the same message is sent again
	Account     string            // whose message it is, empty for an OTP; with ID it names the message in a delivery report
	To          string            // E.164 for an SMS, FCM registration token for a push
	Title       string            // push only
	Text        string            // the whole SMS, or the body of the push
	Data        map[string]string // push only: what the app needs to open the message
	CollapseKey string            // push only: a newer one takes the place of an older one that was not shown yet
	TTL         time.Duration     // how long from now it is worth delivering
	Urgent      bool
}

// SendError is what a Sender answers when a message did not go out.
type SendError struct {
	Reason string        // a code: unregistered, throttled, unavailable, rejected, too_long ...
	Retry  bool          // whether trying again makes sense
	After  time.Duration // not before; zero when the other side did not say
	Drop   bool          // the address is dead: forget the push token
	Cause  error         // for the log; never holds an address or a text
}

// Error says the reason.
func (e *SendError) Error() string {
	if e.Cause != nil {
		return "sending: " + e.Reason + ": " + e.Cause.Error()
	}
	return "sending: " + e.Reason
}

// Unwrap gives the cause.
func (e *SendError) Unwrap() error { return e.Cause }
