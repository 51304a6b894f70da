// Package models holds the words that everybody shares: people, declarations, decisions, cases, officials, messages
// and the one error type. It imports the standard library only, knows no store and no wire format, and does no I/O.
package models

import "time"

// Citizen is who acts when a citizen does: an account, through a channel.
type Citizen struct {
	Account string
	Channel Channel
	Lang    Lang
	By      *Behalf // the official who acts on the citizen's behalf; nil: the citizen does
}

// Behalf is an official who enters something on a citizen's behalf, as they were when they did.
type Behalf struct {
	Official string // id
	Login    string
	Role     Role
	Area     Area
	Province string // that the area is or lies in; empty for the nation
	// TextVersion is of what the official read out and the citizen agreed to before anything was declared.
	TextVersion string
}

// Act begins the audit entry of something that the official does on the citizen's behalf.
func (b *Behalf) Act(at time.Time, action AuditAction) AuditEntry {
	return AuditEntry{At: at, Action: action, Official: b.Official, Login: b.Login, Role: b.Role, Area: b.Area, Province: b.Province}
}
