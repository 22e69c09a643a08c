// Package schema finds the schema that a record was written with and decodes
// the record into the reader's message: the Confluent wire format, a small
// Schema Registry client, the ids of the schemas that this process writes, and
// the resolution of a writer's schema against the reader's.
//
// Bytes from the wire are bounded before anything is built from them. Errors
// tell three situations apart: ErrUnavailable means that trying again may
// help; ErrUnknownSchema, ErrMalformed and ErrIncompatible mean that this
// record will never decode.
package schema

import "errors"

// The reasons for which a record or schema is refused. Every error of this
// package matches one of them, except for a canceled context.
var (
	// ErrUnavailable means that the registry could not be reached or failed.
	// Nothing is known about the schema: wait and try again.
	ErrUnavailable = errors.New("schema registry is unavailable")
	// ErrUnknownSchema means that the registry answered that it does not have
	// the schema.
	ErrUnknownSchema = errors.New("schema is not known to the registry")
	// ErrIncompatible means that data of the writer's schema cannot be read
	// with the reader's, at all or for this datum, or that the registry
	// refuses the schema for its subject.
	ErrIncompatible = errors.New("schemas do not match")
	// ErrMalformed means that the bytes are not what they claim to be.
	ErrMalformed = errors.New("malformed record value")
)
