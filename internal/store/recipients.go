package store

import (
	"context"
	"slices"

	"khaibao/models"
)

// Recipients gives the accounts of an audience that come after one, in order, at most limit and 1,000; none at the end.
// An account that comes into the audience meanwhile is met when it stands after the place that was reached.
func (s *Store) Recipients(ctx context.Context, audience models.Audience, after string, limit int) (ids []string, err error) {
	if len(audience.Levels) > 0 {
		ids, err = s.withCases(ctx, audience, after, limit)
	} else {
		ids, err = s.residents(ctx, audience, after, limit)
	}
	return ids, asError("finding recipients", err)
}

// CountRecipients counts the accounts of an audience.
func (s *Store) CountRecipients(ctx context.Context, audience models.Audience) (int64, error) {
	var total int64
	if len(audience.Levels) > 0 {
		for after := ""; ; {
			ids, err := s.withCases(ctx, audience, after, recipientsPage)
			if err != nil || len(ids) == 0 {
				return total, asError("counting recipients", err)
			}
			total, after = total+int64(len(ids)), ids[len(ids)-1]
		}
	}
	for _, living := range livingIn(audience) {
		n, err := s.engine.Count(ctx, colAccounts, living.where)
		if err != nil {
			return 0, asError("counting recipients", err)
		}
		total += n
	}
	return total, nil
}

// recipientsPage is how many documents are read at once on the way through an audience.
const recipientsPage = 1000

// living is one way to live in an area: no household is found by two.
type living struct {
	index string
	where []Cond
}

// livingIn gives the ways: the household's own place, and that of somebody of it who lives elsewhere.
func livingIn(audience models.Audience) []living {
	var ways []living
	area := string(audience.Area)
	switch {
	case audience.Area == models.Nation:
		ways = []living{{"_id_", []Cond{{"province", Gt, ""}}}}
	case audience.Area.IsProvince():
		ways = []living{{"province", []Cond{{"province", Eq, area}}}, {"elsewhere", []Cond{{"elsewhere", Has, area}}}}
	default:
		ways = []living{{"commune", []Cond{{"commune", Eq, area}}}, {"elsewhere", []Cond{{"elsewhere", Has, area}}}}
	}
	if audience.News {
		for i := range ways {
			ways[i].where = append(ways[i].where, Cond{"news", Eq, true})
		}
		if audience.Area == models.Nation {
			ways[0].index = "news"
		}
	}
	return ways
}

// residents merges the ways of living in an area, each in the order of _id.
func (s *Store) residents(ctx context.Context, audience models.Audience, after string, limit int) ([]string, error) {
	var ids []string
	for _, living := range livingIn(audience) {
		q := Query{
			Where: append(living.where, Cond{"_id", Gt, after}), Sort: []Order{{Field: "_id"}}, Limit: limit, Fields: []string{"_id"}, Index: living.index,
		}
		err := s.engine.Find(ctx, colAccounts, q, func(raw Raw) error {
			var doc accountDoc
			err := raw.Decode(&doc)
			ids = append(ids, doc.ID)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(ids)
	return ids[:min(limit, len(ids))], nil
}

// withCases gives the accounts of people with an open case whose latest level is one of the audience's. Those whose
// household is erased are passed over.
func (s *Store) withCases(ctx context.Context, audience models.Audience, after string, limit int) ([]string, error) {
	for {
		found, err := s.casesOf(ctx, audience, after, limit)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		ids, err := s.still(ctx, found, audience.News)
		if err != nil || len(ids) > 0 {
			return ids, err
		}
		after = found[len(found)-1]
	}
}

func (s *Store) casesOf(ctx context.Context, audience models.Audience, after string, limit int) ([]string, error) {
	open := slices.DeleteFunc(models.CaseStatuses(), func(s models.CaseStatus) bool { return s == models.CaseClosed })
	q := Query{
		Where: []Cond{
			{"account", Gt, after},
			{"status", In, mapped(open, func(s models.CaseStatus) string { return string(s) })},
			{"latest_level", In, mapped(audience.Levels, func(l models.Level) int64 { return int64(l) })},
		},
		Sort: []Order{{Field: "account"}, {Field: "_id"}}, Limit: limit, Fields: []string{"account"}, Index: "account",
	}
	switch {
	case audience.Area.IsProvince():
		q.Where, q.Index = append(q.Where, Cond{"province", Eq, string(audience.Area)}), "province_account"
	case audience.Area.IsCommune():
		q.Where, q.Index = append(q.Where, Cond{"commune", Eq, string(audience.Area)}), "commune_account"
	}
	if q.Index != "account" {
		q.Sort = append([]Order{{Field: q.Where[3].Field}}, q.Sort...)
	}
	var ids []string
	err := s.engine.Find(ctx, colCases, q, func(raw Raw) error {
		var doc caseDoc
		err := raw.Decode(&doc)
		if len(ids) == 0 || ids[len(ids)-1] != doc.Account { // several people of one household stand together
			ids = append(ids, doc.Account)
		}
		return err
	})
	return ids, err
}

// still keeps, in order, the accounts that are not erased and, when news is asked for, consented to it.
func (s *Store) still(ctx context.Context, ids []string, news bool) ([]string, error) {
	q := Query{Where: []Cond{{"_id", In, ids}, {"erased_at", Exists, false}}, Sort: []Order{{Field: "_id"}}, Fields: []string{"_id"}}
	if news {
		q.Where = append(q.Where, Cond{"news", Eq, true})
	}
	var out []string
	err := s.engine.Find(ctx, colAccounts, q, func(raw Raw) error {
		var doc accountDoc
		err := raw.Decode(&doc)
		out = append(out, doc.ID)
		return err
	})
	return out, err
}
