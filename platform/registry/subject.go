package registry

import (
	"strings"
	"unicode"
)

// defaultContext is the context of subjects that name none.
const defaultContext = "."

// A subjectName is a subject and the context that it lives in, written
// ":.context:subject" outside the default context.
type subjectName struct {
	context string // with its leading dot
	name    string // "" for the context as a whole
}

// parseSubject reads a subject as clients write it.
func parseSubject(text string) subjectName {
	if rest, ok := strings.CutPrefix(text, ":."); ok {
		if context, name, ok := strings.Cut(rest, ":"); ok {
			return subjectName{context: "." + context, name: name}
		}
	}
	return subjectName{context: defaultContext, name: text}
}

// String returns the name as clients see it.
func (s subjectName) String() string {
	if s.context == defaultContext {
		return s.name
	}
	return ":" + s.context + ":" + s.name
}

// inContextOf qualifies a name that a schema in parent refers to: without a
// context of its own it is looked for in the parent's.
func (s subjectName) inContextOf(parent subjectName) subjectName {
	if s.context == defaultContext {
		s.context = parent.context
	}
	return s
}

func (s subjectName) whole() subjectName { return subjectName{context: s.context} }

// check refuses what cannot be the subject of a schema.
func (s subjectName) check() error {
	if s.name == "" || s.name == "__GLOBAL" || s.name == "__EMPTY" || strings.ContainsFunc(s.String(), unicode.IsControl) {
		return faultf(42208, "The specified subject '%s' is not a valid subject.", s)
	}
	return nil
}
