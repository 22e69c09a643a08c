package schema

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/event"
)

// Confluent's wire format (schema-serializer, SchemaId).
const (
	magicID    = 0 // four bytes of id follow, big-endian
	magicGUID  = 1 // sixteen bytes of GUID follow
	prefixID   = 1 + 4
	prefixGUID = 1 + 16
	// headerGUID is the record header that replaces the prefix.
	headerGUID = "__value_schema_id"
)

// A GUID names a schema in every registry that has it.
type GUID [16]byte

// String returns the GUID as 8-4-4-4-12 hexadecimal digits.
func (g GUID) String() string {
	h := hex.EncodeToString(g[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// A Frame says which schema a record's value was written with. The zero Frame
// is that of a record without value, a tombstone.
type Frame struct {
	Format Format
	// ID is set for FormatID, and for a header that holds an id.
	ID int
	// GUID is set for FormatGUID, and for a header that holds a GUID.
	GUID GUID
}

// A Format is how a record names its schema.
type Format uint8

// The wire formats.
const (
	// FormatNone means that there is no value: a tombstone.
	FormatNone Format = iota
	// FormatID is a prefix of magic byte 0 and a four-byte id.
	FormatID
	// FormatGUID is a prefix of magic byte 1 and a GUID.
	FormatGUID
	// FormatHeader is the header __value_schema_id; the value has no prefix.
	FormatHeader
)

// String describes the schema for people: "id 7" or "guid 0123…".
func (f Frame) String() string {
	if f.GUID != (GUID{}) {
		return "guid " + f.GUID.String()
	}
	return fmt.Sprintf("id %d", f.ID)
}

// schema returns the frame without its format, as a key for what it names.
func (f Frame) schema() Frame {
	f.Format = FormatNone
	return f
}

// AppendFrame appends the prefix of a value that is written with the schema of
// that registry id.
func AppendFrame(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, magicID), uint32(id))
}

// ParseFrame splits a value into its prefix and the datum after it, which
// shares value's memory. A nil value gives the zero Frame. The error matches
// ErrMalformed.
func ParseFrame(value []byte) (Frame, []byte, error) {
	if value == nil {
		return Frame{}, nil, nil
	}
	if len(value) == 0 {
		return Frame{}, nil, malformed("too short for a schema id")
	}
	switch value[0] {
	case magicID:
		if len(value) < prefixID {
			return Frame{}, nil, malformed("too short for a schema id")
		}
		return Frame{Format: FormatID, ID: int(binary.BigEndian.Uint32(value[1:]))}, value[prefixID:], nil
	case magicGUID:
		if len(value) < prefixGUID {
			return Frame{}, nil, malformed("too short for a schema guid")
		}
		return Frame{Format: FormatGUID, GUID: GUID(value[1:prefixGUID])}, value[prefixGUID:], nil
	}
	return Frame{}, nil, malformed("unknown magic byte: the value is not in Confluent's wire format")
}

// FrameOf is ParseFrame for a record with headers: a schema that the header
// __value_schema_id names wins, and the value then has no prefix.
func FrameOf(headers []event.Header, value []byte) (Frame, []byte, error) {
	for i := range headers {
		if headers[i].Key != headerGUID || value == nil {
			continue
		}
		frame, rest, err := ParseFrame(headers[i].Value)
		if err != nil || len(rest) > 0 || frame.Format == FormatNone {
			return Frame{}, nil, malformed("header " + headerGUID + " does not hold a schema id")
		}
		frame.Format = FormatHeader
		return frame, value, nil
	}
	return ParseFrame(value)
}
