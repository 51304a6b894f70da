package handlers

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"khaibao/internal/cases"
	"khaibao/internal/sheet"
	"khaibao/models"
)

// downloadTime is how long a client may take to read an export.
const downloadTime = time.Hour

// exportCases streams the cases of a filter as a file. Once it has begun an error can only cut it off, so a client holds
// the file against X-Total-Count or, for XLSX, sees that it does not open.
func (s *Server) exportCases(format sheet.Format) func(echo.Context, models.Official) error {
	return func(c echo.Context, official models.Official) error {
		q := queryOf(c)
		ask := cases.ExportAsk{Format: format, Lang: language(c), Text: s.Texts.Text, Reason: q.text("reason")}
		ask.Filter, ask.Search = s.caseFilter(q)
		if identified := q.flag("identified"); identified != nil {
			ask.Identified = *identified
		}
		if err := q.err(); err != nil {
			return err
		}
		export, err := s.Cases.Export(c.Request().Context(), official, ask)
		if err != nil {
			return err
		}
		_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(downloadTime)) // a recorder of a test has none
		header := c.Response().Header()
		header.Set("Content-Type", format.ContentType())
		header.Set("Content-Disposition", `attachment; filename="`+export.Name()+`"`)
		header.Set("X-Total-Count", strconv.FormatInt(export.Total, 10))
		if c.Request().Method == http.MethodHead {
			return nil
		}
		err = export.Write(c.Request().Context(), c.Response())
		if err != nil && c.Response().Committed {
			panic(http.ErrAbortHandler) // the client must not take half a file for a whole one
		}
		return err
	}
}
