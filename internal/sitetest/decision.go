package sitetest

import (
	"archive/zip"
	"bytes"
	"html"
	"io"
	"net/http"
	"strings"

	"khaibao/internal/auth"
	"khaibao/models"
)

// Scope says how a route keeps to its caller's area.
type Scope int

// The scopes. Whatever the route, no answer holds a mark of what lies outside, and nothing outside is changed.
const (
	// Public needs no sign-in and holds nothing of anybody.
	Public Scope = iota + 1
	// Own is about the caller alone, or about nobody: it holds nothing of anybody.
	Own
	// National is counted for the nation only and holds nothing of anybody.
	National
	// Trail names what lies within by its id, and says no more of it.
	Trail
	// ByID has the id of a thing in its path: of one outside it is not found.
	ByID
	// ByArea asks for an area: one outside is not found.
	ByArea
	// ByNumber is about the household of a phone that the caller knows, wherever it stays: its people are shown masked.
	ByNumber
	// Within is a list, a number, a file or an action on many: whatever it asks for, what lies outside is left out.
	Within
)

// The officials by what they may do.
var (
	Everybody = models.Roles()
	Readers   = []models.Role{models.Viewer, models.Officer, models.ProvinceManager, models.NationalManager}
	Workers   = []models.Role{models.Officer, models.ProvinceManager, models.NationalManager}
	Managers  = []models.Role{models.ProvinceManager, models.NationalManager}
)

// Decision is who may call a route, and what of. Every route needs one.
type Decision struct {
	Who   []models.Role // nobody else; empty for Public
	Scope Scope
	About Kind  // whose id is in the path, and what Count counts; Case when it is empty
	Asks  []Ask // the bare route when there are none
	// Last is for a route that ends the caller's sign-in.
	Last bool
}

// Ask is one way to call a route. In Query and Body {case}, {phone}, {person}, {broadcast} and {area} stand for every one of
// the scene in turn, {rev} for what the case's rev is now, and {n} for a number that is new each time.
type Ask struct {
	Query, Body string
	Status      int               // the answer within the area; 200 when zero
	Outside     int               // and for what lies outside; 404 when zero, for Within the same as Status
	Needs       models.Permission // besides the route's; 403 without
	// Count gives numbers of the answer that must be how many things in the area match the ask; Total likewise, whatever is asked.
	Count, Total func(Answer) []int
}

// Answer is what a route answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// text is everything that an answer says, readable.
func (a Answer) text() (string, error) {
	var out strings.Builder
	_ = a.Header.Write(&out) // a Builder never fails
	if !bytes.HasPrefix(a.Body, []byte("PK\x03\x04")) {
		out.WriteString(html.UnescapeString(string(a.Body)))
		return out.String(), nil
	}
	archive, err := zip.NewReader(bytes.NewReader(a.Body), int64(len(a.Body)))
	if err != nil {
		return "", err
	}
	for _, file := range archive.File {
		in, err := file.Open()
		if err != nil {
			return "", err
		}
		part, err := io.ReadAll(in)
		if err != nil {
			return "", err
		}
		out.WriteString(html.UnescapeString(string(part)))
	}
	return out.String(), nil
}

// Send calls a route as somebody.
type Send func(method, path, body string) Answer

// Route is one line of an edge's table; its path writes parameters as {name}.
type Route struct{ Method, Path string }

func (r Route) String() string { return r.Method + " " + r.Path }

// Edge is how the matrix meets an edge.
type Edge struct {
	Routes    []Route
	Decisions map[string]Decision // by Route.String
	SignIn    func(auth.Credentials) Send
	// Strangers are no officials: nobody, a citizen. Refused tells whether an answer is that to somebody who is not signed in.
	Strangers map[string]Send
	Refused   func(Route, Answer) bool
}
