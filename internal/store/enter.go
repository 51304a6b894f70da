package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"khaibao/internal/seal"
	"khaibao/models"
)

// Household is a household as it stands: what it has declared, the cases that came of it with what each is found by, and
// its messages. Accounts and phones are those of Account everywhere.
type Household struct {
	Account  models.Account
	Forms    []models.Declaration
	Cases    []models.Case
	Terms    [][]models.SearchTerm // of each case
	Messages []models.Message
}

// Entering puts whole households into a store, many to a round trip, as the use-cases would have left them with nothing
// owed: what a measurement finds there. It is safe for concurrent use.
type Entering struct {
	store *Store

	mu      sync.Mutex // guards what follows
	counts  map[countKey]int64
	words   []string // what the keys stand for
	wordAt  map[string]uint16
	parents map[uint16]string // of an area
}

// countKey is one number of one counter, its words by their place in a list: an outbreak has millions.
type countKey struct{ program, area, day, field uint16 }

// BeginEntering starts. What was counted is written at the end only.
func (s *Store) BeginEntering() *Entering {
	return &Entering{store: s, counts: map[countKey]int64{}, wordAt: map[string]uint16{}, parents: map[uint16]string{}}
}

// Enter keeps households; documents that are there already stay as they are.
func (e *Entering) Enter(ctx context.Context, households []Household) error {
	entered := enteredDocs{}
	var messages []models.Message
	for i := range households {
		if err := entered.add(e.store, &households[i]); err != nil {
			return asError("sealing households", err)
		}
		messages = append(messages, households[i].Messages...)
	}
	for _, collection := range []string{colAccounts, colPhones, colDeclarations, colUpdates, colCases, colTallied} {
		for part := range slices.Chunk(entered[collection], enterBatch) {
			if err := e.store.engine.InsertAll(ctx, collection, part); err != nil {
				return asError("entering households", err)
			}
		}
	}
	for part := range slices.Chunk(messages, enterBatch) {
		if err := e.store.Enqueue(ctx, part...); err != nil {
			return err
		}
	}
	e.count(households, entered[colTallied])
	return nil
}

// enterBatch is how many documents go in one round trip.
const enterBatch = 1000

func (e *Entering) count(households []Household, tallied []Document) {
	sums := sums{}
	for i := range households {
		for j := range households[i].Forms {
			sums.form(&households[i].Forms[j])
		}
	}
	for _, doc := range tallied {
		sums.add(doc.(*talliedDoc), 1)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, inc := range sums {
		area := e.word(inc.Area)
		e.parents[area] = inc.Parent
		for field, n := range inc.N {
			e.counts[countKey{e.word(inc.Program), area, e.word(inc.Day), e.word(field)}] += n
		}
	}
}

// word gives the place of a word: there are the areas, the days and some dozen others.
func (e *Entering) word(text string) uint16 {
	at, known := e.wordAt[text]
	if !known {
		at = uint16(len(e.words))
		e.words, e.wordAt[text] = append(e.words, text), at
	}
	return at
}

// Finish adds what was entered to the numbers.
func (e *Entering) Finish(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	seq := e.store.now().UnixNano() // later ones are higher: whoever enters again counts again
	keys := slices.SortedFunc(maps.Keys(e.counts), func(a, b countKey) int {
		return cmp.Or(cmp.Compare(a.program, b.program), cmp.Compare(a.area, b.area), cmp.Compare(a.day, b.day))
	})
	var part []Increment
	for i, k := range keys {
		field := e.words[k.field]
		inc := incrementDoc{Program: e.words[k.program], Area: e.words[k.area], Parent: e.parents[k.area], Day: e.words[k.day], N: map[string]int64{field: e.counts[k]}}
		if last := len(part) - 1; last >= 0 && part[last].ID == inc.key() {
			part[last].N[field] = e.counts[k]
		} else {
			part = append(part, inc.increment("entered", seq))
		}
		whole := i+1 == len(keys) || keys[i+1].day != k.day || keys[i+1].area != k.area || keys[i+1].program != k.program // a counter is written once
		if whole && (len(part) >= enterBatch || i+1 == len(keys)) {
			if err := e.store.engine.Add(ctx, colCounters, part); err != nil {
				return asError("counting", err)
			}
			part = nil
		}
	}
	e.counts = map[countKey]int64{}
	return nil
}

// enteredDocs are documents by collection.
type enteredDocs map[string][]Document

func (in enteredDocs) add(s *Store, h *Household) error {
	keep := func(collection string, doc Document) { in[collection] = append(in[collection], doc) }
	key, wrapped, err := s.keys.NewDataKey(dataKeyPlace(h.Account.ID))
	if err != nil {
		return err
	}
	account, err := sealAccount(&h.Account, key)
	if err != nil {
		return err
	}
	account.DataKey = wrapped
	keep(colAccounts, account)
	keep(colPhones, phoneDoc{ID: s.keys.Hash("phone", h.Account.Phone), Rev: NewID(), Account: h.Account.ID})
	for i := range h.Forms {
		d := h.Forms[i]
		d.Account = h.Account.ID
		doc, err := declarationDocOf(&d, func() (seal.DataKey, error) { return key, nil })
		if err != nil {
			return err
		}
		keep(formCollection(d.Form), doc)
	}
	for i := range h.Cases {
		c := h.Cases[i]
		c.Account, c.ID = h.Account.ID, models.CaseID(h.Account.ID, c.PersonID, c.Program)
		doc := caseDocOf(&c)
		doc.Search = s.searchHashes(h.Terms[i], false)
		if err := sealCaseTexts(key, &c, &doc); err != nil {
			return err
		}
		keep(colCases, doc)
		tally := doc.tally()
		tally.Rev = NewID()
		keep(colTallied, &tally)
	}
	return nil
}
