package models

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// TimeID makes an id in the form of a UUIDv7 that follows from a moment and from what it is about: the same again is the
// same id, and ids sort by their moments to the millisecond.
func TimeID(at time.Time, about string) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(at.UnixMilli())<<16)
	sum := sha256.Sum256([]byte(about))
	copy(raw[6:], sum[:10])
	raw[6], raw[8] = raw[6]&0x0f|0x70, raw[8]&0x3f|0x80
	text := hex.EncodeToString(raw[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// CaseID is the id of the case of a person under a program. It is derived from the account's 128 random bits, so that a
// person has one case per program and nobody guesses it.
func CaseID(account, person, program string) string {
	sum := sha256.Sum256([]byte(account + "\x00" + person + "\x00" + program))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// receiptLetters are digits and capitals that nobody takes for another one when reading them out.
const receiptLetters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

// Receipt is the short code by which citizens name a declaration or update: it follows from its id, such as "7F3K-22Q".
func Receipt(id string) string {
	sum := sha256.Sum256([]byte("receipt|" + id))
	code := make([]byte, 7)
	for i := range code {
		code[i] = receiptLetters[int(sum[i])%len(receiptLetters)]
	}
	return string(code[:4]) + "-" + string(code[4:])
}
