package auth

import (
	"strings"
	"testing"
)

func TestPasswordHash(t *testing.T) {
	t.Parallel()
	h := newHasher(quickArgon2)
	const composed, decomposed = "mật khẩu rất dài", "ma\u0323\u0302t kha\u0302\u0309u ra\u0302\u0301t da\u0300i"
	phc, err := h.hash(t.Context(), composed)
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("%s %v", phc, err)
	}
	if again, _ := h.hash(t.Context(), composed); again == phc {
		t.Error("two hashes share a salt")
	}
	raised := newHasher(Argon2{Memory: 128, Time: 2, Threads: 1, Parallel: 1})
	for _, test := range []struct {
		hasher   *hasher
		password string
		want     bool
	}{
		{h, composed, true}, {h, decomposed, true}, {raised, composed, true}, {h, "mat khau rat dai", false}, {h, composed + " ", false}, {h, "", false},
	} {
		got, err := test.hasher.matches(t.Context(), phc, test.password)
		if err != nil || got != test.want {
			t.Errorf("%q: got %v %v, want %v", test.password, got, err, test.want)
		}
	}
}

func TestHashOfNoPassword(t *testing.T) {
	t.Parallel()
	h := newHasher(quickArgon2)
	one, err := h.hash(t.Context(), "x")
	none := h.ofNone()
	if err != nil || len(none) != len(one) || !strings.HasPrefix(none, "$argon2id$v=19$m=64,t=1,p=1$") || h.ofNone() == none {
		t.Errorf("%s is not like %s (%v)", none, one, err)
	}
	for _, password := range []string{"", "x"} {
		if same, err := h.matches(t.Context(), none, password); same || err != nil {
			t.Errorf("%q: %t %v", password, same, err)
		}
	}
}

func TestBadArgon2(t *testing.T) {
	t.Parallel()
	if err := DefaultArgon2().check(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Argon2{{}, {7, 1, 1, 1}, {64, 0, 1, 1}, {64, 1, 0, 1}, {64, 1, 1, 0}, {8, 1, 2, 1}} {
		if bad.check() == nil {
			t.Errorf("%+v: accepted", bad)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	good, err := newHasher(quickArgon2).hash(f.Context(), "x")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, "", "$argon2i$v=19$m=64,t=1,p=1$AA$AA", "$argon2id$v=19$m=64,t=0,p=1$AA$AA", "$argon2id$v=19$m=64,t=1,p=1$$", "$argon2id$v=19$m=-1,t=1,p=1$AA$AA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePHC(text)
		if err == nil && (p.time < 1 || p.threads < 1 || len(p.salt) == 0 || len(p.sum) == 0) {
			t.Errorf("%q: taken as %+v", text, p)
		}
	})
}
