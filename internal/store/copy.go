package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
)

// documentOf makes an empty document of each collection, to be decoded into.
var documentOf = map[string]func() Document{
	colPhones:       func() Document { return &phoneDoc{} },
	colAccounts:     func() Document { return &accountDoc{} },
	colDeclarations: func() Document { return &declarationDoc{} },
	colUpdates:      func() Document { return &declarationDoc{} },
	colCases:        func() Document { return &caseDoc{} },
	colFollowUps:    func() Document { return &followUpDoc{} },
	colOutbox:       func() Document { return &messageDoc{} },
	colAudit:        func() Document { return &auditDoc{} },
	colOfficials:    func() Document { return &officialDoc{} },
	colPrograms:     func() Document { return &programDoc{} },
	colSessions:     func() Document { return &sessionDoc{} },
	colOTPs:         func() Document { return &otpDoc{} },
	colBudgets:      func() Document { return &budgetDoc{} },
	colTokens:       func() Document { return &tokenDoc{} },
	colCounters:     func() Document { return &counterDoc{} },
	colLeases:       func() Document { return &leaseDoc{} },
	colJournals:     func() Document { return &journalDoc{} },
}

// budgetDoc is what is in budgets: a count that an engine's Take keeps, or a pauseDoc.
type budgetDoc struct {
	ID        string `bson:"_id" json:"_id"`
	Rev       string `bson:"rev,omitempty" json:"rev,omitempty"`
	N         int64  `bson:"n,omitempty" json:"n,omitempty"`
	ExpiresAt Time   `bson:"expires_at" json:"expires_at"`
}

func (d *budgetDoc) Key() string      { return d.ID }
func (d *budgetDoc) Revision() string { return d.Rev }

// Copied says what was copied of one collection and that both sides are equal.
type Copied struct {
	Collection string
	Documents  int64
	Digest     string // SHA-256 over every document in the order of _id
}

const copyPage = 500

// Copy copies every document of one engine to another and verifies that both hold the same, by count and digest. It
// copies in the order of _id, so one that was cut off goes on where it stopped. Nothing may write to either meanwhile.
// Leases are left out: they belong to running processes. Documents that have expired but are not purged yet may be
// purged by the target at any time; those collections are compared by what the source holds.
func Copy(ctx context.Context, from, to Engine, copied func(Copied)) error {
	if err := to.Ensure(ctx, Collections()); err != nil {
		return fmt.Errorf("making collections and indexes: %w", err)
	}
	for _, c := range Collections() {
		if c.Name == colLeases {
			continue
		}
		if err := copyCollection(ctx, from, to, c.Name); err != nil {
			return fmt.Errorf("copying %s: %w", c.Name, err)
		}
		result, err := compare(ctx, from, to, c)
		if err != nil {
			return fmt.Errorf("verifying %s: %w", c.Name, err)
		}
		copied(result)
	}
	return nil
}

// Empty tells whether an engine holds no document. Leases do not count: they belong to running processes.
func Empty(ctx context.Context, e Engine) (bool, error) {
	for _, c := range Collections() {
		if c.Name == colLeases {
			continue
		}
		if n, err := e.Count(ctx, c.Name, nil); err != nil || n > 0 {
			return false, err
		}
	}
	return true, nil
}

func copyCollection(ctx context.Context, from, to Engine, name string) error {
	last, err := lastID(ctx, to, name)
	if err != nil {
		return err
	}
	return pages(ctx, from, name, last, func(docs []Document) error { return to.InsertAll(ctx, name, docs) })
}

// lastID gives the greatest _id that is there.
func lastID(ctx context.Context, e Engine, name string) (string, error) {
	last := ""
	err := e.Find(ctx, name, Query{Sort: []Order{{"_id", true}}, Limit: 1}, func(raw Raw) error {
		var doc pendingDoc
		err := raw.Decode(&doc)
		last = doc.ID
		return err
	})
	return last, err
}

// pages hands over the documents behind an _id, in order.
func pages(ctx context.Context, e Engine, name, behind string, page func([]Document) error) error {
	for {
		q := Query{Sort: []Order{{Field: "_id"}}, Limit: copyPage}
		if behind != "" {
			q.After = []any{behind}
		}
		var docs []Document
		err := e.Find(ctx, name, q, func(raw Raw) error {
			doc := documentOf[name]()
			err := raw.Decode(doc)
			docs = append(docs, doc)
			return err
		})
		if err != nil || len(docs) == 0 {
			return err
		}
		if err := page(docs); err != nil {
			return err
		}
		behind = docs[len(docs)-1].Key()
	}
}

func compare(ctx context.Context, from, to Engine, c Collection) (Copied, error) {
	result, err := digest(ctx, from, c.Name)
	if err != nil {
		return result, err
	}
	there, err := digest(ctx, to, c.Name)
	if err != nil || there == result {
		return result, err
	}
	if c.TTL != "" && there.Documents < result.Documents {
		return result, nil // the target purges what has expired
	}
	return result, fmt.Errorf("the copy differs: %d documents (%.12s) became %d (%.12s); was something writing meanwhile, or was the target not empty?",
		result.Documents, result.Digest, there.Documents, there.Digest)
}

func digest(ctx context.Context, e Engine, name string) (Copied, error) {
	out := Copied{Collection: name}
	sum := sha256.New()
	err := pages(ctx, e, name, "", func(docs []Document) error {
		for _, doc := range docs {
			if err := add(sum, doc); err != nil {
				return err
			}
		}
		out.Documents += int64(len(docs))
		return nil
	})
	out.Digest = hex.EncodeToString(sum.Sum(nil))
	return out, err
}

// add hashes a document in one form whatever engine it came from: JSON with sorted keys, numbers by value.
func add(sum hash.Hash, doc Document) error {
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		return err
	}
	if err := json.NewEncoder(sum).Encode(plain); err != nil {
		return errors.Join(errors.New("hashing a document"), err)
	}
	return nil
}
