package decode

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
)

// A Candidate is a schema that a value may be written with.
type Candidate struct {
	Topic string
	// From says for people where the schema is from.
	From        string
	Text        []byte
	Fingerprint uint64
}

// NewCandidate returns a candidate with the fingerprint of its text.
func NewCandidate(topic, from string, text []byte) Candidate {
	sum := sha256.Sum256(text)
	return Candidate{Topic: topic, From: from, Text: text, Fingerprint: binary.BigEndian.Uint64(sum[:8])}
}

// A Result is a value as it reads with one schema.
type Result struct {
	Framing Framing `json:"framing"`
	ID      int     `json:"schemaId,omitempty"`
	GUID    string  `json:"schemaGuid,omitempty"`
	Topic   string  `json:"topic,omitempty"`
	// Schema says where the schema is from, and Guessed that it was found by
	// trying: other schemas may fit the same bytes.
	Schema      string          `json:"schema"`
	Guessed     bool            `json:"guessed,omitempty"`
	Fingerprint string          `json:"fingerprint"`
	Record      string          `json:"record"`
	Payload     json.RawMessage `json:"payload"`
}

// Read reads the value with the candidate.
func (v Value) Read(c Candidate, unmask bool) (*Result, error) {
	s, err := avro.Parse(c.From, c.Text, nil)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", c.From, err)
	}
	payload, err := avrojson.Append(nil, s, v.Datum, unmask)
	if err != nil {
		return nil, fmt.Errorf("the value does not fit the schema of %s: %w", c.From, err)
	}
	return &Result{
		Framing: v.Framing, ID: v.ID, GUID: v.GUID, Topic: c.Topic, Schema: c.From,
		Fingerprint: fmt.Sprintf("%016x", c.Fingerprint), Record: s.FullName(), Payload: payload,
	}, nil
}

// Guess tries the candidates, the newest of a topic first, and returns the
// first that fits. Candidates of several topics that fit are an error, which
// names them.
func (v Value) Guess(candidates []Candidate, unmask bool) (*Result, error) {
	var fits []*Result
	var last error
	for _, c := range candidates {
		r, err := v.Read(c, unmask)
		if err != nil {
			last = err
			continue
		}
		if !slices.ContainsFunc(fits, func(other *Result) bool { return other.Topic == r.Topic }) {
			fits = append(fits, r)
		}
	}
	switch len(fits) {
	case 0:
		return nil, errors.Join(errors.New("no known schema fits the value"), last)
	case 1:
		fits[0].Guessed = true
		return fits[0], nil
	}
	var topics []string
	for _, r := range fits {
		topics = append(topics, r.Topic)
	}
	return nil, fmt.Errorf("schemas of several topics fit the value: %s; say which with --topic, or give --registry", strings.Join(topics, ", "))
}
