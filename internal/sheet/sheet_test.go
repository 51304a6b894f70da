package sheet

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
)

var columns = []Column{{"name", "Họ tên"}, {"note", "Ghi chú"}}

var rows = [][]string{
	{"Nguyễn Thị Ánh", "sốt, \"ho\"\nkhó thở"}, {"=1+1", "+84901234567"}, {"-2", "@SUM(A1)"}, {"\tx", "＝1"}, {"", "'"},
	{"0901230001", "001099012345"}, {"12E34", "2026-11-24 08:00:00"},
}

func write(t *testing.T, f Format) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := New(f, &out, columns, "quan.ly & 24/11/2026")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Excel knows the file as UTF-8, and no cell of it begins like a formula.
func TestCSV(t *testing.T) {
	t.Parallel()
	out, found := bytes.CutPrefix(write(t, CSV), []byte{0xef, 0xbb, 0xbf})
	if !found {
		t.Error("no byte order mark")
	}
	got, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"Họ tên", "Ghi chú"}, {"Nguyễn Thị Ánh", "sốt, \"ho\"\nkhó thở"}, {"'=1+1", "'+84901234567"}, {"'-2", "'@SUM(A1)"}, {"'\tx", "'＝1"}, {"", "'"},
		{"\t0901230001", "\t001099012345"}, {"\t12E34", "2026-11-24 08:00:00"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestXLSX(t *testing.T) {
	t.Parallel()
	file, err := excelize.OpenReader(bytes.NewReader(write(t, XLSX)))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err := file.GetRows(sheetName)
	if err != nil {
		t.Fatal(err)
	}
	want := append([][]string{{"Họ tên", "Ghi chú"}}, rows...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for row := 1; row <= len(want); row++ {
		cell, _ := excelize.CoordinatesToCellName(1, row)
		if formula, err := file.GetCellFormula(sheetName, cell); err != nil || formula != "" {
			t.Errorf("%s computes %q %v", cell, formula, err)
		}
	}
	props, err := file.GetDocProps()
	if err != nil || !strings.Contains(props.Description, "quan.ly & 24/11/2026") {
		t.Errorf("the mark is %q, %v", props.Description, err)
	}
}

// What XML or a cell cannot hold is replaced or cut, and the file still opens.
func TestXLSXOddTexts(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w, err := New(XLSX, &out, columns, "quan.ly")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("😀", excelize.TotalCellChars/2)
	for _, row := range [][]string{{"a\x00b\x0b\xff", "</t></is></c><f>1+1</f>"}, {" hai  khoảng trắng ", long + "😀"}} {
		if err := w.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err := file.GetRows(sheetName)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"Họ tên", "Ghi chú"}, {"a\uFFFDb\uFFFD\uFFFD", "</t></is></c><f>1+1</f>"}, {" hai  khoảng trắng ", long}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNDJSON(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSuffix(string(write(t, NDJSON)), "\n"), "\n")
	var got [][]string
	for _, line := range lines {
		var object map[string]string
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatal(err)
		}
		got = append(got, []string{object["name"], object["note"]})
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Error(diff)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	if _, err := New("pdf", &bytes.Buffer{}, columns, ""); err == nil {
		t.Error("a PDF was begun")
	}
	for _, f := range Formats() {
		if f.ContentType() == "" {
			t.Errorf("%s has no type", f)
		}
	}
}

// heapWriter notes the most that lives on the heap, at every so many bytes that are written to it.
type heapWriter struct{ written, next, most int }

func (h *heapWriter) Write(p []byte) (int, error) {
	if h.written += len(p); h.written >= h.next {
		h.look()
		h.next = h.written + 1<<20
	}
	return len(p), nil
}

func (h *heapWriter) look() {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	h.most = max(h.most, int(stats.HeapAlloc))
}

// TestMemory writes a large table: what lives meanwhile does not grow with it. It shares the heap with no other test.
func TestMemory(t *testing.T) {
	wide := make([]Column, 20)
	row := make([]string, len(wide))
	for i := range row {
		row[i] = "Nguyễn Thị Ánh, sốt và ho"
	}
	for _, f := range Formats() {
		before, out := &heapWriter{}, &heapWriter{}
		before.look()
		w, err := New(f, out, wide, "quan.ly")
		if err != nil {
			t.Fatal(err)
		}
		for range 80_000 { // 48 MB of text
			if err := w.Row(row); err != nil {
				t.Fatal(err)
			}
		}
		out.look()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if more := (out.most - before.most) >> 20; out.written == 0 || more > 4 {
			t.Errorf("%s: %d MB more live while %d bytes are written", f, more, out.written)
		}
	}
}
