package auth

import (
	"regexp"
	"strings"
	"testing"
)

func TestParsePhone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want, problem string }{
		{"+84900000001", phone, ""},
		{"0900000001", phone, ""},
		{" 0900 000 001 ", phone, ""},
		{"+84 (0)900.000-001", phone, ""},
		{"84900000001", phone, ""},
		{"0084900000001", phone, ""},
		{"+84356000001", "+84356000001", ""},
		{"", "", "bad_phone"},
		{"+", "", "bad_phone"},
		{"0900", "", "bad_phone"},
		{"+84100000001", "", "bad_phone"},
		{"+849000000011", "", "bad_phone"},
		{"0900ABCDEF", "", "bad_phone"},
		{"0900000001;ext=5", "", "bad_phone"},
		{"tel:+84900000001", "", "bad_phone"},
		{"+84+900000001", "", "bad_phone"},
		{"٠٩٠٠٠٠٠٠٠١", "", "bad_phone"},
		{"0900000001\x00", "", "bad_phone"},
		{strings.Repeat(" 0", 20), "", "bad_phone"},
		{"02438250000", "", "not_mobile"},  // a landline of Hà Nội
		{"+12015550123", "", "not_mobile"}, // the United States
		{"+447400123456", "", "not_mobile"},
		{"18001090", "", "not_mobile"}, // toll free
	} {
		got, problem := ParsePhone(test.text)
		if got != test.want || problem != test.problem {
			t.Errorf("%q: got %q %q, want %q %q", test.text, got, problem, test.want, test.problem)
		}
	}
}

func FuzzParsePhone(f *testing.F) {
	for _, seed := range []string{"", phone, "0900 000 001", "+12015550123", "(+84)9", "tel:1", "\xff"} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^\+84[0-9]{9}$`)
	f.Fuzz(func(t *testing.T, text string) {
		got, problem := ParsePhone(text)
		if (got == "") == (problem == "") {
			t.Fatalf("%q: got %q and %q", text, got, problem)
		}
		if got == "" {
			return
		}
		if !form.MatchString(got) {
			t.Errorf("%q: %q is not a Vietnamese number in E.164", text, got)
		}
		if again, _ := ParsePhone(got); again != got {
			t.Errorf("%q: %q reads as %q", text, got, again)
		}
	})
}
