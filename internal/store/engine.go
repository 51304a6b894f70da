// Package store is what every engine shares: the shapes of the documents, keys and sealing, the methods that the
// use-cases call, counters and leases. An engine below it (store/sqlite, store/mongo) knows documents and queries and
// nothing of health declarations.
//
// One change is one document write. Nothing here needs a transaction over two documents, which is what lets the
// MongoDB engine shard.
package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// What an engine answers. Every other error means that the engine could not do it (down, timeout, disk) and may be tried again.
var (
	// ErrMissing: no document with that _id.
	ErrMissing = errors.New("store: no such document")
	// ErrExists: a document with that _id is there already.
	ErrExists = errors.New("store: document exists")
	// ErrChanged: the document's rev is not the expected one, or it is gone.
	ErrChanged = errors.New("store: document changed meanwhile")
)

// Document is anything an engine keeps: a struct whose fields carry the same names in bson and json tags, with the
// string field "_id" and, where it is ever replaced, the string field "rev". Times are of type Time.
type Document interface {
	// Key gives the _id.
	Key() string
	// Revision gives rev; empty for documents that are never replaced.
	Revision() string
}

// Raw is a document as found, to be decoded into the collection's struct.
type Raw interface {
	Decode(into any) error
}

// Engine keeps documents in named collections. All methods are safe for concurrent use and durable when they return:
// majority and journalled, or the WAL is synced. A read finds what was kept before it was asked for. Insert, Get, FindBy,
// FindBelow and Replace share a round trip with those that wait at the same moment; a lone one waits for nobody.
type Engine interface {
	// Ensure makes collections and indexes, idempotently; an index that is no longer listed is left alone.
	Ensure(ctx context.Context, collections []Collection) error
	// Insert keeps a new document: ErrExists when the _id is taken.
	Insert(ctx context.Context, collection string, doc Document) error
	// InsertAll keeps those whose _id is free and skips the others silently.
	InsertAll(ctx context.Context, collection string, docs []Document) error
	// Get decodes the document: ErrMissing when there is none.
	Get(ctx context.Context, collection, id string, into any) error
	// GetAll calls each for every one of the ids that exists, in any order. At most 1,000 ids.
	GetAll(ctx context.Context, collection string, ids []string, each func(Raw) error) error
	// FindBy calls each for the documents whose string field has a value, in any order. There is an index of that field,
	// named like it, alone or with _id behind it.
	FindBy(ctx context.Context, collection, field, value string, each func(Raw) error) error
	// FindBelow calls each for the documents, in any order, that a query would find and whose _id begins with a prefix, which
	// ends in its only "|". The query asks for what few documents have, by a sparse index; its limit, which does not bound the
	// answer, is the number at which it is dearer to go through them all for several callers than to answer each by _id.
	FindBelow(ctx context.Context, collection, prefix string, among Query, each func(Raw) error) error
	// Replace swaps the whole document when its rev is still was: ErrChanged otherwise. doc carries the new rev.
	Replace(ctx context.Context, collection string, doc Document, was string) error
	// ReplaceAll is Replace for many documents, 1,000 at most, in shared round trips; was[i] is the rev of docs[i] before,
	// and no two have the same _id. changed are the positions, in order, of those that somebody else wrote or removed
	// meanwhile (right after us, too); the others are kept. After an error some may be kept: the same call again keeps the rest.
	ReplaceAll(ctx context.Context, collection string, docs []Document, was []string) (changed []int, err error)
	// Unset removes a field from every referenced document whose rev is still the same; others are skipped.
	// The rev does not change.
	Unset(ctx context.Context, collection, field string, refs []Ref) error
	// Delete removes documents; absent ones are fine.
	Delete(ctx context.Context, collection string, ids ...string) error
	// Find calls each for the documents that match, in order. each runs while the read is open: keep it short.
	Find(ctx context.Context, collection string, query Query, each func(Raw) error) error
	// Count counts the documents that match, by an index where there is one.
	Count(ctx context.Context, collection string, where []Cond) (int64, error)
	// Add applies the increments, each once: one whose Seq is not above the guard stored in the document is skipped.
	Add(ctx context.Context, collection string, increments []Increment) error
	// Take adds one to the number n of a small document that expires, making it at need, and gives the new n.
	// One that has expired but is not purged yet starts again at 1.
	Take(ctx context.Context, collection, id string, expires time.Time) (int64, error)
	// Purge deletes what has expired in the collections that have TTL. Engines that purge by themselves do nothing.
	Purge(ctx context.Context, now time.Time) error
	// Ping tells whether the engine answers now.
	Ping(ctx context.Context) error
	// Close ends the engine after what is under way.
	Close(ctx context.Context) error
}

// Collection declares one collection to an engine.
type Collection struct {
	Name    string
	Indexes []Index
	// TTL names a Time field after which a document may be purged; empty for none.
	TTL string
}

// Index is a secondary index. It is never unique: uniqueness lives in _id. One whose fields change takes a new name.
type Index struct {
	Name   string
	Fields []Order
	// Sparse leaves out the documents in which the first field is absent. Queries that use it ask for the field.
	Sparse bool
	// Multi marks an index on a field that holds an array of strings: a query by has, all or any finds its members. With
	// _id as its second field, what has one member is read and counted in the order of _id without reading anything else.
	Multi bool
	// Also names fields that an engine whose documents are dear to read may keep in the entries, so that it passes over those
	// that a condition leaves out without reading them. The order is that of Fields alone.
	Also []string
}

// Order is a field and its direction. Nested fields are written with dots.
type Order struct {
	Field string
	Desc  bool
}

// Op compares a field with a value.
type Op string

// The operators. In takes a []string or []int64. All takes a []string: every one of them is a member of the array field.
// Any takes a []string: at least one is a member. Has takes a string: it is a member. Exists takes a bool.
// An empty list of In, All or Any matches nothing. Engines differ on fields that are null, so documents leave out what is
// absent.
const (
	Eq     Op = "="
	Ne     Op = "!="
	Lt     Op = "<"
	Le     Op = "<="
	Gt     Op = ">"
	Ge     Op = ">="
	In     Op = "in"
	Has    Op = "has"
	All    Op = "all"
	Any    Op = "any"
	Exists Op = "exists"
)

// Cond is one condition; a query's conditions must all hold. Values are string, bool, int64, Time, []string or []int64.
// A comparison with an absent field does not hold, except Ne, which does.
type Cond struct {
	Field string
	Op    Op
	Value any
}

// Query asks for documents. Sort must end in _id, so that pages are stable; without one the documents come in any order,
// and there are no pages. After holds the sort values of the last
// document of the page before, one for each Sort field; a document without one of those fields is on no later page.
type Query struct {
	Where []Cond
	Sort  []Order
	After []any
	Limit int
	// Fields names the top-level fields to read besides _id, of strings, numbers and times; none reads whole documents.
	Fields []string
	// Index names the index to prefer; an engine may ignore it.
	Index string
}

// Keyset gives the fields that decide the order and, behind a cursor, their values in After: Sort without the fields that
// Where holds to one value, so that an index is entered where the page begins. _id always stays.
func (q *Query) Keyset() (fields []Order, after []any, err error) {
	if len(q.After) > 0 && len(q.After) != len(q.Sort) {
		return nil, nil, fmt.Errorf("store: a cursor of %d values for %d fields", len(q.After), len(q.Sort))
	}
	for i, field := range q.Sort {
		held := func(c Cond) bool { return c.Op == Eq && c.Field == field.Field }
		if field.Field != "_id" && slices.ContainsFunc(q.Where, held) {
			continue
		}
		fields = append(fields, field)
		if len(q.After) > 0 {
			after = append(after, q.After[i])
		}
	}
	return fields, after, nil
}

// Below are the conditions that the _id begins with a prefix, which ends in its only "|".
func Below(prefix string) []Cond {
	end := prefix[:len(prefix)-1] + "}" // which follows "|"
	return []Cond{{Field: "_id", Op: Gt, Value: prefix}, {Field: "_id", Op: Lt, Value: end}}
}

// Ref names a document in the state it was read in.
type Ref struct {
	ID  string
	Rev string
}

// Increment adds to the integer fields below "n" of one document, making the document at need with the fields of Init.
// Field names in N and Guard hold no dots. Guard and Seq make it idempotent: the document keeps the highest Seq applied
// for each Guard below "seen", and an increment that is not above it is skipped.
type Increment struct {
	ID    string
	Init  map[string]any // string, int64 or Time values, set when the document is made
	N     map[string]int64
	Guard string
	Seq   int64
}
