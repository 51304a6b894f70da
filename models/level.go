package models

import "fmt"

// Level says how serious a decision is. Levels are ordered: a higher one needs faster action.
// On the wire and in programs it is the lower-case word; in a store it is the number, so that it sorts.
type Level int

// The levels, from "nothing to do" to "call 115 now".
const (
	LevelNone Level = iota
	LevelLow
	LevelModerate
	LevelHigh
	LevelEmergency
)

var levelWords = []string{"none", "low", "moderate", "high", "emergency"}

// Levels lists every level, lowest first.
func Levels() []Level {
	return []Level{LevelNone, LevelLow, LevelModerate, LevelHigh, LevelEmergency}
}

// ParseLevel turns the word of a level into the level; it fails on any other word.
func ParseLevel(word string) (Level, error) {
	for i, w := range levelWords {
		if w == word {
			return Level(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not a level", word)
}

// Flagged tells whether the level puts a person on the officials' list: moderate or above.
func (l Level) Flagged() bool { return l >= LevelModerate }

// String is the level's word, "none" to "emergency".
func (l Level) String() string {
	if l < 0 || int(l) >= len(levelWords) {
		return fmt.Sprintf("level(%d)", int(l))
	}
	return levelWords[l]
}

// MarshalText writes the level's word.
func (l Level) MarshalText() ([]byte, error) {
	if l < 0 || int(l) >= len(levelWords) {
		return nil, fmt.Errorf("no level %d", int(l))
	}
	return []byte(levelWords[l]), nil
}

// UnmarshalText reads the level's word.
func (l *Level) UnmarshalText(text []byte) error {
	parsed, err := ParseLevel(string(text))
	if err != nil {
		return err
	}
	*l = parsed
	return nil
}
