package handlers

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui/v5/static"
	"github.com/vearutop/statigz"

	"khaibao"
	"khaibao/models"
)

//go:embed docs
var docsFiles embed.FS

// docsPolicy keeps the reference to this server: no other host is ever asked for anything.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// contract gives mobile-api.yaml as it is.
func (s *Server) contract(c echo.Context) error {
	return newPage("application/yaml; charset=utf-8", khaibao.Contract()).send(c)
}

// docs shows the contract as a page: our own page and script, and Swagger UI's files from the binary.
func (s *Server) docs(c echo.Context) error {
	c.Response().Header().Set("Content-Security-Policy", docsPolicy)
	file := c.Param("file")
	kinds := map[string]string{"": echo.MIMETextHTMLCharsetUTF8, "start.js": "text/javascript; charset=utf-8"}
	if kind, own := kinds[file]; own {
		body, err := docsFiles.ReadFile("docs/" + map[string]string{"": "index.html"}[file] + file)
		if err != nil {
			return err
		}
		return newPage(kind, body).send(c)
	}
	if !vendored(file) {
		return models.ErrNotFound
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=300")
	http.StripPrefix("/docs", statigz.FileServer(static.FS)).ServeHTTP(c.Response(), c.Request())
	return nil
}

// vendored tells whether Swagger UI has a file of that name, compressed or not.
func vendored(file string) bool {
	if !fs.ValidPath(file) || strings.Contains(file, "/") || strings.HasSuffix(file, ".gz") || strings.HasSuffix(file, ".go") {
		return false
	}
	for _, name := range []string{file, file + ".gz"} {
		if _, err := fs.Stat(static.FS, name); err == nil {
			return true
		}
	}
	return false
}
