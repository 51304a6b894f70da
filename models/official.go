package models

import "time"

// Area is an official's area or that of a filter: "VN", a 2-digit province or a 5-digit commune code.
type Area string

// Nation is the area that contains every other.
const Nation Area = "VN"

// IsProvince and IsCommune tell by the form of the code alone.
func (a Area) IsProvince() bool { return len(a) == 2 && a != Nation }

// IsCommune tells whether the code is a commune's.
func (a Area) IsCommune() bool { return len(a) == 5 }

// Holds tells whether a commune of a province lies in the area.
func (a Area) Holds(commune, province string) bool {
	switch {
	case a == Nation:
		return true
	case a.IsProvince():
		return string(a) == province
	default:
		return a != "" && string(a) == commune
	}
}

// Role of an official.
type Role string

// The roles.
const (
	Viewer          Role = "viewer"
	Officer         Role = "officer"
	ProvinceManager Role = "province_manager"
	NationalManager Role = "national_manager"
	Auditor         Role = "auditor"
)

// Roles lists them.
func Roles() []Role {
	return []Role{Viewer, Officer, ProvinceManager, NationalManager, Auditor}
}

// May tells whether the role has a permission.
func (r Role) May(p Permission) bool {
	for _, granted := range rolePermissions[r] {
		if granted == p {
			return true
		}
	}
	return false
}

// Permission is one thing that a role may or may not do. Routes name the one they need.
type Permission string

// The permissions.
const (
	ReadCases       Permission = "read_cases" // masked people and numbers
	WorkCases       Permission = "work_cases" // change, reveal, export masked
	ManageOfficials Permission = "manage_officials"
	ExportIdentity  Permission = "export_identity"
	SendBroadcasts  Permission = "broadcast"
	ReadAudit       Permission = "read_audit" // of the own area
	ReadCosts       Permission = "read_costs" // what messages cost, which is counted for the nation only
)

var managerPermissions = []Permission{ReadCases, WorkCases, ManageOfficials, ExportIdentity, SendBroadcasts, ReadAudit}

var rolePermissions = map[Role][]Permission{
	Viewer:          {ReadCases},
	Officer:         {ReadCases, WorkCases},
	ProvinceManager: managerPermissions,
	NationalManager: append([]Permission{ReadCosts}, managerPermissions...),
	Auditor:         {ReadAudit},
}

// Manages tells whether who has the role may appoint, move and dismiss those of another. Auditors watch over managers, so
// that none of those appoints or dismisses them: the operator does.
func (r Role) Manages(other Role) bool {
	switch r {
	case NationalManager:
		return other != Auditor
	case ProvinceManager:
		return other == Viewer || other == Officer || other == ProvinceManager
	}
	return false
}

// Official is a health official who may sign in.
type Official struct {
	ID           string
	Rev          string
	Login        string // lower case, unique
	Name         string
	Role         Role
	Area         Area
	Province     string // that the area is or lies in; empty for the nation
	PasswordHash string // argon2id in PHC form; empty while a set-up link waits
	TOTPSecret   string // base32; sealed in a store
	TOTPUsed     int64  // the last 30 s step that signed in; a TOTP works once
	DisabledAt   time.Time
	CreatedAt    time.Time
	SignedInAt   time.Time   // last; zero for never
	SetupHash    string      // keyed, of the link's token
	SetupUntil   time.Time   // how long the link is good; zero when none waits
	Views        []SavedView // of the queue, as the official keeps them
}

// SavedView is a filter of the queue under a name.
type SavedView struct {
	Name  string
	Query string // as in a link; it holds codes only
}

// Act begins the audit entry of something that the official does.
func (o *Official) Act(at time.Time, action AuditAction) AuditEntry {
	return AuditEntry{At: at, Action: action, Official: o.ID, Login: o.Login, Role: o.Role, Area: o.Area, Province: o.Province}
}

// Disabled tells whether the official is locked out.
func (o *Official) Disabled() bool { return !o.DisabledAt.IsZero() }

// Waiting tells whether the official has no credentials yet: a set-up link was made and not used.
func (o *Official) Waiting() bool { return !o.SetupUntil.IsZero() }

// OfficialFilter narrows a list of officials; a zero field does not narrow.
type OfficialFilter struct {
	Area        Area   // and what lies in it
	LoginPrefix string // lower case
}

// AuditEntry is one change or identified read. It never holds personal data: people are named by ids.
type AuditEntry struct {
	ID       string // deterministic where it stems from an effect, so that it is written once
	At       time.Time
	Action   AuditAction
	Official string // id of the acting official; empty for the citizen or the system
	Login    string
	Role     Role   // of the actor at the time
	Area     Area   // of the actor at the time
	Province string // of the actor's area, or of the official who was appointed, moved or dismissed: its managers may read the entry
	Account  string
	PersonID string
	Case     string
	Program  string
	Reason   string            // as the official gave it; shown to the citizen; sealed in a store
	Detail   map[string]string // codes only, such as {"status": "contacted"}
	// Unusual marks the looks that made a day of the actor's one to ask about: the first in the night, and the first beyond
	// what is usual. The others of such a day have no mark.
	Unusual bool
}

// AuditFilter narrows the audit; a zero field does not narrow.
type AuditFilter struct {
	Account string
	Case    string
	Login   string
	Actions []AuditAction
	Since   time.Time
	Before  time.Time
	// Within narrows to what officials of an area did, which lies in Province.
	Within   Area
	Province string
	// Unusual narrows to the looks that are marked for it.
	Unusual bool
	// ByOfficials leaves out what citizens and the system did.
	ByOfficials bool
}
