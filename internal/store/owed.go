package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"khaibao/models"
)

// owedDoc is the part of a declaration or health update that its effects follow from: everything but what was answered,
// which takes most of the time to read.
type owedDoc struct {
	ID         string             `bson:"_id" json:"_id"`
	PersonID   string             `bson:"person" json:"person"`
	Program    string             `bson:"program" json:"program"`
	Version    int                `bson:"version" json:"version"`
	Channel    models.Channel     `bson:"channel" json:"channel"`
	By         *behalfDoc         `bson:"by" json:"by"`
	Commune    string             `bson:"commune" json:"commune"`
	Province   string             `bson:"province" json:"province"`
	OccurredAt Time               `bson:"occurred_at" json:"occurred_at"`
	ReceivedAt Time               `bson:"received_at" json:"received_at"`
	Level      int                `bson:"level" json:"level"`
	Factors    []string           `bson:"factors" json:"factors"`
	Reasons    []reasonDoc        `bson:"reasons" json:"reasons"`
	Notify     bool               `bson:"notify" json:"notify"`
	Previous   *levelDoc          `bson:"previous" json:"previous"`
	Measures   map[string]float64 `bson:"measures" json:"measures"`
}

func (doc *owedDoc) model(form models.Form) models.Declaration {
	account, id, _ := strings.Cut(doc.ID, "|")
	d := models.Declaration{
		Account: account, ID: id, Form: form, PersonID: doc.PersonID, Program: doc.Program, Version: doc.Version,
		Channel: doc.Channel, By: (*models.Behalf)(doc.By), Commune: doc.Commune, Province: doc.Province,
		OccurredAt: doc.OccurredAt.Time(), ReceivedAt: doc.ReceivedAt.Time(), Notify: doc.Notify, Measures: doc.Measures,
		Decision: models.Decision{Level: models.Level(doc.Level), Factors: doc.Factors},
	}
	for _, r := range doc.Reasons {
		d.Decision.Reasons = append(d.Decision.Reasons, models.Reason(r))
	}
	if doc.Previous != nil {
		d.Previous = doc.Previous.model()
	}
	return d
}

// PendingDeclarations gives those that owe effects, the longest waiting first: who, where, when and the decision, without
// the answers, age and sex that led to it.
func (s *Store) PendingDeclarations(ctx context.Context, form models.Form, limit int) ([]models.Declaration, error) {
	var out []models.Declaration
	err := s.engine.Find(ctx, formCollection(form), todoQuery(limit), intoOwed(&out, form))
	return out, asError("reading pending declarations", err)
}

// fewOwed is how many that owe effects are gone through for several households at once: a second's worth, when nothing
// stands still.
const fewOwed = 500

// PendingOf gives those of one account that owe effects, as PendingDeclarations does, in the order of their ids.
func (s *Store) PendingOf(ctx context.Context, account string, form models.Form) ([]models.Declaration, error) {
	var out []models.Declaration
	err := s.engine.FindBelow(ctx, formCollection(form), account+"|", todoQuery(fewOwed), intoOwed(&out, form))
	slices.SortFunc(out, func(a, b models.Declaration) int { return cmp.Compare(a.ID, b.ID) })
	return out, asError("reading pending declarations", err)
}

func intoOwed(out *[]models.Declaration, form models.Form) func(Raw) error {
	return func(raw Raw) error {
		var doc owedDoc
		err := raw.Decode(&doc)
		*out = append(*out, doc.model(form))
		return err
	}
}

// Backlog counts the declarations of a form whose effects are not carried out yet.
func (s *Store) Backlog(ctx context.Context, form models.Form) (int64, error) {
	n, err := s.engine.Count(ctx, formCollection(form), []Cond{{"todo.at", Exists, true}})
	return n, asError("counting pending declarations", err)
}
