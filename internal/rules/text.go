package rules

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"khaibao/internal/gsm"
)

// How long texts may be, in characters.
const (
	maxText        = 600
	maxAdvice      = 1500
	maxShort       = 60  // a line of a keypad screen
	maxAdviceShort = 306 // two parts of an SMS
)

// notPlain gives the first character that is not both ASCII and in the basic GSM 7-bit alphabet: only those are one
// letter long in every SMS and on every handset.
func notPlain(text string) (rune, bool) {
	for _, r := range text {
		plain := r == '\n' || (r >= ' ' && r <= '~' && !strings.ContainsRune("[]{}\\^~|`", r))
		if !plain {
			return r, true
		}
	}
	return 0, false
}

// cleanText brings what somebody typed into its one form: composed letters, "\n" line ends, no blanks around it.
func cleanText(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.TrimSpace(norm.NFC.String(text))
}

// forbidden tells whether a text holds what no answer needs and what could deceive its reader: broken UTF-8, control
// characters, and marks that turn the direction of writing.
func forbidden(text string) bool {
	if !utf8.ValidString(text) {
		return true
	}
	return strings.ContainsFunc(text, func(r rune) bool {
		return (unicode.IsControl(r) && r != '\n') || unicode.Is(unicode.Bidi_Control, r) ||
			r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == utf8.RuneError || unicode.Is(unicode.Noncharacter_Code_Point, r)
	})
}

// pointer is the JSON pointer of an answer.
func pointer(question string) string {
	return "/answers/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(question)
}

// LowerFirst begins a text in lower case unless its first word is an abbreviation.
func LowerFirst(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	second, _ := utf8.DecodeRuneInString(text[size:])
	if unicode.IsUpper(second) || unicode.IsDigit(second) || !unicode.IsUpper(first) {
		return text
	}
	return string(unicode.ToLower(first)) + text[size:]
}

// texts takes a text over, with its length checked.
func (d *decoder) texts(node *textsNode, limit int) texts {
	for _, w := range []*word{&node.VI, &node.EN} {
		switch {
		case w.line == 0: // missing: said already
		case w.empty():
			d.problem(w.mark, "every text is there in Vietnamese and in English", "the text is empty")
		case utf8.RuneCountInString(w.value) > limit:
			d.problem(w.mark, "say it in fewer words", "the text is longer than %d characters", limit)
		case forbidden(w.value):
			d.problem(w.mark, "type it anew", "the text holds control characters")
		}
	}
	return texts{norm.NFC.String(strings.TrimSpace(node.VI.value)), norm.NFC.String(strings.TrimSpace(node.EN.value))}
}

// briefs is a short text for keypads and SMS, as its author wrote it and in plain letters.
type briefs struct{ written, plain texts }

// brief takes over a short text; without one the full text serves. In plain letters it is what every handset shows.
func (d *decoder) brief(node *textsNode, full texts, at mark, limit int) briefs {
	written, vi, en := full, at, at
	if node != nil {
		written = d.texts(node, limit)
		vi, en = node.VI.mark, node.EN.mark
	}
	b := briefs{written, texts{gsm.Unaccented(written.vi), gsm.Unaccented(written.en)}}
	d.plain(b.plain.vi, vi, limit)
	d.plain(b.plain.en, en, limit)
	return b
}

func (d *decoder) plain(text string, at mark, limit int) {
	if at.line == 0 {
		return
	}
	if r, ok := notPlain(text); ok {
		d.problem(at, "SMS and USSD carry plain letters only, besides the accents of Vietnamese; give a short text", "%q cannot be sent by SMS", string(r))
		return
	}
	if utf8.RuneCountInString(text) > limit {
		d.problem(at, "give a short text of fewer letters", "the text is too long for a keypad: %s", fmt.Sprintf("%d letters at most", limit))
	}
}
