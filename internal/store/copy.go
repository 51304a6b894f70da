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
	"slices"
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
	colBroadcasts:   func() Document { return &broadcastDoc{} },
	colAudit:        func() Document { return &auditDoc{} },
	colOfficials:    func() Document { return &officialDoc{} },
	colPrograms:     func() Document { return &programDoc{} },
	colSessions:     func() Document { return &sessionDoc{} },
	colOTPs:         func() Document { return &otpDoc{} },
	colBudgets:      func() Document { return &budgetDoc{} },
	colDialogues:    func() Document { return &dialogueDoc{} },
	colTokens:       func() Document { return &tokenDoc{} },
	colCounters:     func() Document { return &counterDoc{} },
	colTallied:      func() Document { return &talliedDoc{} },
	colCosts:        func() Document { return &costDoc{} },
	colLeases:       func() Document { return &leaseDoc{} },
	colJournals:     func() Document { return &journalDoc{} },
	colMigrations:   func() Document { return &markDoc{} },
	colUndos:        func() Document { return &undoDoc{} },
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

// Copy copies every document of one engine to another and verifies that both hold the same, by count and digest. Nothing
// may write to either meanwhile. The target must be empty, or be what a copy that was cut off has left: then only what
// is missing or differs is copied, and what the source no longer has is deleted, so the source may have run on in between.
// Leases are left out: they belong to running processes. Documents that have expired but are not purged yet may be
// purged by the target at any time; those collections are compared by what the source holds.
func Copy(ctx context.Context, from, to Engine, copied func(Copied)) error {
	if err := finished(ctx, from); err != nil {
		return fmt.Errorf("the source: %w", err)
	}
	if err := to.Ensure(ctx, Collections()); err != nil {
		return fmt.Errorf("making collections and indexes: %w", err)
	}
	if err := markTarget(ctx, to); err != nil {
		return err
	}
	for _, c := range copiedCollections() {
		if err := copyCollection(ctx, from, to, c.Name); err != nil {
			return fmt.Errorf("copying %s: %w", c.Name, err)
		}
		result, err := compare(ctx, from, to, c)
		if err != nil {
			return fmt.Errorf("verifying %s: %w", c.Name, err)
		}
		copied(result)
	}
	if err := to.Delete(ctx, colMigrations, migrationMark); err != nil {
		return fmt.Errorf("marking the target as complete: %w", err)
	}
	return nil
}

// copiedCollections are all but those that are about running processes and about the store itself.
func copiedCollections() []Collection {
	return slices.DeleteFunc(Collections(), func(c Collection) bool { return c.Name == colLeases || c.Name == colMigrations })
}

// markDoc marks a store as the target of a migration that is not finished.
type markDoc struct {
	ID string `bson:"_id" json:"_id"`
}

func (d markDoc) Key() string      { return d.ID }
func (d markDoc) Revision() string { return "" }

const migrationMark = "unfinished"

// finished fails when a migration into the store was cut off: it holds a part only.
func finished(ctx context.Context, e Engine) error {
	n, err := e.Count(ctx, colMigrations, nil)
	if err == nil && n > 0 {
		err = errors.New("a migration into this store is not finished: run the same khaibao migrate again")
	}
	return err
}

// markTarget marks a store before the first document is copied. It refuses one whose documents no migration brought.
func markTarget(ctx context.Context, to Engine) error {
	marked, err := to.Count(ctx, colMigrations, nil)
	if err != nil || marked > 0 {
		return err
	}
	empty, err := Empty(ctx, to)
	if err != nil {
		return err
	}
	if !empty {
		return errors.New("the target holds documents that no migration brought: name an empty one")
	}
	return to.Insert(ctx, colMigrations, markDoc{migrationMark})
}

// Empty tells whether an engine holds no document that Copy would copy.
func Empty(ctx context.Context, e Engine) (bool, error) {
	for _, c := range copiedCollections() {
		if n, err := e.Count(ctx, c.Name, nil); err != nil || n > 0 {
			return false, err
		}
	}
	return true, nil
}

// copyCollection makes the target's collection what the source's is.
func copyCollection(ctx context.Context, from, to Engine, name string) error {
	err := pages(ctx, from, name, func(docs []Document) error { return copyMissing(ctx, to, name, docs) })
	if err != nil {
		return err
	}
	return pages(ctx, to, name, func(docs []Document) error { return deleteGone(ctx, from, to, name, docs) })
}

// copyMissing inserts those documents that the target lacks and replaces those that it has in another state.
func copyMissing(ctx context.Context, to Engine, name string, docs []Document) error {
	there, err := digests(ctx, to, name, docs)
	if err != nil {
		return err
	}
	var missing []Document
	var differing []string
	for _, doc := range docs {
		sum, err := digestOf(doc)
		if err != nil {
			return err
		}
		old, found := there[doc.Key()]
		if found && old != sum {
			differing = append(differing, doc.Key())
		}
		if !found || old != sum {
			missing = append(missing, doc)
		}
	}
	if len(differing) > 0 {
		if err := to.Delete(ctx, name, differing...); err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return to.InsertAll(ctx, name, missing)
}

// deleteGone deletes those of the target's documents that the source has no longer.
func deleteGone(ctx context.Context, from, to Engine, name string, docs []Document) error {
	there, err := digests(ctx, from, name, docs)
	if err != nil {
		return err
	}
	var gone []string
	for _, doc := range docs {
		if _, found := there[doc.Key()]; !found {
			gone = append(gone, doc.Key())
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return to.Delete(ctx, name, gone...)
}

// digests gives the digest of each of the documents that an engine has, by _id.
func digests(ctx context.Context, e Engine, name string, docs []Document) (map[string]string, error) {
	ids := make([]string, len(docs))
	for i, doc := range docs {
		ids[i] = doc.Key()
	}
	out := make(map[string]string, len(docs))
	err := e.GetAll(ctx, name, ids, func(raw Raw) error {
		doc := documentOf[name]()
		err := raw.Decode(doc)
		if err == nil {
			out[doc.Key()], err = digestOf(doc)
		}
		return err
	})
	return out, err
}

func digestOf(doc Document) (string, error) {
	sum := sha256.New()
	err := add(sum, doc)
	return string(sum.Sum(nil)), err
}

// pages hands over every document, in the order of _id.
func pages(ctx context.Context, e Engine, name string, page func([]Document) error) error {
	behind := ""
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
	return result, fmt.Errorf("the copy differs: %d documents (%.12s) became %d (%.12s), so something was writing meanwhile: stop it, empty the target and start again",
		result.Documents, result.Digest, there.Documents, there.Digest)
}

func digest(ctx context.Context, e Engine, name string) (Copied, error) {
	out := Copied{Collection: name}
	sum := sha256.New()
	err := pages(ctx, e, name, func(docs []Document) error {
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
