// Package seal keeps identity unreadable at rest: it seals fields, wraps the data key of each account, and makes the
// keyed hashes by which phones, identity numbers and names are found. Keys come from a keyset file or an environment
// variable and are managed with Tink; every kind of key can be rotated while older ones stay readable.
package seal

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	aeadsubtle "github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Place is where a sealed value lives. A value opens only at the place it was sealed for, so a copy of one field
// pasted into another document is worthless.
type Place struct{ Collection, ID, Field string }

func (p Place) associated() []byte {
	return []byte(p.Collection + "\x00" + p.ID + "\x00" + p.Field)
}

// ErrSealed is answered when a value does not open: another place, another key, or altered.
var ErrSealed = errors.New("seal: value does not open here")

// Keys holds every secret key of an installation, ready to use and safe for concurrent use.
type Keys struct {
	handles map[string]*keyset.Handle // by section name, for writing them back
	sealer  tink.AEAD
	hashes  *prf.Set
	hashIDs []uint32 // newest first
	tokens  []TokenKey
}

// TokenKey signs access tokens. ID is the JWT's kid.
type TokenKey struct {
	ID     string
	Secret []byte // 32 bytes
}

// Seal closes a value for a place with the installation's key. Values of an account's people are sealed with the
// account's DataKey instead.
func (k *Keys) Seal(plain []byte, at Place) ([]byte, error) {
	return k.sealer.Encrypt(plain, at.associated())
}

// Open opens what Seal closed for the same place, also under an older key.
func (k *Keys) Open(sealed []byte, at Place) ([]byte, error) {
	plain, err := k.sealer.Decrypt(sealed, at.associated())
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// DataKey seals the identity of one account. Dropping its wrapped form is what erases the account.
type DataKey struct{ gcm *aeadsubtle.AESGCM }

// NewDataKey makes a data key and its wrapped form, which opens only at that place.
func (k *Keys) NewDataKey(at Place) (DataKey, []byte, error) {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails
	wrapped, err := k.Seal(raw, at)
	if err != nil {
		return DataKey{}, nil, err
	}
	key, err := dataKey(raw)
	return key, wrapped, err
}

// OpenDataKey unwraps a data key.
func (k *Keys) OpenDataKey(wrapped []byte, at Place) (DataKey, error) {
	raw, err := k.Open(wrapped, at)
	if err != nil {
		return DataKey{}, err
	}
	return dataKey(raw)
}

func dataKey(raw []byte) (DataKey, error) {
	gcm, err := aeadsubtle.NewAESGCM(raw)
	return DataKey{gcm}, err
}

// Usable tells whether there is a key at all; that of an erased account is not.
func (d DataKey) Usable() bool { return d.gcm != nil }

// Seal closes a value for a place.
func (d DataKey) Seal(plain []byte, at Place) ([]byte, error) {
	return d.gcm.Encrypt(plain, at.associated())
}

// Open opens what Seal closed for the same place.
func (d DataKey) Open(sealed []byte, at Place) ([]byte, error) {
	if d.gcm == nil {
		return nil, ErrSealed
	}
	plain, err := d.gcm.Decrypt(sealed, at.associated())
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// Hash is the keyed hash of a value under the newest key, as "<key id>:<base64url of 18 bytes>". Purpose keeps hashes
// of different things apart ("phone", "national_id", "name", "otp").
func (k *Keys) Hash(purpose, value string) string { return k.hash(k.hashIDs[0], purpose, value) }

// Hashes are the keyed hashes of a value under every key, newest first: what to look a value up by.
func (k *Keys) Hashes(purpose, value string) []string {
	out := make([]string, len(k.hashIDs))
	for i, id := range k.hashIDs {
		out[i] = k.hash(id, purpose, value)
	}
	return out
}

// Matches tells in constant time whether a stored hash is that of the value under any key.
func (k *Keys) Matches(stored, purpose, value string) bool {
	for _, h := range k.Hashes(purpose, value) {
		if subtle.ConstantTimeCompare([]byte(h), []byte(stored)) == 1 {
			return true
		}
	}
	return false
}

// Newest tells whether a stored hash was made under the newest key.
func (k *Keys) Newest(stored string) bool {
	return strings.HasPrefix(stored, strconv.FormatUint(uint64(k.hashIDs[0]), 36)+":")
}

const hashBytes = 18

func (k *Keys) hash(id uint32, purpose, value string) string {
	sum, err := k.hashes.PRFs[id].ComputePRF([]byte(purpose+"\x00"+value), hashBytes)
	if err != nil {
		panic(fmt.Sprintf("seal: HMAC refused %d bytes: %v", hashBytes, err)) // only a wrong length can fail
	}
	return strconv.FormatUint(uint64(id), 36) + ":" + base64.RawURLEncoding.EncodeToString(sum)
}

// TokenKeys gives the keys of access tokens: the first signs, all verify.
func (k *Keys) TokenKeys() []TokenKey { return k.tokens }

// The sections of a key file.
const (
	sectionSeal  = "seal"
	sectionHash  = "hash"
	sectionToken = "token"
)

// Sections lists the kinds of key that Rotate takes.
func Sections() []string { return []string{sectionSeal, sectionHash, sectionToken} }

func newKeys(handles map[string]*keyset.Handle) (*Keys, error) {
	k := &Keys{handles: handles}
	var err error
	if k.sealer, err = aead.New(handles[sectionSeal]); err != nil {
		return nil, fmt.Errorf("section %q: %w", sectionSeal, err)
	}
	if k.hashes, err = prf.NewPRFSet(handles[sectionHash]); err != nil {
		return nil, fmt.Errorf("section %q: %w", sectionHash, err)
	}
	k.hashIDs = newestFirst(handles[sectionHash])
	tokens, err := prf.NewPRFSet(handles[sectionToken])
	if err != nil {
		return nil, fmt.Errorf("section %q: %w", sectionToken, err)
	}
	for _, id := range newestFirst(handles[sectionToken]) {
		secret, err := tokens.PRFs[id].ComputePRF([]byte("khaibao access token"), 32)
		if err != nil {
			return nil, fmt.Errorf("section %q: %w", sectionToken, err)
		}
		k.tokens = append(k.tokens, TokenKey{ID: strconv.FormatUint(uint64(id), 36), Secret: secret})
	}
	return k, nil
}

// newestFirst gives the enabled keys of a keyset: the primary, then the others, the last added first.
func newestFirst(h *keyset.Handle) []uint32 {
	var primary, others []uint32
	for i := h.Len() - 1; i >= 0; i-- {
		entry, err := h.Entry(i)
		switch {
		case err != nil || entry.KeyStatus() != keyset.Enabled:
		case entry.IsPrimary():
			primary = append(primary, entry.KeyID())
		default:
			others = append(others, entry.KeyID())
		}
	}
	return append(primary, others...)
}
