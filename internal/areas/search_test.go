package areas

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestFold(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"Nguyễn Văn ĐỨC", "nguyen van duc"},
		{norm.NFD.String("Nguyễn Văn ĐỨC"), "nguyen van duc"},
		{"  Trần\tThị \u00a0 Ánh\n", "tran thi anh"},
		{"Hoà Hòa", "hoa hoa"},
		{"Lê\u200bVăn\u202e", "levan"},
		{"Ｌê １", "le 1"},
		{"김 철수", "김 철수"},
		{"İstanbul Straße", "istanbul straße"},
		{"Ea H'Leo", "ea h'leo"},
		{"", ""},
		{"\u0301", ""},
		{"bad \xff\xfe utf8", "bad utf8"},
	}
	for _, test := range tests {
		if got := Fold(test.in); got != test.want {
			t.Errorf("Fold(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	d := load(t)
	tests := []struct {
		q    string
		want []string // the first results
	}{
		{"Hà Nội", []string{"01"}},
		{"hanoi", []string{"01"}},
		{"ha noi", []string{"01"}},
		{"thành phố hà nội", []string{"01"}},
		{"tp hcm", []string{"79"}},
		{"TP. Hồ Chí Minh", []string{"79"}},
		{"hcm", []string{"79"}},
		{"đắk lắk", []string{"66"}},
		{"xã bắc sơn lạng sơn", []string{"06325"}},
		{"bac son lang son", []string{"06325"}},
		{"Xã Bắc Sơn, Tỉnh Lạng Sơn", []string{"06325"}},
		{"bac so lang s", []string{"06325"}},
		{"ea hleo", []string{communeNamed(t, d, "Xã Ea H'Leo")}},
		{"Ea H’Leo", []string{communeNamed(t, d, "Xã Ea H'Leo")}},
		{"quốc tử giám", []string{communeNamed(t, d, "Phường Văn Miếu - Quốc Tử Giám")}},
		{"đặc khu hoàng sa", []string{"20333"}},
		{"hoàng sa", []string{"20333"}},
	}
	for _, test := range tests {
		got := codes(d.Search(test.q, 5))
		if len(got) < len(test.want) || !slices.Equal(got[:len(test.want)], test.want) {
			t.Errorf("Search(%q) = %v, want first %v", test.q, got, test.want)
		}
	}
}

func communeNamed(t *testing.T, d *Directory, name string) string {
	t.Helper()
	for code, a := range d.byCode {
		if a.Name == name {
			return code
		}
	}
	t.Fatalf("no area is called %q", name)
	return ""
}

func TestSearchOrder(t *testing.T) {
	t.Parallel()
	d := load(t)
	results := d.Search("bac", 1000)
	fits := make([]int, len(results))
	for i, a := range results {
		e := newEntry(a)
		fits[i] = e.fit(newPhrase([]string{"bac"}))
	}
	if len(results) < 20 || !slices.IsSorted(fits) {
		t.Errorf("%d results with fits %v", len(results), fits)
	}
	if got, want := results[0].Code, "24"; got != want {
		t.Errorf("the first for bac is %s, want the province %s", got, want)
	}
	if first := d.Search("bạc", 1); len(first) != 1 || !strings.Contains(strings.ToLower(first[0].Name), "bạc") {
		t.Errorf("the first for bạc is %v", first)
	}
}

func TestSearchFindsNothing(t *testing.T) {
	t.Parallel()
	d := load(t)
	for _, q := range []string{"", "   ", "...", "atlantis", "ba\u0323c zzz", strings.Repeat("a ", 10000)} {
		if got := d.Search(q, 10); len(got) != 0 {
			t.Errorf("Search(%.20q) = %v, want nothing", q, got)
		}
	}
	if got := d.Search("bac", 0); len(got) != 0 {
		t.Errorf("limit 0 gives %v", got)
	}
}

func TestSearchFindsEveryAreaByItsName(t *testing.T) {
	t.Parallel()
	d := load(t)
	for _, a := range d.Provinces() {
		if got := d.Search(Fold(a.Name), 1); len(got) != 1 || got[0].Code != a.Code {
			t.Errorf("Search(%q) = %v", a.Name, got)
		}
	}
	communes, _ := d.Communes("66")
	for _, c := range communes {
		if got := codes(d.SearchIn("66", c.Name, 10)); !slices.Contains(got, c.Code) {
			t.Errorf("SearchIn(66, %q) = %v", c.Name, got)
		}
	}
}

func TestSearchIn(t *testing.T) {
	t.Parallel()
	d := load(t)
	got := d.SearchIn("20", "bac son", 10)
	if len(got) == 0 || got[0].Code != "06325" {
		t.Errorf("SearchIn(20) = %v", got)
	}
	for _, a := range got {
		if a.Parent != "20" {
			t.Errorf("SearchIn(20) found %v", a)
		}
	}
	if got := d.SearchIn("99", "bac", 10); len(got) != 0 {
		t.Errorf("an unknown province holds %v", got)
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"Nguyễn Văn ĐỨC", "İ", "K", "a\u0301\u0323", "\xff", "ǅ", "ẞ", "\u1e9e \u200d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded := Fold(s)
		if !utf8.ValidString(folded) {
			t.Errorf("Fold(%q) = %q is not UTF-8", s, folded)
		}
		if again := Fold(folded); again != folded {
			t.Errorf("Fold(%q) = %q, folded again %q", s, folded, again)
		}
		if decomposed := Fold(norm.NFD.String(s)); decomposed != folded {
			t.Errorf("Fold(%q) = %q, decomposed %q", s, folded, decomposed)
		}
		if strings.Contains(folded, "  ") || strings.TrimSpace(folded) != folded {
			t.Errorf("Fold(%q) = %q has stray spaces", s, folded)
		}
	})
}

func FuzzSearch(f *testing.F) {
	d := load(f)
	for _, q := range []string{"bac son lang son", "tp hcm", "xã", "thành", "đặc", "'", "1"} {
		f.Add(q, 5)
	}
	f.Fuzz(func(t *testing.T, q string, limit int) {
		got := d.Search(q, limit)
		if len(got) > max(limit, 0) {
			t.Errorf("%d results, limit %d", len(got), limit)
		}
		for _, a := range got {
			if known, ok := d.Get(a.Code); !ok || known != a {
				t.Errorf("found %v, which is not in the directory", a)
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load(b)
	}
}

func BenchmarkSearch(b *testing.B) {
	d := load(b)
	for b.Loop() {
		d.Search("xa bac son lang son", 20)
	}
}
