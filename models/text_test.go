package models

import "testing"

func TestPasted(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"sốt\tho":                        "sốt ho",
		"một\r\nhai\nba":                 "một\nhai\nba",
		"38,5\u00a0°C\u202fkhó\u2003thở": "38,5 °C khó thở",
		"\ufeffkhó\u00ad thở\u200b":      "khó thở",
		"a\u202eb":                       "a\u202eb",
		"a\x00b":                         "a\x00b",
		"":                               "",
	} {
		if got := Pasted(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
