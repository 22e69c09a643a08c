package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// A schemaRequest is the body of requests that carry a schema.
type schemaRequest struct {
	Schema     string          `json:"schema"`
	SchemaType string          `json:"schemaType"`
	References []reference     `json:"references"`
	Metadata   json.RawMessage `json:"metadata"`
	RuleSet    json.RawMessage `json:"ruleSet"`
	ID         int             `json:"id"`
	Version    int             `json:"version"`
}

// A candidate is a valid schema that a client asks about.
type candidate struct {
	parsed *avro.Schema
	schema *schema     // without an id
	names  *avro.Names // the types that it refers to
}

// candidate parses the schema of a request about a subject.
func (s *state) candidate(name subjectName, req *schemaRequest) (*candidate, error) {
	switch {
	case req.SchemaType != "" && !strings.EqualFold(req.SchemaType, "AVRO"):
		return nil, faultf(42201, "Invalid schema type %s: this registry keeps AVRO schemas", req.SchemaType)
	case strings.TrimSpace(req.Schema) == "":
		return nil, faultf(42201, "Empty schema")
	}
	refs, err := s.pinReferences(name, req.References)
	if err != nil {
		return nil, err
	}
	r := resolver{state: s, done: map[versionKey]bool{}}
	if err := r.addAll(name, refs); err != nil {
		return nil, invalidSchema(err)
	}
	parsed, err := avro.Parse("schema", []byte(req.Schema), &r.names)
	if err != nil {
		return nil, invalidSchema(err)
	}
	return &candidate{parsed: parsed, names: &r.names, schema: &schema{
		text: string(avro.TextWithout(parsed, &r.names)), references: refs,
		metadata: present(req.Metadata), ruleSet: present(req.RuleSet),
		contained: sha256.Sum256(avro.Text(parsed)),
	}}, nil
}

// readsBack refuses a schema whose text, as it would be stored, is no schema or
// another one. Avro cannot write every schema: inside a namespace, a type
// without one is named only once its definition is complete, and the text moves
// definitions to where they are used first.
func (c *candidate) readsBack() error {
	stored, err := avro.Parse("schema", []byte(c.schema.text), c.names)
	const what = "Invalid schema: written out with every type at its first use, it is %s. " +
		"Give every type a namespace, or define each one before it is used%s"
	switch {
	case err != nil:
		return faultf(42201, what, "no schema any more", fmt.Sprintf(" (%v)", err))
	case !bytes.Equal(avro.Canonical(stored), avro.Canonical(c.parsed)) || sha256.Sum256(avro.Text(stored)) != c.schema.contained:
		return faultf(42201, what, "another schema", "")
	}
	return nil
}

// inherit takes over the metadata and rules of the version before when the
// request has none, as Confluent's registry does, and reports whether it did.
func (c *candidate) inherit(from *version) bool {
	if from == nil || c.schema.metadata != nil && c.schema.ruleSet != nil {
		return false
	}
	before := c.schema.identity()
	if c.schema.metadata == nil {
		c.schema.metadata = from.schema.metadata
	}
	if c.schema.ruleSet == nil {
		c.schema.ruleSet = from.schema.ruleSet
	}
	return c.schema.identity() != before
}

// present turns an explicit null into absence and minifies the rest.
func present(text json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if len(text) == 0 || string(text) == "null" || json.Compact(&b, text) != nil {
		return nil
	}
	return b.Bytes()
}

// pinReferences replaces the version -1, the latest, by its number.
func (s *state) pinReferences(name subjectName, refs []reference) ([]reference, error) {
	var pinned []reference
	for _, ref := range refs {
		subject := parseSubject(ref.Subject).inContextOf(name)
		v := s.find(subject, ref.Version)
		if ref.Version == -1 {
			v = latest(s.subjects[subject.String()], false)
		}
		if v == nil || v.deleted {
			return nil, faultf(42201, "Invalid schema: no schema reference found for subject %q and version %d", ref.Subject, ref.Version)
		}
		ref.Version = v.number
		pinned = append(pinned, ref)
	}
	return pinned, nil
}

// A resolver collects the types of referenced schemas, each one once.
type resolver struct {
	state *state
	names avro.Names
	done  map[versionKey]bool
}

func (r *resolver) addAll(parent subjectName, refs []reference) error {
	for _, ref := range refs {
		if err := r.add(refKey(ref, parent)); err != nil {
			return fmt.Errorf("reference %q: %w", ref.Name, err)
		}
	}
	return nil
}

// add parses a version, after those that it refers to itself. A version can
// only refer to older ones, so this comes to an end.
func (r *resolver) add(key versionKey) error {
	if r.done[key] {
		return nil
	}
	r.done[key] = true
	v := r.state.find(parseSubject(key.subject), key.version)
	if v == nil {
		return fmt.Errorf("subject %q has no version %d", key.subject, key.version)
	}
	if err := r.addAll(v.subject, v.schema.references); err != nil {
		return err
	}
	parsed, err := avro.Parse(fmt.Sprintf("%s/%d", key.subject, key.version), []byte(v.schema.text), &r.names)
	if err != nil {
		return err
	}
	r.names.Add(parsed)
	return nil
}

// latest returns the last version, without the softly deleted ones unless they
// are asked for, or nil.
func latest(versions []*version, deleted bool) *version {
	for i := len(versions) - 1; i >= 0; i-- {
		if deleted || !versions[i].deleted {
			return versions[i]
		}
	}
	return nil
}

// same finds the version of a subject that holds the candidate: the same
// schema or, as Confluent has it, one that is equal when references are
// inlined.
func (s *state) same(name subjectName, c *candidate, deleted bool) *version {
	versions := s.subjects[name.String()]
	known := s.space(name.context).byText[c.schema.identity()]
	for i := len(versions) - 1; i >= 0 && known != nil; i-- {
		if v := versions[i]; v.schema == known && (deleted || !v.deleted) {
			return v
		}
	}
	for i := len(versions) - 1; i >= 0; i-- {
		if v := versions[i]; v.schema.equals(c.schema) && (deleted || !v.deleted) {
			return v
		}
	}
	return nil
}

func (c *schema) equals(other *schema) bool {
	return c.contained == other.contained && bytes.Equal(c.metadata, other.metadata) && bytes.Equal(c.ruleSet, other.ruleSet)
}

// readSchema reads a body with a schema.
func readSchema(body []byte) (*schemaRequest, error) {
	req := new(schemaRequest)
	if err := json.Unmarshal(body, req); err != nil {
		return nil, badRequest(err)
	}
	if req.Version < -1 || req.ID < -1 {
		return nil, badRequest(errors.New("id and version must not be negative"))
	}
	return req, nil
}
