package store

import (
	"context"
	"errors"

	"khaibao/internal/seal"
	"khaibao/models"
)

type otpDoc struct {
	ID        string `bson:"_id" json:"_id"`
	Rev       string `bson:"rev" json:"rev"`
	Phone     []byte `bson:"phone" json:"phone"` // sealed
	CodeHash  string `bson:"code_hash" json:"code_hash"`
	Tries     int    `bson:"tries" json:"tries"`
	Used      bool   `bson:"used" json:"used"`
	ExpiresAt Time   `bson:"expires_at" json:"expires_at"`
}

func (d otpDoc) Key() string      { return d.ID }
func (d otpDoc) Revision() string { return d.Rev }

func otpPlace(id string) seal.Place {
	return seal.Place{Collection: colOTPs, ID: id, Field: "phone"}
}

func (s *Store) sealOTP(o models.OTP) (otpDoc, error) {
	phone, err := s.keys.Seal([]byte(o.Phone), otpPlace(o.ID))
	return otpDoc{o.ID, NewID(), phone, o.CodeHash, o.Tries, o.Used, At(o.ExpiresAt)}, err
}

func (s *Store) openOTP(d otpDoc) (models.OTP, error) {
	phone, err := s.keys.Open(d.Phone, otpPlace(d.ID))
	return models.OTP{
		ID: d.ID, Phone: string(phone), CodeHash: d.CodeHash, Tries: d.Tries, Used: d.Used, ExpiresAt: d.ExpiresAt.Time(),
	}, err
}

// AddOTP keeps a new one-time code.
func (s *Store) AddOTP(ctx context.Context, o models.OTP) error {
	doc, err := s.sealOTP(o)
	if err == nil {
		err = s.engine.Insert(ctx, colOTPs, doc)
	}
	return asError("keeping a one-time code", err)
}

// UpdateOTP reads a one-time code, changes it and writes it back, again from the start when somebody was faster: what
// change saw counts only when its write was kept. An error of change is answered and nothing is written. NotFound when
// there is no such code, or no longer.
func (s *Store) UpdateOTP(ctx context.Context, id string, change func(*models.OTP) error) error {
	return retryChanged(ctx, "changing a one-time code", func() error {
		var doc otpDoc
		if err := s.engine.Get(ctx, colOTPs, id, &doc); err != nil {
			return err
		}
		otp, err := s.openOTP(doc)
		if err != nil {
			return err
		}
		if err := change(&otp); err != nil {
			if errors.Is(err, models.ErrUnchanged) {
				return nil
			}
			return err
		}
		next, err := s.sealOTP(otp)
		if err != nil {
			return err
		}
		return s.engine.Replace(ctx, colOTPs, next, doc.Rev)
	})
}
