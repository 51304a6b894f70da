package store

import (
	"context"
	"errors"

	"khaibao/internal/seal"
	"khaibao/models"
)

// officialDoc is an official; its _id is the login, which is never renamed.
type officialDoc struct {
	ID           string      `bson:"_id" json:"_id"`
	Rev          string      `bson:"rev" json:"rev"`
	Name         string      `bson:"name" json:"name"`
	Role         models.Role `bson:"role" json:"role"`
	Area         models.Area `bson:"area" json:"area"`
	Province     string      `bson:"province,omitempty" json:"province,omitempty"`
	PasswordHash string      `bson:"password_hash" json:"password_hash"`
	TOTPSecret   []byte      `bson:"totp_secret" json:"totp_secret"` // sealed
	TOTPUsed     int64       `bson:"totp_used" json:"totp_used"`
	DisabledAt   Time        `bson:"disabled_at,omitempty" json:"disabled_at,omitzero"`
	CreatedAt    Time        `bson:"created_at" json:"created_at"`
	SignedInAt   Time        `bson:"signed_in_at,omitempty" json:"signed_in_at,omitzero"`
	SetupHash    string      `bson:"setup_hash,omitempty" json:"setup_hash,omitempty"` // keyed
	SetupUntil   Time        `bson:"setup_until,omitempty" json:"setup_until,omitzero"`
	Views        []viewDoc   `bson:"views,omitempty" json:"views,omitempty"`
	Todo         *todoDoc    `bson:"todo,omitempty" json:"todo,omitempty"`
}

type viewDoc struct {
	Name  string `bson:"name" json:"name"`
	Query string `bson:"query" json:"query"`
}

func (d officialDoc) Key() string      { return d.ID }
func (d officialDoc) Revision() string { return d.Rev }

func totpPlace(login string) seal.Place {
	return seal.Place{Collection: colOfficials, ID: login, Field: "totp_secret"}
}

// sealOfficial gives the document of an official under a new rev, owing what was owed and the effects.
func (s *Store) sealOfficial(o *models.Official, owed *todoDoc, effects []models.Effect) (officialDoc, error) {
	secret, err := s.keys.Seal([]byte(o.TOTPSecret), totpPlace(o.Login))
	if err != nil {
		return officialDoc{}, err
	}
	doc := officialDoc{
		ID: o.Login, Rev: NewID(), Name: o.Name, Role: o.Role, Area: o.Area, Province: o.Province, PasswordHash: o.PasswordHash,
		TOTPSecret: secret, TOTPUsed: o.TOTPUsed, DisabledAt: At(o.DisabledAt), CreatedAt: At(o.CreatedAt),
		SignedInAt: At(o.SignedInAt), SetupHash: o.SetupHash, SetupUntil: At(o.SetupUntil),
		Views: mapped(o.Views, func(v models.SavedView) viewDoc { return viewDoc(v) }),
	}
	doc.Todo, err = s.addEffects(colOfficials, doc.ID, owed, effects)
	return doc, err
}

// model gives the official without credentials.
func (d *officialDoc) model() models.Official {
	return models.Official{
		ID: d.ID, Rev: d.Rev, Login: d.ID, Name: d.Name, Role: d.Role, Area: d.Area, Province: d.Province,
		DisabledAt: d.DisabledAt.Time(), CreatedAt: d.CreatedAt.Time(), SignedInAt: d.SignedInAt.Time(), SetupUntil: d.SetupUntil.Time(),
	}
}

func (s *Store) openOfficial(d *officialDoc) (*models.Official, error) {
	secret, err := s.keys.Open(d.TOTPSecret, totpPlace(d.ID))
	o := d.model()
	o.Views = mapped(d.Views, func(v viewDoc) models.SavedView { return models.SavedView(v) })
	o.PasswordHash, o.TOTPSecret, o.TOTPUsed, o.SetupHash = d.PasswordHash, string(secret), d.TOTPUsed, d.SetupHash
	return &o, err
}

// AddOfficial keeps a new official with its effects: Conflict when the login is taken.
func (s *Store) AddOfficial(ctx context.Context, o models.Official, effects []models.Effect) error {
	doc, err := s.sealOfficial(&o, nil, effects)
	if err == nil {
		err = s.engine.Insert(ctx, colOfficials, doc)
	}
	return asError("keeping an official", err)
}

// Official gives the official of a login, disabled or not; NotFound when there is none.
func (s *Store) Official(ctx context.Context, login string) (*models.Official, error) {
	var doc officialDoc
	if err := s.engine.Get(ctx, colOfficials, login, &doc); err != nil {
		return nil, asError("reading an official", err)
	}
	o, err := s.openOfficial(&doc)
	return o, asError("opening an official", err)
}

// UpdateOfficial reads an official, changes it and writes it back with the effects that follow, again from the start when somebody was faster, and
// gives it as it is now. After an error of change nothing is written; models.ErrUnchanged is none.
func (s *Store) UpdateOfficial(ctx context.Context, login string, change func(*models.Official) ([]models.Effect, error)) (*models.Official, error) {
	var official *models.Official
	err := retryChanged(ctx, "changing an official", func() error {
		var doc officialDoc
		err := s.engine.Get(ctx, colOfficials, login, &doc)
		if err != nil {
			return err
		}
		if official, err = s.openOfficial(&doc); err != nil {
			return err
		}
		effects, err := change(official)
		if errors.Is(err, models.ErrUnchanged) {
			return nil
		}
		if err != nil {
			return err
		}
		next, err := s.sealOfficial(official, doc.Todo, effects)
		if err != nil {
			return err
		}
		official.Rev = next.Rev
		return s.engine.Replace(ctx, colOfficials, next, doc.Rev)
	})
	return official, err
}

// Officials lists every official by login, without their credentials.
func (s *Store) Officials(ctx context.Context) ([]models.Official, error) {
	return s.OfficialsOf(ctx, nil, 0)
}

// OfficialsOf lists the officials of some areas, or of all when areas is nil, by login and without their credentials; at
// most limit, 0 for no bound.
func (s *Store) OfficialsOf(ctx context.Context, areas []models.Area, limit int) ([]models.Official, error) {
	q := Query{Sort: []Order{{Field: "_id"}}, Limit: limit}
	if areas != nil {
		q.Where = []Cond{{"area", In, mapped(areas, func(a models.Area) string { return string(a) })}}
	}
	out, err := s.findOfficials(ctx, q)
	return out, asError("listing officials", err)
}

// OfficialsWithin lists the officials of a scope that match, by login, without their credentials. An empty scope holds none.
func (s *Store) OfficialsWithin(ctx context.Context, scope models.Area, f models.OfficialFilter, page models.Page) ([]models.Official, string, error) {
	if scope == "" {
		return nil, "", nil
	}
	q := Query{Sort: []Order{{Field: "_id"}}, Limit: page.Limit + 1}
	for _, area := range []models.Area{scope, f.Area} {
		switch {
		case area.IsProvince():
			q.Where = append(q.Where, Cond{"province", Eq, string(area)})
		case area.IsCommune():
			q.Where = append(q.Where, Cond{"area", Eq, string(area)})
		}
	}
	if f.LoginPrefix != "" {
		q.Where = append(q.Where, Cond{"_id", Ge, f.LoginPrefix}, Cond{"_id", Lt, f.LoginPrefix + "~"}) // "~" follows whatever a login holds
	}
	if err := q.after(colOfficials, page.Cursor, stringKey); err != nil {
		return nil, "", err
	}
	out, err := s.findOfficials(ctx, q)
	if err != nil {
		return nil, "", asError("listing officials", err)
	}
	out, next := cut(colOfficials, out, page.Limit, func(o models.Official) []any { return []any{o.Login} })
	return out, next, nil
}

func (s *Store) findOfficials(ctx context.Context, q Query) ([]models.Official, error) {
	var out []models.Official
	err := s.engine.Find(ctx, colOfficials, q, func(raw Raw) error {
		var doc officialDoc
		err := raw.Decode(&doc)
		out = append(out, doc.model())
		return err
	})
	return out, err
}

// PendingOfficials gives officials that owe effects, the longest waiting first.
func (s *Store) PendingOfficials(ctx context.Context, limit int) ([]models.Pending, error) {
	return s.pending(ctx, colOfficials, limit)
}

// DoneOfficials is DoneAccounts for officials.
func (s *Store) DoneOfficials(ctx context.Context, done []models.Pending) error {
	return s.done(ctx, colOfficials, done)
}
