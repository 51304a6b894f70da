package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"khaibao/internal/cases"
	"khaibao/internal/rules"
	"khaibao/models"
)

// caseResponse is a case as a list shows it. DueAt is the officials' deadline, null when none runs; MissedSince is since
// when the citizen owes an update.
type caseResponse struct {
	ID             string            `json:"id"`
	Program        string            `json:"program"`
	Level          models.Level      `json:"level"`
	LatestLevel    models.Level      `json:"latest_level"`
	Status         models.CaseStatus `json:"status"`
	Factors        []string          `json:"factors"`
	Area           *areaOfPerson     `json:"area"`
	Person         maskedPerson      `json:"person"`
	Assignee       *string           `json:"assignee"`
	LastDeclaredAt string            `json:"last_declared_at"`
	DueAt          *string           `json:"due_at"`
	Overdue        bool              `json:"overdue"`
	MissedSince    *string           `json:"missed_since"`
	Unreachable    *unreachable      `json:"unreachable"`
	Trend          *trendResponse    `json:"trend"`
	RaisedAt       *string           `json:"raised_at"`
	UnreachedSince *string           `json:"unreached_since"`
}

// unreachable says why messages find no way to the household, and since when.
type unreachable struct {
	Reason models.UnreachableReason `json:"reason"`
	Text   string                   `json:"text"`
	Since  string                   `json:"since"`
}

func (s *Server) unreachable(u models.Unreachable, l models.Lang) *unreachable {
	if u.Since.IsZero() {
		return nil
	}
	return &unreachable{u.Reason, s.Texts.Text(l, "unreachable."+string(u.Reason), nil), stamp(u.Since)}
}

// maskedPerson gives enough to tell two people of a list apart and not enough to know who they are.
type maskedPerson struct {
	Name  *string `json:"name"`
	Phone *string `json:"phone"`
}

// caseDetail is a case with what led to it and what was done.
type caseDetail struct {
	caseResponse
	Version    int                 `json:"program_version"`
	Form       models.Form         `json:"form"`
	Reasons    []reasonResponse    `json:"reasons"`
	Answers    models.Answers      `json:"answers"`
	Levels     []levelResponse     `json:"levels"`
	Measures   []measureResponse   `json:"measures"`
	Assessment *assessmentResponse `json:"assessment"`
	Notes      []noteResponse      `json:"notes"`
	Contacts   []contactResponse   `json:"contacts"`
	SameAs     *string             `json:"same_as"`
	OpenedAt   string              `json:"opened_at"`
	ClosedAt   *string             `json:"closed_at"`
}

type levelResponse struct {
	At    string       `json:"at"`
	Level models.Level `json:"level"`
}

// measureResponse is the numbers of one form, such as the temperature.
type measureResponse struct {
	At     string             `json:"at"`
	Values map[string]float64 `json:"values"`
}

type assessmentResponse struct {
	Level  models.Level `json:"level"`
	Reason string       `json:"reason"`
	By     string       `json:"by"`
	At     string       `json:"at"`
}

type noteResponse struct {
	Text string `json:"text"`
	By   string `json:"by"`
	At   string `json:"at"`
}

type contactResponse struct {
	Outcome models.Outcome `json:"outcome"`
	Note    *string        `json:"note"`
	By      string         `json:"by"`
	At      string         `json:"at"`
}

// countResponse is how many cases a filter holds.
type countResponse struct {
	Count int64 `json:"count"`
}

func (s *Server) caseItem(v cases.View, l models.Lang) caseResponse {
	return caseResponse{
		ID: v.ID, Program: v.Program, Level: v.Level, LatestLevel: v.LatestLevel, Status: v.Status, Factors: v.Factors,
		Area: s.place(v.Commune, v.Province, l), Person: maskedPerson{v.MaskedName, orNull(v.MaskedPhone)}, Assignee: orNull(v.Assignee),
		LastDeclaredAt: stamp(v.LastDeclaredAt), DueAt: maybe(v.DueAt), Overdue: v.Overdue, MissedSince: maybe(v.MissedSince),
		Unreachable: s.unreachable(v.Unreachable, l), Trend: trendOf(v.Trend()),
		RaisedAt: maybe(v.RaisedAt), UnreachedSince: maybe(v.UnreachedSince),
	}
}

func (s *Server) caseDetail(d cases.Detail, l models.Lang) caseDetail {
	out := caseDetail{
		caseResponse: s.caseItem(d.View, l), Version: d.Version, Form: d.DecidedBy.Form, Answers: d.Answers,
		OpenedAt: stamp(d.OpenedAt), ClosedAt: maybe(d.ClosedAt), SameAs: orNull(d.SameAs),
	}
	out.Reasons, _ = s.explain(d.Program, d.Version, d.DecidedBy.Form, models.Decision{Level: d.Level, Factors: d.Factors, Reasons: d.Reasons}, l)
	for _, point := range d.Levels {
		out.Levels = append(out.Levels, levelResponse{stamp(point.At), point.Level})
		if len(point.Values) > 0 {
			out.Measures = append(out.Measures, measureResponse{stamp(point.At), point.Values})
		}
	}
	if a := d.Assessment; a != nil {
		out.Assessment = &assessmentResponse{a.Level, a.Reason, a.By, stamp(a.At)}
	}
	for _, n := range d.Notes {
		out.Notes = append(out.Notes, noteResponse{n.Text, n.By, stamp(n.At)})
	}
	for _, contact := range d.Contacts {
		out.Contacts = append(out.Contacts, contactResponse{contact.Outcome, orNull(contact.Note), contact.By, stamp(contact.At)})
	}
	return out
}

func (s *Server) listCases(c echo.Context, official models.Official) error {
	q := queryOf(c)
	filter, search := s.caseFilter(q)
	filter.Order = caseOrder(q)
	page := q.page()
	if err := q.err(); err != nil {
		return err
	}
	found, next, err := s.Cases.List(c.Request().Context(), official, filter, search, page)
	if err != nil {
		return err
	}
	l := language(c)
	return answer(c, http.StatusOK, listOf(found, next, func(v cases.View) caseResponse { return s.caseItem(v, l) }))
}

func (s *Server) countCases(c echo.Context, official models.Official) error {
	q := queryOf(c)
	filter, search := s.caseFilter(q)
	if err := q.err(); err != nil {
		return err
	}
	n, err := s.Cases.Count(c.Request().Context(), official, filter, search)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, countResponse{n})
}

// caseOrder reads which cases of a list come first.
func caseOrder(q *query) models.CaseOrder {
	orders := map[string]models.CaseOrder{"": models.ByNewest, "newest": models.ByNewest, "due": models.ByDeadline, "level": models.ByLevel}
	order, ok := orders[q.once("sort")]
	if !ok {
		q.wrong("sort", "unknown_option", map[string]any{"options": "newest, due, level"})
	}
	return order
}

// caseFilter reads what narrows a list of cases, its count, and whatever else is about the same cases.
func (s *Server) caseFilter(q *query) (filter models.CaseFilter, search string) {
	return models.CaseFilter{
		Levels:   several(q, "level", models.Levels(), models.Level.String),
		Statuses: several(q, "status", models.CaseStatuses(), func(st models.CaseStatus) string { return string(st) }),
		Program:  s.program(q, false), Area: s.area(q, "area"), Factor: s.factor(q), Since: q.moment("since"),
		Overdue: q.flag("overdue"), Missed: q.flag("missed"), Assignee: q.login("assignee"), Assigned: q.flag("assigned"),
		Unreachable: q.flag("unreachable"), Raised: q.flag("raised"), Unreached: q.flag("unreached"),
	}, q.text("q")
}

// caseParameters names what caseFilter reads.
func caseParameters() []string {
	return []string{"level", "status", "program", "area", "factor", "since", "overdue", "missed", "unreachable", "raised", "unreached", "assignee", "assigned", "q"}
}

// program is the id of a program that the server knows.
func (s *Server) program(q *query, required bool) string {
	id := q.token("program")
	if id == "" {
		if required && len(q.values.Get("program")) == 0 {
			q.wrong("program", "required", nil)
		}
		return ""
	}
	for _, p := range s.Programs.All() {
		if p.ID() == id {
			return id
		}
	}
	q.wrong("program", "unknown_program", nil)
	return ""
}

// factor is a factor that some program knows.
func (s *Server) factor(q *query) string {
	code := q.token("factor")
	known := func(p *rules.Program) bool { return slices.Contains(p.Factors(), code) }
	if code != "" && !slices.ContainsFunc(s.Programs.All(), known) {
		q.wrong("factor", "bad_value", nil)
		return ""
	}
	return code
}

// area is an area of today; a former code with one successor means that one.
func (s *Server) area(q *query, name string) models.Area {
	area := q.area(name)
	if province, ok := s.Areas.Province(string(area)); ok && area.IsProvince() {
		return models.Area(province.Code)
	}
	if commune, _, ok := s.Areas.Commune(string(area)); ok && area.IsCommune() {
		return models.Area(commune.Code)
	}
	return area
}

func (s *Server) sendCase(c echo.Context, d cases.Detail) error {
	c.Response().Header().Set("ETag", `"`+d.Rev+`"`)
	return answer(c, http.StatusOK, s.caseDetail(d, language(c)))
}

func (s *Server) showCase(c echo.Context, official models.Official) error {
	d, err := s.Cases.Get(c.Request().Context(), official, c.Param("id"))
	if err != nil {
		return err
	}
	return s.sendCase(c, d)
}

// casePatch changes a case; what is absent or null stays.
type casePatch struct {
	Status     *models.CaseStatus `json:"status" validate:"omitempty,oneof=new contacted monitoring referred closed"`
	Assignee   *string            `json:"assignee" validate:"omitempty,max=64"`
	Note       *string            `json:"note"`
	Assessment *assessmentRequest `json:"assessment"`
	Area       *string            `json:"area" validate:"omitempty,max=8"`
	SameAs     *string            `json:"same_as" validate:"omitempty,max=64"`
}

type assessmentRequest struct {
	Level  *models.Level `json:"level" validate:"required"`
	Reason string        `json:"reason" validate:"required"`
}

func (p casePatch) patch() cases.Patch {
	out := cases.Patch{Status: p.Status, Assignee: p.Assignee, Note: p.Note, Area: p.Area, SameAs: p.SameAs}
	if p.Assessment != nil {
		out.Assessment = &cases.AssessmentInput{Level: *p.Assessment.Level, Reason: p.Assessment.Reason}
	}
	return out
}

func (s *Server) changeCase(c echo.Context, official models.Official) error {
	ifMatch, err := revisions(c.Request().Header.Get("If-Match"))
	if err != nil {
		return err
	}
	var in casePatch
	if err := s.read(c, &in); err != nil {
		return err
	}
	d, err := s.Cases.Change(c.Request().Context(), official, c.Param("id"), ifMatch, in.patch())
	if err != nil {
		return err
	}
	return s.sendCase(c, d)
}

// contactRequest is an attempt to reach the person.
type contactRequest struct {
	Outcome models.Outcome `json:"outcome" validate:"required,oneof=reached no_answer wrong_number refused"`
	Note    *string        `json:"note"`
}

func (s *Server) logContact(c echo.Context, official models.Official) error {
	ifMatch, err := revisions(c.Request().Header.Get("If-Match"))
	if err != nil {
		return err
	}
	var in contactRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	contact := cases.ContactInput{Outcome: in.Outcome}
	if in.Note != nil {
		contact.Note = *in.Note
	}
	d, err := s.Cases.Contact(c.Request().Context(), official, c.Param("id"), ifMatch, contact)
	if err != nil {
		return err
	}
	return s.sendCase(c, d)
}

// revisions reads an If-Match header: entity tags with commas between them. "*" and none ask for no particular one.
func revisions(header string) ([]string, error) {
	if header == "" || header == "*" {
		return nil, nil
	}
	var revs []string
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/") // a proxy that compresses weakens the tag; the revision is the same
		rev, ok := strings.CutPrefix(tag, `"`)
		rev, end := strings.CutSuffix(rev, `"`)
		if !ok || !end || !isID(rev) {
			return nil, &models.Error{Kind: models.Malformed, Code: "bad_if_match", Fields: []models.FieldError{{Field: "If-Match", Code: "bad_value"}}}
		}
		revs = append(revs, rev)
	}
	return revs, nil
}

type citizenMessage struct {
	Text string `json:"text" validate:"required"`
}

type citizenMessageResponse struct {
	ID string `json:"id"`
}

func (s *Server) messageCitizen(c echo.Context, official models.Official) error {
	var in citizenMessage
	if err := s.read(c, &in); err != nil {
		return err
	}
	id, err := s.Cases.Message(c.Request().Context(), official, c.Param("id"), in.Text, "")
	if err != nil {
		return err
	}
	return answer(c, http.StatusAccepted, citizenMessageResponse{id})
}

type revealRequest struct {
	Reason string `json:"reason" validate:"required"`
}

type revealResponse struct {
	Person identityResponse `json:"person"`
}

// identityResponse is a person without a mask; what is not known is null.
type identityResponse struct {
	Name       *string `json:"name"`
	Phone      *string `json:"phone"`
	BirthDate  *string `json:"birth_date"`
	Sex        *string `json:"sex"`
	NationalID *string `json:"national_id"`
	Address    *string `json:"address"`
}

func (s *Server) reveal(c echo.Context, official models.Official) error {
	var in revealRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	who, err := s.Cases.Reveal(c.Request().Context(), official, c.Param("id"), in.Reason)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, revealResponse{identityResponse{
		orNull(who.Name), orNull(who.Phone), orNull(who.BirthDate), orNull(string(who.Sex)), orNull(who.NationalID), orNull(who.Address),
	}})
}
