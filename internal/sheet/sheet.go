// Package sheet writes a table of texts as CSV, XLSX or NDJSON while it comes, in memory that does not grow with it.
package sheet

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"

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

// Writer writes a table. Close ends the file; without it the file is not whole. After an error only Drop makes sense.
type Writer interface {
	// Row writes one row, a text for each column.
	Row(values []string) error
	// Close writes what is left.
	Close() error
	// Drop gives up: what the writer keeps on disk goes. It may follow Close.
	Drop()
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

// harmless puts an apostrophe before what a spreadsheet would compute (OWASP, CSV injection).
func harmless(text string) string {
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

// Drop has nothing to do.
func (c *csvWriter) Drop() {}

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

// Drop has nothing to do.
func (n *ndjsonWriter) Drop() {}

const sheetName = "Sheet1"

// xlsxWriter keeps rows in a file of the system's temporary directory once they are many, and sends them at Close: the
// format ends with a directory of its parts.
type xlsxWriter struct {
	to     io.Writer
	file   *excelize.File
	stream *excelize.StreamWriter
	row    int
	cells  []any
}

func newXLSX(w io.Writer, columns []Column, mark string) (*xlsxWriter, error) {
	x := &xlsxWriter{to: w, file: excelize.NewFile()}
	var err error
	if x.stream, err = x.file.NewStreamWriter(sheetName); err != nil {
		return nil, err
	}
	err = errors.Join(
		x.file.SetDocProps(&excelize.DocProperties{Creator: "Khai Báo", Description: mark}),
		x.file.SetHeaderFooter(sheetName, &excelize.HeaderFooterOptions{OddFooter: "&L" + strings.ReplaceAll(mark, "&", "&&") + "&R&P/&N"}),
		x.stream.SetColWidth(1, len(columns), 18),
		x.stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}),
	)
	if err != nil {
		return nil, err
	}
	return x, x.Row(titles(columns))
}

// Row writes a row of texts: a cell that is a text is never computed.
func (x *xlsxWriter) Row(values []string) error {
	x.row++
	x.cells = x.cells[:0]
	for _, v := range values {
		x.cells = append(x.cells, v)
	}
	cell, err := excelize.CoordinatesToCellName(1, x.row)
	if err != nil {
		return err
	}
	return x.stream.SetRow(cell, x.cells)
}

// Close sends the file.
func (x *xlsxWriter) Close() error {
	if err := x.stream.Flush(); err != nil {
		return err
	}
	return x.file.Write(x.to)
}

// Drop removes what lies on disk.
func (x *xlsxWriter) Drop() { _ = x.file.Close() } // nothing is left to tell anybody
