package gsm

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
			got := Measure(tt.text)
			if got.UCS2 != tt.ucs2 || got.Parts != tt.want {
				t.Errorf("got UCS-2 %t, %d parts; want %t, %d", got.UCS2, got.Parts, tt.ucs2, tt.want)
			}
		})
	}
}

// GSM 03.38's default alphabet has 128 places: 127 characters and the escape to the extension table.
func TestAlphabetIsWhole(t *testing.T) {
	t.Parallel()
	count := map[int]int{}
	for r := range rune(0x3000) {
		count[septets(r)]++
	}
	if count[1] != 127 || count[2] != 10 {
		t.Errorf("got %d and %d characters, want 127 and 10", count[1], count[2])
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Sốt, ĐAU họng, đờm": "Sot, DAU hong, dom",
		"Bà Nội [1]":         "Ba Noi [1]",
		"Anh 😷 Дмитрий":      "Anh ? ???????",
		"ơ Ư ỹ":              "o U y",
		"o\u031b\u0301":      "o", // composed of three
		"":                   "",
	} {
		if got := Plain(text); got != want {
			t.Errorf("Plain(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		limit      Limit
		text       string
		head, rest string
	}{
		{"it fits", Limit{10, false}, " 0123456789 ", "0123456789", ""},
		{"at a word", Limit{10, false}, "mot hai ba bon", "mot hai ba", "bon"},
		{"the blank is just behind", Limit{7, false}, "mot hai ba", "mot hai", "ba"},
		{"at a line", Limit{9, false}, "mot hai\nba bon", "mot hai", "ba bon"},
		{"a long word is torn", Limit{4, false}, "khaibao", "khai", "bao"},
		{"two places a letter", Limit{5, false}, "€€€", "€€", "€"},
		{"not in the alphabet", Limit{10, false}, "ạ", "", "ạ"},
		{"UCS-2", Limit{7, true}, "sốt ho khó", "sốt ho", "khó"},
		{"a surrogate pair stays whole", Limit{3, true}, "😷😷", "😷", "😷"},
		{"nothing", Limit{10, false}, " ", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if head, rest := tt.limit.Cut(tt.text); head != tt.head || rest != tt.rest {
				t.Errorf("got %q and %q, want %q and %q", head, rest, tt.head, tt.rest)
			}
			if got, want := tt.limit.Fits(strings.TrimSpace(tt.text)), tt.rest == ""; got != want {
				t.Errorf("fits: %t, want %t", got, want)
			}
		})
	}
}

// Whatever the text, parts hold what they claim: never fewer than the length needs, and at most one place lost a part.
func FuzzMeasure(f *testing.F) {
	for _, seed := range []string{"", "abc", strings.Repeat("€", 200), "Khai báo y tế 😷", "a\x00b", "\xff\xfe", strings.Repeat("ạ😷", 60)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size := Measure(text)
		one, several := alone, part
		if size.UCS2 {
			one, several = ucs2Alone, ucs2Part
			if want := len(utf16.Encode([]rune(text))); size.Units != want {
				t.Errorf("%d units, want %d", size.Units, want)
			}
		}
		switch {
		case size.Units <= one && size.Parts != 1:
			t.Errorf("%d places fit alone, got %d parts", size.Units, size.Parts)
		case size.Units > one && size.Parts*several < size.Units:
			t.Errorf("%d parts cannot hold %d places", size.Parts, size.Units)
		case size.Units > one && (size.Parts-1)*(several-1) >= size.Units:
			t.Errorf("%d parts are too many for %d places", size.Parts, size.Units)
		}
	})
}

// A text that is cut into pages has everything but its blanks on them, and no page is over the limit.
func FuzzCut(f *testing.F) {
	f.Add("14 ngay qua ban CO: 1 Sot  2 Ho", 20, false)
	f.Add("Khai báo y tế 😷\nhôm nay", 5, true)
	f.Add("\xff\xfe {€} abc", 3, false)
	f.Fuzz(func(t *testing.T, text string, units int, ucs2 bool) {
		limit := Limit{Units: 2 + abs(units)%200, UCS2: ucs2}
		if !ucs2 {
			text = Plain(text)
		}
		var pages strings.Builder
		for rest := text; strings.TrimSpace(rest) != ""; {
			var head string
			if head, rest = limit.Cut(rest); head == "" || !limit.Fits(head) {
				t.Fatalf("the page %q does not fit %v", head, limit)
			}
			pages.WriteString(head)
		}
		if got, want := strings.Join(strings.Fields(pages.String()), ""), strings.Join(strings.Fields(text), ""); got != want {
			t.Errorf("the pages hold %q, want %q", got, want)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}
