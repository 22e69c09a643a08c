// Package compat decides whether data written with one Avro schema can be read
// with another. Its verdicts are those of Apache Avro Java 1.12.1's
// SchemaCompatibility, to which the schema registries of the field delegate,
// down to the type, pointer, message, order and repetition of violations.
// Logical types, docs and properties that Avro does not know are no part of
// the question.
package compat

import (
	"github.com/pulselearn/campus-hub/platform/avro"
)

// A Type says what kind of violation an Incompatibility is.
type Type string

// The types of violations. The first six are Java's; for the last two, Java
// throws an exception instead of giving a verdict.
const (
	NameMismatch        Type = "NAME_MISMATCH"                      // a named type has another name
	FixedSizeMismatch   Type = "FIXED_SIZE_MISMATCH"                // a fixed type has another size
	MissingEnumSymbols  Type = "MISSING_ENUM_SYMBOLS"               // the reader's enum lacks symbols and has no default
	MissingDefaultValue Type = "READER_FIELD_MISSING_DEFAULT_VALUE" // the writer lacks a field that the reader needs
	TypeMismatch        Type = "TYPE_MISMATCH"                      // the reader's type cannot hold the writer's
	MissingUnionBranch  Type = "MISSING_UNION_BRANCH"               // no branch of the reader's union takes what is written
	AmbiguousAlias      Type = "AMBIGUOUS_ALIAS"                    // a reader's field matches two fields of the writer
	TooComplex          Type = "TOO_COMPLEX"                        // the walk was given up; the question is open
)

// An Incompatibility is one reason why a reader cannot read what a writer may
// write.
type Incompatibility struct {
	Type Type
	// Pointer is Java's location within the reader: a JSON pointer, except that
	// the root is "/", that the index in a union is that of the writer's branch,
	// and that what is found while matching branches of unions is relative to
	// the branch.
	Pointer string
	// Message is Java's text.
	Message string
	// Path names the field for people: names joined by dots, "[]" for the
	// items of an array and "{}" for the values of a map. The root is "".
	Path string
	// ReaderPos and WriterPos are where the cause stands in the schema files.
	ReaderPos, WriterPos avro.Pos
	// Causes says, for a missing union branch, why the reader's branch of the
	// same kind and name does not do; it is empty if there is none. Java does
	// not report them.
	Causes []Incompatibility
}

// Check returns every reason why data written with writer cannot be read with
// reader, in Java's order, repeated where Java repeats them; none means that
// it can be read. Violations for which Java throws come first, and of the
// others at most 10,000 are listed. The work is proportional to the pairs of
// types that meet, and bounded: beyond a million steps or 10,000 nested
// types the answer is TooComplex, never a wrong verdict. Check keeps nothing
// between calls and is safe for concurrent use.
func Check(reader, writer *avro.Schema) []Incompatibility {
	w := newWalker()
	found := w.check(reader, writer, nil)
	return list(w.fatal, found)
}
