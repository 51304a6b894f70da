package handlers

import (
	"net/http"

	"khaibao/internal/sheet"
	"khaibao/models"
)

// apiRoutes is the whole API: each route with who may call it, for officials the permission it needs, and its query parameters.
// A test holds it against mobile-api.yaml, both ways.
func (s *Server) apiRoutes() []route {
	const (
		get    = http.MethodGet
		post   = http.MethodPost
		put    = http.MethodPut
		patch  = http.MethodPatch
		remove = http.MethodDelete
	)
	return []route{
		// Anybody.
		{method: get, path: "/mobile-api.yaml", access: anybody(s.contract)},
		{method: get, path: "/docs", access: anybody(s.docs)},
		{method: get, path: "/docs/:file", access: anybody(s.docs)},
		{method: get, path: "/v1/programs", access: anybody(s.listPrograms)},
		{method: get, path: "/v1/programs/:id", access: anybody(s.showProgram), query: []string{"version"}},
		{method: get, path: "/v1/areas", access: anybody(s.listAreas), query: []string{"parent", "q", "limit"}},

		// Signing in.
		{method: post, path: "/v1/auth/otp", access: anybody(s.requestOTP)},
		{method: post, path: "/v1/auth/otp/verify", access: anybody(s.verifyOTP)},
		{method: post, path: "/v1/auth/firebase", access: anybody(s.signInByFirebase)},
		{method: post, path: "/v1/auth/refresh", access: anybody(s.refreshCitizen)},
		{method: post, path: "/v1/auth/logout", access: s.citizen(s.logoutCitizen)},
		{method: post, path: "/v1/official/login", access: anybody(s.loginOfficial)},
		{method: post, path: "/v1/official/refresh", access: anybody(s.refreshOfficial)},
		{method: post, path: "/v1/official/logout", access: s.official("", s.logoutOfficial)},

		// Citizens.
		{method: get, path: "/v1/people", access: s.citizen(s.listPeople)},
		{method: post, path: "/v1/people", access: s.citizen(s.addPerson)},
		{method: get, path: "/v1/people/:id", access: s.citizen(s.showPerson)},
		{method: patch, path: "/v1/people/:id", access: s.citizen(s.changePerson)},
		{method: remove, path: "/v1/people/:id", access: s.citizen(s.removePerson)},
		{method: get, path: "/v1/declarations", access: s.citizen(s.list(models.FormDeclaration)), query: []string{"person_id", "limit", "cursor"}},
		{method: post, path: "/v1/declarations", access: s.citizen(s.submit(models.FormDeclaration))},
		{method: get, path: "/v1/declarations/:id", access: s.citizen(s.show(models.FormDeclaration))},
		{method: get, path: "/v1/health-updates", access: s.citizen(s.list(models.FormDaily)), query: []string{"person_id", "limit", "cursor"}},
		{method: post, path: "/v1/health-updates", access: s.citizen(s.submit(models.FormDaily))},
		{method: get, path: "/v1/health-updates/:id", access: s.citizen(s.show(models.FormDaily))},
		{method: post, path: "/v1/sync", access: s.citizen(s.sync), slow: true},
		{method: put, path: "/v1/devices/:id", access: s.citizen(s.registerDevice)},
		{method: remove, path: "/v1/devices/:id", access: s.citizen(s.unregisterDevice)},
		{method: get, path: "/v1/messages", access: s.citizen(s.listMessages), query: []string{"limit", "cursor"}},
		{method: get, path: "/v1/messages/:id", access: s.citizen(s.showMessage)},
		{method: get, path: "/v1/consents", access: s.citizen(s.listConsents)},
		{method: put, path: "/v1/consents/:purpose", access: s.citizen(s.setConsent)},
		{method: get, path: "/v1/me/export", access: s.citizen(s.export), slow: true},
		{method: get, path: "/v1/me/access-log", access: s.citizen(s.accessLog), query: []string{"limit", "cursor"}},
		{method: put, path: "/v1/me/pin", access: s.citizen(s.setPIN)},
		{method: remove, path: "/v1/me", access: s.citizen(s.erase)},

		// Officials.
		{method: get, path: "/v1/official/me", access: s.official("", s.showOfficial)},
		{method: get, path: "/v1/cases", access: s.official(models.ReadCases, s.listCases), query: append(caseParameters(), "sort", "limit", "cursor")},
		{method: get, path: "/v1/cases/count", access: s.official(models.ReadCases, s.countCases), query: caseParameters()},
		{method: get, path: "/v1/cases/:id", access: s.official(models.ReadCases, s.showCase)},
		{method: patch, path: "/v1/cases/:id", access: s.official(models.WorkCases, s.changeCase)},
		{method: post, path: "/v1/cases/:id/contacts", access: s.official(models.WorkCases, s.logContact)},
		{method: post, path: "/v1/cases/:id/messages", access: s.official(models.WorkCases, s.messageCitizen)},
		{method: post, path: "/v1/cases/:id/reveal", access: s.official(models.WorkCases, s.reveal)},
		{method: get, path: "/v1/broadcasts", access: s.official(models.SendBroadcasts, s.listBroadcasts), query: []string{"limit", "cursor"}},
		{method: post, path: "/v1/broadcasts", access: s.official(models.SendBroadcasts, s.draftBroadcast), slow: true},
		{method: post, path: "/v1/broadcasts/preview", access: s.official(models.SendBroadcasts, s.previewBroadcast), slow: true},
		{method: get, path: "/v1/broadcasts/:id", access: s.official(models.SendBroadcasts, s.showBroadcast)},
		{method: post, path: "/v1/broadcasts/:id/approve", access: s.official(models.SendBroadcasts, s.approveBroadcast)},
		{method: post, path: "/v1/broadcasts/:id/start", access: s.official(models.SendBroadcasts, s.startBroadcast), slow: true},
		{method: post, path: "/v1/broadcasts/:id/cancel", access: s.official(models.SendBroadcasts, s.cancelBroadcast)},
		{method: get, path: "/v1/exports/cases.csv", access: s.official(models.WorkCases, s.exportCases(sheet.CSV)), query: append(caseParameters(), "identified", "reason"), stream: true},
		{method: get, path: "/v1/exports/cases.xlsx", access: s.official(models.WorkCases, s.exportCases(sheet.XLSX)), query: append(caseParameters(), "identified", "reason"), stream: true},
		{method: get, path: "/v1/exports/cases.ndjson", access: s.official(models.WorkCases, s.exportCases(sheet.NDJSON)), query: append(caseParameters(), "identified", "reason"), stream: true},
		{method: get, path: "/v1/stats/declarations", access: s.official(models.ReadCases, s.declarationStats), query: []string{"program", "from", "to", "area", "children"}},
		{method: get, path: "/v1/stats/messages", access: s.official(models.ReadCosts, s.messageStats), query: []string{"from", "to"}},
		{method: get, path: "/v1/audit", access: s.official(models.ReadAudit, s.listAudit), query: []string{"case", "login", "action", "since", "limit", "cursor"}},
	}
}

// operationRoutes are for those who run the server.
func (s *Server) operationRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/healthz", access: anybody(s.alive)},
		{method: http.MethodGet, path: "/readyz", access: anybody(s.ready)},
		{method: http.MethodGet, path: "/metrics", access: anybody(s.metrics)},
	}
}

// channelRoutes are for the gateways of mobile networks. What else a gateway adds to the query is passed over: nobody
// could be told, and the citizen's message would be lost.
func (s *Server) channelRoutes() []route {
	sms := []string{"from", "to", "text", "id", "coding", "charset", "smsc", "ts"}
	return []route{
		{method: http.MethodGet, path: "/channels/sms", access: s.gateway(s.receiveSMS), query: sms},
		{method: http.MethodPost, path: "/channels/sms", access: s.gateway(s.receiveSMS), query: sms},
		{method: http.MethodGet, path: "/channels/sms/report", access: s.reporter(s.smsReport), query: []string{"account", "id", "parts", "state"}},
		{method: http.MethodPost, path: "/channels/ussd", access: s.gateway(s.receiveUSSD), query: []string{"ucs2"}},
		{method: http.MethodPost, path: "/channels/ussd/latest", access: s.gateway(s.receiveLatestUSSD), query: []string{"ucs2"}},
		{method: http.MethodPost, path: "/channels/ussd/json", access: s.gateway(s.receiveUSSDJSON), query: []string{"ucs2"}},
	}
}
