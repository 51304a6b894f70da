package store

import (
	"context"
	"errors"

	"khaibao/models"
)

type sessionDoc struct {
	ID         string `bson:"_id" json:"_id"`
	Rev        string `bson:"rev" json:"rev"`
	Subject    string `bson:"subject" json:"subject"`
	Generation int64  `bson:"generation" json:"generation"`
	Request    string `bson:"request,omitempty" json:"request,omitempty"`
	RotatedAt  Time   `bson:"rotated_at" json:"rotated_at"`
	StartedAt  Time   `bson:"started_at" json:"started_at"`
	ExpiresAt  Time   `bson:"expires_at" json:"expires_at"`
}

func (d sessionDoc) Key() string      { return d.ID }
func (d sessionDoc) Revision() string { return d.Rev }

func sessionOf(m *models.Session) sessionDoc {
	return sessionDoc{m.ID, NewID(), m.Subject, m.Generation, m.Request, At(m.RotatedAt), At(m.StartedAt), At(m.ExpiresAt)}
}

func (d sessionDoc) open() *models.Session {
	return &models.Session{
		ID: d.ID, Subject: d.Subject, Generation: d.Generation, Request: d.Request,
		RotatedAt: d.RotatedAt.Time(), StartedAt: d.StartedAt.Time(), ExpiresAt: d.ExpiresAt.Time(),
	}
}

// AddSession keeps a new sign-in.
func (s *Store) AddSession(ctx context.Context, session models.Session) error {
	return asError("keeping a sign-in", s.engine.Insert(ctx, colSessions, sessionOf(&session)))
}

// Session gives a sign-in; NotFound when it has ended. One that has expired may still be there.
func (s *Store) Session(ctx context.Context, id string) (*models.Session, error) {
	var doc sessionDoc
	if err := s.engine.Get(ctx, colSessions, id, &doc); err != nil {
		return nil, asError("reading a sign-in", err)
	}
	return doc.open(), nil
}

// UpdateSession reads a sign-in, changes it and writes it back, again from the start when somebody was faster, and gives
// it as it is now. After an error of change nothing is written; models.ErrUnchanged is none.
func (s *Store) UpdateSession(ctx context.Context, id string, change func(*models.Session) error) (*models.Session, error) {
	var session *models.Session
	err := retryChanged(ctx, "changing a sign-in", func() error {
		var doc sessionDoc
		if err := s.engine.Get(ctx, colSessions, id, &doc); err != nil {
			return err
		}
		session = doc.open()
		if err := change(session); err != nil {
			if errors.Is(err, models.ErrUnchanged) {
				return nil
			}
			return err
		}
		return s.engine.Replace(ctx, colSessions, sessionOf(session), doc.Rev)
	})
	return session, err
}

// EndSession ends a sign-in; one that has ended already is fine.
func (s *Store) EndSession(ctx context.Context, id string) error {
	return asError("ending a sign-in", s.engine.Delete(ctx, colSessions, id))
}

// EndSessions ends every sign-in of a subject.
func (s *Store) EndSessions(ctx context.Context, subject string) error {
	var ids []string
	q := Query{Where: []Cond{{"subject", Eq, subject}}, Sort: []Order{{Field: "_id"}}, Index: "subject"}
	err := s.engine.Find(ctx, colSessions, q, func(raw Raw) error {
		var doc sessionDoc
		err := raw.Decode(&doc)
		ids = append(ids, doc.ID)
		return err
	})
	if err == nil && len(ids) > 0 {
		err = s.engine.Delete(ctx, colSessions, ids...)
	}
	return asError("ending the sign-ins of a subject", err)
}
