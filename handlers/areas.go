package handlers

import (
	"github.com/labstack/echo/v4"

	"khaibao/internal/areas"
	"khaibao/models"
)

// areaResponse is a province or commune of today, named in the reader's language.
type areaResponse struct {
	Code   string  `json:"code"`
	Name   string  `json:"name"`
	Level  string  `json:"level"`
	Parent *string `json:"parent"`
}

// listAreas gives the provinces, the communes of one, or what a search finds.
func (s *Server) listAreas(c echo.Context) error {
	q := queryOf(c)
	found := s.findAreas(q)
	if err := q.err(); err != nil {
		return err
	}
	l := language(c)
	page, err := jsonPage(listOf(found, "", func(a areas.Area) areaResponse {
		return areaResponse{a.Code, a.In(l), a.Level, orNull(a.Parent)}
	}))
	if err != nil {
		return err
	}
	return page.send(c)
}

func (s *Server) findAreas(q *query) []areas.Area {
	parent, search, limit := string(s.area(q, "parent")), q.text("q"), q.limit()
	if parent == string(models.Nation) {
		parent = ""
	}
	communes, known := s.Areas.Communes(parent)
	switch {
	case parent != "" && !known:
		q.wrong("parent", "unknown_area", nil)
		return nil
	case search != "" && parent != "":
		return s.Areas.SearchIn(parent, search, limit)
	case search != "":
		return s.Areas.Search(search, limit)
	case parent != "":
		return communes
	default:
		return s.Areas.Provinces()
	}
}
