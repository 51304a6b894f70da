package models

import (
	"crypto/sha256"
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
