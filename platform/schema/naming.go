package schema

import (
	"fmt"
	"strings"
)

// A Strategy derives a registry subject. The platform uses TopicName.
type Strategy uint8

// Confluent's subject name strategies.
const (
	TopicName Strategy = iota
	RecordName
	TopicRecordName
)

// Subject returns the subject of a topic's values, or of its keys. record is
// the full name of the record, or "" for a schema that is none, which only
// TopicName accepts.
func (s Strategy) Subject(topic, record string, key bool) (string, error) {
	part := "value"
	if key {
		part = "key"
	}
	switch {
	case s == TopicName:
		return topic + "-" + part, nil
	case record == "":
		return "", fmt.Errorf("subject for topic %s: the %s must be a record schema", topic, part)
	case s == RecordName:
		return record, nil
	}
	return topic + "-" + record, nil
}

// defaultContext is the registry context of plain subjects.
const defaultContext = "."

// A Subject is a registry subject within its context.
type Subject struct {
	// Context begins with a dot, or is "*" for all contexts.
	Context string
	Name    string
}

// ParseSubject splits a subject that may be qualified as ":.context:name".
func ParseSubject(s string) Subject {
	if name, ok := strings.CutPrefix(s, ":*:"); ok {
		return Subject{Context: "*", Name: name}
	}
	if !strings.HasPrefix(s, ":.") {
		return Subject{Context: defaultContext, Name: s}
	}
	context, name, _ := strings.Cut(s[1:], ":")
	return Subject{Context: context, Name: name}
}

// String returns the subject as the registry writes it.
func (s Subject) String() string {
	if s.Context == defaultContext {
		return s.Name
	}
	return ":" + s.Context + ":" + s.Name
}
