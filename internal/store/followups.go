package store

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"khaibao/models"
)

// followUpDoc is the plan of a person under a program; its _id is that of the person's case, whether there is one or not.
// Shard and due are there only while somebody has to do something at that moment, so that the scheduler's index holds
// those alone.
type followUpDoc struct {
	ID         string           `bson:"_id" json:"_id"`
	Rev        string           `bson:"rev" json:"rev"`
	Account    string           `bson:"account" json:"account"`
	PersonID   string           `bson:"person" json:"person"`
	Program    string           `bson:"program" json:"program"`
	Version    int              `bson:"version" json:"version"`
	Level      int              `bson:"level" json:"level"`
	StartedAt  Time             `bson:"started_at,omitempty" json:"started_at,omitzero"`
	EndsAt     Time             `bson:"ends_at,omitempty" json:"ends_at,omitzero"`
	EndedAt    Time             `bson:"ended_at,omitempty" json:"ended_at,omitzero"`
	EndReason  models.EndReason `bson:"end_reason,omitempty" json:"end_reason,omitempty"`
	LastAt     Time             `bson:"last_at,omitempty" json:"last_at,omitzero"`
	LastRecv   Time             `bson:"last_recv,omitempty" json:"last_recv,omitzero"`
	RenewedAt  Time             `bson:"renewed_at,omitempty" json:"renewed_at,omitzero"`
	AnsweredTo Time             `bson:"answered_to,omitempty" json:"answered_to,omitzero"`
	LowerSince Time             `bson:"lower_since,omitempty" json:"lower_since,omitzero"`
	ClimbedAt  Time             `bson:"climbed_at,omitempty" json:"climbed_at,omitzero"`
	ClimbedFor Time             `bson:"climbed_for,omitempty" json:"climbed_for,omitzero"`
	ClimbedBy  int              `bson:"climbed_by,omitempty" json:"climbed_by,omitempty"`
	Shard      *int64           `bson:"shard,omitempty" json:"shard,omitempty"`
	Due        Time             `bson:"due,omitempty" json:"due,omitzero"`
	// Next stood for Due before there were shards. It is read, and never written.
	Next Time `bson:"next,omitempty" json:"next,omitzero"`
}

func (d followUpDoc) Key() string      { return d.ID }
func (d followUpDoc) Revision() string { return d.Rev }

func followUpOf(f *models.FollowUp) followUpDoc {
	doc := followUpDoc{
		ID: models.CaseID(f.Account, f.PersonID, f.Program), Rev: NewID(), Account: f.Account, PersonID: f.PersonID, Program: f.Program,
		Version: f.Version, Level: int(f.Level), StartedAt: At(f.StartedAt), EndsAt: At(f.EndsAt), EndedAt: At(f.EndedAt), EndReason: f.EndReason,
		LastAt: At(f.LastAt), LastRecv: At(f.LastReceived), RenewedAt: At(f.RenewedAt), AnsweredTo: At(f.AnsweredTo), LowerSince: At(f.LowerSince),
		ClimbedAt: At(f.Climbed.At), ClimbedFor: At(f.Climbed.Slot), ClimbedBy: f.Climbed.Step,
	}
	if !f.NextAt.IsZero() {
		shard := shardOf(f.Account)
		doc.Shard, doc.Due = &shard, At(f.NextAt)
	}
	return doc
}

// shardOf spreads households evenly over the shards; the plans of one are together.
func shardOf(account string) int64 {
	hash := fnv.New32a()
	hash.Write([]byte(account))
	return int64(hash.Sum32() % models.FollowUpShards)
}

func (d *followUpDoc) model() models.FollowUp {
	if d.Due == 0 {
		d.Due = d.Next
	}
	return models.FollowUp{
		Rev: d.Rev, Account: d.Account, PersonID: d.PersonID, Program: d.Program, Version: d.Version, Level: models.Level(d.Level),
		StartedAt: d.StartedAt.Time(), EndsAt: d.EndsAt.Time(), EndedAt: d.EndedAt.Time(), EndReason: d.EndReason,
		LastAt: d.LastAt.Time(), LastReceived: d.LastRecv.Time(), RenewedAt: d.RenewedAt.Time(), AnsweredTo: d.AnsweredTo.Time(), LowerSince: d.LowerSince.Time(),
		Climbed: models.LadderPoint{At: d.ClimbedAt.Time(), Slot: d.ClimbedFor.Time(), Step: d.ClimbedBy}, NextAt: d.Due.Time(),
	}
}

// FollowUp gives the plan of a person under a program, NotFound when there never was one.
func (s *Store) FollowUp(ctx context.Context, account, person, program string) (models.FollowUp, error) {
	var doc followUpDoc
	err := s.engine.Get(ctx, colFollowUps, models.CaseID(account, person, program), &doc)
	return doc.model(), asError("reading a follow-up", err)
}

// UpsertFollowUp changes the plan of a person under a program, making it at need; change says whether it changed anything
// and is called again when somebody was faster.
func (s *Store) UpsertFollowUp(ctx context.Context, account, person, program string, change func(*models.FollowUp) bool) error {
	id := models.CaseID(account, person, program)
	return retryChanged(ctx, "keeping a follow-up", func() error {
		var doc followUpDoc
		err := s.engine.Get(ctx, colFollowUps, id, &doc)
		if err != nil && !errors.Is(err, ErrMissing) {
			return err
		}
		f := doc.model()
		f.Account, f.PersonID, f.Program = account, person, program
		if !change(&f) {
			return nil
		}
		if doc.ID != "" {
			return s.engine.Replace(ctx, colFollowUps, followUpOf(&f), doc.Rev)
		}
		if err = s.engine.Insert(ctx, colFollowUps, followUpOf(&f)); errors.Is(err, ErrExists) {
			return ErrChanged
		}
		return err
	})
}

// SaveFollowUps writes plans that were read before, 1,000 at most. changed are the positions of those that somebody else
// wrote or removed meanwhile: they stay as that one left them.
func (s *Store) SaveFollowUps(ctx context.Context, plans []*models.FollowUp) (changed []int, err error) {
	docs, was := make([]Document, len(plans)), make([]string, len(plans))
	for i, f := range plans {
		docs[i], was[i] = followUpOf(f), f.Rev
	}
	changed, err = s.engine.ReplaceAll(ctx, colFollowUps, docs, was)
	return changed, asError("saving follow-ups", err)
}

// DueFollowUps gives plans of a shard that need somebody by a moment, the longest due first, beginning behind one that was
// read before; nil begins with the first.
func (s *Store) DueFollowUps(ctx context.Context, shard int, now time.Time, after *models.FollowUp, limit int) ([]models.FollowUp, error) {
	q := Query{
		Where: []Cond{{"shard", Eq, int64(shard)}, {"due", Le, At(now)}},
		Sort:  []Order{{Field: "shard"}, {Field: "due"}, {Field: "_id"}}, Limit: limit, Index: "due",
	}
	if after != nil {
		q.After = []any{int64(shard), At(after.NextAt), models.CaseID(after.Account, after.PersonID, after.Program)}
	}
	out, err := s.followUps(ctx, q)
	return out, asError("reading due follow-ups", err)
}

// lookAhead is how many due plans are looked at to see in which shards they are.
const lookAhead = 256

// DueShards gives the shards in which a plan needs somebody by a moment. Where few are due, or none, that is one read.
func (s *Store) DueShards(ctx context.Context, now time.Time) (due []int, err error) {
	rest := make([]int64, models.FollowUpShards)
	for shard := range rest {
		rest[shard] = int64(shard)
	}
	for len(rest) > 0 {
		found, last := 0, int64(-1)
		err := s.engine.Find(ctx, colFollowUps, Query{
			Where: []Cond{{"shard", In, rest}, {"due", Le, At(now)}},
			Sort:  []Order{{Field: "shard"}, {Field: "due"}, {Field: "_id"}}, Limit: lookAhead, Fields: []string{"shard"}, Index: "due",
		}, func(raw Raw) error {
			var doc struct {
				Shard int64 `bson:"shard" json:"shard"`
			}
			err := raw.Decode(&doc)
			if found++; err == nil && doc.Shard != last {
				last = doc.Shard
				due = append(due, int(last))
			}
			return err
		})
		if err != nil || found < lookAhead {
			return due, asError("reading which follow-ups are due", err)
		}
		rest = slices.DeleteFunc(rest, func(shard int64) bool { return shard <= last })
	}
	return due, nil
}

// AdoptFollowUps gives a shard to plans that were written before there were any, and tells how many it found; 0: none is left.
func (s *Store) AdoptFollowUps(ctx context.Context, limit int) (int, error) {
	found, err := s.followUps(ctx, Query{
		Where: []Cond{{"next", Exists, true}}, Sort: []Order{{Field: "next"}, {Field: "_id"}}, Limit: limit, Index: "next",
	})
	if err != nil || len(found) == 0 {
		return 0, asError("adopting follow-ups", err)
	}
	plans := make([]*models.FollowUp, len(found))
	for i := range found {
		plans[i] = &found[i]
	}
	_, err = s.SaveFollowUps(ctx, plans) // whoever wrote one meanwhile gave it its shard
	return len(found), err
}

// FollowUpsOf gives every plan of a household, by person and program.
func (s *Store) FollowUpsOf(ctx context.Context, account string) ([]models.FollowUp, error) {
	var out []models.FollowUp
	err := s.engine.FindBy(ctx, colFollowUps, "account", account, intoFollowUps(&out))
	slices.SortFunc(out, func(a, b models.FollowUp) int {
		return cmp.Or(cmp.Compare(a.PersonID, b.PersonID), cmp.Compare(a.Program, b.Program))
	})
	return out, asError("reading the follow-ups of a household", err)
}

func (s *Store) followUps(ctx context.Context, q Query) ([]models.FollowUp, error) {
	var out []models.FollowUp
	err := s.engine.Find(ctx, colFollowUps, q, intoFollowUps(&out))
	return out, err
}

func intoFollowUps(out *[]models.FollowUp) func(Raw) error {
	return func(raw Raw) error {
		var doc followUpDoc
		err := raw.Decode(&doc)
		*out = append(*out, doc.model())
		return err
	}
}
