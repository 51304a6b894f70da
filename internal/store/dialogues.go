package store

import (
	"context"
	"errors"
	"time"

	"khaibao/internal/seal"
	"khaibao/models"
)

// dialogueDoc is where a citizen's dialogue by SMS or USSD stands. Its _id is the keyed hash of channel and number.
type dialogueDoc struct {
	ID        string `bson:"_id" json:"_id"`
	Rev       string `bson:"rev" json:"rev"`
	State     []byte `bson:"state" json:"state"`                // sealed
	Due       Time   `bson:"due,omitempty" json:"due,omitzero"` // when we are to speak next by ourselves
	ExpiresAt Time   `bson:"expires_at" json:"expires_at"`      // real time
}

func (d dialogueDoc) Key() string      { return d.ID }
func (d dialogueDoc) Revision() string { return d.Rev }

const dialoguePurpose = "dialogue"

func dialoguePlace(id string) seal.Place {
	return seal.Place{Collection: colDialogues, ID: id, Field: "state"}
}

// Dialogue gives where the dialogue with a number stands; NotFound when there is none.
func (s *Store) Dialogue(ctx context.Context, channel models.Channel, phone string) (models.Dialogue, error) {
	var doc dialogueDoc
	if err := s.engine.Get(ctx, colDialogues, s.keys.Hash(dialoguePurpose, string(channel)+"|"+phone), &doc); err != nil {
		return models.Dialogue{}, asError("reading a dialogue", err)
	}
	d, err := s.openDialogue(doc)
	return d, asError("opening a dialogue", err)
}

func (s *Store) openDialogue(doc dialogueDoc) (models.Dialogue, error) {
	state, err := s.keys.Open(doc.State, dialoguePlace(doc.ID))
	return models.Dialogue{ID: doc.ID, Rev: doc.Rev, State: state, DueAt: doc.Due.Time(), ExpiresAt: doc.ExpiresAt.Time()}, err
}

// SaveDialogue writes where a dialogue stands: one without a Rev must be new. Changed when somebody else wrote meanwhile.
// d.Rev moves on.
func (s *Store) SaveDialogue(ctx context.Context, channel models.Channel, phone string, d *models.Dialogue) error {
	d.ID = s.keys.Hash(dialoguePurpose, string(channel)+"|"+phone)
	return s.RewriteDialogue(ctx, d)
}

// RewriteDialogue is SaveDialogue for one that was read, whoever it is with.
func (s *Store) RewriteDialogue(ctx context.Context, d *models.Dialogue) error {
	sealed, err := s.keys.Seal(d.State, dialoguePlace(d.ID))
	if err != nil {
		return asError("sealing a dialogue", err)
	}
	doc := dialogueDoc{ID: d.ID, Rev: NewID(), State: sealed, Due: At(d.DueAt), ExpiresAt: At(d.ExpiresAt)}
	if d.Rev == "" {
		if err = s.engine.Insert(ctx, colDialogues, doc); errors.Is(err, ErrExists) {
			err = ErrChanged
		}
	} else {
		err = s.engine.Replace(ctx, colDialogues, doc, d.Rev)
	}
	if err == nil {
		d.Rev = doc.Rev
	}
	return asError("keeping a dialogue", err)
}

// DueDialogues gives the dialogues in which we are to speak by ourselves, the longest due first.
func (s *Store) DueDialogues(ctx context.Context, now time.Time, limit int) ([]models.Dialogue, error) {
	var out []models.Dialogue
	q := Query{
		Where: []Cond{{"due", Le, At(now)}}, Sort: []Order{{Field: "due"}, {Field: "_id"}}, Limit: limit, Index: "due",
	}
	err := s.engine.Find(ctx, colDialogues, q, func(raw Raw) error {
		var doc dialogueDoc
		if err := raw.Decode(&doc); err != nil {
			return err
		}
		d, err := s.openDialogue(doc)
		out = append(out, d)
		return err
	})
	return out, asError("reading due dialogues", err)
}
