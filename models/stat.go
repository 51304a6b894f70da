package models

// Stat is one number: how many forms of a program were received for a local day in an area, by channel and level.
type Stat struct {
	Program string
	Area    Area
	Day     string // of occurred_at, "2006-01-02"
	Form    Form
	Channel Channel
	Level   Level
	Count   int64
}

// MessageStat is what messages of a kind cost on a local day: how many a gateway accepted, and in how many parts.
type MessageStat struct {
	Program  string // empty: of none, such as one-time codes
	Day      string // "2006-01-02"
	Route    Route
	Kind     MessageKind
	Messages int64
	Parts    int64
}
