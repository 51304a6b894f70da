// Package gsm knows how much text a mobile network carries: the GSM 7-bit alphabet of GSM 03.38 and its extension table,
// UCS-2 for everything else, the parts of an SMS and the screens of a USSD session. It is pure.
package gsm

import (
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
)

// The default alphabet, and the extension table, whose characters take two places.
const (
	basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extended = "\f^{}\\[~]|€"
)

// How much one SMS holds, alone and as one of several parts, and one screen of USSD (160 octets).
const (
	alone, part         = 160, 153
	ucs2Alone, ucs2Part = 70, 67
	screen, ucs2Screen  = 182, 80
)

// Size is how much a text takes on its way.
type Size struct {
	UCS2  bool // a character lies outside the GSM alphabet
	Units int  // septets, or 16-bit units of UCS-2
	Parts int  // of an SMS; an empty text is one
}

// Measure tells the size of a text. A character of two units is never torn between two parts.
func Measure(text string) Size {
	size := Size{UCS2: !Carries(text)}
	one, several, unit := alone, part, septets
	if size.UCS2 {
		one, several, unit = ucs2Alone, ucs2Part, utf16Units
	}
	used := 0
	size.Parts = 1
	for _, r := range text {
		n := unit(r)
		size.Units += n
		if used+n > several {
			size.Parts, used = size.Parts+1, 0
		}
		used += n
	}
	if size.Units <= one {
		size.Parts = 1
	}
	return size
}

// Carries tells whether the GSM alphabet has every character of a text.
func Carries(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return septets(r) == 0 })
}

// septets is how many places a character takes in the GSM alphabet; 0 when it has none.
func septets(r rune) int {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= ' ' && r <= '?':
		return 1
	case strings.ContainsRune(basic, r):
		return 1
	case strings.ContainsRune(extended, r):
		return 2
	}
	return 0
}

func utf16Units(r rune) int { return max(utf16.RuneLen(r), 1) }

// Unaccented writes Vietnamese in plain letters: "Sốt, đau họng" becomes "Sot, dau hong".
func Unaccented(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == 'đ':
			return 'd'
		case r == 'Đ':
			return 'D'
		case unicode.Is(unicode.Mn, r):
			return -1
		}
		return r
	}, norm.NFD.String(text))
}

// Plain writes a text so that every handset shows it: unaccented, and "?" for what the GSM alphabet has no letter for.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		if septets(r) == 0 {
			return '?'
		}
		return r
	}, Unaccented(text))
}

// Limit is how much one screen or message holds. One that is not UCS2 holds nothing outside the GSM alphabet.
type Limit struct {
	Units int
	UCS2  bool
}

// Screen is one screen of USSD: 182 septets, or 80 units where the gateway carries UCS-2.
func Screen(ucs2 bool) Limit {
	if ucs2 {
		return Limit{ucs2Screen, true}
	}
	return Limit{screen, false}
}

// Fits tells whether a text fits as a whole.
func (l Limit) Fits(text string) bool { return l.prefix(text) == len(text) }

// prefix is how many bytes of a text fit.
func (l Limit) prefix(text string) int {
	used := 0
	for i, r := range text {
		n := utf16Units(r)
		if !l.UCS2 {
			if n = septets(r); n == 0 {
				return i
			}
		}
		if used += n; used > l.Units {
			return i
		}
	}
	return len(text)
}

// Cut gives the longest beginning of a text that fits, cut after a line or a word where there is one, and the rest, both
// without blanks at the cut. Nothing but blanks is lost. head is empty when not even the first character fits.
func (l Limit) Cut(text string) (head, rest string) {
	text = strings.TrimSpace(text)
	end := l.prefix(text)
	if end == len(text) {
		return text, ""
	}
	if gap := strings.LastIndexFunc(text[:end+1], unicode.IsSpace); gap > 0 {
		end = gap
	}
	return strings.TrimSpace(text[:end]), strings.TrimSpace(text[end:])
}
