package areas

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold gives the form in which names are compared: lower case, without diacritics (đ is d), with single spaces and no
// invisible characters. "Nguyễn  Văn ĐỨC" is "nguyen van duc", composed or decomposed. Punctuation stays. Folding a
// folded text changes nothing.
func Fold(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	gap := false
	for _, r := range norm.NFKD.String(strings.ToLower(norm.NFKD.String(strings.ToValidUTF8(s, "")))) {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Variation_Selector) || r == unicode.ReplacementChar:
			continue
		case unicode.IsSpace(r) || unicode.IsControl(r):
			gap = out.Len() > 0
			continue
		case r == 'đ':
			r = 'd'
		}
		if gap {
			out.WriteByte(' ')
			gap = false
		}
		out.WriteRune(r)
	}
	return norm.NFC.String(out.String())
}
