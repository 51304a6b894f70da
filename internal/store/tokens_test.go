package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// holder gives who holds a token, "" for nobody.
func holder(t *testing.T, s *store.Store, token string) string {
	t.Helper()
	account, err := s.TokenHolder(t.Context(), token)
	if err != nil && !models.NotFound.Is(err) {
		t.Fatal(err)
	}
	return account
}

// The last to claim a token holds it, and only the holder can let it go.
func TestTokenClaims(t *testing.T) {
	t.Parallel()
	each(t, testTokenClaims)
}

func testTokenClaims(t *testing.T, s *store.Store) {
	steps := []struct {
		name string
		do   func(ctx context.Context) error
		want string
	}{
		{"nobody yet", func(context.Context) error { return nil }, ""},
		{"an claims", func(ctx context.Context) error { return s.ClaimToken(ctx, "token", "an") }, "an"},
		{"an claims again", func(ctx context.Context) error { return s.ClaimToken(ctx, "token", "an") }, "an"},
		{"binh claims", func(ctx context.Context) error { return s.ClaimToken(ctx, "token", "binh") }, "binh"},
		{"an cannot release it", func(ctx context.Context) error { return s.ReleaseToken(ctx, "token", "an") }, "binh"},
		{"nor by leaving", func(ctx context.Context) error { return s.ReleaseTokens(ctx, "an") }, "binh"},
		{"binh releases", func(ctx context.Context) error { return s.ReleaseToken(ctx, "token", "binh") }, ""},
		{"and again", func(ctx context.Context) error { return s.ReleaseToken(ctx, "token", "binh") }, ""},
		{"an claims anew", func(ctx context.Context) error { return s.ClaimToken(ctx, "token", "an") }, "an"},
		{"an leaves", func(ctx context.Context) error { return s.ReleaseTokens(ctx, "an") }, ""},
	}
	for _, step := range steps {
		if err := step.do(t.Context()); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := holder(t, s, "token"); got != step.want {
			t.Fatalf("%s: held by %q, want %q", step.name, got, step.want)
		}
	}
}

// Many that claim one token at the same time all succeed, and one of them holds it.
func TestTokenClaimRace(t *testing.T) {
	t.Parallel()
	each(t, testTokenClaimRace)
}

func testTokenClaimRace(t *testing.T, s *store.Store) {
	var claims sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		claims.Go(func() { errs[i] = s.ClaimToken(t.Context(), "token", fmt.Sprint("account-", i)) })
	}
	claims.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("claim %d: %v", i, err)
		}
	}
	if holder(t, s, "token") == "" {
		t.Error("nobody holds the token")
	}
}

// A claim made under an older hash key is found, and moves to the newest key with the next claim.
func TestTokenClaimUnderANewKey(t *testing.T) {
	t.Parallel()
	for name, open := range storetest.Engines(t) {
		engine := open(t)
		t.Run(name, func(t *testing.T) { testTokenClaimUnderANewKey(t, engine) })
	}
}

func testTokenClaimUnderANewKey(t *testing.T, engine store.Engine) {
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{"an", "binh"} { // binh comes after a rotation
		s, err := store.Open(t.Context(), engine, keys)
		if err != nil {
			t.Fatal(err)
		}
		if account == "binh" && holder(t, s, "token") != "an" {
			t.Errorf("after the rotation held by %q, want an", holder(t, s, "token"))
		}
		if err := s.ClaimToken(t.Context(), "token", account); err != nil {
			t.Fatal(err)
		}
		if got := holder(t, s, "token"); got != account {
			t.Errorf("held by %q, want %s", got, account)
		}
		if n, err := engine.Count(t.Context(), "tokens", nil); n != 1 || err != nil {
			t.Errorf("got %d claims (error %v), want one", n, err)
		}
		if keys, err = keys.Rotate("hash"); err != nil {
			t.Fatal(err)
		}
	}
}
