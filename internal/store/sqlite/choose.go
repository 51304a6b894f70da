package sqlite

import (
	"slices"

	"khaibao/internal/store"
)

// hint holds the planner, which knows nothing of how often a value occurs, to an index: one that decides about a document
// without reading it, the query's own before others, or else the query's own. ordered tells that no sorting is known to be left.
func (f *filter) hint(query *store.Query, sort []store.Order) (text string, ordered bool) {
	if f.side != "" {
		return "", true
	}
	index, ordered := f.c.choose(query.Where, sort)
	named := slices.IndexFunc(f.c.Indexes, func(i store.Index) bool { return i.Name == query.Index && !i.Multi })
	switch wide := index != nil && len(index.Also) > 0; {
	case named >= 0 && (!wide || decides(&f.c.Indexes[named], query.Where)):
		index, ordered = &f.c.Indexes[named], true
	case !wide:
		return "", true
	}
	return " INDEXED BY " + indexName(f.c.Name, *index), ordered
}

// choose gives the index whose entries decide every condition and that goes, as far as one can tell, through fewer of them
// than any other; ordered tells that it has them in the order that is asked for. None, where no index decides everything.
func (c *collection) choose(where []store.Cond, sort []store.Order) (best *store.Index, ordered bool) {
	most := -1
	for i := range c.Indexes {
		index := &c.Indexes[i]
		if index.Multi || index.Sparse && !asksFor(where, index.Fields[0].Field, store.Exists, store.Eq) || !decides(index, where) {
			continue
		}
		held := 0
		for held < len(index.Fields) && asksFor(where, index.Fields[held].Field, store.Eq) {
			held++
		}
		rest := index.Fields[held:]
		sorted := len(rest) >= len(sort) && slices.Equal(rest[:len(sort)], sort)
		narrow := 4 * held
		if index.Sparse {
			narrow += 8
		}
		if sorted {
			narrow += 2 // it ends with the page
		}
		if len(rest) > 0 && asksFor(where, rest[0].Field, store.Lt, store.Le, store.Gt, store.Ge) {
			narrow++
		}
		if narrow > most {
			best, most, ordered = index, narrow, sorted
		}
	}
	return best, ordered
}

// decides tells whether an index's entries hold all that the conditions ask for.
func decides(index *store.Index, where []store.Cond) bool {
	for _, cond := range where {
		held := func(o store.Order) bool { return o.Field == cond.Field }
		scalar := cond.Op != store.Has && cond.Op != store.Any && cond.Op != store.All
		if !scalar || cond.Field == "_id" || !slices.ContainsFunc(index.Fields, held) && !slices.Contains(index.Also, cond.Field) {
			return false
		}
	}
	return true
}

// asksFor tells whether a condition of one of the kinds is on a field.
func asksFor(where []store.Cond, field string, ops ...store.Op) bool {
	return slices.ContainsFunc(where, func(c store.Cond) bool {
		return c.Field == field && slices.Contains(ops, c.Op) && !(c.Op == store.Exists && c.Value != true)
	})
}
