package store

import (
	"context"
	"slices"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"khaibao/models"
)

// talliedDoc is what of a case is in the counters. Counting a case takes that out and puts in what the case is now, so it
// may be done at any time and any number of times.
type talliedDoc struct {
	ID       string   `bson:"_id" json:"_id"` // the case's
	Rev      string   `bson:"rev" json:"rev"`
	Program  string   `bson:"program" json:"program"`
	Commune  string   `bson:"commune" json:"commune"`
	Province string   `bson:"province" json:"province"`
	N        []string `bson:"n" json:"n"` // "day field", in order: one each in the counters of the commune, the province and the nation
}

func (d talliedDoc) Key() string      { return d.ID }
func (d talliedDoc) Revision() string { return d.Rev }

func (d *talliedDoc) equal(other *talliedDoc) bool {
	return d.Program == other.Program && d.Commune == other.Commune && d.Province == other.Province && slices.Equal(d.N, other.N)
}

// talliedChange is a talliedDoc and the rev of the one that it replaces, empty for the first.
type talliedChange struct {
	Doc talliedDoc `bson:"doc" json:"doc"`
	Was string     `bson:"was" json:"was"`
}

// dayNow stands for the day in the counters of what is true now. It sorts behind every day.
const dayNow = "now"

// tally gives what a case counts as.
func (doc *caseDoc) tally() talliedDoc {
	t := talliedDoc{ID: doc.ID, Program: doc.Program, Commune: doc.Commune, Province: doc.Province, N: []string{}}
	add := func(day, field string) { t.N = append(t.N, day+" "+field) }
	level := models.Level(doc.Level).String()
	add(models.Day(doc.OpenedAt.Time()), "opened_"+level)
	add(dayNow, "status_"+string(doc.Status))
	if doc.Status != models.CaseClosed {
		add(dayNow, "open_"+level)
		for mark, since := range map[models.Mark]Time{models.MarkRaised: doc.RaisedAt, models.MarkUnreached: doc.Unreached, models.MarkMissed: doc.MissedSince} {
			if since != 0 {
				add(dayNow, "mark_"+string(mark))
			}
		}
		for _, factor := range slices.Compact(slices.Sorted(slices.Values(doc.Factors))) {
			add(dayNow, "factor_"+factor)
		}
	}
	if doc.ContactedAt != 0 {
		bound := models.ContactBound(doc.ContactedAt.Time().Sub(doc.OpenedAt.Time()))
		add(models.Day(doc.ContactedAt.Time()), "contacted_"+strconv.Itoa(bound))
	}
	if doc.DueAt != noDeadline {
		add(models.Day(doc.DueAt.Time()), "due")
		add(dayNow, "due")
	}
	t.N = append(t.N, doc.Waited...)
	slices.Sort(t.N)
	return t
}

// recounted gives the effect that a changed case owes when it counts as something else than before.
func recounted(was, doc *caseDoc) []models.Effect {
	if was.Todo != nil && slices.ContainsFunc(was.Todo.Effects, func(e effectDoc) bool { return e.Kind == models.EffectCount }) {
		return nil // it owes that already
	}
	if before, now := was.tally(), doc.tally(); was.ID != "" && before.equal(&now) {
		return nil
	}
	return []models.Effect{{Kind: models.EffectCount}}
}

// CaseCounting is the right to count cases, each exactly as it is, whatever crashes where. Another worker that counts in
// between makes the next call fail with Changed.
type CaseCounting struct {
	store   *Store
	journal journalDoc
}

const (
	caseJournal = "case_numbers" // another name than before makes every case be counted again, as what it counts for now
	allAdopted  = "~"            // behind every _id
)

// BeginCaseCounting finishes a batch that a worker left under way and gives the right to go on.
func (s *Store) BeginCaseCounting(ctx context.Context) (*CaseCounting, error) {
	journal, begun, err := s.openJournal(ctx, caseJournal)
	c := &CaseCounting{s, journal}
	if err != nil || !begun {
		return c, err
	}
	return c, c.carryOut(ctx)
}

// Count brings the counters in line with the cases of these ids, 1,000 at most. After an error begin anew.
func (c *CaseCounting) Count(ctx context.Context, ids []string) error {
	return c.count(ctx, ids, c.journal.Adopted)
}

// Adopt counts cases from before there were counters of cases, at most limit, and gives how many it looked at; 0: all are
// counted.
func (c *CaseCounting) Adopt(ctx context.Context, limit int) (int, error) {
	if c.journal.Adopted == allAdopted {
		return 0, nil
	}
	var ids []string
	q := Query{Where: []Cond{{"_id", Gt, c.journal.Adopted}}, Sort: []Order{{Field: "_id"}}, Limit: limit, Fields: []string{"_id"}}
	err := c.store.engine.Find(ctx, colCases, q, func(raw Raw) error {
		var doc pendingDoc
		err := raw.Decode(&doc)
		ids = append(ids, doc.ID)
		return err
	})
	if err != nil {
		return 0, asError("reading cases", err)
	}
	if len(ids) == 0 {
		return 0, c.write(ctx, journalDoc{Adopted: allAdopted})
	}
	return len(ids), c.count(ctx, ids, ids[len(ids)-1])
}

// count counts the cases, and notes up to which one the cases from before are counted.
func (c *CaseCounting) count(ctx context.Context, ids []string, adopted string) error {
	tallies, err := c.tallies(ctx, ids)
	if err != nil {
		return asError("reading cases", err)
	}
	counted := map[string]talliedDoc{}
	err = c.store.engine.GetAll(ctx, colTallied, ids, func(raw Raw) error {
		var doc talliedDoc
		err := raw.Decode(&doc)
		counted[doc.ID] = doc
		return err
	})
	if err != nil {
		return asError("reading what is counted", err)
	}
	sums := sums{}
	var changes []talliedChange
	for _, now := range tallies {
		before, known := counted[now.ID]
		if known && before.equal(&now) {
			continue
		}
		if known {
			sums.add(&before, -1)
		}
		sums.add(&now, 1)
		now.Rev = NewID()
		changes = append(changes, talliedChange{now, before.Rev})
	}
	if len(changes) == 0 && adopted == c.journal.Adopted {
		return nil
	}
	if err := c.write(ctx, journalDoc{Tallied: changes, Increments: sums.increments(), Adopted: adopted}); err != nil {
		return err
	}
	return c.carryOut(ctx)
}

func (c *CaseCounting) tallies(ctx context.Context, ids []string) ([]talliedDoc, error) {
	var out []talliedDoc
	err := c.store.engine.GetAll(ctx, colCases, ids, func(raw Raw) error {
		var doc caseDoc
		err := raw.Decode(&doc)
		out = append(out, doc.tally())
		return err
	})
	return out, err
}

func (c *CaseCounting) write(ctx context.Context, next journalDoc) error {
	return c.store.writeJournal(ctx, &c.journal, next)
}

// carryOut applies the journal's batch: the counters, and then what of each case is in them. What is written already stays.
func (c *CaseCounting) carryOut(ctx context.Context) error {
	if err := c.store.addCounters(ctx, &c.journal); err != nil {
		return err
	}
	var first, docs []Document
	var was []string
	for _, change := range c.journal.Tallied {
		if change.Was == "" {
			first = append(first, change.Doc)
		} else {
			docs, was = append(docs, change.Doc), append(was, change.Was)
		}
	}
	err := c.store.engine.InsertAll(ctx, colTallied, first)
	if err == nil {
		_, err = c.store.engine.ReplaceAll(ctx, colTallied, docs, was)
	}
	return asError("noting what is counted", err)
}

// sums gather increments by the counter that they go to.
type sums map[string]*incrementDoc

// add puts a case's tally in, or with n -1 takes it out.
func (s sums) add(t *talliedDoc, n int64) {
	for _, line := range t.N {
		day, field, _ := strings.Cut(line, " ")
		s.at(t.Program, t.Commune, t.Province, day, field, n)
	}
}

// at adds n to a field of a day in the counters of a commune, of its province and of the nation.
func (s sums) at(program, commune, province, day, field string, n int64) {
	for _, area := range []struct{ code, parent string }{
		{commune, province}, {province, string(models.Nation)}, {string(models.Nation), ""},
	} {
		inc := &incrementDoc{Program: program, Area: area.code, Parent: area.parent, Day: day}
		if known := s[inc.key()]; known != nil {
			inc = known
		} else {
			inc.N, s[inc.key()] = map[string]int64{}, inc
		}
		inc.N[field] += n
	}
}

// increments gives them in the order of the counters, without those that come to nothing.
func (s sums) increments() []incrementDoc {
	out := make([]incrementDoc, 0, len(s))
	for _, inc := range s {
		for field, n := range inc.N {
			if n == 0 {
				delete(inc.N, field)
			}
		}
		if len(inc.N) > 0 {
			out = append(out, *inc)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].key() < out[j].key() })
	return out
}

// Numbers gives the counters of programs for the days from through to ("2006-01-02") and of what is true now, of an area or
// with children true of each area directly below it. Areas and days without any are absent; those of several programs are
// not summed.
func (s *Store) Numbers(ctx context.Context, programs []string, area models.Area, children bool, from, to string) ([]models.Numbers, error) {
	found := make([][]models.Numbers, len(programs))
	group, ctx := errgroup.WithContext(ctx)
	for i, program := range programs {
		group.Go(func() error {
			return s.counters(ctx, program, area, children, from, dayNow, func(doc counterDoc) {
				if doc.Day <= to || doc.Day == dayNow {
					found[i] = append(found[i], doc.numbers())
				}
			})
		})
	}
	err := group.Wait()
	return slices.Concat(found...), err
}

func (doc *counterDoc) numbers() models.Numbers {
	n := models.Numbers{
		Program: doc.Program, Area: models.Area(doc.Area), Day: doc.Day, Opened: map[models.Level]int64{}, Open: map[models.Level]int64{},
		Factors: map[string]int64{}, Contacted: map[int]int64{}, Waited: map[models.WaitKind]int64{}, Status: map[models.CaseStatus]int64{}, Marks: map[models.Mark]int64{},
	}
	if n.Day == dayNow {
		n.Day = ""
	}
	for field, count := range doc.N {
		kind, rest, _ := strings.Cut(field, "_")
		level, levelErr := models.ParseLevel(rest)
		bound, boundErr := strconv.Atoi(rest)
		switch {
		case kind == "opened" && levelErr == nil:
			n.Opened[level] += count
		case kind == "open" && levelErr == nil:
			n.Open[level] += count
		case kind == "factor":
			n.Factors[rest] += count
		case kind == "status":
			n.Status[models.CaseStatus(rest)] += count
		case kind == "mark":
			n.Marks[models.Mark(rest)] += count
		case kind == "contacted" && boundErr == nil:
			n.Contacted[bound] += count
		case field == "due":
			n.Due += count
		case rest == "":
			n.Waited[models.WaitKind(kind)] += count
		default:
			n.Declared += count
		}
	}
	return n
}
