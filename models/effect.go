package models

import (
	"errors"
	"time"
)

// EffectKind says what has to follow a change.
type EffectKind string

// The kinds of effect that accounts and cases carry. Those of a declaration (case, message, count) follow from it alone.
const (
	EffectAudit      EffectKind = "audit"       // write Audit
	EffectPerson     EffectKind = "person"      // a person changed, or with an empty PersonID the household: their cases follow
	EffectRemoved    EffectKind = "removed"     // a person was taken out of the household: cases follow, plans end
	EffectErased     EffectKind = "erased"      // the account was erased: remove what points at it
	EffectMessage    EffectKind = "message"     // keep Message in the outbox
	EffectCaseClosed EffectKind = "case_closed" // what was kept for an open case may go now
	EffectCount      EffectKind = "count"       // the numbers of cases follow
)

// Effect is a consequence that a document carries until a worker has carried it out, so that a crash at any line only
// delays it. Carrying one out twice must leave what carrying it out once leaves.
type Effect struct {
	Kind     EffectKind
	PersonID string
	Program  string
	At       time.Time // when it happened, where that matters: a case was closed
	Audit    *AuditEntry
	Message  *Message
}

// Pending is a document whose effects wait: the state it was read in, and the effects.
type Pending struct {
	ID      string
	Rev     string
	Account string
	Effects []Effect
}

// ErrUnchanged is returned by a change function to say that nothing is to be written.
var ErrUnchanged = errors.New("nothing to change")

// SearchTerm is one value by which a case is found, in normal form. A store keeps keyed hashes of terms, never the terms.
type SearchTerm struct {
	Kind  string // phone | national_id | name
	Value string
}

// CasePerson is a case with the identity behind it. Identity is empty when the account has been erased.
type CasePerson struct {
	Case   Case
	Person Person
	Phone  string
	Lang   Lang
}
