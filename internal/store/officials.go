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
	PasswordHash string      `bson:"password_hash" json:"password_hash"`
	TOTPSecret   []byte      `bson:"totp_secret" json:"totp_secret"` // sealed
	TOTPUsed     int64       `bson:"totp_used" json:"totp_used"`
	DisabledAt   Time        `bson:"disabled_at,omitempty" json:"disabled_at,omitzero"`
	CreatedAt    Time        `bson:"created_at" json:"created_at"`
	Views        []viewDoc   `bson:"views,omitempty" json:"views,omitempty"`
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

func (s *Store) sealOfficial(o *models.Official) (officialDoc, error) {
	secret, err := s.keys.Seal([]byte(o.TOTPSecret), totpPlace(o.Login))
	return officialDoc{
		ID: o.Login, Rev: NewID(), Name: o.Name, Role: o.Role, Area: o.Area, PasswordHash: o.PasswordHash,
		TOTPSecret: secret, TOTPUsed: o.TOTPUsed, DisabledAt: At(o.DisabledAt), CreatedAt: At(o.CreatedAt),
		Views: mapped(o.Views, func(v models.SavedView) viewDoc { return viewDoc(v) }),
	}, err
}

func (s *Store) openOfficial(d *officialDoc) (*models.Official, error) {
	secret, err := s.keys.Open(d.TOTPSecret, totpPlace(d.ID))
	return &models.Official{
		Views: mapped(d.Views, func(v viewDoc) models.SavedView { return models.SavedView(v) }),
		ID:    d.ID, Rev: d.Rev, Login: d.ID, Name: d.Name, Role: d.Role, Area: d.Area, PasswordHash: d.PasswordHash,
		TOTPSecret: string(secret), TOTPUsed: d.TOTPUsed, DisabledAt: d.DisabledAt.Time(), CreatedAt: d.CreatedAt.Time(),
	}, err
}

// AddOfficial keeps a new official: Conflict when the login is taken.
func (s *Store) AddOfficial(ctx context.Context, o models.Official) error {
	doc, err := s.sealOfficial(&o)
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

// UpdateOfficial reads an official, changes it and writes it back, again from the start when somebody was faster, and
// gives it as it is now. After an error of change nothing is written; models.ErrUnchanged is none.
func (s *Store) UpdateOfficial(ctx context.Context, login string, change func(*models.Official) error) (*models.Official, error) {
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
		if err := change(official); err != nil {
			if errors.Is(err, models.ErrUnchanged) {
				return nil
			}
			return err
		}
		next, err := s.sealOfficial(official)
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
	var out []models.Official
	err := s.engine.Find(ctx, colOfficials, Query{Sort: []Order{{Field: "_id"}}}, func(raw Raw) error {
		var doc officialDoc
		if err := raw.Decode(&doc); err != nil {
			return err
		}
		out = append(out, models.Official{
			ID: doc.ID, Rev: doc.Rev, Login: doc.ID, Name: doc.Name, Role: doc.Role, Area: doc.Area,
			DisabledAt: doc.DisabledAt.Time(), CreatedAt: doc.CreatedAt.Time(),
		})
		return nil
	})
	return out, asError("listing officials", err)
}
