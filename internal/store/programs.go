package store

import (
	"context"
	"errors"
	"fmt"
)

// programDoc is a program version as it was first started with: immutable from then on.
type programDoc struct {
	ID      string `bson:"_id" json:"_id"` // program|version
	Content string `bson:"content" json:"content"`
	KeptAt  Time   `bson:"kept_at" json:"kept_at"`
}

func (d programDoc) Key() string      { return d.ID }
func (d programDoc) Revision() string { return "" }

// KeepProgram records a program version. It fails when the version is known with other content: a version that
// people have answered never changes.
func (s *Store) KeepProgram(ctx context.Context, program string, version int, content []byte) error {
	doc := programDoc{ID: fmt.Sprintf("%s|%d", program, version), Content: string(content), KeptAt: At(s.now())}
	err := s.engine.Insert(ctx, colPrograms, doc)
	if !errors.Is(err, ErrExists) {
		return asError("keeping a program", err)
	}
	var known programDoc
	if err := s.engine.Get(ctx, colPrograms, doc.ID, &known); err != nil {
		return asError("reading a program", err)
	}
	if known.Content != doc.Content {
		return fmt.Errorf("program %s version %d has been active with other content; give the change a new version number", program, version)
	}
	return nil
}
