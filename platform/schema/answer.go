package schema

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/sr"
)

// This file is what every Registry that speaks Confluent's REST API makes of
// the answers, whichever client fetched them.

// ReasonOf returns the reason that an error code of Confluent's REST API stands
// for: ErrUnknownSchema, ErrIncompatible or, for a code that says nothing about
// a schema, ErrUnavailable. Only the registry's own codes count: a bare 404 may
// come from a proxy, and refused credentials are for a person to mend.
func ReasonOf(code int) error {
	switch code {
	case sr.ErrSubjectNotFound.Code, sr.ErrVersionNotFound.Code, sr.ErrSchemaNotFound.Code,
		sr.ErrSubjectSoftDeleted.Code, sr.ErrSchemaVersionSoftDeleted.Code:
		return ErrUnknownSchema
	case sr.ErrIncompatibleSchema.Code, sr.ErrInvalidSchema.Code, sr.ErrInvalidCompatibilityLevel.Code,
		sr.ErrOperationNotPermitted.Code, sr.ErrInvalidSubject.Code, sr.ErrSchemaTooLarge.Code:
		return ErrIncompatible
	}
	return ErrUnavailable
}

// CheckID returns an id that was answered, or ErrUnavailable when it is none:
// something else than a registry may answer with JSON too. doing says for what
// the registry was asked.
func CheckID(doing string, id int) (int, error) {
	if id <= 0 {
		return 0, fmt.Errorf("%s: the answer has no id; check that a schema registry is at this address: %w", doing, ErrUnavailable)
	}
	return id, nil
}

// maxReferences bounds the requests that one schema can cause.
const maxReferences = 64

// ReadDocument makes a Document of the schema that was answered for frame, and
// of what it refers to. It calls fetch once for each version that is referred
// to, at most 64 times, and returns its error as it is.
func ReadDocument(frame Frame, found sr.Schema, fetch func(sr.SchemaReference) (sr.Schema, error)) (Document, error) {
	switch {
	case found.Type != sr.TypeAvro:
		return Document{}, fmt.Errorf("schema with %s is of type %s, not AVRO: %w", frame, found.Type, ErrIncompatible)
	case found.Schema == "":
		return Document{}, fmt.Errorf("fetch schema with %s: the answer has no schema; check that a schema registry is at this address: %w",
			frame, ErrUnavailable)
	}
	references, err := readReferences(found.References, fetch)
	if err != nil {
		return Document{}, err
	}
	return Document{Text: found.Schema, References: references}, nil
}

func readReferences(open []sr.SchemaReference, fetch func(sr.SchemaReference) (sr.Schema, error)) (texts []string, err error) {
	type version struct {
		subject string
		number  int
	}
	seen := map[version]bool{}
	for len(open) > 0 {
		ref := open[0]
		open = open[1:]
		at := version{ref.Subject, ref.Version}
		if seen[at] {
			continue
		}
		seen[at] = true
		if len(seen) > maxReferences {
			return nil, fmt.Errorf("schema has more than %d references: %w", maxReferences, ErrIncompatible)
		}
		found, err := fetch(ref)
		if err != nil {
			return nil, err
		}
		texts = append(texts, found.Schema)
		open = append(open, found.References...)
	}
	return texts, nil
}
