package store

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// Time is a moment in a document, to the millisecond: a BSON date on MongoDB (so that TTL works), a number of
// milliseconds since 1970 in JSON. Zero means absent; fields of this type carry omitempty (bson) and omitzero (json).
type Time int64

// At turns a moment into a document's time; the zero time.Time gives zero.
func At(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMilli())
}

// Time gives the moment in UTC; zero gives the zero time.Time.
func (t Time) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(t)).UTC()
}

// IsZero lets the encoders leave out an absent time.
func (t Time) IsZero() bool { return t == 0 }

const bsonDate, bsonNull = 0x09, 0x0a

// MarshalBSONValue writes a BSON date.
func (t Time) MarshalBSONValue() (byte, []byte, error) {
	return bsonDate, binary.LittleEndian.AppendUint64(nil, uint64(t)), nil
}

// UnmarshalBSONValue reads a BSON date.
func (t *Time) UnmarshalBSONValue(kind byte, data []byte) error {
	switch {
	case kind == bsonNull:
		*t = 0
	case kind == bsonDate && len(data) == 8:
		*t = Time(binary.LittleEndian.Uint64(data))
	default:
		return fmt.Errorf("store: BSON type 0x%02x is not a date", kind)
	}
	return nil
}

// MarshalJSON writes milliseconds since 1970.
func (t Time) MarshalJSON() ([]byte, error) { return strconv.AppendInt(nil, int64(t), 10), nil }

// UnmarshalJSON reads milliseconds since 1970.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	ms, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		return fmt.Errorf("store: %q is not a time", data)
	}
	*t = Time(ms)
	return nil
}
