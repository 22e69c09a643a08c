// Package avrojson shows Avro data as JSON that people read, and reads it back
// from them.
//
// A record is an object with its fields in order, and a union of null and one
// other type is null or the plain value. The branches of a larger union are
// told apart as in Avro's own JSON encoding, {"branch": value}. Times are
// written as RFC 3339 has them, decimals as text, bytes and fixed in base64,
// and numbers that JSON lacks as "NaN", "Infinity" and "-Infinity".
//
// Fields with the property pl.pii hold personal data; they are masked unless
// the caller asks for them.
package avrojson

import (
	"encoding/json"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// Masked stands in place of personal data.
const Masked = "[personal data]"

// maxShown bounds the JSON of one datum: empty records take no bytes in Avro
// and many in JSON.
const maxShown = 16 << 20

// Personal returns the kind of personal data that a field holds according to
// its property pl.pii, or "".
func Personal(f *avro.Field) string {
	var pl struct {
		PII string `json:"pii"`
	}
	if text, ok := f.Props["pl"]; !ok || json.Unmarshal(text, &pl) != nil {
		return ""
	}
	return pl.PII
}

// optional returns the index of the branch beside null in a union of two, one
// of which is null.
func optional(s *avro.Schema) (branch int, ok bool) {
	if len(s.Branches) != 2 {
		return 0, false
	}
	switch {
	case s.Branches[0].Kind == avro.Null && s.Branches[1].Kind != avro.Null:
		return 1, true
	case s.Branches[1].Kind == avro.Null && s.Branches[0].Kind != avro.Null:
		return 0, true
	}
	return 0, false
}
