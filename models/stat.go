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
