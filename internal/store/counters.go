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
	ID      string           `bson:"_id" json:"_id"` // program|area|day, or dayNow
	Program string           `bson:"program" json:"program"`
	Area    string           `bson:"area" json:"area"`
	Parent  string           `bson:"parent" json:"parent"`
	Day     string           `bson:"day" json:"day"`
	N       map[string]int64 `bson:"n" json:"n"` // form_channel_level, or what a case counts as (tallies.go) -> how many
	Seen    map[string]int64 `bson:"seen,omitempty" json:"seen,omitempty"`
}

func (d counterDoc) Key() string      { return d.ID }
func (d counterDoc) Revision() string { return "" }

// journalDoc is the batch that a counting worker has under way. It makes counting happen exactly once
// although counters and what they count are different documents: the increments of a batch carry its Seq, so repeating
// them changes nothing, and the batch is only replaced when all of it is done.
type journalDoc struct {
	ID         string         `bson:"_id" json:"_id"` // the form, costs or cases
	Rev        string         `bson:"rev" json:"rev"`
	Seq        int64          `bson:"seq" json:"seq"`
	Done       []string       `bson:"done" json:"done"` // _ids of the documents of the batch
	Increments []incrementDoc `bson:"increments" json:"increments"`

	// Of cases: what of each is in the counters after the batch, and up to which those from before the counters are counted.
	Tallied []talliedChange `bson:"tallied,omitempty" json:"tallied,omitempty"`
	Adopted string          `bson:"adopted,omitempty" json:"adopted,omitempty"`
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

func (i incrementDoc) increment(guard string, seq int64) Increment {
	return Increment{
		ID: i.key(), N: i.N, Guard: guard, Seq: seq,
		Init: map[string]any{"program": i.Program, "area": i.Area, "parent": i.Parent, "day": i.Day},
	}
}

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
func (s *Store) writeJournal(ctx context.Context, journal *journalDoc, next journalDoc) error {
	next.ID, next.Rev, next.Seq = journal.ID, NewID(), journal.Seq+1
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
	if err := c.store.writeJournal(ctx, &c.journal, journalDoc{Done: done, Increments: increments(ds)}); err != nil {
		return err
	}
	return c.carryOut(ctx)
}

func (c *Counting) carryOut(ctx context.Context) error {
	if err := c.store.addCounters(ctx, &c.journal); err != nil {
		return err
	}
	refs := make([]Ref, len(c.journal.Done))
	for i, id := range c.journal.Done {
		refs[i] = Ref{ID: id}
	}
	return asError("settling declarations", c.store.engine.Unset(ctx, formCollection(c.form), "todo", refs))
}

// addCounters applies the increments of a journal to the counters, each once: the journal's _id is their guard.
func (s *Store) addCounters(ctx context.Context, journal *journalDoc) error {
	batch := make([]Increment, len(journal.Increments))
	for i, inc := range journal.Increments {
		batch[i] = inc.increment(journal.ID, journal.Seq)
	}
	return asError("counting", s.engine.Add(ctx, colCounters, batch))
}

func increments(ds []models.Declaration) []incrementDoc {
	sums := sums{}
	for i := range ds {
		sums.form(&ds[i])
	}
	return sums.increments()
}

// form puts a declaration or health update in.
func (s sums) form(d *models.Declaration) {
	s.at(d.Program, d.Commune, d.Province, d.Day(), counterField(d.Form, d.Channel, d.Decision.Level), 1)
}

func counterField(form models.Form, channel models.Channel, level models.Level) string {
	return string(form) + "_" + string(channel) + "_" + level.String()
}

// Stats gives the numbers of one program for days from through to ("2006-01-02"), in an area, or with children true in
// each area directly below it, ordered by area and day. Days and areas without any are absent.
func (s *Store) Stats(ctx context.Context, program string, area models.Area, children bool, from, to string) ([]models.Stat, error) {
	var out []models.Stat
	err := s.counters(ctx, program, area, children, from, to, func(doc counterDoc) { out = append(out, doc.stats()...) })
	return out, err
}

// counters calls each for the counters of a program, of an area or of each directly below it, by day.
func (s *Store) counters(ctx context.Context, program string, area models.Area, children bool, from, to string, each func(counterDoc)) error {
	q := Query{Where: []Cond{{"_id", Ge, program + "|" + string(area) + "|" + from}, {"_id", Le, program + "|" + string(area) + "|" + to}}, Sort: []Order{{Field: "_id"}}}
	if children {
		q = Query{
			Where: []Cond{{"program", Eq, program}, {"parent", Eq, string(area)}, {"day", Ge, from}, {"day", Le, to}},
			Sort:  []Order{{Field: "day"}, {Field: "_id"}}, Index: "parent",
		}
	}
	err := s.engine.Find(ctx, colCounters, q, func(raw Raw) error {
		var doc counterDoc
		err := raw.Decode(&doc)
		each(doc)
		return err
	})
	return asError("reading counters", err)
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
		if form := models.Form(parts[0]); len(parts) != 3 || (form != models.FormDeclaration && form != models.FormDaily) {
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
