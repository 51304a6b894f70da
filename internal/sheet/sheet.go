// Package sheet writes a table of texts as CSV, XLSX or NDJSON while it comes, in memory that does not grow with it.
package sheet

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

// Format is a kind of file.
type Format string

// The formats.
const (
	CSV    Format = "csv"    // RFC 4180 in UTF-8 with a byte order mark, so that Excel reads Vietnamese
	XLSX   Format = "xlsx"   // one sheet of texts
	NDJSON Format = "ndjson" // one JSON object a line
)

// Formats lists them.
func Formats() []Format { return []Format{CSV, XLSX, NDJSON} }

// ContentType is the media type of a format's file.
func (f Format) ContentType() string {
	switch f {
	case XLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case NDJSON:
		return "application/x-ndjson"
	}
	return "text/csv; charset=utf-8"
}

// Column is a column of a table: ID names it for programs (the members of NDJSON), Title for people.
type Column struct{ ID, Title string }

// Writer writes a table. Close ends the file; without it the file is not whole.
type Writer interface {
	// Row writes one row, a text for each column.
	Row(values []string) error
	// Close writes what is left.
	Close() error
}

// New begins a table in a format. mark says who made the file and when; XLSX prints it on every page.
func New(f Format, w io.Writer, columns []Column, mark string) (Writer, error) {
	switch f {
	case CSV:
		return newCSV(w, columns)
	case NDJSON:
		return &ndjsonWriter{bufio.NewWriter(w), columns}, nil
	case XLSX:
		return newXLSX(w, columns, mark)
	}
	return nil, errors.New("sheet: no such format")
}

type csvWriter struct {
	to   *csv.Writer
	safe []string
}

const byteOrderMark = "\ufeff"

func newCSV(w io.Writer, columns []Column) (*csvWriter, error) {
	if _, err := io.WriteString(w, byteOrderMark); err != nil {
		return nil, err
	}
	c := &csvWriter{to: csv.NewWriter(w)}
	c.to.UseCRLF = true
	return c, c.Row(titles(columns))
}

func titles(columns []Column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Title
	}
	return out
}

// Row writes a row whose cells no spreadsheet takes for a formula.
func (c *csvWriter) Row(values []string) error {
	c.safe = c.safe[:0]
	for _, v := range values {
		c.safe = append(c.safe, harmless(v))
	}
	return c.to.Write(c.safe)
}

// bareNumber is what a spreadsheet reads as a number: of a phone it drops the zero, of an identity number the last digits.
var bareNumber = regexp.MustCompile(`^[0-9][0-9.,eE]*$`)

// harmless puts an apostrophe before what a spreadsheet would compute (OWASP, CSV injection), and a tab, which none shows,
// before what it would take for a number: nothing in these tables is reckoned with.
func harmless(text string) string {
	if bareNumber.MatchString(text) {
		return "\t" + text
	}
	if strings.ContainsAny(firstOf(text), "=+-@\t\r\n＝＋－＠") {
		return "'" + text
	}
	return text
}

func firstOf(text string) string {
	for _, r := range text {
		return string(r)
	}
	return ""
}

// Close flushes.
func (c *csvWriter) Close() error {
	c.to.Flush()
	return c.to.Error()
}

type ndjsonWriter struct {
	to      *bufio.Writer
	columns []Column
}

// Row writes an object with a member for each column, in their order.
func (n *ndjsonWriter) Row(values []string) error {
	n.to.WriteByte('{') // a writer's first error stays, and Flush gives it
	for i, c := range n.columns {
		if i > 0 {
			n.to.WriteByte(',')
		}
		name, err := json.Marshal(c.ID)
		if err != nil {
			return err
		}
		value, err := json.Marshal(values[i])
		if err != nil {
			return err
		}
		n.to.Write(name)
		n.to.WriteByte(':')
		n.to.Write(value)
	}
	_, err := n.to.WriteString("}\n")
	return err
}

// Close flushes.
func (n *ndjsonWriter) Close() error { return n.to.Flush() }

// xlsxWriter puts rows into the one sheet of a workbook that the library has made, straight into the file: the library's own
// way of writing many rows keeps tens of megabytes, and the whole file at its end.
type xlsxWriter struct {
	zip   *zip.Writer
	sheet *bufio.Writer // the part of the file that holds the rows
	after string        // what follows them
	names []string      // of the columns: A, B, ...
	row   int
}

const (
	sheetName = "Sheet1"
	sheetPart = "xl/worksheets/sheet1.xml"
	rowsEnd   = "</sheetData>"
)

func newXLSX(w io.Writer, columns []Column, mark string) (*xlsxWriter, error) {
	parts, err := workbook(columns, mark)
	if err != nil {
		return nil, err
	}
	x := &xlsxWriter{zip: zip.NewWriter(w), row: 1}
	for i := range columns {
		name, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return nil, err
		}
		x.names = append(x.names, name)
	}
	for _, part := range parts.File {
		if part.Name == sheetPart {
			continue // goes last
		}
		if err := x.zip.Copy(part); err != nil {
			return nil, err
		}
	}
	made, err := fs.ReadFile(parts, sheetPart)
	if err != nil {
		return nil, err
	}
	before, after, found := strings.Cut(string(made), rowsEnd)
	if !found {
		return nil, errors.New("sheet: a sheet without rows")
	}
	part, err := x.zip.Create(sheetPart)
	if err != nil {
		return nil, err
	}
	x.sheet, x.after = bufio.NewWriter(part), rowsEnd+after
	_, err = x.sheet.WriteString(before)
	return x, err
}

// workbook gives the parts of a workbook whose sheet holds the titles.
func workbook(columns []Column, mark string) (*zip.Reader, error) {
	file := excelize.NewFile()
	defer file.Close()
	stream, err := file.NewStreamWriter(sheetName)
	if err != nil {
		return nil, err
	}
	var cells []any
	for _, title := range titles(columns) {
		cells = append(cells, title)
	}
	err = errors.Join(
		file.SetDocProps(&excelize.DocProperties{Creator: "Khai Báo", Description: mark}),
		file.SetHeaderFooter(sheetName, &excelize.HeaderFooterOptions{OddFooter: "&L" + strings.ReplaceAll(mark, "&", "&&") + "&R&P/&N"}),
		stream.SetColWidth(1, len(columns), 18),
		stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}),
		stream.SetRow("A1", cells),
		stream.Flush(),
	)
	if err != nil {
		return nil, err
	}
	made, err := file.WriteToBuffer()
	if err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(made.Bytes()), int64(made.Len()))
}

// Row writes a row of texts: a cell that is a text is never computed.
func (x *xlsxWriter) Row(values []string) error {
	x.row++
	number := strconv.Itoa(x.row)
	x.sheet.WriteString(`<row r="` + number + `">`) // a writer's first error stays, and the last write gives it
	for i, value := range values {
		x.sheet.WriteString(`<c r="` + x.names[i] + number + `" t="inlineStr"><is><t xml:space="preserve">`)
		if err := xml.EscapeText(x.sheet, []byte(cut(value))); err != nil {
			return err
		}
		x.sheet.WriteString("</t></is></c>")
	}
	_, err := x.sheet.WriteString("</row>")
	return err
}

// cut shortens a text to what a cell may hold.
func cut(text string) string {
	if len(text) <= excelize.TotalCellChars {
		return text
	}
	units := 0 // Excel counts UTF-16
	for i, r := range text {
		if units += utf16.RuneLen(r); units > excelize.TotalCellChars {
			return text[:i]
		}
	}
	return text
}

// Close sends the rest of the file.
func (x *xlsxWriter) Close() error {
	if _, err := x.sheet.WriteString(x.after); err != nil {
		return err
	}
	if err := x.sheet.Flush(); err != nil {
		return err
	}
	return x.zip.Close()
}
