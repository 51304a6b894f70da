// Package models holds the words that everybody shares: people, declarations, decisions, cases, officials, messages
// and the one error type. It imports the standard library only, knows no store and no wire format, and does no I/O.
package models

// Citizen is who acts when a citizen does: an account, through a channel.
type Citizen struct {
	Account string
	Channel Channel
	Lang    Lang
}
