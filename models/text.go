package models

import (
	"strings"
	"unicode"
)

// Pasted brings what came from another program into plain characters: every blank is a space, lines end in "\n", and what
// shows nothing, such as a soft hyphen, is left out. What turns the direction of letters stays, for the caller to refuse.
func Pasted(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", "\n"))
}
