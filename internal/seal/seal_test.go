package seal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func generate(t testing.TB) *Keys {
	t.Helper()
	k, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedValueOpensOnlyAtItsPlace(t *testing.T) {
	t.Parallel()
	k := generate(t)
	home := Place{"accounts", "a1", "phone"}
	sealed, err := k.Seal([]byte("+84900000000"), home)
	if err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]Place{
		"other collection": {"outbox", "a1", "phone"},
		"other id":         {"accounts", "a2", "phone"},
		"other field":      {"accounts", "a1", "name"},
		"shifted border":   {"accounts", "a1\x00phone", ""},
	} {
		if _, err := k.Open(sealed, at); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	plain, err := k.Open(sealed, home)
	if err != nil || string(plain) != "+84900000000" {
		t.Fatalf("at home: %q, %v", plain, err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := k.Open(sealed, home); err == nil {
		t.Error("an altered value opened")
	}
}

func TestDataKey(t *testing.T) {
	t.Parallel()
	k := generate(t)
	at := Place{"accounts", "a1", "data_key"}
	key, wrapped, err := k.NewDataKey(at)
	if err != nil {
		t.Fatal(err)
	}
	name := Place{"accounts", "a1", "people/p1"}
	sealed, err := key.Seal([]byte("Nguyễn Thị Thử"), name)
	if err != nil {
		t.Fatal(err)
	}
	again, err := k.OpenDataKey(wrapped, at)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.Open(sealed, name); err != nil || string(plain) != "Nguyễn Thị Thử" {
		t.Errorf("unwrapped key: %q, %v", plain, err)
	}
	if _, err := (DataKey{}).Open(sealed, name); err == nil {
		t.Error("an absent key opened a value")
	}
	if _, err := k.OpenDataKey(wrapped, Place{"accounts", "a2", "data_key"}); err == nil {
		t.Error("the key unwrapped for another account")
	}
}

func TestRotationKeepsTheOld(t *testing.T) {
	t.Parallel()
	old := generate(t)
	at := Place{"accounts", "a1", "phone"}
	sealed, _ := old.Seal([]byte("x"), at)
	hash := old.Hash("phone", "+84900000000")
	k := old
	for _, section := range Sections() {
		var err error
		if k, err = k.Rotate(section); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.Open(sealed, at); err != nil {
		t.Error("the rotated keys do not open an older value")
	}
	if k.Hash("phone", "+84900000000") == hash || k.Newest(hash) || !k.Newest(k.Hash("a", "b")) {
		t.Error("the rotated hash key is not in use")
	}
	if got := k.Hashes("phone", "+84900000000"); len(got) != 2 || got[1] != hash {
		t.Errorf("hashes %v do not end in the old %s", got, hash)
	}
	if !k.Matches(hash, "phone", "+84900000000") || k.Matches(hash, "phone", "+84900000001") || k.Matches(hash, "name", "+84900000000") {
		t.Error("Matches is wrong")
	}
	if got := k.TokenKeys(); len(got) != 2 || got[1].ID != old.TokenKeys()[0].ID || len(got[0].Secret) != 32 {
		t.Errorf("token keys: %d", len(got))
	}
	if _, err := k.Rotate("nothing"); err == nil {
		t.Error("an unknown section was rotated")
	}
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	k := generate(t)
	if err := k.CreateFile(path); err != nil {
		t.Fatal(err)
	}
	if err := k.CreateFile(path); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("second create: %v", err)
	}
	read, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if read.Hash("phone", "1") != k.Hash("phone", "1") {
		t.Error("the file holds other keys")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file readable by others: %v", err)
	}
	for name, text := range map[string]string{"not JSON": "x", "missing section": "{}", "not a keyset": `{"seal":1,"hash":2,"token":3}`} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkOpenPerson(b *testing.B) {
	k := generate(b)
	at := Place{"accounts", "a1", "data_key"}
	key, wrapped, _ := k.NewDataKey(at)
	sealed, _ := key.Seal(make([]byte, 120), at)
	for b.Loop() {
		opened, err := k.OpenDataKey(wrapped, at)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := opened.Open(sealed, at); err != nil {
			b.Fatal(err)
		}
	}
}
