package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	json "github.com/go-json-experiment/json/v1" // means the same as encoding/json and reads twice as fast

	"khaibao/internal/seal"
	"khaibao/models"
)

// accountDoc is a household. Province and commune are those where the first of its people lives, elsewhere those of the
// others that differ, and news says that it consented to news: that is what broadcasts find their recipients by. Most
// households live in one place, so most are found by one plain field, in the order of _id on every engine.
type accountDoc struct {
	ID             string       `bson:"_id" json:"_id"`
	Rev            string       `bson:"rev" json:"rev"`
	DataKey        []byte       `bson:"data_key,omitempty" json:"data_key,omitempty"` // wrapped; gone once erased
	Phone          []byte       `bson:"phone,omitempty" json:"phone,omitempty"`       // sealed
	Lang           models.Lang  `bson:"lang,omitempty" json:"lang,omitempty"`
	CreatedAt      Time         `bson:"created_at" json:"created_at"`
	People         []personDoc  `bson:"people,omitempty" json:"people,omitempty"`
	Devices        []deviceDoc  `bson:"devices,omitempty" json:"devices,omitempty"`
	Consents       []consentDoc `bson:"consents,omitempty" json:"consents,omitempty"`
	PIN            []byte       `bson:"pin,omitempty" json:"pin,omitempty"` // sealed hash
	PINWrong       int          `bson:"pin_wrong,omitempty" json:"pin_wrong,omitempty"`
	PINTried       []byte       `bson:"pin_tried,omitempty" json:"pin_tried,omitempty"` // sealed
	PINLockedUntil Time         `bson:"pin_locked_until,omitempty" json:"pin_locked_until,omitzero"`
	SMSOptOut      Time         `bson:"sms_opt_out,omitempty" json:"sms_opt_out,omitzero"`
	LostSince      Time         `bson:"lost_since,omitempty" json:"lost_since,omitzero"` // since when nothing reaches the household
	LostReason     string       `bson:"lost_reason,omitempty" json:"lost_reason,omitempty"`
	Province       string       `bson:"province,omitempty" json:"province,omitempty"`
	Commune        string       `bson:"commune,omitempty" json:"commune,omitempty"`
	Elsewhere      []string     `bson:"elsewhere,omitempty" json:"elsewhere,omitempty"`
	News           bool         `bson:"news,omitempty" json:"news,omitempty"`
	ErasedAt       Time         `bson:"erased_at,omitempty" json:"erased_at,omitzero"`
	KeyUntilClosed bool         `bson:"key_until_closed,omitempty" json:"key_until_closed,omitempty"`
	Todo           *todoDoc     `bson:"todo,omitempty" json:"todo,omitempty"`
}

func (d accountDoc) Key() string      { return d.ID }
func (d accountDoc) Revision() string { return d.Rev }

type personDoc struct {
	ID           string              `bson:"id" json:"id"`
	Relationship models.Relationship `bson:"relationship" json:"relationship"`
	Sex          models.Sex          `bson:"sex" json:"sex"`
	Commune      string              `bson:"commune,omitempty" json:"commune,omitempty"`
	Province     string              `bson:"province,omitempty" json:"province,omitempty"`
	CreatedAt    Time                `bson:"created_at" json:"created_at"`
	RemovedAt    Time                `bson:"removed_at,omitempty" json:"removed_at,omitzero"`
	Identity     []byte              `bson:"identity" json:"identity"` // sealed identityDoc
}

// identityDoc is sealed as a whole, so that not even the length of a name shows alone.
type identityDoc struct {
	Name       string `json:"name,omitempty"`
	BirthDate  string `json:"birth_date,omitempty"`
	NationalID string `json:"national_id,omitempty"`
	Address    string `json:"address,omitempty"`
	Origin     string `json:"origin,omitempty"`
}

type deviceDoc struct {
	ID        string      `bson:"id" json:"id"`
	Token     []byte      `bson:"token" json:"token"` // sealed
	Platform  string      `bson:"platform" json:"platform"`
	Lang      models.Lang `bson:"lang" json:"lang"`
	UpdatedAt Time        `bson:"updated_at" json:"updated_at"`
}

type consentDoc struct {
	Purpose     models.Purpose `bson:"purpose" json:"purpose"`
	Granted     bool           `bson:"granted" json:"granted"`
	TextVersion string         `bson:"text_version" json:"text_version"`
	At          Time           `bson:"at" json:"at"`
	Channel     models.Channel `bson:"channel" json:"channel"`
}

// Account gives a household with its identity open; that of an erased one is empty. NotFound when there is none.
func (s *Store) Account(ctx context.Context, id string) (*models.Account, error) {
	var doc accountDoc
	if err := s.engine.Get(ctx, colAccounts, id, &doc); err != nil {
		return nil, asError("reading an account", err)
	}
	account, _, err := s.openAccount(&doc)
	return account, asError("opening an account", err)
}

// AccountsToReach gives households with what it takes to reach them, in any order and without their people; those that do
// not exist are left out. At most 1,000.
func (s *Store) AccountsToReach(ctx context.Context, ids []string) ([]models.Account, error) {
	accounts := make([]models.Account, 0, len(ids))
	err := s.engine.GetAll(ctx, colAccounts, ids, func(raw Raw) error {
		var doc accountDoc
		if err := raw.Decode(&doc); err != nil {
			return err
		}
		doc.People = nil
		account, _, err := s.openAccount(&doc)
		if err == nil {
			accounts = append(accounts, *account)
		}
		return err
	})
	return accounts, asError("reading accounts", err)
}

// UpdateAccount reads a household, changes it and writes it back with the effects that follow, again from the start
// when somebody was faster. change may return models.ErrUnchanged. An erased account is ErrSignedOut here; only Tombstone changes it.
func (s *Store) UpdateAccount(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error) {
	var account *models.Account
	err := retryChanged(ctx, "changing an account", func() error {
		var doc accountDoc
		err := s.engine.Get(ctx, colAccounts, id, &doc)
		if err != nil {
			return err
		}
		if doc.ErasedAt != 0 {
			return models.ErrSignedOut
		}
		account, err = s.changeAccount(ctx, &doc, change)
		return err
	})
	return account, err
}

// Tombstone changes an account like UpdateAccount, also one that is erased already. When it leaves the account erased
// and not KeyUntilClosed, the data key goes with this same write and with it all identity.
func (s *Store) Tombstone(ctx context.Context, id string, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error) {
	var account *models.Account
	err := retryChanged(ctx, "erasing an account", func() error {
		var doc accountDoc
		err := s.engine.Get(ctx, colAccounts, id, &doc)
		if err != nil {
			return err
		}
		account, err = s.changeAccount(ctx, &doc, change)
		return err
	})
	return account, err
}

// HoldIdentity tells whether a person's identity is still there after something was kept that needs it. While it is about to be dropped
// (the account is erased, the person taken out of it) the account gets a new rev: whoever drops it looks for open cases again.
func (s *Store) HoldIdentity(ctx context.Context, account, personID string) (held bool, err error) {
	_, err = s.Tombstone(ctx, account, func(a *models.Account) ([]models.Effect, error) {
		_, stays := a.Person(personID)
		if held = a.Identifies(personID); held && (a.Erased() || !stays) {
			return nil, nil
		}
		return nil, models.ErrUnchanged
	})
	return held, asError("reading a household", err)
}

func (s *Store) changeAccount(ctx context.Context, was *accountDoc, change func(*models.Account) ([]models.Effect, error)) (*models.Account, error) {
	account, key, err := s.openAccount(was)
	if err != nil {
		return nil, err
	}
	effects, err := change(account)
	if errors.Is(err, models.ErrUnchanged) {
		return account, nil
	}
	if err != nil {
		return nil, err
	}
	doc, err := sealAccount(account, key)
	if err != nil {
		return nil, err
	}
	if doc.ErasedAt == 0 || doc.KeyUntilClosed {
		doc.DataKey = was.DataKey
	}
	if doc.Todo, err = s.addEffects(colAccounts, doc.ID, was.Todo, effects); err != nil {
		return nil, err
	}
	account.Rev = doc.Rev
	return account, s.engine.Replace(ctx, colAccounts, doc, was.Rev)
}

func dataKeyPlace(account string) seal.Place {
	return seal.Place{Collection: colAccounts, ID: account, Field: "data_key"}
}

// dataKey opens the data key of an account; an erased one gives an unusable key.
func (s *Store) dataKey(doc *accountDoc) (seal.DataKey, error) {
	if len(doc.DataKey) == 0 {
		return seal.DataKey{}, nil
	}
	return s.keys.OpenDataKey(doc.DataKey, dataKeyPlace(doc.ID))
}

func (s *Store) openAccount(doc *accountDoc) (*models.Account, seal.DataKey, error) {
	key, err := s.dataKey(doc)
	if err != nil {
		return nil, key, err
	}
	account := &models.Account{
		ID: doc.ID, Rev: doc.Rev, Lang: doc.Lang, CreatedAt: doc.CreatedAt.Time(),
		SMSOptOut: doc.SMSOptOut.Time(), Unreachable: unreachable(doc.LostReason, doc.LostSince), ErasedAt: doc.ErasedAt.Time(), KeyUntilClosed: doc.KeyUntilClosed,
	}
	for _, c := range doc.Consents {
		account.Consents = append(account.Consents, models.Consent{
			Purpose: c.Purpose, Granted: c.Granted, TextVersion: c.TextVersion, At: c.At.Time(), Channel: c.Channel,
		})
	}
	if !key.Usable() {
		return account, key, nil
	}
	if phone, err := key.Open(doc.Phone, accountPlace(doc.ID, "phone")); err != nil {
		return nil, key, err
	} else {
		account.Phone = string(phone)
	}
	if len(doc.PIN) > 0 {
		hash, err := key.Open(doc.PIN, accountPlace(doc.ID, "pin"))
		if err != nil {
			return nil, key, err
		}
		account.PIN = models.PIN{Hash: string(hash), Wrong: doc.PINWrong, LockedUntil: doc.PINLockedUntil.Time()}
	}
	if len(doc.PINTried) > 0 {
		tried, err := key.Open(doc.PINTried, accountPlace(doc.ID, "pin_tried"))
		if err != nil {
			return nil, key, err
		}
		account.PIN.Tried = string(tried)
	}
	for _, p := range doc.People {
		person, err := openPerson(doc.ID, p, key)
		if err != nil {
			return nil, key, err
		}
		account.People = append(account.People, person)
	}
	for _, d := range doc.Devices {
		token, err := key.Open(d.Token, accountPlace(doc.ID, "devices/"+d.ID))
		if err != nil {
			return nil, key, err
		}
		account.Devices = append(account.Devices, models.Device{
			ID: d.ID, Token: string(token), Platform: d.Platform, Lang: d.Lang, UpdatedAt: d.UpdatedAt.Time(),
		})
	}
	return account, key, nil
}

func unreachable(reason string, since Time) models.Unreachable {
	return models.Unreachable{Reason: models.UnreachableReason(reason), Since: since.Time()}
}

func accountPlace(account, field string) seal.Place {
	return seal.Place{Collection: colAccounts, ID: account, Field: field}
}

func openPerson(account string, p personDoc, key seal.DataKey) (models.Person, error) {
	plain, err := key.Open(p.Identity, accountPlace(account, "people/"+p.ID))
	if err != nil {
		return models.Person{}, err
	}
	var identity identityDoc
	if err := json.Unmarshal(plain, &identity); err != nil {
		return models.Person{}, fmt.Errorf("identity of a person: %w", err)
	}
	return models.Person{
		ID: p.ID, Relationship: p.Relationship, Sex: p.Sex, Commune: p.Commune, Province: p.Province,
		Name: identity.Name, BirthDate: identity.BirthDate, NationalID: identity.NationalID, Address: identity.Address, Origin: identity.Origin,
		CreatedAt: p.CreatedAt.Time(), RemovedAt: p.RemovedAt.Time(),
	}, nil
}

// sealAccount gives the document of an account under a new rev, without its data key. Without a usable key the people,
// devices and phone are left out: that is what erasing means.
func sealAccount(a *models.Account, key seal.DataKey) (accountDoc, error) {
	doc := accountDoc{
		ID: a.ID, Rev: NewID(), Lang: a.Lang, CreatedAt: At(a.CreatedAt), SMSOptOut: At(a.SMSOptOut), LostSince: At(a.Unreachable.Since), LostReason: string(a.Unreachable.Reason), ErasedAt: At(a.ErasedAt), KeyUntilClosed: a.KeyUntilClosed,
	}
	for _, c := range a.Consents {
		doc.Consents = append(doc.Consents, consentDoc{c.Purpose, c.Granted, c.TextVersion, At(c.At), c.Channel})
	}
	if !key.Usable() || (a.Erased() && !a.KeyUntilClosed) {
		return doc, nil
	}
	doc.live(a)
	var err error
	if doc.Phone, err = key.Seal([]byte(a.Phone), accountPlace(a.ID, "phone")); err != nil {
		return doc, err
	}
	if a.PIN.Tried != "" {
		if doc.PINTried, err = key.Seal([]byte(a.PIN.Tried), accountPlace(a.ID, "pin_tried")); err != nil {
			return doc, err
		}
	}
	if a.PIN.Hash != "" {
		doc.PINWrong, doc.PINLockedUntil = a.PIN.Wrong, At(a.PIN.LockedUntil)
		if doc.PIN, err = key.Seal([]byte(a.PIN.Hash), accountPlace(a.ID, "pin")); err != nil {
			return doc, err
		}
	}
	for i := range a.People {
		person, err := sealPerson(a.ID, &a.People[i], key)
		if err != nil {
			return doc, err
		}
		doc.People = append(doc.People, person)
	}
	for _, d := range a.Devices {
		token, err := key.Seal([]byte(d.Token), accountPlace(a.ID, "devices/"+d.ID))
		if err != nil {
			return doc, err
		}
		doc.Devices = append(doc.Devices, deviceDoc{d.ID, token, d.Platform, d.Lang, At(d.UpdatedAt)})
	}
	return doc, nil
}

// live says where a household that is not erased lives.
func (d *accountDoc) live(a *models.Account) {
	if a.Erased() {
		return
	}
	for _, p := range a.People {
		if !p.RemovedAt.IsZero() || p.Commune == "" {
			continue
		}
		if d.Province == "" {
			d.Province, d.Commune = p.Province, p.Commune
		}
		for _, area := range []string{p.Province, p.Commune} {
			if area != d.Province && area != d.Commune && !slices.Contains(d.Elsewhere, area) {
				d.Elsewhere = append(d.Elsewhere, area)
			}
		}
	}
	d.News = slices.ContainsFunc(a.Consents, func(c models.Consent) bool { return c.Purpose == models.News && c.Granted })
}

func sealPerson(account string, p *models.Person, key seal.DataKey) (personDoc, error) {
	plain, err := json.Marshal(identityDoc{p.Name, p.BirthDate, p.NationalID, p.Address, p.Origin})
	if err != nil {
		return personDoc{}, err
	}
	sealed, err := key.Seal(plain, accountPlace(account, "people/"+p.ID))
	return personDoc{
		ID: p.ID, Relationship: p.Relationship, Sex: p.Sex, Commune: p.Commune, Province: p.Province,
		CreatedAt: At(p.CreatedAt), RemovedAt: At(p.RemovedAt), Identity: sealed,
	}, err
}

// Households counts the accounts, erased ones included.
func (s *Store) Households(ctx context.Context) (int64, error) {
	n, err := s.engine.Count(ctx, colAccounts, nil)
	return n, asError("counting accounts", err)
}
