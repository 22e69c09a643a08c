// Package wire is the runtime half of the Avro codecs that pl-gen generates:
// the binary encoding of Avro 1.12 ("Binary Encoding") for one value at a
// time. Generated code calls it field by field; people call AppendBinary and
// UnmarshalBinary of their events.
//
// Both directions are sticky: after the first fault an [Encoder] or [Decoder]
// does nothing more, and Finish returns that fault. Nothing here panics on
// input, and no error ever quotes a value.
package wire

import "strconv"

// AcceptsGeneration1 is referred to by generated code of generation 1. A
// build that fails because the name is missing mixes a newer runtime with
// older generated code: run "pl-gen generate".
const AcceptsGeneration1 = true

// Limits of one message. They bound what a hostile message can cost; a
// message that needs more is refused in both directions.
const (
	// MaxDepth is how deep records may nest inside themselves.
	MaxDepth = 256
	// MaxEmptyItems is how many array items that take no bytes (null, empty
	// records) one message may hold.
	MaxEmptyItems = 1 << 16
)

// An Error says why a message cannot be encoded or decoded.
type Error struct {
	// Op is "encode" or "decode".
	Op string
	// Type is the event type, which is its topic.
	Type string
	// Field is the field's name; inside a nested record the record's name
	// and the field's: "Address.street".
	Field string
	// Offset is where in the message decoding stopped; 0 for encoding.
	Offset int
	Reason string
}

// Error returns "decode <type>: field <field> at byte <offset>: <reason>".
func (e *Error) Error() string {
	text := e.Op + " " + e.Type
	if e.Field != "" {
		text += ": field " + e.Field
	}
	if e.Op == opDecode {
		text += " at byte " + strconv.Itoa(e.Offset)
	}
	return text + ": " + e.Reason
}

const (
	opEncode = "encode"
	opDecode = "decode"
)

// Reasons that both directions give.
const (
	reasonUTF8  = "text is not valid UTF-8"
	reasonUUID  = "text is not a UUID of 36 characters"
	reasonDepth = "nested too deeply"
	reasonRange = "value does not fit the Avro type"
	reasonDay   = "time of day is not between 00:00 and 24:00"
	reasonEmpty = "more items without content than a message may have"
	reasonScale = "decimal has more digits than its precision and scale allow"
)
