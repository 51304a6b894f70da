package handlers

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"khaibao/internal/auth"
	"khaibao/internal/sitetest"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// scopeDecisions says for every route of officials who may, and what of.
func scopeDecisions() map[string]sitetest.Decision {
	listed := func(query string) sitetest.Ask { return sitetest.Ask{Query: query, Count: itemCount} }
	list := []sitetest.Ask{listed(""), listed("area={area}"), listed("q={phone}"), listed("sort=due&limit=200")}
	count := []sitetest.Ask{{Count: countField}, {Query: "area={area}", Count: countField}, {Query: "q={phone}", Count: countField}}
	export := func(rows func(sitetest.Answer) []int) []sitetest.Ask {
		return []sitetest.Ask{
			{Count: rows}, {Query: "area={area}", Count: rows}, {Query: "q={phone}", Count: rows},
			{Query: "identified=true&reason=x", Count: rows, Needs: models.ExportIdentity},
		}
	}
	aCase := func(body string) []sitetest.Ask { return []sitetest.Ask{{Body: body}} }
	area := `{"area":"{area}","purpose":"alert"}`
	return map[string]sitetest.Decision{
		"POST /v1/official/logout":     {Who: sitetest.Everybody, Scope: sitetest.Own, Asks: []sitetest.Ask{{Status: http.StatusNoContent}}, Last: true},
		"GET /v1/official/me":          {Who: sitetest.Everybody, Scope: sitetest.Own},
		"GET /v1/cases":                {Who: sitetest.Readers, Scope: sitetest.Within, Asks: list},
		"GET /v1/cases/count":          {Who: sitetest.Readers, Scope: sitetest.Within, Asks: count},
		"GET /v1/cases/{id}":           {Who: sitetest.Readers, Scope: sitetest.ByID},
		"PATCH /v1/cases/{id}":         {Who: sitetest.Workers, Scope: sitetest.ByID, Asks: append(aCase(`{"note":"x"}`), sitetest.Ask{Body: `{"status":"monitoring","assignee":""}`})},
		"POST /v1/cases/{id}/contacts": {Who: sitetest.Workers, Scope: sitetest.ByID, Asks: aCase(`{"outcome":"reached"}`)},
		"POST /v1/cases/{id}/messages": {Who: sitetest.Workers, Scope: sitetest.ByID, Asks: []sitetest.Ask{{Body: `{"text":"x"}`, Status: http.StatusAccepted}}},
		"POST /v1/cases/{id}/reveal":   {Who: sitetest.Workers, Scope: sitetest.ByID, Asks: aCase(`{"reason":"x"}`)},

		"GET /v1/broadcasts":               {Who: sitetest.Managers, Scope: sitetest.Within, About: sitetest.Broadcast, Asks: []sitetest.Ask{{Count: itemCount}}},
		"POST /v1/broadcasts":              {Who: sitetest.Managers, Scope: sitetest.ByArea, Asks: []sitetest.Ask{{Body: area[:len(area)-1] + `,"text":{"vi":"x"}}`, Status: http.StatusCreated}}},
		"POST /v1/broadcasts/preview":      {Who: sitetest.Managers, Scope: sitetest.ByArea, Asks: []sitetest.Ask{{Body: area}}},
		"GET /v1/broadcasts/{id}":          {Who: sitetest.Managers, Scope: sitetest.ByID, About: sitetest.Broadcast},
		"POST /v1/broadcasts/{id}/approve": {Who: sitetest.Managers, Scope: sitetest.ByID, About: sitetest.Broadcast},
		"POST /v1/broadcasts/{id}/start":   {Who: sitetest.Managers, Scope: sitetest.ByID, About: sitetest.Broadcast},
		"POST /v1/broadcasts/{id}/cancel":  {Who: sitetest.Managers, Scope: sitetest.ByID, About: sitetest.Broadcast},

		"GET /v1/exports/cases.csv":    {Who: sitetest.Workers, Scope: sitetest.Within, Asks: export(linesAfter(1))},
		"GET /v1/exports/cases.xlsx":   {Who: sitetest.Workers, Scope: sitetest.Within, Asks: export(totalCount)},
		"GET /v1/exports/cases.ndjson": {Who: sitetest.Workers, Scope: sitetest.Within, Asks: export(linesAfter(0))},
		"GET /v1/stats/declarations": {Who: sitetest.Readers, Scope: sitetest.ByArea, Asks: []sitetest.Ask{
			{Query: "program=covid19", Count: sumOfCounts}, {Query: "program=covid19&area={area}", Count: sumOfCounts}, {Query: "program=covid19&area={area}&children=true"},
		}},
		"GET /v1/stats/messages": {Who: []models.Role{models.NationalManager}, Scope: sitetest.National},
		"GET /v1/audit":          {Who: append([]models.Role{models.Auditor}, sitetest.Managers...), Scope: sitetest.Trail, Asks: []sitetest.Ask{{}, {Query: "case={case}"}}},
	}
}

// Who sees and does what by which route: sitetest.Hold says what is tried.
func TestScope(t *testing.T) {
	t.Parallel()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, open(t))
			sitetest.Hold(t, w.Site, func(t *testing.T) sitetest.Edge { return w.edge() })
		})
	}
}

func (w *world) edge() sitetest.Edge {
	as := func(token string) sitetest.Send {
		return func(method, path, body string) sitetest.Answer {
			var in any
			if body != "" {
				in = body
			}
			got := w.call(method, path, token, in)
			return sitetest.Answer{Status: got.status, Header: got.header, Body: got.body}
		}
	}
	e := sitetest.Edge{
		Decisions: scopeDecisions(),
		Strangers: map[string]sitetest.Send{"nobody": as(""), "a citizen": as(w.signIn(phone(1)))},
		SignIn:    func(given auth.Credentials) sitetest.Send { return as(w.token(given)) },
		Refused:   func(_ sitetest.Route, got sitetest.Answer) bool { return got.Status == http.StatusUnauthorized },
	}
	for _, r := range w.server.apiRoutes() {
		if r.access.who == forOfficials {
			e.Routes = append(e.Routes, sitetest.Route{Method: r.method, Path: templated(r.path)})
		}
	}
	return e
}

func itemCount(got sitetest.Answer) []int {
	var list struct{ Items []json.RawMessage }
	if json.Unmarshal(got.Body, &list) != nil || list.Items == nil {
		return nil
	}
	return []int{len(list.Items)}
}

func countField(got sitetest.Answer) []int {
	var one struct{ Count *int }
	if json.Unmarshal(got.Body, &one) != nil || one.Count == nil {
		return nil
	}
	return []int{*one.Count}
}

func sumOfCounts(got sitetest.Answer) []int {
	var list struct{ Items []struct{ Count int } }
	if json.Unmarshal(got.Body, &list) != nil {
		return nil
	}
	sum := 0
	for _, item := range list.Items {
		sum += item.Count
	}
	return []int{sum}
}

// totalCount is what the header says.
func totalCount(got sitetest.Answer) []int {
	n, err := strconv.Atoi(got.Header.Get("X-Total-Count"))
	if err != nil {
		return nil
	}
	return []int{n}
}

// linesAfter counts a file's lines after those of its heading, and takes the header's word beside.
func linesAfter(heading int) func(sitetest.Answer) []int {
	return func(got sitetest.Answer) []int {
		return append(totalCount(got), bytes.Count(got.Body, []byte("\n"))-heading)
	}
}
