package auth

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/models"
)

func (r *rig) refresh(t testing.TB, p Pair, request string) Pair {
	t.Helper()
	next, err := r.citizens.Refresh(t.Context(), p.RefreshToken, request)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.signIn(t, phone)
	r.advance(time.Minute)
	second := r.refresh(t, first, "")
	if second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken || second.ExpiresIn != 900 {
		t.Errorf("got %+v after %+v", second, first)
	}
	if diff := cmp.Diff(r.subject(t, first), r.subject(t, second)); diff != "" {
		t.Error(diff)
	}
	r.refresh(t, second, "")
}

// Any second use but a repetition of the same request within a minute ends the sign-in, whoever it was.
func TestSecondUse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first, second string // request ids
		after         time.Duration
		same          bool
	}{
		"the same request":            {"r1", "r1", 0, true},
		"the same in the last moment": {"r1", "r1", time.Minute, true},
		"the same too late":           {"r1", "r1", time.Minute + time.Millisecond, false},
		"another request":             {"r1", "r2", 0, false},
		"no request id":               {"", "", 0, false},
		"a request id only now":       {"", "r1", 0, false},
		"no request id any more":      {"r1", "", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			first := r.signIn(t, phone)
			r.advance(1700 * time.Millisecond)
			want := r.refresh(t, first, test.first)
			r.advance(test.after)
			got, err := r.citizens.Refresh(t.Context(), first.RefreshToken, test.second)
			if test.same {
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("%v %s", err, diff)
				}
				r.refresh(t, want, "r3")
				return
			}
			wantCode(t, "the second use", err, models.Unauthenticated, "token_reused")
			_, err = r.citizens.Refresh(t.Context(), want.RefreshToken, "r3")
			wantCode(t, "the token of the thief or of the owner", err, models.Unauthenticated, "bad_token")
		})
	}
}

func TestTokenOfLongAgoEndsTheSignIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.signIn(t, phone)
	bystander := r.signIn(t, phone)
	third := r.refresh(t, r.refresh(t, first, "r1"), "r1")
	_, err := r.citizens.Refresh(t.Context(), first.RefreshToken, "r1")
	wantCode(t, "the first token", err, models.Unauthenticated, "token_reused")
	_, err = r.citizens.Refresh(t.Context(), third.RefreshToken, "")
	wantCode(t, "the third", err, models.Unauthenticated, "bad_token")
	r.refresh(t, bystander, "")
}

// A text that is no token of ours is refused and changes nothing, also when it names a sign-in that goes on.
func TestForgedRefreshTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pair := r.signIn(t, phone)
	session := r.subject(t, pair).Session
	official := login(t, r, addOfficial(t, r, "an.nguyen"))
	parts := strings.Split(pair.RefreshToken, ".")
	for name, token := range map[string]string{
		"empty": "", "a session alone": session, "no mac": session + ".0.", "no generation": session + ".." + parts[2],
		"the next generation": session + ".1." + parts[2], "a written-out zero": session + ".00." + parts[2],
		"another session": newID() + ".0." + parts[2], "a shortened mac": pair.RefreshToken[:len(pair.RefreshToken)-1],
		"a longer mac": pair.RefreshToken + "A", "an official's": official.RefreshToken, "an access token": pair.AccessToken,
		"very long": strings.Repeat("a.", 1<<16), "invalid text": "\xff.\x00.$",
	} {
		_, err := r.citizens.Refresh(t.Context(), token, "r1")
		wantCode(t, name, err, models.Unauthenticated, "bad_token")
	}
	r.refresh(t, pair, "r1")
	if _, err := r.officials.Refresh(t.Context(), official.RefreshToken, ""); err != nil {
		t.Errorf("the official's own: %v", err)
	}
}

func TestConcurrentRefresh(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.signIn(t, phone)
	pairs := make([]Pair, 20)
	var all sync.WaitGroup
	for n := range pairs {
		all.Go(func() {
			var err error
			if pairs[n], err = r.citizens.Refresh(t.Context(), first.RefreshToken, "r1"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, p := range pairs {
		if diff := cmp.Diff(pairs[0], p); diff != "" {
			t.Fatal(diff)
		}
	}
	session, err := r.store.Session(t.Context(), r.subject(t, first).Session)
	if err != nil || session.Generation != 1 {
		t.Errorf("%+v %v: want one rotation", session, err)
	}
}

func TestSignInExpires(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pair := r.signIn(t, phone)
	for range 3 { // in use, it goes on
		r.advance(DefaultCitizenLifetime - time.Millisecond)
		pair = r.refresh(t, pair, "")
	}
	r.advance(DefaultCitizenLifetime)
	_, err := r.citizens.Refresh(t.Context(), pair.RefreshToken, "")
	wantCode(t, "unused", err, models.Unauthenticated, "token_expired")
}

func TestLogoutAndEndSessions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one, two, three, bystander := r.signIn(t, phone), r.signIn(t, phone), r.signIn(t, phone), r.signIn(t, other)
	if err := r.citizens.Logout(t.Context(), r.subject(t, one)); err != nil {
		t.Fatal(err)
	}
	_, err := r.citizens.Refresh(t.Context(), one.RefreshToken, "")
	wantCode(t, "logged out", err, models.Unauthenticated, "bad_token")
	two = r.refresh(t, two, "")
	for range 2 { // again is fine
		if err := r.citizens.EndSessions(t.Context(), r.subject(t, two).ID); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []Pair{two, three} {
		_, err := r.citizens.Refresh(t.Context(), p.RefreshToken, "")
		wantCode(t, "ended", err, models.Unauthenticated, "bad_token")
	}
	r.refresh(t, bystander, "")
	err = r.citizens.Logout(t.Context(), Subject{Official, "an.nguyen", "x"})
	wantCode(t, "an official's token", err, models.Unauthenticated, "bad_token")
}

func TestErasedAccountIsSignedOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pair := r.signIn(t, phone)
	account := r.subject(t, pair).ID
	_, err := r.store.Tombstone(t.Context(), account, func(a *models.Account) ([]models.Effect, error) {
		a.ErasedAt = r.now()
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.citizens.Refresh(t.Context(), pair.RefreshToken, "")
	wantCode(t, "refresh", err, models.Unauthenticated, "signed_out")
	if got := r.subject(t, r.signIn(t, phone)).ID; got == account {
		t.Error("the number got the erased account again")
	}
}

func FuzzRefreshToken(f *testing.F) {
	r := newRig(f)
	s := r.citizens.sessions
	good, err := s.pair(&models.Session{ID: newID(), Subject: s.subject("a"), Generation: 7, RotatedAt: tokenTime})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.RefreshToken)
	f.Add("")
	f.Add("..")
	f.Add(newID() + ".-9223372036854775808." + "x:y")
	f.Fuzz(func(t *testing.T, token string) {
		id, generation, ok := s.parse(token)
		if ok && (token != good.RefreshToken || generation != 7 || !strings.HasPrefix(token, id+"."+strconv.Itoa(7))) {
			t.Errorf("taken as generation %d", generation)
		}
	})
}
