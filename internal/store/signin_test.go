package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"khaibao/internal/store"
	"khaibao/models"
)

var errStop = errors.New("stop")

func TestOTP(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		want := models.OTP{ID: "q1", Phone: phone, CodeHash: "h", ExpiresAt: time.Now().UTC().Add(time.Hour).Truncate(time.Millisecond)}
		if err := s.AddOTP(ctx, want); err != nil {
			t.Fatal(err)
		}
		if err := s.AddOTP(ctx, want); !models.Conflict.Is(err) {
			t.Errorf("the same again: %v", err)
		}
		var all sync.WaitGroup
		for range 30 { // a budget of five, whoever is first
			all.Go(func() {
				err := s.UpdateOTP(ctx, "q1", func(o *models.OTP) error {
					if o.Tries == 5 {
						return errStop
					}
					o.Tries++
					return nil
				})
				if err != nil && !errors.Is(err, errStop) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		want.Tries = 5
		err := s.UpdateOTP(ctx, "q1", func(o *models.OTP) error {
			if diff := cmp.Diff(want, *o); diff != "" {
				t.Error(diff)
			}
			return models.ErrUnchanged
		})
		if err != nil {
			t.Error(err)
		}
		if err := s.UpdateOTP(ctx, "q2", func(*models.OTP) error { return nil }); !models.NotFound.Is(err) {
			t.Errorf("no such request: %v", err)
		}
	})
}

func TestSessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx, until := t.Context(), time.Now().UTC().Add(time.Hour).Truncate(time.Millisecond)
		for _, id := range []string{"s1", "s2", "s3"} {
			subject := map[string]string{"s1": "citizen|a", "s2": "citizen|a", "s3": "citizen|b"}[id]
			if err := s.AddSession(ctx, models.Session{ID: id, Subject: subject, RotatedAt: at, StartedAt: at, ExpiresAt: until}); err != nil {
				t.Fatal(err)
			}
		}
		rotated, err := s.UpdateSession(ctx, "s1", func(m *models.Session) error { m.Generation, m.Request = 7, "r"; return nil })
		want := &models.Session{ID: "s1", Subject: "citizen|a", Generation: 7, Request: "r", RotatedAt: at, StartedAt: at, ExpiresAt: until}
		if diff := cmp.Diff(want, rotated); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		if _, err := s.UpdateSession(ctx, "s1", func(m *models.Session) error { m.Generation++; return errStop }); !errors.Is(err, errStop) {
			t.Error("the error of a change was lost")
		}
		got, err := s.Session(ctx, "s1")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		if err := s.EndSessions(ctx, "citizen|a"); err != nil {
			t.Error(err)
		}
		for id, there := range map[string]bool{"s1": false, "s2": false, "s3": true} {
			if _, err := s.Session(ctx, id); (err == nil) != there || (err != nil && !models.NotFound.Is(err)) {
				t.Errorf("%s after the others ended: %v", id, err)
			}
		}
		if err := errors.Join(s.EndSession(ctx, "s3"), s.EndSession(ctx, "s3")); err != nil {
			t.Error(err)
		}
	})
}

func TestOfficials(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for _, login := range []string{"binh", "an"} {
			err := s.AddOfficial(ctx, models.Official{
				ID: login, Login: login, Name: "Tên", Role: models.Officer, Area: "06325", PasswordHash: "$h", TOTPSecret: "SECRET", CreatedAt: at,
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.AddOfficial(ctx, models.Official{Login: "an"}, nil); !models.Conflict.Is(err) {
			t.Errorf("a taken login: %v", err)
		}
		want := models.Official{
			ID: "an", Login: "an", Name: "Tên", Role: models.Officer, Area: "06325", PasswordHash: "$h", TOTPSecret: "SECRET", TOTPUsed: 1 << 40,
			DisabledAt: at, CreatedAt: at,
		}
		changed, err := s.UpdateOfficial(ctx, "an", func(o *models.Official) ([]models.Effect, error) {
			o.TOTPUsed, o.DisabledAt = 1<<40, at
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Official(ctx, "an")
		if diff := cmp.Diff(&want, got, cmpopts.IgnoreFields(models.Official{}, "Rev")); diff != "" || err != nil || got.Rev != changed.Rev {
			t.Errorf("%v %s", err, diff)
		}
		list, err := s.Officials(ctx)
		if err != nil || len(list) != 2 || list[0].Login != "an" || list[0].TOTPSecret+list[0].PasswordHash != "" || !list[0].DisabledAt.Equal(at) {
			t.Errorf("listed %+v %v", list, err)
		}
		if _, err := s.Official(ctx, "nobody"); !models.NotFound.Is(err) {
			t.Errorf("nobody: %v", err)
		}
	})
}

func TestPauseAndTake(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx, now := t.Context(), time.Now().UTC().Add(time.Hour).Truncate(time.Millisecond)
		var mu sync.Mutex
		started := 0
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				wait, err := s.Pause(ctx, "p1", now, time.Minute)
				mu.Lock()
				defer mu.Unlock()
				if err != nil || (wait != 0 && wait != time.Minute) {
					t.Errorf("%v %v", wait, err)
				}
				if wait == 0 {
					started++
				}
			})
		}
		all.Wait()
		if started != 1 {
			t.Errorf("%d started the pause, want 1", started)
		}
		for _, step := range []struct{ after, want time.Duration }{
			{59 * time.Second, time.Second}, {time.Minute, 0}, {time.Minute, time.Minute}, {90 * time.Second, 30 * time.Second},
		} {
			if wait, err := s.Pause(ctx, "p1", now.Add(step.after), time.Minute); wait != step.want || err != nil {
				t.Errorf("after %v: %v %v, want %v", step.after, wait, err, step.want)
			}
		}
		for want := range int64(3) {
			if n, err := s.Take(ctx, "b1", now.Add(time.Hour)); n != want+1 || err != nil {
				t.Errorf("got %d %v, want %d", n, err, want+1)
			}
		}
	})
}
