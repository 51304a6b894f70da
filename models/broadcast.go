package models

import (
	"slices"
	"time"
)

// BroadcastPurpose says why officials write to many people at once.
type BroadcastPurpose string

// The purposes. An alert goes to everybody it is meant for; news only to those who consented to it.
const (
	BroadcastAlert BroadcastPurpose = "alert"
	BroadcastNews  BroadcastPurpose = "news"
)

// BroadcastStatus is how far a broadcast is.
type BroadcastStatus string

// The statuses. Running is also one that waits for quiet hours to end, or for Firebase to come back.
const (
	BroadcastDraft     BroadcastStatus = "draft"
	BroadcastRunning   BroadcastStatus = "running"
	BroadcastDone      BroadcastStatus = "done"
	BroadcastExpired   BroadcastStatus = "expired" // its time was over before everybody was reached
	BroadcastCancelled BroadcastStatus = "cancelled"
)

// Audience is whom a broadcast is meant for: households with somebody living in the area or, with Levels, those of people
// with an open case in the area whose latest level is among them. Each household is one recipient.
type Audience struct {
	Area   Area
	Levels []Level
	News   bool // only households that consented to news
}

// Words is a text in the product's languages. English may be empty.
type Words struct {
	Vietnamese string
	English    string
}

// In gives the text in a language, Vietnamese where there is no other.
func (w Words) In(lang Lang) string {
	if lang == English && w.English != "" {
		return w.English
	}
	return w.Vietnamese
}

// Broadcast is one text for many households, written by an official.
type Broadcast struct {
	ID       string
	Rev      string
	Author   string // login
	Area     Area
	Province string // of the area; empty for the nation
	Levels   []Level
	Purpose  BroadcastPurpose
	Text     Words         // sealed in a store
	SMS      bool          // by SMS to those whom a push cannot reach
	Urgent   bool          // alerts only: quiet hours and the daily cap do not hold it
	Lasts    time.Duration // from the start; what has not gone out by then expires

	Status      BroadcastStatus
	CreatedAt   time.Time
	Recipients  int64 // counted when it was drafted, and again when it started
	ApprovedBy  string
	ApprovedAt  time.Time
	StartedBy   string
	StartedAt   time.Time
	ExpiresAt   time.Time
	CancelledBy string
	EndedAt     time.Time

	// Active is true while a worker has something to do for it.
	Active bool
	// Cursor is the last account of the chunks that are done, and Counted what their messages were when the chunk was
	// done. What became of a message afterwards is counted beside it: see Progress.
	Cursor  string
	Counted map[MessageState]int64
}

// Audience gives whom it is meant for.
func (b *Broadcast) Audience() Audience {
	return Audience{b.Area, b.Levels, b.Purpose == BroadcastNews}
}

// Progress is what became of a broadcast's messages so far, by state.
type Progress map[MessageState]int64

// Done is how many households have their message, whatever became of it.
func (p Progress) Done() int64 {
	var n int64
	for _, of := range p {
		n += of
	}
	return n
}

// SameRequest tells whether two drafts ask for the same.
func (b *Broadcast) SameRequest(other *Broadcast) bool {
	return b.Author == other.Author && b.Area == other.Area && slices.Equal(b.Levels, other.Levels) && b.Purpose == other.Purpose &&
		b.Text == other.Text && b.SMS == other.SMS && b.Urgent == other.Urgent && b.Lasts == other.Lasts
}

// MessageID gives the id of a broadcast's message, the same in every household's inbox, where it sorts by the start.
func (b *Broadcast) MessageID() string { return TimeID(b.StartedAt, "broadcast|"+b.ID) }
