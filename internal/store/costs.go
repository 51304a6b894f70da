package store

import (
	"context"
	"sort"
	"strings"
	"time"

	"khaibao/models"
)

// costDoc holds what the SMS of one program and local day cost.
type costDoc struct {
	ID      string           `bson:"_id" json:"_id"` // day|program
	Program string           `bson:"program" json:"program"`
	Day     string           `bson:"day" json:"day"`
	N       map[string]int64 `bson:"n" json:"n"` // messages_kind and parts_kind -> how many
	Seen    map[string]int64 `bson:"seen,omitempty" json:"seen,omitempty"`
}

func (d costDoc) Key() string      { return d.ID }
func (d costDoc) Revision() string { return "" }

// Billing is the right to count what messages cost, each exactly once, whatever crashes where. Another worker that counts
// in between makes the next Bill fail with Changed.
type Billing struct {
	store   *Store
	journal journalDoc
}

const billingJournal = "costs"

// BeginBilling finishes a batch that a worker left under way and gives the right to go on.
func (s *Store) BeginBilling(ctx context.Context) (*Billing, error) {
	journal, begun, err := s.openJournal(ctx, billingJournal)
	if err != nil {
		return nil, err
	}
	b := &Billing{store: s, journal: journal}
	if begun {
		if err := b.carryOut(ctx); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Bill counts the messages whose parts are not in the numbers yet, the oldest first and at most limit, and gives how many
// it found. After an error begin anew.
func (b *Billing) Bill(ctx context.Context, limit int) (int, error) {
	var due []messageDoc
	q := Query{Where: []Cond{{"to_bill", Exists, true}}, Sort: []Order{{Field: "to_bill"}, {Field: "_id"}}, Limit: limit, Index: "to_bill"}
	err := b.store.engine.Find(ctx, colOutbox, q, func(raw Raw) error {
		var doc messageDoc
		err := raw.Decode(&doc)
		due = append(due, doc)
		return err
	})
	if err != nil || len(due) == 0 {
		return 0, asError("reading what messages cost", err)
	}
	done := make([]string, len(due))
	for i := range due {
		done[i] = due[i].ID
	}
	if err := b.store.writeJournal(ctx, &b.journal, journalDoc{Done: done, Increments: costs(due)}); err != nil {
		return 0, err
	}
	return len(due), b.carryOut(ctx)
}

func costs(due []messageDoc) []incrementDoc {
	sums := map[string]incrementDoc{}
	for i := range due {
		m := &due[i]
		inc := incrementDoc{Program: m.Program, Day: models.Day(m.ToBill.Time()), N: map[string]int64{}}
		if known, ok := sums[costID(inc)]; ok {
			inc = known
		}
		inc.N["messages_"+string(m.Kind)]++
		inc.N["parts_"+string(m.Kind)] += int64(m.Parts)
		sums[costID(inc)] = inc
	}
	out := make([]incrementDoc, 0, len(sums))
	for _, inc := range sums {
		out = append(out, inc)
	}
	sort.Slice(out, func(i, j int) bool { return costID(out[i]) < costID(out[j]) })
	return out
}

func costID(inc incrementDoc) string { return inc.Day + "|" + inc.Program }

// carryOut applies the journal's batch: the counters, and then the mark of each message.
func (b *Billing) carryOut(ctx context.Context) error {
	batch := make([]Increment, len(b.journal.Increments))
	for i, inc := range b.journal.Increments {
		batch[i] = Increment{
			ID: costID(inc), N: inc.N, Guard: billingJournal, Seq: b.journal.Seq, Init: map[string]any{"program": inc.Program, "day": inc.Day},
		}
	}
	if err := b.store.engine.Add(ctx, colCosts, batch); err != nil {
		return asError("counting costs", err)
	}
	return retryChanged(ctx, "marking messages as counted", func() error { return b.mark(ctx) })
}

// mark writes into each message of the batch that it is counted, under a new rev: whoever has read it before, to write down
// a report, has to read it again and cannot bring the debt back. ErrChanged when somebody was faster.
func (b *Billing) mark(ctx context.Context) error {
	var docs []Document
	var was []string
	err := b.store.engine.GetAll(ctx, colOutbox, b.journal.Done, func(raw Raw) error {
		var doc messageDoc
		if err := raw.Decode(&doc); err != nil || doc.Billed {
			return err
		}
		was = append(was, doc.Rev)
		doc.Rev, doc.Billed, doc.ToBill = NewID(), true, At(time.Time{})
		docs = append(docs, doc)
		return nil
	})
	if err != nil || len(docs) == 0 {
		return err
	}
	changed, err := b.store.engine.ReplaceAll(ctx, colOutbox, docs, was)
	if err == nil && len(changed) > 0 {
		return ErrChanged
	}
	return err
}

// MessageStats gives what SMS cost on the days from through to ("2006-01-02"), by day, program and kind. Days without any are
// absent.
func (s *Store) MessageStats(ctx context.Context, from, to string) ([]models.MessageStat, error) {
	var out []models.MessageStat
	q := Query{Where: []Cond{{"_id", Ge, from + "|"}, {"_id", Lt, to + "}"}}, Sort: []Order{{Field: "_id"}}}
	err := s.engine.Find(ctx, colCosts, q, func(raw Raw) error {
		var doc costDoc
		err := raw.Decode(&doc)
		out = append(out, doc.stats()...)
		return err
	})
	return out, asError("reading what messages cost", err)
}

func (doc costDoc) stats() []models.MessageStat {
	var out []models.MessageStat
	for field, n := range doc.N {
		if kind, ok := strings.CutPrefix(field, "messages_"); ok {
			out = append(out, models.MessageStat{
				Program: doc.Program, Day: doc.Day, Route: models.RouteSMS, Kind: models.MessageKind(kind), Messages: n, Parts: doc.N["parts_"+kind],
			})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Kind < out[j].Kind })
	return out
}
