package sms

import (
	"strings"
	"testing"
	"unicode/utf16"
)

func TestParts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		text string
		ucs2 bool
		want int
	}{
		{"empty", "", false, 1},
		{"160 fit alone", strings.Repeat("a", 160), false, 1},
		{"161 are two", strings.Repeat("a", 161), false, 2},
		{"two full parts", strings.Repeat("a", 306), false, 2},
		{"one more", strings.Repeat("a", 307), false, 3},
		{"three full parts", strings.Repeat("a", 459), false, 3},
		{"one more than three", strings.Repeat("a", 460), false, 4},
		{"80 of the extension table fit alone", strings.Repeat("€", 80), false, 1},
		{"a pair is not torn: 76 a part", strings.Repeat("€", 153), false, 3},
		{"Latin of the default alphabet", "àéèìòùñÑäöüÄÖÜßÆæØøÅå@£$¥", false, 1},
		{"a Vietnamese letter", "Bạn có một tin nhắn mới.", true, 1},
		{"70 fit alone", strings.Repeat("ạ", 70), true, 1},
		{"71 are two", strings.Repeat("ạ", 71), true, 2},
		{"two full parts of UCS-2", strings.Repeat("ạ", 134), true, 2},
		{"one more of UCS-2", strings.Repeat("ạ", 135), true, 3},
		{"a surrogate pair takes two", strings.Repeat("😷", 35), true, 1},
		{"and is not torn: 33 a part", strings.Repeat("😷", 67), true, 3},
		{"a backtick is outside the alphabet", "`", true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ucs2, got := newAlphabet().parts(tt.text)
			if ucs2 != tt.ucs2 || got != tt.want {
				t.Errorf("got UCS-2 %t, %d parts; want %t, %d", ucs2, got, tt.ucs2, tt.want)
			}
		})
	}
}

// GSM 03.38's default alphabet has 128 places: 127 characters and the escape to the extension table.
func TestAlphabetIsWhole(t *testing.T) {
	t.Parallel()
	count := map[int]int{}
	for _, places := range newAlphabet() {
		count[places]++
	}
	if count[1] != 127 || count[2] != 10 {
		t.Errorf("got %d and %d characters, want 127 and 10", count[1], count[2])
	}
}

// Whatever the text, parts hold what they claim: never fewer than the length needs, and at most one place lost a part.
func FuzzParts(f *testing.F) {
	for _, seed := range []string{"", "abc", strings.Repeat("€", 200), "Khai báo y tế 😷", "a\x00b", "\xff\xfe", strings.Repeat("ạ😷", 60)} {
		f.Add(seed)
	}
	gsm := newAlphabet()
	f.Fuzz(func(t *testing.T, text string) {
		ucs2, n := gsm.parts(text)
		alone, part, places := gsmAlone, gsmPart, 0
		if ucs2 {
			alone, part = ucs2Alone, ucs2Part
			places = len(utf16.Encode([]rune(text)))
		} else {
			for _, r := range text {
				places += gsm[r]
			}
		}
		switch {
		case places <= alone && n != 1:
			t.Errorf("%d places fit alone, got %d parts", places, n)
		case places > alone && n*part < places:
			t.Errorf("%d parts cannot hold %d places", n, places)
		case places > alone && (n-1)*(part-1) >= places:
			t.Errorf("%d parts are too many for %d places", n, places)
		}
	})
}
