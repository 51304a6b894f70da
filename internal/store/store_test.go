package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

func each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			engine := open(t)
			keys, err := seal.Generate()
			if err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(t.Context(), engine, keys)
			if err != nil {
				t.Fatal(err)
			}
			test(t, s)
		})
	}
}

var at = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

const phone = "+84900000001"

func household(t *testing.T, s *store.Store) *models.Account {
	t.Helper()
	id, err := s.ClaimPhone(t.Context(), phone)
	if err != nil {
		t.Fatal(err)
	}
	account, err := s.UpdateAccount(t.Context(), id, func(a *models.Account) ([]models.Effect, error) {
		a.People = append(a.People, models.Person{
			ID: "p1", Name: "Nguyễn Thị Thử", BirthDate: "1958-03-21", Sex: models.Female, Relationship: models.Self,
			NationalID: "020158000001", Commune: "06325", Province: "20", Address: "Số 1", CreatedAt: at,
		})
		a.Devices = append(a.Devices, models.Device{ID: "d1", Token: "token-1", Platform: "android", UpdatedAt: at})
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return account
}

func declaration(account, id string, level models.Level) *models.Declaration {
	return &models.Declaration{
		Account: account, ID: id, Form: models.FormDeclaration, PersonID: "p1", Program: "covid19", Version: 1, Channel: models.ChannelApp,
		Answers: models.Answers{"fever": true, "contact_case": "yes", "chronic_conditions": []string{"asthma", "diabetes"}, "temperature": 38.5, "pulse": int64(90), "remark": "đau đầu"},
		Private: []string{"remark"}, Age: 68, Sex: models.Female, Commune: "06325", Province: "20",
		OccurredAt: at, ReceivedAt: at.Add(time.Minute),
		Decision: models.Decision{Level: level, Factors: []string{"symptoms"}, Reasons: []models.Reason{{Rule: "r1", Questions: []string{"fever"}}}},
	}
}

func TestHouseholdIsOneAndComesBackWhole(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		account := household(t, s)
		again, err := s.ClaimPhone(t.Context(), phone)
		if err != nil || again != account.ID {
			t.Fatalf("the number has account %q, then %q (%v)", account.ID, again, err)
		}
		read, err := s.Account(t.Context(), account.ID)
		if err != nil {
			t.Fatal(err)
		}
		if read.Phone != phone || len(read.People) != 1 || read.People[0] != account.People[0] || read.Devices[0].Token != "token-1" {
			t.Errorf("read %+v", read)
		}
	})
}

func TestClaimRace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		got := make(chan string, 32)
		for range cap(got) {
			go func() {
				id, err := s.ClaimPhone(t.Context(), "+84900000002")
				if err != nil {
					id = err.Error()
				}
				got <- id
			}()
		}
		first := <-got
		for range cap(got) - 1 {
			if next := <-got; next != first {
				t.Errorf("one number, two accounts: %s, %s", first, next)
			}
		}
	})
}

func TestDeclarationIsOnceAndItsFreeTextSealed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		account := household(t, s)
		const id = "019ac000-0000-7000-8000-000000000001"
		entered := declaration(account.ID, id, models.LevelHigh)
		entered.Channel = models.ChannelOfficial
		entered.By = &models.Behalf{Official: "o1", Login: "an.nguyen", Role: models.Officer, Area: "06325", Province: "20", TextVersion: "official-1"}
		if err := s.InsertDeclaration(t.Context(), entered); err != nil {
			t.Fatal(err)
		}
		if err := s.InsertDeclaration(t.Context(), declaration(account.ID, id, models.LevelHigh)); !models.Conflict.Is(err) {
			t.Errorf("second insert: %v", err)
		}
		d, err := s.Declaration(t.Context(), account.ID, models.FormDeclaration, id)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(d.Answers) != fmt.Sprint(declaration("", "", 0).Answers) {
			t.Errorf("answers %v", d.Answers)
		}
		for name, answer := range map[string]any{"pulse": int64(90), "temperature": 38.5} {
			if d.Answers[name] != answer {
				t.Errorf("%s came back as %T %v", name, d.Answers[name], d.Answers[name])
			}
		}
		pending, err := s.PendingDeclarations(t.Context(), models.FormDeclaration, 10)
		if err != nil || len(pending) != 1 || pending[0].Answers["remark"] != nil {
			t.Fatalf("pending %+v, %v", pending, err)
		}
		for what, by := range map[string]*models.Behalf{"read": d.By, "pending": pending[0].By} {
			if by == nil || *by != *entered.By {
				t.Errorf("who entered it, %s: %+v", what, by)
			}
		}
		if _, err := s.Declaration(t.Context(), "somebody-else", models.FormDeclaration, id); !models.NotFound.Is(err) {
			t.Errorf("another account: %v", err)
		}
	})
}

func TestCountingIsExact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		account := household(t, s)
		for i := range 20 {
			d := declaration(account.ID, fmt.Sprintf("019ac000-0000-7000-8000-0000000000%02d", i), models.LevelHigh)
			if err := s.InsertDeclaration(ctx, d); err != nil {
				t.Fatal(err)
			}
		}
		one, err := s.BeginCounting(ctx, models.FormDeclaration)
		if err != nil {
			t.Fatal(err)
		}
		other, err := s.BeginCounting(ctx, models.FormDeclaration)
		if err != nil {
			t.Fatal(err)
		}
		first, err := s.PendingDeclarations(ctx, models.FormDeclaration, 10)
		if err != nil {
			t.Fatal(err)
		}
		if err := one.Settle(ctx, first); err != nil {
			t.Fatal(err)
		}
		if err := other.Settle(ctx, first); !models.Changed.Is(err) {
			t.Errorf("a second worker settled the same batch: %v", err)
		}
		again, err := s.BeginCounting(ctx, models.FormDeclaration) // repeats the last batch, as after a crash
		if err != nil {
			t.Fatal(err)
		}
		rest, err := s.PendingDeclarations(ctx, models.FormDeclaration, 100)
		if err != nil || len(rest) != 10 {
			t.Fatalf("%d pending, %v", len(rest), err)
		}
		if err := again.Settle(ctx, rest); err != nil {
			t.Fatal(err)
		}
		for _, area := range []models.Area{"06325", "20", models.Nation} {
			stats, err := s.Stats(ctx, "covid19", area, false, "2026-11-20", "2026-11-20")
			if err != nil || len(stats) != 1 || stats[0].Count != 20 || stats[0].Level != models.LevelHigh {
				t.Errorf("%s: %+v, %v", area, stats, err)
			}
		}
		children, err := s.Stats(ctx, "covid19", "20", true, "2026-11-01", "2026-11-30")
		if err != nil || len(children) != 1 || children[0].Area != "06325" {
			t.Errorf("communes of the province: %+v, %v", children, err)
		}
	})
}

func TestCasesAreWithinTheirScope(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		account := household(t, s)
		d := declaration(account.ID, "019ac000-0000-7000-8000-000000000001", models.LevelHigh)
		if err := s.InsertDeclaration(ctx, d); err != nil {
			t.Fatal(err)
		}
		terms := []models.SearchTerm{{Kind: "name", Value: "nguyen thi thu"}, {Kind: "phone", Value: phone}}
		err := s.UpsertCase(ctx, account.ID, "p1", "covid19", terms, func(was *models.Case) (*models.Case, []models.Effect, error) {
			if was != nil {
				t.Error("there is a case already")
			}
			return &models.Case{
				Level: models.LevelHigh, Factors: []string{"symptoms", "exposure"}, Status: models.CaseNew, Commune: "06325", Province: "20",
				OpenedAt: at, LastDeclaredAt: at, LastReceivedAt: at, DueAt: at.Add(time.Hour),
				Notes: []models.Note{{Text: "gọi lại", By: "can-bo", At: at}},
			}, nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		yes, no := true, false
		for name, c := range map[string]struct {
			scope  models.Area
			filter models.CaseFilter
			want   int
		}{
			"commune":       {"06325", models.CaseFilter{}, 1},
			"province":      {"20", models.CaseFilter{}, 1},
			"nation":        {models.Nation, models.CaseFilter{}, 1},
			"other commune": {"06001", models.CaseFilter{}, 0},
			"other asked":   {"06001", models.CaseFilter{Area: "06325"}, 0},
			"no scope":      {"", models.CaseFilter{}, 0},
			"level":         {"20", models.CaseFilter{Levels: []models.Level{models.LevelHigh, models.LevelEmergency}}, 1},
			"other level":   {"20", models.CaseFilter{Levels: []models.Level{models.LevelEmergency}}, 0},
			"factor":        {"20", models.CaseFilter{Factor: "exposure"}, 1},
			"other factor":  {"20", models.CaseFilter{Factor: "age"}, 0},
			"status":        {"20", models.CaseFilter{Statuses: []models.CaseStatus{models.CaseNew}}, 1},
			"since":         {"20", models.CaseFilter{Since: at}, 1},
			"since later":   {"20", models.CaseFilter{Since: at.Add(time.Second)}, 0},
			"overdue":       {"20", models.CaseFilter{Overdue: &yes}, 1},
			"not overdue":   {"20", models.CaseFilter{Overdue: &no}, 0},
			"missed":        {"20", models.CaseFilter{Missed: &yes}, 0},
			"not missed":    {"20", models.CaseFilter{Missed: &no}, 1},
			"name":          {"20", models.CaseFilter{Search: terms[:1]}, 1},
			"phone":         {"20", models.CaseFilter{Search: terms[1:]}, 1},
			"other name":    {"20", models.CaseFilter{Search: []models.SearchTerm{{Kind: "name", Value: "x"}}}, 0},
			"empty search":  {"20", models.CaseFilter{Search: []models.SearchTerm{}}, 0},
		} {
			found, _, err := s.Within(c.scope).List(ctx, c.filter, at.Add(2*time.Hour), models.Page{Limit: 10})
			if err != nil || len(found) != c.want {
				t.Errorf("%s: %d cases, want %d (%v)", name, len(found), c.want, err)
			}
			n, err := s.Within(c.scope).Count(ctx, c.filter, at.Add(2*time.Hour))
			if err != nil || int(n) != c.want {
				t.Errorf("%s: counted %d, want %d (%v)", name, n, c.want, err)
			}
		}
		found, _, _ := s.Within("20").List(ctx, models.CaseFilter{}, at, models.Page{Limit: 10})
		if found[0].Person.Name != "Nguyễn Thị Thử" || found[0].Phone != phone || found[0].Case.Notes[0].Text != "gọi lại" {
			t.Errorf("behind the case: %+v", found[0])
		}
		if _, err := s.Within("06001").Get(ctx, found[0].Case.ID); !models.NotFound.Is(err) {
			t.Errorf("outside the scope: %v", err)
		}
		if _, err := s.Within("06325").Change(ctx, found[0].Case.ID, []string{"stale", "older"}, func(*models.CasePerson) ([]models.Effect, error) { return nil, nil }); !models.Changed.Is(err) {
			t.Errorf("a stale rev: %v", err)
		}
	})
}

func TestErasureDropsTheKey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		account := household(t, s)
		d := declaration(account.ID, "019ac000-0000-7000-8000-000000000001", models.LevelLow)
		if err := s.InsertDeclaration(ctx, d); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Tombstone(ctx, account.ID, func(a *models.Account) ([]models.Effect, error) {
			a.ErasedAt = at
			return []models.Effect{{Kind: models.EffectErased}}, nil
		}); err != nil {
			t.Fatal(err)
		}
		gone, err := s.Account(ctx, account.ID)
		if err != nil || !gone.Erased() || gone.Phone != "" || len(gone.People) != 0 {
			t.Errorf("%+v, %v", gone, err)
		}
		kept, err := s.Declaration(ctx, account.ID, models.FormDeclaration, d.ID)
		if err != nil || kept.Answers["fever"] != true || kept.Answers["remark"] != nil || kept.Age != 68 {
			t.Errorf("%+v, %v", kept, err)
		}
		if _, err := s.UpdateAccount(ctx, account.ID, func(*models.Account) ([]models.Effect, error) { return nil, nil }); !models.Unauthenticated.Is(err) {
			t.Errorf("changing an erased account: %v", err)
		}
		pending, err := s.PendingAccounts(ctx, 10)
		if err != nil || len(pending) != 1 || pending[0].Account != account.ID || pending[0].Effects[0].Kind != models.EffectErased {
			t.Errorf("%+v, %v", pending, err)
		}
		if err := s.DoneAccounts(ctx, pending); err != nil {
			t.Fatal(err)
		}
		if pending, _ := s.PendingAccounts(ctx, 10); len(pending) != 0 {
			t.Errorf("still pending: %+v", pending)
		}
		fresh, err := s.ClaimPhone(ctx, phone)
		if err != nil || fresh == account.ID {
			t.Errorf("the number signs into the erased account: %v", err)
		}
	})
}

func TestOutboxAndInbox(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		message := models.Message{ID: "m1", Account: "a", Kind: models.MessageAdvice, Lane: models.LaneNormal, Route: models.RoutePush, State: models.MessagePending, CreatedAt: at, DueAt: at, ExpiresAt: at.Add(time.Hour)}
		otp := models.Message{ID: "o1", Kind: models.MessageOTP, Lane: models.LaneOTP, Route: models.RouteSMS, To: phone, Text: "123456", State: models.MessagePending, CreatedAt: at, DueAt: at, ExpiresAt: at.Add(time.Minute)}
		for range 2 { // the same intention twice is one record
			if err := s.Enqueue(ctx, message, otp); err != nil {
				t.Fatal(err)
			}
		}
		due, err := s.DueMessages(ctx, models.LaneOTP, models.RouteSMS, at, 10)
		if err != nil || len(due) != 1 || due[0].To != phone || due[0].Text != "123456" || due[0].ID != "o1" {
			t.Fatalf("%+v, %v", due, err)
		}
		due[0].State = models.MessageSent
		stale := due[0]
		if err := s.SaveMessage(ctx, &due[0]); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveMessage(ctx, &stale); !models.Changed.Is(err) {
			t.Errorf("a stale save: %v", err)
		}
		if due, _ := s.DueMessages(ctx, models.LaneOTP, models.RouteSMS, at, 10); len(due) != 0 {
			t.Error("a sent message is still due")
		}
		inbox, next, err := s.Inbox(ctx, "a", models.Page{Limit: 10})
		if err != nil || len(inbox) != 1 || inbox[0].ID != "m1" || next != "" {
			t.Errorf("%+v, %v", inbox, err)
		}
	})
}

// Each queue gives its own messages only; a push for which SMS takes over is found by that moment, and no longer once it is
// an SMS or gone.
func TestOutboxQueues(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		message := func(id string, lane models.Lane, route models.Route, smsAt time.Time) models.Message {
			return models.Message{
				ID: id, Account: "a", Kind: models.MessageAdvice, Lane: lane, Route: route, SMSAt: smsAt, State: models.MessagePending,
				CreatedAt: at, DueAt: at, ExpiresAt: at.Add(time.Hour),
			}
		}
		later := at.Add(30 * time.Minute)
		err := s.Enqueue(ctx,
			message("push", models.LaneNormal, models.RoutePush, time.Time{}), message("falls", models.LaneNormal, models.RoutePush, later),
			message("sms", models.LaneNormal, models.RouteSMS, time.Time{}), message("urgent", models.LaneUrgent, models.RoutePush, later))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Enqueue(ctx, message("lost", models.LaneNormal, "", time.Time{})); err == nil {
			t.Error("kept a message that goes no way: nothing would ever send it")
		}
		for _, tt := range []struct {
			lane  models.Lane
			route models.Route
			want  []string
		}{
			{models.LaneNormal, models.RoutePush, []string{"falls", "push"}}, {models.LaneNormal, models.RouteSMS, []string{"sms"}},
			{models.LaneUrgent, models.RoutePush, []string{"urgent"}}, {models.LaneUrgent, models.RouteSMS, nil},
		} {
			due, err := s.DueMessages(ctx, tt.lane, tt.route, at, 10)
			if diff := cmp.Diff(tt.want, messageIDs(due)); diff != "" || err != nil {
				t.Errorf("%d by %s, %v: %s", tt.lane, tt.route, err, diff)
			}
		}
		if late, err := s.OverdueForSMS(ctx, models.LaneNormal, later.Add(-time.Millisecond), 10); err != nil || len(late) != 0 {
			t.Errorf("%v, %v: SMS takes over too early", messageIDs(late), err)
		}
		late, err := s.OverdueForSMS(ctx, models.LaneNormal, later, 10)
		if err != nil || len(late) != 1 || late[0].ID != "falls" || !late[0].SMSAt.Equal(later) {
			t.Fatalf("%v, %v", messageIDs(late), err)
		}
		late[0].Route, late[0].SMSAt = models.RouteSMS, time.Time{}
		if err := s.SaveMessage(ctx, &late[0]); err != nil {
			t.Fatal(err)
		}
		if late, err := s.OverdueForSMS(ctx, models.LaneNormal, later, 10); err != nil || len(late) != 0 {
			t.Errorf("%v, %v: an SMS is no overdue push", messageIDs(late), err)
		}
	})
}

func messageIDs(messages []models.Message) (ids []string) {
	for _, m := range messages {
		ids = append(ids, m.ID)
	}
	return ids
}

// What a household was sent on a local day is counted, whatever became of it, and nothing else.
func TestSentOn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, models.Hanoi)
		sent := func(account, id string, state models.MessageState, at time.Time) models.Message {
			return models.Message{ID: id, Account: account, Kind: models.MessageAdvice, Route: models.RoutePush, State: state, SentAt: at, CreatedAt: midnight, DueAt: midnight, ExpiresAt: midnight}
		}
		err := s.Enqueue(ctx,
			sent("a", "1", models.MessageSent, midnight), sent("a", "2", models.MessageDelivered, midnight.Add(23*time.Hour)), sent("a", "3", models.MessageFailed, midnight.Add(time.Hour)),
			sent("a", "yesterday", models.MessageSent, midnight.Add(-time.Second)), sent("a", "tomorrow", models.MessageSent, midnight.Add(24*time.Hour)),
			sent("a", "stored", models.MessageStored, time.Time{}), sent("a", "waits", models.MessagePending, time.Time{}),
			sent("b", "1", models.MessageSent, midnight), sent("c", "1", models.MessageSent, midnight), sent("", "otp", models.MessageSent, midnight))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.SentOn(ctx, "2026-11-24", []string{"a", "b", "nobody"})
		if diff := cmp.Diff(map[string]int{"a": 3, "b": 1}, got); diff != "" || err != nil {
			t.Errorf("%v: %s", err, diff)
		}
	})
}

// A message only moves on, whatever comes late, twice or out of order.
func TestMessagesOnlyMoveOn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		states := []models.MessageState{models.MessagePending, models.MessageStored, models.MessageSent, models.MessageFailed, models.MessageDelivered}
		for from, was := range states {
			for to, next := range states {
				id := string(was) + "-" + string(next)
				m := models.Message{ID: id, Account: "a", Kind: models.MessageAdvice, Route: models.RouteSMS, State: was, CreatedAt: at, DueAt: at, ExpiresAt: at}
				if err := s.Enqueue(ctx, m); err != nil {
					t.Fatal(err)
				}
				got, moved, err := s.AdvanceMessage(ctx, "a", id, func(m *models.Message) { m.State = next })
				if err != nil || moved != (from < to) {
					t.Errorf("from %s to %s: moved %v, %v", was, next, moved, err)
				}
				kept, err := s.Message(ctx, "a", id)
				if want := states[max(from, to)]; err != nil || kept.State != want || moved && got.Rev != kept.Rev {
					t.Errorf("from %s to %s: kept %s, %v; want %s", was, next, kept.State, err, want)
				}
			}
		}
		if _, _, err := s.AdvanceMessage(ctx, "a", "nobody's", func(*models.Message) {}); !models.NotFound.Is(err) {
			t.Errorf("got %v, want not found", err)
		}
	})
}

func TestLease(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		take := func(owner string, length time.Duration) bool {
			ok, err := s.Lease(ctx, "work", owner, length)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		if !take("one", time.Hour) || take("two", time.Hour) || !take("one", -time.Second) || !take("two", time.Hour) || take("one", time.Hour) {
			t.Error("two owners at once, or none")
		}
		if err := s.Release(ctx, "work", "two"); err != nil {
			t.Fatal(err)
		}
		if !take("one", time.Hour) {
			t.Error("a released lease is not free")
		}
	})
}

func TestEffectsOfFlagsGoFirst(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		account := household(t, s)
		for i, level := range []models.Level{models.LevelLow, models.LevelModerate, models.LevelLow, models.LevelEmergency} {
			if err := s.InsertDeclaration(t.Context(), declaration(account.ID, fmt.Sprintf("019ac000-0000-7000-8000-00000000000%d", i), level)); err != nil {
				t.Fatal(err)
			}
		}
		pending, err := s.PendingDeclarations(t.Context(), models.FormDeclaration, 2)
		if err != nil || len(pending) != 2 || pending[0].Decision.Level != models.LevelEmergency || pending[1].Decision.Level != models.LevelModerate {
			t.Errorf("%+v, %v", pending, err)
		}
	})
}
