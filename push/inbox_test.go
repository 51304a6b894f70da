package push_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/models"
	"khaibao/push"
)

func (r *rig) inbox() *push.Inbox {
	return push.NewInbox(push.InboxConfig{
		Store: r.store, Programs: r.programs, Text: r.texts.Text, Now: r.clock.Now, Observe: func(o push.Outcome) { r.steps <- o },
	})
}

// declare keeps a declaration whose level is high, and its message.
func (r *rig) declare(t *testing.T, account, id string) models.Declaration {
	t.Helper()
	d := r.declaration(t, account, id)
	r.enqueue(t, r.advice(account, id))
	return d
}

func (r *rig) declaration(t *testing.T, account, id string) models.Declaration {
	t.Helper()
	d := models.Declaration{
		Account: account, ID: id, Form: models.FormDeclaration, PersonID: "person-of-" + id, Program: "covid19", Version: 1,
		Channel: models.ChannelApp, Answers: models.Answers{"fever": true}, Age: 30, Sex: models.Female, Commune: "00004", Province: "01",
		OccurredAt: r.clock.Now(), ReceivedAt: r.clock.Now(), Decision: models.Decision{Level: models.LevelHigh},
	}
	fatal(t, r.store.InsertDeclaration(t.Context(), &d))
	return d
}

// The advice of each decision is there in the reader's language, newest first, whether or not a push arrived.
func TestInbox(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	inbox := r.inbox()
	program, ok := r.programs.Version("covid19", 1)
	if !ok {
		t.Fatal("no covid19")
	}
	account, other := r.household(t, "an"), r.household(t, "binh")
	d := r.declare(t, account, "019342a1-0000-7000-8000-000000000001")
	r.declare(t, account, "019342a1-0000-7000-8000-000000000002")
	r.declare(t, other, "019342a1-0000-7000-8000-000000000003")
	for _, l := range []models.Lang{models.Vietnamese, models.English} {
		citizen := models.Citizen{Account: account, Lang: l}
		first, cursor, err := inbox.List(t.Context(), citizen, models.Page{Limit: 1})
		fatal(t, err)
		second, end, err := inbox.List(t.Context(), citizen, models.Page{Limit: 1, Cursor: cursor})
		fatal(t, err)
		if len(first) != 1 || !strings.HasSuffix(first[0].ID, "2") || end != "" {
			t.Errorf("%s: first page %v, after the second %q; want the newer one, and then the end", l, first, end)
		}
		words := program.Explain(d.Form, d.Decision, l)
		want := []push.InboxItem{{
			ID: d.ID, Kind: models.MessageAdvice, Title: program.Name(l) + ": " + words.Level, Text: words.Advice,
			PersonID: d.PersonID, Program: "covid19", Level: models.LevelHigh,
			Declaration: models.DeclarationRef{Form: d.Form, ID: d.ID}, CreatedAt: r.clock.Now(),
		}}
		if words.Advice == "" {
			t.Errorf("%s: the program has no advice", l)
		}
		if diff := cmp.Diff(want, second); diff != "" {
			t.Errorf("%s (-want +got):\n%s", l, diff)
		}
	}
}

// A message whose decision is gone still shows, and says no more than a push does.
func TestInboxWithoutItsDecision(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	inbox := r.inbox()
	account := r.household(t, "an")
	r.enqueue(t, r.advice(account, "gone"))
	items, _, err := inbox.List(t.Context(), models.Citizen{Account: account, Lang: models.English}, models.Page{Limit: 10})
	fatal(t, err)
	if len(items) != 1 || items[0].Text != r.texts.Text(models.English, "message.push_body", nil) {
		t.Errorf("got %+v, want one message with the text of a push", items)
	}
}

func TestInboxOfNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	inbox := r.inbox()
	erased := r.household(t, "an")
	_, err := r.store.Tombstone(t.Context(), erased, func(a *models.Account) ([]models.Effect, error) {
		a.ErasedAt = time.Now()
		return nil, nil
	})
	fatal(t, err)
	for _, account := range []string{erased, "nobody"} {
		if _, _, err := inbox.List(t.Context(), models.Citizen{Account: account}, models.Page{Limit: 10}); !models.Unauthenticated.Is(err) {
			t.Errorf("got %v, want unauthenticated", err)
		}
	}
}
