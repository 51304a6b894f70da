package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"khaibao/models"
)

// Argon2 says how passwords are hashed with argon2id. A hash carries the parameters it was made with, so that these may
// be raised at any time.
type Argon2 struct {
	Memory   uint32 // KiB for each hash under way
	Time     uint32 // passes
	Threads  uint8
	Parallel int // hashes under way at the same time; others wait
}

// DefaultArgon2 gives the parameters that OWASP recommends for a server.
func DefaultArgon2() Argon2 { return Argon2{Memory: 19 * 1024, Time: 2, Threads: 1, Parallel: 4} }

func (a Argon2) check() error {
	if a.Memory < 8*uint32(a.Threads) || a.Time < 1 || a.Threads < 1 || a.Parallel < 1 {
		return errors.New("auth: argon2id needs a pass, a thread, 8 KiB a thread, and one hash at a time at least")
	}
	return nil
}

const (
	saltBytes = 16
	hashBytes = 32
)

// hasher hashes passwords, a bounded number at a time: each one holds memory.
type hasher struct {
	Argon2
	slots chan struct{}
}

func newHasher(a Argon2) *hasher { return &hasher{a, make(chan struct{}, a.Parallel)} }

// within runs work when a slot is free: Unavailable when none comes free in time.
func (h *hasher) within(ctx context.Context, work func()) error {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		work()
		return nil
	case <-ctx.Done():
		return models.Down("waiting to hash a password", ctx.Err())
	}
}

// hash gives the PHC string of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := random(saltBytes)
	var sum []byte
	err := h.within(ctx, func() { sum = argon2.IDKey(bytesOf(password), salt, h.Time, h.Memory, h.Threads, hashBytes) })
	return h.phc(salt, sum), err
}

// ofNone gives a PHC string that no password has, which takes as long to find out as with any other.
func (h *hasher) ofNone() string { return h.phc(random(saltBytes), random(hashBytes)) }

func (h *hasher) phc(salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.Memory, h.Time, h.Threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

func random(n int) []byte {
	out := make([]byte, n)
	rand.Read(out) // never fails
	return out
}

// matches tells whether a PHC string is that of the password.
func (h *hasher) matches(ctx context.Context, phc, password string) (bool, error) {
	p, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	same := false
	err = h.within(ctx, func() {
		sum := argon2.IDKey(bytesOf(password), p.salt, p.time, p.memory, p.threads, uint32(len(p.sum)))
		same = subtle.ConstantTimeCompare(sum, p.sum) == 1
	})
	return same, err
}

// bytesOf makes one password of the ways to type it: Vietnamese keyboards compose their letters differently.
func bytesOf(password string) []byte { return norm.NFC.Bytes([]byte(password)) }

type phc struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

var errPHC = errors.New("auth: a stored password hash is not argon2id in PHC form")

func parsePHC(text string) (phc, error) {
	var p phc
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errPHC
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil || n != 3 || p.time < 1 || p.threads < 1 {
		return p, errPHC
	}
	var errs [2]error
	p.salt, errs[0] = base64.RawStdEncoding.DecodeString(parts[4])
	p.sum, errs[1] = base64.RawStdEncoding.DecodeString(parts[5])
	if errors.Join(errs[:]...) != nil || len(p.salt) == 0 || len(p.sum) == 0 {
		return p, errPHC
	}
	return p, nil
}
