package registry

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/compat"
)

const levelDefault = string(compat.Backward)

func parseLevel(text string) (string, error) {
	level, err := compat.ParseLevel(text)
	if err != nil {
		return "", faultf(42203, "Invalid compatibility level. Valid values are none, backward, forward, full, "+
			"backward_transitive, forward_transitive, and full_transitive")
	}
	return string(level), nil
}

// checkLevel returns the reasons why a schema may not follow the earlier
// versions of its subject, the oldest first, under a level. As Confluent's
// registry, it goes from the newest version to the oldest and reports
// everything about the first one that does not agree. An error means that the
// question cannot be answered, never that the answer is yes.
func (s *state) checkLevel(text string, next *avro.Schema, earlier []*version) ([]string, error) {
	level := compat.Level(text)
	for i := len(earlier) - 1; i >= 0 && level != compat.None; i-- {
		old, err := s.parse(earlier[i])
		if err != nil {
			return nil, unreadable(earlier[i], err)
		}
		if found := compat.CheckLevel(level, []*avro.Schema{old}, next); len(found) > 0 {
			return explain(level, earlier[i], found), nil
		}
		if !level.Transitive() {
			break
		}
	}
	return nil, nil
}

// parse reads a version that was registered.
func (s *state) parse(v *version) (*avro.Schema, error) {
	r := resolver{state: s, done: map[versionKey]bool{}}
	if err := r.addAll(v.subject, v.schema.references); err != nil {
		return nil, err
	}
	return avro.Parse(fmt.Sprintf("%s/%d", v.subject, v.number), []byte(v.schema.text), &r.names)
}

// explain lists violations as Confluent's registry does, which clients take
// apart.
func explain(level compat.Level, old *version, found []compat.LevelViolation) []string {
	reasons := make([]string, 0, len(found)+3)
	for _, f := range found {
		reasons = append(reasons, difference(f))
	}
	text := "'" + old.schema.text + "'"
	if len(old.schema.text) > maxOldSchema {
		text = fmt.Sprintf("<truncated> '%s...'", old.schema.text[:maxOldSchema])
	}
	return append(reasons, fmt.Sprintf("{oldSchemaVersion: %d}", old.number), "{oldSchema: "+text+"}",
		fmt.Sprintf("{validateFields: 'false', compatibility: '%s'}", level))
}

// maxOldSchema is how much of an earlier schema is quoted, in bytes.
const maxOldSchema = 10 << 10

func difference(v compat.LevelViolation) string {
	reader, writer := "old", "new"
	if v.NewReads {
		reader, writer = writer, reader
	}
	var what string
	switch v.Type {
	case compat.FixedSizeMismatch:
		what = fmt.Sprintf("The size of FIXED type field at path '%s' in the %s schema does not match with the %s schema", v.Pointer, reader, writer)
	case compat.TypeMismatch:
		what = fmt.Sprintf("The type (path '%s') of a field in the %s schema does not match with the %s schema", v.Pointer, reader, writer)
	case compat.NameMismatch:
		what = fmt.Sprintf("The name of the schema has changed (path '%s')", v.Pointer)
	case compat.MissingEnumSymbols:
		what = fmt.Sprintf("The %s schema is missing enum symbols '%s' at path '%s' in the %s schema", reader, v.Message, v.Pointer, writer)
	case compat.MissingUnionBranch:
		what = fmt.Sprintf("The %s schema is missing a type inside a union field at path '%s' in the %s schema", reader, v.Pointer, writer)
	case compat.MissingDefaultValue:
		what = fmt.Sprintf("The field '%s' at path '%s' in the %s schema has no default value and is missing in the %s schema",
			v.Message, v.Pointer, reader, writer)
	default:
		return "Unexpected exception during compatibility check: " + v.Message
	}
	return fmt.Sprintf("{errorType:'%s', description:'%s', additionalInfo:'%s'}", v.Type, what, v.Message)
}

// incompatible reports why a schema was refused. The error code is the status,
// as in Confluent's registry.
func incompatible(name subjectName, reasons []string) error {
	return &fault{status: http.StatusConflict, Code: http.StatusConflict,
		Message: fmt.Sprintf("Schema being registered is incompatible with an earlier schema for subject %q, details: [%s]",
			name.String(), strings.Join(reasons, ", "))}
}
