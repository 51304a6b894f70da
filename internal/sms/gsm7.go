package sms

import "unicode/utf16"

// The alphabet of an SMS: GSM 03.38's default alphabet and its extension table, whose characters take two places.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€"
)

// How much one message holds, alone and as one of several parts.
const (
	gsmAlone, gsmPart   = 160, 153
	ucs2Alone, ucs2Part = 70, 67
)

// alphabet tells how many places a character takes in the GSM alphabet.
type alphabet map[rune]int

func newAlphabet() alphabet {
	places := alphabet{}
	for _, r := range gsmBasic {
		places[r] = 1
	}
	for _, r := range gsmExtended {
		places[r] = 2
	}
	return places
}

// parts tells whether a text needs UCS-2 (a character lies outside the GSM alphabet) and how many parts it takes.
// A character of two places is never torn between two parts. An empty text is one part.
func (a alphabet) parts(text string) (ucs2 bool, n int) {
	gsm := make([]int, 0, len(text))
	for _, r := range text {
		places, ok := a[r]
		if !ok {
			return true, count(ucs2Places(text), ucs2Alone, ucs2Part)
		}
		gsm = append(gsm, places)
	}
	return false, count(gsm, gsmAlone, gsmPart)
}

func ucs2Places(text string) []int {
	out := make([]int, 0, len(text))
	for _, r := range text {
		out = append(out, utf16.RuneLen(r))
	}
	return out
}

// count fills parts one after the other; what fits into one message alone is one.
func count(places []int, alone, part int) int {
	total, parts, used := 0, 1, 0
	for _, n := range places {
		total += n
		if used+n > part {
			parts, used = parts+1, 0
		}
		used += n
	}
	if total <= alone {
		return 1
	}
	return parts
}
