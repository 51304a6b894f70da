package areas

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"khaibao/models"
)

func load(t testing.TB) *Directory {
	t.Helper()
	d, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLoadCounts(t *testing.T) {
	t.Parallel()
	d := load(t)
	provinces := d.Provinces()
	if got, want := len(provinces), 34; got != want {
		t.Errorf("%d provinces, want %d", got, want)
	}
	communes := 0
	for _, p := range provinces {
		list, ok := d.Communes(p.Code)
		if !ok || len(list) == 0 {
			t.Errorf("province %s has no communes", p.Code)
		}
		communes += len(list)
	}
	if got, want := communes, 3321; got != want {
		t.Errorf("%d communes, want %d", got, want)
	}
	if _, ok := d.Communes("99"); ok {
		t.Error("there are communes in a province that does not exist")
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	d := load(t)
	tests := []struct {
		code string
		want Area
		ok   bool
	}{
		{"VN", Area{"VN", "Việt Nam", "Vietnam", LevelNation, ""}, true},
		{"75", Area{"75", "Thành phố Đồng Nai", "Dong Nai City", LevelProvince, "VN"}, true},
		{"06325", Area{"06325", "Xã Bắc Sơn", "Bac Son Commune", LevelCommune, "20"}, true},
		{"02", Area{}, false}, // Hà Giang, merged
		{"", Area{}, false},
		{"6325", Area{}, false},
	}
	for _, test := range tests {
		got, ok := d.Get(test.code)
		if diff := cmp.Diff(test.want, got); diff != "" || ok != test.ok {
			t.Errorf("Get(%q): %v, (-want +got):\n%s", test.code, ok, diff)
		}
	}
	if got, want := mustGet(t, d, "06325").In(models.English), "Bac Son Commune"; got != want {
		t.Errorf("in English %q, want %q", got, want)
	}
	if got, want := mustGet(t, d, "06325").In(models.Vietnamese), "Xã Bắc Sơn"; got != want {
		t.Errorf("in Vietnamese %q, want %q", got, want)
	}
}

func mustGet(t *testing.T, d *Directory, code string) Area {
	t.Helper()
	a, ok := d.Get(code)
	if !ok {
		t.Fatalf("no area %q", code)
	}
	return a
}

func TestCallersCannotChangeTheDirectory(t *testing.T) {
	t.Parallel()
	d := load(t)
	d.Provinces()[0].Name = "changed"
	list, _ := d.Communes("01")
	list[0].Name = "changed"
	again, _ := d.Communes("01")
	if d.Provinces()[0].Name == "changed" || again[0].Name == "changed" {
		t.Error("a caller's change reached the directory")
	}
}

func TestCommune(t *testing.T) {
	t.Parallel()
	d := load(t)
	tests := []struct {
		name, code, want string
		candidates       []string
	}{
		{"of today", "06325", "06325", nil},
		{"former, one successor", "06970", "06978", nil},
		{"current today and split meanwhile", splitButCurrent(t, d), splitButCurrent(t, d), nil},
		{"province", "01", "", nil},
		{"nation", "VN", "", nil},
		{"unknown", "99999", "", nil},
		{"empty", "", "", nil},
		{"former, several successors", "00007", "", []string{"00008", "00025"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, candidates, ok := d.Commune(test.code)
			if got.Code != test.want || ok != (test.want != "") {
				t.Errorf("Commune(%q) = %q, %v, want %q", test.code, got.Code, ok, test.want)
			}
			if diff := cmp.Diff(test.candidates, codes(candidates)); diff != "" {
				t.Errorf("candidates (-want +got):\n%s", diff)
			}
			wrong := ""
			today, problem := d.Today(test.code)
			if problem != nil {
				wrong = problem.Code
			}
			want := map[bool]string{true: "", false: "unknown_area"}[ok]
			if len(test.candidates) > 0 {
				want = "ambiguous_area"
			}
			if today != test.want || wrong != want {
				t.Errorf("Today(%q) = %q, %q, want %q, %q", test.code, today, wrong, test.want, want)
			}
		})
	}
}

// splitButCurrent is a code of today whose former area went to several communes.
func splitButCurrent(t *testing.T, d *Directory) string {
	t.Helper()
	rows, err := readTables(embedded)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows.formerCommunes[1:] {
		if _, current := d.Get(row.former); current && rows.formerCommunes[i].former == row.former {
			return row.former
		}
	}
	t.Fatal("no such code")
	return ""
}

func codes(areas []Area) []string {
	var out []string
	for _, a := range areas {
		out = append(out, a.Code)
	}
	return out
}

func TestEveryFormerCommuneLeadsSomewhere(t *testing.T) {
	t.Parallel()
	d := load(t)
	rows, err := readTables(embedded)
	if err != nil {
		t.Fatal(err)
	}
	former := map[string]bool{}
	for _, row := range rows.formerCommunes {
		former[row.former] = true
	}
	if got, want := len(former), 10035; got != want {
		t.Errorf("%d former communes, want %d", got, want)
	}
	for code := range former {
		commune, candidates, ok := d.Commune(code)
		if ok == (len(candidates) > 0) || (ok && commune.Level != LevelCommune) || len(candidates) == 1 {
			t.Errorf("Commune(%q) = %v, %v, %v", code, commune, candidates, ok)
		}
	}
}

func TestProvince(t *testing.T) {
	t.Parallel()
	d := load(t)
	for code, want := range map[string]string{"01": "01", "02": "08", "74": "79", "96": "96", "97": "", "VN": "", "06325": ""} {
		got, ok := d.Province(code)
		if got.Code != want || ok != (want != "") {
			t.Errorf("Province(%q) = %q, %v, want %q", code, got.Code, ok, want)
		}
	}
	if got, want := len(d.formerProvinces), 63; got != want {
		t.Errorf("%d former provinces, want %d", got, want)
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	d := load(t)
	for _, c := range []struct {
		scope, area models.Area
		want        bool
	}{
		{"VN", "VN", true}, {"VN", "20", true}, {"VN", "06325", true},
		{"20", "20", true}, {"20", "06325", true}, {"20", "VN", false}, {"20", "01", false}, {"01", "06325", false},
		{"06325", "06325", true}, {"06325", "06004", false}, {"06325", "20", false},
		{"VN", "99", false}, {"VN", "99999", false}, {"VN", "", false}, {"", "", false}, {"", "20", false},
	} {
		if got := d.Holds(c.scope, c.area); got != c.want {
			t.Errorf("%q holds %q: %v, want %v", c.scope, c.area, got, c.want)
		}
	}
}

func TestValidScope(t *testing.T) {
	t.Parallel()
	d := load(t)
	for area, want := range map[models.Area]bool{"VN": true, "01": true, "06325": true, "02": false, "06970": false, "": false, "vn": false} {
		if got := d.ValidScope(area); got != want {
			t.Errorf("ValidScope(%q) = %v, want %v", area, got, want)
		}
	}
}

func TestDigestFollowsTheData(t *testing.T) {
	t.Parallel()
	d := load(t)
	if again := load(t); again.Digest() != d.Digest() || len(d.Digest()) != 32 {
		t.Errorf("digests %q and %q", d.Digest(), again.Digest())
	}
	changed, err := readTables(files(map[string]string{"units.csv": "01,Tỉnh A,A Province,province,\n"}))
	if err != nil {
		t.Fatal(err)
	}
	other, err := newDirectory(changed)
	if err != nil {
		t.Fatal(err)
	}
	if other.Digest() == d.Digest() {
		t.Error("other data has the same digest")
	}
}

// files are small tables: what stands below the header of each.
func files(rows map[string]string) fstest.MapFS {
	heads := map[string]string{
		"units.csv":            "code,name_vi,name_en,level,parent_code\n",
		"former_communes.csv":  "former,today\n",
		"former_provinces.csv": "former,today\n",
	}
	out := fstest.MapFS{}
	for name, head := range heads {
		out["data/"+name] = &fstest.MapFile{Data: []byte(head + rows[name])}
	}
	return out
}

func TestTablesThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	const province = "01,Tỉnh A,A Province,province,\n"
	tests := map[string]struct {
		rows map[string]string
		want string
	}{
		"code twice":               {map[string]string{"units.csv": province + province}, "01 stands twice"},
		"commune of nowhere":       {map[string]string{"units.csv": "00001,Xã B,B Commune,commune,01\n"}, `"00001"`},
		"unknown level":            {map[string]string{"units.csv": "01,Tỉnh A,A Province,region,\n"}, `"region"`},
		"successor is no commune":  {map[string]string{"units.csv": province, "former_communes.csv": "00002,01\n"}, "no commune of today"},
		"successor is no province": {map[string]string{"units.csv": province, "former_provinces.csv": "02,03\n"}, "no province of today"},
		"short row":                {map[string]string{"units.csv": "01,Tỉnh A\n"}, "units.csv"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tables, err := readTables(files(test.rows))
			if err == nil {
				_, err = newDirectory(tables)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	wrong := files(nil)
	wrong["data/units.csv"].Data = []byte("id,name\n")
	if _, err := readTables(wrong); err == nil || !strings.Contains(err.Error(), "header") {
		t.Errorf("wrong header: %v", err)
	}
	delete(wrong, "data/units.csv")
	if _, err := readTables(wrong); err == nil {
		t.Error("a missing table was accepted")
	}
}

func TestCommunesAreInOrder(t *testing.T) {
	t.Parallel()
	d := load(t)
	list, _ := d.Communes("79")
	if !slices.IsSorted(codes(list)) || !slices.IsSorted(codes(d.Provinces())) {
		t.Error("areas are not in the order of their codes")
	}
}
