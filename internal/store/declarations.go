package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"time"

	"khaibao/internal/seal"
	"khaibao/models"
)

// declarationDoc is a declaration or a health update. Its _id is "<account>|<client's UUIDv7>", so that a household's
// history is a range of _id in the order of time, and the same client id is one thing within an account.
type declarationDoc struct {
	ID         string             `bson:"_id" json:"_id"`
	PersonID   string             `bson:"person" json:"person"`
	Program    string             `bson:"program" json:"program"`
	Version    int                `bson:"version" json:"version"`
	Channel    models.Channel     `bson:"channel" json:"channel"`
	By         *behalfDoc         `bson:"by,omitempty" json:"by,omitempty"`
	Answers    answersDoc         `bson:"answers" json:"answers"`
	Measures   map[string]float64 `bson:"measures,omitempty" json:"measures,omitempty"`
	Private    []byte             `bson:"private,omitempty" json:"private,omitempty"` // sealed free-text answers
	Age        int                `bson:"age" json:"age"`
	Sex        models.Sex         `bson:"sex" json:"sex"`
	Commune    string             `bson:"commune" json:"commune"`
	Province   string             `bson:"province" json:"province"`
	Earlier    answersDoc         `bson:"earlier,omitempty" json:"earlier,omitempty"`
	Previous   *levelDoc          `bson:"previous,omitempty" json:"previous,omitempty"`
	OccurredAt Time               `bson:"occurred_at" json:"occurred_at"`
	ReceivedAt Time               `bson:"received_at" json:"received_at"`
	Level      int                `bson:"level" json:"level"`
	Factors    []string           `bson:"factors,omitempty" json:"factors,omitempty"`
	Reasons    []reasonDoc        `bson:"reasons,omitempty" json:"reasons,omitempty"`
	Notify     bool               `bson:"notify,omitempty" json:"notify,omitempty"`
	Todo       *todoDoc           `bson:"todo,omitempty" json:"todo,omitempty"`
}

func (d *declarationDoc) Key() string      { return d.ID }
func (d *declarationDoc) Revision() string { return "" }

// behalfDoc is the official who entered a declaration.
type behalfDoc struct {
	Official    string      `bson:"official" json:"official"`
	Login       string      `bson:"login" json:"login"`
	Role        models.Role `bson:"role" json:"role"`
	Area        models.Area `bson:"area" json:"area"`
	Province    string      `bson:"province,omitempty" json:"province,omitempty"`
	TextVersion string      `bson:"text_version" json:"text_version"`
}

type reasonDoc struct {
	Rule      string   `bson:"rule" json:"rule"`
	Questions []string `bson:"questions,omitempty" json:"questions,omitempty"`
}

// answersDoc reads back as the types that models.Answers promises, whatever the engine decodes them to.
type answersDoc map[string]any

// UnmarshalJSON keeps whole numbers whole.
func (a *answersDoc) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var m map[string]any
	if err := decoder.Decode(&m); err != nil {
		return err
	}
	*a = m
	return nil
}

func canonical(in map[string]any) map[string]any {
	if in == nil {
		return nil
	}
	out := make(map[string]any, len(in))
	for k, v := range in {
		out[k] = canonicalValue(v)
	}
	return out
}

func canonicalValue(v any) any {
	switch v := v.(type) {
	case nil, bool, string, int64, float64, []string:
		return v
	case int32:
		return int64(v)
	case int:
		return int64(v)
	case json.Number:
		if whole, err := v.Int64(); err == nil {
			return whole
		}
		decimal, _ := v.Float64()
		return decimal
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		return v
	}
	out := make([]string, list.Len())
	for i := range out {
		out[i] = fmt.Sprint(list.Index(i).Interface())
	}
	return out
}

func formCollection(form models.Form) string {
	if form == models.FormDaily {
		return colUpdates
	}
	return colDeclarations
}

func declarationID(account, id string) string { return account + "|" + id }

// headStart lets the effects of a flag go before those of everything else that waits: when there is a backlog, a sick
// person does not stand behind thousands of well ones.
func headStart(level models.Level) time.Duration {
	switch {
	case level == models.LevelEmergency:
		return time.Hour
	case level.Flagged():
		return 30 * time.Minute
	}
	return 0
}

// InsertDeclaration keeps a declaration or health update with the effects it owes, in one write. It answers Conflict
// when the account has one of that id already; Declaration then tells whether it is the same.
func (s *Store) InsertDeclaration(ctx context.Context, d *models.Declaration) error {
	doc, err := declarationDocOf(d, func() (seal.DataKey, error) { return s.accountKey(ctx, d.Account) })
	if err != nil {
		return asError("sealing answers", err)
	}
	doc.Todo = &todoDoc{At: At(s.now().Add(-headStart(d.Decision.Level)))}
	return asError("keeping a declaration", s.engine.Insert(ctx, formCollection(d.Form), doc))
}

// declarationDocOf gives the document of a declaration that owes nothing. It asks for the account's key only when there is
// something to seal.
func declarationDocOf(d *models.Declaration, key func() (seal.DataKey, error)) (*declarationDoc, error) {
	doc := &declarationDoc{
		ID: declarationID(d.Account, d.ID), PersonID: d.PersonID, Program: d.Program, Version: d.Version,
		Channel: d.Channel, By: (*behalfDoc)(d.By), Answers: answersDoc(d.Answers), Measures: d.Measures,
		Age: d.Age, Sex: d.Sex, Commune: d.Commune, Province: d.Province, Earlier: answersDoc(d.Earlier),
		OccurredAt: At(d.OccurredAt), ReceivedAt: At(d.ReceivedAt),
		Level: int(d.Decision.Level), Factors: d.Decision.Factors, Notify: d.Notify,
	}
	for _, r := range d.Decision.Reasons {
		doc.Reasons = append(doc.Reasons, reasonDoc(r))
	}
	if !d.Previous.At.IsZero() {
		previous := levelDocOf(d.Previous)
		doc.Previous = &previous
	}
	return doc, sealPrivate(d, doc, key)
}

// sealPrivate moves the free-text answers out of the clear ones and seals them with the account's key.
func sealPrivate(d *models.Declaration, doc *declarationDoc, accountKey func() (seal.DataKey, error)) error {
	private := map[string]any{}
	for _, id := range d.Private {
		if answer, ok := d.Answers[id]; ok {
			private[id] = answer
		}
	}
	if len(private) == 0 {
		return nil
	}
	doc.Answers = answersDoc{}
	for id, answer := range d.Answers {
		if _, sealed := private[id]; !sealed {
			doc.Answers[id] = answer
		}
	}
	key, err := accountKey()
	if err != nil {
		return err
	}
	if !key.Usable() {
		return models.ErrNotFound
	}
	plain, err := json.Marshal(private)
	if err != nil {
		return err
	}
	doc.Private, err = key.Seal(plain, privatePlace(d.Form, doc.ID))
	return err
}

func privatePlace(form models.Form, id string) seal.Place {
	return seal.Place{Collection: formCollection(form), ID: id, Field: "private"}
}

func (s *Store) accountKey(ctx context.Context, account string) (seal.DataKey, error) {
	var doc accountDoc
	if err := s.engine.Get(ctx, colAccounts, account, &doc); err != nil {
		return seal.DataKey{}, err
	}
	return s.dataKey(&doc)
}

// model gives the declaration of a document. Private answers stay closed without a usable key.
func (doc *declarationDoc) model(form models.Form, key seal.DataKey) (models.Declaration, error) {
	account, id, _ := strings.Cut(doc.ID, "|")
	d := models.Declaration{
		Account: account, ID: id, Form: form, PersonID: doc.PersonID, Program: doc.Program, Version: doc.Version,
		Channel: doc.Channel, By: (*models.Behalf)(doc.By), Answers: canonical(doc.Answers), Measures: doc.Measures,
		Age: doc.Age, Sex: doc.Sex, Commune: doc.Commune, Province: doc.Province, Earlier: canonical(doc.Earlier),
		OccurredAt: doc.OccurredAt.Time(), ReceivedAt: doc.ReceivedAt.Time(), Notify: doc.Notify,
		Decision: models.Decision{Level: models.Level(doc.Level), Factors: doc.Factors},
	}
	for _, r := range doc.Reasons {
		d.Decision.Reasons = append(d.Decision.Reasons, models.Reason(r))
	}
	if doc.Previous != nil {
		d.Previous = doc.Previous.model()
	}
	if len(doc.Private) == 0 || !key.Usable() {
		return d, nil
	}
	plain, err := key.Open(doc.Private, privatePlace(form, doc.ID))
	if err != nil {
		return d, err
	}
	var private map[string]any
	if err := json.Unmarshal(plain, &private); err != nil {
		return d, err
	}
	for id, answer := range private {
		d.Answers[id] = answer
		d.Private = append(d.Private, id)
	}
	sort.Strings(d.Private)
	return d, nil
}

// Declaration gives one of an account's own, free text included; NotFound when there is none.
func (s *Store) Declaration(ctx context.Context, account string, form models.Form, id string) (*models.Declaration, error) {
	var doc declarationDoc
	if err := s.engine.Get(ctx, formCollection(form), declarationID(account, id), &doc); err != nil {
		return nil, asError("reading a declaration", err)
	}
	ds, err := s.openDeclarations(ctx, account, form, []declarationDoc{doc})
	if err != nil {
		return nil, asError("opening a declaration", err)
	}
	return &ds[0], nil
}

// Declarations lists an account's own, newest client id first; personID narrows to one person of the household.
func (s *Store) Declarations(ctx context.Context, account string, form models.Form, personID string, page models.Page) ([]models.Declaration, string, error) {
	q := Query{
		Where: []Cond{{"_id", Gt, account + "|"}, {"_id", Lt, account + "}"}}, // "}" follows "|"
		Sort:  []Order{{"_id", true}}, Limit: page.Limit + 1,
	}
	if personID != "" {
		q.Where = append(q.Where, Cond{"person", Eq, personID})
	}
	if err := q.after(formCollection(form), page.Cursor, stringKey); err != nil {
		return nil, "", err
	}
	if len(q.After) > 0 { // the cursor holds the client's id alone: nobody can page through another account
		q.After[0] = declarationID(account, q.After[0].(string))
	}
	docs, err := s.findDeclarations(ctx, form, q)
	if err != nil {
		return nil, "", asError("reading declarations", err)
	}
	ds, err := s.openDeclarations(ctx, account, form, docs)
	if err != nil {
		return nil, "", asError("opening declarations", err)
	}
	ds, next := cut(formCollection(form), ds, page.Limit, func(d models.Declaration) []any { return []any{d.ID} })
	return ds, next, nil
}

func (s *Store) findDeclarations(ctx context.Context, form models.Form, q Query) ([]declarationDoc, error) {
	var docs []declarationDoc
	err := s.engine.Find(ctx, formCollection(form), q, func(raw Raw) error {
		var doc declarationDoc
		err := raw.Decode(&doc)
		docs = append(docs, doc)
		return err
	})
	return docs, err
}

func (s *Store) openDeclarations(ctx context.Context, account string, form models.Form, docs []declarationDoc) ([]models.Declaration, error) {
	var key seal.DataKey
	out := make([]models.Declaration, 0, len(docs))
	for i := range docs {
		if len(docs[i].Private) > 0 && !key.Usable() {
			var err error
			if key, err = s.accountKey(ctx, account); err != nil && !errors.Is(err, ErrMissing) {
				return nil, err
			}
		}
		d, err := docs[i].model(form, key)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}
