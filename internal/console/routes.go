package console

import (
	"net/http"

	"khaibao/models"
)

// Who may open a route, besides the permissions of models.
const (
	open        models.Permission = "open" // nobody need be signed in
	anyOfficial models.Permission = ""     // whoever is signed in
)

// route is one line of the route table.
type route struct {
	method, path string
	needs        models.Permission
	answer       func(*request) error
	slow         bool // it takes as long as it takes
	fromBrowser  bool // the browser itself sends it, without a form of ours
}

// routes is the whole console: each page and action with the permission it needs.
func (s *Console) routes() []route {
	const (
		get  = http.MethodGet
		post = http.MethodPost
	)
	return []route{
		{method: get, path: "/console/static/{file}", needs: open, answer: (*request).static},
		{method: post, path: "/console/csp-report", needs: open, answer: (*request).cspReport, fromBrowser: true},
		{method: post, path: "/console/language", needs: open, answer: (*request).chooseLanguage},
		{method: get, path: "/console/sign-in", needs: open, answer: (*request).signInPage},
		{method: post, path: "/console/sign-in", needs: open, answer: (*request).signIn},
		{method: post, path: "/console/sign-out", needs: anyOfficial, answer: (*request).signOut},
		{method: get, path: "/console/stay", needs: anyOfficial, answer: (*request).stay},
		{method: get, path: "/console", needs: anyOfficial, answer: (*request).home},

		{method: get, path: "/console/cases", needs: models.ReadCases, answer: (*request).queue},
		{method: post, path: "/console/cases/search", needs: models.ReadCases, answer: (*request).search},
		{method: post, path: "/console/cases/act", needs: models.WorkCases, answer: (*request).act},
		{method: get, path: "/console/cases/{id}", needs: models.ReadCases, answer: (*request).casePage},
		{method: post, path: "/console/cases/{id}/contact", needs: models.WorkCases, answer: (*request).logContact},
		{method: post, path: "/console/cases/{id}/change", needs: models.WorkCases, answer: (*request).changeCase},
		{method: post, path: "/console/cases/{id}/link", needs: models.WorkCases, answer: (*request).link},
		{method: post, path: "/console/cases/{id}/reveal", needs: models.WorkCases, answer: (*request).reveal},
		{method: post, path: "/console/cases/{id}/referral", needs: models.WorkCases, answer: (*request).referral},
		{method: get, path: "/console/export", needs: models.WorkCases, answer: (*request).exportPage},
		{method: post, path: "/console/export", needs: models.WorkCases, answer: (*request).export, slow: true},
		{method: get, path: "/console/export/progress", needs: models.WorkCases, answer: (*request).exportProgress},
		{method: post, path: "/console/cases/{id}/message", needs: models.WorkCases, answer: (*request).message},
		{method: get, path: "/console/intake", needs: models.WorkCases, answer: (*request).intakeStart},
		{method: post, path: "/console/intake/household", needs: models.WorkCases, answer: (*request).intakeHousehold},
		{method: post, path: "/console/intake/new", needs: models.WorkCases, answer: (*request).newPerson},
		{method: post, path: "/console/intake/person", needs: models.WorkCases, answer: (*request).addPerson},
		{method: post, path: "/console/intake/form", needs: models.WorkCases, answer: (*request).intakeForm},
		{method: post, path: "/console/intake/declare", needs: models.WorkCases, answer: (*request).declare},
		{method: get, path: "/console/overview", needs: models.ReadCases, answer: (*request).overview},
		{method: get, path: "/console/overview/declarations", needs: models.ReadCases, answer: (*request).declarations},
		{method: get, path: "/console/audit", needs: models.ReadAudit, answer: (*request).audit},
		{method: get, path: "/console/broadcasts", needs: models.SendBroadcasts, answer: (*request).broadcasts},
		{method: get, path: "/console/broadcasts/new", needs: models.SendBroadcasts, answer: (*request).newBroadcast},
		{method: post, path: "/console/broadcasts/preview", needs: models.SendBroadcasts, answer: (*request).previewBroadcast, slow: true},
		{method: post, path: "/console/broadcasts", needs: models.SendBroadcasts, answer: (*request).draftBroadcast, slow: true},
		{method: get, path: "/console/broadcasts/{id}", needs: models.SendBroadcasts, answer: (*request).broadcastPage},
		{method: post, path: "/console/broadcasts/{id}/approve", needs: models.SendBroadcasts, answer: (*request).approveBroadcast},
		{method: post, path: "/console/broadcasts/{id}/start", needs: models.SendBroadcasts, answer: (*request).startBroadcast, slow: true},
		{method: post, path: "/console/broadcasts/{id}/cancel", needs: models.SendBroadcasts, answer: (*request).cancelBroadcast},
		{method: get, path: "/console/officials", needs: models.ManageOfficials, answer: (*request).officials},
		{method: post, path: "/console/officials", needs: models.ManageOfficials, answer: (*request).addOfficial},
		{method: get, path: "/console/officials/{login}", needs: models.ManageOfficials, answer: (*request).officialPage},
		{method: post, path: "/console/officials/{login}/move", needs: models.ManageOfficials, answer: (*request).moveOfficial},
		{method: post, path: "/console/officials/{login}/disable", needs: models.ManageOfficials, answer: (*request).disableOfficial},
		{method: post, path: "/console/officials/{login}/enable", needs: models.ManageOfficials, answer: (*request).enableOfficial},
		{method: post, path: "/console/officials/{login}/link", needs: models.ManageOfficials, answer: (*request).renewLink},
		{method: get, path: "/console/set-up/{login}/{token}", needs: open, answer: (*request).setupPage},
		{method: post, path: "/console/set-up/{login}/{token}", needs: open, answer: (*request).finishSetup},
		{method: post, path: "/console/undo", needs: models.WorkCases, answer: (*request).undo},
		{method: post, path: "/console/views/save", needs: models.ReadCases, answer: (*request).saveView},
		{method: post, path: "/console/views/forget", needs: models.ReadCases, answer: (*request).forgetView},
	}
}
