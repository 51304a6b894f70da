package models

import "time"

// Lang is a language of the product.
type Lang string

// The languages. Vietnamese is the default.
const (
	Vietnamese Lang = "vi"
	English    Lang = "en"
)

// Sex as the identity papers have it, or other.
type Sex string

// The sexes.
const (
	Male   Sex = "male"
	Female Sex = "female"
	Other  Sex = "other"
)

// Relationship of a person to the owner of the account.
type Relationship string

// The relationships.
const (
	Self         Relationship = "self"
	Spouse       Relationship = "spouse"
	Child        Relationship = "child"
	Parent       Relationship = "parent"
	OtherRelated Relationship = "other"
)

// HouseholdLimit is how many people an account holds at most, its owner included.
const HouseholdLimit = 20

// Account is a household behind one phone number. All identity in it is clear here and sealed in a store.
type Account struct {
	ID        string
	Rev       string // changes with every write; compared when the account is replaced
	Phone     string // E.164; empty once erased
	Lang      Lang
	CreatedAt time.Time
	People    []Person
	Devices   []Device
	Consents  []Consent
	PIN       PIN
	// SMSOptOut is since when the household wants no SMS but one-time codes; zero: it takes them.
	SMSOptOut time.Time
	// Unreachable says that the last message found no way; zero: messages get through, as far as is known.
	Unreachable Unreachable
	// ErasedAt is set on a tombstone: sign-in has ended. While KeyUntilClosed is true the identity stays
	// readable for officials because a case is open; it is dropped when that closes.
	ErasedAt       time.Time
	KeyUntilClosed bool
}

// PIN protects on a keypad what a phone number alone must not do.
type PIN struct {
	Hash        string // argon2id in PHC form, sealed in a store; empty while none was chosen
	Wrong       int    // tries since the last right one
	Tried       string // digest of the message that the last try came in; sealed in a store
	LockedUntil time.Time
}

// Unreachable says why the messages of a household find no way to it: neither a push nor an SMS.
type Unreachable struct {
	Reason UnreachableReason // of the last message that found none
	Since  time.Time         // of the first one
}

// UnreachableReason is why no message gets through.
type UnreachableReason string

// The reasons. None of them passes by itself.
const (
	NoGateway       UnreachableReason = "no_gateway"       // no device, and this server sends no SMS
	OptedOut        UnreachableReason = "opted_out"        // no device, and no SMS is wanted
	Rejected        UnreachableReason = "rejected"         // the gateway takes no message for that number
	OperatorRefused UnreachableReason = "operator_refused" // the mobile network takes none
	Undelivered     UnreachableReason = "undelivered"      // the handset could not be reached in time
)

// UnreachableReasons lists them.
func UnreachableReasons() []UnreachableReason {
	return []UnreachableReason{NoGateway, OptedOut, Rejected, OperatorRefused, Undelivered}
}

// Erased tells whether the account is a tombstone.
func (a *Account) Erased() bool { return !a.ErasedAt.IsZero() }

// Person gives the living person of the household with that id.
func (a *Account) Person(id string) (*Person, bool) {
	for i := range a.People {
		if a.People[i].ID == id && a.People[i].RemovedAt.IsZero() {
			return &a.People[i], true
		}
	}
	return nil, false
}

// AnyPerson gives the person also when the citizen has removed them, as long as the identity is there: officials with an
// open case need that.
func (a *Account) AnyPerson(id string) (*Person, bool) {
	for i := range a.People {
		if a.People[i].ID == id && !a.People[i].Forgotten() {
			return &a.People[i], true
		}
	}
	return nil, false
}

// Identifies tells whether it is still known who a person of the household is, removed or not.
func (a *Account) Identifies(id string) bool {
	_, known := a.AnyPerson(id)
	return known && (!a.Erased() || a.KeyUntilClosed)
}

// Taken tells whether an id is or was somebody's of the household.
func (a *Account) Taken(id string) bool {
	for i := range a.People {
		if a.People[i].ID == id {
			return true
		}
	}
	return false
}

// Person is somebody who declares or is declared for.
type Person struct {
	ID           string
	Relationship Relationship
	Name         string // empty when entered on a keypad and not yet known
	BirthDate    string // "1958-03-21", or "1958" when only the year is known
	Sex          Sex
	NationalID   string // CCCD (12 digits), CMND (9 digits) or passport; may be empty
	Commune      string // 5-digit code of today's communes
	Province     string // 2-digit code of today's provinces
	Address      string
	CreatedAt    time.Time
	// Origin is a digest of what the person was added with, so that adding them again is recognised after a change.
	Origin string
	// RemovedAt is set when the citizen took the person out of the household: hidden from the citizen. The identity stays
	// for the officials while a case is open; then only the id is left, so that a late repeat does not bring them back.
	RemovedAt time.Time
}

// Forget leaves nothing of a removed person but the id.
func (p *Person) Forget() { *p = Person{ID: p.ID, CreatedAt: p.CreatedAt, RemovedAt: p.RemovedAt} }

// Forgotten tells whether only the id is left.
func (p *Person) Forgotten() bool { return !p.RemovedAt.IsZero() && p.Relationship == "" }

// Age is in completed years on a local calendar day; a birth date of a year only counts as 1 January.
// It is -1 when the birth date cannot be read.
func (p *Person) Age(day time.Time) int {
	born, err := ParseBirthDate(p.BirthDate)
	if err != nil {
		return -1
	}
	day = day.In(Hanoi)
	age := day.Year() - born.Year()
	if day.Month() < born.Month() || (day.Month() == born.Month() && day.Day() < born.Day()) {
		age--
	}
	return age
}

// ParseBirthDate reads "2006-01-02" or "2006" (1 January).
func ParseBirthDate(text string) (time.Time, error) {
	if len(text) == 4 {
		return time.ParseInLocation("2006", text, Hanoi)
	}
	return time.ParseInLocation(time.DateOnly, text, Hanoi)
}

// Hanoi is the time zone of every day and every hour that a citizen or an official sees: UTC+7 without summer time.
var Hanoi = time.FixedZone("Asia/Ho_Chi_Minh", 7*60*60)

// Day is the local calendar day of a moment, "2006-01-02".
func Day(at time.Time) string { return at.In(Hanoi).Format(time.DateOnly) }

// Device is a phone or browser that receives pushes.
type Device struct {
	ID        string // chosen by the app
	Token     string // FCM registration token; sealed in a store
	Platform  string // android | ios | web
	Lang      Lang
	UpdatedAt time.Time
}

// Purpose of a consent that goes beyond declaring and follow-up.
type Purpose string

// The purposes. An absent consent is a no.
const (
	News     Purpose = "news"
	Research Purpose = "research"
	Sharing  Purpose = "sharing"
)

// Purposes lists them in the order they are shown.
func Purposes() []Purpose { return []Purpose{News, Research, Sharing} }

// Consent is what a citizen last said to one purpose, provable: which text, when, on which channel.
type Consent struct {
	Purpose     Purpose
	Granted     bool
	TextVersion string
	At          time.Time
	Channel     Channel
}

// Channel is the way something came in.
type Channel string

// The channels.
const (
	ChannelApp      Channel = "app"
	ChannelSMS      Channel = "sms"
	ChannelUSSD     Channel = "ussd"
	ChannelOfficial Channel = "official"
)
