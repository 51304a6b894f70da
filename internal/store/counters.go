package store

import (
	"context"
	"errors"
	"sort"
	"strings"

	"khaibao/models"
)

// counterDoc holds the numbers of one program, area and day. Communes, provinces and the nation each have their own, so
// that a dashboard of any level reads as few documents as it shows.
type counterDoc struct {
	ID      string           `bson:"_id" json:"_id"` // program|area|day
	Program string           `bson:"program" json:"program"`
	Area    string           `bson:"area" json:"area"`
	Parent  string           `bson:"parent" json:"parent"`
	Day     string           `bson:"day" json:"day"`
	N       map[string]int64 `bson:"n" json:"n"` // form_channel_level -> how many
	Seen    map[string]int64 `bson:"seen,omitempty" json:"seen,omitempty"`
}

func (d counterDoc) Key() string      { return d.ID }
func (d counterDoc) Revision() string { return "" }

// journalDoc is the batch that a counting worker has under way. It makes counting happen exactly once
// although counters and what they count are different documents: the increments of a batch carry its Seq, so repeating
// them changes nothing, and the batch is only replaced when all of it is done.
type journalDoc struct {
	ID         string         `bson:"_id" json:"_id"` // the form, or costs
	Rev        string         `bson:"rev" json:"rev"`
	Seq        int64          `bson:"seq" json:"seq"`
	Done       []string       `bson:"done" json:"done"` // _ids of the documents of the batch
	Increments []incrementDoc `bson:"increments" json:"increments"`
}

func (d *journalDoc) Key() string      { return d.ID }
func (d *journalDoc) Revision() string { return d.Rev }

type incrementDoc struct {
	Program string           `bson:"program" json:"program"`
	Area    string           `bson:"area" json:"area"`
	Parent  string           `bson:"parent" json:"parent"`
	Day     string           `bson:"day" json:"day"`
	N       map[string]int64 `bson:"n" json:"n"`
}

func (i incrementDoc) key() string { return i.Program + "|" + i.Area + "|" + i.Day }

// Counting is the right to settle declarations of one form: what Settle builds on. Another worker that counts in
// between makes the next Settle fail with Changed, and nothing is counted twice.
type Counting struct {
	store   *Store
	form    models.Form
	journal journalDoc
}

// BeginCounting finishes a batch that a worker left under way and gives the right to go on. Read the pending
// declarations after it, never before.
func (s *Store) BeginCounting(ctx context.Context, form models.Form) (*Counting, error) {
	journal, begun, err := s.openJournal(ctx, string(form))
	c := &Counting{s, form, journal}
	if err != nil || !begun {
		return c, err
	}
	return c, c.carryOut(ctx)
}

// openJournal reads a journal, or starts one: then nothing has begun.
func (s *Store) openJournal(ctx context.Context, id string) (journal journalDoc, begun bool, err error) {
	err = s.engine.Get(ctx, colJournals, id, &journal)
	if errors.Is(err, ErrMissing) {
		journal = journalDoc{ID: id, Rev: NewID()}
		return journal, false, asError("starting a journal", s.engine.Insert(ctx, colJournals, &journal))
	}
	return journal, true, asError("reading a journal", err)
}

// writeJournal begins the next batch: Changed when another worker did.
func (s *Store) writeJournal(ctx context.Context, journal *journalDoc, done []string, increments []incrementDoc) error {
	next := journalDoc{ID: journal.ID, Rev: NewID(), Seq: journal.Seq + 1, Done: done, Increments: increments}
	if err := s.engine.Replace(ctx, colJournals, &next, journal.Rev); err != nil {
		return asError("writing a journal", err)
	}
	*journal = next
	return nil
}

// Settle counts the declarations and marks their effects as carried out: each exactly once, whatever crashes where.
// The other effects (case, message) must be carried out before.
func (c *Counting) Settle(ctx context.Context, ds []models.Declaration) error {
	if len(ds) == 0 {
		return nil
	}
	done := make([]string, len(ds))
	for i := range ds {
		done[i] = declarationID(ds[i].Account, ds[i].ID)
	}
	if err := c.store.writeJournal(ctx, &c.journal, done, increments(ds)); err != nil {
		return err
	}
	return c.carryOut(ctx)
}

func (c *Counting) carryOut(ctx context.Context) error {
	batch := make([]Increment, len(c.journal.Increments))
	for i, inc := range c.journal.Increments {
		batch[i] = Increment{
			ID: inc.key(), N: inc.N, Guard: string(c.form), Seq: c.journal.Seq,
			Init: map[string]any{"program": inc.Program, "area": inc.Area, "parent": inc.Parent, "day": inc.Day},
		}
	}
	if err := c.store.engine.Add(ctx, colCounters, batch); err != nil {
		return asError("counting", err)
	}
	refs := make([]Ref, len(c.journal.Done))
	for i, id := range c.journal.Done {
		refs[i] = Ref{ID: id}
	}
	return asError("settling declarations", c.store.engine.Unset(ctx, formCollection(c.form), "todo", refs))
}

func increments(ds []models.Declaration) []incrementDoc {
	sums := map[string]*incrementDoc{}
	for i := range ds {
		d := &ds[i]
		field := counterField(d.Form, d.Channel, d.Decision.Level)
		for _, area := range []struct{ code, parent string }{
			{d.Commune, d.Province}, {d.Province, string(models.Nation)}, {string(models.Nation), ""},
		} {
			inc := incrementDoc{Program: d.Program, Area: area.code, Parent: area.parent, Day: d.Day()}
			if sums[inc.key()] == nil {
				inc.N = map[string]int64{}
				sums[inc.key()] = &inc
			}
			sums[inc.key()].N[field]++
		}
	}
	out := make([]incrementDoc, 0, len(sums))
	for _, inc := range sums {
		out = append(out, *inc)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].key() < out[j].key() })
	return out
}

func counterField(form models.Form, channel models.Channel, level models.Level) string {
	return string(form) + "_" + string(channel) + "_" + level.String()
}

// Stats gives the numbers of one program for days from through to ("2006-01-02"), in an area, or with children true in
// each area directly below it, ordered by area and day. Days and areas without any are absent.
func (s *Store) Stats(ctx context.Context, program string, area models.Area, children bool, from, to string) ([]models.Stat, error) {
	q := Query{Where: []Cond{{"_id", Ge, program + "|" + string(area) + "|" + from}, {"_id", Le, program + "|" + string(area) + "|" + to}}, Sort: []Order{{Field: "_id"}}}
	if children {
		q = Query{
			Where: []Cond{{"program", Eq, program}, {"parent", Eq, string(area)}, {"day", Ge, from}, {"day", Le, to}},
			Sort:  []Order{{Field: "day"}, {Field: "_id"}}, Index: "parent",
		}
	}
	var out []models.Stat
	err := s.engine.Find(ctx, colCounters, q, func(raw Raw) error {
		var doc counterDoc
		if err := raw.Decode(&doc); err != nil {
			return err
		}
		out = append(out, doc.stats()...)
		return nil
	})
	return out, asError("reading counters", err)
}

func (doc counterDoc) stats() []models.Stat {
	fields := make([]string, 0, len(doc.N))
	for field := range doc.N {
		fields = append(fields, field)
	}
	sort.Strings(fields)
	var out []models.Stat
	for _, field := range fields {
		parts := strings.SplitN(field, "_", 3)
		if len(parts) != 3 {
			continue
		}
		level, err := models.ParseLevel(parts[2])
		if err != nil {
			continue
		}
		out = append(out, models.Stat{
			Program: doc.Program, Area: models.Area(doc.Area), Day: doc.Day,
			Form: models.Form(parts[0]), Channel: models.Channel(parts[1]), Level: level, Count: doc.N[field],
		})
	}
	return out
}
