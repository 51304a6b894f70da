package handlers

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui/v5/static"

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
	file := c.Param("file")
	if file == "" {
		file = "index.html"
	} else if !isID(strings.TrimSuffix(file, path.Ext(file))) || file == "index.html" {
		return models.ErrNotFound
	}
	kind := docsKind(file)
	if kind == "" {
		return models.ErrNotFound
	}
	c.Response().Header().Set("Content-Security-Policy", docsPolicy)
	if body, err := docsFiles.ReadFile("docs/" + file); err == nil {
		return newPage(kind, body).send(c)
	}
	if body, err := fs.ReadFile(static.FS, file); err == nil {
		return newPage(kind, body).send(c)
	}
	packed, err := fs.ReadFile(static.FS, file+".gz")
	if err != nil {
		return models.ErrNotFound
	}
	return sendPacked(c, kind, packed)
}

// docsKind is the content type of a file of the reference; empty for a file that is none.
func docsKind(file string) string {
	switch path.Ext(file) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".png":
		return "image/png"
	}
	return ""
}

// sendPacked sends a file that is kept compressed, as it is to a client that takes it so.
func sendPacked(c echo.Context, kind string, packed []byte) error {
	c.Response().Header().Add("Vary", "Accept-Encoding")
	if strings.Contains(c.Request().Header.Get("Accept-Encoding"), "gzip") {
		c.Response().Header().Set("Content-Encoding", "gzip")
		return newPage(kind, packed).send(c)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(unpacked)
	if err != nil {
		return err
	}
	return newPage(kind, body).send(c)
}
